//! After an erasure nothing of a person is in the raw files of the ledger, whatever they did before and whatever comes
//! back later, also if another process had the file open.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use camino::Utf8Path;
use chrono::TimeDelta;
use letterpress::internals::address::EmailAddress;
use letterpress::internals::archive::Segment;
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::ledger::{LastReply, Retry, State};
use letterpress::internals::store::subscriber_store::{SignUp, TransactionalOutcome};
use letterpress::internals::store::{
    Claimed, DeliveryReport, DigestPart, DigestPost, InboundReport, NewDigest, ReportKind, ReportSubject,
    RunLock, Store, open_sqlite,
};
use letterpress::internals::subscribers::bounces::Action;
use letterpress::internals::subscribers::{
    AddressKey, Frequency, NewSubscriber, Preferences, Profile, SubscriptionStatus, Topics,
};
use letterpress::internals::text::HeaderText;

use super::store_contract::{arm, claim, issue, now, one, rate_limited};
use super::subscriber_store::{form, here, key, keys, plenty};
use super::support::postgres::open;
use super::support::{Postgres, Script, Server, Site};

/// What each person did; the address of each is at a domain of their own.
const PEOPLE: [&str; 13] = [
    "asked",
    "confirmed",
    "chose",
    "left",
    "returned",
    "requested",
    "imported",
    "removed",
    "sent",
    "refused",
    "deferred",
    "bounced",
    "complained",
];
/// A person of the weekly digest, and one whose message is on its way during the erasure.
const LATER: [&str; 2] = ["weekly", "armed"];
/// In every address and every name.
const TRACE: &str = "jimin";
/// In every domain.
const HOME: &str = "-home.example.org";

fn address(who: &str) -> String {
    format!("{who}.{TRACE}@{who}{HOME}")
}

/// From a network of their own.
fn sign_up(who: &str) -> SignUp {
    let mut consent = here();
    consent.network = Some(format!("{who}-net"));
    SignUp { name: HeaderText::lossy(&format!("{who} {TRACE}")), consent, ..form(&address(who)) }
}

fn row(address: &str, name: &str) -> NewSubscriber {
    let email = EmailAddress::parse(address).unwrap();
    let profile = Profile {
        name: HeaderText::lossy(name),
        consented_at: Some(now()),
        ..Profile::new(email, SubscriptionStatus::Active)
    };
    NewSubscriber::new(key(address), profile, "list.csv")
}

fn reply(who: &str) -> LastReply {
    LastReply { phase: "dot".to_owned(), text: format!("550 5.1.1 <{}> is unknown", address(who)) }
}

fn report(who: &str, subject: ReportSubject, kind: Option<ReportKind>) -> InboundReport {
    let bounce = DeliveryReport {
        action: Action::Failed,
        status: None,
        recipient: Some(address(who)),
        diagnostic: format!("550 5.1.1 no such user {}", address(who)),
    };
    let fingerprint = std::array::from_fn(|at| who.as_bytes().get(at).copied().unwrap_or_default());
    InboundReport { fingerprint, subject, kind: kind.unwrap_or(ReportKind::Delivery(bounce)) }
}

/// The acts on the pages, in a list of so many that pages of the file are split.
async fn pages(store: &Store) {
    for who in PEOPLE {
        store.sign_up(sign_up(who), now()).await.unwrap();
        let others = (0..12).map(|number| row(&format!("{number}.{who}@example.net"), "Somebody Else"));
        store.add_subscribers(others.collect(), now()).await.unwrap();
        if !["asked", "imported"].contains(&who) {
            store.confirm(key(&address(who)), 1, sign_up(who).consent, now()).await.unwrap();
        }
        let topics = Topics::only(HeaderText::lossy("기술"));
        let preferences = Preferences { frequency: Frequency::Immediate, topics };
        if who == "chose" {
            store.set_preferences(key(&address(who)), preferences, here(), now()).await.unwrap();
        } else {
            store.set_preferences(key(&address(who)), Preferences::default(), here(), now()).await.unwrap();
        }
    }
    let first = store.claim_transactional("courier", TimeDelta::minutes(5), now()).await.unwrap().unwrap();
    assert!(store.arm_transactional(first.number, "courier", now()).await.unwrap());
    let text = reply("asked").text;
    let failed = TransactionalOutcome::Failed;
    store.finish_transactional(first.number, "courier", failed, &text, now()).await.unwrap();
    store.add_subscribers(vec![row(&address("imported"), "imported jimin")], now()).await.unwrap();
    let requested = key(&address("requested"));
    store.request_personal_data(requested, plenty(), Some("requested-net".to_owned()), now()).await.unwrap();
}

/// An issue with every kind of outcome, and a digest; returns the delivery whose message is on its way.
async fn deliveries(store: &Arc<Store>) -> Claimed {
    for who in LATER {
        store.add_subscribers(vec![row(&address(who), &format!("{who} {TRACE}"))], now()).await.unwrap();
    }
    let weekly = Preferences { frequency: Frequency::Weekly, topics: Topics::default() };
    store.set_preferences(key(&address("weekly")), weekly, here(), now()).await.unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    // A rate limit for each domain notes the domains.
    let open = store.open_issues().await.unwrap()[0].number;
    let domains =
        letterpress::internals::store::DeliveryStore::due_domains(store.as_ref(), open, now()).await.unwrap();
    assert!(
        domains.iter().any(|domain| domain.ends_with(HOME))
            && !rate_limited(None, Some(9), &domains).domains.is_empty()
    );
    let claimed = claim(store, 1_000, "first", now()).await;
    let of = |who: &str| claimed.iter().find(|claimed| claimed.key == key(&address(who))).unwrap();
    let end = |who, event: Event| async move {
        assert_eq!(one(store, of(who), arm(of(who))).await, Ok(State::Armed));
        one(store, of(who), event).await.unwrap()
    };
    let token = |who: &str| of(who).token;
    for who in ["sent", "bounced", "complained"] {
        end(who, Event::Accept { token: Some(token(who)), last: Some(reply(who)) }).await;
    }
    end(
        "refused",
        Event::Reject { token: token("refused"), reason: "refused", last: Some(reply("refused")) },
    )
    .await;
    let retry = Retry { wait: TimeDelta::minutes(5), give_up_at: now() + TimeDelta::days(3) };
    end(
        "deferred",
        Event::Defer { token: token("deferred"), retry: Some(retry), last: Some(reply("deferred")) },
    )
    .await;
    assert_eq!(one(store, of("armed"), arm(of("armed"))).await, Ok(State::Armed));
    let subject = |who: &str| ReportSubject::Delivery(of(who).id.number);
    let keys = Arc::new(keys());
    let bounced = report("bounced", subject("bounced"), None);
    store.record_report(bounced, Arc::clone(&keys), now()).await.unwrap();
    let complained = report("complained", subject("complained"), Some(ReportKind::Complained));
    store.record_report(complained, keys, now()).await.unwrap();
    let week = NewDigest {
        rehearsal: false,
        week: "2026-W47".to_owned(),
        moment: now(),
        posts: vec![DigestPost { id: "other".to_owned(), segment: Segment::default() }],
        issues: [(DigestPart(1), issue("digest:2026-W47:1"))].into(),
    };
    assert!(store.schedule_digest(week, now()).await.unwrap() > 0);
    of("armed").clone()
}

async fn departures(store: &Store) {
    for who in ["left", "returned"] {
        store.unsubscribe(key(&address(who)), "web", Some(here()), now()).await.unwrap();
    }
    assert!(store.resubscribe(key(&address("returned")), 2, here(), now()).await.unwrap());
    assert!(store.remove(key(&address("removed")), "command line", now()).await.unwrap().is_some());
}

/// Erases everybody, and then gets what was still on its way.
async fn erase(store: &Arc<Store>, on_its_way: &Claimed) {
    for who in PEOPLE.into_iter().chain(LATER) {
        store.erase(key(&address(who)), "command line", now()).await.unwrap();
        assert!(store.is_scrub_due().await.unwrap());
    }
    let end = Event::Reject { token: on_its_way.token, reason: "refused", last: Some(reply("armed")) };
    assert_eq!(one(store, on_its_way, end).await, Ok(State::Failed));
    let late = report("armed", ReportSubject::Delivery(on_its_way.id.number), None);
    store.record_report(late, Arc::new(keys()), now()).await.unwrap();
    assert!(store.scrub().await.unwrap());
    assert!(!store.is_scrub_due().await.unwrap());
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    assert!(store.status(key("0.sent@example.net")).await.unwrap().is_some(), "the others stay");
}

/// Which files of the database contain a text, in any case.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let contains = |name: &&str| {
        // Read by another process: closing the file in this process would release the locks of its connections.
        let bytes = Command::new("cat").arg(folder.join(name)).output().unwrap().stdout.to_ascii_lowercase();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    };
    ["letterpress.db", "letterpress.db-wal"].into_iter().filter(contains).map(str::to_owned).collect()
}

async fn compact(store: &Store) {
    store
        .set_issue("new", letterpress::internals::ledger::IssueState::Cancelled, "test", now())
        .await
        .unwrap();
    let later = now() + TimeDelta::days(1);
    store.close_finished(later).await.unwrap();
    while let Some((number, deliveries)) = store.begin_compaction(later, later).await.unwrap() {
        store.remove_details(number, deliveries).await.unwrap();
        store.end_compaction(number).await.unwrap();
    }
    store.shrink().await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_person_is_in_the_files_after_any_act() {
    for is_compacted in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
        let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
        pages(&store).await;
        let on_its_way = deliveries(&store).await;
        departures(&store).await;
        if is_compacted {
            compact(&store).await;
        }
        assert!(!files_with(folder.path(), TRACE).is_empty() && !files_with(folder.path(), HOME).is_empty());
        erase(&store, &on_its_way).await;
        for trace in [TRACE, HOME, "-net"] {
            assert_eq!(
                files_with(folder.path(), trace),
                Vec::<String>::new(),
                "{trace}, compacted: {is_compacted}"
            );
        }
    }
}

#[tokio::test]
async fn postgres_erases_after_any_act() {
    let Some(server) = Postgres::shared() else { return };
    let store = open(&server.database()).await.unwrap();
    pages(&store).await;
    let on_its_way = deliveries(&store).await;
    departures(&store).await;
    erase(&store, &on_its_way).await;
    for who in PEOPLE.into_iter().chain(LATER) {
        let data = store.personal_data(AddressKey(key(&address(who)).0)).await.unwrap();
        assert!(!serde_json::to_string(&data).unwrap().contains(TRACE), "{who}");
    }
}

#[test]
fn an_erasure_that_a_reader_prevents_says_so_and_the_next_command_finishes_it() {
    let relay = Server::start(Script::polite());
    let site = Site::new(relay.port(), 3, 1);
    let erase = ["subscribers", "erase", "reader1@example.org", "--yes"];
    let in_files = || files_with(site.path(".").as_path(), "reader1@example.org");
    let reader = rusqlite::Connection::open(site.path("letterpress.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM subscriber").unwrap();
    let ended = site.run(&erase);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert!(ended.output.contains("another process is using the file"), "{}", ended.output);
    assert!(!ended.output.contains("erased reader1"), "{}", ended.output);
    assert!(!in_files().is_empty());
    // While the reader is there, other commands do their work; afterwards the next one finishes the erasure.
    assert_eq!(site.run(&["subscribers", "count"]).code, 0);
    assert!(!in_files().is_empty());
    drop(reader);
    assert_eq!(site.run(&["subscribers", "count"]).code, 0);
    assert_eq!(in_files(), Vec::<String>::new());
    let erase = ["subscribers", "erase", "reader2@example.org", "--yes"];
    let run = RunLock::take(Utf8Path::from_path(&site.path("letterpress.db")).unwrap()).unwrap();
    let ended = site.run(&erase);
    assert!(ended.code == 3 && ended.output.contains("a run is in progress"), "{}", ended.output);
    drop(run);
    let ended = site.run(&erase);
    assert!(
        ended.code == 0 && ended.output.contains("reader2@example.org was not stored"),
        "{}",
        ended.output
    );
}

#[test]
fn an_erasure_names_the_decisions_whose_reason_contains_the_address() {
    let relay = Server::start(Script::polite());
    let site = Site::new(relay.port(), 2, 1);
    let reason = "--reason=asked by reader1@example.org on the phone";
    assert_eq!(site.run(&["subscribers", "suppress", "reader0@example.org", reason]).code, 0);
    let ended = site.run(&["subscribers", "erase", "reader1@example.org", "--yes"]);
    assert_eq!(ended.code, 3, "{}", ended.output);
    assert!(ended.output.contains("the reasons in the record of decisions"), "{}", ended.output);
}
