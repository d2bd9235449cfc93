//! The fence: a small file outside the database with the epoch of the ledger.
//!
//! The epoch rises whenever the store is opened to send and after it has sent; the fence follows before anything is
//! sent. So a database that was restored from a backup is behind the fence, and is recognised. During a run the fence also
//! counts the armed emails, each before its final dot, so that a database that lost the end of its log is recognised; and
//! it says which file or database sent last, so that a copy is. [`compare`] is pure; the rest reads and writes the file.
//! Nothing here opens a database.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::durable::{self, Mode};
use crate::platform;

/// The first lines of the file, for the person who finds it.
const HEAD: &str = "\
# The epoch of the ledger beside this file. Letterpress refuses to send from a database with a lower epoch, because it was
# restored from a backup. So do not restore this file together with a database.
";

/// What is before the count of armed emails.
const ARMED: &str = "armed = ";

/// How long the count may stay in the memory of the system.
const SYNC: Duration = Duration::from_secs(1);

/// The version of the file format.
const VERSION: &str = "1";

/// A ledger and its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochMark {
    /// The permanent random name of the store.
    pub instance: String,
    /// How often it was opened to send, or has sent.
    pub epoch: u64,
    /// How many emails it has armed in total. A database server is not counted: it is asked which server it is.
    pub armed: u64,
}

/// What the fence contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceRecord {
    /// The ledger that sent last.
    pub mark: EpochMark,
    /// The file or the database that sent last (see [`crate::store::Store::place`]).
    pub place: Option<String>,
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
    /// Emails were armed that the database does not know.
    #[error(
        "the fence counted {fence} emails that may have been sent, but the database knows only {database}: the end of its \
         write-ahead log is lost"
    )]
    Behind {
        /// The emails in the database.
        database: u64,
        /// The emails in the fence.
        fence: u64,
    },
    /// It is another file, or another database, than the one that sent last.
    #[error(
        "it is not the file or database that sent last: it was copied, or moved to another disk or server"
    )]
    Elsewhere,
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
            Self::Older { .. } | Self::Behind { .. } | Self::Copy(_) => {
                "restore the newest backup; without one, `letterpress ledger adopt-restored --reason …` accepts this \
                 database and mails nothing twice"
            }
            Self::Elsewhere => {
                "only one of the two may go on sending; if this is the original, moved here permanently, run \
                 `letterpress ledger adopt-restored --moved --reason …`; if it may be an older copy, run it without --moved"
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

/// Whether a store may send: it must be the ledger of the fence, in the same place, with the same or a higher epoch, and
/// with all that was armed. `copied` is the time of the backup, if the store is one. `here` is the place of the store; if
/// either place is unknown, they are not compared.
pub fn compare(
    database: &EpochMark,
    copied: Option<&str>,
    here: Option<&str>,
    fence: Option<&FenceRecord>,
) -> Result<(), Mismatch> {
    let place = fence.and_then(|fence| fence.place.as_deref());
    match fence.map(|fence| &fence.mark) {
        Some(fence) if fence.instance != database.instance => {
            Err(Mismatch::Foreign { database: database.instance.clone(), fence: fence.instance.clone() })
        }
        _ if copied.is_some() => Err(Mismatch::Copy(copied.unwrap_or_default().to_owned())),
        Some(fence) if database.epoch < fence.epoch => {
            Err(Mismatch::Older { database: database.epoch, fence: fence.epoch })
        }
        Some(fence) if database.armed < fence.armed => {
            Err(Mismatch::Behind { database: database.armed, fence: fence.armed })
        }
        Some(_) if here.is_some() && place.is_some() && here != place => Err(Mismatch::Elsewhere),
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
    pub fn read(&self) -> Result<Option<FenceRecord>, FenceError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes))
                .map(Some)
                .map_err(|why| FenceError::Unreadable { path: self.0.clone(), why }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io("read")(error)),
        }
    }

    /// Writes it atomically; it is on the disk when this returns.
    pub fn write(&self, record: &FenceRecord) -> Result<(), FenceError> {
        durable::replace(&self.0, to_text(record).as_bytes(), Mode::Private).map_err(self.io("write"))
    }

    /// Opens the count of armed emails, until the fence is written again.
    pub fn witness(&self) -> Result<Witness, FenceError> {
        let text = std::fs::read_to_string(&self.0).map_err(self.io("read"))?;
        let at = text.find(ARMED).map(|start| (start + ARMED.len()) as u64);
        let at = at.ok_or_else(|| ErrorKind::InvalidData.into()).map_err(self.io("read"))?;
        let file = File::options().write(true).open(&self.0).map_err(self.io("write"))?;
        Ok(Witness { file, at, synced: Instant::now() })
    }

    fn io(&self, doing: &'static str) -> impl Fn(io::Error) -> FenceError {
        let path = self.0.clone();
        move |source| FenceError::Io { doing, path: path.clone(), source }
    }
}

/// The count of armed emails in the fence, while a run sends.
#[derive(Debug)]
pub struct Witness {
    file: File,
    at: u64,
    synced: Instant,
}

impl Witness {
    /// Notes how many emails the ledger has armed; it has committed them, and their final dots are not written yet. After a
    /// killed process the count is exact. After a power failure it may be a second old: then the ledger is ahead, because
    /// its commits are on the disk.
    pub fn note(&mut self, armed: u64) -> io::Result<()> {
        // In place, and always of the same length: a whole write of a new file would cost more than the commit.
        platform::write_all_at(&self.file, format!("{armed:020}").as_bytes(), self.at)?;
        if self.synced.elapsed() >= SYNC {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}

fn to_text(record: &FenceRecord) -> String {
    let FenceRecord { mark, place } = record;
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "version = {VERSION}\ninstance = {}\nepoch = {}", mark.instance, mark.epoch);
    let _ = writeln!(text, "{ARMED}{:020}", mark.armed);
    if let Some(place) = place {
        let _ = writeln!(text, "place = {place}");
    }
    text
}

fn parse(text: &str) -> Result<FenceRecord, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut version, mut instance, mut epoch, mut armed, mut place) = (None, None, None, None, None);
    for line in lines {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("invalid line {line:?}"))?;
        let field = match name.trim() {
            "version" => &mut version,
            "instance" => &mut instance,
            "epoch" => &mut epoch,
            "armed" => &mut armed,
            "place" => &mut place,
            other => return Err(format!("the name {other:?}")),
        };
        if field.replace(value.trim()).is_some() {
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
    // Earlier versions wrote neither the count nor the place.
    let armed = armed.unwrap_or("0");
    let armed = armed.parse().map_err(|_| format!("the count {armed:?}"))?;
    Ok(FenceRecord { mark: EpochMark { instance, epoch, armed }, place: place.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(epoch: u64) -> EpochMark {
        EpochMark { instance: "a".to_owned(), epoch, armed: 0 }
    }

    fn record(mark: EpochMark) -> FenceRecord {
        FenceRecord { mark, place: None }
    }

    fn any_mark() -> impl Strategy<Value = EpochMark> {
        ("[0-9a-f]{1,32}", any::<u64>(), any::<u64>()).prop_map(|(instance, epoch, armed)| EpochMark {
            instance,
            epoch,
            armed,
        })
    }

    fn any_record() -> impl Strategy<Value = FenceRecord> {
        let place = prop::option::of("[0-9a-z.]{1,20}");
        (any_mark(), place).prop_map(|(mark, place)| FenceRecord { mark, place })
    }

    /// The ledger in no particular place.
    fn opens(database: &EpochMark, fence: Option<&EpochMark>) -> Result<(), Mismatch> {
        compare(database, None, None, fence.cloned().map(record).as_ref())
    }

    #[test]
    fn the_first_run_may_send_and_so_may_the_run_after_one_that_died_between_the_two_writes() {
        assert_eq!(opens(&mark(0), None), Ok(()));
        // The first fence is written before the epoch first rises.
        assert_eq!(opens(&mark(0), Some(&mark(0))), Ok(()));
        assert_eq!(opens(&mark(1), Some(&mark(0))), Ok(()));
        assert_eq!(opens(&mark(1), None), Err(Mismatch::Unfenced(1)));
    }

    #[test]
    fn a_ledger_that_knows_less_than_was_armed_may_not_send() {
        let armed = |armed| EpochMark { armed, ..mark(1) };
        assert_eq!(opens(&armed(7), Some(&armed(7))), Ok(()));
        assert_eq!(opens(&armed(8), Some(&armed(7))), Ok(()), "the run died before the fence was written");
        assert_eq!(opens(&armed(6), Some(&armed(7))), Err(Mismatch::Behind { database: 6, fence: 7 }));
        // Not even after its epoch has risen.
        let later = EpochMark { epoch: 2, ..armed(6) };
        assert_eq!(opens(&later, Some(&armed(7))), Err(Mismatch::Behind { database: 6, fence: 7 }));
    }

    #[test]
    fn a_copy_may_not_send_and_a_place_that_is_unknown_does_not_matter() {
        let fence = FenceRecord { mark: mark(1), place: Some("file.1".to_owned()) };
        let moved = Err(Mismatch::Elsewhere);
        assert_eq!(compare(&mark(1), None, Some("file.1"), Some(&fence)), Ok(()));
        assert_eq!(compare(&mark(1), None, Some("file.2"), Some(&fence)), moved);
        assert_eq!(compare(&mark(1), None, None, Some(&fence)), Ok(()));
        assert_eq!(compare(&mark(1), None, Some("file.2"), Some(&record(mark(1)))), Ok(()));
    }

    #[test]
    fn the_count_of_armed_emails_is_written_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let fence = Fence::at(Utf8Path::from_path(folder.path()).unwrap().join("x.fence"));
        let written = FenceRecord { place: Some("file.1".to_owned()), ..record(mark(3)) };
        fence.write(&written).unwrap();
        let mut witness = fence.witness().unwrap();
        for armed in [1, 12_345_678_901, 7] {
            witness.note(armed).unwrap();
            let expected = FenceRecord { mark: EpochMark { armed, ..mark(3) }, ..written.clone() };
            assert_eq!(fence.read().unwrap(), Some(expected));
        }
    }

    #[test]
    fn a_fence_of_an_earlier_version_has_no_count_and_no_place() {
        assert_eq!(parse("version = 1\ninstance = a\nepoch = 4\n"), Ok(record(mark(4))));
    }

    #[test]
    fn a_fence_is_replaced_atomically_and_a_damaged_fence_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let fence = Fence::at(Utf8Path::from_path(folder.path()).unwrap().join("x.fence"));
        assert_eq!(fence.read().unwrap(), None);
        for epoch in [1, 2] {
            fence.write(&record(mark(epoch))).unwrap();
            assert_eq!(fence.read().unwrap(), Some(record(mark(epoch))));
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
        fn a_written_fence_reads_back_and_no_text_panics(record in any_record(), text in ".*") {
            prop_assert_eq!(parse(&to_text(&record)), Ok(record));
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
                prop_assert_eq!(opens(&database, fence.as_ref()), Ok(()));
                if copies_now {
                    copies.push(database.clone());
                }
                fence.get_or_insert_with(|| database.clone());
                database.epoch += 1;
                if !dies {
                    fence = Some(database.clone());
                    for copy in &copies {
                        prop_assert!(opens(copy, fence.as_ref()).is_err());
                    }
                }
            }
        }

        #[test]
        fn a_backup_another_ledger_and_an_older_database_may_never_send(
            database in any_mark(), fence in any_mark(), copied in any::<bool>(),
        ) {
            let copied = copied.then_some("2026-11-23");
            let may_send = compare(&database, copied, None, Some(&record(fence.clone()))).is_ok();
            let is_whole = database.epoch >= fence.epoch && database.armed >= fence.armed;
            prop_assert_eq!(may_send, copied.is_none() && database.instance == fence.instance && is_whole);
            prop_assert_eq!(compare(&database, copied, None, None).is_ok(), copied.is_none() && database.epoch == 0);
        }
    }
}
