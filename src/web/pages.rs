//! The pages: templates that are part of the program, and the headers that go with every one of them.
//!
//! Nothing that a visitor typed is ever shown, and no page holds a script, a cookie or anything from elsewhere.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Visit;
use super::words::Words;
use crate::address::EmailAddress;
use crate::config::Config;
use crate::pipeline::RunError;
use crate::text::hex;

const TEMPLATES: [(&str, &str); 12] = [
    ("base.html", include_str!("pages/base.html")),
    ("wishes.html", include_str!("pages/wishes.html")),
    ("home.html", include_str!("pages/home.html")),
    ("snippet.html", include_str!("pages/snippet.html")),
    ("notice.html", include_str!("pages/notice.html")),
    ("button.html", include_str!("pages/button.html")),
    ("leave.html", include_str!("pages/leave.html")),
    ("left.html", include_str!("pages/left.html")),
    ("choose.html", include_str!("pages/choose.html")),
    ("ask.html", include_str!("pages/ask.html")),
    ("data.html", include_str!("pages/data.html")),
    ("issues.html", include_str!("pages/issues.html")),
];

/// The only style sheet.
pub(super) const STYLE: &str = include_str!("pages/style.css");

/// What a page of ours may load and do: its style sheet, and forms that go back to us.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `X-Robots-Tag`, for which there is no constant.
pub(super) const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// The pages of one site.
pub(super) struct Pages {
    environment: Environment<'static>,
    /// The path under which all of this lies: `/`, or `/letters/`.
    pub(super) base: String,
    /// Where the style sheet is, below `base`. Its name changes with it, so that it can be kept for ever.
    pub(super) style: String,
    /// Where a reader can leave by mail.
    mailbox: Option<EmailAddress>,
    site: Value,
}

impl Pages {
    pub(super) fn new(config: &Config, base: &str) -> Result<Self, RunError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_syntax(
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default(),
        );
        let title = config.site.title.to_string();
        environment.add_filter("named", move |text: &str| text.replace("{site}", &title));
        environment.set_formatter(|out, state, value| match value.as_str() {
            // minijinja's own escaping turns `/` into `&#x2f;`, in every address of a page.
            Some(text) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => {
                Ok(out.write_str(&escaped(text))?)
            }
            _ => minijinja::escape_formatter(out, state, value),
        });
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
        let hash = hex(&digest(&SHA256, STYLE.as_bytes()).as_ref()[..8]);
        Ok(Self {
            environment,
            base: base.to_owned(),
            style: format!("assets/style-{hash}.css"),
            mailbox: config.newsletter.unsubscribe_address().cloned(),
            site,
        })
    }

    /// The bytes of a page.
    pub(super) fn print(
        &self,
        words: &Words,
        template: &str,
        fields: Value,
    ) -> Result<String, minijinja::Error> {
        self.environment.get_template(template)?.render(context! {
            words => Serde(words),
            languages => Serde(Words::ALL),
            site => self.site.clone(),
            base => self.base.as_str(),
            style => self.style.as_str(),
            ..fields
        })
    }

    /// A page as an answer: for this visitor alone, and for no search engine.
    pub(super) fn show(&self, visit: &Visit, status: StatusCode, template: &str, fields: Value) -> Response {
        let Ok(body) = self.print(visit.words, template, fields) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(visit.words.tag)),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::VARY, HeaderValue::from_static("accept-language")),
            (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
        ];
        (status, headers, body).into_response()
    }

    /// A page with a heading and a paragraph.
    pub(super) fn notice(
        &self,
        visit: &Visit,
        status: StatusCode,
        title: &'static str,
        text: &'static str,
    ) -> Response {
        self.show(visit, status, "notice.html", context! { title, text })
    }

    /// The one page for every link that does not work: which of many reasons it is, is nobody's business.
    pub(super) fn dead(&self, visit: &Visit) -> Response {
        let fields = context! {
            title => visit.words.dead_title,
            text => visit.words.dead_text,
            mail => self.mail("unsubscribe"),
        };
        self.show(visit, StatusCode::NOT_FOUND, "notice.html", fields)
    }

    /// Nothing lies there.
    pub(super) fn missing(&self, visit: &Visit) -> Response {
        self.notice(visit, StatusCode::NOT_FOUND, visit.words.missing_title, visit.words.missing_text)
    }

    /// The request is one that nobody means well with, or too much.
    pub(super) fn refusal(&self, visit: &Visit, status: StatusCode) -> Response {
        self.notice(visit, status, visit.words.refused_title, visit.words.refused_text)
    }

    /// The store did not answer. Whoever wanted to leave is told that they have not, and how they can all the same.
    pub(super) fn failure(&self, visit: &Visit, leaving: Option<&str>) -> Response {
        let text = if leaving.is_some() { visit.words.still_on } else { visit.words.failure_text };
        let mail = leaving.and_then(|token| self.mail(&format!("unsubscribe {token}")));
        let fields = context! { title => visit.words.failure_title, text, mail };
        let mut answer = self.show(visit, StatusCode::SERVICE_UNAVAILABLE, "notice.html", fields);
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        answer
    }

    /// The mail by which a reader can leave.
    pub(super) fn mail(&self, subject: &str) -> Option<Value> {
        let address = self.mailbox.as_ref()?.as_str();
        let href = format!("mailto:{}?subject={}", encoded(address), encoded(subject));
        Some(context! { href, address })
    }
}

/// Text inside an address: everything but the unreserved characters and `@` is percent-encoded.
pub(super) fn encoded(raw: &str) -> String {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');
    utf8_percent_encode(raw, ENCODED).to_string()
}

/// Text for an element or a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_end_no_element_and_no_attribute() {
        assert_eq!(escaped("<a href=\"/x?a&b\">'글'"), "&lt;a href=&quot;/x?a&amp;b&quot;&gt;&#39;글&#39;");
        assert_eq!(encoded("unsubscribe v1.k1 글"), "unsubscribe%20v1.k1%20%EA%B8%80");
    }
}
