//! A person's data: to view, download and erase (GDPR, articles 15, 17 and 20).
//!
//! The link is sent by email and works for an hour: access to the mailbox proves the identity.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::Serde;
use tokio::time::Instant;

use super::app::{AuthenticatedSubscriber, PathToken, Query};
use super::form::Form;
use super::pages::ROBOTS;
use super::{App, RequestContext, SharedApp, sign_up};
use crate::address::EmailAddress;
use crate::store::subscriber_store::PersonalData;
use crate::subscribers::token::Purpose;

/// How long a link is valid, in minutes.
const MINUTES: i64 = 60;

pub(super) async fn request_page(State(app): State<SharedApp>, visit: RequestContext) -> Response {
    show_request_page(&app, &visit, StatusCode::OK, None)
}

fn show_request_page(
    app: &App,
    visit: &RequestContext,
    status: StatusCode,
    problem: Option<&str>,
) -> Response {
    app.pages.show(
        visit,
        status,
        "data_request.html",
        context! { title => &visit.strings.web.your_data, problem },
    )
}

/// Queues an email with the link, if the address is on record. The response is the same for every address.
pub(super) async fn request(State(app): State<SharedApp>, visit: RequestContext, form: Form) -> Response {
    let started = Instant::now();
    let strings = &visit.strings.web;
    let Some(email) = form.field("email").and_then(|raw| EmailAddress::parse(raw).ok()) else {
        return show_request_page(
            &app,
            &visit,
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(&strings.invalid_email),
        );
    };
    let key = app.session.key_of(&email);
    let requested =
        app.session.store.request_personal_data(key, app.limits, visit.network.clone(), app.now());
    if app.within_timeout(requested).await.is_err() {
        return app.pages.unavailable(&visit, None);
    }
    tokio::time::sleep_until(started + sign_up::FLOOR).await;
    app.pages.notice(&visit, StatusCode::OK, &strings.check_inbox_title, &strings.data_requested_text)
}

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
    query: Query,
) -> Response {
    let Some(AuthenticatedSubscriber { key, token, .. }) = authenticate(&app, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let Ok(personal_data) = app.within_timeout(app.session.store.personal_data(key)).await else {
        return app.pages.unavailable(&visit, None);
    };
    if query.field("as") == Some("json") {
        return download(&personal_data);
    }
    let tables: Vec<_> = personal_data.tables.iter().filter(|table| !table.rows.is_empty()).collect();
    let fields = context! {
        title => &visit.strings.web.data_title,
        action => format!("data/{token}"),
        labels => &visit.strings.web.data_labels,
        tables => Serde(tables),
    };
    app.pages.show(&visit, StatusCode::OK, "data.html", fields)
}

fn download(personal_data: &PersonalData) -> Response {
    let Ok(json) = serde_json::to_vec_pretty(&personal_data.objects()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"your-data.json\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ROBOTS, HeaderValue::from_static("noindex, nofollow")),
    ];
    (headers, json).into_response()
}

/// The first press of the button asks for confirmation, the second one erases.
pub(super) async fn submit(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
    form: Form,
) -> Response {
    let strings = &visit.strings.web;
    let Some(AuthenticatedSubscriber { key, token, .. }) = authenticate(&app, &token) else {
        return app.pages.invalid_link(&visit);
    };
    if form.field("sure") != Some("yes") {
        let fields = context! {
            title => &strings.erase_title,
            text => &strings.erase_text,
            button => &strings.erase_confirm_button,
            action => format!("data/{token}"),
            sure => true,
        };
        return app.pages.show(&visit, StatusCode::OK, "button.html", fields);
    }
    if app.within_timeout(app.session.store.erase(key, "web", app.now())).await.is_err() {
        return app.pages.unavailable(&visit, None);
    }
    // The rows are deleted. The visitor need not wait until a large file is written anew.
    let scrubbed = tokio::spawn(scrub(SharedApp::clone(&app)));
    let _ = tokio::time::timeout(app.store_timeout, scrubbed).await;
    app.pages.notice(&visit, StatusCode::OK, &strings.erased_title, &strings.erased_text)
}

async fn scrub(app: SharedApp) {
    let prevented = match app.session.scrub(app.config()).await {
        Ok(None) => return,
        Ok(Some(why)) => why.to_owned(),
        Err(error) => error.to_string(),
    };
    (app.log)(&format!(
        "warning: data of an erased subscriber is still in the write-ahead log or in free parts of the file: {prevented}; it is \
         tried again within an hour"
    ));
}

/// Verifies a token and its age.
fn authenticate(app: &App, token: &str) -> Option<AuthenticatedSubscriber> {
    let subscriber = app.authenticate(Purpose::Data, token)?;
    let age = app.now().timestamp().div_euclid(60) - i64::from(subscriber.generation);
    (0..=MINUTES).contains(&age).then_some(subscriber)
}
