//! The web half: readers sign up, confirm, choose and leave, read past issues, and fetch the feeds.
//!
//! A request writes a row and never sends a mail; the courier does. GET changes nothing, whatever the token. Links come
//! from `web.url` and never from what a client says of itself. No cookie, no script, nothing from other sites.

mod asked;
mod client;
mod data;
mod figures;
mod files;
mod guard;
mod issues;
mod leave;
mod listen;
mod pages;
mod sign_up;
mod state;
mod words;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

pub use sign_up::snippet;

use crate::pipeline::{Courier, Office, RunError, World};
use state::Site;
use words::Language;

/// The largest form.
const LARGEST_FORM: usize = 8 * 1024;
/// How often what is kept for a while only is looked through.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// Where it answers, and what it cannot do.
pub struct Listening {
    /// The address of the pages, as this machine sees it.
    pub address: std::net::SocketAddr,
    /// Why nobody is answered by mail, if so.
    pub mute: Option<String>,
}

/// Answers readers until `stop` is done. `began` hears once that the socket is open, `told` of every trouble.
pub async fn serve(
    world: &World,
    office: &Office,
    stop: impl Future<Output = ()>,
    began: impl FnOnce(&Listening),
    told: impl Fn(String) + Clone + Send + Sync + 'static,
) -> Result<(), RunError> {
    let config = &world.config;
    let site = Arc::new(Site::new(world, office)?);
    let listener = listen::listener(config.web.listen).await?;
    let address =
        listener.local_addr().map_err(|error| RunError::io("reading the socket's address", error))?;
    let mut background = tokio::task::JoinSet::new();
    let mute = match Courier::new(world, office) {
        Ok(courier) => {
            let told = told.clone();
            background.spawn(async move { courier.run(told).await });
            None
        }
        // Without a sender nobody can sign up; who has a letter can still leave.
        Err(error) if !config.web.sign_up => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    let (forgetful, heard) = (Arc::clone(&site), told.clone());
    background.spawn(async move {
        loop {
            if let Err(error) = forgetful.store.forget(forgetful.now()).await {
                heard(error.to_string());
            }
            tokio::time::sleep(FORGET_EVERY).await;
        }
    });
    if let Some(metrics) = config.web.metrics {
        let listener = tokio::net::TcpListener::bind(metrics)
            .await
            .map_err(|error| RunError::io(format!("listening at {metrics} for figures"), error))?;
        let figures = Router::new().route("/metrics", get(show_figures)).with_state(Arc::clone(&site));
        background.spawn(listen::serve(listener, figures, std::future::pending()));
    }
    // systemd may start what waits for us; without systemd this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    began(&Listening { address, mute });
    listen::serve(listener, router(&site), stop).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    background.shutdown().await;
    Ok(())
}

/// Every route. What is none of them is a file, or nothing.
fn router(site: &Arc<Site>) -> Router {
    let routes = Router::new()
        .route("/", get(sign_up::form))
        .route("/subscribe", get(sign_up::form).post(sign_up::subscribe))
        .route("/confirm/{token}", get(sign_up::confirm_page).post(sign_up::confirm))
        .route("/u/{token}", get(leave::page).post(leave::one_click))
        .route("/leave/{token}", get(leave::page).post(leave::button))
        .route("/undo/{token}", post(leave::undo))
        .route("/choose/{token}", get(leave::choose_page).post(leave::choose))
        .route("/data", get(data::form).post(data::ask))
        .route("/data/{token}", get(data::page).post(data::act))
        .route("/issues/", get(issues::list))
        .route("/issues/{label}", get(issues::issue))
        .route("/style/{name}", get(style))
        .route("/healthz", get(health))
        .fallback(file);
    let base = site.base.trim_end_matches('/');
    // A proxy may take the path of web.url away, or leave it.
    let routes =
        if base.is_empty() { routes } else { Router::new().nest(base, routes.clone()).merge(routes) };
    routes
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(site), guard::guard))
        .with_state(Arc::clone(site))
}

async fn style(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    asked: asked::Asked,
) -> Response<Body> {
    if name != site.pages.style {
        return not_found(&site, asked.language);
    }
    let mut response = Response::new(Body::from(pages::STYLE));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

async fn file(State(site): State<Arc<Site>>, request: Request) -> Response<Body> {
    let language = site.language(request.uri().query(), request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return site.pages.says(StatusCode::METHOD_NOT_ALLOWED, language, &language.words().not_allowed);
    }
    let path = request.uri().path();
    let path = path.strip_prefix(site.base.as_str()).or_else(|| path.strip_prefix('/')).unwrap_or(path);
    let decoded = percent_decoded(path);
    let found = match &decoded {
        Some(path) => site.files.answer(request.method(), path, request.headers()).await,
        None => None,
    };
    found.unwrap_or_else(|| not_found(&site, language))
}

/// Decoded once; what is no UTF-8 then names no file.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whether the store can be read. Says nothing more: anybody may ask.
async fn health(State(site): State<Arc<Site>>) -> Response<Body> {
    let (status, word) = match site.store.recall("keys").await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n"),
    };
    plain(status, "text/plain; charset=utf-8", word.to_owned())
}

async fn show_figures(State(site): State<Arc<Site>>) -> Response<Body> {
    match site.store.figures().await {
        Ok(counted) => plain(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            site.figures.text(&counted),
        ),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", String::new()),
    }
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_found(site: &Site, language: Language) -> Response<Body> {
    site.pages.says(StatusCode::NOT_FOUND, language, &language.words().not_found)
}

/// The store failed: nothing was changed, and nothing is claimed to be.
fn unavailable(site: &Site, language: Language) -> Response<Body> {
    let mut response = site.pages.says(StatusCode::SERVICE_UNAVAILABLE, language, &language.words().later);
    retry_after(&mut response);
    response
}

fn retry_after(response: &mut Response<Body>) {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
}

/// A fault of ours shows nothing of itself.
fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "500\n".to_owned())
}
