//! The fence: a small file outside the database with the epoch of the ledger.
//!
//! The epoch rises whenever the store is opened to send and after it has sent; the fence follows before anything is
//! sent. So a database that was restored from a backup is behind the fence, and is recognised. [`judge`] is pure; the
//! rest reads and writes the file. Nothing here opens a database.

use std::fmt::Write as _;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use crate::durable::{self, Mode};

/// The first lines of the file, for the person who finds it.
const HEAD: &str = "\
# The epoch of the ledger beside this file. Letterpress refuses to send from a database with a lower epoch, because it was
# restored from a backup. So do not restore this file together with a database.
";

/// The version of the file format.
const VERSION: &str = "1";

/// A ledger and its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochMark {
    /// The permanent random name of the store.
    pub instance: String,
    /// How often it was opened to send, or has sent.
    pub epoch: u64,
}

/// Why a store must not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The database is older than what was sent last.
    #[error(
        "its epoch is {database}, but the fence is at {fence}: the database was restored from an older backup, or \
         lost its write-ahead log"
    )]
    Older {
        /// The epoch of the database.
        database: u64,
        /// The epoch of the fence.
        fence: u64,
    },
    /// The fence belongs to another ledger.
    #[error("it is the ledger {database}, but the fence belongs to the ledger {fence}")]
    Foreign {
        /// The name of the database.
        database: String,
        /// The name in the fence.
        fence: String,
    },
    /// The database has sent, and there is no fence.
    #[error(
        "it has sent before (epoch {0}), but its fence file is missing: the ledger was copied from elsewhere, or the file was lost"
    )]
    Unfenced(u64),
    /// The database is a copy that `letterpress backup` made.
    #[error("it is a backup made at {0}, which does not contain what was sent since")]
    Copy(String),
}

impl Mismatch {
    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Older { .. } | Self::Copy(_) => {
                "restore the newest backup; without one, `letterpress ledger adopt-restored --reason …` accepts this \
                 database and mails nothing twice"
            }
            Self::Foreign { .. } => {
                "restore the database of this site, or correct store.url and store.fence in config.toml"
            }
            Self::Unfenced(_) => {
                "restore the fence file beside the keys; if this is the original, moved here permanently, run \
                 `letterpress ledger adopt-restored --moved --reason …`; if it may be an older copy, run it without --moved"
            }
        }
    }
}

/// Whether a store may send: it must be the ledger of the fence, with the same or a higher epoch. `copied` is the
/// time of the backup, if the store is one.
pub fn compare(
    database: &EpochMark,
    copied: Option<&str>,
    fence: Option<&EpochMark>,
) -> Result<(), Mismatch> {
    match fence {
        Some(fence) if fence.instance != database.instance => {
            Err(Mismatch::Foreign { database: database.instance.clone(), fence: fence.instance.clone() })
        }
        _ if copied.is_some() => Err(Mismatch::Copy(copied.unwrap_or_default().to_owned())),
        Some(fence) if database.epoch < fence.epoch => {
            Err(Mismatch::Older { database: database.epoch, fence: fence.epoch })
        }
        // A database that was never opened to send is new, or comes from a version without fences.
        None if database.epoch > 0 => Err(Mismatch::Unfenced(database.epoch)),
        // The database is raised first: it is ahead if a run died between the two writes.
        _ => Ok(()),
    }
}

/// An error with the file.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// The file exists but cannot be parsed.
    #[error(
        "{path} is not a valid fence file: {why}\n    help: restore it; if it is lost, move it away and run \
         `letterpress ledger adopt-restored --reason …`"
    )]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system reported an error.
    #[error(
        "cannot {doing} the fence {path}: {source}\n    help: nothing was sent; check that this user can write the file and its folder"
    )]
    Io {
        /// Read or write.
        doing: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// The file.
#[derive(Debug, Clone)]
pub struct Fence(Utf8PathBuf);

impl Fence {
    /// The fence at `path`.
    pub fn at(path: Utf8PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.0
    }

    /// Its content; `None` if it does not exist.
    pub fn read(&self) -> Result<Option<EpochMark>, FenceError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes))
                .map(Some)
                .map_err(|why| FenceError::Unreadable { path: self.0.clone(), why }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FenceError::Io { doing: "read", path: self.0.clone(), source }),
        }
    }

    /// Writes it atomically; it is on the disk when this returns.
    pub fn write(&self, mark: &EpochMark) -> Result<(), FenceError> {
        durable::replace(&self.0, to_text(mark).as_bytes(), Mode::Private).map_err(|source| FenceError::Io {
            doing: "write",
            path: self.0.clone(),
            source,
        })
    }
}

fn to_text(mark: &EpochMark) -> String {
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "version = {VERSION}\ninstance = {}\nepoch = {}", mark.instance, mark.epoch);
    text
}

fn parse(text: &str) -> Result<EpochMark, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut version, mut instance, mut epoch) = (None, None, None);
    for line in lines {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("invalid line {line:?}"))?;
        let place = match name.trim() {
            "version" => &mut version,
            "instance" => &mut instance,
            "epoch" => &mut epoch,
            other => return Err(format!("the name {other:?}")),
        };
        if place.replace(value.trim()).is_some() {
            return Err(format!("duplicate key {}", name.trim()));
        }
    }
    match version {
        Some(VERSION) => {}
        Some(other) => return Err(format!("version {other:?}; a newer Letterpress may have written it")),
        None => return Err("it has no version".to_owned()),
    }
    let instance = instance.filter(|name| !name.is_empty()).ok_or("it has no instance")?.to_owned();
    let epoch = epoch.ok_or("it has no epoch")?;
    let epoch = epoch.parse().map_err(|_| format!("the epoch {epoch:?}"))?;
    Ok(EpochMark { instance, epoch })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(epoch: u64) -> EpochMark {
        EpochMark { instance: "a".to_owned(), epoch }
    }

    fn any_mark() -> impl Strategy<Value = EpochMark> {
        ("[0-9a-f]{1,32}", any::<u64>()).prop_map(|(instance, epoch)| EpochMark { instance, epoch })
    }

    #[test]
    fn the_first_run_may_send_and_so_may_the_run_after_one_that_died_between_the_two_writes() {
        assert_eq!(compare(&mark(0), None, None), Ok(()));
        // The first fence is written before the epoch first rises.
        assert_eq!(compare(&mark(0), None, Some(&mark(0))), Ok(()));
        assert_eq!(compare(&mark(1), None, Some(&mark(0))), Ok(()));
        assert_eq!(compare(&mark(1), None, None), Err(Mismatch::Unfenced(1)));
    }

    #[test]
    fn a_fence_is_replaced_atomically_and_a_damaged_fence_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let fence = Fence::at(Utf8Path::from_path(folder.path()).unwrap().join("x.fence"));
        assert_eq!(fence.read().unwrap(), None);
        for epoch in [1, 2] {
            fence.write(&mark(epoch)).unwrap();
            assert_eq!(fence.read().unwrap(), Some(mark(epoch)));
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        for damage in
            ["", "version = 2\ninstance = a\nepoch = 1\n", "version = 1\ninstance = a\nepoch = -1\n"]
        {
            std::fs::write(fence.path(), damage).unwrap();
            assert!(matches!(fence.read(), Err(FenceError::Unreadable { .. })), "{damage:?}");
        }
    }

    proptest! {
        #[test]
        fn a_written_fence_reads_back_and_no_text_panics(mark in any_mark(), text in ".*") {
            prop_assert_eq!(parse(&to_text(&mark)), Ok(mark));
            let _ = parse(&text);
        }

        /// Each rise is database first, fence second, with a crash possible between; a copy may be taken at any time.
        #[test]
        fn the_current_database_may_always_send_and_an_older_copy_may_not(
            steps in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40),
        ) {
            let (mut database, mut fence) = (mark(0), None);
            let mut copies: Vec<EpochMark> = Vec::new();
            for (copies_now, dies) in steps {
                prop_assert_eq!(compare(&database, None, fence.as_ref()), Ok(()));
                if copies_now {
                    copies.push(database.clone());
                }
                fence.get_or_insert_with(|| database.clone());
                database.epoch += 1;
                if !dies {
                    fence = Some(database.clone());
                    for copy in &copies {
                        prop_assert!(compare(copy, None, fence.as_ref()).is_err());
                    }
                }
            }
        }

        #[test]
        fn a_backup_another_ledger_and_an_older_database_may_never_send(
            database in any_mark(), fence in any_mark(), copied in any::<bool>(),
        ) {
            let copied = copied.then_some("2026-11-23");
            let opens = compare(&database, copied, Some(&fence)).is_ok();
            let whole = copied.is_none() && database.instance == fence.instance && database.epoch >= fence.epoch;
            prop_assert_eq!(opens, whole);
            prop_assert_eq!(compare(&database, copied, None).is_ok(), copied.is_none() && database.epoch == 0);
        }
    }
}
