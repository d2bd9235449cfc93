//! `backup restore`: replaces the database file by a backup.
//!
//! The backup is copied to the folder of the database and checked there; then one rename replaces the file. The old
//! file gets a second name first, so nothing is deleted, and at any moment the old or the new file is at the path.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::backup::{fill, mark, refused};
use super::failed;
use super::open::{MIGRATIONS, schema};
use crate::crash;
use crate::durable::{folder_of, sync_folder};
use crate::platform::FileIdentity;
use crate::store::{Fault, StoreError};

const DOING: &str = "restoring the backup";

/// A command that only reads has ended before the last try.
const TRIES: u32 = 40;
const GLANCE: Duration = Duration::from_millis(50);

/// A ledger that no process has open; none can open it while this is held.
pub struct ExclusiveFile(#[expect(dead_code, reason = "it is held, not read")] Option<File>);

/// A process that has the ledger open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process number.
    pub process: u32,
    /// Its command line, if that is known.
    pub command: String,
}

impl ExclusiveFile {
    /// Waits a little until no process has the file at `path` open; else returns those that do, as far as is known.
    pub fn take(path: &Utf8Path) -> Result<Self, Vec<Holder>> {
        let Ok(file) = File::open(path) else { return Ok(Self(None)) };
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(GLANCE);
            }
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {}
                // The file system has no such locks. The other processes still notice the exchange themselves.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self(Some(file))),
            }
        }
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        let Ok(meta) = file.metadata() else { return Err(Vec::new()) };
        Err(holders(&locks, FileIdentity::of(&meta).inode).into_iter().map(named).collect())
    }
}

/// The processes that hold an `flock` lock on a file, from the kernel's table (proc(5)).
fn holders(locks: &str, inode: u64) -> Vec<u32> {
    let own = std::process::id();
    let holds = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let of_file = cells.get(5)?.rsplit(':').next()? == inode.to_string();
        (cells.get(1) == Some(&"FLOCK") && of_file).then(|| cells.get(4)?.parse().ok())?
    };
    let mut found: Vec<u32> = locks.lines().filter_map(holds).filter(|pid| *pid != own && *pid > 0).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn named(process: u32) -> Holder {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    Holder { process, command: line.trim().chars().take(120).collect() }
}

/// A file that may replace the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which ledger it is.
    pub instance: String,
    /// When it was made, if `letterpress backup` made it.
    pub copied: Option<String>,
    /// The value of the requested note.
    pub note: Option<String>,
}

/// Copies `source` to `staged`, replacing any file there, and checks that the copy is a sound ledger. It is marked as a
/// copy, so that it must be adopted before it can send. `note` is read for the caller.
pub fn stage(
    source: &Utf8Path,
    staged: &Utf8Path,
    note: &str,
    now: DateTime<Utc>,
) -> Result<Candidate, StoreError> {
    let staging = staging(source, staged, note, now);
    if staging.is_err() {
        let _ = fs::remove_file(staged);
    }
    staging
}

fn staging(
    source: &Utf8Path,
    staged: &Utf8Path,
    note: &str,
    now: DateTime<Utc>,
) -> Result<Candidate, StoreError> {
    let unfit = |why: String| StoreError::Unusable { path: source.to_string(), why };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        remove(&Utf8PathBuf::from(format!("{staged}{suffix}"))).map_err(refused)?;
    }
    super::open::owner_only(staged).map_err(refused)?;
    let mut copy = Connection::open(staged).map_err(failed(DOING))?;
    fill(source.as_str(), OpenFlags::SQLITE_OPEN_READ_ONLY, &mut copy).map_err(|error| {
        match error.fault() {
            Some(Fault::Damaged) => unfit("it is not a database, or it is damaged".to_owned()),
            _ => unfit(format!("it cannot be read: {error}")),
        }
    })?;
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(failed(DOING))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match schema(&copy)? {
        0 => return Err(unfit("it contains no ledger".to_owned())),
        found if found > known => {
            return Err(StoreError::TooNew { path: source.to_string(), found, known });
        }
        _ => {}
    }
    let sound: String =
        copy.pragma_query_value(None, "integrity_check", |row| row.get(0)).map_err(failed(DOING))?;
    if sound != "ok" {
        return Err(unfit(format!("it is damaged ({sound}); use another backup")));
    }
    let recall = |key: &str| {
        copy.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0))
            .optional()
            .map_err(failed(DOING))
    };
    let instance = recall("instance")?.ok_or_else(|| unfit("it has no ledger id".to_owned()))?;
    let found =
        Candidate { instance, copied: recall(crate::store::sql::epoch::COPIED)?, note: recall(note)? };
    if found.copied.is_none() {
        mark(&mut copy, now)?;
    }
    copy.close().map_err(|(_, error)| failed(DOING)(error))?;
    File::open(staged).and_then(|file| file.sync_all()).map_err(refused)?;
    Ok(found)
}

/// Replaces the file at `path`, which no process has open ([`ExclusiveFile`]), by the staged one. The old file is
/// kept under the name `aside`; returns whether there was one. `between` runs just before the rename.
pub fn put_in_place(
    staged: &Utf8Path,
    path: &Utf8Path,
    aside: &Utf8Path,
    between: impl FnOnce() -> io::Result<()>,
) -> Result<bool, StoreError> {
    let there = path.exists();
    let log = Utf8PathBuf::from(format!("{path}-wal"));
    if there {
        fold(path, &log)?;
        keep(path, aside).map_err(refused)?;
    }
    if log.exists() {
        keep(&log, &Utf8PathBuf::from(format!("{aside}-wal"))).map_err(refused)?;
    }
    crash::point("restore-aside");
    between().map_err(refused)?;
    crash::point("restore-keys");
    for left in [log, Utf8PathBuf::from(format!("{path}-shm"))] {
        remove(&left).map_err(refused)?;
    }
    crash::point("restore-cleared");
    fs::rename(staged, path).and_then(|()| sync_folder(folder_of(path))).map_err(refused)?;
    crash::point("restore-done");
    Ok(there)
}

/// Writes the log into the file, so that the file alone is the whole ledger. If it is too damaged for that, file and
/// log are kept together.
fn fold(path: &Utf8Path, log: &Utf8Path) -> Result<(), StoreError> {
    let folded = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|old| {
        let keeps_log: String = old.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(keeps_log == "wal")
    });
    // The last connection that is closed removes the log.
    if matches!(folded, Ok(true)) && log.exists() {
        return Err(StoreError::Unusable {
            path: path.to_string(),
            why: "another program has it open, such as the SQLite shell or an older Letterpress\n    help: close that program and run the command again"
                .to_owned(),
        });
    }
    Ok(())
}

/// Gives a file a second name, durably.
fn keep(file: &Utf8Path, name: &Utf8Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Ok(()) => {}
        // An earlier attempt got this far.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_same(file, name) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // The file system has no hard links.
        Err(_) => {
            fs::copy(file, name)?;
            File::open(name)?.sync_all()?;
        }
    }
    sync_folder(folder_of(name))
}

fn is_same(one: &Utf8Path, other: &Utf8Path) -> bool {
    let identity = |path: &Utf8Path| fs::metadata(path).map(|meta| FileIdentity::of(&meta)).ok();
    identity(one).is_some() && identity(one) == identity(other)
}

fn remove(file: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_holders_are_read_from_the_table_of_locks() {
        let locks = "1: FLOCK  ADVISORY  READ  4242 fe:00:77 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 4243 fe:00:77 0 EOF\n\
                     2: POSIX  ADVISORY  READ  4244 fe:00:77 128 128\n\
                     3: FLOCK  ADVISORY  READ  4245 fe:00:177 0 EOF\n\
                     4: FLOCK  ADVISORY  READ  17 fe:00:77 0 EOF\n";
        assert_eq!(holders(locks, 77), [17, 4242]);
        assert!(holders("", 77).is_empty());
    }

    #[test]
    fn a_ledger_is_exclusive_until_a_process_opens_it_and_again_after_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("x.db");
        assert!(ExclusiveFile::take(&path).is_ok(), "no file");
        let store = crate::store::open_sqlite(&path, &path.with_extension("keys"), "a").unwrap();
        assert!(ExclusiveFile::take(&path).is_err());
        drop(store);
        let alone = ExclusiveFile::take(&path).unwrap();
        drop(alone);
        assert!(crate::store::open_sqlite(&path, &path.with_extension("keys"), "a").is_ok());
    }
}
