//! The sign-up form. The response is the same for every address, so that it does not disclose who is subscribed.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use minijinja::context;
use tokio::time::Instant;

use super::app::consent_context;
use super::form::Form;
use super::metrics::SignUpOutcome;
use super::pages::ROBOTS;
use super::{App, RequestContext, SharedApp, topics};
use crate::address::EmailAddress;
use crate::store::subscriber_store::{SignUp, SignUpOrigin};
use crate::subscribers::token::{Purpose, Subject};
use crate::subscribers::{AddressKey, Preferences};
use crate::text::HeaderText;

/// The minimum response time, so that timing does not disclose whether an address is known.
pub(super) const FLOOR: Duration = Duration::from_millis(150);
/// A form submitted faster than this, in seconds, was filled in by a bot.
const QUICKEST: i64 = 2;
/// A form submitted later than this, in seconds, is rejected as well.
const SLOWEST: i64 = 24 * 60 * 60;
/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// Increase the number when the text or the fields of a form change.
const PAGE_FORM: &str = "page 2";
const EMBEDDED_FORM: &str = "embedded 2";

pub(super) async fn page(State(app): State<SharedApp>, visit: RequestContext) -> Response {
    let mut page = form(&app, &visit, StatusCode::OK, None).await;
    if app.config().web.index {
        page.headers_mut().insert(ROBOTS, HeaderValue::from_static("all"));
    }
    page
}

/// The form, with the problem of the last attempt.
pub(super) async fn form(
    app: &SharedApp,
    visit: &RequestContext,
    status: StatusCode,
    problem: Option<&str>,
) -> Response {
    let now = app.now();
    let offered = app.topics.current(&app.context.config, now).await;
    let mut number = [0; 8];
    number.copy_from_slice(&app.clock().random()[..8]);
    let second = u32::try_from(now.timestamp()).unwrap_or_default();
    let token = app.session.keys.sign(Purpose::Form, &Subject::from(u64::from_be_bytes(number)), second);
    let fields = context! {
        title => &visit.strings.web.home_title,
        problem,
        token,
        preferences => topics::fields(&offered, &Preferences::default()),
    };
    app.pages.show(visit, status, "home.html", fields)
}

pub(super) async fn submit(State(app): State<SharedApp>, visit: RequestContext, form: Form) -> Response {
    let started = Instant::now();
    if !app.config().web.sign_up {
        return app.pages.not_found(&visit);
    }
    let outcome = if is_robot(&app, &form) {
        SignUpOutcome::Robot
    } else {
        let sign_up = match read(&app, &visit, &form).await {
            Ok(sign_up) => sign_up,
            Err(problem) => {
                app.metrics.record_sign_up(SignUpOutcome::Invalid);
                return self::form(&app, &visit, StatusCode::UNPROCESSABLE_ENTITY, Some(problem)).await;
            }
        };
        match app.within_timeout(app.session.store.sign_up(sign_up, app.now())).await {
            Ok(signed_up) => {
                if let Some(line) =
                    app.refused.record(signed_up, visit.is_behind_silent_proxy, Instant::now())
                {
                    (app.log)(&line);
                }
                SignUpOutcome::Accepted(signed_up)
            }
            Err(_) => return app.pages.unavailable(&visit, None),
        }
    };
    app.metrics.record_sign_up(outcome);
    tokio::time::sleep_until(started + FLOOR).await;
    app.pages.notice(
        &visit,
        StatusCode::OK,
        &visit.strings.web.check_inbox_title,
        &visit.strings.web.check_inbox_text,
    )
}

/// Whether the hidden field is filled in, or the form came too fast or too late. The embedded form has no token, because it
/// is static HTML on another site.
fn is_robot(app: &App, form: &Form) -> bool {
    if form.field("website").is_some() {
        return true;
    }
    let age = |token| {
        let claim = app.session.keys.verify(Purpose::Form, token).ok()?;
        claim.subject.number()?;
        Some(app.now().timestamp() - i64::from(claim.generation))
    };
    match form.field("token") {
        Some(token) => !age(token).is_some_and(|age| (QUICKEST..=SLOWEST).contains(&age)),
        None => is_of_page(form),
    }
}

fn is_of_page(form: &Form) -> bool {
    form.field("form") == Some("page")
}

async fn read<'v>(app: &App, visit: &'v RequestContext, form: &Form) -> Result<SignUp, &'v str> {
    let strings = &visit.strings.web;
    let email =
        form.field("email").and_then(|raw| EmailAddress::parse(raw).ok()).ok_or(&*strings.invalid_email)?;
    let name = match form.field("name") {
        Some(raw) => Some(name(raw).ok_or(&*strings.invalid_name)?),
        None => None,
    };
    let offered = app.topics.current(&app.context.config, app.now()).await;
    let version = if is_of_page(form) { PAGE_FORM } else { EMBEDDED_FORM };
    let language =
        form.field("language").and_then(|tag| app.config().words.find(tag)).unwrap_or(&visit.strings);
    Ok(SignUp {
        key: app.session.key_of(&email),
        mailbox: AddressKey(app.session.keys.mailbox_key(&email)),
        name,
        language: Some(language.tag.clone()),
        preferences: topics::selected(form, &offered),
        origin: SignUpOrigin::Web,
        consent: consent_context(visit, version, &[&strings.consent, &strings.subscribe]),
        limits: app.limits,
        email,
    })
}

/// A name that can be used in a greeting. Names with URLs are rejected, so that the form cannot be used to advertise to
/// strangers.
fn name(raw: &str) -> Option<HeaderText> {
    let name = HeaderText::parse(raw).ok()?;
    let text = name.as_str().to_lowercase();
    let is_link = text.contains("://") || text.contains("www.") || text.contains(['@', '/', '<', '>']);
    let is_host = text.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '-').any(looks_like_a_host);
    (text.chars().count() <= LONGEST_NAME && !is_link && !is_host).then_some(name)
}

/// `cheap.example` does; the initials in `J.R.Kim` don't.
fn looks_like_a_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    labels.windows(2).any(|pair| {
        let is_initial = pair[0].len() <= 1;
        !is_initial && pair[1].chars().count() > 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_url_or_markup_is_rejected() {
        for raw in ["김민준", "J.R. Kim", "St. John", "Anna-Lena O'Neil", "J. R. R. Tolkien"] {
            assert!(name(raw).is_some(), "{raw}");
        }
        for raw in [
            "https://cheap.example/",
            "buy at cheap.example",
            "www.cheap",
            "a@b",
            "pills/now",
            "<b>",
            "\u{202e}a",
            "글.한국",
        ] {
            assert!(name(raw).is_none(), "{raw}");
        }
        assert!(name(&"가".repeat(100)).is_some() && name(&"가".repeat(101)).is_none());
    }
}
