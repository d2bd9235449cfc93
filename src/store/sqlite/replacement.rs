//! Detects that the open database file was replaced.
//!
//! `SQLite` does not notice a restore, a deletion or a copy over the file: it would continue to write to a deleted
//! file, or mix two databases. While a connection is open, the file, its `-wal` and its `-shm` stay the same files,
//! and only checkpoints change the file. So a check of three names before and after each transaction is enough.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::platform::{self, FileIdentity, FileTime};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// A checkpoint may be writing the header while it is read.
const TRIES: u32 = 3;
const GLANCE: Duration = Duration::from_millis(2);

/// The files that this process keeps open in addition to `SQLite`, each once.
static ANCHORS: Mutex<Vec<Weak<Anchor>>> = Mutex::new(Vec::new());

/// The database file, kept open as long as any connection of this process: closing it would drop the locks of `SQLite`,
/// which belong to the process (POSIX `fcntl`). It has a shared lock (`flock`), so that `backup restore` can find all
/// processes that use it.
pub(super) struct Anchor {
    file: File,
    identity: FileIdentity,
    was_alone: bool,
}

impl Anchor {
    /// The file at `path`. An error of kind `WouldBlock` means that it is being restored now.
    pub(super) fn at(path: &Utf8Path) -> io::Result<Arc<Self>> {
        let mut anchors = ANCHORS.lock().unwrap_or_else(PoisonError::into_inner);
        anchors.retain(|anchor| anchor.strong_count() > 0);
        let identity = FileIdentity::of(&fs::metadata(path)?);
        let known = anchors.iter().filter_map(Weak::upgrade).find(|anchor| anchor.identity == identity);
        if let Some(known) = known {
            return Ok(known);
        }
        let file = File::open(path)?;
        let was_alone = file.try_lock().is_ok();
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let anchor = Arc::new(Self { identity: FileIdentity::of(&file.metadata()?), file, was_alone });
        anchors.push(Arc::downgrade(&anchor));
        Ok(anchor)
    }

    /// Whether no other process had the file open when this one opened it.
    pub(super) const fn was_alone(&self) -> bool {
        self.was_alone
    }

    pub(super) fn header(&self) -> Option<Header> {
        let mut bytes = [0; 100];
        platform::read_exact_at(&self.file, &mut bytes, 0).ok()?;
        Header::parse(&bytes)
    }
}

/// The first hundred bytes of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// It uses a write-ahead log; a backup does not.
    pub(super) keeps_log: bool,
    /// Only rises in the life of a database, but not with every change.
    changes: u32,
    /// Rises with every change of the schema and every VACUUM.
    schema: u32,
}

impl Header {
    fn parse(bytes: &[u8; 100]) -> Option<Self> {
        let number =
            |at| bytes.iter().skip(at).take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte));
        let (keeps_log, changes, schema) = (bytes[18..20] == [2, 2], number(24), number(40));
        bytes.starts_with(MAGIC).then_some(Self { keeps_log, changes, schema })
    }
}

/// Size and time of the last change: they differ after a write to the file.
type Stamp = (u64, FileTime);

fn stamp(meta: &Metadata) -> Stamp {
    (meta.len(), platform::times(meta).0)
}

/// The files of an open connection at the time it was opened.
pub(super) struct ReplacementDetector {
    path: Utf8PathBuf,
    anchor: Arc<Anchor>,
    beside: [(Utf8PathBuf, FileIdentity); 2],
    stamp: Stamp,
    changes: u32,
    schema: u32,
}

impl ReplacementDetector {
    /// Begins to watch the files of a new connection, after its first read.
    pub(super) fn begin(path: &Utf8Path, anchor: Arc<Anchor>) -> io::Result<Self> {
        let beside = |suffix: &str| {
            let path = Utf8PathBuf::from(format!("{path}{suffix}"));
            let identity = FileIdentity::of(&fs::metadata(&path)?);
            io::Result::Ok((path, identity))
        };
        let meta = fs::metadata(path)?;
        if FileIdentity::of(&meta) != anchor.identity {
            return Err(io::Error::other("it was replaced while it was opened"));
        }
        let (changes, schema) = anchor.header().map_or((0, 0), |header| (header.changes, header.schema));
        let beside = [beside("-wal")?, beside("-shm")?];
        Ok(Self { path: path.to_owned(), beside, stamp: stamp(&meta), changes, schema, anchor })
    }

    /// What happened to the files, if they have changed.
    pub(super) fn replacement(&mut self) -> Option<&'static str> {
        let meta = match fs::metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some("it was removed"),
            Err(_) => return Some("it can no longer be accessed"),
        };
        if FileIdentity::of(&meta) != self.anchor.identity {
            return Some("it was replaced by another file");
        }
        let is_same = |(path, identity): &(Utf8PathBuf, FileIdentity)| {
            fs::metadata(path).is_ok_and(|meta| FileIdentity::of(&meta) == *identity)
        };
        if !self.beside.iter().all(is_same) {
            return Some("its -wal or -shm file was removed or replaced");
        }
        if stamp(&meta) != self.stamp && !self.was_checkpoint(&meta) {
            return Some("it was overwritten");
        }
        None
    }

    /// Whether a checkpoint can have changed the file: it never makes the file older and never replaces it, and it makes
    /// the file shorter only after a VACUUM.
    fn was_checkpoint(&mut self, meta: &Metadata) -> bool {
        let schema = if meta.len() < self.stamp.0 { self.schema.saturating_add(1) } else { self.schema };
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(GLANCE);
            }
            let header = self.anchor.header();
            if let Some(header) = header.filter(|header| {
                header.keeps_log && header.changes >= self.changes && header.schema >= schema
            }) {
                (self.stamp, self.changes, self.schema) = (stamp(meta), header.changes, header.schema);
                return true;
            }
        }
        false
    }
}
