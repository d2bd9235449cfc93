//! Serves the public folder: feeds, pages and other files.
//!
//! Paths of requests are looked up in an index in memory and never reach the file system. A conditional request is
//! answered without opening the file.

mod conditions;
mod encoding;
mod index;
mod range;
mod stream;
mod topic;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;

pub(super) use index::Files;
use index::{Entry, FileChanged, FileMetadata, ListedFile};

use super::app::text;
use super::{App, RequestContext, SharedApp, accept};

/// How often to retry when a file is replaced between the index lookup and opening it.
const ATTEMPTS: usize = 3;

/// The content security policy of served files.
const POLICY: &str = "default-src 'none'; img-src 'self' data: https:; media-src 'self' https:; font-src 'self'; \
                      style-src 'self' 'unsafe-inline'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn serve(
    State(app): State<SharedApp>,
    visit: RequestContext,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(path) = wanted(uri.path()) else { return app.pages.not_found(&visit) };
    for attempt in 0..ATTEMPTS {
        let index = app.files.index(attempt > 0).await;
        let Some(listed) = index.find(&path) else {
            let is_folder = index.find(&format!("{path}/index.html")).is_some();
            return if is_folder { to_folder(&uri) } else { app.pages.not_found(&visit) };
        };
        if let Ok(response) = respond(&app, listed, &method, &headers).await {
            return response;
        }
    }
    app.pages.unavailable(&visit, None)
}

/// The path as the index names it, percent-decoded exactly once.
fn wanted(path: &str) -> Option<String> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let index = if path.is_empty() || path.ends_with('/') { "index.html" } else { "" };
    Some(format!("{path}{index}"))
}

/// Redirects `/post` to `/post/`.
fn to_folder(uri: &Uri) -> Response {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    // A relative URL works behind any proxy. `./` keeps a colon in the name from being read as a scheme.
    let headers = HeaderValue::from_str(&format!("./{name}/")).map(|to| [(header::LOCATION, to)]);
    headers.map_or_else(
        |_| StatusCode::NOT_FOUND.into_response(),
        |headers| (StatusCode::MOVED_PERMANENTLY, headers).into_response(),
    )
}

async fn respond(
    app: &App,
    listed: ListedFile<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, FileChanged> {
    let plain = listed.file;
    let facts = app.files.metadata(plain).await?;
    let ranged = text(headers, header::RANGE).filter(|_| method == Method::GET);
    let accepted = text(headers, header::ACCEPT_ENCODING).unwrap_or_default();
    // Ranges refer to the uncompressed bytes.
    let coding = if ranged.is_some() { None } else { encoding::choose(accepted, &listed.encodings()) };
    let (sent, sent_facts) = match coding.and_then(|coding| listed.encoded(coding)) {
        Some(encoded) => (encoded, app.files.metadata(encoded).await?),
        None => (plain, facts),
    };
    let mut response_headers = HeaderMap::new();
    let modified = httpdate::fmt_http_date(plain.modified());
    describe(app, &mut response_headers, facts, (&sent_facts.tag, &modified));
    name_type(&mut response_headers, facts, headers);
    if let Some(coding) = coding {
        response_headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if conditions::is_known(headers, &sent_facts.tag, plain.modified()) {
        response_headers.remove(header::CONTENT_ENCODING);
        response_headers.remove(header::CONTENT_TYPE);
        return Ok((StatusCode::NOT_MODIFIED, response_headers).into_response());
    }
    let part = ranged
        .filter(|_| conditions::is_same(headers, &sent_facts.tag, &modified))
        .map_or(range::Part::Whole, |raw| range::read(raw, sent.size()));
    let (status, from, length) = match part {
        range::Part::Whole => (StatusCode::OK, 0, sent.size()),
        range::Part::Some { first, last } => {
            let value = format!("bytes {first}-{last}/{}", sent.size());
            response_headers
                .extend(HeaderValue::from_str(&value).map(|value| (header::CONTENT_RANGE, value)));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        range::Part::None => {
            let value = format!("bytes */{}", sent.size());
            response_headers.remove(header::CONTENT_TYPE);
            response_headers
                .extend(HeaderValue::from_str(&value).map(|value| (header::CONTENT_RANGE, value)));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, response_headers).into_response());
        }
    };
    let body = if method == Method::HEAD {
        response_headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Body::empty()
    } else {
        body(app, sent, sent_facts, (from, length)).await?
    };
    Ok((status, response_headers, body).into_response())
}

/// The headers of both 200 and 304.
fn describe(app: &App, headers: &mut HeaderMap, facts: &FileMetadata, (tag, modified): (&str, &str)) {
    let age = app.config().web.max_age.duration().as_secs();
    let values = [
        (header::CONTENT_TYPE, facts.media_type.to_owned()),
        (header::ETAG, tag.to_owned()),
        (header::LAST_MODIFIED, modified.to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={age}")),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
    ];
    let values = values.into_iter().chain(facts.links.iter().map(|link| (header::LINK, link.clone())));
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
    if facts.is_feed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

/// Formats that browsers display with a style sheet.
const FOR_BROWSERS: &str = "application/xml; charset=utf-8";

/// An XML feed gets its own media type for feed readers, and `application/xml` for browsers, which would otherwise
/// download it.
fn name_type(response_headers: &mut HeaderMap, facts: &FileMetadata, request_headers: &HeaderMap) {
    if !(facts.is_feed && facts.media_type.contains("xml")) {
        return;
    }
    response_headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    let accepted = text(request_headers, header::ACCEPT).unwrap_or_default();
    if accept::members(accepted).any(|(name, weight)| name.eq_ignore_ascii_case("text/html") && weight > 0) {
        response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FOR_BROWSERS));
    }
}

async fn body(
    app: &App,
    file: &Arc<Entry>,
    facts: &FileMetadata,
    (from, length): (u64, u64),
) -> Result<Body, FileChanged> {
    if let Some(bytes) = &facts.bytes {
        let range = usize::try_from(from).ok().zip(usize::try_from(from + length).ok());
        return Ok(range.map_or_else(Body::empty, |(from, to)| bytes.slice(from..to).into()));
    }
    let opened = app.files.open(file).await?;
    Ok(Body::new(stream::FileBody::start(opened, from, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(wanted("/feed.json").as_deref(), Some("feed.json"));
        assert_eq!(wanted("/").as_deref(), Some("index.html"));
        assert_eq!(wanted("/%EA%B8%80/").as_deref(), Some("글/index.html"));
        assert_eq!(
            wanted("/..%2f..%2fletterpress.db").as_deref(),
            Some("../../letterpress.db"),
            "listed nowhere"
        );
        assert_eq!(wanted("/%252e%252e").as_deref(), Some("%2e%2e"));
        assert_eq!(wanted("/%ff"), None);
        assert_eq!(wanted("*"), None);
    }
}
