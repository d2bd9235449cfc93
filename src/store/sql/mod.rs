//! The store's methods, with one set of SQL statements for both databases.
//!
//! [`Backend`] runs a transaction, [`Tx`] runs its statements, [`Row`] reads a result. Statements are written with
//! `?1`, use only BIGINT, TEXT and bytes, and mean the same in `SQLite` and `PostgreSQL`; where the two need
//! different SQL, the code asks [`Tx::dialect`]. Connections are made elsewhere.
//!
//! Some stored words are older than those of the code. `consent.action` is `asked` (sign-up), `confirmed`, `left`
//! (unsubscribe), `undone` (resubscribe) or `chose` (preferences); `issue.letter` is the frozen email.

mod audience;
mod compaction;
mod counts;
pub(super) mod deliveries;
mod delivery_pages;
mod delivery_views;
mod digests;
pub(super) mod epoch;
mod erasure;
pub(super) mod events;
mod feed_readers;
mod feedback;
mod issue_rows;
mod issue_statistics;
mod issues;
mod list_statistics;
#[cfg(test)]
mod loop_statements;
mod mailed_issues;
mod many;
pub(super) mod meta;
mod posts;
mod rate_limit;
mod removal;
mod reports;
mod rows;
mod series;
mod sign_ups;
mod subscribers;
mod topics;
mod transactional;
mod value;
mod verify;

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

pub(super) use value::{Cell, Row, Value};

use super::{Fault, StoreError, Witness};
use crate::address::EmailAddress;

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}
pub(super) use args;

/// Which SQL a statement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// One writer at a time locks the whole file.
    Sqlite,
    /// Writers lock rows; a row that is read before a decision must be locked.
    Postgres,
}

impl Dialect {
    /// Where `part` begins in `text`, from 1, as SQL; 0 if it is not there.
    fn position(self, text: &str, part: &str) -> String {
        let function = if self == Self::Sqlite { "instr" } else { "strpos" };
        format!("{function}({text}, {part})")
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionMode {
    /// It only reads: it blocks no writer, and no writer blocks it.
    Read,
    /// It writes; when it returns, the data is on the disk.
    Write,
    /// It writes, and many of its kind follow one another: the same statements again and again, each of which finds its
    /// rows with an index.
    Repeated,
    /// It freezes an issue: it writes, its reads see one snapshot, and no other freeze runs at the same time.
    Serializable,
}

/// One open transaction.
pub(super) trait Tx {
    /// Which SQL it understands.
    fn dialect(&self) -> Dialect;

    /// The time for all processes that write to this database; `here` is the caller's own clock.
    fn now(&mut self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError>;

    /// Runs a statement; returns how many rows it touched.
    fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Runs a statement once for each of `rows`.
    fn execute_each(&mut self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<(), StoreError> {
        rows.iter().try_for_each(|row| self.execute(sql, row).map(drop))
    }

    /// Runs statements in this order; a server need not wait for each of them.
    fn execute_all(&mut self, statements: &[(&str, Vec<Value<'_>>)]) -> Result<(), StoreError> {
        statements.iter().try_for_each(|(sql, args)| self.execute(sql, args).map(drop))
    }

    /// Runs a query and passes each row to `visit`, in order.
    fn each(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

impl dyn Tx + '_ {
    /// Every row of a query, read by `read`.
    pub(super) fn all<T>(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        self.each(sql, args, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The only row of a query, or the first; `None` without one.
    pub(super) fn one<T>(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, args, read)?.into_iter().next())
    }
}

/// The body of a transaction.
pub(super) type Body<'a> = dyn Fn(&mut dyn Tx) -> Result<(), StoreError> + 'a;

/// A database that runs transactions. Its calls block.
pub(super) trait Backend: Send + Sync + 'static {
    /// Runs `body` in one transaction; `doing` names it in errors. If it fails, the transaction had no effect. The
    /// body may run more than once, for example after a deadlock; then only its last run counts.
    fn transact(
        &self,
        access: TransactionMode,
        doing: &'static str,
        body: &Body<'_>,
    ) -> Result<(), StoreError>;

    /// See [`Store::backup`]. A database that is not a file has its own tools for this.
    fn backup(&self, _target: &Utf8Path, _copied: DateTime<Utc>) -> Result<(), StoreError> {
        Err(StoreError::Unsupported {
            what: "this ledger is a PostgreSQL database, not a file",
            help: "back it up with `pg_dump`, and keep a copy of the keys with the backup",
        })
    }

    /// See [`Store::scrub`]. A database server overwrites deleted rows in its own time.
    fn scrub(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// See [`Store::check`].
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// See [`Store::shrink`]. `is_loose`: the pages of deliveries are half empty.
    fn shrink(&self, is_loose: bool) -> Result<(), StoreError>;

    /// See [`Store::pin`].
    fn pin(&self) {}

    /// See [`Store::place`].
    fn place(&self) -> Result<Option<String>, StoreError>;

    /// See [`Store::failed_over`].
    fn failed_over(&self) -> Option<u64> {
        None
    }
}

impl dyn Backend {
    /// Runs a transaction and returns what its body returned.
    pub(super) fn run<T>(
        &self,
        access: TransactionMode,
        doing: &'static str,
        body: impl Fn(&mut dyn Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A body that runs again replaces the value of its earlier run, as its transaction does.
        let value = RefCell::new(None);
        self.transact(access, doing, &|tx| {
            let returned = body(tx)?;
            value.replace(Some(returned));
            Ok(())
        })?;
        value.into_inner().ok_or_else(|| corrupt_data("a transaction without a result"))
    }
}

/// The ledger: an opened and migrated SQL database. Its methods are in the modules below, beside their SQL.
pub struct Store {
    backend: Arc<dyn Backend>,
    instance: String,
    witness: Mutex<Option<Witness>>,
}

impl Store {
    /// The store in `backend`, with the name `instance`.
    pub(super) fn over(backend: impl Backend, instance: String) -> Self {
        Self { backend: Arc::new(backend), instance, witness: Mutex::new(None) }
    }

    /// The permanent random name of this store.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// From now on the store must stay the same: if its file is replaced, every method fails, and none continues
    /// with the new file. A run that sends has claimed deliveries that the new file does not know.
    pub fn pin(&self) {
        self.backend.pin();
    }

    /// From now on, every armed email is counted in `witness` before its final dot.
    pub fn set_witness(&self, witness: Witness) {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = Some(witness);
    }

    fn note_armed(&self, armed: u64) -> Result<(), StoreError> {
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = witness.as_mut().map_or(Ok(()), |witness| witness.note(armed));
        // Its caller writes no dot, and the armed deliveries become unknown.
        noted.map_err(|error| StoreError::Database {
            doing: "counting armed emails in the fence",
            fault: Fault::Io,
            source: Arc::new(error),
        })
    }

    /// Which file or database this is, as far as the system can tell; a copy is another one.
    pub async fn place(&self) -> Result<Option<String>, StoreError> {
        let backend = Arc::clone(&self.backend);
        blocking(move || backend.place()).await
    }

    /// How many deliveries became unknown because another database server took over and may have missed the last
    /// transactions; `None` if this process saw no such change.
    pub fn failed_over(&self) -> Option<u64> {
        self.backend.failed_over()
    }

    /// The time for all processes that write to this store; `here` is the caller's own clock.
    pub async fn now(&self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        self.read("reading the time", move |tx| tx.now(here)).await
    }

    /// Writes a complete backup, as of one moment, to the new file `target`, while others read and write. The
    /// backup is marked as one, made at `now`.
    pub async fn backup(&self, target: &Utf8Path, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (backend, target) = (Arc::clone(&self.backend), target.to_owned());
        blocking(move || backend.backup(&target, now)).await
    }

    /// Fails if the file is damaged. It reads the whole file, so it is for the moments before much is written: when an
    /// issue is frozen, and when a killed process left its log. A database server has its own checks.
    pub async fn check(&self) -> Result<(), StoreError> {
        let backend = Arc::clone(&self.backend);
        blocking(move || backend.check()).await
    }

    /// Runs a transaction on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        access: TransactionMode,
        doing: &'static str,
        body: impl Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let backend = Arc::clone(&self.backend);
        blocking(move || backend.run(access, doing, body)).await
    }

    /// A transaction that only reads.
    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        body: impl Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(TransactionMode::Read, doing, body).await
    }

    /// A transaction that writes. It gets the time: `here` if all writers share a clock, else the database's.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        here: DateTime<Utc>,
        body: impl Fn(&mut dyn Tx, DateTime<Utc>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_at(TransactionMode::Write, doing, here, body).await
    }

    /// A transaction of the delivery loop.
    async fn repeated<T: Send + 'static>(
        &self,
        doing: &'static str,
        here: DateTime<Utc>,
        body: impl Fn(&mut dyn Tx, DateTime<Utc>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_at(TransactionMode::Repeated, doing, here, body).await
    }

    /// A transaction that freezes or extends an issue.
    async fn freezing<T: Send + 'static>(
        &self,
        doing: &'static str,
        here: DateTime<Utc>,
        body: impl Fn(&mut dyn Tx, DateTime<Utc>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_at(TransactionMode::Serializable, doing, here, body).await
    }

    /// A transaction that gets the time.
    async fn run_at<T: Send + 'static>(
        &self,
        access: TransactionMode,
        doing: &'static str,
        here: DateTime<Utc>,
        body: impl Fn(&mut dyn Tx, DateTime<Utc>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(access, doing, move |tx| {
            let now = tx.now(here)?;
            body(tx, now)
        })
        .await
    }
}

/// Runs `work` on a thread that may block; a panic there continues here.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (done, mut ended) = oneshot::channel();
    // Boxed, because otherwise tokio's tasks would be compiled for each of a hundred kinds of transactions.
    let work: Box<dyn FnOnce() + Send> = Box::new(move || drop(done.send(work())));
    if let Err(panic) = tokio::task::spawn_blocking(work).await {
        std::panic::resume_unwind(panic.into_panic());
    }
    ended.try_recv().unwrap_or_else(|_| Err(corrupt_data("a transaction without a result")))
}

/// Updates what the planner knows of a table that has grown much in this transaction: with the old figures, each page or claim
/// would read all of it.
fn update_statistics(tx: &mut dyn Tx, table: &str) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Postgres {
        tx.execute(&format!("ANALYZE {table}"), &[])?;
    }
    Ok(())
}

/// A value that Letterpress does not write.
fn corrupt_data(what: impl std::fmt::Display) -> StoreError {
    StoreError::CorruptData(what.to_string())
}

/// Reads a stored address.
fn address(text: &str) -> Result<EmailAddress, StoreError> {
    EmailAddress::parse(text).map_err(|error| corrupt_data(format!("an address: {error}")))
}
