//! Renders the built-in page templates and sets the headers of every page.
//!
//! A page never repeats a visitor's input and contains no script, cookie or third-party content.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::RequestContext;
use crate::address::EmailAddress;
use crate::config::Config;
use crate::html;
use crate::i18n::{self, Strings};
use crate::pipeline::session::RunError;
use crate::text::hex;

const TEMPLATES: [(&str, &str); 12] = [
    ("base.html", include_str!("pages/base.html")),
    ("preferences_fields.html", include_str!("pages/preferences_fields.html")),
    ("home.html", include_str!("pages/home.html")),
    ("snippet.html", include_str!("pages/snippet.html")),
    ("notice.html", include_str!("pages/notice.html")),
    ("button.html", include_str!("pages/button.html")),
    ("unsubscribe.html", include_str!("pages/unsubscribe.html")),
    ("unsubscribed.html", include_str!("pages/unsubscribed.html")),
    ("preferences.html", include_str!("pages/preferences.html")),
    ("data_request.html", include_str!("pages/data_request.html")),
    ("data.html", include_str!("pages/data.html")),
    ("issues.html", include_str!("pages/issues.html")),
];

/// The style sheet of all pages.
pub(super) const STYLE: &str = include_str!("pages/style.css");

/// The content security policy: our style sheet, and forms that submit to us.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `X-Robots-Tag`, which the `http` crate does not define.
pub(super) const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// The pages of one site.
pub(super) struct Pages {
    environment: Environment<'static>,
    /// The path of all pages: `/` or, for example, `/letters/`.
    pub(super) base: String,
    /// The path of the style sheet below `base`. It contains a hash of the content, so that it can be cached for ever.
    pub(super) style: String,
    /// The mailbox for unsubscribe emails.
    mailbox: Option<EmailAddress>,
    site: Value,
    /// All languages, to choose from.
    languages: Value,
}

impl Pages {
    pub(super) fn new(config: &Config, base: &str) -> Result<Self, RunError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_syntax(
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default(),
        );
        let title = config.site.title.to_string();
        environment.add_filter("named", move |text: &str| i18n::with_site(text, &title));
        environment.set_formatter(html::format_value);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(|error| {
                RunError::io(format!("reading the page {name}"), std::io::Error::other(error))
            })?;
        }
        let site = context! {
            title => config.site.title.as_str(),
            url => config.site.url.as_str(),
            sign_up => config.web.sign_up,
            issues => config.web.issues,
            privacy => config.web.privacy.as_ref().map(crate::config::SiteUrl::as_str),
        };
        let languages = config.words.all().map(|one| context! { tag => &one.tag, own_name => &one.own_name });
        let hash = hex(&digest(&SHA256, STYLE.as_bytes()).as_ref()[..8]);
        Ok(Self {
            environment,
            base: base.to_owned(),
            style: format!("assets/style-{hash}.css"),
            mailbox: config.newsletter.unsubscribe_address().cloned(),
            site,
            languages: languages.collect(),
        })
    }

    /// Renders a page.
    pub(super) fn print(
        &self,
        strings: &Strings,
        template: &str,
        fields: Value,
    ) -> Result<String, minijinja::Error> {
        self.environment.get_template(template)?.render(context! {
            lang => &strings.tag,
            dir => i18n::direction(&strings.tag),
            strings => Serde(&strings.web),
            languages => self.languages.clone(),
            site => self.site.clone(),
            base => self.base.as_str(),
            style => self.style.as_str(),
            ..fields
        })
    }

    /// A response with a page that is neither cached nor indexed.
    pub(super) fn show(
        &self,
        visit: &RequestContext,
        status: StatusCode,
        template: &str,
        fields: Value,
    ) -> Response {
        let Ok(body) = self.print(&visit.strings, template, fields) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let Ok(language) = HeaderValue::from_str(&visit.strings.tag) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_LANGUAGE, language),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::VARY, HeaderValue::from_static("accept-language")),
            (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
        ];
        (status, headers, body).into_response()
    }

    /// A page with a heading and one paragraph.
    pub(super) fn notice(
        &self,
        visit: &RequestContext,
        status: StatusCode,
        title: &str,
        text: &str,
    ) -> Response {
        self.show(visit, status, "notice.html", context! { title, text })
    }

    /// One page for every invalid link; the reason is deliberately not disclosed.
    pub(super) fn invalid_link(&self, visit: &RequestContext) -> Response {
        let fields = context! {
            title => &visit.strings.web.invalid_link_title,
            text => &visit.strings.web.invalid_link_text,
            mail => self.mail("unsubscribe"),
        };
        self.show(visit, StatusCode::NOT_FOUND, "notice.html", fields)
    }

    /// 404.
    pub(super) fn not_found(&self, visit: &RequestContext) -> Response {
        self.notice(
            visit,
            StatusCode::NOT_FOUND,
            &visit.strings.web.not_found_title,
            &visit.strings.web.not_found_text,
        )
    }

    /// A rejected request, with its status.
    pub(super) fn forbidden(&self, visit: &RequestContext, status: StatusCode) -> Response {
        self.notice(
            visit,
            status,
            &visit.strings.web.invalid_request_title,
            &visit.strings.web.invalid_request_text,
        )
    }

    /// 503: the store did not respond. With the token of an unsubscribe request, the page shows that it failed and offers
    /// to unsubscribe by email.
    pub(super) fn unavailable(&self, visit: &RequestContext, token: Option<&str>) -> Response {
        let text = if token.is_some() {
            &visit.strings.web.still_subscribed
        } else {
            &visit.strings.web.server_error_text
        };
        let mail = token.and_then(|token| self.mail(&format!("unsubscribe {token}")));
        let fields = context! { title => &visit.strings.web.server_error_title, text, mail };
        let mut response = self.show(visit, StatusCode::SERVICE_UNAVAILABLE, "notice.html", fields);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        response
    }

    /// A `mailto:` link to unsubscribe.
    pub(super) fn mail(&self, subject: &str) -> Option<Value> {
        let address = self.mailbox.as_ref()?.as_str();
        let href = format!("mailto:{}?subject={}", encoded(address), encoded(subject));
        Some(context! { href, address })
    }
}

/// The characters of a URL that are percent-encoded: all but the unreserved ones and `@`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// Text as a part of a URL.
pub(super) fn encoded(raw: &str) -> PercentEncode<'_> {
    utf8_percent_encode(raw, ENCODED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_text_are_encoded_for_a_url() {
        assert_eq!(encoded("unsubscribe v1.k1 글").to_string(), "unsubscribe%20v1.k1%20%EA%B8%80");
    }
}
