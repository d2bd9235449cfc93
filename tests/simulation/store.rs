//! The store as one process sees it: every verb takes a moment, may fail, and may be the last thing the process does.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8Path;
use chrono::{DateTime, Utc};
use letterpress::ledger::health::Toll;
use letterpress::ledger::pace::Meter;
use letterpress::ledger::transition::{Event, Refusal};
use letterpress::ledger::{IssueState, IssueSummary, State, Token};
use letterpress::store::{
    Adopted, Adoption, Claim, Claimed, Custody, Decision, DeliveryNumber, DeliveryView, Fault, Filter,
    ImprintMaker, IssueNumber, Move, NewIssue, Notice, OpenIssue, Pace, Ration, Store, StoreError, Taken,
};
use letterpress::subscribers::{AddressKey, Enrolment, Enrolments, Standing, Subscriber};
use letterpress::text::HeaderText;

use super::faults::{StoreFault, Style};
use super::ledger::{Ledger, Row, number};
use super::world::{Process, World};

/// The store of one process.
pub(crate) struct SimStore(pub(crate) Arc<Process>);

impl SimStore {
    /// One writing transaction: it takes place whole at one moment, or not at all.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&mut Ledger, &World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (process, world) = (&self.0, &self.0.world);
        if world.plan.style == Style::Database && process.dies_next() && world.chance().percent(50) {
            // The server has the COMMIT already; that its client is dead stops nothing.
            world.count("fault: commits of the dead");
            return self.later(act).await;
        }
        process.gate(doing).await;
        let write = process.writes.fetch_add(1, Ordering::Relaxed);
        let fault = process.sender.store.iter().find(|(at, _)| *at == write).map(|(_, fault)| *fault);
        if let Some(fault) = fault {
            world.say(|| format!("{} {fault:?}", process.number));
        }
        match fault {
            _ if world.disk_is_full() => {
                world.count("fault: disk full");
                Err(failure(doing, Fault::Full))
            }
            None => {
                let value = commit(process, act);
                process.gate("the commit's answer").await;
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
                world.count("fault: commit's answer lost");
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
            process.world.say(|| format!("a late commit of {}", process.number));
            drop(commit(&process, act));
        });
    }

    async fn later<T: 'static>(
        &self,
        act: impl FnOnce(&mut Ledger, &World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.spawn_later(act);
        self.0.gate("a commit that outlives its sender").await;
        Err(StoreError::Nonsense("a sender that lives after it died".to_owned()))
    }

    async fn read<T>(&self, doing: &'static str, act: impl FnOnce(&Ledger) -> T) -> Result<T, StoreError> {
        self.0.gate(doing).await;
        let value = act(&self.0.world.ledger());
        Ok(value)
    }
}

/// The one moment of a transaction.
fn commit<T>(process: &Process, act: impl FnOnce(&mut Ledger, &World) -> T) -> T {
    let world = &process.world;
    let mut ledger = world.ledger();
    ledger.begin(world, &process.owner);
    world.say(|| format!("{} commit {}", process.number, ledger.commits));
    let value = act(&mut ledger, world);
    super::checker::after_commit(world, &ledger);
    value
}

fn failure(doing: &'static str, fault: Fault) -> StoreError {
    let source = std::io::Error::other("the simulated disk says no");
    StoreError::Database { doing, fault, source: Arc::new(source) }
}

fn no_such_verb<T>() -> Result<T, StoreError> {
    Err(StoreError::Nonsense("a verb that no delivery uses".to_owned()))
}

#[async_trait]
impl Store for SimStore {
    fn instance(&self) -> &'static str {
        "simulation"
    }

    async fn enrol(&self, _: Vec<Enrolment>, _: DateTime<Utc>) -> Result<Enrolments, StoreError> {
        no_such_verb()
    }

    async fn subscribers(&self, _: i64, _: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
        no_such_verb()
    }

    async fn subscriber(&self, _: AddressKey) -> Result<Option<Subscriber>, StoreError> {
        no_such_verb()
    }

    async fn standing(&self, key: AddressKey) -> Result<Option<Standing>, StoreError> {
        self.read("standing", |ledger| ledger.standing.get(&key).copied()).await
    }

    async fn unsubscribe(&self, key: AddressKey, _: &str, _: DateTime<Utc>) -> Result<bool, StoreError> {
        self.write("unsubscribe", move |ledger, _| leave(ledger, key, Standing::Unsubscribed)).await
    }

    async fn suppress(&self, key: AddressKey, _: &str, _: &str, _: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("suppress", move |ledger, _| {
            leave(ledger, key, Standing::Suppressed);
        })
        .await
    }

    async fn nameless_suppressions(&self) -> Result<u64, StoreError> {
        no_such_verb()
    }

    async fn recall(&self, _: &str) -> Result<Option<String>, StoreError> {
        no_such_verb()
    }

    async fn remember(&self, _: &str, _: &str) -> Result<(), StoreError> {
        no_such_verb()
    }

    async fn known_posts(&self) -> Result<Option<HashSet<String>>, StoreError> {
        no_such_verb()
    }

    async fn baseline(&self, _: Vec<(String, HeaderText)>, _: DateTime<Utc>) -> Result<(), StoreError> {
        no_such_verb()
    }

    async fn freeze(&self, _: NewIssue, _: ImprintMaker, _: DateTime<Utc>) -> Result<u64, StoreError> {
        no_such_verb()
    }

    async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError> {
        self.read("open issues", |ledger| {
            let sending = ledger.issues.iter().filter(|(_, issue)| issue.state == IssueState::Sending);
            sending
                .map(|(id, issue)| OpenIssue {
                    number: number(*id),
                    post: issue.post.clone(),
                    subject: HeaderText::parse("편지").unwrap(),
                    label: issue.post.clone(),
                    letter: String::new(),
                    frozen_at: issue.frozen_at,
                    next_at: ledger.next_at(*id),
                    resumed: issue.resumed,
                })
                .collect()
        })
        .await
    }

    async fn take_notice(&self, _: Notice, _: DateTime<Utc>) -> Result<Taken, StoreError> {
        no_such_verb()
    }

    async fn issues(&self) -> Result<Vec<IssueSummary>, StoreError> {
        no_such_verb()
    }

    async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        _: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let post = post.to_owned();
        self.write("set issue", move |ledger, world| ledger.set_issue(world, &post, state, now)).await
    }

    async fn close_finished(&self, _: DateTime<Utc>) -> Result<(), StoreError> {
        self.write("close finished", |ledger, _| ledger.close_finished()).await
    }

    async fn claim(
        &self,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.write("claim", move |ledger, world| ledger.claim(world, &claim, &tokens, now)).await
    }

    async fn commit(
        &self,
        moves: Vec<Move>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Refusal>>, StoreError> {
        self.write("commit", move |ledger, world| ledger.commit(world, &moves, now)).await
    }

    async fn recover(&self, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
        let owner = owner.to_owned();
        self.write("recover", move |ledger, world| ledger.recover(world, &owner, alone, now)).await
    }

    async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("deliveries", |ledger| {
            let wanted = |row: &&(i64, &Row)| filter.states.contains(&row.1.delivery.state);
            let rows: Vec<_> = ledger.rows.iter().map(|(id, row)| (*id, row)).collect();
            rows.iter().filter(wanted).map(|(id, row)| view(ledger, *id, row)).collect()
        })
        .await
    }

    async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        _: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Refusal>, StoreError> {
        self.write("resolve", move |ledger, world| ledger.resolve(world, number.0, &event, now)).await
    }

    async fn settle(&self, _: Vec<DeliveryNumber>, _: Decision, _: DateTime<Utc>) -> Result<u64, StoreError> {
        no_such_verb()
    }

    async fn lanes(&self, _: IssueNumber, _: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        no_such_verb()
    }

    async fn claim_within(
        &self,
        _: Pace,
        _: Claim,
        _: Vec<Token>,
        _: DateTime<Utc>,
    ) -> Result<Ration, StoreError> {
        no_such_verb()
    }

    async fn meter(&self) -> Result<Meter, StoreError> {
        no_such_verb()
    }

    async fn toll(&self, _: IssueNumber) -> Result<Toll, StoreError> {
        no_such_verb()
    }

    async fn bury(&self, _: IssueNumber, _: DateTime<Utc>) -> Result<u64, StoreError> {
        no_such_verb()
    }

    async fn custody(&self) -> Result<Custody, StoreError> {
        no_such_verb()
    }

    async fn raise_epoch(&self) -> Result<u64, StoreError> {
        no_such_verb()
    }

    async fn adopt(&self, _: Adoption, _: DateTime<Utc>) -> Result<Adopted, StoreError> {
        no_such_verb()
    }

    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        no_such_verb()
    }

    async fn backup(&self, _: &Utf8Path, _: DateTime<Utc>) -> Result<(), StoreError> {
        no_such_verb()
    }
}

fn leave(ledger: &mut Ledger, key: AddressKey, standing: Standing) -> bool {
    ledger.left.entry(key).or_insert(ledger.commits);
    ledger.standing.insert(key, standing).is_some()
}

fn view(ledger: &Ledger, id: i64, row: &Row) -> DeliveryView {
    DeliveryView {
        number: DeliveryNumber(id),
        post: ledger.issues[&row.issue].post.clone(),
        subject: HeaderText::parse("편지").unwrap(),
        address: row.address.to_string(),
        message_id: row.imprint.message_id.clone(),
        row: row.delivery.clone(),
        changed_at: row.changed_at,
    }
}
