//! Opening the file: is it there, is it sound, is it new enough, and does it keep what it commits?

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use rusqlite::{Connection, OpenFlags};

use super::watch::{Anchor, Watch};
use super::{Held, Open, Sqlite, at, failed};
use crate::crash;
use crate::store::sql::{SqlStore, notes};
use crate::store::{Books, StoreError};

/// The schema, one file for each step; a step that has been released never changes.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("../../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../../migrations/sqlite/0002_bounces.sql"),
    include_str!("../../../migrations/sqlite/0003_pace.sql"),
    include_str!("../../../migrations/sqlite/0004_web.sql"),
    include_str!("../../../migrations/sqlite/0005_posts.sql"),
];

/// File systems on which WAL's shared memory does not work, or a lock does not hold.
const NETWORKS: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs"];

/// How long a restore that is under way is waited for.
const RESTORE_TRIES: u32 = 250;
const RESTORE_GLANCE: Duration = Duration::from_millis(20);

/// Opens the ledger at `path`, or makes it. `instance` names a new one. `keys` is the file with the secrets:
/// where it stands without the store, the store was lost and is not silently begun anew.
pub fn open_sqlite(path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Result<Arc<dyn Books>, StoreError> {
    let opened = open(path, keys, instance).and_then(|held| {
        let instance = name(&held.connection)?;
        Ok((held, instance))
    });
    let (held, instance) = opened.map_err(|error| at(Some(path.as_str()), error))?;
    let sqlite = Sqlite::over(held, path, keys, &instance);
    Ok(Arc::new(SqlStore::over(sqlite, instance)))
}

/// Opens the ledger `instance` again, after its file was exchanged. Whatever stands there now, nothing is begun anew.
pub(super) fn reopen(path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Result<Held, StoreError> {
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
    let held = open(path, keys, instance).map_err(|error| at(Some(path.as_str()), error))?;
    if name(&held.connection)? != instance {
        return Err(exchanged("the file is another ledger"));
    }
    Ok(held)
}

fn open(path: &Utf8Path, keys: &Utf8Path, instance: &str) -> Result<Held, StoreError> {
    let unfit = |why: String| StoreError::Unfit { path: path.to_string(), why };
    let is_new = !path.exists();
    if is_new && keys.exists() {
        return Err(StoreError::Vanished { store: path.to_string(), witness: keys.to_string() });
    }
    let folder = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    if let Some(network) = network_file_system(folder) {
        return Err(unfit(format!(
            "it is on a network file system ({network}), where file locks are not reliable"
        )));
    }
    // Where the file cannot be opened, `SQLite` says why.
    let made = if is_new { owner_only(path) } else { Ok(()) };
    let anchored = made.and_then(|()| anchor(path));
    if let Ok(anchor) = &anchored
        && has_foreign_log(path, anchor)
    {
        return Err(unfit(format!(
            "{path}-wal belongs to another database\n    help: `letterpress backup restore FILE` restores a backup with \
             all its files; after copying by hand, remove {path}-wal and {path}-shm, which belong to the previous database"
        )));
    }
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed("opening it"))?;
    let anchor = anchored.map_err(|error| unfit(error.to_string()))?;
    crash::point("store-made");
    // Before anything is written to it. Keys are made after the tables: tables that are missing beside them were lost,
    // by a truncated file or a copy without its write-ahead log.
    if schema(&connection)? == 0 && keys.exists() {
        return Err(StoreError::Vanished { store: path.to_string(), witness: keys.to_string() });
    }
    configure(&mut connection).map_err(failed("configuring it"))?;
    verify(&connection, &unfit)?;
    migrate(&mut connection, path, instance)?;
    let watch = Watch::begin(path, anchor).map_err(|error| unfit(error.to_string()))?;
    Ok(Held::new(connection, watch))
}

/// The file itself, also if it is being restored at this moment: then the new one is waited for.
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

/// A backup keeps no write-ahead log, so one that lies beside it was left by the database that it replaced. `SQLite` would
/// not see that, and write the one over the other.
fn has_foreign_log(path: &Utf8Path, anchor: &Anchor) -> bool {
    let log = std::fs::metadata(format!("{path}-wal")).is_ok_and(|log| log.len() > 0);
    log && anchor.header().is_some_and(|header| !header.keeps_log)
}

/// Waits for another writer, for about half a minute. `SQLite`'s own waiting sleeps longer and longer, up to 100 ms; a
/// sender commits so often that whoever sleeps so long misses every gap, and a reader who leaves would wait a second.
fn wait_a_little(tries: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    tries < 25_000
}

fn configure(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait_a_little))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is erased must not stay behind in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// WAL with `NORMAL` forgets commits at a power cut, and an arm that is forgotten is a second copy: so the settings
/// are read back and not believed.
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
    let sound: String = connection
        .pragma_query_value(None, "quick_check", |row| row.get(0))
        .map_err(failed("checking it"))?;
    if sound != "ok" {
        return Err(unfit(format!("it is damaged ({sound}); restore it from a backup")));
    }
    Ok(())
}

pub(super) fn schema(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed("reading its schema"))
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
        notes::remember(&mut open, "instance", instance)?;
        notes::remember(&mut open, "epoch", "0")?;
    }
    crash::point("before-commit/migrating it");
    open.transaction.commit().map_err(failed("migrating it"))?;
    crash::point("committed/migrating it");
    Ok(())
}

/// Makes the empty file: the subscribers' addresses are nobody else's business.
pub(super) fn owner_only(path: &Utf8Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The type of the file system that holds `folder`, if it is one of [`NETWORKS`]. Knows Linux only; elsewhere it
/// says nothing.
fn network_file_system(folder: &Utf8Path) -> Option<String> {
    let folder = folder.canonicalize_utf8().ok()?;
    network_mount(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &folder)
}

/// The same for a table of mounts (proc(5)): the longest mount point above the folder counts, and of two the later.
fn network_mount(mounts: &str, folder: &Utf8Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let point = spaces(mount.split(' ').nth(4)?);
            folder.starts_with(&point).then(|| (point.len(), kind.split(' ').next().unwrap_or_default()))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
        .filter(|kind| NETWORKS.contains(&kind.as_str()))
}

/// The kernel writes the characters that would break its table in octal.
fn spaces(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f27_a_folder_on_a_network_is_known_by_the_table_of_mounts() {
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
