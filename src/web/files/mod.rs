//! Everything below `output.directory` over HTTP: feeds first of all, which are asked for all day and change once a week.
//!
//! An index in memory is the list of what may be served: regular files, without links out and without names that begin
//! with a dot. A path is looked up there and nowhere else, so no path can lead anywhere else. A request with a validator
//! that holds reads no file.

mod conditional;
mod index;
mod negotiate;

use std::io::SeekFrom;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, LAST_MODIFIED, LINK, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use camino::Utf8PathBuf;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use conditional::{Outcome, Validators, judge, to_http_date};
use index::{Index, Indexed};
use negotiate::{choose, is_feed};

/// What a page among the files may do: show itself, with pictures and recordings from anywhere, and run nothing.
const POLICY: &str = "default-src 'self'; script-src 'none'; object-src 'none'; style-src 'self' 'unsafe-inline'; \
                      img-src * data:; media-src *; base-uri 'none'; frame-ancestors 'none'";

/// The public folder, as it is served.
#[derive(Debug)]
pub(super) struct Files {
    index: Index,
    cache_control: HeaderValue,
    /// Where readers fetch these files: the site's address, before a path.
    site: String,
    hubs: Vec<String>,
}

impl Files {
    /// Serves `folder`, which need not be there yet. `site` is where readers fetch it.
    pub(super) fn new(folder: Utf8PathBuf, site: &str, hubs: Vec<String>, max_age: Duration) -> Self {
        let cache_control = format!("public, max-age={}", max_age.as_secs());
        let cache_control =
            HeaderValue::from_str(&cache_control).unwrap_or(HeaderValue::from_static("no-cache"));
        Self { index: Index::new(folder), cache_control, site: site.to_owned(), hubs }
    }

    /// Answers a GET or HEAD for `path`, percent-decoded and without its first slash; `None`: there is no such file.
    pub(super) async fn answer(
        &self,
        method: &Method,
        path: &str,
        asked: &HeaderMap,
    ) -> Option<Response<Body>> {
        // A file that was replaced between the look and the read is looked up once more.
        for _ in 0..3 {
            let file = self.index.find(path).await?;
            match self.answer_from(&file, method, path, asked).await {
                Ok(answer) => return Some(answer),
                Err(Changed) => self.index.expire().await,
            }
        }
        Some(empty(StatusCode::SERVICE_UNAVAILABLE))
    }

    async fn answer_from(
        &self,
        file: &Indexed,
        method: &Method,
        path: &str,
        asked: &HeaderMap,
    ) -> Result<Response<Body>, Changed> {
        let accepted = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let form = file.form(choose(accepted, &file.encodings()));
        let validators = Validators { etag: &form.etag, modified: file.modified, size: form.size };
        let outcome = judge(asked, validators);
        let mut headers = self.fields(file, path);
        set(&mut headers, ETAG, &form.etag);
        if let Outcome::NotModified = outcome {
            return Ok(respond(StatusCode::NOT_MODIFIED, headers, Body::empty()));
        }
        set(&mut headers, CONTENT_TYPE, file.media_type);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(token) = form.encoding.token() {
            set(&mut headers, CONTENT_ENCODING, token);
        }
        let (status, first, length) = match outcome {
            Outcome::PreconditionFailed => return Ok(empty(StatusCode::PRECONDITION_FAILED)),
            Outcome::Unsatisfiable => {
                set(&mut headers, CONTENT_RANGE, &format!("bytes */{}", form.size));
                headers.remove(CONTENT_ENCODING);
                return Ok(respond(StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::empty()));
            }
            Outcome::Part { first, last } if method == Method::GET => {
                set(&mut headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{}", form.size));
                (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
            }
            // A range of a HEAD means nothing (RFC 9110, 14.2).
            Outcome::Part { .. } | Outcome::Whole | Outcome::NotModified => (StatusCode::OK, 0, form.size),
        };
        set(&mut headers, CONTENT_LENGTH, &length.to_string());
        if method == Method::HEAD {
            return Ok(respond(status, headers, Body::empty()));
        }
        let mut opened = self.index.open(form).await.ok_or(Changed)?;
        if first > 0 {
            opened.seek(SeekFrom::Start(first)).await.map_err(|_| Changed)?;
        }
        let body = Body::from_stream(ReaderStream::with_capacity(File::take(opened, length), 64 * 1024));
        Ok(respond(status, headers, body))
    }

    /// The fields that every answer about a file has, also one that says "you have it".
    fn fields(&self, file: &Indexed, path: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        set(&mut headers, LAST_MODIFIED, &to_http_date(file.modified));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        if is_feed(file.media_type) {
            // A feed is public, and readers in browsers fetch it from other sites.
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag, Link"));
            set(&mut headers, LINK, &format!("<{}>; rel=\"self\"", self.address(path)));
            for hub in &self.hubs {
                if let Ok(link) = HeaderValue::from_str(&format!("<{hub}>; rel=\"hub\"")) {
                    headers.append(LINK, link);
                }
            }
        }
        headers
    }

    /// Where readers fetch a file: as the feed itself says it.
    fn address(&self, path: &str) -> String {
        url::Url::parse(&self.site)
            .and_then(|site| {
                site.join(&format!("./{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")))
            })
            .map_or_else(|_| self.site.clone(), String::from)
    }
}

/// The file is not the one that was looked up any more.
struct Changed;

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    respond(status, HeaderMap::new(), Body::empty())
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
