//! Opens the database: checks that it exists, keeps what it commits, and has a known schema.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, TimeDelta};

use super::{For, OpenTransaction, Postgres, begin, failed, failover};
use crate::config::{Encryption, Secret};
use crate::store::sql::{Backend, Tx, args, meta};
use crate::store::{Fault, Store, StoreError, ensure_kept};

/// The schema, one file for each step, numbered like those of `SQLite`. A released step never changes.
const MIGRATIONS: [&str; 10] = [
    include_str!("../../../migrations/postgres/0001_ledger.sql"),
    include_str!("../../../migrations/postgres/0002_bounces.sql"),
    include_str!("../../../migrations/postgres/0003_pace.sql"),
    include_str!("../../../migrations/postgres/0004_web.sql"),
    include_str!("../../../migrations/postgres/0005_posts.sql"),
    include_str!("../../../migrations/postgres/0006_history.sql"),
    include_str!("../../../migrations/postgres/0007_open.sql"),
    include_str!("../../../migrations/postgres/0008_weekly_until.sql"),
    include_str!("../../../migrations/postgres/0009_series.sql"),
    include_str!("../../../migrations/postgres/0010_feed_readers.sql"),
];

/// The note with the number of completed steps.
const SCHEMA: &str = "schema";

/// How to reach a database, and settings of this process.
#[derive(Debug, Clone)]
pub struct Access {
    /// The URL without the password, and without the parameters of this program.
    pub server: String,
    /// The name of the database in messages.
    pub shown: String,
    /// The password, if one is needed.
    pub password: Option<Secret>,
    /// When the connection is encrypted.
    pub encryption: Encryption,
    /// The certificate authority of the server's certificate; without it, those of the system.
    pub root: Option<Utf8PathBuf>,
    /// How recent transactions can be that a failover may lose.
    pub window: TimeDelta,
    /// 128 random bits.
    pub chance: [u8; 16],
}

/// Opens the ledger in a database, or creates it. `instance` is the name of a new one. `keys` is the file with the
/// secrets: if it exists without the tables, the ledger was lost, and no new one is created. It blocks.
pub fn open_postgres(access: Access, keys: &Utf8Path, instance: &str) -> Result<Arc<Store>, StoreError> {
    ensure_kept()?;
    let (window, shown) = (access.window, access.shown.clone());
    let postgres = Postgres {
        access,
        idle: Mutex::new(Vec::new()),
        receipts: AtomicU64::new(0),
        server_identity: Mutex::new(None),
        failed_over: Mutex::new(None),
        window,
    };
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // A server that cannot be reached is reported soon; one that goes away later is waited for.
    let link = few_times(|| postgres.link("connecting to it"))?;
    postgres.return_connection(link, false);
    let backend: &dyn Backend = &postgres;
    let found = backend.run(For::Read, "reading its schema", |tx| schema(tx, &shown))?;
    if found == 0 && keys.exists() {
        return Err(StoreError::DatabaseMissing { store: shown, witness: keys.to_string() });
    }
    if found > known {
        return Err(StoreError::TooNew { path: shown, found, known });
    }
    if found < known {
        few_times(|| migrate(&postgres, &shown, instance))?;
    }
    let place = few_times(|| place(&postgres))?;
    failover::adopt(&postgres, &place)?;
    let instance = backend.run(For::Write, "reading its id", |tx| {
        let yesterday = tx.now(DateTime::UNIX_EPOCH)? - TimeDelta::days(1);
        tx.execute("DELETE FROM receipt WHERE at < ?1", args![yesterday])?;
        meta::recall(tx, "instance")
    })?;
    let instance = instance.ok_or_else(|| StoreError::CorruptData("no name of its own".to_owned()))?;
    Ok(Arc::new(Store::over(postgres, instance)))
}

/// Retries after a lost connection, for less than a second in total.
fn few_times<T>(attempt: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for pause in [50, 200, 500] {
        match attempt() {
            Err(error) if error.fault() == Some(Fault::ConnectionLost) => {
                std::thread::sleep(std::time::Duration::from_millis(pause));
            }
            ended => return ended,
        }
    }
    attempt()
}

/// The server that answers now.
fn place(postgres: &Postgres) -> Result<String, StoreError> {
    const DOING: &str = "checking which server replies";
    let link = postgres.link(DOING)?;
    let begun = begin(&link, For::Write, &postgres.receipt()).map_err(failed(DOING));
    postgres.return_connection(link, true);
    begun.map(|begun| begun.place)
}

/// The number of completed steps; 0 in an empty database.
fn schema(tx: &mut dyn Tx, shown: &str) -> Result<i64, StoreError> {
    // The catalogue itself, because `to_regclass` may cache that the table does not exist.
    let there: Option<i64> = tx.one(
        "SELECT count(*) FROM pg_class WHERE relname = 'meta' AND pg_table_is_visible(oid)",
        &[],
        |row| row.get(0),
    )?;
    if there != Some(1) {
        return Ok(0);
    }
    let not_ours = || StoreError::Unusable {
        path: shown.to_owned(),
        why: "its table `meta` belongs to another program; use a separate database for the ledger".to_owned(),
    };
    let columns: Option<i64> = tx.one(
        "SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relname = 'meta' AND pg_table_is_visible(attrelid) AND attname IN ('key', 'value')
         AND attnum > 0 AND NOT attisdropped",
        &[],
        |row| row.get(0),
    )?;
    if columns != Some(2) {
        return Err(not_ours());
    }
    let steps = meta::recall(tx, SCHEMA)?.and_then(|steps| steps.parse().ok());
    steps.ok_or_else(not_ours)
}

/// Runs the missing steps in one transaction. If several machines start at once, one runs them and the others wait. The
/// lock belongs to the transaction, so it also works with a connection pool.
fn migrate(postgres: &Postgres, shown: &str, instance: &str) -> Result<(), StoreError> {
    const DOING: &str = "migrating it";
    let link = postgres.link(DOING)?;
    let run = |sql: &str| link.run(link.client.batch_execute(sql)).map_err(failed(DOING));
    // "letterpr" in ASCII: a number that other programs are unlikely to lock.
    run("BEGIN; SELECT pg_advisory_xact_lock(7810775193338474610)")?;
    let mut open = OpenTransaction::new(&link, DOING, DateTime::UNIX_EPOCH);
    let found = schema(&mut open, shown)?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        run(sql)?;
        meta::remember(&mut open, SCHEMA, &(step + 1).to_string())?;
    }
    if found == 0 {
        meta::remember(&mut open, "instance", instance)?;
        meta::remember(&mut open, "epoch", "0")?;
    }
    run("COMMIT")?;
    postgres.return_connection(link, false);
    Ok(())
}
