//! The store of one process: each call takes time, may fail, and may be the last before the process dies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::ledger::transition::{Event, Rejection};
use letterpress::internals::ledger::{IssueState, State, Token};
use letterpress::internals::store::{
    Claimed, DeliveryNumber, DeliveryStore, DeliveryView, Fault, IssueNumber, LeaseClaim, OpenIssue,
    PermitGrant, RateLimitedClaim, StateChange, StoreError,
};
use letterpress::internals::subscribers::{AddressKey, SubscriptionStatus};
use letterpress::internals::text::HeaderText;

use super::faults::{StoreFault, Style};
use super::ledger::{Ledger, Row, number};
use super::world::{Process, World};

/// The store of one process.
pub(crate) struct SimStore(pub(crate) Arc<Process>);

impl SimStore {
    /// A write transaction: it is applied completely at one moment, or not at all.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&mut Ledger, &World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (process, world) = (&self.0, &self.0.world);
        if world.plan.style == Style::Database && process.dies_next() && world.chance().percent(50) {
            // The server has received the COMMIT, so the death of the client does not stop it.
            world.count("fault: commits of the dead");
            return self.later(act).await;
        }
        process.gate(doing).await;
        let write = process.writes.fetch_add(1, Ordering::Relaxed);
        let fault = process.sender.store.iter().find(|(at, _)| *at == write).map(|(_, fault)| *fault);
        if let Some(fault) = fault {
            world.log(|| format!("{} {fault:?}", process.number));
        }
        match fault {
            _ if world.disk_is_full() => {
                world.count("fault: disk full");
                Err(failure(doing, Fault::Full))
            }
            None => {
                let value = commit(process, act);
                process.gate("the commit's reply").await;
                Ok(value)
            }
            Some(StoreFault::Busy) => {
                world.count("fault: store busy");
                Err(failure(doing, Fault::Busy))
            }
            Some(StoreFault::Broken) => {
                world.count("fault: store broken");
                process.store_breaks();
                Err(failure(doing, Fault::Io))
            }
            Some(StoreFault::Lost) => {
                world.count("fault: commit's reply lost");
                drop(commit(process, act));
                process.store_breaks();
                Err(failure(doing, Fault::Io))
            }
            Some(StoreFault::Late) => {
                world.count("fault: commit after its error");
                self.spawn_later(act);
                process.store_breaks();
                Err(failure(doing, Fault::Io))
            }
        }
    }

    fn spawn_later<T: 'static>(&self, act: impl FnOnce(&mut Ledger, &World) -> T + Send + 'static) {
        let process = Arc::clone(&self.0);
        let longest = if process.world.chance().percent(80) { 2_000 } else { 60_000 };
        let wait = Duration::from_millis(process.world.chance().below(longest));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            process.world.log(|| format!("a late commit of {}", process.number));
            drop(commit(&process, act));
        });
    }

    async fn later<T: 'static>(
        &self,
        act: impl FnOnce(&mut Ledger, &World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.spawn_later(act);
        self.0.gate("a commit that outlives its sender").await;
        Err(StoreError::CorruptData("a sender that lives after it died".to_owned()))
    }

    async fn read<T>(&self, doing: &'static str, act: impl FnOnce(&Ledger) -> T) -> Result<T, StoreError> {
        self.0.gate(doing).await;
        let value = act(&self.0.world.ledger());
        Ok(value)
    }
}

/// The moment at which a transaction is applied.
fn commit<T>(process: &Process, act: impl FnOnce(&mut Ledger, &World) -> T) -> T {
    let world = &process.world;
    let mut ledger = world.ledger();
    ledger.begin(world, &process.owner);
    world.log(|| format!("{} commit {}", process.number, ledger.commits));
    let value = act(&mut ledger, world);
    super::checker::after_commit(world, &ledger);
    value
}

fn failure(doing: &'static str, fault: Fault) -> StoreError {
    let source = std::io::Error::other("the simulated disk failed");
    StoreError::Database { doing, fault, source: Arc::new(source) }
}

#[async_trait]
impl DeliveryStore for SimStore {
    async fn claim(
        &self,
        claim: LeaseClaim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.write("claim", move |ledger, world| ledger.claim(world, &claim, &tokens, now)).await
    }

    async fn commit(
        &self,
        moves: Vec<StateChange>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Rejection>>, StoreError> {
        self.write("commit", move |ledger, world| ledger.commit(world, &moves, now)).await
    }

    // No simulated run has rate limits.

    async fn due_domains(&self, _: IssueNumber, _: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        Err(StoreError::CorruptData("a run without rate limits asks for domains".to_owned()))
    }

    async fn claim_within_limits(
        &self,
        _: RateLimitedClaim,
        _: LeaseClaim,
        _: Vec<Token>,
        _: DateTime<Utc>,
    ) -> Result<PermitGrant, StoreError> {
        Err(StoreError::CorruptData("a run without rate limits claims within them".to_owned()))
    }
}

/// Other methods of the real store that runs and people use.
impl SimStore {
    pub(crate) async fn unsubscribe(&self, key: AddressKey) -> Result<bool, StoreError> {
        self.write("unsubscribe", move |ledger, _| bar(ledger, key, SubscriptionStatus::Unsubscribed)).await
    }

    pub(crate) async fn suppress(&self, key: AddressKey) -> Result<bool, StoreError> {
        self.write("suppress", move |ledger, _| bar(ledger, key, SubscriptionStatus::Suppressed)).await
    }

    pub(crate) async fn extend(
        &self,
        issue: i64,
        added: (AddressKey, EmailAddress),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write("extend", move |ledger, world| {
            let now = world.store_now(now);
            drop(ledger.extend(issue, added.clone(), now));
        })
        .await
    }

    pub(crate) async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError> {
        self.read("open issues", |ledger| {
            let sending = ledger.issues.iter().filter(|(_, issue)| issue.state == IssueState::Sending);
            sending
                .map(|(id, issue)| OpenIssue {
                    number: number(*id),
                    post: issue.post.clone(),
                    subject: HeaderText::parse("편지").unwrap(),
                    label: issue.post.clone(),
                    message: String::new(),
                    frozen_at: issue.counts_from(),
                    next_at: ledger.next_at(*id),
                    resumed: issue.resumed,
                })
                .collect()
        })
        .await
    }

    pub(crate) async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let post = post.to_owned();
        self.write("set issue", move |ledger, world| ledger.set_issue(world, &post, state, now)).await
    }

    pub(crate) async fn close_finished(&self) -> Result<(), StoreError> {
        self.write("close finished", |ledger, _| ledger.close_finished()).await
    }

    pub(crate) async fn recover(
        &self,
        owner: &str,
        alone: bool,
        now: DateTime<Utc>,
    ) -> Result<(u64, u64), StoreError> {
        let owner = owner.to_owned();
        self.write("recover", move |ledger, world| ledger.recover(world, &owner, alone, now)).await
    }

    pub(crate) async fn pull_forward(
        &self,
        longest: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write("pull forward", move |ledger, world| ledger.pull_forward(world, longest, now)).await
    }

    /// The deliveries whose outcome is unknown.
    pub(crate) async fn unknown(&self) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("deliveries", |ledger| {
            let unknown = ledger.rows.iter().filter(|(_, row)| row.delivery.state == State::Unknown);
            unknown.map(|(id, row)| view(ledger, *id, row)).collect()
        })
        .await
    }

    pub(crate) async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Rejection>, StoreError> {
        self.write("resolve", move |ledger, world| ledger.resolve(world, number.0, &event, now)).await
    }
}

/// From this commit on the subscriber must get nothing.
fn bar(ledger: &mut Ledger, key: AddressKey, status: SubscriptionStatus) -> bool {
    ledger.unsubscribed.entry(key).or_insert(ledger.commits);
    ledger.status.insert(key, status).is_some()
}

fn view(ledger: &Ledger, id: i64, row: &Row) -> DeliveryView {
    DeliveryView {
        id: super::ledger::id(id, row),
        post: ledger.issues[&row.issue].post.clone(),
        subject: HeaderText::parse("편지").unwrap(),
        address: row.address.to_string(),
        message_id: None,
        message_domain: "news.example".to_owned(),
        row: row.delivery.clone(),
        changed_at: row.changed_at,
    }
}
