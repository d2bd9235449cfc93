//! Unsubscribing: one click in the mail program (RFC 8058), a page with a button, and an undo for 24 hours.
//!
//! A GET changes nothing. The one-click URL accepts a POST with any body: the token authorises it, and an unusual request
//! must not keep a subscriber from unsubscribing.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::app::{AuthenticatedSubscriber, PathToken, consent_context};
use super::form::{self, Form};
use super::{RequestContext, SharedApp, preferences};
use crate::subscribers::SubscriptionStatus;
use crate::subscribers::lifecycle::Subscription;
use crate::subscribers::token::{Purpose, Subject};

/// How long to wait for the body of a one-click request. Its content is ignored.
const BODY: Duration = Duration::from_secs(1);

pub(super) async fn page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Unsubscribe, &token) else {
        return app.pages.invalid_link(&visit);
    };
    // Only the preferences come from the store. The page must work without it.
    let preferences =
        preferences::read_preferences(&app, subscriber.key).await.ok().flatten().unwrap_or_default();
    let fields = context! {
        title => &visit.strings.web.unsubscribe_title,
        action => format!("leave/{}", subscriber.token),
        mail => app.pages.mail(&format!("unsubscribe {}", subscriber.token)),
        preferences => preferences::fields(&app, &preferences).await,
    };
    app.pages.show(&visit, StatusCode::OK, "unsubscribe.html", fields)
}

/// The one-click POST of a mail program.
pub(super) async fn one_click(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
    body: Body,
) -> Response {
    form::drain(body, BODY).await;
    match app.authenticate(Purpose::Unsubscribe, &token) {
        Some(subscriber) => unsubscribe(&app, &visit, &subscriber, "one-click 2").await,
        None => app.pages.invalid_link(&visit),
    }
}

/// The two forms of the page.
pub(super) async fn submit(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
    form: Form,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Unsubscribe, &token) else {
        return app.pages.invalid_link(&visit);
    };
    match form.field("do") {
        Some("leave") => unsubscribe(&app, &visit, &subscriber, "unsubscribe page 2").await,
        Some("less") => preferences::save(&app, &visit, subscriber.key, &form).await,
        _ => app.pages.forbidden(&visit, StatusCode::BAD_REQUEST),
    }
}

async fn unsubscribe(
    app: &SharedApp,
    visit: &RequestContext,
    subscriber: &AuthenticatedSubscriber,
    form: &'static str,
) -> Response {
    let strings = &visit.strings.web;
    let shown = consent_context(visit, form, &[&strings.unsubscribe_text, &strings.unsubscribe_button]);
    match app
        .within_timeout(app.session.store.unsubscribe(subscriber.key, "web", Some(shown), app.now()))
        .await
    {
        Ok(subscription) => {
            let undo = subscription.and_then(|subscription| undo_link(app, subscriber, subscription));
            let fields = context! { title => &strings.unsubscribed_title, undo };
            app.pages.show(visit, StatusCode::OK, "unsubscribed.html", fields)
        }
        Err(_) => app.pages.unavailable(visit, Some(&subscriber.token)),
    }
}

/// A link to undo, if the subscriber was active until now.
fn undo_link(
    app: &SharedApp,
    subscriber: &AuthenticatedSubscriber,
    subscription: Subscription,
) -> Option<Value> {
    let may_return =
        subscription.status == SubscriptionStatus::Unsubscribed && subscription.unsubscribed_at.is_some();
    may_return.then(|| {
        let token =
            app.session.keys.sign(Purpose::Undo, &Subject::from(subscriber.key.0), subscription.generation);
        format!("undo/{token}").into()
    })
}

pub(super) async fn undo_page(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Undo, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let fields = context! {
        title => &visit.strings.web.undo_title,
        text => &visit.strings.web.undo_text,
        button => &visit.strings.web.undo_button,
        action => format!("undo/{}", subscriber.token),
    };
    app.pages.show(&visit, StatusCode::OK, "button.html", fields)
}

pub(super) async fn undo(
    State(app): State<SharedApp>,
    visit: RequestContext,
    PathToken(token): PathToken,
) -> Response {
    let Some(subscriber) = app.authenticate(Purpose::Undo, &token) else {
        return app.pages.invalid_link(&visit);
    };
    let strings = &visit.strings.web;
    let shown = consent_context(&visit, "undo 2", &[&strings.undo_text, &strings.undo_button]);
    match app
        .within_timeout(app.session.store.resubscribe(
            subscriber.key,
            subscriber.generation,
            shown,
            app.now(),
        ))
        .await
    {
        Ok(true) => {
            app.pages.notice(&visit, StatusCode::OK, &strings.resubscribed_title, &strings.confirmed_text)
        }
        Ok(false) => app.pages.notice(
            &visit,
            StatusCode::GONE,
            &strings.undo_expired_title,
            &strings.undo_expired_text,
        ),
        Err(_) => app.pages.unavailable(&visit, None),
    }
}
