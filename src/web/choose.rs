//! The preferences page: frequency and topics. Its link is sent by email.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::app::{Holder, Tail, Unavailable, circumstances};
use super::form::Form;
use super::{App, Shared, Visit, topics};
use crate::subscribers::token::Purpose;
use crate::subscribers::{AddressKey, Wishes};

/// The generation of all links to this page.
const GENERATION: u32 = 1;

pub(super) async fn page(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = holder(&app, &token) else { return app.pages.dead(&visit) };
    let Ok(wishes) = wishes(&app, holder.key).await else { return app.pages.failure(&visit, None) };
    let fields = context! {
        title => visit.strings.web.preferences_title,
        action => format!("choose/{}", holder.token),
        wishes => fields(&app, &wishes.unwrap_or_default()).await,
    };
    app.pages.show(&visit, StatusCode::OK, "choose.html", fields)
}

pub(super) async fn take(State(app): State<Shared>, visit: Visit, Tail(token): Tail, form: Form) -> Response {
    match holder(&app, &token) {
        Some(holder) => keep(&app, &visit, holder.key, &form).await,
        None => app.pages.dead(&visit),
    }
}

fn holder(app: &App, token: &str) -> Option<Holder> {
    app.holder(Purpose::Manage, token).filter(|holder| holder.generation == GENERATION)
}

/// Stores the preferences of the form.
pub(super) async fn keep(app: &App, visit: &Visit, key: AddressKey, form: &Form) -> Response {
    let strings = &visit.strings.web;
    let Ok(before) = wishes(app, key).await else { return app.pages.failure(visit, None) };
    let current = app.topics.current(&app.world.config, app.now()).await;
    let chosen = topics::chosen(form, &topics::offered(&current, &before.unwrap_or_default()));
    let shown = circumstances(
        visit,
        "preferences 2",
        &[strings.frequency, strings.topics, strings.preferences_button],
    );
    match app.ask(app.office.store.choose(key, chosen, shown, app.now())).await {
        Ok(true) => app.pages.notice(
            visit,
            StatusCode::OK,
            strings.preferences_saved_title,
            strings.preferences_saved_text,
        ),
        Ok(false) => {
            app.pages.notice(visit, StatusCode::OK, strings.not_subscribed_title, strings.not_subscribed_text)
        }
        Err(_) => app.pages.failure(visit, None),
    }
}

/// The subscriber's current preferences; `None` for an unknown subscriber.
pub(super) async fn wishes(app: &App, key: AddressKey) -> Result<Option<Wishes>, Unavailable> {
    Ok(app.ask(app.office.store.subscriber(key)).await?.map(|reader| reader.profile.wishes))
}

/// The preferences as template fields.
pub(super) async fn fields(app: &App, wishes: &Wishes) -> Value {
    let current = app.topics.current(&app.world.config, app.now()).await;
    topics::fields(&topics::offered(&current, wishes), wishes)
}
