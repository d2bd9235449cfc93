//! The report at the secret address of `web.report`. Every other address below it does not exist.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use super::app::PathToken;
use super::issues::policy;
use super::pages::ROBOTS;
use super::{App, RequestContext, SharedApp};
use crate::pipeline::operations::{make_report, report_page};
use crate::pipeline::session::RunError;

/// How long a page is shown again, because it may take a second to make.
const FRESH: Duration = Duration::from_secs(60);

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let secret = app.config().web.report.as_ref();
    let is_it = |secret: &str| verify_slices_are_equal(secret.as_bytes(), token.as_bytes()).is_ok();
    if !secret.is_some_and(|secret| is_it(secret.as_str())) {
        return app.pages.not_found(&visit);
    }
    let page = match latest(&app).await {
        Ok(page) => page,
        Err(error) => {
            (app.log)(&format!("error: {error}"));
            return app.pages.unavailable(&visit, None);
        }
    };
    let Ok(policy) = HeaderValue::from_str(&policy(&page, false)) else {
        return app.pages.unavailable(&visit, None);
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
    ];
    (StatusCode::OK, headers, page.to_string()).into_response()
}

/// A page that is fresh. Only one request makes it.
async fn latest(app: &App) -> Result<Arc<str>, RunError> {
    let mut latest = app.report.lock().await;
    if let Some((_, page)) = latest.as_ref().filter(|(made, _)| made.elapsed() < FRESH) {
        return Ok(Arc::clone(page));
    }
    let report = make_report(&app.context, &app.session, None).await?;
    let page = Arc::from(report_page(&report, &app.context)?);
    *latest = Some((Instant::now(), Arc::clone(&page)));
    Ok(page)
}
