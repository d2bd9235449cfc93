//! `SQLite` as a ledger: WAL with `synchronous=FULL`, one connection, one writer at a time.
//!
//! Every verb runs on a blocking thread, inside one `BEGIN IMMEDIATE` transaction. A commit that has returned is on
//! the disk; that is what the word "durable" means in the rest of the program.

mod deliveries;
mod events;
mod issues;
mod open;
mod readers;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    Claim, Claimed, DeliveryNumber, DeliveryView, Filter, ImprintMaker, Move, NewIssue, OpenIssue, Store,
    StoreError,
};
use crate::crash;
use crate::ledger::transition::{Event, Refusal};
use crate::ledger::{IssueState, IssueSummary, State, Token};
use crate::subscribers::{AddressKey, Enrolment, Enrolments, Standing, Subscriber};
use crate::text::HeaderText;

/// A ledger in one `SQLite` file.
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    instance: String,
}

/// What a verb does inside its transaction.
type Verb<T> = Box<dyn FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send>;

impl SqliteStore {
    /// Runs `verb` in one writing transaction on a thread that may block.
    async fn run<T: Send + 'static>(&self, doing: &'static str, verb: Verb<T>) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, doing, verb).await
    }

    /// Runs `verb`, which only reads: it keeps no writer waiting, and waits for none.
    async fn look<T: Send + 'static>(&self, doing: &'static str, verb: Verb<T>) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, doing, verb).await
    }

    async fn transact<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        doing: &'static str,
        verb: Verb<T>,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let run = move || {
            // A panic in an earlier verb rolled its transaction back; the connection itself is sound.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(behavior).map_err(failed(doing))?;
            let value = verb(&transaction)?;
            crash::point_in("before-commit", doing);
            transaction.commit().map_err(failed(doing))?;
            crash::point_in("committed", doing);
            Ok(value)
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

/// Names what was being done when the database failed.
fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { doing, source: Arc::new(source) }
}

/// Times are stored as milliseconds since 1970.
fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::Nonsense(format!("the time {millis}")))
}

#[async_trait]
impl Store for SqliteStore {
    fn instance(&self) -> &str {
        &self.instance
    }

    async fn enrol(&self, readers: Vec<Enrolment>, now: DateTime<Utc>) -> Result<Enrolments, StoreError> {
        self.run("adding readers", Box::new(move |tx| readers::enrol(tx, &readers, now))).await
    }

    async fn subscribers(&self, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
        self.look("reading the readers", Box::new(move |tx| readers::page(tx, after, most))).await
    }

    async fn subscriber(&self, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
        self.look("looking up a reader", Box::new(move |tx| readers::find(tx, key))).await
    }

    async fn standing(&self, key: AddressKey) -> Result<Option<Standing>, StoreError> {
        self.look("looking up a reader", Box::new(move |tx| readers::standing(tx, key))).await
    }

    async fn unsubscribe(
        &self,
        key: AddressKey,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let source = source.to_owned();
        self.run(
            "taking a reader off the list",
            Box::new(move |tx| readers::unsubscribe(tx, key, &source, now)),
        )
        .await
    }

    async fn suppress(
        &self,
        key: AddressKey,
        reason: &str,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (reason, source) = (reason.to_owned(), source.to_owned());
        self.run(
            "suppressing an address",
            Box::new(move |tx| readers::suppress(tx, key, &reason, &source, now)),
        )
        .await
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.look("reading a note", Box::new(move |tx| open::recall(tx, &key))).await
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run("taking a note", Box::new(move |tx| open::remember(tx, &key, &value))).await
    }

    async fn known_posts(&self) -> Result<Option<HashSet<String>>, StoreError> {
        self.look("reading the issues", Box::new(issues::known)).await
    }

    async fn baseline(&self, posts: Vec<(String, HeaderText)>, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.run("recording the baseline", Box::new(move |tx| issues::baseline(tx, &posts, now))).await
    }

    async fn freeze(
        &self,
        issue: NewIssue,
        imprint: ImprintMaker,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.run("freezing the issue", Box::new(move |tx| issues::freeze(tx, &issue, &imprint, now))).await
    }

    async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError> {
        self.look("reading the open issues", Box::new(issues::open)).await
    }

    async fn issues(&self) -> Result<Vec<IssueSummary>, StoreError> {
        self.look("reading the issues", Box::new(issues::all)).await
    }

    async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        because: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (post, because) = (post.to_owned(), because.to_owned());
        self.run("changing an issue", Box::new(move |tx| issues::set(tx, &post, state, &because, now))).await
    }

    async fn close_finished(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.run("closing finished issues", Box::new(move |tx| issues::close_finished(tx, now))).await
    }

    async fn claim(
        &self,
        claim: Claim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.run("claiming copies", Box::new(move |tx| deliveries::claim(tx, &claim, &tokens, now))).await
    }

    async fn commit(
        &self,
        moves: Vec<Move>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Refusal>>, StoreError> {
        let verb = move |tx: &Transaction<'_>| {
            moves.iter().map(|step| deliveries::step(tx, step, now)).collect::<Result<Vec<_>, _>>()
        };
        self.run("recording what was sent", Box::new(verb)).await
    }

    async fn recover(&self, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
        let owner = owner.to_owned();
        self.run("recovering after a crash", Box::new(move |tx| deliveries::recover(tx, &owner, alone, now)))
            .await
    }

    async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.look("reading the ledger", Box::new(move |tx| deliveries::list(tx, &filter))).await
    }

    async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Refusal>, StoreError> {
        let why = why.to_owned();
        self.run(
            "recording a decision",
            Box::new(move |tx| deliveries::resolve(tx, number, &event, &why, now)),
        )
        .await
    }
}
