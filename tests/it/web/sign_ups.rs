//! The rows H7 to H9: the responses of the sign-up form and its limits.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::{Duration as Span, TimeDelta};
use letterpress::subscribers::token::Purpose;
use letterpress::subscribers::{Frequency, SubscriptionStatus, Topics};

use super::House;
use super::house::KIM;

async fn sign_up(house: &House, address: &str) -> super::Reply {
    house.post("/subscribe", &format!("email={address}&form=embedded")).await
}

#[tokio::test]
async fn h07_the_form_gives_the_same_response_in_the_same_time_for_every_address() {
    let house = House::with(
        "limits = { per_hour = 1000, per_network_per_hour = 1000, per_domain_per_hour = 1000 }\n",
    )
    .await;
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    house.session.store.suppress(house.key("gone@example.org"), "complaint", "test", now).await.unwrap();
    house.enrol("erased@example.org").await;
    house.session.store.erase(house.key("erased@example.org"), "test", now).await.unwrap();
    house.enrol("left@example.org").await;
    house.session.store.unsubscribe(house.key("left@example.org"), "test", None, now).await.unwrap();
    sign_up(&house, "unconfirmed@example.org").await;

    let first = sign_up(&house, "new@example.org").await;
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
        let reply = sign_up(&house, address).await;
        assert!(began.elapsed() >= Duration::from_millis(150), "{address}");
        assert_eq!(
            (reply.status, &reply.headers, &reply.bytes),
            (first.status, &first.headers, &first.bytes),
            "{address}"
        );
    }
    let mut errands = house.errands();
    errands.sort();
    let errand = |kind: &str, address: &str| (kind.to_owned(), address.to_owned());
    assert_eq!(
        errands,
        [
            errand("confirm", "erased@example.org"),
            errand("confirm", "left@example.org"),
            errand("confirm", "new@example.org"),
            errand("confirm", "unconfirmed@example.org"),
            errand("known", KIM),
        ]
    );
    // The same for the data request form.
    let known = house.post("/data", &format!("email={KIM}")).await;
    let unknown = house.post("/data", "email=nobody@example.org").await;
    assert_eq!(
        (known.status, &known.headers, &known.bytes),
        (unknown.status, &unknown.headers, &unknown.bytes)
    );
    assert!(house.errands().contains(&errand("data", KIM)));
}

#[tokio::test]
async fn h08_a_flood_of_forms_gets_the_same_page_and_causes_few_emails() {
    let house = House::new().await;
    for spelling in ["lee@gmail.com", "l.ee@gmail.com", "lee+a@gmail.com", "Lee@gmail.com"] {
        assert_eq!(sign_up(&house, &spelling.replace('+', "%2B")).await.status, 200);
    }
    assert_eq!(house.errands().len(), 1, "one email a day for each mailbox: {:?}", house.errands());
    let mut pages = std::collections::BTreeSet::new();
    for number in 0..12 {
        pages.insert(sign_up(&house, &format!("reader{number}@example{number}.org")).await.bytes);
    }
    assert_eq!(pages.len(), 1);
    // Ten in an hour from one network, a quarter of them at once.
    assert!((1..=4).contains(&house.errands().len()), "{:?}", house.errands());
    // An hour later there are new permits; a restart of the server does not add more.
    let before = house.errands().len();
    house.wait(TimeDelta::hours(1));
    sign_up(&house, "late@example.com").await;
    assert_eq!(house.errands().len(), before + 1);
}

#[tokio::test]
async fn h09_a_bot_gets_the_page_and_causes_no_email() {
    let house = House::new().await;
    let token = house.get("/").await.field("token");
    let person = |address: &str| format!("email={address}&form=page&token={token}&website=");
    let sent = house
        .post("/subscribe", &format!("{}&website=x", person("a@example.org").replace("&website=", "")))
        .await;
    assert_eq!(sent.status, 200);
    let quick = house.post("/subscribe", &person("b@example.org")).await;
    let without = house.post("/subscribe", "email=c@example.org&form=page").await;
    let forged = house.post("/subscribe", "email=d@example.org&form=page&token=v1.k1.f.1.1.aa").await;
    house.wait(Span::hours(25));
    let stale = house.post("/subscribe", &person("e@example.org")).await;
    for reply in [&quick, &without, &forged, &stale] {
        assert_eq!((reply.status, &reply.bytes), (StatusCode::OK, &sent.bytes));
    }
    assert!(house.errands().is_empty(), "{:?}", house.errands());
    let token = house.get("/").await.field("token");
    house.wait(Span::seconds(3));
    let person =
        house.post("/subscribe", &format!("email=f@example.org&form=page&token={token}&website=")).await;
    assert_eq!(person.bytes, sent.bytes);
    assert_eq!(house.errands().len(), 1);
}

#[tokio::test]
async fn preferences_apply_from_the_confirmation_and_the_consent_is_recorded() {
    let house = House::new().await;
    let form = "email=lee@example.org&form=embedded&name=%EC%9D%B4&cadence=weekly&about=some&topic=%EA%B8%B0%EC%88%A0&topic=made-up&language=ja";
    assert_eq!(house.post("/subscribe?lang=ja", form).await.status, 200);
    assert_eq!(house.status("lee@example.org").await, Some(SubscriptionStatus::Unconfirmed));
    house.post(&format!("/confirm/{}", house.token(Purpose::Confirm, "lee@example.org", 1)), "").await;
    let subscriber = house.session.store.subscriber(house.key("lee@example.org")).await.unwrap().unwrap();
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
    let record = house.database().query_row(
        "SELECT form, length(wording), network FROM consent WHERE word = 'asked'",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, String>(2)?)),
    );
    assert_eq!(record.unwrap(), ("embedded 2 (ja)".to_owned(), 32, "127.0.0.0/24".to_owned()));
}

#[tokio::test]
async fn an_invalid_address_or_name_is_reported_at_once() {
    let house = House::new().await;
    for form in ["email=", "email=kim", "name=x", "email=a@example.org&name=https://cheap.example"] {
        let reply = house.post("/subscribe", &format!("{form}&form=embedded")).await;
        assert_eq!(reply.status, 422, "{form}");
        assert!(reply.text().contains("role=\"alert\""));
    }
    assert!(house.errands().is_empty());
}

#[tokio::test]
async fn a_site_without_sign_up_has_no_form() {
    let house = House::with("sign_up = false\n").await;
    assert!(!house.get("/").await.text().contains("<form"));
    assert_eq!(sign_up(&house, "a@example.org").await.status, 404);
    assert!(house.errands().is_empty());
}
