//! `SQLite` as a ledger: WAL with `synchronous=FULL`, one connection, one writer at a time.
//!
//! When a commit returns, it is on the disk; that is what "durable" means in the rest of the program.

mod backup;
mod log;
mod open;
mod replacement;
mod restore;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::sql::{Backend, Body, Cell, Dialect, Row, TransactionMode, Tx, Value};
use super::{Fault, StoreError};
use crate::crash;
pub use open::{open_damaged_sqlite, open_sqlite, open_sqlite_for_reading, pending_migrations};
use replacement::ReplacementDetector;
pub use restore::{Candidate, ExclusiveFile, Holder, put_in_place, stage};

/// The file, and the connection to it while it is at its path.
struct Sqlite {
    path: Utf8PathBuf,
    keys: Utf8PathBuf,
    instance: String,
    /// A run that sends must end when the file is replaced: the new file does not know its claims.
    is_pinned: AtomicBool,
    state: Mutex<State>,
}

enum State {
    Open(Box<OpenConnection>),
    /// The file was replaced; the connection to the old one is closed.
    Lost(&'static str),
}

/// An open connection; it is closed before its [`ReplacementDetector`].
struct OpenConnection {
    connection: Connection,
    watch: ReplacementDetector,
}

impl OpenConnection {
    fn new(connection: Connection, watch: ReplacementDetector) -> Self {
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        Self { connection, watch }
    }
}

/// When it is closed, `SQLite` writes a checkpoint and removes the log by name, even if another file has that name
/// now. So closing is allowed only if the files were not replaced.
impl Drop for OpenConnection {
    fn drop(&mut self) {
        if self.watch.replacement().is_none() {
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        }
    }
}

impl Sqlite {
    fn over(open: OpenConnection, path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Self {
        Self {
            path: path.to_owned(),
            keys: keys.to_owned(),
            instance: instance.to_owned(),
            is_pinned: AtomicBool::new(false),
            state: Mutex::new(State::Open(Box::new(open))),
        }
    }

    /// A panic in an earlier call rolled its transaction back; the connection itself is sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchanged(&self, what: &'static str) -> StoreError {
        StoreError::Exchanged { path: self.path.to_string(), what }
    }

    /// The connection to the file that is at the path now, opened again if needed.
    fn current<'a>(&self, state: &'a mut State) -> Result<&'a mut OpenConnection, StoreError> {
        if let State::Open(open) = state
            && let Some(what) = open.watch.replacement()
        {
            *state = State::Lost(what);
        }
        if let State::Lost(what) = *state {
            if self.is_pinned.load(Ordering::Relaxed) {
                return Err(self.exchanged(what));
            }
            *state = State::Open(Box::new(open::reopen(&self.path, &self.keys, &self.instance)?));
        }
        match state {
            State::Open(open) => Ok(open),
            State::Lost(what) => Err(self.exchanged(what)),
        }
    }

    /// Uses the connection. A write counts only if the file is still at its path afterwards.
    fn with<T>(
        &self,
        writes: bool,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        let open = self.current(&mut state)?;
        let outcome = work(&mut open.connection).map_err(|error| at(open.connection.path(), error));
        if (writes || outcome.is_err())
            && let Some(what) = open.watch.replacement()
        {
            *state = State::Lost(what);
            return Err(self.exchanged(what));
        }
        outcome
    }
}

impl Backend for Sqlite {
    fn transact(
        &self,
        access: TransactionMode,
        doing: &'static str,
        body: &Body<'_>,
    ) -> Result<(), StoreError> {
        let behavior = match access {
            TransactionMode::Read => TransactionBehavior::Deferred,
            _ => TransactionBehavior::Immediate,
        };
        self.with(access != TransactionMode::Read, |connection| transact(connection, behavior, doing, body))
    }

    fn pin(&self) {
        self.is_pinned.store(true, Ordering::Relaxed);
    }

    fn place(&self) -> Result<Option<String>, StoreError> {
        Ok(open::place(&self.path))
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        self.with(true, |connection| {
            open::with_little_patience(connection, scrub)
                .map_err(failed("removing erased data from the file"))
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        self.with(false, |connection| open::check(connection, self.path.as_str()))
    }

    /// The whole file is copied, so this needs as much free space again. Only if that makes the file a tenth smaller.
    fn shrink(&self, is_loose: bool) -> Result<(), StoreError> {
        self.with(true, |connection| {
            let pages = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let (free, all) = pages("freelist_count")
                .and_then(|free| Ok((free, pages("page_count")?)))
                .map_err(failed("counting free pages"))?;
            if is_loose || free * 10 > all {
                connection.execute_batch("VACUUM").map_err(failed("giving space back"))?;
            }
            empty_log(connection).map(drop).map_err(failed("emptying its log"))
        })
    }

    fn backup(&self, target: &Utf8Path, copied: DateTime<Utc>) -> Result<(), StoreError> {
        // A separate connection reads, so that this one stays free for the others.
        let path = self.with(false, |connection| Ok(connection.path().map(str::to_owned)))?;
        backup::write(&path.unwrap_or_default(), target, copied)
    }
}

/// `secure_delete` overwrites removed rows, but not the copies of rows in the free parts of pages that were split. So every
/// page is written anew, and the log with the old ones is emptied.
fn scrub(connection: &Connection) -> rusqlite::Result<bool> {
    // While a reader holds the log, VACUUM would only make it longer.
    if !empty_log(connection)? {
        return Ok(false);
    }
    match connection.execute_batch("VACUUM") {
        Err(error) if fault(&error) == Fault::Busy => Ok(false),
        vacuumed => vacuumed.and_then(|()| empty_log(connection)),
    }
}

/// Writes the log into the file and makes it empty; `false` if another process still needs the log.
fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0).map(|busy: bool| !busy))
}

fn transact(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    doing: &'static str,
    body: &Body<'_>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(behavior).map_err(failed(doing))?;
    let mut open = Open { transaction, doing };
    body(&mut open)?;
    crash::point_in("before-commit", doing);
    open.transaction.commit().map_err(failed(doing))?;
    crash::point_in("committed", doing);
    Ok(())
}

/// An open transaction.
struct Open<'a> {
    transaction: Transaction<'a>,
    doing: &'static str,
}

impl Tx for Open<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    /// All writers of this file run on this machine and have its clock.
    fn now(&mut self, here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        Ok(here)
    }

    fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64, StoreError> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(args)))
            .map(|touched| touched as u64)
            .map_err(failed(self.doing))
    }

    fn execute_each(&mut self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<(), StoreError> {
        let doing = failed(self.doing);
        let mut statement = self.transaction.prepare_cached(sql).map_err(&doing)?;
        rows.iter()
            .try_for_each(|row| statement.execute(rusqlite::params_from_iter(row)).map(drop))
            .map_err(&doing)
    }

    fn each(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let doing = failed(self.doing);
        let mut statement = self.transaction.prepare_cached(sql).map_err(&doing)?;
        let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(&doing)?;
        while let Some(row) = rows.next().map_err(&doing)? {
            visit(&SqliteRow { row, doing: self.doing })?;
        }
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Int(value) => value.map_or(ValueRef::Null, ValueRef::Integer),
            Value::Text(value) => value.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
            Value::Blob(value) => value.map_or(ValueRef::Null, ValueRef::Blob),
            Value::Ints(_) | Value::Texts(_) | Value::Blobs(_) => {
                return Err(rusqlite::Error::ToSqlConversionFailure(
                    "SQLite takes one value at a time".into(),
                ));
            }
        }))
    }
}

struct SqliteRow<'a, 'b> {
    row: &'a rusqlite::Row<'b>,
    doing: &'static str,
}

impl Row for SqliteRow<'_, '_> {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError> {
        let value = self.row.get_ref(column).map_err(failed(self.doing))?;
        match value {
            ValueRef::Null => Ok(Cell::Null),
            ValueRef::Integer(value) => Ok(Cell::Int(value)),
            ValueRef::Text(text) => std::str::from_utf8(text)
                .map(Cell::Text)
                .map_err(|error| StoreError::CorruptData(error.to_string())),
            ValueRef::Blob(bytes) => Ok(Cell::Blob(bytes)),
            ValueRef::Real(value) => Err(StoreError::CorruptData(format!("the number {value}"))),
        }
    }
}

/// Adds what was being done when the database failed, and how severe it is.
fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Database { doing, fault: fault(&source), source: Arc::new(source) }
}

/// Adds the file, which the message about a full disk must name.
fn at(path: Option<&str>, error: StoreError) -> StoreError {
    match (path, error) {
        (Some(path), StoreError::Database { doing, fault, source }) => StoreError::Database {
            doing,
            fault,
            source: Arc::new(FileDatabase { path: path.to_owned(), source }),
        },
        (_, error) => error,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
struct FileDatabase {
    path: String,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

fn fault(error: &rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
        SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(DiskFull) => Fault::Full,
        Some(ReadOnly | CannotOpen) => Fault::PermissionDenied,
        Some(DatabaseCorrupt | NotADatabase) => Fault::Damaged,
        Some(SystemIoFailure) => Fault::Io,
        Some(DatabaseBusy | DatabaseLocked) => Fault::Busy,
        _ => Fault::Other,
    }
}

#[cfg(test)]
mod tests;
