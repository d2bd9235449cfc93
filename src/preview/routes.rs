//! The addresses below the token. GET reads; the only POST sends a test copy to the writer.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::desk::Desk;
use super::editor::EditorLink;
use super::feed_reader;
use super::guard::{self, AddressToken};
use super::page::{self, SCRIPT, STYLE};
use super::shown::shown_copy;
use super::view::{Subject, View};
use crate::archive::media_type;
use crate::web::is_foreign;

/// How often an idle stream of events says that it is alive; a tab that was closed is noticed then.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The largest picture that is shown.
const LARGEST_PICTURE: u64 = 30_000_000;

/// What the routes share.
pub(super) struct Routes {
    pub(super) desk: Arc<Desk>,
    pub(super) token: AddressToken,
    pub(super) port: u16,
    pub(super) editor: EditorLink,
    /// What became of a test copy, for the next page.
    pub(super) notice: Mutex<Option<String>>,
}

impl Routes {
    /// Answers a request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response {
        let method = request.method().clone();
        let mut response = self.route(request).await;
        guard::set_headers(response.headers_mut());
        if method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }

    async fn route<B>(&self, request: Request<B>) -> Response {
        if !guard::is_own_host(request.headers(), self.port) {
            return refused(
                StatusCode::MISDIRECTED_REQUEST,
                "Open the page by the address that `letterpress preview` printed.",
            );
        }
        let path = request.uri().path().trim_start_matches('/');
        let (token, rest) = path.split_once('/').unwrap_or((path, ""));
        if !self.token.is(token) {
            return refused(
                StatusCode::NOT_FOUND,
                "The address lacks its secret part, or it is of an earlier start.",
            );
        }
        let view = View::parse(request.uri().query().unwrap_or_default());
        match (request.method(), rest) {
            (&Method::POST, "test") => {
                let text = |name: header::HeaderName| request.headers().get(name)?.to_str().ok();
                let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
                let host = text(header::HOST).unwrap_or_default();
                if is_foreign(site, text(header::ORIGIN), &format!("http://{host}")) {
                    return refused(StatusCode::FORBIDDEN, "The request came from another site.");
                }
                self.send_test(&view).await
            }
            (&Method::GET | &Method::HEAD, "test") => not_allowed("POST"),
            (&Method::GET | &Method::HEAD, _) => self.read(rest, view, request.uri().query()).await,
            _ => not_allowed("GET, HEAD"),
        }
    }

    async fn read(&self, path: &str, view: View, query: Option<&str>) -> Response {
        match path {
            "" => {
                let notice = self.notice.lock().unwrap_or_else(PoisonError::into_inner).take();
                match page::page(&self.desk, view, &self.editor, notice).await {
                    Ok(page) => typed("text/html; charset=utf-8", page),
                    Err(error) => {
                        let text = format!("The page cannot be made: {error:#}");
                        refused(StatusCode::INTERNAL_SERVER_ERROR, &text)
                    }
                }
            }
            "letter" => self.letter(&view).await,
            "entry" => self.entry(&view).await,
            "message.eml" => self.message(&view).await,
            "picture" => self.picture(&view, query).await,
            "events" => events(self.desk.revisions()),
            "style.css" => typed("text/css; charset=utf-8", STYLE),
            "reload.js" => typed("text/javascript; charset=utf-8", SCRIPT),
            _ => refused(StatusCode::NOT_FOUND, "There is no such page."),
        }
    }

    /// The HTML part, for the frame.
    async fn letter(&self, view: &View) -> Response {
        let Some((subject, letter, pictures)) = self.shown(view).await else { return nothing() };
        let local = |url: &str| {
            let number = pictures.iter().position(|(known, _)| known == url)?;
            let view = View { subject: Some(subject.clone()), ..View::default() };
            Some(format!("picture?{}&n={number}", view.query()))
        };
        framed(shown_copy(&letter.html, view.is_dark, local), view.has_pictures)
    }

    /// The letter of the view.
    async fn shown(&self, view: &View) -> Option<Shown> {
        let subject = view.subject.clone()?;
        let composed = self.desk.composed(&subject).await?;
        Some((subject, composed.letter.clone()?, composed.pictures.clone()))
    }

    /// The content of the entry in a feed, for the frame.
    async fn entry(&self, view: &View) -> Response {
        let Some(subject) = &view.subject else { return nothing() };
        let Some(composed) = self.desk.composed(subject).await else { return nothing() };
        let Some(post) = &composed.post else { return nothing() };
        let state = self.desk.state().await;
        let Some(entry) = feed_reader::entry_of(post, &state.context.config) else { return nothing() };
        let content = feed_reader::sanitised(&entry.content, view.reader);
        let language = post.language.as_deref().unwrap_or(&state.context.config.site.language);
        let local = |url: &str| {
            let number = composed.pictures.iter().position(|(known, _)| known == url)?;
            let view = View { subject: Some(subject.clone()), ..View::default() };
            Some(format!("picture?{}&n={number}", view.query()))
        };
        let page = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title><style>{READER}</style></head>\
             <body><main>{content}</main></body></html>",
            crate::html::escape(language),
            crate::html::escape(&entry.title)
        );
        framed(shown_copy(&page, view.is_dark, local), view.has_pictures)
    }

    /// The whole message, to save it.
    async fn message(&self, view: &View) -> Response {
        let Some((_, letter, _)) = self.shown(view).await else { return nothing() };
        let mut response = typed("message/rfc822", letter.bytes.clone());
        let disposition = HeaderValue::from_static("attachment; filename=\"message.eml\"");
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        response
    }

    /// A picture of the email that is a file of the site: it may not be published yet.
    async fn picture(&self, view: &View, query: Option<&str>) -> Response {
        let fields = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let number = fields.filter(|(key, _)| key == "n").find_map(|(_, value)| value.parse::<usize>().ok());
        let Some((_, _, pictures)) = self.shown(view).await else { return nothing() };
        let Some((url, file)) = number.and_then(|number| pictures.get(number)) else { return nothing() };
        let media_type =
            url.parse().ok().and_then(|url| media_type(&url)).filter(|kind| kind.starts_with("image/"));
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || {
            std::fs::metadata(&file).ok().filter(|meta| meta.len() <= LARGEST_PICTURE)?;
            std::fs::read(&file).ok()
        });
        let (Some(media_type), Ok(Some(bytes))) = (media_type, read.await) else { return nothing() };
        let mut response = typed(media_type, bytes);
        set_policy(&mut response, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
        response
    }

    async fn send_test(&self, view: &View) -> Response {
        let Some(subject) = &view.subject else { return nothing() };
        let sent = self.desk.send_test(subject).await.unwrap_or_else(|error| format!("Not sent: {error}"));
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        let Ok(to) = HeaderValue::from_str(&format!("./?{}", view.query())) else { return nothing() };
        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
    }
}

/// What is shown, its letter, and the files of its pictures.
type Shown = (Subject, Arc<super::letter::Letter>, Vec<(String, camino::Utf8PathBuf)>);

/// The look of an entry: that of no reader, but readable.
const READER: &str = "body{margin:0;padding:24px;font:17px/1.65 Georgia,'Noto Serif CJK KR',serif;overflow-wrap:anywhere}\
    main{max-width:640px;margin:0 auto}img,video,iframe{max-width:100%;height:auto}pre{overflow-x:auto}\
    @media (prefers-color-scheme:dark){body{background:#1a1917;color:#e6e2da}a{color:#8cb8f2}}";

fn typed(media_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body.into()).into_response()
}

fn framed(page: String, has_pictures: bool) -> Response {
    let mut response = typed("text/html; charset=utf-8", page);
    set_policy(&mut response, &guard::framed_policy(has_pictures));
    response
}

fn set_policy(response: &mut Response, policy: &str) {
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn refused(status: StatusCode, text: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Refused");
    (status, typed("text/html; charset=utf-8", page::notice(title, text))).into_response()
}

fn nothing() -> Response {
    refused(StatusCode::NOT_FOUND, "There is nothing to show here.")
}

fn not_allowed(allowed: &'static str) -> Response {
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "This address does not accept such requests.");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A stream of events: one for each change, and a comment now and then.
fn events(mut revisions: watch::Receiver<u64>) -> Response {
    let at = *revisions.borrow_and_update();
    let begun =
        stream::once(async move { Ok(Bytes::from(format!("retry: 1000\nevent: at\ndata: {at}\n\n"))) });
    let stream = stream::unfold(revisions, |mut revisions| async move {
        let line = match tokio::time::timeout(KEEP_ALIVE, revisions.changed()).await {
            Ok(Ok(())) => format!("event: change\ndata: {}\n\n", *revisions.borrow_and_update()),
            Ok(Err(_)) => return None,
            Err(_) => ": still here\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(line)), revisions))
    });
    typed("text/event-stream", Body::from_stream(futures_util::StreamExt::chain(begun, stream)))
}
