//! The page behind a confirmation link. Only its button confirms, because mail scanners open links too.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;

use super::app::{Tail, circumstances};
use super::{Shared, Visit, sign_up};
use crate::subscribers::lifecycle::Confirmed;
use crate::subscribers::token::Purpose;

pub(super) async fn page(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = app.holder(Purpose::Confirm, &token) else { return app.pages.dead(&visit) };
    let fields = context! {
        title => visit.strings.web.confirm_title,
        text => visit.strings.web.confirm_text,
        button => visit.strings.web.confirm_button,
        action => format!("confirm/{}", holder.token),
    };
    app.pages.show(&visit, StatusCode::OK, "button.html", fields)
}

pub(super) async fn take(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = app.holder(Purpose::Confirm, &token) else { return app.pages.dead(&visit) };
    let strings = &visit.strings.web;
    let shown = circumstances(&visit, "confirmation 2", &[strings.confirm_text, strings.confirm_button]);
    let confirmed = app.office.store.confirm(holder.key, holder.generation, shown, app.now());
    match app.ask(confirmed).await {
        Ok(Confirmed::Now | Confirmed::Already) => {
            app.pages.notice(&visit, StatusCode::OK, strings.confirmed_title, strings.confirmed_text)
        }
        Ok(Confirmed::Expired) => {
            sign_up::form(&app, &visit, StatusCode::GONE, Some(strings.confirmation_expired)).await
        }
        Ok(Confirmed::Stale) => app.pages.dead(&visit),
        Err(_) => app.pages.failure(&visit, None),
    }
}
