//! One run of the simulation: senders and people with faults, then runs without faults until the issue is finished.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use letterpress::internals::address::EmailAddress;
use letterpress::internals::clock::Clock;
use letterpress::internals::delivery::{DeliveryJob, Envelope, OutgoingMessage, StopReason, deliver};
use letterpress::internals::ledger::transition::Event;
use letterpress::internals::ledger::{Delivery, IssueState, RetrySchedule};
use letterpress::internals::store::{Claimed, DeliveryStore, OpenIssue, StoreError};
use letterpress::internals::subscribers::{AddressKey, SubscriptionStatus};
use tokio::task::JoinSet;

use super::checker;
use super::faults::{Action, Plan, Sender, Style};
use super::ledger::{GIVE_UP_HOURS, Issue, Row};
use super::server::SimTransport;
use super::store::SimStore;
use super::weakness::Weakness;
use super::world::{HostClock, Process, World};

/// The sum of the default deadlines of all phases of a message, as in `pipeline::transport`.
const LEASE: Duration = Duration::from_secs((4 * 5 + 2 * 2 + 10 + 5) * 60);

/// How many runs without faults an issue may need: as many as one delivery may have attempts.
const FINAL_RUNS: usize = 18;

/// Runs the simulation of one seed.
pub(crate) fn simulate(plan: Plan, weakness: Option<Weakness>, tracing: bool) -> Arc<World> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let world = World::new(plan, weakness, tracing);
        let run_with_faults = async {
            freeze(&world);
            if run_with_faults(&world).await && finish(&world).await {
                checker::at_the_end(&world);
            }
        };
        tokio::select! {
            biased;
            () = world.endless.notified() => {}
            () = run_with_faults => {}
        }
        // Processes refer to their world, and the world to its processes.
        let processes = std::mem::take(&mut *world.processes.lock().unwrap());
        drop(processes);
        world
    })
}

/// T0, before any fault.
fn freeze(world: &World) {
    let (plan, frozen_at) = (&world.plan, world.machine_now());
    let mut ledger = world.ledger();
    for subscriber in 0..plan.subscribers {
        ledger.status.insert(key(subscriber), SubscriptionStatus::Active);
    }
    for issue in 1..=i64::try_from(plan.issues).unwrap() {
        for subscriber in 0..plan.subscribers {
            let row = Row {
                issue,
                key: key(subscriber),
                address: address(subscriber),
                delivery: Delivery::new(frozen_at),
                owner: None,
                changed_at: frozen_at,
            };
            ledger.insert(row).unwrap();
        }
        let frozen = Issue {
            post: format!("post-{issue}"),
            state: IssueState::Sending,
            frozen_at,
            extended_at: None,
            audience: plan.subscribers,
            resumed: false,
            counts: None,
        };
        ledger.issues.insert(issue, frozen);
    }
    let mut relay = world.relay();
    relay.strangers.extend(plan.stranger.map(|subscriber| address(subscriber).to_string()));
    relay.greylisted.extend(plan.greylisted.map(|subscriber| address(subscriber).to_string()));
}

fn address(subscriber: u64) -> EmailAddress {
    EmailAddress::parse(&format!("reader{subscriber}@example.org")).unwrap()
}

fn key(subscriber: u64) -> AddressKey {
    AddressKey(u128::from(subscriber).to_be_bytes())
}

/// The part with faults. Returns false if a process never ends.
async fn run_with_faults(world: &Arc<World>) -> bool {
    let mut tasks = JoinSet::new();
    for sender in &world.plan.senders {
        let process = Process::spawn(world, sender.clone());
        tasks.spawn(run(process));
    }
    let people = Process::spawn(world, Sender::healthy());
    for (at, action) in world.plan.actions.clone() {
        let people = Arc::clone(&people);
        tasks.spawn(async move {
            tokio::time::sleep(at).await;
            act(&people, action).await;
        });
    }
    let ended = tokio::time::timeout(Duration::from_secs(24 * 30 * 3_600), async {
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    });
    let ended = ended.await.is_ok();
    people.end();
    if !ended {
        world.broken("L5: a sender never ends".to_owned());
    }
    ended
}

/// Runs without faults until nothing is open: truthful replies, correct clocks, later than all leases and waits.
async fn finish(world: &Arc<World>) -> bool {
    world.heal();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    for _ in 0..FINAL_RUNS {
        let people = Process::spawn(world, Sender::healthy());
        act(&people, Action::Resume).await;
        people.end();
        let sender = Process::spawn(world, Sender::healthy());
        if tokio::time::timeout(Duration::from_secs(24 * 3_600), run(sender)).await.is_err() {
            world.broken("L5: a sender in a healthy world never ends".to_owned());
            return false;
        }
        let open = {
            let ledger = world.ledger();
            ledger.issues.keys().any(|number| ledger.open(*number))
        };
        if !open {
            return true;
        }
        tokio::time::sleep(Duration::from_secs(8 * 3_600)).await;
    }
    true
}

/// One process from its start to its end.
async fn run(process: Arc<Process>) {
    let world = Arc::clone(&process.world);
    tokio::time::sleep(process.sender.starts).await;
    if world.plan.style == Style::Locked {
        let mut lock = world.lock.lock().unwrap();
        if lock.is_some() {
            world.count("runs that found the lock held");
            drop(lock);
            return process.end();
        }
        *lock = Some(process.number);
    }
    world.count("runs");
    world.log(|| format!("{} starts", process.number));
    let ended = tokio::select! {
        biased;
        () = process.killed() => None,
        ended = publish(&process) => Some(ended),
    };
    if let Some(ended) = ended {
        world.log(|| format!("{} ends: {ended:?}", process.number));
        if ended.is_err() {
            world.count("runs that the store ended");
        }
        process.end();
    }
}

/// The same steps as `pipeline::sending`, with the real delivery code.
async fn publish(process: &Arc<Process>) -> Result<(), StoreError> {
    let world = &process.world;
    let store = Arc::new(SimStore(Arc::clone(process)));
    let clock: Arc<dyn Clock> = Arc::new(HostClock(Arc::clone(process)));
    let alone =
        world.plan.style == Style::Locked || (world.plan.style == Style::Unlocked && world.is_healthy());
    let now = clock.now();
    let recovered = store.recover(&process.owner, alone, now).await?;
    world.add("recovered as unknown", recovered.1);
    world.add("recovered to waiting", recovered.0);
    world.add("pulled forward", store.pull_forward(schedule().longest_wait(), now).await?);
    if world.plan.resend {
        resend_once(store.as_ref(), clock.as_ref()).await?;
    }
    for issue in store.open_issues().await? {
        if issue.next_at.is_none_or(|at| at > now) {
            continue;
        }
        let long_past = issue.frozen_at + TimeDelta::days(7) < clock.now();
        if long_past && !issue.resumed {
            store.set_issue(&issue.post, IssueState::Paused, now).await?;
            continue;
        }
        process.breaker.begin_issue();
        let job = job(process, &issue, &store, &clock);
        match deliver(job, Arc::clone(&process.breaker)).await? {
            None => {}
            Some(StopReason::Message(_)) => {
                world.count("issues paused by the breaker");
                store.set_issue(&issue.post, IssueState::Paused, clock.now()).await?;
                break;
            }
            Some(_) => {
                world.count("runs that the breaker stopped");
                break;
            }
        }
    }
    store.close_finished().await
}

async fn resend_once(store: &SimStore, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.now();
    for view in store.unknown().await? {
        if view.row.resends == 0 && now - view.changed_at <= TimeDelta::hours(GIVE_UP_HOURS) {
            let _ = store.resolve(view.id.number, Event::Resend, now).await?;
        }
    }
    Ok(())
}

fn schedule() -> RetrySchedule {
    RetrySchedule {
        waits: [5, 15, 60, 180, 360].map(TimeDelta::minutes).to_vec(),
        give_up: TimeDelta::hours(GIVE_UP_HOURS),
    }
}

fn job(
    process: &Arc<Process>,
    issue: &OpenIssue,
    store: &Arc<SimStore>,
    clock: &Arc<dyn Clock>,
) -> DeliveryJob {
    let post = issue.post.clone();
    let store: Arc<dyn DeliveryStore> = Arc::<SimStore>::clone(store);
    DeliveryJob {
        store,
        transport: Arc::new(SimTransport(Arc::clone(process))),
        clock: Arc::clone(clock),
        issue: issue.number,
        frozen_at: issue.frozen_at,
        render: Box::new(move |delivery| Ok(compose(&post, delivery))),
        rate_limits: None,
        retry: schedule(),
        lease: LEASE,
        owner: process.owner.clone(),
        on_progress: Arc::new(|_| {}),
    }
}

/// The bytes depend only on issue and row; the token is only in the envelope.
fn compose(post: &str, delivery: &Claimed) -> OutgoingMessage {
    let message_id = format!("{}@news.example", delivery.id.number.0);
    let message = format!(
        "Message-ID: <{message_id}>\r\nDate: {}\r\nTo: {}\r\n\r\n{post}\r\n",
        delivery.dated.timestamp_millis(),
        delivery.address
    )
    .into_bytes();
    let from = EmailAddress::parse(&format!("b+{}@news.example", delivery.token)).unwrap();
    OutgoingMessage {
        envelope: Envelope { from, to: delivery.address.clone(), size: message.len() },
        message,
        message_id,
    }
}

/// An action of a person. Errors of the store are ignored here.
async fn act(people: &Arc<Process>, action: Action) {
    let world = &people.world;
    let store = SimStore(Arc::clone(people));
    let now = HostClock(Arc::clone(people)).now();
    world.log(|| format!("{action:?}"));
    match action {
        Action::Unsubscribe(subscriber) => {
            world.count("fault: subscribers who unsubscribe");
            let _ = store.unsubscribe(key(subscriber)).await;
        }
        Action::Suppress(subscriber) => {
            world.count("fault: subscribers who are suppressed");
            let _ = store.suppress(key(subscriber)).await;
        }
        Action::Pause | Action::Resume | Action::Cancel => {
            world.count("fault: pauses, resumes and cancels");
            let state = match action {
                Action::Pause => IssueState::Paused,
                Action::Resume => IssueState::Sending,
                _ => IssueState::Cancelled,
            };
            let posts: Vec<_> = world.ledger().issues.values().map(|issue| issue.post.clone()).collect();
            for post in posts {
                let _ = store.set_issue(&post, state, now).await;
            }
        }
        Action::Extend => {
            world.count("fault: issues that grow");
            let added = world.ledger().status.len() as u64;
            let _ = store.extend(1, (key(added), address(added)), now).await;
        }
        Action::Resend | Action::Evidence => decide(&store, action == Action::Resend, now).await,
        Action::Signal(sender) => {
            world.count("fault: signals");
            let process = world.processes.lock().unwrap().get(sender).cloned();
            if let Some(process) = process {
                process.breaker.stop(StopReason::Requested);
            }
        }
        Action::DiskFull(seconds) => {
            let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
            *world.full_until.lock().unwrap() = Some(until);
        }
        Action::Jump(sender, by) => world.jump(sender, by),
    }
}

/// `letterpress resolve`: sends unknown deliveries again, or records what the relay's log shows.
async fn decide(store: &SimStore, resend: bool, now: chrono::DateTime<chrono::Utc>) {
    let world = &store.0.world;
    let Ok(unknown) = store.unknown().await else { return };
    for view in unknown {
        let message_id = format!("<{}@news.example>", view.id.number.0);
        let in_the_log = world.relay().accepted.values().any(|delivery| delivery.message_id == message_id);
        let event = match (resend, in_the_log) {
            (true, _) => Event::Resend,
            (false, true) => Event::Accept { token: None, last: None },
            (false, false) => continue,
        };
        let _ = store.resolve(view.id.number, event, now).await;
    }
}
