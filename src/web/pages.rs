//! Pages as bytes: templates, the style, and the header fields that keep a page from doing anything but being read.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::words::{Language, Says};
use crate::config::Config;
use crate::letters::escape_html;

/// What a page of ours may do: use our style, show pictures of ours, and send its forms back to us.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const TEMPLATES: [(&str, &str); 8] = [
    ("layout.html", include_str!("pages/layout.html")),
    ("message.html", include_str!("pages/message.html")),
    ("wishes.html", include_str!("pages/wishes.html")),
    ("fields.html", include_str!("pages/fields.html")),
    ("form.html", include_str!("pages/form.html")),
    ("choose.html", include_str!("pages/choose.html")),
    ("data.html", include_str!("pages/data.html")),
    ("issues.html", include_str!("pages/issues.html")),
];

/// The style of all pages.
pub(super) const STYLE: &str = include_str!("pages/style.css");

/// The pages of one site.
#[derive(Debug)]
pub(super) struct Pages {
    environment: Environment<'static>,
    /// The same on every page.
    shared: Value,
    /// The file name of the style: another style has another name, so that browsers may keep it for ever.
    pub(super) style: String,
}

impl Pages {
    /// `base` is the path below which the pages answer, with slashes at both ends.
    pub(super) fn new(config: &Config, base: &str) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(|out, state, value| match value.as_str() {
            // minijinja's own escaping turns `/` into `&#x2f;`, in every address.
            Some(text) if !value.is_safe() => Ok(out.write_str(&escape_html(text))?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        for (name, source) in TEMPLATES {
            let added = environment.add_template(name, source);
            debug_assert!(added.is_ok(), "{name}: {added:?}");
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
        let style = format!("{}.css", &crate::text::hex(digest.as_ref())[..12]);
        let shared = context! {
            base,
            style => style.as_str(),
            site => context! { title => config.site.title.as_str(), url => config.site.url.as_str() },
            sign_up => config.web.sign_up,
            issues_shown => config.web.issues,
            privacy => config.web.privacy.as_ref().map(|url| url.as_str().to_owned()),
        };
        Self { environment, shared, style }
    }

    /// A page of a template.
    pub(super) fn page(
        &self,
        status: StatusCode,
        name: &str,
        language: Language,
        own: Value,
    ) -> Response<Body> {
        let words = Value::from(minijinja::value::Serde(language.words()));
        let shared = context! { lang => language.tag(), words, ..self.shared.clone() };
        let fields = context! { ..own, ..shared };
        let rendered = self.environment.get_template(name).and_then(|template| template.render(fields));
        let (status, html) = match rendered {
            Ok(html) => (status, html),
            // A template of ours that fails is a fault of ours; the page says nothing of it.
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "<!doctype html><title>500</title>".to_owned()),
        };
        html_page(status, html, POLICY)
    }

    /// A page that says something.
    pub(super) fn says(&self, status: StatusCode, language: Language, says: &Says) -> Response<Body> {
        self.message(status, language, says, context! {})
    }

    /// A page that says something, with a button or a way on.
    pub(super) fn message(
        &self,
        status: StatusCode,
        language: Language,
        says: &Says,
        more: Value,
    ) -> Response<Body> {
        let says = Value::from(minijinja::value::Serde(says));
        self.page(status, "message.html", language, context! { says, ..more })
    }
}

/// HTML that nobody keeps and no search engine lists, under a policy of its own.
pub(super) fn html_page(status: StatusCode, html: String, policy: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
