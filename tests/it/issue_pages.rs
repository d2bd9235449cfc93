//! The pages of issues in the public folder: what was mailed, as it was mailed, and nothing about who got it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::support::{Postgres, Script, Server, Site};

const OUTPUT: &str = "[output]\nissues = true\n";
const LIST: &str = "public/issues/index.html";
const ISSUE: &str = "public/issues/2026-11-20-slow/index.html";
const RECORD: &str = ".letterpress/issues.json";

fn site(relay: &Server, more: &str) -> Site {
    let site = Site::with(relay.port(), 3, 1, &format!("{OUTPUT}{more}"));
    replace(
        &site,
        "config.toml",
        "[newsletter]\n",
        "[newsletter]\ngreeting = true\nunsubscribe = \"leave@letters.example\"\n",
    );
    site
}

fn replace(site: &Site, file: &str, old: &str, new: &str) {
    let text = read(site, file);
    assert!(text.contains(old), "{text}");
    site.write(file, &text.replacen(old, new, 1));
}

fn read(site: &Site, file: &str) -> String {
    fs::read_to_string(site.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn publish(site: &Site, now: &str) -> String {
    let ended = site.run_at(now, &["publish"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    ended.output
}

const NOW: &str = "2026-11-20T10:00:00Z";
const LATER: &str = "2026-11-20T10:10:00Z";

/// Every file below `public/issues/` and the record, with the time of its last change and its bytes.
fn files(site: &Site) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, (SystemTime, Vec<u8>)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                let time = path.metadata().unwrap().modified().unwrap();
                found.insert(path.display().to_string(), (time, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&site.path("public/issues"), &mut found);
    let record = site.path(RECORD);
    let time = record.metadata().unwrap().modified().unwrap();
    found.insert(RECORD.to_owned(), (time, fs::read(record).unwrap()));
    found
}

/// Whether no page names one of the subscribers or has one of the tokens of what was sent to them.
fn assert_impersonal(site: &Site, relay: &Server) {
    let mut secrets: Vec<String> =
        (0..3).flat_map(|number| [format!("reader{number}"), format!("독자 {number}")]).collect();
    for message in &relay.log().messages {
        let text = String::from_utf8(message.data.clone()).unwrap().replace("=\r\n", "");
        let tokens = text.split("v1.").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
        secrets.extend(tokens.filter(|token| token.len() > 20));
    }
    assert!(secrets.len() > 8, "no token was found: {secrets:?}");
    for (path, (_, bytes)) in files(site) {
        let text = String::from_utf8(bytes).unwrap();
        let found: Vec<_> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{path} has {found:?}");
    }
}

#[test]
fn an_issue_has_a_page_in_the_run_that_mails_it_and_the_page_names_nobody() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "");
    let output = publish(&site, NOW);
    assert!(output.contains("pages: "), "{output}");
    let page = read(&site, ISSUE);
    assert!(page.contains("<strong>편지</strong>") && page.contains("안녕하세요"), "{page}");
    assert!(page.contains("lang=\"ko\"") && page.contains("prefers-color-scheme: dark"), "{page}");
    assert!(page.contains("href=\"../../issues/\">지난 뉴스레터</a>"), "{page}");
    assert!(!page.contains("[if mso]") && !page.contains("noindex"), "{page}");
    assert!(page.ends_with("<!-- made by Letterpress: changes here are overwritten -->\n"));
    let list = read(&site, LIST);
    assert!(list.contains("<a href=\"../issues/2026-11-20-slow/\">천천히 오는 편지</a>"), "{list}");
    assert!(list.contains("datetime=\"2026-11-20\""), "{list}");
    assert!(read(&site, "public/index.html").contains("<a href=\"issues/\">지난 뉴스레터</a>"));
    assert_impersonal(&site, &relay);
}

#[test]
fn the_links_of_an_issue_to_the_pages_of_a_subscriber_lead_to_the_sign_up_page() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "[web]\nurl = \"https://news.letters.example/\"\nindex = false\n");
    publish(&site, NOW);
    let page = read(&site, ISSUE);
    assert!(page.contains("href=\"https://news.letters.example/subscribe\" style"), "{page}");
    assert!(page.contains("<meta name=\"robots\" content=\"noindex\">\n</head>"), "{page}");
    assert!(read(&site, LIST).contains("<meta name=\"robots\" content=\"noindex\">"));
    assert_impersonal(&site, &relay);
}

#[test]
fn an_idle_run_writes_nothing_and_the_pages_are_the_same_bytes_when_made_anew() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "");
    publish(&site, NOW);
    publish(&site, LATER);
    let before = files(&site);
    let output = publish(&site, "2026-11-20T10:20:00Z");
    assert!(!output.contains("pages: "), "{output}");
    assert_eq!(files(&site), before);
    let ended = site.run_at("2026-11-20T10:30:00Z", &["build"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(files(&site), before);
    fs::remove_dir_all(site.path("public")).unwrap();
    fs::remove_dir_all(site.path(".letterpress")).unwrap();
    assert_eq!(site.run_at("2026-11-20T10:40:00Z", &["build"]).code, 0);
    let bytes = |files: BTreeMap<String, (SystemTime, Vec<u8>)>| -> BTreeMap<String, Vec<u8>> {
        files.into_iter().filter(|(path, _)| path != RECORD).map(|(path, (_, bytes))| (path, bytes)).collect()
    };
    assert_eq!(bytes(files(&site)), bytes(before));
    fs::remove_file(site.path(ISSUE)).unwrap();
    publish(&site, "2026-11-20T10:50:00Z");
    assert!(read(&site, ISSUE).contains("편지"), "a page that is gone is written again");
}

#[test]
fn a_page_stays_as_it_was_mailed_when_the_post_is_edited_and_goes_when_it_is_retracted() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "");
    publish(&site, NOW);
    let before = read(&site, ISSUE);
    replace(&site, "posts/slow.md", "천천히 온다", "빨리 온다");
    publish(&site, LATER);
    assert!(read(&site, "public/slow/index.html").contains("빨리 온다"));
    assert_eq!(read(&site, ISSUE), before);
    assert_eq!(site.run_at(LATER, &["retract", "slow"]).code, 0);
    let ended = site.run_at(LATER, &["build"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert!(!site.path(ISSUE).exists());
    let list = read(&site, LIST);
    assert!(list.contains("아직 발송된 뉴스레터가 없습니다"), "{list}");
    assert_eq!(site.run_at(LATER, &["retract", "slow", "--undo"]).code, 0);
    publish(&site, "2026-11-20T10:20:00Z");
    assert_eq!(read(&site, ISSUE), before);
}

#[test]
fn a_rehearsal_an_issue_that_nobody_got_and_a_cancelled_one_have_no_page() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "");
    let config = read(&site, "config.toml");
    let (before, rest) = config.split_once("[smtp]").unwrap();
    let (_, output) = rest.split_once("[output]").unwrap();
    site.write("config.toml", &format!("{before}[output]{output}"));
    publish(&site, NOW);
    assert!(site.path("outbox").exists() && !site.path(ISSUE).exists());
    // Nobody answers at this port.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.write(
        "config.toml",
        &config.replace(&format!("port = {}", relay.port()), &format!("port = {closed}")),
    );
    let failed = site.run_at(NOW, &["publish"]);
    assert_eq!(failed.code, 1, "{}", failed.output);
    assert!(!site.path(ISSUE).exists());
    site.write("config.toml", &config);
    publish(&site, LATER);
    assert!(site.path(ISSUE).exists());
    let ended = site.run_at(LATER, &["status", "--json"]);
    assert!(ended.output.contains("done"), "{}", ended.output);
}

#[test]
fn without_the_key_the_pages_are_removed_and_what_another_program_wrote_stays() {
    let relay = Server::start(Script::polite());
    let site = site(&relay, "");
    site.write("public/issues/2026-11-20-slow/index.html", "mine");
    let output = publish(&site, NOW);
    assert!(output.contains("did not write this file"), "{output}");
    assert_eq!(read(&site, ISSUE), "mine");
    let again = site.run_at(LATER, &["publish"]);
    assert!(again.output.contains("did not write this file"), "{}", again.output);
    replace(&site, "config.toml", OUTPUT, "");
    publish(&site, LATER);
    assert_eq!(read(&site, ISSUE), "mine");
    assert!(!site.path(LIST).exists() && !site.path("public/issues/pages.css").exists());
    assert!(!read(&site, "public/index.html").contains("issues/"));
}

/// Subscriber 0 gets each post; 1 gets a digest of all, 2 one of a category.
#[test]
fn a_weekly_digest_has_one_page_with_all_posts() {
    const MONDAY: &str = "2026-11-23T10:00:00Z";
    const FRIDAY: &str = "2026-11-27T00:00:00Z";
    let relay = Server::start(Script::polite());
    let site = Site::unopened(relay.port(), 0, 1);
    let config = read(&site, "config.toml");
    site.write("config.toml", &format!("{}{OUTPUT}", config.replace("first_run = \"newest\"\n", "")));
    for (number, flags) in [(0, vec![]), (1, vec!["--weekly"]), (2, vec!["--weekly", "--topic", "기술"])] {
        let address = format!("reader{number}@example.org");
        let add = [&["subscribers", "add", &address][..], &flags].concat();
        assert_eq!(site.run_at(MONDAY, &add).code, 0);
    }
    publish(&site, MONDAY);
    for (slug, category) in [("tuesday", "기술"), ("wednesday", "생각")] {
        let front = format!(
            "title = \"{slug}의 글\"\ndate = 2026-11-24T09:00:00Z\nslug = \"{slug}\"\ncategories = [\"{category}\"]"
        );
        site.write(&format!("posts/{slug}.md"), &format!("+++\n{front}\n+++\n\n{slug}에 썼다.\n"));
    }
    for now in ["2026-11-26T10:00:00Z", "2026-11-26T10:05:00Z", FRIDAY] {
        publish(&site, now);
    }
    let names: Vec<String> = files(&site).into_keys().filter(|path| path.ends_with("index.html")).collect();
    let names: Vec<&str> = names.iter().map(|path| path.split("public/issues/").nth(1).unwrap()).collect();
    let expected = [
        "2026-11-24-tuesday/index.html",
        "2026-11-24-wednesday/index.html",
        "2026-W48/index.html",
        "index.html",
    ];
    assert_eq!(names, expected);
    let digest = read(&site, "public/issues/2026-W48/index.html");
    assert!(digest.contains("tuesday에 썼다") && digest.contains("wednesday에 썼다"), "{digest}");
    assert_eq!(relay.log().messages.len(), 4);
    assert_impersonal(&site, &relay);
    // The digest has the text of a retracted post, too.
    assert_eq!(site.run_at(FRIDAY, &["retract", "tuesday"]).code, 0);
    publish(&site, FRIDAY);
    assert!(
        !site.path("public/issues/2026-W48").exists()
            && !site.path("public/issues/2026-11-24-tuesday").exists()
    );
    assert!(site.path("public/issues/2026-11-24-wednesday/index.html").exists());
}

#[test]
fn a_ledger_in_postgres_has_the_same_pages() {
    let Some(server) = Postgres::shared() else { return };
    let relay = Server::start(Script::polite());
    let site = site(&relay, &format!("[store]\nurl = \"{}\"\n", server.database()));
    publish(&site, NOW);
    assert!(read(&site, ISSUE).contains("편지"));
    let before = files(&site);
    publish(&site, LATER);
    publish(&site, "2026-11-20T10:20:00Z");
    assert_eq!(files(&site).len(), before.len());
    assert_impersonal(&site, &relay);
}

#[cfg(feature = "object-store")]
#[test]
fn the_pages_of_an_issue_are_uploaded_in_the_run_that_mails_it_and_deleted_when_it_is_retracted() {
    let bucket = super::support::bucket::BucketServer::start();
    let relay = Server::start(Script::polite());
    let site = Site::with(relay.port(), 3, 1, &format!("{}issues = true\n", bucket.config()));
    site.write("bucket.env", "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\n");
    let output = publish(&site, NOW);
    let keys = || -> Vec<String> {
        bucket.with(|state| state.objects.keys().filter(|key| key.contains("/issues/")).cloned().collect())
    };
    let uploaded =
        ["블로그/issues/2026-11-20-slow/index.html", "블로그/issues/index.html", "블로그/issues/pages.css"];
    assert_eq!(keys(), uploaded, "{output}");
    bucket.take_requests();
    publish(&site, LATER);
    assert_eq!(bucket.take_requests(), [], "an idle run asked the bucket");
    assert_eq!(site.run_at(LATER, &["retract", "slow"]).code, 0);
    publish(&site, LATER);
    assert_eq!(keys(), uploaded[1..]);
}
