//! One set of statements for both databases: the verbs of the [`Store`](super::Store) as SQL over a small seam.
//!
//! [`Backend`] runs a verb in one transaction, [`Tx`] runs its statements, [`Row`] reads what came back. Statements are
//! written with `?1`, keep to BIGINT, TEXT and bytes, and mean the same in `SQLite` and `PostgreSQL`; where one of the
//! two needs its own words, the place asks [`Tx::dialect`]. Nothing here knows how a connection is made.

mod audience;
pub(super) mod deliveries;
mod desk;
mod desk_verbs;
mod digests;
pub(super) mod epoch;
mod erasure;
mod errands;
pub(super) mod events;
mod issues;
pub(super) mod notes;
mod notices;
mod pace;
mod posts;
mod readers;
mod removal;
mod rows;
mod toll;
mod value;
mod verbs;
mod verify;

use std::sync::Arc;

use camino::Utf8Path;
use chrono::{DateTime, Utc};

pub(super) use value::{Cell, Row, Value};

use super::StoreError;

/// The arguments of a statement, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}
pub(super) use args;

/// Whose words a statement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// One writer at a time holds the whole file.
    Sqlite,
    /// Writers meet at rows; what is read to be judged must be locked.
    Postgres,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It only reads: it keeps no writer waiting, and waits for none.
    Look,
    /// It writes; once it has returned, that is on the disk.
    Change,
    /// It freezes an issue: it writes, what it reads stays the same from its first statement to its last, and nobody
    /// else freezes meanwhile.
    Freeze,
}

/// One open transaction.
pub(super) trait Tx {
    /// Whose words it understands.
    fn dialect(&self) -> Dialect;

    /// What time it is for everybody who writes to this database; `here` is the caller's own clock.
    fn now(&mut self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError>;

    /// Runs a statement; returns how many rows it touched.
    fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Runs a query and shows each row to `visit`, in order.
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

/// A database that runs verbs, each in one transaction of its own. Its calls block.
pub(super) trait Backend: Send + Sync + 'static {
    /// Runs `verb` in one transaction; `doing` names it in errors. If it fails, nothing of it happened. A verb may be
    /// run more than once, as after a deadlock; then nothing of its earlier runs stands.
    fn transact<T>(
        &self,
        access: Access,
        doing: &'static str,
        verb: impl Fn(&mut dyn Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;

    /// Writes a whole copy, as of one moment, to the new file `target`, while others read and write; the copy says of
    /// itself that it was `copied` then. A database that is not a file leaves that to its own tools.
    fn backup(&self, _target: &Utf8Path, _copied: DateTime<Utc>) -> Result<(), StoreError> {
        Err(StoreError::Elsewhere {
            what: "this ledger is a PostgreSQL database, not a file",
            help: "back it up with `pg_dump`, and keep a copy of the keys with the backup",
        })
    }

    /// See [`Desk::scrub`](super::Desk::scrub).
    fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// See [`Store::pin`](super::Store::pin).
    fn pin(&self) {}

    /// See [`Store::failed_over`](super::Store::failed_over).
    fn failed_over(&self) -> Option<u64> {
        None
    }
}

/// A ledger in an SQL database.
pub(super) struct SqlStore<B> {
    backend: Arc<B>,
    instance: String,
}

impl<B: Backend> SqlStore<B> {
    /// The store behind an opened and migrated database that is named `instance`.
    pub(super) fn over(backend: B, instance: String) -> Self {
        Self { backend: Arc::new(backend), instance }
    }

    /// Runs a verb on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        access: Access,
        doing: &'static str,
        verb: impl Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let backend = Arc::clone(&self.backend);
        joined(tokio::task::spawn_blocking(move || backend.transact(access, doing, verb)).await)
    }

    /// A verb that only reads.
    async fn look<T: Send + 'static>(
        &self,
        doing: &'static str,
        verb: impl Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(Access::Look, doing, verb).await
    }

    /// A verb that writes is told what time it is: `here` if all who write share a clock, else the database's.
    async fn change<T: Send + 'static>(
        &self,
        doing: &'static str,
        here: DateTime<Utc>,
        verb: impl Fn(&mut dyn Tx, DateTime<Utc>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(Access::Change, doing, move |tx| {
            let now = tx.now(here)?;
            verb(tx, now)
        })
        .await
    }
}

/// What a thread that may block came back with; its panic is ours.
fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    match ended {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// A word or a number that Letterpress does not write there.
fn nonsense(what: impl std::fmt::Display) -> StoreError {
    StoreError::Nonsense(what.to_string())
}
