//! The rows H1 to H6, H10 to H20 of bad requests, without a socket.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::TimeDelta;
use letterpress::internals::subscribers::SubscriptionStatus;
use letterpress::internals::subscribers::token::{Purpose, Subject, TokenKeys};

use super::site::{KIM, URL};
use super::{Reply, TestSite};

/// How three mail programs send a one-click unsubscribe: `Content-Type`, body, `User-Agent`.
const ONE_CLICK: [(&str, &str, &str); 3] = [
    (
        "application/x-www-form-urlencoded",
        "List-Unsubscribe=One-Click",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ),
    (
        "multipart/form-data; boundary=----=_Part_1",
        "------=_Part_1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n------=_Part_1--\r\n",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ),
    (
        "application/x-www-form-urlencoded",
        "List-Unsubscribe=One-Click",
        "Mail/3774.600.62 CFNetwork/1498.700.2 Darwin/23.6.0",
    ),
];

/// Every address that accepts a token, with a valid one.
fn token_addresses(site: &TestSite) -> Vec<(String, Purpose)> {
    [
        ("u", site.unsubscribe_token(), Purpose::Unsubscribe),
        ("leave", site.unsubscribe_token(), Purpose::Unsubscribe),
        ("confirm", site.token(Purpose::Confirm, KIM, 1), Purpose::Confirm),
        ("undo", site.token(Purpose::Undo, KIM, 1), Purpose::Undo),
        ("choose", site.token(Purpose::Manage, KIM, 1), Purpose::Manage),
        ("data", site.data_token(KIM), Purpose::Data),
    ]
    .map(|(door, token, purpose)| (format!("/{door}/{token}"), purpose))
    .to_vec()
}

#[tokio::test]
async fn h01_opening_a_link_changes_nothing_and_is_not_cached() {
    let site = TestSite::new().await;
    site.publish().await;
    let before = site.rows();
    for (path, _) in token_addresses(&site) {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let reply = site.send(method, &path, &[], "").await;
            let expected = if method == "OPTIONS" { 405 } else { 200 };
            assert_eq!(reply.status, expected, "{method} {path}");
        }
        let reply = site.get(&path).await;
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert!(reply.header("x-robots-tag").contains("noindex"));
        assert!(!reply.headers.contains_key("set-cookie"));
    }
    assert_eq!(site.rows(), before);
}

#[tokio::test]
async fn h01_a_scanner_that_opens_every_link_of_an_email_changes_nothing() {
    let site = TestSite::new().await;
    site.publish().await;
    let email = email(&site);
    let before = site.rows();
    let links: BTreeSet<&str> = email
        .split(|c: char| c.is_whitespace() || "<>\"',".contains(c))
        .filter(|word| word.starts_with(URL))
        .collect();
    assert!(links.len() >= 2, "{email}");
    for link in links {
        let path = format!("/{}", link.strip_prefix(URL).unwrap());
        for method in ["HEAD", "GET"] {
            let reply = site.send(method, &path, &[("user-agent", "link scanner")], "").await;
            assert_eq!(reply.status, 200, "{link}");
        }
    }
    assert_eq!(site.rows(), before);
}

/// Separates the header of [`email`] from its parts.
const BODY: &str = "\n--- body ---\n";

/// The only message in the outbox: its header and its decoded parts.
fn email(site: &TestSite) -> String {
    let folder = std::fs::read_dir(site.path("outbox")).unwrap().next().unwrap().unwrap().path();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "eml")).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let mail = mail_parser::MessageParser::default().parse(&bytes).unwrap();
    let head = String::from_utf8_lossy(&bytes).split("\r\n\r\n").next().unwrap().to_owned();
    format!("{head}{BODY}{}\n{}", mail.body_text(0).unwrap(), mail.body_html(0).unwrap())
}

#[tokio::test]
async fn h02_one_click_from_gmail_yahoo_and_apple_is_committed_before_the_response() {
    for (kind, body, agent) in ONE_CLICK {
        let site = TestSite::new().await;
        let headers = [("content-type", kind), ("user-agent", agent), ("host", "news.letters.example")];
        let reply = site.send("POST", &format!("/u/{}", site.unsubscribe_token()), &headers, body).await;
        assert_eq!(reply.status, 200, "{agent}");
        assert!(!reply.headers.contains_key("location") && !reply.headers.contains_key("set-cookie"));
        // A second connection sees it, so it is committed.
        assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed), "{agent}");
    }
}

#[tokio::test]
async fn h03_one_click_a_thousand_times_and_after_an_erasure_is_one_unsubscribe() {
    let site = TestSite::new().await;
    let path = format!("/u/{}", site.unsubscribe_token());
    let first = site.send("POST", &path, &[], "").await;
    let after = site.rows();
    for _ in 0..1_000 {
        let again = site.send("POST", &path, &[], "").await;
        assert_eq!((again.status, &again.bytes), (StatusCode::OK, &first.bytes));
    }
    assert_eq!(site.rows(), after, "the second one changes nothing");
    site.session.store.erase(site.key(KIM), "test", "2026-11-20T10:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(site.send("POST", &path, &[], "").await.status, 200);
}

#[tokio::test]
async fn h04_one_click_without_a_body_or_with_another_body_unsubscribes_too() {
    let long = "a".repeat(9_000);
    for (kind, body) in [
        (None, ""),
        (Some("application/json"), "{\"unsubscribe\":true}"),
        (Some("text/plain"), "List-Unsubscribe=One-Click"),
        (Some("multipart/form-data"), "no boundary"),
        (Some("application/octet-stream"), "\u{0}\u{1}"),
        (Some("application/x-www-form-urlencoded"), long.as_str()),
    ] {
        let site = TestSite::new().await;
        let headers: Vec<_> = kind.iter().map(|kind| ("content-type", *kind)).collect();
        let reply = site.send("POST", &format!("/u/{}", site.unsubscribe_token()), &headers, body).await;
        assert_eq!(reply.status, 200, "{kind:?}");
        assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed), "{kind:?}");
    }
}

#[tokio::test]
async fn h05_a_page_needs_its_button_and_the_one_click_address_is_only_in_the_header() {
    let site = TestSite::new().await;
    site.publish().await;
    let email = email(&site);
    let (head, in_body) = email.split_once(BODY).unwrap();
    assert!(head.contains(&format!("<{URL}u/")) && !in_body.contains(&format!("{URL}u/")), "{email}");
    assert!(in_body.contains(&format!("{URL}leave/")));
    let path = format!("/leave/{}", site.unsubscribe_token());
    let page = site.get(&path).await;
    assert!(page.text().contains("<button>") && page.text().contains("method=\"post\""));
    assert!(!page.text().contains("<script") && !page.text().contains("onload"));
    // A POST without a button.
    assert_eq!(site.post(&path, "").await.status, 400);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
    assert_eq!(site.post(&path, "do=leave").await.status, 200);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
}

#[tokio::test]
async fn h06_every_invalid_token_gets_the_same_response() {
    let site = TestSite::new().await;
    let good = site.unsubscribe_token();
    let mut altered = good.clone().into_bytes();
    let last = altered.last_mut().unwrap();
    *last = if *last == b'a' { b'b' } else { b'a' };
    let foreign = TokenKeys::generate(std::array::from_fn(|at| u8::try_from(at * 7 % 251).unwrap()));
    let subject = Subject::from(site.key(KIM).0);
    let bad = [
        good[..good.len() - 1].to_owned(),
        String::from_utf8(altered).unwrap(),
        good.replace(".k1.", ".k9."),
        foreign.sign(Purpose::Unsubscribe, &subject, 1),
        site.session.keys.sign(Purpose::Unsubscribe, &Subject::from(7), 1),
        site.token(Purpose::Bounce, KIM, 1),
        "a".repeat(10_000),
        "%EA%B8%80".to_owned(),
        "%ff%fe".to_owned(),
        good.replace('.', "+"),
        format!("{good}/more"),
        "v1.k1.u..1.".to_owned(),
        "..%2f..%2f".to_owned(),
    ];
    let before = site.rows();
    for door in ["u", "leave", "confirm", "undo", "choose", "data"] {
        let expected = site.get(&format!("/{door}/nonsense")).await;
        assert_eq!(expected.status, 404);
        for token in &bad {
            let path = format!("/{door}/{token}");
            for reply in [site.get(&path).await, site.post(&path, "do=leave&sure=yes").await] {
                assert_eq!((reply.status, reply.text()), (expected.status, expected.text()), "{path}");
                assert_eq!(reply.headers, expected.headers);
            }
        }
    }
    assert_eq!(site.rows(), before);
    // Characters that mail programs append to a link do no harm.
    for rest in [".", "%3E", "&", ",", ")", "%22"] {
        assert_eq!(site.get(&format!("/leave/{good}{rest}")).await.status, 200, "{rest}");
    }
    assert_eq!(site.get(&format!("/leave/{}", good.to_uppercase())).await.status, 200);
}

#[tokio::test]
async fn x05_a_token_is_valid_for_one_purpose_only() {
    let site = TestSite::new().await;
    let token_addresses = token_addresses(&site);
    for (path, purpose) in &token_addresses {
        let door = path.split('/').nth(1).unwrap();
        for (other, foreign) in &token_addresses {
            let token = other.rsplit('/').next().unwrap();
            let expected = if foreign == purpose { 200 } else { 404 };
            assert_eq!(site.get(&format!("/{door}/{token}")).await.status, expected, "{foreign:?} at {door}");
            if foreign != purpose {
                let before = site.rows();
                let reply = site.post(&format!("/{door}/{token}"), "do=leave&sure=yes").await;
                assert_eq!((reply.status, site.rows()), (StatusCode::NOT_FOUND, before));
            }
        }
    }
}

#[tokio::test]
async fn h10_a_confirmation_counts_once_within_seven_days_and_not_after_an_unsubscribe() {
    let site = TestSite::new().await;
    site.post("/subscribe", "email=lee@example.org&form=embedded").await;
    let path = format!("/confirm/{}", site.token(Purpose::Confirm, "lee@example.org", 1));
    for _ in 0..2 {
        assert_eq!(site.post(&path, "").await.status, 200);
        assert_eq!(site.status("lee@example.org").await, Some(SubscriptionStatus::Active));
    }
    site.post(&format!("/u/{}", site.token(Purpose::Unsubscribe, "lee@example.org", 1)), "").await;
    let stale = site.post(&path, "").await;
    assert_eq!(stale.status, 404);
    assert_eq!(site.status("lee@example.org").await, Some(SubscriptionStatus::Unsubscribed));

    site.post("/subscribe", "email=park@example.org&form=embedded").await;
    site.wait(TimeDelta::days(8));
    let late =
        site.post(&format!("/confirm/{}", site.token(Purpose::Confirm, "park@example.org", 1)), "").await;
    assert_eq!(late.status, 410);
    assert!(
        late.text().contains("role=\"alert\"") && late.text().contains("name=\"email\""),
        "{}",
        late.text()
    );
    assert_eq!(site.status("park@example.org").await, Some(SubscriptionStatus::Unconfirmed));

    let elsewhere = TokenKeys::generate(std::array::from_fn(|at| u8::try_from(at * 11 % 251).unwrap()));
    let token = elsewhere.sign(Purpose::Confirm, &Subject::from(site.key("park@example.org").0), 1);
    assert_eq!(site.post(&format!("/confirm/{token}"), "").await.status, 404);
}

#[tokio::test]
async fn h11_no_request_redirects_to_another_site() {
    let site = TestSite::new().await;
    let token = site.unsubscribe_token();
    for next in ["https://evil.example", "//evil.example", "/%5Cevil.example"] {
        for path in [
            format!("/?next={next}"),
            format!("/subscribe?next={next}&redirect={next}"),
            format!("/leave/{token}?next={next}"),
        ] {
            let replies =
                [site.get(&path).await, site.post(&path, "email=a@example.org&next=//evil.example").await];
            for reply in replies {
                assert!(!reply.status.is_redirection() && !reply.headers.contains_key("location"));
                assert!(!reply.text().contains("evil.example"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn h12_the_host_header_is_ignored_and_only_a_proxy_sets_the_client_address() {
    let site = TestSite::with("proxies = [\"10.0.0.0/8\"]\n").await;
    let path = format!("/leave/{}", site.unsubscribe_token());
    let plain = site.get(&path).await.text();
    for header in
        ["host", "x-forwarded-host", "forwarded", "x-forwarded-proto", "x-original-url", "x-rewrite-url"]
    {
        let spoofed = site.send("GET", &path, &[(header, "evil.example")], "").await;
        assert_eq!(spoofed.text(), plain, "{header}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", "203.0.113.9")];
    site.send("POST", "/subscribe", &form, "email=lee@example.org&form=embedded").await;
    let network: String =
        site.database().query_row("SELECT network FROM consent", [], |row| row.get(0)).unwrap();
    assert_eq!(network, "127.0.0.0/24", "127.0.0.1 is not a configured proxy");
}

#[tokio::test]
async fn h14_unpublished_files_are_not_served() {
    let site = TestSite::new().await;
    site.publish().await;
    site.write("public/.git/config", "secret");
    site.write("public/.env", "secret");
    std::os::unix::fs::symlink("../letterpress.keys", site.path("public/keys.txt")).unwrap();
    let missing = site.get("/nothing").await;
    for path in [
        "/..%2fletterpress.keys",
        "/../letterpress.keys",
        "/%2e%2e/letterpress.keys",
        "/%252e%252e%252fletterpress.keys",
        "/..%5cletterpress.keys",
        "/rss.xml%00.html",
        "/.git/config",
        "/.env",
        "/./rss.xml",
        "//rss.xml",
        "/keys.txt",
        "/letterpress.db",
        "/config.toml",
        "/public/rss.xml",
        "/category",
        "/%ff",
    ] {
        let reply = site.get(path).await;
        assert_eq!((reply.status, reply.text()), (missing.status, missing.text()), "{path}");
    }
    assert_eq!(site.get("/rss.xml").await.status, 200);
}

#[tokio::test]
async fn h15_a_form_of_another_site_is_refused_where_it_could_change_something() {
    let site = TestSite::new().await;
    let before = site.rows();
    for fetch_site in ["cross-site", "same-site"] {
        for (path, _) in token_addresses(&site).iter().filter(|(path, _)| !path.starts_with("/u/")) {
            let headers = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("sec-fetch-site", fetch_site),
                ("origin", "https://evil.example"),
            ];
            let reply = site.send("POST", path, &headers, "do=leave&sure=yes").await;
            assert_eq!(reply.status, 403, "{path}");
            let reply = site.send("POST", path, &[headers[0], headers[2]], "do=leave&sure=yes").await;
            assert_eq!(reply.status, 403, "an older browser: {path}");
        }
    }
    let plain = [("content-type", "text/plain"), ("sec-fetch-site", "same-origin")];
    let leave = format!("/leave/{}", site.unsubscribe_token());
    assert_eq!(site.send("POST", &leave, &plain, "do=leave").await.status, 415);
    assert_eq!(site.rows(), before);
    // The embeddable form and the one-click unsubscribe are open to every origin.
    let foreign = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    assert_eq!(
        site.send("POST", "/subscribe", &foreign, "email=lee@example.org&form=embedded").await.status,
        200
    );
    assert_eq!(site.transactional().len(), 1);
    assert_eq!(
        site.send("POST", &format!("/u/{}", site.unsubscribe_token()), &foreign, "").await.status,
        200
    );
}

#[tokio::test]
async fn h16_input_is_not_echoed_and_no_page_can_run_a_script() {
    let site = TestSite::new().await;
    site.publish().await;
    let attack = "%3Cscript%3Ealert(7)%3C/script%3E";
    let typed = format!("email={attack}&name={attack}&topic={attack}&language={attack}&form={attack}");
    let replies = [
        site.get(&format!("/?lang={attack}&x={attack}")).await,
        site.get(&format!("/{attack}")).await,
        site.get(&format!("/leave/{attack}")).await,
        site.get(&format!("/issues/{attack}")).await,
        site.get(&format!("/issues/?page={attack}")).await,
        site.post(&format!("/subscribe?lang={attack}"), &typed).await,
        site.post("/subscribe", &format!("email=a@example.org&name={attack}&form=embedded")).await,
        site.post("/data", &typed).await,
        site.post(&format!("/choose/{}", site.token(Purpose::Manage, KIM, 1)), &typed).await,
    ];
    for reply in replies {
        assert!(!reply.text().contains("alert(7)"), "{}", reply.text());
        assert!(!reply.text().contains("<script"), "{}", reply.text());
        assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
    }
    // A post with a script: it was removed, and it could not run.
    let label = site.get("/issues/").await.text();
    let label = label.split("issues/2026").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let issue = site.get(&format!("/issues/2026{label}")).await;
    assert_eq!(issue.status, 200);
    let policy = issue.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert!(!policy.replace("style-src-attr 'unsafe-inline'", "").contains("unsafe"), "{policy}");
    assert!(!issue.text().contains("<script"));
}

#[tokio::test]
async fn x20_every_response_has_the_security_headers() {
    let site = TestSite::new().await;
    site.publish().await;
    let mut paths: Vec<String> = token_addresses(&site).into_iter().map(|(path, _)| path).collect();
    let fixed = ["/", "/subscribe", "/data", "/issues", "/healthz", "/rss.xml", "/nothing", "/leave/bad"];
    paths.extend(fixed.map(str::to_owned));
    for path in paths {
        let reply = site.get(&path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000", "{path}");
        assert!(reply.header("permissions-policy").contains("camera=()"), "{path}");
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!reply.headers.contains_key("set-cookie"), "{path}");
    }
}

#[tokio::test]
async fn h17_other_methods_are_refused_and_cannot_be_overridden() {
    let site = TestSite::new().await;
    let leave = format!("/leave/{}", site.unsubscribe_token());
    let before = site.rows();
    for method in ["TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "PROPFIND"] {
        for path in ["/", &leave, "/rss.xml", "/healthz"] {
            let reply = site.send(method, path, &[], "do=leave").await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert!(reply.header("allow").contains("GET"), "{method} {path}");
        }
    }
    for header in ["x-http-method-override", "x-method-override"] {
        assert_eq!(site.send("GET", &leave, &[(header, "POST")], "do=leave").await.status, 200);
    }
    assert_eq!(site.get(&format!("{leave}?_method=POST&do=leave")).await.status, 200);
    assert_eq!(site.rows(), before);
}

#[tokio::test]
async fn h18_bounce_reports_are_not_accepted_over_http() {
    let site = TestSite::new().await;
    for path in ["/webhook", "/webhooks/ses", "/inbox", "/bounces"] {
        assert_eq!(site.get(path).await.status, 404);
        assert_eq!(site.send("POST", path, &[("content-type", "application/json")], "{}").await.status, 405);
    }
}

#[tokio::test]
async fn h19_metrics_are_not_served_with_the_pages_and_health_has_no_details() {
    let site = TestSite::new().await;
    assert_eq!(site.get("/metrics").await.status, 404);
    let health = site.get("/healthz").await;
    assert_eq!((health.status, health.text().as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn h20_an_unsubscribe_that_cannot_be_written_is_not_confirmed() {
    let site = TestSite::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON subscriber
                  BEGIN SELECT RAISE(FAIL, 'attempt to write a readonly database'); END";
    site.database().execute_batch(refuse).unwrap();
    let token = site.unsubscribe_token();
    for (path, form) in [(format!("/u/{token}"), ""), (format!("/leave/{token}"), "do=leave")] {
        let reply = site.post(&path, form).await;
        assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "60"));
        let mail = format!("mailto:leave@letters.example?subject=unsubscribe%20{token}");
        assert!(reply.text().contains(&mail), "{}", reply.text());
        assert!(!reply.text().contains("readonly"), "no details");
    }
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
    let output = site.output.lock().unwrap().clone();
    assert!(output.contains("readonly") && !output.contains("v1."), "the log has the reason: {output}");
    site.database().execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(site.post(&format!("/u/{token}"), "").await.status, 200);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
}

#[tokio::test]
async fn a_long_invented_method_is_clipped_in_the_access_log() {
    let site = TestSite::new().await;
    site.send(&"A".repeat(15_000), "/subscribe", &[], "").await;
    let output = site.output.lock().unwrap().clone();
    assert!(output.contains(&format!("{}… /subscribe ", "A".repeat(200))), "{output}");
    assert!(output.lines().all(|line| line.len() < 300), "{output}");
}

#[tokio::test]
async fn h20_a_locked_store_is_answered_with_503() {
    let site = TestSite::new().await;
    let holder = site.database();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reply: Reply = site.post(&format!("/u/{}", site.unsubscribe_token()), "").await;
    assert_eq!(reply.status, 503);
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(site.post(&format!("/u/{}", site.unsubscribe_token()), "").await.status, 200);
}
