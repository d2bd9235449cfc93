//! What a ledger keeps of issues that are finished: right counts, and with `store.keep_details` only what still matters.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;
use chrono::TimeDelta;
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::ledger::{EVIDENCE, IssueState, LastReply, Retry};
use letterpress::internals::store::{Claimed, DeliveryStore as _, StateChange, Store, open_sqlite};
use letterpress::internals::subscribers::SubscriptionStatus;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::Value;

use super::earlier;
use super::store_contract::{arm, claim, issue, now, subscriber};
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
fn a_delivery_of_a_finished_issue_takes_less_than_two_hundred_bytes() {
    let relay =
        Server::start(Script::polite().on(At::Dot, reply_line("250 2.0.0 Ok: queued as 4XyZ1234Qwz")));
    let site = Site::new(relay.port(), 2_000, 10);
    assert_eq!(site.run_at(SENT, &["publish"]).code, 0);
    let bytes = "SELECT sum(pgsize) FROM dbstat WHERE name IN ('delivery', 'attempt')
                 OR name LIKE 'sqlite_autoindex_delivery%' OR name LIKE 'delivery_%'";
    let each = number(&site, bytes) / 2_000;
    assert!(each < 200, "{each} bytes");
    is_consistent(&site, SENT);
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

/// A step in the life of an issue. The number chooses one of the deliveries that were claimed.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim,
    Happens(usize, What),
    Finish,
    Pause,
    Resume,
    Cancel,
    Recover,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Armed,
    Accepted,
    Lost,
    Deferred,
    Rejected,
    Proven,
    SentAgain,
    Retried,
    Acknowledged,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use What::{Accepted, Acknowledged, Armed, Deferred, Lost, Proven, Rejected, Retried, SentAgain};
    let what = prop::sample::select(vec![
        Armed,
        Armed,
        Accepted,
        Lost,
        Lost,
        Deferred,
        Rejected,
        Proven,
        SentAgain,
        Retried,
        Acknowledged,
    ]);
    let step = prop_oneof![
        3 => Just(Step::Claim),
        12 => (0_usize..4, what).prop_map(|(delivery, what)| Step::Happens(delivery, what)),
        3 => Just(Step::Finish),
        1 => prop::sample::select(vec![Step::Pause, Step::Resume, Step::Resume, Step::Cancel, Step::Recover]),
    ];
    prop::collection::vec(step, 1..60)
}

fn event(claimed: &Claimed, what: What) -> Event {
    let (token, evidence) =
        (claimed.token, Some(LastReply { phase: EVIDENCE.to_owned(), text: String::new() }));
    let retry = Some(Retry { wait: TimeDelta::zero(), give_up_at: now() + TimeDelta::days(1) });
    let reply = Some(LastReply { phase: "dot".to_owned(), text: "451 later".to_owned() });
    match what {
        What::Armed => arm(claimed),
        What::Accepted => Event::Accept { token: Some(token), last: None },
        What::Lost => Event::LoseReply { token, last: None },
        What::Deferred => Event::Defer { token, retry, last: reply },
        What::Rejected => Event::Reject { token, reason: "rejected", last: reply },
        What::Proven => Event::Accept { token: None, last: evidence },
        What::SentAgain => Event::Resend,
        What::Retried => Event::Retry,
        What::Acknowledged => Event::Acknowledge,
    }
}

async fn live(store: &Store, steps: &[Step]) {
    let subscribers = (1..=4).map(|number| subscriber(number, SubscriptionStatus::Active)).collect();
    store.add_subscribers(subscribers, now()).await.unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    // The latest claim of each delivery.
    let mut claims: BTreeMap<i64, Claimed> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Claim if store.open_issues().await.unwrap().is_empty() => {}
            Step::Claim => {
                let claimed = claim(store, 2, "first", now()).await;
                claims.extend(claimed.into_iter().map(|claimed| (claimed.id.number.0, claimed)));
            }
            Step::Happens(delivery, what) => {
                let Some(claimed) = claims.values().nth(*delivery) else { continue };
                let happened = event(claimed, *what);
                if matches!(what, What::Accepted) && !is_armed(store, claimed).await {
                    continue;
                }
                let change = StateChange { delivery: claimed.id, event: happened.clone() };
                let _ = match what {
                    What::SentAgain | What::Retried | What::Acknowledged => {
                        store.resolve(claimed.id, happened, "a test", now()).await.unwrap()
                    }
                    _ => store.commit(vec![change], now()).await.unwrap().remove(0),
                };
            }
            Step::Finish => store.close_finished(now()).await.unwrap(),
            Step::Pause => {
                let _ = store.set_issue("new", IssueState::Paused, "a test", now()).await.unwrap();
            }
            Step::Resume => {
                let _ = store.set_issue("new", IssueState::Sending, "a test", now()).await.unwrap();
            }
            Step::Cancel => {
                let _ = store.set_issue("new", IssueState::Cancelled, "a test", now()).await.unwrap();
            }
            Step::Recover => {
                let _ = store.recover("second", true, now()).await.unwrap();
            }
        }
    }
    store.close_finished(now()).await.unwrap();
}

/// A relay replies only to a dot, and a dot follows an arm.
async fn is_armed(store: &Store, claimed: &Claimed) -> bool {
    let mut pages = store.delivery_pages("new");
    while let Some(page) = pages.next().await.unwrap() {
        if let Some(view) = page.iter().find(|view| view.id == claimed.id) {
            return view.row.state == letterpress::internals::ledger::State::Armed
                && view.row.token == Some(claimed.token);
        }
    }
    panic!("a delivery that was claimed is not in its issue")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn after_any_sequence_of_events_the_counts_of_an_issue_are_right(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let flaws = runtime.block_on(async {
            let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
            live(&store, &steps).await;
            let counts = store.issues().await.unwrap()[0].counts;
            prop_assert_eq!(counts.total(), 4);
            Ok(store.verify().await.unwrap())
        })?;
        prop_assert_eq!(flaws, Vec::<String>::new());
    }
}
