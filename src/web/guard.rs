//! What every request passes and every answer bears: a time limit, a check of where a form came from, header fields, and
//! a count. No cookie is ever set, so there is nothing that another site could ride on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    HeaderName, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;

use super::state::Site;

/// A request that is not answered by then is given up.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest address.
const LONGEST_PATH: usize = 2_048;

/// Around every handler.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let language = site.language(request.uri().query(), request.headers());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "files".to_owned(), |path| path.as_str().to_owned());
    let is_ours = site.world.config.web.url.as_ref().map(super::super::config::SiteUrl::as_str);
    let mut response =
        if request.uri().path().len() + request.uri().query().map_or(0, str::len) > LONGEST_PATH {
            site.pages.says(StatusCode::URI_TOO_LONG, language, &language.words().too_large)
        } else if is_foreign(&route, request.method(), request.headers(), is_ours) {
            site.pages.says(StatusCode::FORBIDDEN, language, &language.words().elsewhere)
        } else {
            match tokio::time::timeout(DEADLINE, next.run(request)).await {
                Ok(response) => spoken(&site, language, response),
                Err(_) => super::unavailable(&site, language),
            }
        };
    let headers = response.headers_mut();
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_ours.is_some_and(|url| url.starts_with("https://")) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    site.figures.answered(&route, response.status(), began.elapsed());
    response
}

/// The refusals of the router and of the limits, as pages of ours.
fn spoken(site: &Site, language: super::words::Language, response: Response<Body>) -> Response<Body> {
    let words = language.words();
    let says = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => &words.not_allowed,
        StatusCode::PAYLOAD_TOO_LARGE => &words.too_large,
        _ => return response,
    };
    let mut page = site.pages.says(response.status(), language, says);
    if let Some(allowed) = response.headers().get(axum::http::header::ALLOW) {
        page.headers_mut().insert(axum::http::header::ALLOW, allowed.clone());
    }
    page
}

/// Whether a form was sent by a page of another site. Two forms may be: the one that other sites embed, which only
/// ever leads to a confirmation letter, and the one that mail programs send, which the token alone authorises.
fn is_foreign(route: &str, method: &Method, headers: &HeaderMap, ours: Option<&str>) -> bool {
    if !matches!(*method, Method::POST) || route.ends_with("/subscribe") || route.ends_with("/u/{token}") {
        return false;
    }
    let field = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = field(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    // Older browsers. Our own pages send no referrer, and so some say "null".
    match (field(ORIGIN), ours) {
        (None | Some("null"), _) | (_, None) => false,
        (Some(origin), Some(url)) => !url.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(route: &str, fields: &[(&'static str, &str)]) -> bool {
        let headers = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        is_foreign(route, &Method::POST, &headers, Some("https://news.example.com/letters/"))
    }

    #[test]
    fn a_form_of_another_site_is_refused_but_for_the_two_that_may_be() {
        assert!(foreign("/leave/{token}", &[("sec-fetch-site", "cross-site")]));
        assert!(foreign("/leave/{token}", &[("sec-fetch-site", "same-site")]));
        assert!(foreign("/leave/{token}", &[("origin", "https://evil.example")]));
        assert!(foreign("/leave/{token}", &[("origin", "https://news.example.com.evil.example")]));
        for route in ["/subscribe", "/u/{token}"] {
            assert!(!foreign(route, &[("sec-fetch-site", "cross-site"), ("origin", "null")]));
        }
        assert!(!foreign("/leave/{token}", &[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(!foreign("/leave/{token}", &[("origin", "https://news.example.com")]));
        assert!(!foreign("/leave/{token}", &[]), "a program without a browser rides on nobody");
    }
}
