//! The page where the writer approves an issue. Opening it changes nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;

use super::app::PathToken;
use super::{RequestContext, SharedApp};
use crate::subscribers::token::Purpose;
use crate::text::hex;

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(approval) = app.authenticate(Purpose::Approve, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let fields = context! {
        title => &visit.strings.web.approve_title,
        text => &visit.strings.web.approve_text,
        button => &visit.strings.web.approve_button,
        action => format!("approve/{}", approval.token),
    };
    app.pages.show(&visit, StatusCode::OK, "button.html", fields)
}

pub(super) async fn submit(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(approval) = app.authenticate(Purpose::Approve, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let strings = &visit.strings.web;
    // The subject of this token is the digest of the content, not the hash of an address.
    match app.within_timeout(app.session.store.approve_content(&hex(&approval.key.0), app.now())).await {
        Ok(true) => app.pages.notice(&visit, StatusCode::OK, &strings.approved_title, &strings.approved_text),
        Ok(false) => app.pages.notice(
            &visit,
            StatusCode::GONE,
            &strings.approval_gone_title,
            &strings.approval_gone_text,
        ),
        Err(_) => app.pages.unavailable(&visit, None),
    }
}
