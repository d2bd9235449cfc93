//! What a reader gets: how often, and about what. The link to it stands in a letter; its button changes it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value, context};

use super::app::{Holder, Tail, Unavailable, circumstances};
use super::form::Form;
use super::{App, Shared, Visit, topics};
use crate::subscribers::token::Purpose;
use crate::subscribers::{AddressKey, Wishes};

/// The generation of every link to this page.
const GENERATION: u32 = 1;

pub(super) async fn page(State(app): State<Shared>, visit: Visit, Tail(token): Tail) -> Response {
    let Some(holder) = holder(&app, &token) else { return app.pages.dead(&visit) };
    let Ok(wishes) = wishes(&app, holder.key).await else { return app.pages.failure(&visit, None) };
    let fields = context! {
        title => visit.words.choose_title,
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

/// Keeps what the form chose.
pub(super) async fn keep(app: &App, visit: &Visit, key: AddressKey, form: &Form) -> Response {
    let words = visit.words;
    let Ok(before) = wishes(app, key).await else { return app.pages.failure(visit, None) };
    let current = app.topics.current(&app.world.config, app.now()).await;
    let chosen = topics::chosen(form, &topics::offered(&current, &before.unwrap_or_default()));
    let shown = circumstances(visit, "choice 1", &[words.cadence, words.topics, words.choose_button]);
    match app.ask(app.office.store.choose(key, chosen, shown, app.now())).await {
        Ok(true) => app.pages.notice(visit, StatusCode::OK, words.chose_title, words.chose_text),
        Ok(false) => app.pages.notice(visit, StatusCode::OK, words.no_reader_title, words.no_reader_text),
        Err(_) => app.pages.failure(visit, None),
    }
}

/// What a reader wants at present; `None` if they are not known.
pub(super) async fn wishes(app: &App, key: AddressKey) -> Result<Option<Wishes>, Unavailable> {
    Ok(app.ask(app.office.store.subscriber(key)).await?.map(|reader| reader.profile.wishes))
}

/// The boxes of the page.
pub(super) async fn fields(app: &App, wishes: &Wishes) -> Value {
    let current = app.topics.current(&app.world.config, app.now()).await;
    topics::fields(&topics::offered(&current, wishes), wishes)
}
