//! What a ledger keeps of issues that are finished: right counts, and with `store.keep_details` only what still matters.

use std::collections::BTreeMap;
use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use super::earlier;
use super::support::{At, Do, Script, Server, Site, reply_line};

const SENT: &str = "2026-11-20T10:00:00Z";
const A_YEAR_LATER: &str = "2027-11-25T10:00:00Z";

fn database(site: &Site) -> Connection {
    Connection::open(site.path("letterpress.db")).unwrap()
}

fn number(site: &Site, sql: &str) -> i64 {
    database(site).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The deliveries of the newest issue: each address with a field of its JSON.
fn recipients(site: &Site, now: &str, field: &str) -> BTreeMap<String, Value> {
    let listed = site.run_at(now, &["status", "recipients", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(listed.output.trim()).unwrap();
    rows.into_iter().map(|row| (row["address"].as_str().unwrap().to_owned(), row[field].clone())).collect()
}

fn is_consistent(site: &Site, now: &str) {
    let verified = site.run_at(now, &["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
}

/// A site with an issue to five subscribers, one of which has an unknown outcome.
fn sent_with_one_unknown() -> (Server, Site) {
    let relay = Server::start(Script::polite().nth(At::Dot, 3, Do::Cut));
    let site = Site::new(relay.port(), 5, 1);
    let ended = site.run_at(SENT, &["publish"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    (relay, site)
}

#[test]
fn the_counts_of_a_finished_issue_follow_every_later_event() {
    let (_relay, site) = sent_with_one_unknown();
    let written = "SELECT coalesce(sum(deliveries), 0) FROM issue_count WHERE state = ";
    assert_eq!(number(&site, &format!("{written} 'sent'")), 4);
    assert_eq!(number(&site, &format!("{written} 'unknown'")), 1);
    assert_eq!(site.run_at(SENT, &["resolve", "--sent", "--reason", "the relay has it"]).code, 0);
    assert_eq!(number(&site, &format!("{written} 'sent'")), 5);
    assert_eq!(number(&site, &format!("{written} 'unknown'")), 0);
    is_consistent(&site, SENT);
    assert_eq!(site.counts()["sent"], 5);
}

#[test]
fn a_finished_issue_opens_again_if_a_delivery_is_sent_again() {
    let (_relay, site) = sent_with_one_unknown();
    assert_eq!(site.run_at(SENT, &["resolve", "--resend", "--reason", "the relay lost it"]).code, 0);
    assert_eq!(number(&site, "SELECT count(*) FROM issue_count"), 0, "an open issue has no written counts");
    is_consistent(&site, SENT);
    let ended = site.run_at(SENT, &["send"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(site.counts()["sent"], 5);
    is_consistent(&site, SENT);
}

#[test]
fn of_a_message_that_was_sent_only_its_outcome_and_the_name_at_the_relay_are_stored() {
    let relay =
        Server::start(Script::polite().on(At::Dot, reply_line("250 2.0.0 Ok: queued as 4XyZ1234Qwz")));
    let site = Site::new(relay.port(), 1, 1);
    assert_eq!(site.run_at(SENT, &["publish"]).code, 0);
    let empty = "SELECT count(*) FROM delivery WHERE message_id = '' AND boundary_seed = '' AND unsubscribe = ''
                 AND bounce = '' AND token IS NULL AND bytes_sha256 IS NULL AND dated IS NULL AND owner IS NULL";
    assert_eq!(number(&site, empty), 1);
    assert_eq!(recipients(&site, SENT, "reply")["reader0@example.org"], "4XyZ1234Qwz");
    let message = String::from_utf8(relay.log().messages[0].data.clone()).unwrap();
    let id = recipients(&site, SENT, "message_id")["reader0@example.org"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("Message-ID: <{id}>")), "{id} is not the id of\n{message}");
}

#[test]
fn old_issues_lose_their_details_and_still_prevent_a_second_message() {
    let (relay, site) = sent_with_one_unknown();
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}\n[store]\nkeep_details = \"365d\"\n"));
    let before = (recipients(&site, SENT, "state"), recipients(&site, SENT, "message_id"));
    let compacted = site.run_at(A_YEAR_LATER, &["ledger", "compact"]);
    assert_eq!(compacted.code, 0, "{}", compacted.output);
    assert!(compacted.output.contains("details of 1 issue removed"), "{}", compacted.output);
    let details = "SELECT count(*) FROM delivery WHERE name IS NOT NULL OR last_reply IS NOT NULL
                   OR id IN (SELECT delivery FROM attempt)";
    assert_eq!(number(&site, details), 1, "only the delivery with unknown outcome keeps its details");
    let after = (recipients(&site, A_YEAR_LATER, "state"), recipients(&site, A_YEAR_LATER, "message_id"));
    assert_eq!(after, before);
    is_consistent(&site, A_YEAR_LATER);
    let sent = relay.log().messages.len();
    let again = site.run_at(A_YEAR_LATER, &["send", "--post", "slow", "--missing"]);
    assert_eq!(again.code, 0, "{}", again.output);
    assert_eq!(relay.log().messages.len(), sent, "a second message was sent");
    let message = String::from_utf8(relay.log().messages[0].data.clone()).unwrap();
    let token = message.split("subject=unsubscribe%20").nth(1).unwrap().split('>').next().unwrap();
    assert_eq!(site.run_at(A_YEAR_LATER, &["subscribers", "unsubscribe", token]).code, 0);
    let second = site.run_at(A_YEAR_LATER, &["ledger", "compact"]);
    assert!(!second.output.contains("removed"), "{}", second.output);
}

#[test]
fn an_older_ledger_is_compacted_to_the_same_ids_and_tokens() {
    let relay = Server::start(Script::polite());
    let site = earlier::site("sqlite", &relay);
    fs::copy("tests/data/ledgers/migration-5/sqlite/letterpress.db", site.path("letterpress.db")).unwrap();
    let stored: BTreeMap<String, Value> = {
        let database = database(&site);
        let mut rows = database.prepare("SELECT address, message_id FROM delivery WHERE issue = 4").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?.into()))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let compacted = site.run_at(earlier::LATER, &["ledger", "compact"]);
    assert_eq!(compacted.code, 0, "{}", compacted.output);
    assert!(
        compacted.output.contains("78 deliveries of an earlier version shortened"),
        "{}",
        compacted.output
    );
    assert_eq!(number(&site, "SELECT count(*) FROM delivery WHERE message_id <> '' OR unsubscribe <> ''"), 0);
    assert_eq!(number(&site, "SELECT count(*) FROM old_attempt"), 0);
    assert_eq!(number(&site, "SELECT count(*) FROM attempt"), 55);
    assert_eq!(recipients(&site, earlier::LATER, "message_id"), stored);
    is_consistent(&site, earlier::LATER);
    earlier::continues_with("sqlite", &site, &relay);
}
