//! The preferences page: frequency and topics. Its link is sent by email.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::app::{AuthenticatedSubscriber, PathToken, Unavailable, consent_context};
use super::form::Form;
use super::{App, RequestContext, SharedApp, topics};
use crate::subscribers::token::Purpose;
use crate::subscribers::{AddressKey, Preferences};

/// The generation of all links to this page.
const GENERATION: u32 = 1;

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = authenticate(&app, &token) else { return app.pages.invalid_link(&visit) };
    let Ok(preferences) = read_preferences(&app, subscriber.key).await else {
        return app.pages.unavailable(&visit, None);
    };
    let fields = context! {
        title => &visit.strings.web.preferences_title,
        action => format!("choose/{}", subscriber.token),
        preferences => fields(&app, &preferences.unwrap_or_default()).await,
    };
    app.pages.show(&visit, StatusCode::OK, "preferences.html", fields)
}

pub(super) async fn submit(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
    form: Form,
) -> Response {
    match authenticate(&app, &token) {
        Some(subscriber) => save(&app, &visit, subscriber.key, &form).await,
        None => app.pages.invalid_link(&visit),
    }
}

fn authenticate(app: &App, token: &str) -> Option<AuthenticatedSubscriber> {
    app.authenticate(Purpose::Manage, token).filter(|subscriber| subscriber.generation == GENERATION)
}

/// Stores the preferences of the form.
pub(super) async fn save(app: &App, visit: &RequestContext, key: AddressKey, form: &Form) -> Response {
    let strings = &visit.strings.web;
    let Ok(before) = read_preferences(app, key).await else { return app.pages.unavailable(visit, None) };
    let current = app.topics.current(&app.context.config, app.now()).await;
    let chosen = topics::selected(form, &topics::offered(&current, &before.unwrap_or_default()));
    let shown = consent_context(
        visit,
        "preferences 2",
        &[&strings.frequency, &strings.topics, &strings.preferences_button],
    );
    match app.within_timeout(app.session.store.set_preferences(key, chosen, shown, app.now())).await {
        Ok(true) => app.pages.notice(
            visit,
            StatusCode::OK,
            &strings.preferences_saved_title,
            &strings.preferences_saved_text,
        ),
        Ok(false) => app.pages.notice(
            visit,
            StatusCode::OK,
            &strings.not_subscribed_title,
            &strings.not_subscribed_text,
        ),
        Err(_) => app.pages.unavailable(visit, None),
    }
}

/// The subscriber's current preferences; `None` for an unknown subscriber.
pub(super) async fn read_preferences(app: &App, key: AddressKey) -> Result<Option<Preferences>, Unavailable> {
    Ok(app
        .within_timeout(app.session.store.subscriber(key))
        .await?
        .map(|subscriber| subscriber.profile.preferences))
}

/// The preferences as template fields.
pub(super) async fn fields(app: &App, preferences: &Preferences) -> Value {
    let current = app.topics.current(&app.context.config, app.now()).await;
    topics::fields(&topics::offered(&current, preferences), preferences)
}
