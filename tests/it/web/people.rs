//! People use the pages, button by button, in three languages.

use axum::http::StatusCode;
use chrono::TimeDelta;
use letterpress::internals::clock::Clock as _;
use letterpress::internals::store::posts::Approval;
use letterpress::internals::subscribers::token::{Purpose, Subject};
use letterpress::internals::subscribers::{Frequency, SubscriptionStatus};
use letterpress::internals::text::hex;

use super::TestSite;
use super::site::KIM;

/// The path of an address on a page.
fn path(action: &str) -> String {
    action.replace("&amp;", "&")
}

#[tokio::test]
async fn an_unsubscribe_can_be_undone_for_a_day() {
    let site = TestSite::new().await;
    let page = site.get(&format!("/leave/{}", site.unsubscribe_token())).await;
    assert!(
        page.text().contains("mailto:leave@letters.example?subject=unsubscribe%20v1."),
        "{}",
        page.text()
    );
    let unsubscribed = site.post(&path(&page.actions()[0]), "do=leave").await;
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
    let undo = path(&unsubscribed.actions()[0]);
    assert!(undo.starts_with("/undo/"));
    let page = site.get(&undo).await;
    assert_eq!(
        site.status(KIM).await,
        Some(SubscriptionStatus::Unsubscribed),
        "opening the page changes nothing"
    );
    assert_eq!(site.post(&path(&page.actions()[0]), "").await.status, 200);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
    // The link of the first unsubscribe is invalid after the second one.
    site.post(&format!("/u/{}", site.unsubscribe_token()), "").await;
    assert_eq!(site.post(&undo, "").await.status, 410);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
    site.wait(TimeDelta::hours(25));
    assert_eq!(site.post(&format!("/undo/{}", site.token(Purpose::Undo, KIM, 3)), "").await.status, 410);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
}

#[tokio::test]
async fn a_subscriber_switches_to_fewer_emails_instead_of_unsubscribing() {
    let site = TestSite::new().await;
    let page = site.get(&format!("/leave/{}", site.unsubscribe_token())).await;
    assert!(
        page.text().contains("value=\"기술\"") && page.text().contains("value=\"일상\""),
        "{}",
        page.text()
    );
    let less = "do=less&cadence=weekly&about=some&topic=%EA%B8%B0%EC%88%A0";
    assert_eq!(site.post(&path(&page.actions()[1]), less).await.status, 200);
    let subscriber = site.session.store.subscriber(site.key(KIM)).await.unwrap().unwrap();
    assert_eq!(
        (subscriber.profile.status, subscriber.profile.preferences.frequency),
        (SubscriptionStatus::Active, Frequency::Weekly)
    );
    // The preferences page shows it and can undo it.
    let choose = format!("/choose/{}", site.token(Purpose::Manage, KIM, 1));
    let page = site.get(&choose).await.text();
    assert!(page.contains("value=\"weekly\" checked") && page.contains("value=\"기술\" checked"), "{page}");
    assert!(!page.contains("value=\"일상\" checked"));
    assert_eq!(site.post(&choose, "cadence=each&about=everything").await.status, 200);
    let subscriber = site.session.store.subscriber(site.key(KIM)).await.unwrap().unwrap();
    assert_eq!(subscriber.profile.preferences, letterpress::internals::subscribers::Preferences::default());
    // After an unsubscribe there are no preferences to change, and changing them does not resubscribe.
    site.post(&format!("/u/{}", site.unsubscribe_token()), "").await;
    assert_eq!(site.post(&choose, "cadence=weekly").await.status, 200);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
}

#[tokio::test]
async fn a_data_export_link_works_for_an_hour() {
    let site = TestSite::new().await;
    let data = format!("/data/{}", site.data_token(KIM));
    let page = site.get(&data).await;
    assert!(page.text().contains(KIM), "{}", page.text());
    let json = site.get(&format!("{data}?as=json")).await;
    assert_eq!(json.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(
        (json.header("cache-control"), json.header("x-robots-tag")),
        ("no-store", "noindex, nofollow")
    );
    let value: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    assert_eq!(value["reader"][0]["email"], KIM);
    site.wait(TimeDelta::minutes(61));
    assert_eq!(site.get(&data).await.status, 404);
    assert_eq!(site.post(&data, "sure=yes").await.status, 404);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
}

#[tokio::test]
async fn a_writer_approves_an_email_by_its_link_and_looking_at_the_page_approves_nothing() {
    let site = TestSite::new().await;
    let (post, content) = ("tag:letters.example,2026-11-20:slow", [7; 16]);
    let store = &site.session.store;
    store.ask_approval(post, &hex(&content), site.clock.now()).await.unwrap();
    let approval = async || store.approval(post, &hex(&content)).await.unwrap();
    let approve = |content| {
        format!("/approve/{}", site.session.keys.sign(Purpose::Approve, &Subject::from(content), 1))
    };
    let page = site.get(&approve(content)).await;
    assert!(matches!(approval().await, Approval::Asked(_)));
    assert_eq!(site.post(&path(&page.actions()[0]), "").await.status, 200);
    assert_eq!(approval().await, Approval::Given);
    assert_eq!(
        site.post(&approve([8; 16]), "").await.status,
        410,
        "no approval was requested for this content"
    );
    assert_eq!(site.post(&format!("/approve/{}", site.unsubscribe_token()), "").await.status, 404);
}

#[tokio::test]
async fn every_page_is_available_in_every_language_and_declares_its_language_and_direction() {
    let site = TestSite::new().await;
    site.publish().await;
    let unsubscribe_token = site.unsubscribe_token();
    let confirm = site.token(Purpose::Confirm, KIM, 1);
    let undo = site.token(Purpose::Undo, KIM, 1);
    let choose = site.token(Purpose::Manage, KIM, 1);
    let data = site.data_token(KIM);
    let approve = site.session.keys.sign(Purpose::Approve, &Subject::from([7; 16]), 1);
    for (lang, word) in [
        ("en", "Email address"),
        ("ko", "이메일 주소"),
        ("ja", "メールアドレス"),
        ("zh-Hans", "邮箱地址"),
        ("zh-Hant", "電子郵件地址"),
        ("de", "E-Mail-Adresse"),
        ("fr", "Adresse e-mail"),
        ("es", "Correo electrónico"),
        ("pt", "Endereço de e-mail"),
        ("ar", "عنوان البريد الإلكتروني"),
        ("he", "כתובת דוא״ל"),
    ] {
        let dir = if ["ar", "he"].contains(&lang) { "rtl" } else { "ltr" };
        assert!(site.get(&format!("/?lang={lang}")).await.text().contains(word));
        for path in [
            "/".to_owned(),
            "/data".to_owned(),
            "/issues/".to_owned(),
            "/nothing".to_owned(),
            "/leave/bad".to_owned(),
            format!("/leave/{unsubscribe_token}"),
            format!("/u/{unsubscribe_token}"),
            format!("/confirm/{confirm}"),
            format!("/undo/{undo}"),
            format!("/approve/{approve}"),
            format!("/choose/{choose}"),
            format!("/data/{data}"),
        ] {
            let reply = site.get(&format!("{path}?lang={lang}")).await;
            assert!(matches!(reply.status, StatusCode::OK | StatusCode::NOT_FOUND), "{path} {lang}");
            assert!(reply.text().contains(&format!("<html lang=\"{lang}\" dir=\"{dir}\">")), "{path}");
            assert_eq!(reply.header("content-language"), lang);
            assert!(!reply.text().contains("{site}") && !reply.text().contains("{{"), "{}", reply.text());
            let by_browser = site.send("GET", &path, &[("accept-language", lang)], "").await;
            assert_eq!(by_browser.header("content-language"), lang, "{path}");
        }
    }
    assert_eq!(site.get("/").await.header("content-language"), "ko", "the language of the site");
}

#[tokio::test]
async fn issue_pages_show_what_was_sent_without_personal_data() {
    let site = TestSite::new().await;
    assert!(site.get("/issues/").await.text().contains("아직 발송된 뉴스레터가 없습니다"));
    site.publish().await;
    let index = site.get("/issues/").await.text();
    let link = index.split("href=\"/issues/2").nth(1).unwrap().split('"').next().unwrap();
    let issue = site.get(&format!("/issues/2{link}")).await;
    let text = issue.text();
    assert!(text.contains("천천히 온다") && !text.contains("안녕하세요"), "{text}");
    assert!(!text.contains("v1.k1.") && !text.contains(KIM), "no token, no address");
    assert!(text.contains("href=\"/\""), "the way out leads to the way in");
    assert!(
        text.contains("<a style=\"color:inherit\" href=\"/issues/?lang=ko\">지난 뉴스레터</a>"),
        "{text}"
    );
    assert!(text.contains("href=\"/?lang=ko\">구독하기</a>") && !text.contains("rel=\"prev\""), "{text}");
    let sheets = text.matches("<style").count();
    assert!(sheets > 0);
    assert_eq!(issue.header("content-security-policy").matches("'sha256-").count(), sheets);
    assert_eq!(issue.header("x-robots-tag"), "all");
    let hidden = TestSite::with("index = false\n").await;
    assert!(hidden.get("/issues/").await.header("x-robots-tag").contains("noindex"));
    let closed = TestSite::with("issues = false\n").await;
    closed.publish().await;
    assert_eq!(closed.get("/issues/").await.status, 404);
    assert_eq!(closed.get(&format!("/issues/2{link}")).await.status, 404);
}

#[tokio::test]
async fn the_style_sheet_is_cached_permanently() {
    let site = TestSite::new().await;
    let page = site.get("/").await.text();
    let style = page.split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap();
    let reply = site.get(&format!("/assets/{style}")).await;
    assert_eq!(reply.header("content-type"), "text/css; charset=utf-8");
    assert!(reply.header("cache-control").contains("immutable"));
    assert!(!reply.text().contains("url(") && !reply.text().contains("@import"), "nothing from elsewhere");
}
