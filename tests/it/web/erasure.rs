//! X22: after an erasure the database files do not contain the address, and no import brings it back.

use letterpress::internals::subscribers::SubscriptionStatus;

use super::TestSite;

const LEE: &str = "lee.unique.address@example.org";

/// Whether any file of the database contains the bytes.
fn contains_bytes(site: &TestSite, needle: &str) -> Vec<String> {
    ["letterpress.db", "letterpress.db-wal", "letterpress.db-shm"]
        .into_iter()
        .filter(|name| {
            // Read by another process: closing the file in this process would release the locks of its connections.
            let bytes = std::process::Command::new("cat").arg(site.path(name)).output().unwrap().stdout;
            bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
        })
        .map(str::to_owned)
        .collect()
}

/// A site with a subscriber who was sent an email, requested their data, and changed preferences.
async fn with_lee() -> TestSite {
    let site = TestSite::new().await;
    site.add_subscriber(LEE).await;
    site.publish().await;
    site.post("/data", &format!("email={LEE}")).await;
    site.post("/subscribe", &format!("email={LEE}&form=embedded&name=Lee+Unique")).await;
    assert!(!contains_bytes(&site, LEE).is_empty());
    site
}

#[tokio::test]
async fn x22_the_page_erases_after_two_confirmations_and_nothing_is_left_in_the_files() {
    let site = with_lee().await;
    let data = format!("/data/{}", site.data_token(LEE));
    let sure = site.post(&data, "").await;
    assert_eq!(sure.field("sure"), "yes");
    assert_eq!(site.status(LEE).await, Some(SubscriptionStatus::Active), "the first click only asks");
    assert_eq!(site.post(&data, "sure=yes").await.status, 200);
    assert_eq!(contains_bytes(&site, LEE), Vec::<String>::new());
    assert_eq!(contains_bytes(&site, "lee unique"), Vec::<String>::new());
    assert_eq!(site.status(LEE).await, Some(SubscriptionStatus::Suppressed));
    // No import brings it back; only the subscriber can.
    site.add_subscriber(LEE).await;
    assert_eq!(site.status(LEE).await, Some(SubscriptionStatus::Suppressed));
    assert_eq!(site.post(&data, "sure=yes").await.status, 200, "a second erasure changes nothing");
    assert_eq!(
        site.session.store.verify().await.unwrap(),
        Vec::<String>::new(),
        "the event chain is still valid"
    );
}

#[tokio::test]
async fn x22_the_command_line_exports_and_erases_and_names_the_remaining_files() {
    let site = with_lee().await;
    site.write("readers.csv", &format!("email,consented\n{LEE},2026-01-01\n"));
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("[newsletter]\n", "[newsletter]\nlist = \"readers.csv\"\n"));
    let run = |arguments: &[&str]| {
        let output = site.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, json) = run(&["subscribers", "export-personal-data", LEE]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, value["reader"][0]["email"].as_str()), (0, Some(LEE)), "{json}");
    assert_eq!(value["letters"].as_array().unwrap().len(), 1, "{json}");

    let (code, output) = run(&["subscribers", "erase", LEE]);
    assert!(code == 1 && output.contains("nothing was erased") && output.contains("--yes"), "{output}");
    assert_eq!(site.status(LEE).await, Some(SubscriptionStatus::Active));

    let (code, output) = run(&["subscribers", "erase", LEE, "--yes"]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("readers.csv") && output.contains(".eml"), "{output}");
    assert_eq!(site.status(LEE).await, Some(SubscriptionStatus::Suppressed));
    let (_, output) = run(&["subscribers", "import", "readers.csv", "--confirmed"]);
    assert!(output.contains("1 excluded"), "{output}");
    assert_eq!(contains_bytes(&site, LEE), Vec::<String>::new());
}
