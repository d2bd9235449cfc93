//! `PostgreSQL` as a ledger: several senders, on several machines, over connections that may break at any moment.
//!
//! Behind a pool such as pgBouncer no session keeps any state: prepared statements have no names, settings and locks end
//! with their transaction. A session that is certainly our own keeps the statements of the delivery loop; see
//! [`connection`]. When a commit returns, it is on the server's disk.
//!
//! Each transaction that writes inserts a receipt, a row with its own token. If the connection is lost during the
//! commit, the same token is inserted again. If that is refused, the commit happened; if it succeeds, the lost
//! commit can no longer happen, and the transaction runs again. So an arm is never reported by mistake, and nothing
//! is done twice.

mod connection;
mod failover;
mod fault;
mod open;
mod tls;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio_postgres::types::Type;

use super::sql::{Backend, Body, Dialect, Row, TransactionMode as For, Tx, Value};
use super::{Fault, StoreError};
use crate::crash;
use connection::Connection;
use fault::failed;
pub use open::{Access, open_postgres};
use values::{PostgresRow, numbered, typed};

/// How long a lost connection is retried before the transaction fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a transaction is retried after a deadlock or a lock timeout.
const MOST_CONFLICTS: u32 = 10;
/// How many rows of a result are in memory at once.
const SOME_ROWS: usize = 500;
/// How many idle connections are kept.
const MOST_IDLE: usize = 2;

/// A server, and how to reach it.
struct Postgres {
    access: Access,
    idle: Mutex<Vec<Connection>>,
    receipts: AtomicU64,
    /// The server that wrote the ledger last: its identity and its timeline. `None` until the ledger is open.
    server_identity: Mutex<Option<String>>,
    failed_over: Mutex<Option<u64>>,
    /// A row that changed so shortly before a failover may have changed again on the lost server.
    window: TimeDelta,
}

/// A transaction to run, and the token of its receipt.
struct PendingTransaction {
    access: For,
    doing: &'static str,
    receipt: [u8; 16],
}

/// The state of the server at the beginning of a transaction.
struct Started {
    now: DateTime<Utc>,
    place: String,
    /// The receipt was inserted; `false` if it was there already.
    fresh: bool,
}

/// How an attempt at a transaction ended.
enum Finished<T> {
    Done(T),
    /// It failed, and nothing of it happened.
    Failed(StoreError),
    /// The connection was lost during the commit. This is the result, if it was committed.
    InDoubt(T, StoreError),
    /// The receipt of an earlier attempt is there: that attempt was committed.
    WasDone,
    /// The server is not the one that wrote the ledger last.
    FailedOver(String),
}

impl Backend for Postgres {
    fn transact(&self, access: For, doing: &'static str, body: &Body<'_>) -> Result<(), StoreError> {
        self.retry_until_known(access, doing, false, &body)
    }

    /// Makes the space of removed rows usable for new ones. Giving it back to the file system would lock the tables.
    fn shrink(&self, _: bool) -> Result<(), StoreError> {
        const DOING: &str = "making the space of removed rows usable";
        let link = self.link(DOING)?;
        // Each is a statement of its own: VACUUM cannot run in a transaction.
        for table in ["delivery", "attempt", "old_attempt", "inbound_report"] {
            let sql = format!("VACUUM (ANALYZE) {table}");
            link.run(link.client.batch_execute(&sql)).map_err(failed(DOING))?;
        }
        self.return_connection(link, false);
        Ok(())
    }

    /// The server, the name of the database, and the number of a table. A standby that takes over has the same; a dump that
    /// was restored on another server has not, nor has a copy within the server. A dump that was restored into its own
    /// database has made the tables anew.
    fn place(&self) -> Result<Option<String>, StoreError> {
        const DOING: &str = "asking which database it is";
        let backend: &dyn Backend = self;
        let table: Option<i64> = backend.run(For::Read, DOING, |tx| {
            let sql = "SELECT CAST(oid AS BIGINT) FROM pg_class WHERE relname = 'meta' AND pg_table_is_visible(oid)";
            tx.one(sql, &[], |row| row.get(0))
        })?;
        let link = self.link(DOING)?;
        let place = table
            .filter(|_| !link.system.is_empty())
            .map(|table| format!("server.{}.{}.{table}", link.system, link.database));
        self.return_connection(link, false);
        Ok(place)
    }

    fn failed_over(&self) -> Option<u64> {
        *lock(&self.failed_over)
    }
}

impl Postgres {
    /// Runs a transaction until its outcome is certain, or [`PATIENCE`] ends; `anywhere`: on any server.
    fn retry_until_known<T>(
        &self,
        access: For,
        doing: &'static str,
        anywhere: bool,
        body: &impl Fn(&mut dyn Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let pending = PendingTransaction { access, doing, receipt: self.receipt() };
        let (began, mut tries, mut conflicts) = (Instant::now(), 0_u32, 0_u32);
        let mut in_doubt: Option<T> = None;
        loop {
            let place = if anywhere { None } else { lock(&self.server_identity).clone() };
            let error = match self.attempt(&pending, place.as_deref(), body) {
                Finished::Done(value) => return Ok(value),
                Finished::WasDone => match in_doubt.take() {
                    Some(value) => return Ok(value),
                    None => return Err(StoreError::CorruptData("a receipt twice".to_owned())),
                },
                Finished::FailedOver(place) => {
                    failover::adopt(self, &place)?;
                    if in_doubt.is_some() {
                        return Err(moved(doing));
                    }
                    continue;
                }
                Finished::InDoubt(value, error) => {
                    in_doubt = Some(value);
                    error
                }
                Finished::Failed(error) => error,
            };
            let again = match error.fault() {
                Some(Fault::Busy) => {
                    conflicts += 1;
                    conflicts <= MOST_CONFLICTS
                }
                Some(Fault::ConnectionLost) => began.elapsed() < PATIENCE,
                _ => false,
            };
            if !again {
                return Err(error);
            }
            // The first loss is often a pooled connection that was closed; another one is available at once.
            std::thread::sleep(Duration::from_millis(if tries == 0 { 5 } else { 50 << tries.min(5) }));
            tries += 1;
        }
    }

    /// Runs a transaction once, only on the server `place`.
    fn attempt<T>(
        &self,
        pending: &PendingTransaction,
        place: Option<&str>,
        body: &impl Fn(&mut dyn Tx) -> Result<T, StoreError>,
    ) -> Finished<T> {
        let PendingTransaction { access, doing, receipt } = *pending;
        let link = match self.link(doing) {
            Ok(link) => link,
            Err(error) => return Finished::Failed(error),
        };
        let begun = match begin(&link, access, &receipt).map_err(|error| failed(doing)(error)) {
            Ok(begun) => begun,
            Err(error) => {
                self.return_connection(link, true);
                return Finished::Failed(error);
            }
        };
        if access != For::Read {
            if place.is_some_and(|place| !failover::same(place, &begun.place)) {
                self.return_connection(link, true);
                return Finished::FailedOver(begun.place);
            }
            if !begun.fresh {
                self.return_connection(link, true);
                return Finished::WasDone;
            }
        }
        let mut open = OpenTransaction::new(&link, doing, begun.now);
        open.is_repeated = access == For::Repeated;
        let ended = body(&mut open);
        let (broken, has_written) = (open.broken.take(), open.has_written);
        // A failed statement has rolled back the others, even if the transaction ignored the error.
        let value = match (ended, broken) {
            (Ok(value), None) => value,
            (Ok(_), Some(error)) | (Err(error), _) => {
                self.return_connection(link, true);
                return Finished::Failed(error);
            }
        };
        crash::point_in("before-commit", doing);
        if access != For::Read && !has_written {
            // Only its receipt was written, and nobody needs that: nothing waits for the disk.
            self.return_connection(link, true);
            crash::point_in("committed", doing);
            return Finished::Done(value);
        }
        match link.run(link.client.batch_execute("COMMIT")) {
            Ok(()) => {
                crash::point_in("committed", doing);
                self.return_connection(link, false);
                Finished::Done(value)
            }
            Err(error) => match failed(doing)(error) {
                lost if lost.fault() == Some(Fault::ConnectionLost) && access != For::Read => {
                    Finished::InDoubt(value, lost)
                }
                error => Finished::Failed(error),
            },
        }
    }

    /// An idle connection, or a new one.
    fn link(&self, doing: &'static str) -> Result<Connection, StoreError> {
        let kept = lock(&self.idle).pop();
        match kept.filter(Connection::is_open) {
            Some(link) => Ok(link),
            None => Connection::open(&self.access, doing),
        }
    }

    /// Keeps a connection for the next transaction; with `undo` rolls back the open one first.
    fn return_connection(&self, link: Connection, undo: bool) {
        if undo && link.run(link.client.batch_execute("ROLLBACK")).is_err() {
            return;
        }
        let mut idle = lock(&self.idle);
        if link.is_open() && idle.len() < MOST_IDLE {
            idle.push(link);
        }
    }

    /// A unique token: the random number of this process, plus a counter.
    fn receipt(&self) -> [u8; 16] {
        let count = u128::from(self.receipts.fetch_add(1, Ordering::Relaxed));
        (u128::from_be_bytes(self.access.chance).wrapping_add(count)).to_be_bytes()
    }
}

fn moved(doing: &'static str) -> StoreError {
    let source = std::sync::Arc::new(std::io::Error::other("another server took over during the commit"));
    StoreError::Database { doing, fault: Fault::FailedOver, source }
}

/// Begins a transaction and asks for the time, in one round trip. A transaction that writes must be on the disk when
/// its commit returns, whatever the server's settings are; a stronger setting is kept.
fn begin(link: &Connection, access: For, receipt: &[u8; 16]) -> Result<Started, fault::ConnectionError> {
    const WAITS: &str =
        "SET LOCAL lock_timeout = '20s'; SET LOCAL idle_in_transaction_session_timeout = '1min'";
    // A table that was empty when a statement was planned may have grown to millions of rows.
    const BY_INDEX: &str =
        ", set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
                        set_config('enable_mergejoin', 'off', true)";
    const TIMELINE: &str = failover::TIMELINE;
    const CLOCK: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    let (opening, asking, arguments) = match access {
        For::Read => (
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY".to_owned(),
            format!("SELECT {CLOCK}, '', CAST(1 AS BIGINT)"),
            Vec::new(),
        ),
        For::Write | For::Repeated | For::Serializable => (
            if access == For::Serializable {
                // Always in this order; and before the first read, so that it sees all earlier commits.
                format!(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ; {WAITS};
                     LOCK TABLE issue IN SHARE ROW EXCLUSIVE MODE; LOCK TABLE event IN EXCLUSIVE MODE"
                )
            } else {
                format!("BEGIN ISOLATION LEVEL READ COMMITTED; {WAITS}")
            },
            format!(
                "WITH receipt AS (INSERT INTO receipt (token, at) VALUES ($1, {CLOCK})
                                  ON CONFLICT (token) DO NOTHING RETURNING 1)
                 SELECT {CLOCK}, {TIMELINE},
                        (SELECT count(*) FROM receipt),
                        set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                                   WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true){}",
                if access == For::Repeated { BY_INDEX } else { "" }
            ),
            vec![Value::from(receipt)],
        ),
    };
    let typed = typed(&arguments);
    let kept = link.kept(&asking, &typed, access == For::Repeated)?;
    let ask = async {
        let Some(kept) = &kept else { return link.client.query_typed_one(&asking, &typed).await };
        let values: Vec<_> = typed.iter().map(|(value, _)| *value).collect();
        link.client.query_one(kept, &values).await
    };
    let both = async {
        // Both are sent, in this order, before the first reply arrives.
        let (opened, row) = tokio::join!(biased; link.client.batch_execute(&opening), ask);
        opened.and(row)
    };
    let row = link.run(both)?;
    let column = |error| fault::ConnectionError::Database(error);
    let now = row.try_get::<_, i64>(0).map_err(column)?;
    let timeline: &str = row.try_get(1).map_err(column)?;
    Ok(Started {
        now: DateTime::from_timestamp_millis(now).unwrap_or_default(),
        place: format!("{}/{timeline}", link.system),
        fresh: row.try_get::<_, i64>(2).map_err(column)? == 1,
    })
}

/// An open transaction.
struct OpenTransaction<'a> {
    link: &'a Connection,
    doing: &'static str,
    now: DateTime<Utc>,
    /// The first statement that failed.
    broken: Option<StoreError>,
    /// A statement may have changed something.
    has_written: bool,
    is_repeated: bool,
}

impl<'a> OpenTransaction<'a> {
    fn new(link: &'a Connection, doing: &'static str, now: DateTime<Utc>) -> Self {
        Self { link, doing, now, broken: None, has_written: false, is_repeated: false }
    }

    fn noted<T>(&mut self, ended: Result<T, fault::ConnectionError>) -> Result<T, StoreError> {
        ended.map_err(failed(self.doing)).inspect_err(|error| {
            self.broken.get_or_insert_with(|| error.clone());
        })
    }
}

impl Tx for OpenTransaction<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    /// The server's clock: the clocks of its clients may differ by hours.
    fn now(&mut self, _here: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.now)
    }

    fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64, StoreError> {
        let ended = self.link.execute(&numbered(sql), &typed(args), self.is_repeated);
        let touched = self.noted(ended)?;
        self.has_written |= touched > 0;
        Ok(touched)
    }

    fn execute_all(&mut self, statements: &[(&str, Vec<Value<'_>>)]) -> Result<(), StoreError> {
        let statements: Vec<_> = statements.iter().map(|(sql, args)| (numbered(sql), typed(args))).collect();
        let ended = self.link.execute_all(&statements, self.is_repeated);
        self.has_written |= self.noted(ended)? > 0;
        Ok(())
    }

    fn each(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.has_written |= !sql.starts_with("SELECT ");
        let begun = self.link.query(&numbered(sql), typed(args), self.is_repeated);
        let mut rows = std::pin::pin!(self.noted(begun)?);
        loop {
            let some = self.link.run(rows.as_mut().take(SOME_ROWS).try_collect::<Vec<_>>());
            let some = self.noted(some)?;
            for row in &some {
                visit(&PostgresRow { row, doing: self.doing })?;
            }
            // After its end a stream must not be asked again.
            if some.len() < SOME_ROWS {
                return Ok(());
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value with its type, as the protocol needs it.
type SqlValue<'a> = (&'a (dyn tokio_postgres::types::ToSql + Sync), Type);
