//! The ledger in `PostgreSQL`: the same contract tests, and the faults that only a networked database has.

use std::sync::Arc;

use chrono::TimeDelta;
use letterpress::internals::ledger::State;
use letterpress::internals::ledger::transition::{Event, Rejection};
use letterpress::internals::store::{DeliveryStore as _, Filter, StateChange, Store, StoreError};
use letterpress::internals::subscribers::{AddressKey, NewSubscriber, SubscriptionStatus};

use super::store_contract::{
    arm, bounced, cancelled, claim, delivers, fresh, imported, issue, now, one, rate_limited, restored,
    subscriber,
};
use super::support::postgres::open;
use super::support::{Bouncer, Cutter, Postgres};

async fn with_subscribers(url: &str, subscribers: u8) -> Arc<Store> {
    let store = open(url).await.unwrap();
    store
        .add_subscribers(
            (1..=subscribers).map(|number| subscriber(number, SubscriptionStatus::Active)).collect(),
            now(),
        )
        .await
        .unwrap();
    store.schedule_issue(issue("new"), now()).await.unwrap();
    store
}

async fn count(store: &Store, state: State) -> u64 {
    store.issues().await.unwrap()[0].counts.count(state)
}

#[tokio::test]
async fn postgres_delivers_an_issue() {
    let Some(server) = Postgres::shared() else { return };
    delivers(open(&server.database()).await.unwrap().as_ref()).await;
}

#[tokio::test]
async fn a_cancelled_issue_has_no_pending_deliveries_in_postgres_either() {
    let Some(server) = Postgres::shared() else { return };
    cancelled(open(&server.database()).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_can_be_restored_and_suppresses_after_bounces_and_complaints() {
    let Some(server) = Postgres::shared() else { return };
    restored(open(&server.database()).await.unwrap().as_ref()).await;
    bounced(open(&server.database()).await.unwrap().as_ref()).await;
}

#[tokio::test]
async fn postgres_keeps_reasons_and_times_of_an_imported_list() {
    let Some(server) = Postgres::shared() else { return };
    imported(open(&server.database()).await.unwrap().as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_share_their_permits_in_postgres_too() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let (first, second) = (with_subscribers(&url, 60).await, open(&url).await.unwrap());
    let number = first.open_issues().await.unwrap()[0].number;
    let claim_limited =
        async |store: &Store, rate_limited: letterpress::internals::store::RateLimitedClaim| {
            let lease = chrono::TimeDelta::minutes(30);
            let claim = letterpress::internals::store::LeaseClaim {
                issue: number,
                limit: 9,
                owner: fresh().to_string(),
                lease,
            };
            store
                .claim_within_limits(rate_limited, claim, (0..9).map(|_| fresh()).collect(), now())
                .await
                .unwrap()
        };
    // One each second: two senders that ask at the same time get one delivery between them.
    let all = || rate_limited(Some(60), None, &[]);
    let (one, other) =
        tokio::join!(claim_limited(first.as_ref(), all()), claim_limited(second.as_ref(), all()));
    assert_eq!(one.deliveries.len() + other.deliveries.len(), 1);
    assert!(one.wait.or(other.wait).is_some_and(|wait| wait <= chrono::TimeDelta::seconds(1)));
    let domains = first.due_domains(number, now()).await.unwrap();
    assert_eq!(domains, ["example.org"]);
    let each = || rate_limited(None, Some(60), &domains);
    let (one, other) =
        tokio::join!(claim_limited(first.as_ref(), each()), claim_limited(second.as_ref(), each()));
    assert_eq!(one.deliveries.len() + other.deliveries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_the_store_works_behind_pgbouncer_in_transaction_mode() {
    let Some(server) = Postgres::shared() else { return };
    let Some(bouncer) = Bouncer::start(&server) else { return };
    let url = bouncer.through(&server.database(), &server);
    delivers(open(&url).await.unwrap().as_ref()).await;
}

/// Behind a pool the next transaction may run in the session of somebody else, who has other statements of that name.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_session_that_nobody_else_uses_keeps_statements() {
    let Some(server) = Postgres::start() else { return };
    let Some(bouncer) = Bouncer::start(&server) else { return };
    let logged = async |url: &str, through: &str| {
        let name = url.rsplit_once('/').unwrap().1;
        server.sql("postgres", &format!("ALTER DATABASE {name} SET log_statement = 'all'"));
        let before = server.log().len();
        delivers(open(through).await.unwrap().as_ref()).await;
        let log = server.log().split_off(before);
        (log.matches("execute <unnamed>: ").count(), log.matches("execute s").count())
    };
    let (direct, pooled) = (server.database(), server.database());
    let (unnamed, named) = logged(&direct, &direct).await;
    assert!(unnamed > 20 && named > 20, "{unnamed} without a name, {named} with one");
    let (unnamed, named) = logged(&pooled, &bouncer.through(&pooled, &server)).await;
    assert!(unnamed > 20 && named == 0, "{unnamed} without a name, {named} with one");
}

/// Runs the contract test through a connection that is cut at message number `at`; returns the number of messages.
/// Without statistics, each page of weekly subscribers would be looked for in the whole table.
#[tokio::test]
async fn the_planner_knows_a_large_list_as_soon_as_it_is_imported() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let listed = |number: u16| {
        let mut key = [0; 16];
        key[..2].copy_from_slice(&number.to_be_bytes());
        NewSubscriber { key: AddressKey(key), ..subscriber(1, SubscriptionStatus::Active) }
    };
    let store = open(&url).await.unwrap();
    store.add_subscribers((0..3_000).map(listed).collect(), now()).await.unwrap();
    let check = "DO $$ BEGIN ASSERT (SELECT reltuples FROM pg_class WHERE oid = 'subscriber'::regclass) = 3000; END $$";
    server.sql(url.rsplit_once('/').unwrap().1, check);
}

async fn delivers_with_a_cut(server: &Postgres, at: u64, after: bool) -> u64 {
    let url = server.database();
    let cutter = Cutter::start(server.port(), at, after);
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", cutter.port()));
    match open(&through).await {
        Ok(store) => delivers(store.as_ref()).await,
        // A server that is unavailable at the start is an error, and nothing has changed.
        Err(error) => {
            assert!(error.is_transient() && cutter.has_cut(), "{error}");
            delivers(open(&through).await.unwrap().as_ref()).await;
        }
    }
    assert!(cutter.has_cut() || at == u64::MAX, "there was no message {at}");
    cutter.seen()
}

/// After a cut before the message, the request was not executed. After a cut behind it, the request may have been
/// executed, and a commit has been. The contract test checks every result, so it notices an operation that ran twice or
/// not at all.
#[tokio::test(flavor = "multi_thread")]
async fn f30_a_connection_cut_at_any_message_changes_no_result() {
    let Some(server) = Postgres::shared() else { return };
    let messages = delivers_with_a_cut(&server, u64::MAX, false).await;
    assert!(messages > 100, "{messages}");
    // A step width that reaches all kinds of messages; the test with `--ignored` tries each one.
    for (turn, at) in (0..messages - 10).step_by(23).enumerate() {
        delivers_with_a_cut(&server, at, turn % 2 == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn f30_a_connection_cut_at_every_message_changes_no_result() {
    let Some(server) = Postgres::shared() else { return };
    let messages = delivers_with_a_cut(&server, u64::MAX, false).await;
    for at in 0..messages - 10 {
        for after in [false, true] {
            delivers_with_a_cut(&server, at, after).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_after_a_failover_deliveries_in_flight_are_unknown_and_no_dot_follows() {
    let Some(server) = Postgres::start() else { return };
    let store = with_subscribers(&server.database(), 5).await;
    let deliveries = claim(store.as_ref(), 2, "first", now()).await;
    let standby = server.back_up();
    // The standby does not have these changes: one delivery is sent, one is armed, one more is claimed.
    assert_eq!(one(store.as_ref(), &deliveries[0], arm(&deliveries[0])).await, Ok(State::Armed));
    let yes = |delivery: &letterpress::internals::store::Claimed| Event::Accept {
        token: Some(delivery.token),
        last: None,
    };
    assert_eq!(one(store.as_ref(), &deliveries[0], yes(&deliveries[0])).await, Ok(State::Sent));
    assert_eq!(one(store.as_ref(), &deliveries[1], arm(&deliveries[1])).await, Ok(State::Armed));
    let lost = claim(store.as_ref(), 1, "first", now()).await;
    server.fail_over_to(standby);

    assert_eq!(one(store.as_ref(), &lost[0], arm(&lost[0])).await, Err(Rejection::WrongToken), "no dot");
    assert_eq!(store.failed_over(), Some(5));
    assert_eq!(count(store.as_ref(), State::Unknown).await, 5);
    assert!(claim(store.as_ref(), 5, "first", now()).await.is_empty(), "no message is sent again");
    // A reply to a dot that was in flight still counts.
    assert_eq!(one(store.as_ref(), &deliveries[1], yes(&deliveries[1])).await, Ok(State::Sent));
    // The next process finds nothing to recover.
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    assert_eq!(store.deliveries(filter).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn f31_a_crash_of_the_server_alone_leaves_no_outcome_unknown() {
    let Some(server) = Postgres::start() else { return };
    let store = with_subscribers(&server.database(), 3).await;
    let deliveries = claim(store.as_ref(), 2, "first", now()).await;
    assert_eq!(one(store.as_ref(), &deliveries[0], arm(&deliveries[0])).await, Ok(State::Armed));
    server.down();
    server.up(&[]);
    assert_eq!(one(store.as_ref(), &deliveries[1], arm(&deliveries[1])).await, Ok(State::Armed));
    assert_eq!((store.failed_over(), count(store.as_ref(), State::Unknown).await), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_commits_is_refused() {
    let Some(server) = Postgres::start() else { return };
    let url = server.database();
    for setting in ["fsync=off", "full_page_writes=off"] {
        server.down();
        server.up(&[setting]);
        let refused = open(&url).await.err().unwrap().to_string();
        let name = setting.split('=').next().unwrap();
        assert!(refused.contains(name) && refused.contains("help:"), "{refused}");
    }
    server.down();
    server.up(&["synchronous_commit=off"]);
    delivers(open(&url).await.unwrap().as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f33_a_clock_that_is_hours_wrong_neither_steals_nor_loses_a_lease() {
    let Some(server) = Postgres::shared() else { return };
    let store = with_subscribers(&server.database(), 2).await;
    for wrong in [TimeDelta::hours(-9), TimeDelta::hours(9)] {
        let here = now() + wrong;
        let deliveries = claim(store.as_ref(), 1, "first", here).await;
        assert_eq!(store.recover("second", false, here + TimeDelta::days(300)).await.unwrap(), (0, 0));
        assert_eq!(
            one(store.as_ref(), &deliveries[0], arm(&deliveries[0])).await,
            Ok(State::Armed),
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_that_freeze_at_once_freeze_once_and_count_correctly() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let (one, other) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    one.add_subscribers(
        (1..=200).map(|number| subscriber(number, SubscriptionStatus::Active)).collect(),
        now(),
    )
    .await
    .unwrap();
    let freeze = |store: Arc<Store>| async move { store.schedule_issue(issue("new"), now()).await };
    let (a, b) = tokio::join!(tokio::spawn(freeze(one.clone())), tokio::spawn(freeze(other)));
    let outcomes = [a.unwrap(), b.unwrap()];
    let frozen = outcomes.iter().filter(|outcome| matches!(outcome, Ok(200))).count();
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::AlreadyIssued(_)))).count();
    assert_eq!((frozen, refused), (1, 1), "{outcomes:?}");
    assert_eq!(count(one.as_ref(), State::Pending).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_machines_may_start_on_an_empty_database_at_once() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let opened: Vec<_> = (0..6).map(|_| (url.clone(), tokio::runtime::Handle::current())).collect();
    let tasks: Vec<_> =
        opened.into_iter().map(|(url, on)| on.spawn(async move { open(&url).await.map(drop) })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

/// Concurrent claims do not overlap, and batches that touch the same rows in a different order do not deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn senders_that_share_an_issue_claim_each_delivery_once() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.database();
    let store = with_subscribers(&url, 200).await;
    let tasks: Vec<_> = (0..4)
        .map(|sender| {
            let url = url.clone();
            tokio::spawn(async move {
                let store = open(&url).await.unwrap();
                let mut sent = 0;
                loop {
                    let deliveries = claim(store.as_ref(), 7, &format!("sender {sender}"), now()).await;
                    if deliveries.is_empty() {
                        return sent;
                    }
                    for events in [arm, |delivery: &_| yes(delivery)] {
                        let mut moves: Vec<StateChange> = deliveries
                            .iter()
                            .map(|delivery| StateChange { delivery: delivery.id, event: events(delivery) })
                            .collect();
                        moves.reverse();
                        assert!(store.commit(moves, now()).await.unwrap().iter().all(Result::is_ok));
                    }
                    sent += deliveries.len();
                }
            })
        })
        .collect();
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    assert_eq!((sent, count(store.as_ref(), State::Sent).await), (200, 200));
}

fn yes(delivery: &letterpress::internals::store::Claimed) -> Event {
    Event::Accept { token: Some(delivery.token), last: None }
}
