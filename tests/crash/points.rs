//! The rows F1 to F14 of `docs/faults.md`: the required state after a death at each place.

use letterpress::internals::ledger::State;

use super::matrix::{dies, dies_with, site};
use super::support::account::{published, rows, settle};
use super::support::site::NOW;
use super::support::{Script, Server, Site};

const SUBSCRIBERS: usize = 4;
const LATER: &str = "2026-11-20T10:07:00Z";

fn relay() -> Server {
    Server::start(Script::polite().pipelining(true))
}

/// Dies at `point` over one connection; returns the site and its relay.
fn died_at(point: &str) -> (Site, Server) {
    let relay = relay();
    let site = site(&relay, SUBSCRIBERS, 1);
    assert!(dies(&site, NOW, point), "the run did not reach {point}");
    (site, relay)
}

/// Lets the next run finish; returns the number of unknown outcomes.
fn finishes(site: &Site, relay: &Server) -> usize {
    let next = site.run_at(LATER, &["publish"]);
    let account = settle(site, &[relay], SUBSCRIBERS);
    assert!(account.broken.is_empty(), "{:?}\n{}", account.broken, next.output);
    assert_eq!(next.code, if account.unknown > 0 { 3 } else { 0 }, "{}", next.output);
    account.unknown
}

fn accepted(relay: &Server) -> usize {
    relay.log().messages.len()
}

#[test]
fn f01_f02_a_death_while_feeds_are_written_leaves_them_complete_and_mails_nothing() {
    let second = "+++\ntitle = \"둘째\"\ndate = 2026-11-20T09:30:00Z\nslug = \"two\"\n+++\n\n더 늦은 편지.\n";
    let want = Site::unopened(9, 0, 1);
    let folder = want.path("public");
    let old = (want.run(&["build"]).code, published(&folder));
    want.write("posts/two.md", second);
    let new = (want.run(&["build"]).code, published(&folder));
    assert_eq!((old.0, new.0), (0, 0));
    for point in ["ids-written", "feed-staged:3", "feed-renamed:1", "feed-renamed:2", "feeds-in-place"] {
        let relay = relay();
        let site = site(&relay, SUBSCRIBERS, 1);
        assert_eq!(site.run(&["publish"]).code, 0);
        site.write("posts/two.md", second);
        assert!(dies(&site, NOW, point));
        assert_eq!(
            accepted(&relay),
            SUBSCRIBERS,
            "{point}: messages were sent before the feeds were written"
        );
        for file in ["rss.xml", "atom.xml", "feed.json"] {
            let text = std::fs::read_to_string(site.path("public").join(file)).unwrap();
            assert!(old.1.contains(&text) || new.1.contains(&text), "{point}: {file} is half of one");
        }
        assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
        assert_eq!(published(&site.path("public")), new.1, "{point}");
        assert_eq!(accepted(&relay), 2 * SUBSCRIBERS, "{point}");
    }
}

#[test]
fn f03_a_death_before_the_durable_freeze_freezes_nothing_and_the_next_run_freezes_once() {
    let (site, relay) = died_at("before-commit/freezing the issue");
    assert!(rows(&site).is_empty());
    assert_eq!(relay.log().connections, 0, "it connected to the relay before the freeze was durable");
    assert_eq!(finishes(&site, &relay), 0);
    assert_eq!(accepted(&relay), SUBSCRIBERS);
}

#[test]
fn f04_a_death_after_the_freeze_leaves_all_pending_and_the_next_run_sends_all() {
    let (site, relay) = died_at("committed/freezing the issue");
    assert_eq!(rows(&site).values().filter(|state| **state == State::Pending).count(), SUBSCRIBERS);
    assert_eq!(relay.log().connections, 0);
    assert_eq!(finishes(&site, &relay), 0);
    assert_eq!(accepted(&relay), SUBSCRIBERS);
}

#[test]
fn f05_f06_f07_a_death_before_the_arm_loses_no_message_and_leaves_no_unknown_outcome() {
    for point in [
        "committed/claiming deliveries",
        "mail-answered:1",
        "rcpt-answered:1",
        "data-answered:1",
        "mid-body:1",
        "body-written:1",
        "before-commit/recording outcomes:1",
    ] {
        let (site, relay) = died_at(point);
        assert!(
            rows(&site).values().all(|state| matches!(state, State::Pending | State::Claimed)),
            "{point}"
        );
        assert_eq!(accepted(&relay), 0, "{point}: a dot was sent");
        assert_eq!(finishes(&site, &relay), 0, "{point}");
        assert_eq!(accepted(&relay), SUBSCRIBERS, "{point}");
    }
}

#[test]
fn f08_f12_an_armed_delivery_without_a_dot_is_listed_as_unknown() {
    for point in ["committed/recording outcomes:1", "armed:1"] {
        let (site, relay) = died_at(point);
        assert_eq!(rows(&site)["reader0@example.org"], State::Armed, "{point}");
        assert_eq!(finishes(&site, &relay), 1, "{point}");
        assert_eq!(site.in_state("unknown"), ["reader0@example.org"], "{point}");
        assert_eq!(accepted(&relay), SUBSCRIBERS - 1, "{point}");
    }
}

#[test]
fn f09_a_dot_without_a_reply_is_unknown_and_not_sent_again() {
    let (site, relay) = died_at("dot-written:1");
    assert_eq!(finishes(&site, &relay), 1);
    assert_eq!(site.in_state("unknown"), ["reader0@example.org"]);
    assert!((SUBSCRIBERS - 1..=SUBSCRIBERS).contains(&accepted(&relay)));
}

#[test]
fn f10_an_unrecorded_reply_is_unknown_until_evidence_resolves_it() {
    let (site, relay) = died_at("dot-answered:1");
    assert_eq!(finishes(&site, &relay), 1);
    assert_eq!(accepted(&relay), SUBSCRIBERS);
    let settled = site.run_at(LATER, &["resolve", "--sent"]);
    assert_eq!(settled.code, 0, "{}", settled.output);
    assert!(rows(&site).values().all(|state| *state == State::Sent));
    assert_eq!(accepted(&relay), SUBSCRIBERS);
}

#[test]
fn f11_a_death_after_the_last_commit_leaves_nothing_to_do() {
    let (site, relay) = died_at("before-quit");
    assert!(rows(&site).values().all(|state| *state == State::Sent));
    assert_eq!(finishes(&site, &relay), 0);
    assert_eq!(accepted(&relay), SUBSCRIBERS);
}

#[test]
fn f14_a_death_in_the_migration_is_repaired_and_a_newer_schema_is_refused() {
    for point in ["store-made", "in-migration", "before-commit/migrating it", "keys-staged", "keys-made"] {
        let (site, relay) = died_at(point);
        assert_eq!(relay.log().connections, 0, "{point}");
        assert_eq!(finishes(&site, &relay), 0, "{point}");
        let database = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        drop(database);
        let refused = site.run_at(LATER, &["publish"]);
        assert_eq!(refused.code, 2, "{}", refused.output);
        assert!(refused.output.contains("newer version of Letterpress"), "{}", refused.output);
        assert_eq!(accepted(&relay), SUBSCRIBERS);
    }
}

#[test]
fn a_death_in_a_restore_leaves_the_old_or_the_new_ledger_and_a_second_restore_succeeds() {
    for point in ["restore-aside", "restore-keys", "restore-cleared", "restore-done"] {
        let relay = relay();
        let site = site(&relay, SUBSCRIBERS, 1);
        assert_eq!(site.run(&["publish"]).code, 0);
        assert_eq!(site.run(&["backup", "b.db"]).code, 0);
        let restore = ["backup", "restore", "b.db", "--reason", "test"];
        let output = site.command(Some(NOW), &restore).env("LETTERPRESS_CRASH_AT", point).output().unwrap();
        assert!(!output.status.success(), "the run did not reach {point}");
        assert_eq!(rows(&site).len(), SUBSCRIBERS, "{point}: the ledger is complete");
        let again = site.run_at(LATER, &restore);
        assert_eq!(again.code, 0, "{point}: {}", again.output);
        assert_eq!(site.run_at(LATER, &["ledger", "verify"]).code, 0);
        assert_eq!(finishes(&site, &relay), 0);
        assert_eq!(accepted(&relay), SUBSCRIBERS, "{point}: no duplicates");
    }
}

#[test]
fn f82_a_death_after_a_rehearsal_or_while_an_issue_is_extended_loses_and_duplicates_no_message() {
    for point in ["before-commit/ending the rehearsal", "committed/ending the rehearsal"] {
        let relay = relay();
        let site = site(&relay, SUBSCRIBERS, 1);
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", config.split("[smtp]").next().unwrap());
        assert_eq!(site.run(&["publish"]).code, 0);
        site.write("config.toml", &config);
        assert!(dies(&site, NOW, point), "the run did not reach {point}");
        assert_eq!(accepted(&relay), 0);
        assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
        assert_eq!(accepted(&relay), SUBSCRIBERS, "{point}");
        assert_eq!(site.run_at(LATER, &["ledger", "verify"]).code, 0);
    }
    for point in ["before-commit/extending an issue", "committed/extending an issue"] {
        let relay = relay();
        let site = site(&relay, SUBSCRIBERS, 1);
        assert_eq!(site.run(&["publish"]).code, 0);
        assert_eq!(site.run(&["subscribers", "add", "late@example.org"]).code, 0);
        let missing = ["send", "--post", "slow", "--missing"];
        assert!(dies_with(&site, LATER, point, &missing), "the run did not reach {point}");
        assert_eq!(accepted(&relay), SUBSCRIBERS, "{point}: it was mailed before it was recorded");
        assert_eq!(site.run_at(LATER, &missing).code, 0);
        let account = settle(&site, &[&relay], SUBSCRIBERS + 1);
        assert!(account.broken.is_empty() && account.sent == SUBSCRIBERS + 1, "{point}: {account:?}");
    }
}

#[test]
fn a_death_around_the_freeze_of_a_step_of_a_series_brings_the_step_once() {
    for point in [
        "before-commit/starting series",
        "committed/starting series",
        "before-commit/freezing a step of a series",
        "committed/freezing a step of a series",
        "committed/claiming deliveries",
        "armed:2",
        "dot-written:2",
        "before-commit/closing finished issues",
    ] {
        let relay = relay();
        let site = Site::unopened(relay.port(), SUBSCRIBERS, 1);
        let list = "list = \"readers.csv\"\nlist_confirmed = true\nseries = { course = \"topic 강의\" }\n";
        site.relay(relay.port(), 1, list);
        let unmailed = "+++\ntitle = \"a\"\ndate = 2026-11-20T09:00:00Z\nnewsletter = false\n+++\n\ntext\n";
        site.write("posts/slow.md", unmailed);
        site.write("series/course/1.md", "+++\ntitle = \"첫 강의\"\nafter = \"0s\"\n+++\n\n강의\n");
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 0, "{point}: {}", ended.output);
        for number in 0..SUBSCRIBERS {
            let address = format!("reader{number}@example.org");
            let chosen = site.run(&["subscribers", "set-preferences", &address, "--topic", "강의"]);
            assert_eq!(chosen.code, 0, "{}", chosen.output);
        }
        assert!(dies(&site, NOW, point), "the run did not reach {point}");
        finishes(&site, &relay);
        assert!(accepted(&relay) >= SUBSCRIBERS - 1, "{point}");
        assert_eq!(site.run_at(super::matrix::MUCH_LATER, &["publish"]).code % 3, 0, "{point}");
        assert!(accepted(&relay) <= SUBSCRIBERS, "{point}: the step came twice");
    }
}

#[cfg(feature = "object-store")]
#[test]
fn a_death_during_an_upload_leaves_no_feed_without_its_pages_and_the_next_run_completes_it() {
    use super::support::bucket::BucketServer;
    // Before the first object, and after each phase.
    for point in ["upload-recorded:1", "upload-recorded:2", "upload-recorded:3", "upload-recorded:4"] {
        let (relay, bucket) = (relay(), BucketServer::start());
        let site = site(&relay, SUBSCRIBERS, 1);
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &format!("{config}{}", bucket.config()));
        site.write("bucket.env", "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\n");
        assert!(dies(&site, NOW, point), "the run did not reach {point}");
        assert_eq!(accepted(&relay), 0, "{point}: messages were sent before the site was uploaded");
        let keys: Vec<String> = bucket.with(|state| state.objects.keys().cloned().collect());
        let has = |name: &str| keys.iter().any(|key| key.ends_with(name));
        assert!(!has("/rss.xml") || has("slow/index.html"), "{point}: {keys:?}");
        bucket.take_requests();
        assert_eq!(finishes(&site, &relay), 0, "{point}");
        let again = bucket.take("PUT");
        assert!(keys.iter().all(|key| !again.contains(key)), "{point}: written twice: {again:?} {keys:?}");
        let files: Vec<String> = bucket.with(|state| state.objects.keys().cloned().collect());
        assert!(
            files.iter().any(|key| key.ends_with("/rss.xml")) && accepted(&relay) == SUBSCRIBERS,
            "{point}"
        );
        site.run_at(LATER, &["publish"]);
        assert!(bucket.take_requests().is_empty(), "{point}");
    }
}
