//! Middleware for every request: CSRF check, time limit, panic handling, access log and default response headers.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::{Instant, timeout};

use super::app::text;
use super::origin::is_foreign;
use super::{RequestContext, SharedApp};
use crate::text::clipped;

/// The one-click unsubscribe URL. Only its token authorises it, so cross-site requests are allowed.
pub(super) const ONE_CLICK: &str = "/u/{*token}";
/// The sign-up form, which may be embedded in other sites.
pub(super) const SUBSCRIBE: &str = "/subscribe";
/// The route label of served files in the metrics.
const FILES: &str = "files";

/// The time limit until a response begins.
const LONGEST: Duration = Duration::from_secs(10);

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

pub(super) async fn handle(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(FILES, MatchedPath::as_str);
    let (mut parts, body) = request.into_parts();
    let visit = RequestContext::of(&mut parts, &app);
    let mut response = if is_forged(&app, &method, route, &parts.headers) {
        app.pages.forbidden(&visit, StatusCode::FORBIDDEN)
    } else {
        response_or_error(&app, &visit, next.run(Request::from_parts(parts, body))).await
    };
    set_security_headers(&app, response.headers_mut());
    let (status, took) = (response.status(), began.elapsed());
    // A client may invent a method of any length.
    let method = clipped(method.as_str());
    tracing::info!(method, route, status = status.as_u16(), ms = took.as_millis(), "request");
    app.metrics.record_response(route, status.as_u16(), took);
    if app.logs_access || status.is_server_error() {
        (app.log)(&format!("{method} {route} {} {} ms", status.as_u16(), took.as_millis()));
    }
    response
}

/// The response, or an error page if it fails or takes too long.
async fn response_or_error(
    app: &SharedApp,
    visit: &RequestContext,
    response: impl Future<Output = Response> + Send + 'static,
) -> Response {
    match task_outcome(response, LONGEST).await {
        TaskOutcome::Done(response) => response,
        TaskOutcome::Late => app.pages.unavailable(visit, None),
        TaskOutcome::Failed => {
            let strings = &visit.strings.web;
            app.pages.notice(
                visit,
                StatusCode::INTERNAL_SERVER_ERROR,
                &strings.server_error_title,
                &strings.server_error_text,
            )
        }
    }
}

/// How a handler ended.
#[derive(Debug, PartialEq, Eq)]
enum TaskOutcome<T> {
    Done(T),
    Late,
    Failed,
}

/// Runs the handler in a task of its own, so that a client that disconnects does not cancel it and a panic ends only this
/// request.
async fn task_outcome<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    most: Duration,
) -> TaskOutcome<T> {
    match timeout(most, tokio::spawn(work)).await {
        Ok(Ok(response)) => TaskOutcome::Done(response),
        Ok(Err(_)) => TaskOutcome::Failed,
        Err(_) => TaskOutcome::Late,
    }
}

/// Whether another site's page sent a request that changes something.
fn is_forged(app: &SharedApp, method: &Method, route: &str, headers: &HeaderMap) -> bool {
    let is_open = route == ONE_CLICK || route == SUBSCRIBE;
    let own = app.url().as_url().origin().ascii_serialization();
    !method.is_safe() && !is_open && is_foreign(text(headers, SITE), text(headers, header::ORIGIN), &own)
}

/// Adds the default headers; a page's own headers win.
fn set_security_headers(app: &SharedApp, headers: &mut HeaderMap) {
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (PERMISSIONS, "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    let secure = (app.url().as_url().scheme() == "https")
        .then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    for (name, value) in always.into_iter().chain(secure) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_one_request_and_a_slow_handler_continues_after_the_time_limit() {
        assert_eq!(task_outcome(async { 7 }, LONGEST).await, TaskOutcome::Done(7));
        assert_eq!(task_outcome(async { panic!("on purpose") }, LONGEST).await, TaskOutcome::<()>::Failed);
        let (done, mut ended) = tokio::sync::oneshot::channel();
        let slow = async move {
            tokio::time::sleep(LONGEST * 2).await;
            let _ = done.send(());
            7
        };
        assert_eq!(task_outcome(slow, LONGEST).await, TaskOutcome::Late);
        assert!(ended.try_recv().is_err());
        tokio::time::sleep(LONGEST * 2).await;
        assert!(ended.try_recv().is_ok());
    }
}
