//! The page behind a confirmation link. Only its button confirms, because mail scanners open links too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;

use super::app::{PathToken, consent_context};
use super::{RequestContext, SharedApp, sign_up};
use crate::subscribers::lifecycle::Confirmed;
use crate::subscribers::token::Purpose;

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Confirm, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let fields = context! {
        title => &visit.strings.web.confirm_title,
        text => &visit.strings.web.confirm_text,
        button => &visit.strings.web.confirm_button,
        action => format!("confirm/{}", subscriber.token),
    };
    app.pages.show(&visit, StatusCode::OK, "button.html", fields)
}

pub(super) async fn submit(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Confirm, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let strings = &visit.strings.web;
    let shown = consent_context(&visit, "confirmation 3", &[&strings.confirm_text, &strings.confirm_button]);
    let confirmed = app.session.store.confirm(subscriber.key, subscriber.generation, shown, app.now());
    match app.within_timeout(confirmed).await {
        Ok(Confirmed::Now | Confirmed::Already) => {
            app.pages.notice(&visit, StatusCode::OK, &strings.confirmed_title, &strings.confirmed_text)
        }
        Ok(Confirmed::Expired) => {
            sign_up::form(&app, &visit, StatusCode::GONE, Some(&strings.confirmation_expired)).await
        }
        Ok(Confirmed::Stale) => app.pages.invalid_link(&visit),
        Err(_) => app.pages.unavailable(&visit, None),
    }
}
