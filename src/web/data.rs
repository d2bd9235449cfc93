//! A reader's own data: a link by mail, then to read, to save, and to erase. No other link leads here: a letter that was
//! passed on must not show or erase anything.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use minijinja::{Value, context};
use tokio::time::Instant;

use super::asked::{Asked, Fields};
use super::state::Site;
use super::unavailable;
use crate::address::EmailAddress;
use crate::subscribers::AddressKey;
use crate::subscribers::token::Purpose;

/// How many minutes a mailed link works.
const FRESH: i64 = 60;
/// Every form is answered after this long, whether it wrote something or not.
const ANSWERED_AFTER: Duration = Duration::from_millis(300);

/// Where a reader asks for the link.
pub(super) async fn form(State(site): State<Arc<Site>>, asked: Asked) -> Response<Body> {
    site.pages.page(StatusCode::OK, "data.html", asked.language, context! {})
}

/// The link goes out, if there is anybody to send it to.
pub(super) async fn ask(State(site): State<Arc<Site>>, asked: Asked, body: Bytes) -> Response<Body> {
    let began = Instant::now();
    let words = asked.language.words();
    let Ok(email) = EmailAddress::parse(Fields::parse(&body).get("email")) else {
        return site.pages.says(StatusCode::UNPROCESSABLE_ENTITY, asked.language, &words.check_address);
    };
    let key = AddressKey(site.keys.address_key(&email));
    if site.store.ask_for_data(key, site.limits, Some(asked.network), site.now()).await.is_err() {
        return unavailable(&site, asked.language);
    }
    tokio::time::sleep_until(began + ANSWERED_AFTER).await;
    site.pages.says(StatusCode::OK, asked.language, &words.data_asked)
}

/// Whose data a link shows, while it is fresh.
fn owner(site: &Site, token: &str) -> Option<AddressKey> {
    let (key, minute) = site.reader(Purpose::Data, token)?;
    let age = site.now().timestamp() / 60 - i64::from(minute);
    (0..=FRESH).contains(&age).then_some(key)
}

/// Everything that is kept about the reader.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let Some(key) = owner(&site, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &asked.language.words().nothing);
    };
    let Ok(dossier) = site.store.dossier(key).await else { return unavailable(&site, asked.language) };
    let tables = Value::from(minijinja::value::Serde(&dossier.tables));
    site.pages.page(StatusCode::OK, "data.html", asked.language, context! { tables, token })
}

/// Saves or erases it.
pub(super) async fn act(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Response<Body> {
    let words = asked.language.words();
    let Some(key) = owner(&site, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let fields = Fields::parse(&body);
    match (fields.get("do"), fields.get("sure")) {
        ("save", _) => match site.store.dossier(key).await {
            Ok(dossier) => saved(serde_json::to_vec_pretty(&dossier.tables).unwrap_or_default()),
            Err(_) => unavailable(&site, asked.language),
        },
        ("erase", "yes") => {
            if site.store.erase(key, "web", site.now()).await.is_err() || site.store.scrub().await.is_err() {
                return unavailable(&site, asked.language);
            }
            site.pages.says(StatusCode::OK, asked.language, &words.erased)
        }
        _ => site.pages.says(StatusCode::UNPROCESSABLE_ENTITY, asked.language, &words.not_allowed),
    }
}

fn saved(json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    for (name, value) in [
        (CONTENT_TYPE, "application/json; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"my-data.json\""),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
