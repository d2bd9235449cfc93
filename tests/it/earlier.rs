//! A ledger that an older version wrote, and whose sender was killed while sending, continues with this version.
//!
//! `tests/data/ledgers/migration-5` has one ledger for each database: 44 imported subscribers and three who signed up,
//! a finished issue, a weekly digest, and a second issue whose sender was killed after the relay had accepted 14
//! messages (`accepted.txt`), with two more in flight. `links.txt` has links from messages that were sent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::support::{Postgres, Script, Server, Site};

/// Some minutes after the sender died.
pub(crate) const LATER: &str = "2026-11-28T09:10:00Z";

fn fixture(kind: &str, file: &str) -> String {
    fs::read_to_string(Path::new("tests/data/ledgers/migration-5").join(kind).join(file)).unwrap()
}

fn addresses(messages: &str) -> BTreeSet<String> {
    messages.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The site of the fixture, with a relay that accepts everything.
pub(crate) fn site(kind: &str, relay: &Server) -> Site {
    let site = Site::unopened(relay.port(), 0, 2);
    for file in ["letterpress.keys", "letterpress.fence", "posts/ids.txt", "posts/2026-11-10-first.md"] {
        site.write(file, &fixture(kind, file));
    }
    site.write("posts/2026-11-28-second.md", &fixture(kind, "posts/2026-11-28-second.md"));
    fs::remove_file(site.path("posts/slow.md")).unwrap();
    let config = fixture(kind, "config.toml").replace("PORT", &relay.port().to_string());
    site.write("config.toml", &config.replace("127.0.0.1:WEB", "127.0.0.1:8000"));
    site
}

/// Every subscriber without an accepted message gets one, the two in flight are reported as unknown, and tokens of
/// earlier messages work.
pub(crate) fn continues_with(kind: &str, site: &Site, relay: &Server) {
    let before = addresses(&fixture(kind, "accepted.txt"));
    let ended = site.run_at(LATER, &["send"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    let status =
        site.run_at(LATER, &["status", "--json", "who-got", "tag:letters.example,2026-11-28:second"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(status.output.trim()).unwrap();
    let with = |state: &str| -> BTreeSet<String> {
        let rows = rows.iter().filter(|row| row["state"] == state);
        rows.map(|row| row["address"].as_str().unwrap().to_owned()).collect()
    };
    let second: Vec<String> = relay
        .log()
        .messages
        .iter()
        .filter(|message| String::from_utf8_lossy(&message.data).contains("/second/"))
        .map(|message| message.rcpt[0].clone())
        .collect();
    let now: BTreeSet<String> =
        second.iter().map(|rcpt| rcpt.split(['<', '>']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(now.len(), second.len(), "a subscriber got the issue twice in one run");
    assert!(now.is_disjoint(&before), "mailed twice: {:?}", now.intersection(&before));
    assert_eq!(with("unknown").len(), 2);
    assert!(now.is_disjoint(&with("unknown")));
    assert_eq!(&now | &before, with("sent"));
    assert_eq!(rows.len(), now.len() + before.len() + 2, "a delivery is missing");

    let links = fixture(kind, "links.txt");
    let token = links.lines().find_map(|line| line.split_once("/leave/")).unwrap().1;
    let unsubscribed = site.run_at(LATER, &["subscribers", "unsubscribe", token]);
    assert_eq!(unsubscribed.code, 0, "{}", unsubscribed.output);
    let verified = site.run_at(LATER, &["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
}

#[test]
fn a_sqlite_ledger_of_an_older_version_continues_its_issue() {
    let relay = Server::start(Script::polite());
    let site = site("sqlite", &relay);
    fs::copy("tests/data/ledgers/migration-5/sqlite/letterpress.db", site.path("letterpress.db")).unwrap();
    continues_with("sqlite", &site, &relay);
}

#[test]
fn a_postgres_ledger_of_an_older_version_continues_its_issue() {
    let Some(server) = Postgres::shared() else { return };
    let relay = Server::start(Script::polite());
    let site = site("postgres", &relay);
    let url = server.database();
    let name = url.rsplit_once('/').unwrap().1;
    server.sql(name, &fixture("postgres", "letterpress.sql"));
    // Otherwise this server would look like a promoted standby, which may have lost the latest commits.
    server.sql(name, "DELETE FROM meta WHERE key = 'place'");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("postgres://postgres@127.0.0.1:54329/letters", &url));
    continues_with("postgres", &site, &relay);
}
