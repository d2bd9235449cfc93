//! The rows H7 to H9: the responses of the sign-up form and its limits.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::{Duration as Span, TimeDelta};
use letterpress::internals::subscribers::token::Purpose;
use letterpress::internals::subscribers::{Frequency, SubscriptionStatus, Topics};

use super::TestSite;
use super::site::KIM;

async fn sign_up(site: &TestSite, address: &str) -> super::Reply {
    site.post("/subscribe", &format!("email={address}&form=embedded")).await
}

#[tokio::test]
async fn h07_the_form_gives_the_same_response_in_the_same_time_for_every_address() {
    let site = TestSite::with(
        "limits = { per_hour = 1000, per_network_per_hour = 1000, per_domain_per_hour = 1000 }\n",
    )
    .await;
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    site.session.store.suppress(site.key("gone@example.org"), "complaint", "test", now).await.unwrap();
    site.add_subscriber("erased@example.org").await;
    site.session.store.erase(site.key("erased@example.org"), "test", now).await.unwrap();
    site.add_subscriber("left@example.org").await;
    site.session.store.unsubscribe(site.key("left@example.org"), "test", None, now).await.unwrap();
    sign_up(&site, "unconfirmed@example.org").await;

    let first = sign_up(&site, "new@example.org").await;
    assert_eq!(first.status, 200);
    for address in [
        KIM,
        "gone@example.org",
        "erased@example.org",
        "left@example.org",
        "unconfirmed@example.org",
        "new@example.org",
    ] {
        let began = Instant::now();
        let reply = sign_up(&site, address).await;
        assert!(began.elapsed() >= Duration::from_millis(150), "{address}");
        assert_eq!(
            (reply.status, &reply.headers, &reply.bytes),
            (first.status, &first.headers, &first.bytes),
            "{address}"
        );
    }
    let mut emails = site.transactional();
    emails.sort();
    let queued = |kind: &str, address: &str| (kind.to_owned(), address.to_owned());
    assert_eq!(
        emails,
        [
            queued("confirm", "erased@example.org"),
            queued("confirm", "left@example.org"),
            queued("confirm", "new@example.org"),
            queued("confirm", "unconfirmed@example.org"),
            queued("known", KIM),
        ]
    );
    // The same for the data request form.
    let known = site.post("/data", &format!("email={KIM}")).await;
    let unknown = site.post("/data", "email=nobody@example.org").await;
    assert_eq!(
        (known.status, &known.headers, &known.bytes),
        (unknown.status, &unknown.headers, &unknown.bytes)
    );
    assert!(site.transactional().contains(&queued("data", KIM)));
}

#[tokio::test]
async fn h08_a_flood_of_forms_gets_the_same_page_and_causes_few_emails() {
    let site = TestSite::new().await;
    for spelling in ["lee@gmail.com", "l.ee@gmail.com", "lee+a@gmail.com", "Lee@gmail.com"] {
        assert_eq!(sign_up(&site, &spelling.replace('+', "%2B")).await.status, 200);
    }
    assert_eq!(site.transactional().len(), 1, "one email a day for each mailbox: {:?}", site.transactional());
    let mut pages = std::collections::BTreeSet::new();
    for number in 0..12 {
        pages.insert(sign_up(&site, &format!("reader{number}@example{number}.org")).await.bytes);
    }
    assert_eq!(pages.len(), 1);
    // Ten in an hour from one network, a quarter of them at once.
    assert!((1..=4).contains(&site.transactional().len()), "{:?}", site.transactional());
    // An hour later there are new permits; a restart of the server does not add more.
    let before = site.transactional().len();
    site.wait(TimeDelta::hours(1));
    sign_up(&site, "late@example.com").await;
    assert_eq!(site.transactional().len(), before + 1);
}

#[tokio::test]
async fn h09_a_bot_gets_the_page_and_causes_no_email() {
    let site = TestSite::new().await;
    let token = site.get("/").await.field("token");
    let person = |address: &str| format!("email={address}&form=page&token={token}&website=");
    let sent = site
        .post("/subscribe", &format!("{}&website=x", person("a@example.org").replace("&website=", "")))
        .await;
    assert_eq!(sent.status, 200);
    let quick = site.post("/subscribe", &person("b@example.org")).await;
    let without = site.post("/subscribe", "email=c@example.org&form=page").await;
    let forged = site.post("/subscribe", "email=d@example.org&form=page&token=v1.k1.f.1.1.aa").await;
    site.wait(Span::hours(25));
    let stale = site.post("/subscribe", &person("e@example.org")).await;
    for reply in [&quick, &without, &forged, &stale] {
        assert_eq!((reply.status, &reply.bytes), (StatusCode::OK, &sent.bytes));
    }
    assert!(site.transactional().is_empty(), "{:?}", site.transactional());
    let token = site.get("/").await.field("token");
    site.wait(Span::seconds(3));
    let person =
        site.post("/subscribe", &format!("email=f@example.org&form=page&token={token}&website=")).await;
    assert_eq!(person.bytes, sent.bytes);
    assert_eq!(site.transactional().len(), 1);
}

#[tokio::test]
async fn preferences_apply_from_the_confirmation_and_the_consent_is_recorded() {
    let site = TestSite::new().await;
    let form = "email=lee@example.org&form=embedded&name=%EC%9D%B4&cadence=weekly&about=some&topic=%EA%B8%B0%EC%88%A0&topic=made-up&language=ja";
    assert_eq!(site.post("/subscribe?lang=ja", form).await.status, 200);
    assert_eq!(site.status("lee@example.org").await, Some(SubscriptionStatus::Unconfirmed));
    site.post(&format!("/confirm/{}", site.token(Purpose::Confirm, "lee@example.org", 1)), "").await;
    let subscriber = site.session.store.subscriber(site.key("lee@example.org")).await.unwrap().unwrap();
    assert_eq!(subscriber.profile.status, SubscriptionStatus::Active);
    assert_eq!(subscriber.profile.preferences.frequency, Frequency::Weekly);
    let Topics::Only(topics) = &subscriber.profile.preferences.topics else { panic!("{subscriber:?}") };
    assert_eq!(
        topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["기술"],
        "a topic that is not offered is ignored"
    );
    assert_eq!(
        (subscriber.profile.language.as_deref(), subscriber.profile.name.unwrap().as_str()),
        (Some("ja"), "이")
    );
    // The form and its language, the hash of its text, and the network.
    let record = site.database().query_row(
        "SELECT form, length(wording), network FROM consent WHERE action = 'asked'",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?)),
    );
    assert_eq!(record.unwrap(), ("embedded 2 (ja)".to_owned(), 32, "127.0.0.0/24".to_owned()));
}

#[tokio::test]
async fn an_invalid_address_or_name_is_reported_at_once() {
    let site = TestSite::new().await;
    for form in ["email=", "email=kim", "name=x", "email=a@example.org&name=https://cheap.example"] {
        let reply = site.post("/subscribe", &format!("{form}&form=embedded")).await;
        assert_eq!(reply.status, 422, "{form}");
        assert!(reply.text().contains("role=\"alert\""));
    }
    assert!(site.transactional().is_empty());
}

#[tokio::test]
async fn a_site_without_sign_up_has_no_form() {
    let site = TestSite::with("sign_up = false\n").await;
    assert!(!site.get("/").await.text().contains("<form"));
    assert_eq!(sign_up(&site, "a@example.org").await.status, 404);
    assert!(site.transactional().is_empty());
}
