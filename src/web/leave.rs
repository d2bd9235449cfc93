//! The ways out: one click in the mail program (RFC 8058), a page with a button for people, and a day to think again.
//!
//! Opening any of these changes nothing. The one-click address takes every POST, whatever its body: the token alone
//! authorises it, and who wants to leave must not fail for the form of the request.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::app::{Holder, Tail, circumstances};
use super::form::{self, Form};
use super::{Shared, Visit, choose};
use crate::subscribers::Standing;
use crate::subscribers::lifecycle::Course;
use crate::subscribers::token::{Purpose, Subject};

/// How long the body of a one-click request is waited for; it says nothing that the token does not.
const BODY: Duration = Duration::from_secs(1);

pub(super) async fn page(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = app.holder(Purpose::Unsubscribe, &token) else { return app.pages.dead(&visit) };
    // The page is there for leaving: it does not wait for a store that only knows what is ticked.
    let wishes = choose::wishes(&app, holder.key).await.ok().flatten().unwrap_or_default();
    let fields = context! {
        title => visit.words.leave_title,
        action => format!("leave/{}", holder.token),
        mail => app.pages.mail(&format!("unsubscribe {}", holder.token)),
        wishes => choose::fields(&app, &wishes).await,
    };
    app.pages.show(&visit, StatusCode::OK, "leave.html", fields)
}

/// The POST of a mail program.
pub(super) async fn one_click(
    State(app): State<Shared>,
    visit: Visit,
    Tail(token): Tail,
    body: Body,
) -> Response {
    form::drain(body, BODY).await;
    match app.holder(Purpose::Unsubscribe, &token) {
        Some(holder) => leave(&app, &visit, &holder, "one-click 1").await,
        None => app.pages.dead(&visit),
    }
}

/// The buttons of the page.
pub(super) async fn take(State(app): State<Shared>, visit: Visit, Tail(token): Tail, form: Form) -> Response {
    let Some(holder) = app.holder(Purpose::Unsubscribe, &token) else { return app.pages.dead(&visit) };
    match form.field("do") {
        Some("leave") => leave(&app, &visit, &holder, "page for leaving 1").await,
        Some("less") => choose::keep(&app, &visit, holder.key, &form).await,
        _ => app.pages.refusal(&visit, StatusCode::BAD_REQUEST),
    }
}

async fn leave(app: &Shared, visit: &Visit, holder: &Holder, form: &'static str) -> Response {
    let words = visit.words;
    let shown = circumstances(visit, form, &[words.leave_text, words.leave_button]);
    match app.ask(app.office.store.unsubscribe(holder.key, "web", Some(shown), app.now())).await {
        Ok(course) => {
            let undo = course.and_then(|course| undo_link(app, holder, course));
            let fields = context! { title => words.left_title, undo };
            app.pages.show(visit, StatusCode::OK, "left.html", fields)
        }
        Err(_) => app.pages.failure(visit, Some(&holder.token)),
    }
}

/// The link to resubscribe, for somebody who was active until now.
fn undo_link(app: &Shared, holder: &Holder, course: Course) -> Option<Value> {
    let may_return = course.standing == Standing::Unsubscribed && course.unsubscribed_at.is_some();
    may_return.then(|| {
        let token = app.office.keys.sign(Purpose::Undo, &Subject::from(holder.key.0), course.generation);
        format!("undo/{token}").into()
    })
}

pub(super) async fn undo_page(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = app.holder(Purpose::Undo, &token) else { return app.pages.dead(&visit) };
    let fields = context! {
        title => visit.words.undo_title,
        text => visit.words.undo_text,
        button => visit.words.undo_button,
        action => format!("undo/{}", holder.token),
    };
    app.pages.show(&visit, StatusCode::OK, "button.html", fields)
}

pub(super) async fn undo(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = app.holder(Purpose::Undo, &token) else { return app.pages.dead(&visit) };
    let words = visit.words;
    let shown = circumstances(&visit, "undo 1", &[words.undo_text, words.undo_button]);
    match app.ask(app.office.store.resubscribe(holder.key, holder.generation, shown, app.now())).await {
        Ok(true) => app.pages.notice(&visit, StatusCode::OK, words.undone_title, words.confirmed_text),
        Ok(false) => app.pages.notice(&visit, StatusCode::GONE, words.late_title, words.late_text),
        Err(_) => app.pages.failure(&visit, None),
    }
}
