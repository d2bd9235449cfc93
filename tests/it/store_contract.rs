//! Contract tests of the store: the same scenarios for both databases.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::ledger::NO_MAILBOX;
use letterpress::internals::ledger::health::FeedbackCounts;
use letterpress::internals::ledger::rate_limit::{Rate, RateLimits};
use letterpress::internals::ledger::transition::{Event, Rejection};
use letterpress::internals::ledger::{IssueState, LastReply, Retry, State, Token};
use letterpress::internals::store::{
    Claimed, Decision, DeliveryReport, DeliveryStore as _, DomainState, Filter, InboundReport, LeaseClaim,
    NewIssue, RateLimitedClaim, RecordOutcome, ReportKind, ReportSubject, RestoreOutcome, RestoreRequest,
    StateChange, Store, StoreError, open_sqlite,
};
use letterpress::internals::subscribers::bounces::{Action, Status};
use letterpress::internals::subscribers::token::TokenKeys;
use letterpress::internals::subscribers::{AddressKey, NewSubscriber, Profile, SubscriptionStatus};
use letterpress::internals::text::HeaderText;

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

pub(crate) fn subscriber(number: u8, status: SubscriptionStatus) -> NewSubscriber {
    let email = EmailAddress::parse(&format!("reader{number}@example.org")).unwrap();
    let profile =
        Profile {
            name: HeaderText::lossy("독자"), consented_at: Some(now()), ..Profile::new(email, status)
        };
    NewSubscriber::new(AddressKey([number; 16]), profile, "story")
}

pub(crate) fn issue(post: &str) -> NewIssue {
    NewIssue {
        post: post.to_owned(),
        subject: HeaderText::parse("천천히 오는 편지").unwrap(),
        label: "slow".to_owned(),
        message: "{}".to_owned(),
        segment: letterpress::internals::archive::Segment::default(),
        baseline: Vec::new(),
        rehearsal: false,
        message_domain: "example.com".to_owned(),
    }
}

fn keys() -> Arc<TokenKeys> {
    Arc::new(TokenKeys::generate([7; 32]))
}

pub(crate) async fn claim(store: &Store, most: usize, owner: &str, at: DateTime<Utc>) -> Vec<Claimed> {
    let open = store.open_issues().await.unwrap();
    let tokens = (0..most).map(|_| fresh()).collect();
    let claim = LeaseClaim {
        issue: open[0].number,
        limit: most,
        owner: owner.to_owned(),
        lease: TimeDelta::minutes(30),
    };
    store.claim(claim, tokens, at).await.unwrap()
}

/// A new token that differs from every other one.
pub(crate) fn fresh() -> Token {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Token(bytes)
}

pub(crate) async fn one(store: &Store, delivery: &Claimed, event: Event) -> Result<State, Rejection> {
    store.commit(vec![StateChange { delivery: delivery.id, event }], now()).await.unwrap().remove(0)
}

pub(crate) fn arm(delivery: &Claimed) -> Event {
    Event::Arm { token: delivery.token, bytes: [1; 32] }
}

pub(crate) async fn delivers(store: &Store) {
    // Before the first run no post is known; then the archive is the baseline.
    assert_eq!(store.mailed_posts().await.unwrap(), None);
    store.baseline(vec![("old".to_owned(), HeaderText::parse("옛 글").unwrap())], now()).await.unwrap();
    assert_eq!(store.mailed_posts().await.unwrap(), Some(HashSet::from(["old".to_owned()])));

    // Five subscribers are active, one is unconfirmed, and one is suppressed before the import.
    let mut subscribers: Vec<_> =
        (1..=5).map(|number| subscriber(number, SubscriptionStatus::Active)).collect();
    subscribers.push(subscriber(6, SubscriptionStatus::Unconfirmed));
    store.add_subscribers(subscribers, now()).await.unwrap();
    store.suppress(AddressKey([7; 16]), "complaint", "story", now()).await.unwrap();
    let kept_out =
        store.add_subscribers(vec![subscriber(7, SubscriptionStatus::Active)], now()).await.unwrap();
    assert_eq!((kept_out.added, kept_out.kept_out), (0, 1));

    // A freeze counts the active subscribers, and a second freeze is refused.
    assert_eq!(store.schedule_issue(issue("new"), now()).await.unwrap(), 5);
    assert!(matches!(store.schedule_issue(issue("new"), now()).await, Err(StoreError::AlreadyIssued(_))));
    assert_eq!(store.issues().await.unwrap()[0].counts.count(State::Pending), 5);

    // A claimed row belongs to one owner.
    let deliveries = claim(store, 4, "first", now()).await;
    assert_eq!(deliveries.len(), 4);
    assert_eq!(claim(store, 4, "second", now()).await.len(), 1);

    // An unsubscribe between claim and arm prevents the arm.
    assert!(store.unsubscribe(deliveries[0].key, "story", None, now()).await.unwrap().is_some());
    assert_eq!(one(store, &deliveries[0], arm(&deliveries[0])).await, Ok(State::Skipped));

    // One is sent, one deferred, and the run of one dies after the arm.
    assert_eq!(one(store, &deliveries[1], arm(&deliveries[1])).await, Ok(State::Armed));
    assert_eq!(one(store, &deliveries[1], Event::Accept { token: None, last: None }).await, Ok(State::Sent));
    let wait = TimeDelta::milliseconds(50);
    let later = now() + wait;
    let retry = Some(Retry { wait, give_up_at: now() + TimeDelta::days(36_500) });
    let defer = Event::Defer { token: deliveries[2].token, retry, last: None };
    assert_eq!(one(store, &deliveries[2], defer).await, Ok(State::Pending));
    assert_eq!(one(store, &deliveries[3], arm(&deliveries[3])).await, Ok(State::Armed));
    assert_eq!(
        store.recover("third", false, now()).await.unwrap(),
        (0, 0),
        "leases are valid while their owners may be running"
    );
    assert_eq!(store.recover("third", true, now()).await.unwrap(), (1, 1));
    assert_eq!(store.recover("third", true, now()).await.unwrap(), (0, 0), "recovery is idempotent");

    // A store may use its own clock.
    tokio::time::sleep(wait.to_std().unwrap()).await;

    // Late results of the dead run: a refusal does not count after a resend, an acceptance always counts.
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    let unknown = store.deliveries(filter).await.unwrap().remove(0);
    assert_eq!(
        store.resolve(unknown.id, Event::Resend, "no trace in the log", now()).await.unwrap(),
        Ok(State::Pending)
    );
    let again = claim(store, 9, "third", later).await;
    assert_eq!(again.len(), 3);
    let late = Event::Reject { token: deliveries[3].token, reason: "rejected", last: None };
    assert_eq!(one(store, &deliveries[3], late).await, Err(Rejection::WrongToken));
    assert_eq!(one(store, &deliveries[3], Event::Accept { token: None, last: None }).await, Ok(State::Sent));

    // The rest is sent, the counts add up to the audience, and the issue is closed.
    for delivery in again.iter().filter(|delivery| delivery.id != deliveries[3].id) {
        assert_eq!(one(store, delivery, arm(delivery)).await, Ok(State::Armed));
        assert_eq!(one(store, delivery, Event::Accept { token: None, last: None }).await, Ok(State::Sent));
    }
    store.close_finished(now()).await.unwrap();
    let summary = store.issues().await.unwrap().remove(0);
    assert_eq!((summary.state, summary.audience, summary.counts.total()), (IssueState::Done, 5, 5));
    assert_eq!((summary.counts.count(State::Sent), summary.counts.count(State::Skipped)), (4, 1));
}

#[tokio::test]
async fn sqlite_delivers_an_issue() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    delivers(store.as_ref()).await;
}

/// What an imported list adds: the reason of a suppression, and the time when an address was first seen.
pub(crate) async fn imported(store: &Store) {
    let day = TimeDelta::days(1);
    let of = |number, status, days: i32| {
        let mut row = subscriber(number, status);
        row.added_at = Some(now() - day * days);
        row.profile.suppressed_because =
            (status == SubscriptionStatus::Suppressed).then(|| "it complained".to_owned());
        row
    };
    let list = vec![
        of(1, SubscriptionStatus::Active, 9),
        of(2, SubscriptionStatus::Suppressed, 8),
        of(3, SubscriptionStatus::Unsubscribed, -100_000),
    ];
    assert_eq!(store.add_subscribers(list, now()).await.unwrap().added, 3);
    // A suppression without a reason counts, and a later row does not change it.
    let mut no_reason = of(1, SubscriptionStatus::Suppressed, 1);
    no_reason.profile.suppressed_because = None;
    let done = store
        .add_subscribers(vec![no_reason, of(2, SubscriptionStatus::Active, 1)], now() + day)
        .await
        .unwrap();
    assert_eq!((done.changed, done.kept_out), (1, 1));
    let rows = store.subscribers(0, 10).await.unwrap();
    let rows: Vec<_> = rows
        .into_iter()
        // A store may use its own clock; a time in the future is replaced by the present.
        .map(|(_, row)| (row.profile, (now() - row.added_at).num_days()))
        .map(|(profile, days)| {
            let days = if (-50_000..1).contains(&days) { 0 } else { days };
            (profile.status, days, profile.suppressed_because)
        })
        .collect();
    let listed = "suppressed in a list that was imported".to_owned();
    assert_eq!(
        rows,
        [
            (SubscriptionStatus::Suppressed, 9, Some(listed)),
            (SubscriptionStatus::Suppressed, 8, Some("it complained".to_owned())),
            (SubscriptionStatus::Unsubscribed, 0, None),
        ]
    );
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn sqlite_keeps_reasons_and_times_of_an_imported_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    imported(store.as_ref()).await;
}

/// The epoch, and the adoption of a moved or restored store.
pub(crate) async fn restored(store: &Store) {
    store
        .add_subscribers(
            (1..=4).map(|number| subscriber(number, SubscriptionStatus::Active)).collect(),
            now(),
        )
        .await
        .unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    assert_eq!(store.identity().await.unwrap().epoch_mark.epoch, 0);
    assert_eq!((store.raise_epoch().await.unwrap(), store.raise_epoch().await.unwrap()), (1, 2));

    // One delivery is sent, one armed, one claimed, one waits. A moved original stays as it is.
    let deliveries = claim(store, 3, "first", now()).await;
    for delivery in &deliveries[..2] {
        assert_eq!(one(store, delivery, arm(delivery)).await, Ok(State::Armed));
    }
    let yes = |delivery: &Claimed| Event::Accept { token: Some(delivery.token), last: None };
    assert_eq!(one(store, &deliveries[0], yes(&deliveries[0])).await, Ok(State::Sent));
    let moved = RestoreRequest { published: None, above: 0, why: "moved".to_owned() };
    assert_eq!(
        store.accept_restored(moved, now()).await.unwrap(),
        RestoreOutcome { unknown: 0, baseline: Vec::new() }
    );
    assert_eq!(store.identity().await.unwrap().epoch_mark.epoch, 3);

    // After a restore every open delivery is unknown, and unknown posts count as mailed.
    let title = HeaderText::parse("글").unwrap();
    let published = vec![("new".to_owned(), title.clone()), ("later".to_owned(), title)];
    let adoption = RestoreRequest { published: Some(published), above: 9, why: "restored".to_owned() };
    assert_eq!(
        store.accept_restored(adoption, now()).await.unwrap(),
        RestoreOutcome { unknown: 3, baseline: vec![HeaderText::parse("글").unwrap()] }
    );
    assert_eq!(store.identity().await.unwrap().epoch_mark.epoch, 10);
    assert_eq!(store.issues().await.unwrap()[0].state, IssueState::Done);
    assert_eq!(one(store, &deliveries[2], arm(&deliveries[2])).await, Err(Rejection::WrongToken));
    assert_eq!(
        one(store, &deliveries[1], yes(&deliveries[1])).await,
        Ok(State::Sent),
        "a late acceptance still counts"
    );

    // Unknown outcomes are resolved in bulk, and the ledger is consistent.
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    let unknown: Vec<_> = store.deliveries(filter).await.unwrap().iter().map(|view| view.id).collect();
    let last = Some(LastReply { phase: "evidence".to_owned(), text: "the log".to_owned() });
    let event = Event::Accept { token: None, last };
    let decision = Decision { event, actor: "story", why: "the log".to_owned() };
    assert_eq!(store.decide_all(unknown, decision, now()).await.unwrap(), 2);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

/// Bounces, complaints and refused mailboxes: they are counted once, and the subscribers are suppressed.
pub(crate) async fn bounced(store: &Store) {
    store
        .add_subscribers(
            (1..=3).map(|number| subscriber(number, SubscriptionStatus::Active)).collect(),
            now(),
        )
        .await
        .unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    let number = store.open_issues().await.unwrap()[0].number;
    let deliveries = claim(store, 3, "first", now()).await;
    for delivery in &deliveries[..2] {
        assert_eq!(one(store, delivery, arm(delivery)).await, Ok(State::Armed));
        let yes = Event::Accept { token: Some(delivery.token), last: None };
        assert_eq!(one(store, delivery, yes).await, Ok(State::Sent));
    }
    let no_mailbox = Event::Reject { token: deliveries[2].token, reason: NO_MAILBOX, last: None };
    assert_eq!(one(store, &deliveries[2], no_mailbox).await, Ok(State::Failed));

    let report = DeliveryReport {
        action: Action::Failed,
        status: Status::parse("5.1.1"),
        recipient: None,
        diagnostic: "smtp; 550 5.1.1 no such user".to_owned(),
    };
    let inbound = |mail: u8, delivery: &Claimed, word: ReportKind| InboundReport {
        fingerprint: [mail; 32],
        subject: ReportSubject::Delivery(delivery.id.number),
        kind: word,
    };
    let bounce = inbound(1, &deliveries[0], ReportKind::Delivery(report));
    let taken = store.record_report(bounce.clone(), keys(), now()).await.unwrap();
    assert!(
        matches!(
            taken,
            RecordOutcome::Recorded { status: Some(SubscriptionStatus::Suppressed), settled: false, .. }
        ),
        "{taken:?}"
    );
    assert_eq!(store.record_report(bounce, keys(), now()).await.unwrap(), RecordOutcome::Duplicate);
    store.record_report(inbound(2, &deliveries[1], ReportKind::Complained), keys(), now()).await.unwrap();
    assert_eq!(store.status(deliveries[1].key).await.unwrap(), Some(SubscriptionStatus::Suppressed));
    assert_eq!(
        store.feedback_counts(number).await.unwrap(),
        FeedbackCounts { sent: 1, hard: 2, other: 0, complaints: 1 }
    );
    assert_eq!(store.suppress_invalid(number, now()).await.unwrap(), 1);
    assert_eq!(store.status(deliveries[2].key).await.unwrap(), Some(SubscriptionStatus::Suppressed));
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn sqlite_suppresses_after_bounces_and_complaints() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    bounced(store.as_ref()).await;
}

#[tokio::test]
async fn sqlite_can_be_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    restored(store.as_ref()).await;
}

#[tokio::test]
async fn a_late_temporary_rejection_reopens_a_finished_issue() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    store.add_subscribers(vec![subscriber(1, SubscriptionStatus::Active)], now()).await.unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    let delivery = claim(store.as_ref(), 1, "slow", now()).await.remove(0);
    assert_eq!(one(store.as_ref(), &delivery, arm(&delivery)).await, Ok(State::Armed));
    assert_eq!(store.recover("next", true, now()).await.unwrap(), (0, 1));
    store.close_finished(now()).await.unwrap();
    assert_eq!(store.issues().await.unwrap()[0].state, IssueState::Done);
    let later = Event::Defer { token: delivery.token, retry: None, last: None };
    assert_eq!(one(store.as_ref(), &delivery, later).await, Ok(State::Pending));
    assert_eq!(store.open_issues().await.unwrap().len(), 1);
}

/// A rate limit for all messages, or one for each domain.
pub(crate) fn rate_limited(all: Option<u32>, each: Option<u32>, domains: &[String]) -> RateLimitedClaim {
    let rate = |number: Option<u32>| number.and_then(Rate::per_minute);
    let limits = RateLimits { all: rate(all), per_domain: rate(each), ..RateLimits::default() };
    RateLimitedClaim { limits: Arc::new(limits), domains: domains.to_vec() }
}

#[tokio::test]
async fn two_senders_share_their_permits_and_a_dead_sender_returns_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let open = || open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    let (one, other) = (open(), open());
    one.add_subscribers(
        (1..=60).map(|number| subscriber(number, SubscriptionStatus::Active)).collect(),
        now(),
    )
    .await
    .unwrap();
    one.schedule_issue(issue("new"), now()).await.unwrap();
    let number = one.open_issues().await.unwrap()[0].number;
    let claim_limited = async |store: &Store, rate_limited: &RateLimitedClaim, at: DateTime<Utc>| {
        let lease = TimeDelta::minutes(30);
        let claim = LeaseClaim { issue: number, limit: 9, owner: fresh().to_string(), lease };
        store
            .claim_within_limits(rate_limited.clone(), claim, (0..9).map(|_| fresh()).collect(), at)
            .await
            .unwrap()
    };
    // Ten at once, whoever claims; then ten each second.
    let all = rate_limited(Some(600), None, &[]);
    assert_eq!(claim_limited(one.as_ref(), &all, now()).await.deliveries.len(), 9);
    assert_eq!(claim_limited(other.as_ref(), &all, now()).await.deliveries.len(), 1);
    let nothing = claim_limited(one.as_ref(), &all, now()).await;
    assert_eq!((nothing.deliveries.len(), nothing.wait), (0, Some(TimeDelta::milliseconds(100))));
    // The claiming sender dies: its deliveries are pending again, but its permits are used.
    assert_eq!(one.recover("heir", true, now()).await.unwrap(), (10, 0));
    assert!(claim_limited(one.as_ref(), &all, now()).await.deliveries.is_empty());
    let second = now() + TimeDelta::seconds(1);
    assert_eq!(claim_limited(other.as_ref(), &all, second).await.deliveries.len(), 9);
    // After a clock went back, no permit is available.
    assert!(claim_limited(one.as_ref(), &all, now() - TimeDelta::days(1)).await.deliveries.is_empty());

    let domains = one.due_domains(number, second).await.unwrap();
    assert_eq!(domains, ["example.org"]);
    let each = rate_limited(None, Some(120), &domains);
    assert_eq!(claim_limited(one.as_ref(), &each, second).await.deliveries.len(), 2);
    let full = claim_limited(other.as_ref(), &each, second).await;
    assert_eq!(full.domains, [("example.org".to_owned(), DomainState::Full(TimeDelta::milliseconds(500)))]);
    let late = rate_limited(None, Some(120), &["nobody.example".to_owned()]);
    assert_eq!(
        claim_limited(one.as_ref(), &late, second).await.domains,
        [("nobody.example".to_owned(), DomainState::Empty)]
    );
}

#[tokio::test]
async fn a_cancelled_issue_has_no_pending_deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    let store = open_sqlite(&path, &path.with_extension("keys"), "instance").unwrap();
    cancelled(store).await;
}

pub(crate) async fn cancelled(store: Arc<Store>) {
    store
        .add_subscribers(
            vec![subscriber(1, SubscriptionStatus::Active), subscriber(2, SubscriptionStatus::Active)],
            now(),
        )
        .await
        .unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    let claimed = claim(store.as_ref(), 1, "first", now()).await;
    assert!(store.set_issue("new", IssueState::Cancelled, "story", now()).await.unwrap());
    assert_eq!(one(store.as_ref(), &claimed[0], arm(&claimed[0])).await, Err(Rejection::NoSuchTransition));
    assert_eq!(store.issues().await.unwrap()[0].counts.count(State::Skipped), 2);
}

#[test]
fn f23_a_damaged_file_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
    std::fs::write(&path, b"not a database, and long enough to be looked at as one................").unwrap();
    assert!(open_sqlite(&path, &path.with_extension("keys"), "instance").is_err());
    assert!(std::fs::read(&path).unwrap().starts_with(b"not a database"));
}
