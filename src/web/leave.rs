//! Leaving, taking it back, and choosing less instead. Only a POST changes anything; a 200 to it is on the disk.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use minijinja::{Value, context};

use super::asked::{Asked, Fields};
use super::sign_up::{choices, wishes};
use super::state::{Site, circumstances};
use super::unavailable;
use super::words::Language;
use crate::subscribers::token::{Purpose, Subject};
use crate::subscribers::{AddressKey, Cadence, Standing};

/// The page for people: a button, and a choice of less.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, _)) = site.reader(Purpose::Unsubscribe, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let (wishes, weekly, topics) = match own_wishes(&site, key).await {
        Ok(Some((weekly, topics))) => {
            let token = site.keys.sign(Purpose::Manage, &Subject::from(key.0), 1);
            (Some(context! { token }), weekly, topics)
        }
        Ok(None) => (None, false, Value::UNDEFINED),
        Err(()) => return unavailable(&site, asked.language),
    };
    let more =
        context! { action => format!("leave/{token}"), wishes, weekly, topics, ..by_mail(&site, &token) };
    site.pages.message(StatusCode::OK, asked.language, &words.leave, more)
}

/// What an active reader chose, as the form shows it: whether weekly, and the boxes; `None` for anybody else.
async fn own_wishes(site: &Site, key: AddressKey) -> Result<Option<(bool, Value)>, ()> {
    let reader = site.store.subscriber(key).await.map_err(drop)?;
    let Some(reader) = reader.filter(|reader| reader.standing == Standing::Active) else { return Ok(None) };
    let weekly = reader.wishes.cadence == Cadence::Weekly;
    Ok(Some((weekly, choices(site, &reader.wishes).await)))
}

/// The other way out, for a page that does not work.
fn by_mail(site: &Site, token: &str) -> Value {
    let Some(mailbox) = site.world.config.newsletter.unsubscribe_address() else { return context! {} };
    context! { mailto => format!("mailto:{mailbox}?subject=unsubscribe%20{token}"), mailbox => mailbox.as_str() }
}

/// RFC 8058: a mail program presses for its reader. Whatever the body says or lacks: the token is the authority.
pub(super) async fn one_click(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    leave(&site, &token, "one-click", asked).await
}

/// The button on the page.
pub(super) async fn button(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    leave(&site, &token, "leave", asked).await
}

async fn leave(site: &Site, token: &str, form: &str, asked: Asked) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, _)) = site.reader(Purpose::Unsubscribe, token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let circumstances = circumstances(form, asked.language, asked.network);
    let Ok(course) = site.store.leave(key, circumstances, site.now()).await else {
        return not_now(site, asked.language, token);
    };
    let undo = course.filter(|course| course.left_at.is_some()).map(|course| {
        format!("undo/{}", site.keys.sign(Purpose::Undo, &Subject::from(key.0), course.generation))
    });
    site.pages.message(StatusCode::OK, asked.language, &words.left, context! { action => undo })
}

/// Never a false "done": what to do instead.
fn not_now(site: &Site, language: Language, token: &str) -> Response<Body> {
    let mut response = site.pages.message(
        StatusCode::SERVICE_UNAVAILABLE,
        language,
        &language.words().later,
        by_mail(site, token),
    );
    super::retry_after(&mut response);
    response
}

/// The farewell is taken back.
pub(super) async fn undo(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, generation)) = site.reader(Purpose::Undo, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let circumstances = circumstances("undo", asked.language, asked.network);
    match site.store.undo(key, generation, circumstances, site.now()).await {
        Ok(true) => site.pages.says(StatusCode::OK, asked.language, &words.undone),
        Ok(false) => {
            site.pages.message(StatusCode::OK, asked.language, &words.too_late, context! { again => true })
        }
        Err(_) => unavailable(&site, asked.language),
    }
}

/// What a reader gets, and how often.
pub(super) async fn choose_page(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, _)) = site.reader(Purpose::Manage, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    match own_wishes(&site, key).await {
        Ok(Some((weekly, topics))) => {
            let says = Value::from(minijinja::value::Serde(&words.choose));
            let fields = context! { says, wishes => context! { token }, weekly, topics };
            site.pages.page(StatusCode::OK, "choose.html", asked.language, fields)
        }
        Ok(None) => site.pages.says(StatusCode::OK, asked.language, &words.nothing),
        Err(()) => unavailable(&site, asked.language),
    }
}

/// The choice is made.
pub(super) async fn choose(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, _)) = site.reader(Purpose::Manage, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let chosen = wishes(&Fields::parse(&body), &site.topics().await);
    let circumstances = circumstances("choose", asked.language, asked.network);
    match site.store.choose(key, chosen, circumstances, site.now()).await {
        Ok(true) => site.pages.says(StatusCode::OK, asked.language, &words.chosen),
        Ok(false) => site.pages.says(StatusCode::OK, asked.language, &words.nothing),
        Err(_) => unavailable(&site, asked.language),
    }
}
