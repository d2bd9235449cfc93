//! Opens the file: checks that it exists, is sound, has a known schema, and keeps what it commits.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, OpenFlags};

use super::log::{self, Damage};
use super::replacement::{Anchor, ReplacementDetector};
use super::{Open, OpenConnection, Sqlite, at, failed};
use crate::crash;
use crate::platform::{self, FileIdentity};
use crate::store::sql::meta;
use crate::store::{Store, StoreError, ensure_kept};

/// The schema, one file for each step. A released step never changes.
pub(super) const MIGRATIONS: [&str; 12] = [
    include_str!("../../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../../migrations/sqlite/0002_bounces.sql"),
    include_str!("../../../migrations/sqlite/0003_pace.sql"),
    include_str!("../../../migrations/sqlite/0004_web.sql"),
    include_str!("../../../migrations/sqlite/0005_posts.sql"),
    include_str!("../../../migrations/sqlite/0006_history.sql"),
    include_str!("../../../migrations/sqlite/0007_open.sql"),
    include_str!("../../../migrations/sqlite/0008_letter_last.sql"),
    include_str!("../../../migrations/sqlite/0009_weekly_until.sql"),
    include_str!("../../../migrations/sqlite/0010_series.sql"),
    include_str!("../../../migrations/sqlite/0011_feed_readers.sql"),
    include_str!("../../../migrations/sqlite/0012_weekly_index.sql"),
];

/// File systems without working shared memory for WAL, or without working locks.
const NETWORKS: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs"];

/// The greatest file that is checked whenever it is opened, which takes some milliseconds. A run must not take longer
/// because more was sent, so a greater one is checked when an issue is frozen, and after a process was killed.
const CHECKED_ALWAYS: u64 = 4_000_000;

/// How long to wait for a running restore.
const RESTORE_TRIES: u32 = 250;
const RESTORE_GLANCE: Duration = Duration::from_millis(20);

/// Opens the ledger at `path`, or creates it. `instance` is the name of a new one. `keys` is the file with the
/// secrets: if it exists without the store, the store was lost, and no new one is created.
pub fn open_sqlite(path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Result<Arc<Store>, StoreError> {
    open_store(path, keys, instance, LogCheck::Refuse)
}

/// Opens what is left of a ledger whose write-ahead log is damaged.
pub fn open_damaged_sqlite(
    path: &Utf8Path,
    keys: &Utf8Path,
    instance: &str,
) -> Result<Arc<Store>, StoreError> {
    open_store(path, keys, instance, LogCheck::Accept)
}

/// Opens the ledger at `path` to read it beside whoever writes. Nothing is written to it: it is neither created nor brought up to
/// date, no checkpoint is made, and it is not opened again after its file was replaced.
pub fn open_sqlite_for_reading(path: &Utf8Path) -> Result<Arc<Store>, StoreError> {
    ensure_kept()?;
    let opened = open_for_reading(path).and_then(|opened_file| {
        let instance = name(&opened_file.connection)?;
        Ok((opened_file, instance))
    });
    let (opened_file, instance) = opened.map_err(|error| at(Some(path.as_str()), error))?;
    let sqlite = Sqlite::over(opened_file, path, Utf8Path::new(""), &instance);
    let store = Store::over(sqlite, instance);
    store.pin();
    Ok(Arc::new(store))
}

fn open_for_reading(path: &Utf8Path) -> Result<OpenConnection, StoreError> {
    let unfit = |why: String| StoreError::Unusable { path: path.to_string(), why };
    let anchor = anchor(path).map_err(|error| unfit(error.to_string()))?;
    refuse_foreign_log(path, &anchor)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed("opening it"))?;
    connection.busy_handler(Some(wait_a_little)).map_err(failed("configuring it"))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match schema(&connection)? {
        found if found > known => return Err(StoreError::TooNew { path: path.to_string(), found, known }),
        found if found < known => {
            return Err(unfit(
                "it is of an earlier version\n    help: the next run brings it up to date".to_owned(),
            ));
        }
        _ => {}
    }
    let watch = ReplacementDetector::begin(path, anchor).map_err(|error| unfit(error.to_string()))?;
    Ok(OpenConnection::new(connection, watch))
}

/// What happens if the log is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LogCheck {
    /// An error, so that nothing is sent and nothing more is lost.
    Refuse,
    /// What can still be read of it is used, and the rest is lost.
    Accept,
}

fn open_store(
    path: &Utf8Path,
    keys: &Utf8Path,
    instance: &str,
    log: LogCheck,
) -> Result<Arc<Store>, StoreError> {
    ensure_kept()?;
    let opened = open(path, keys, instance, log).and_then(|opened_file| {
        let instance = name(&opened_file.connection)?;
        Ok((opened_file, instance))
    });
    let (opened_file, instance) = opened.map_err(|error| at(Some(path.as_str()), error))?;
    let sqlite = Sqlite::over(opened_file, path, keys, &instance);
    Ok(Arc::new(Store::over(sqlite, instance)))
}

/// Opens the ledger `instance` again after its file was replaced. It never creates a new one.
pub(super) fn reopen(path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Result<OpenConnection, StoreError> {
    let exchanged = |what| StoreError::Exchanged { path: path.to_string(), what };
    if !path.exists() {
        return Err(exchanged("it was removed"));
    }
    let anchor = anchor(path).map_err(|_| exchanged("it cannot be read"))?;
    if anchor.header().is_none() {
        return Err(exchanged("the file is not a database"));
    }
    if !keys.exists() {
        return Err(exchanged("its keys were removed"));
    }
    let opened_file =
        open(path, keys, instance, LogCheck::Refuse).map_err(|error| at(Some(path.as_str()), error))?;
    if name(&opened_file.connection)? != instance {
        return Err(exchanged("the file is another ledger"));
    }
    Ok(opened_file)
}

fn open(
    path: &Utf8Path,
    keys: &Utf8Path,
    instance: &str,
    log: LogCheck,
) -> Result<OpenConnection, StoreError> {
    let unfit = |why: String| StoreError::Unusable { path: path.to_string(), why };
    let is_new = !path.exists();
    if is_new && keys.exists() {
        return Err(StoreError::DatabaseMissing { store: path.to_string(), witness: keys.to_string() });
    }
    let folder = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    if let Some(network) = network_file_system(folder) {
        return Err(unfit(format!(
            "it is on a network file system ({network}), where file locks are not reliable"
        )));
    }
    // If the file cannot be opened, `SQLite` reports why.
    let has_log = std::fs::metadata(format!("{path}-wal")).is_ok_and(|log| log.len() > 0);
    let made = if is_new { owner_only(path) } else { Ok(()) };
    let anchored = made.and_then(|()| anchor(path));
    if let Ok(anchor) = &anchored {
        refuse_foreign_log(path, anchor)?;
    }
    // A log that nobody is using: the process that wrote it was killed, or the machine lost its power.
    let was_killed = has_log && anchored.as_ref().is_ok_and(|anchor| anchor.was_alone());
    if was_killed && log == LogCheck::Refuse {
        check_log(path)?;
    }
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed("opening it"))?;
    let anchor = anchored.map_err(|error| unfit(error.to_string()))?;
    crash::point("store-made");
    // Before anything is written to it. Keys are created after the tables: if there are keys without tables, the
    // tables were lost, by a truncated file or a copy without its write-ahead log.
    if schema(&connection)? == 0 && keys.exists() {
        return Err(StoreError::DatabaseMissing { store: path.to_string(), witness: keys.to_string() });
    }
    configure(&mut connection).map_err(failed("configuring it"))?;
    verify(&connection, &unfit)?;
    if was_killed || std::fs::metadata(path).is_ok_and(|meta| meta.len() <= CHECKED_ALWAYS) {
        check(&connection, path.as_str())?;
    }
    migrate(&mut connection, path, instance)?;
    let watch = ReplacementDetector::begin(path, anchor).map_err(|error| unfit(error.to_string()))?;
    Ok(OpenConnection::new(connection, watch))
}

/// Fails if complete transactions in the log can no longer be read. `SQLite` would open the ledger without them.
fn check_log(path: &Utf8Path) -> Result<(), StoreError> {
    let log = Utf8PathBuf::from(format!("{path}-wal"));
    let found = log::damage(&log).map_err(|error| StoreError::Unusable {
        path: path.to_string(),
        why: format!("cannot read {log}: {error}"),
    })?;
    let what = match found {
        None => return Ok(()),
        Some(Damage::Header) => "nothing of it can be read".to_owned(),
        Some(Damage::Frame { valid, lost }) => {
            format!("behind {valid} valid frames, at least {lost} transactions can no longer be read")
        }
    };
    Err(StoreError::DamagedLog { log: log.into_string(), what })
}

/// The file itself. If it is being restored now, this waits for the new file.
fn anchor(path: &Utf8Path) -> std::io::Result<Arc<Anchor>> {
    for _ in 1..RESTORE_TRIES {
        match Anchor::at(path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RESTORE_GLANCE),
            anchored => return anchored,
        }
    }
    Anchor::at(path)
}

/// The permanent random name of the ledger.
fn name(connection: &Connection) -> Result<String, StoreError> {
    connection
        .query_row("SELECT value FROM meta WHERE key = 'instance'", [], |row| row.get(0))
        .map_err(failed("reading its id"))
}

/// A backup has no write-ahead log, so a log beside it belongs to the database that it replaced. `SQLite` does not
/// notice that, and would apply the log to the wrong database.
fn refuse_foreign_log(path: &Utf8Path, anchor: &Anchor) -> Result<(), StoreError> {
    let has_log = std::fs::metadata(format!("{path}-wal")).is_ok_and(|log| log.len() > 0);
    if !has_log || anchor.header().is_none_or(|header| header.keeps_log) {
        return Ok(());
    }
    let why = format!(
        "{path}-wal belongs to another database\n    help: `letterpress backup restore FILE` restores a backup with \
         all its files; after copying by hand, remove {path}-wal and {path}-shm, which belong to the previous database"
    );
    Err(StoreError::Unusable { path: path.to_string(), why })
}

/// Waits for another writer, for about half a minute. `SQLite`'s own handler sleeps for up to 100 ms; a sender
/// commits so often that such a long sleep misses every gap, and an unsubscribe would take a second.
fn wait_a_little(tries: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    tries < 25_000
}

/// Runs `work`, which waits for other processes for some two seconds only.
pub(super) fn with_little_patience<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.busy_timeout(Duration::from_secs(2))?;
    let done = work(connection);
    connection.busy_handler(Some(wait_a_little))?;
    done
}

fn configure(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait_a_little))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Erased data must not stay in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// WAL with `NORMAL` loses commits at a power cut, and a lost arm means a duplicate. So the settings are read back and
/// checked.
fn verify(connection: &Connection, unfit: &dyn Fn(String) -> StoreError) -> Result<(), StoreError> {
    let text =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    let journal = text("journal_mode").map_err(failed("reading its journal mode"))?;
    if journal != rusqlite::types::Value::Text("wal".to_owned()) {
        return Err(unfit(format!("its journal mode is {journal:?} instead of WAL")));
    }
    let synchronous = text("synchronous").map_err(failed("reading its synchronous mode"))?;
    if synchronous != rusqlite::types::Value::Integer(2) {
        return Err(unfit(format!("its synchronous mode is {synchronous:?} instead of FULL (2)")));
    }
    Ok(())
}

/// Reads the whole file, so its duration depends on the history.
pub(super) fn check(connection: &Connection, path: &str) -> Result<(), StoreError> {
    let sound: String = connection
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(failed("checking it"))?;
    if sound == "ok" {
        return Ok(());
    }
    let why = format!("it is damaged ({sound}); restore it from a backup");
    Err(StoreError::Unusable { path: path.to_owned(), why })
}

pub(super) fn schema(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed("reading its schema"))
}

/// How many steps of the schema a ledger lacks. The file is only read.
pub fn pending_migrations(path: &Utf8Path) -> Result<usize, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed("opening it"))?;
    let found = usize::try_from(schema(&connection)?).unwrap_or_default();
    Ok(if found == 0 { 0 } else { MIGRATIONS.len().saturating_sub(found) })
}

fn migrate(connection: &mut Connection, path: &Utf8Path, instance: &str) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = schema(connection)?;
    if found > known {
        return Err(StoreError::TooNew { path: path.to_string(), found, known });
    }
    let transaction = connection.transaction().map_err(failed("migrating it"))?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(sql).map_err(failed("migrating it"))?;
        crash::point("in-migration");
        transaction
            .pragma_update(None, "user_version", i64::try_from(step + 1).unwrap_or(i64::MAX))
            .map_err(failed("migrating it"))?;
    }
    let mut open = Open { transaction, doing: "migrating it" };
    if found == 0 {
        meta::remember(&mut open, "instance", instance)?;
        meta::remember(&mut open, "epoch", "0")?;
    }
    crash::point("before-commit/migrating it");
    open.transaction.commit().map_err(failed("migrating it"))?;
    crash::point("committed/migrating it");
    Ok(())
}

/// Creates the empty file, readable by its owner only: it contains personal data.
pub(super) fn owner_only(path: &Utf8Path) -> std::io::Result<()> {
    match platform::owner_only(std::fs::OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The type of the file system of `folder`, if it is one of [`NETWORKS`]. On Linux only; elsewhere `None`.
fn network_file_system(folder: &Utf8Path) -> Option<String> {
    let folder = folder.canonicalize_utf8().ok()?;
    network_mount(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &folder)
}

/// The same for a table of mounts (proc(5)): the longest mount point above the folder counts, and of equal ones the
/// last.
fn network_mount(mounts: &str, folder: &Utf8Path) -> Option<String> {
    file_system(mounts, folder).filter(|kind| NETWORKS.contains(&kind.as_str()))
}

/// The kind of the file system that a path is on.
fn file_system(mounts: &str, path: &Utf8Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let point = spaces(mount.split(' ').nth(4)?);
            path.starts_with(&point).then(|| (point.len(), kind.split(' ').next().unwrap_or_default()))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

/// File systems on which a file keeps its number as long as it exists.
const LASTING: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"];

/// Which file is at `path`: its number and its birth. Both stay the same when the file is written or renamed, when the file
/// system grows, and after a reboot, which may give the disk another number; a copy has others. `None` where the
/// system does not keep them.
pub(super) fn place(path: &Utf8Path) -> Option<String> {
    let folder = path.canonicalize_utf8().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    if !LASTING.contains(&file_system(&mounts, &folder)?.as_str()) {
        return None;
    }
    let meta = std::fs::metadata(path).ok()?;
    let born = meta.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("file.{}.{}.{:09}", FileIdentity::of(&meta).inode, born.as_secs(), born.subsec_nanos()))
}

/// The kernel writes special characters in octal.
fn spaces(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f27_a_folder_on_a_network_is_found_in_the_table_of_mounts() {
        let mounts = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                      31 22 0:29 / /home rw - nfs4 server:/home rw\n\
                      32 31 254:1 / /home/local rw - ext4 /dev/vdb rw\n\
                      33 22 0:40 / /srv/my\\040letters rw - cifs //server/letters rw\n\
                      34 22 0:41 / /over rw - ext4 /dev/vdc rw\n\
                      35 34 0:42 / /over rw - 9p host rw\n";
        let kind = |folder: &str| network_mount(mounts, Utf8Path::new(folder));
        assert_eq!(kind("/home/minjun/site").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srv/my letters").as_deref(), Some("cifs"));
        assert_eq!(kind("/over/site").as_deref(), Some("9p"));
        for local in ["/", "/homes", "/home/local/site", "/srv/my", "/tmp"] {
            assert_eq!(kind(local), None, "{local}");
        }
    }
}
