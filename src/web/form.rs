//! Reads the body of a form, with a size limit.
//!
//! Accepts only `application/x-www-form-urlencoded` without compression, the only type that our pages send. This rejects
//! forged `text/plain` forms of other sites.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use url::form_urlencoded;

use super::{RequestContext, SharedApp};

/// The longest body, in bytes.
pub(super) const LONGEST: usize = 8 * 1024;

/// The fields of a form in their order.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a field, trimmed; `None` if it is missing or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next().map(str::trim).filter(|value| !value.is_empty())
    }

    /// All values of a field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequest<SharedApp> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = RequestContext::of(&mut parts, app);
        let refuse = |status| app.pages.forbidden(&visit, status);
        if !is_form(&parts.headers) {
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        match to_bytes(body, LONGEST).await {
            Ok(bytes) => Ok(Self::read(&bytes)),
            Err(error) if is_too_long(&error) => Err(refuse(StatusCode::PAYLOAD_TOO_LARGE)),
            Err(_) => Err(refuse(StatusCode::BAD_REQUEST)),
        }
    }
}

/// Reads and discards a body, because some clients read the response only after they sent the whole request. Stops at the
/// size of a form and after `timeout`.
pub(super) async fn drain(body: Body, timeout: std::time::Duration) {
    let _ = tokio::time::timeout(timeout, to_bytes(body, LONGEST)).await;
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn is_form(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    is_plain && kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_decoded() {
        let form = Form::read("email=+kim%2Bnews%40example.com+&topic=a&topic=%EA%B8%80&name=".as_bytes());
        assert_eq!(form.field("email"), Some("kim+news@example.com"));
        assert_eq!(form.all("topic").collect::<Vec<_>>(), ["a", "글"]);
        assert_eq!((form.field("name"), form.field("none")), (None, None));
    }

    #[test]
    fn only_an_uncompressed_urlencoded_form_is_accepted() {
        let headers = |kind: &'static str, coding: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            headers.extend(coding.map(|coding| (header::CONTENT_ENCODING, coding.parse().unwrap())));
            headers
        };
        assert!(is_form(&headers("application/x-www-form-urlencoded; charset=utf-8", None)));
        assert!(is_form(&headers("Application/X-WWW-Form-Urlencoded", Some("identity"))));
        assert!(!is_form(&headers("application/x-www-form-urlencoded", Some("gzip"))));
        assert!(!is_form(&headers("text/plain", None)) && !is_form(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn any_body_can_be_parsed(body in proptest::collection::vec(any::<u8>(), 0..LONGEST)) {
            let form = Form::read(&body);
            prop_assert!(form.field("email").is_none_or(|value| !value.is_empty()));
        }
    }
}
