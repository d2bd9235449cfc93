//! All routes of the server.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::middleware::{ONE_CLICK, SUBSCRIBE};
use super::pages::STYLE;
use super::{
    RequestContext, SharedApp, approve, confirm, files, issues, middleware, personal_data, preferences,
    report, sign_up, unsubscribe,
};

/// The routes with their middleware.
pub fn router(app: SharedApp) -> Router {
    Router::new()
        .route("/", get(home))
        .route(SUBSCRIBE, get(sign_up::page).post(sign_up::submit))
        .route("/confirm/{*token}", get(confirm::page).post(confirm::submit))
        .route(ONE_CLICK, get(unsubscribe::page).post(unsubscribe::one_click))
        .route("/leave/{*token}", get(unsubscribe::page).post(unsubscribe::submit))
        .route("/undo/{*token}", get(unsubscribe::undo_page).post(unsubscribe::undo))
        .route("/choose/{*token}", get(preferences::page).post(preferences::submit))
        .route("/approve/{*token}", get(approve::page).post(approve::submit))
        .route("/data", get(personal_data::request_page).post(personal_data::request))
        .route("/data/{*token}", get(personal_data::page).post(personal_data::submit))
        .route("/issues", get(issues::index))
        .route("/issues/", get(issues::index))
        .route("/issues/{*label}", get(issues::issue))
        .route("/report/{*token}", get(report::page))
        .route("/healthz", get(health))
        .route(&format!("/{}", app.pages.style), get(style))
        .fallback(get(files::serve))
        .layer(from_fn_with_state(app.clone(), middleware::handle))
        .with_state(app)
}

/// The static index page if the site itself is served from here, else the sign-up form.
async fn home(
    State(app): State<SharedApp>,
    visit: RequestContext,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_site = app.config().web.url.as_ref() == Some(&app.config().site.url);
    if is_site && app.files.has("index.html").await {
        return files::serve(State(app), visit, method, uri, headers).await;
    }
    sign_up::page(State(app), visit).await
}

/// The style sheet; a changed one has a new URL.
async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, STYLE).into_response()
}

/// Health check: whether the store can be read. It discloses nothing else.
async fn health(State(app): State<SharedApp>) -> Response {
    let (status, text) = match app.within_timeout(app.session.store.get_meta("keys")).await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable\n"),
    };
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], text).into_response()
}
