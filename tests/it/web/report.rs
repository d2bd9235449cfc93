//! The report at its secret address.

use axum::http::StatusCode;

use super::TestSite;
use super::site::KIM;

const SECRET: &str = "5f0c2a7e91b34d68a0c1";

#[tokio::test]
async fn the_report_is_shown_to_those_who_know_its_address_and_to_nobody_else() {
    let site = TestSite::with(&format!("report = \"{SECRET}\"\n")).await;
    site.publish().await;
    let reply = site.get(&format!("/report/{SECRET}")).await;
    assert_eq!(reply.status, StatusCode::OK);
    let page = reply.text();
    assert!(!page.contains(KIM));
    assert!(page.contains("천천히 오는 편지") && page.contains("<svg"), "{page}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(reply.header("x-robots-tag").contains("noindex"));
    assert!(reply.header("content-security-policy").contains("'sha256-"));
    for path in [
        "/report",
        "/report/",
        "/report/token",
        &format!("/report/{SECRET}0"),
        &format!("/report/{}", &SECRET[..19]),
        &format!("/report/{SECRET}/"),
    ] {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let output = site.output.lock().unwrap().clone();
    assert!(output.contains("/report/{*token} 200") && !output.contains(SECRET), "{output}");
}

#[tokio::test]
async fn without_a_secret_there_is_no_report() {
    let site = TestSite::new().await;
    for path in ["/report/", "/report/token", "/report/5f0c2a7e91b34d68a0c1"] {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
