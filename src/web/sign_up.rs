//! Sign-up and confirmation. Whatever was typed, the answer is one and the same page: nobody can find out who reads.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use minijinja::context;
use tokio::time::Instant;

use super::asked::{Asked, Fields};
use super::state::{Site, circumstances};
use super::words::Language;
use super::{not_found, unavailable};
use crate::address::EmailAddress;
use crate::store::desk::SignUp;
use crate::subscribers::lifecycle::Confirmed;
use crate::subscribers::token::{Purpose, Subject};
use crate::subscribers::{AddressKey, Cadence, Topics, Wishes};
use crate::text::HeaderText;

/// A form that comes back sooner was filled in by a program.
const SOONEST: i64 = 2;
/// And one that is older was kept by one.
const OLDEST: i64 = 24 * 3600;
/// Every form is answered after this long, whether it wrote something or not.
const ANSWERED_AFTER: Duration = Duration::from_millis(300);
/// The longest name.
const LONGEST_NAME: usize = 100;

/// The form.
pub(super) async fn form(State(site): State<Arc<Site>>, asked: Asked) -> Response<Body> {
    if !site.world.config.web.sign_up {
        return not_found(&site, asked.language);
    }
    let shown = u32::try_from(site.now().timestamp()).unwrap_or_default();
    let fields = context! {
        topics => choices(&site, &Wishes::default()).await,
        form_token => site.keys.sign(Purpose::Form, &Subject::from(0), shown),
    };
    site.pages.page(StatusCode::OK, "form.html", asked.language, fields)
}

/// The form, filled in.
pub(super) async fn subscribe(State(site): State<Arc<Site>>, asked: Asked, body: Bytes) -> Response<Body> {
    let began = Instant::now();
    let config = &site.world.config.web;
    let fields = Fields::parse(&body);
    let language = Language::of(fields.get("language")).unwrap_or(asked.language);
    if !config.sign_up {
        return not_found(&site, language);
    }
    let (email, name) = (EmailAddress::parse(fields.get("email")), name(fields.get("name")));
    let (Ok(email), Ok(name)) = (email, name) else {
        // What is no address at all is no secret.
        return site.pages.says(StatusCode::UNPROCESSABLE_ENTITY, language, &language.words().check_address);
    };
    if is_a_persons(&site, &fields) && !is_ours(&site, &email) {
        let form = SignUp {
            key: AddressKey(site.keys.address_key(&email)),
            mailbox: AddressKey(site.keys.mailbox_key(&email)),
            name,
            language: Some(language.tag().to_owned()),
            wishes: wishes(&fields, &site.topics().await),
            circumstances: circumstances(form_name(&fields), language, asked.network),
            limits: site.limits,
            email,
        };
        match site.store.sign_up(form, site.now()).await {
            Ok(outcome) => site.figures.signed_up(outcome),
            Err(_) => return unavailable(&site, language),
        }
    }
    tokio::time::sleep_until(began + ANSWERED_AFTER).await;
    site.pages.says(StatusCode::OK, language, &language.words().asked)
}

/// A form of another site has no token: it stands there for years.
fn form_name(fields: &Fields) -> &'static str {
    if fields.get("form").is_empty() { "embedded" } else { "page" }
}

/// Whether a person seems to have filled it in: the trap is empty, and it took them a while.
fn is_a_persons(site: &Site, fields: &Fields) -> bool {
    let token = fields.get("form");
    let in_time = token.is_empty()
        || site.keys.verify(Purpose::Form, token).is_ok_and(|claim| {
            let age = site.now().timestamp() - i64::from(claim.generation);
            (SOONEST..=OLDEST).contains(&age)
        });
    fields.get("website").is_empty() && in_time
}

/// Letters to our own addresses would come back to us for ever.
fn is_ours(site: &Site, email: &EmailAddress) -> bool {
    let newsletter = &site.world.config.newsletter;
    let own = [newsletter.from.as_ref(), newsletter.reply_to.as_ref()].into_iter().flatten();
    let own = own.map(|mailbox| &mailbox.address).chain(&newsletter.bounces).chain(&newsletter.unsubscribe);
    let nobody = ["postmaster", "mailer-daemon", "noreply", "no-reply"];
    own.into_iter().any(|own| own == email)
        || nobody.contains(&email.local_part().to_ascii_lowercase().as_str())
}

/// A name for the greeting. One that holds an address of the web is an advertisement.
fn name(raw: &str) -> Result<Option<HeaderText>, ()> {
    if raw.trim().is_empty() {
        return Ok(None);
    }
    let lower = raw.to_ascii_lowercase();
    let advertises = ["://", "www.", "http", "<", ">"].iter().any(|sign| lower.contains(sign))
        || raw.split_whitespace().any(looks_like_a_host);
    if advertises || raw.chars().count() > LONGEST_NAME {
        return Err(());
    }
    HeaderText::parse(raw).map(Some).map_err(drop)
}

/// `evil.example`, but not `J.` or `김.민준`.
fn looks_like_a_host(word: &str) -> bool {
    word.trim_end_matches(['.', ',', '!', '/']).rsplit_once('.').is_some_and(|(before, last)| {
        before.chars().count() > 2 && last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// What was chosen, as far as there is such a choice.
pub(super) fn wishes(fields: &Fields, topics: &[HeaderText]) -> Wishes {
    let chosen = topics.iter().filter(|topic| fields.all("topic").any(|name| name == topic.as_str()));
    let chosen: Vec<HeaderText> = chosen.cloned().collect();
    // Every box ticked means everything, also what will be written about next year.
    let topics = if chosen.len() == topics.len() { Topics::Everything } else { Topics::only(chosen) };
    Wishes { cadence: Cadence::from_word(fields.get("cadence")).unwrap_or_default(), topics }
}

/// The boxes to tick, as the form shows them.
pub(super) async fn choices(site: &Site, wishes: &Wishes) -> minijinja::Value {
    let topics = site.topics().await;
    // One category alone is no choice.
    let shown = if topics.len() > 1 { topics.as_slice() } else { &[] };
    let chosen = |topic: &HeaderText| matches!(&wishes.topics, Topics::Only(only) if only.contains(topic));
    let choices = shown.iter().map(|topic| context! { name => topic.as_str(), chosen => chosen(topic) });
    choices.collect::<Vec<_>>().into()
}

/// The page behind the link of a confirmation letter. Looking at it confirms nothing: scanners look at every link.
pub(super) async fn confirm_page(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let words = asked.language.words();
    if site.reader(Purpose::Confirm, &token).is_none() {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    }
    let action = context! { action => format!("confirm/{token}") };
    site.pages.message(StatusCode::OK, asked.language, &words.confirm, action)
}

/// The button on it.
pub(super) async fn confirm(
    State(site): State<Arc<Site>>,
    Path(token): Path<String>,
    asked: Asked,
) -> Response<Body> {
    let words = asked.language.words();
    let Some((key, generation)) = site.reader(Purpose::Confirm, &token) else {
        return site.pages.says(StatusCode::OK, asked.language, &words.nothing);
    };
    let circumstances = circumstances("confirm", asked.language, asked.network);
    match site.store.confirm(key, generation, circumstances, site.now()).await {
        Ok(Confirmed::Now) => site.pages.says(StatusCode::OK, asked.language, &words.confirmed),
        Ok(Confirmed::Already) => site.pages.says(StatusCode::OK, asked.language, &words.already),
        Ok(Confirmed::Expired) => {
            site.pages.message(StatusCode::OK, asked.language, &words.expired, context! { again => true })
        }
        Ok(Confirmed::Stale) => site.pages.says(StatusCode::OK, asked.language, &words.nothing),
        Err(_) => unavailable(&site, asked.language),
    }
}

/// The form for the pages of other sites: plain HTML, without any script.
pub fn snippet(config: &crate::config::Config) -> Option<String> {
    let action = config.web.url.as_ref()?.join("subscribe");
    let language = Language::of(&config.site.language).unwrap_or(Language::English);
    let words = language.words();
    Some(format!(
        "<form method=\"post\" action=\"{action}\">\n  \
           <label>{} <input type=\"email\" name=\"email\" required maxlength=\"254\" autocomplete=\"email\"></label>\n  \
           <input type=\"hidden\" name=\"language\" value=\"{}\">\n  \
           <button type=\"submit\">{}</button>\n</form>\n",
        words.email,
        language.tag(),
        words.subscribe,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_greets_a_person_and_advertises_nothing() {
        for good in ["김민준", "J. R. R. Kim", "山田 太郎", "Anne-Marie O'Hara", "Dr. Lee", "김.민준"]
        {
            assert!(name(good).unwrap().is_some(), "{good}");
        }
        for bad in [
            "win at evil.example",
            "http://x",
            "WWW.evil",
            "<b>",
            "a\u{0}b",
            "visit spam.com!",
            &"가".repeat(101),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert_eq!(name("   "), Ok(None));
    }
}
