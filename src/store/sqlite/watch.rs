//! Whether the file that is open is still the one that stands at its path.
//!
//! A restore, a deletion or a copy over the file goes unnoticed by `SQLite`: it would go on writing into what nobody will
//! ever read, or mix two databases. While a connection is open, the file, its `-wal` and its `-shm` stay the same files,
//! and the file changes by checkpoints only. So a look at three names tells, before a transaction and after it.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// A checkpoint may be writing the header while it is read.
const TRIES: u32 = 3;
const GLANCE: Duration = Duration::from_millis(2);

/// The files that this process holds open beside `SQLite`, each once.
static ANCHORS: Mutex<Vec<Weak<Anchor>>> = Mutex::new(Vec::new());

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// The database file, held open for as long as any connection of this process may be: to close it earlier would drop the
/// locks that `SQLite` holds on it (they belong to the process, POSIX `fcntl`). It is locked for sharing (`flock`), so that
/// `backup restore` knows of everybody who has it.
pub(super) struct Anchor {
    file: File,
    identity: Identity,
}

impl Anchor {
    /// The file at `path`. An error of kind `WouldBlock` says that it is being restored now.
    pub(super) fn at(path: &Utf8Path) -> io::Result<Arc<Self>> {
        let mut anchors = ANCHORS.lock().unwrap_or_else(PoisonError::into_inner);
        anchors.retain(|anchor| anchor.strong_count() > 0);
        let identity = Identity::of(&fs::metadata(path)?);
        let known = anchors.iter().filter_map(Weak::upgrade).find(|anchor| anchor.identity == identity);
        if let Some(known) = known {
            return Ok(known);
        }
        let file = File::open(path)?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let anchor = Arc::new(Self { identity: Identity::of(&file.metadata()?), file });
        anchors.push(Arc::downgrade(&anchor));
        Ok(anchor)
    }

    pub(super) fn header(&self) -> Option<Header> {
        let mut bytes = [0; 100];
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        Header::parse(&bytes)
    }
}

/// What the first hundred bytes of a database say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// It goes with a write-ahead log; a backup does not.
    pub(super) keeps_log: bool,
    /// Rises, and never falls, in the life of a database.
    changes: u32,
}

impl Header {
    fn parse(bytes: &[u8; 100]) -> Option<Self> {
        let changes = u32::from_be_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
        bytes.starts_with(MAGIC).then_some(Self { keeps_log: bytes[18..20] == [2, 2], changes })
    }
}

/// Size and time of the last change: what differs when somebody has written to the file.
type Stamp = (u64, i64, i64);

fn stamp(meta: &Metadata) -> Stamp {
    (meta.len(), meta.mtime(), meta.mtime_nsec())
}

/// The files of an open connection, as they were when it was opened.
pub(super) struct Watch {
    path: Utf8PathBuf,
    anchor: Arc<Anchor>,
    beside: [(Utf8PathBuf, Identity); 2],
    stamp: Stamp,
    changes: u32,
}

impl Watch {
    /// Begins to watch the files of a connection that has just been opened, and has read.
    pub(super) fn begin(path: &Utf8Path, anchor: Arc<Anchor>) -> io::Result<Self> {
        let beside = |suffix: &str| {
            let path = Utf8PathBuf::from(format!("{path}{suffix}"));
            let identity = Identity::of(&fs::metadata(&path)?);
            io::Result::Ok((path, identity))
        };
        let meta = fs::metadata(path)?;
        if Identity::of(&meta) != anchor.identity {
            return Err(io::Error::other("it was replaced while it was opened"));
        }
        let changes = anchor.header().map_or(0, |header| header.changes);
        let beside = [beside("-wal")?, beside("-shm")?];
        Ok(Self { path: path.to_owned(), beside, stamp: stamp(&meta), changes, anchor })
    }

    /// What happened to the files, if they are not what they were.
    pub(super) fn trouble(&mut self) -> Option<&'static str> {
        let meta = match fs::metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some("it was removed"),
            Err(_) => return Some("it can no longer be accessed"),
        };
        if Identity::of(&meta) != self.anchor.identity {
            return Some("it was replaced by another file");
        }
        let is_same = |(path, identity): &(Utf8PathBuf, Identity)| {
            fs::metadata(path).is_ok_and(|meta| Identity::of(&meta) == *identity)
        };
        if !self.beside.iter().all(is_same) {
            return Some("its -wal or -shm file was removed or replaced");
        }
        if stamp(&meta) != self.stamp && !self.was_checkpoint(&meta) {
            return Some("it was overwritten");
        }
        None
    }

    /// Whether what changed the file may have been a checkpoint: it never makes it shorter, or older, or another.
    fn was_checkpoint(&mut self, meta: &Metadata) -> bool {
        if meta.len() < self.stamp.0 {
            return false;
        }
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(GLANCE);
            }
            let header = self.anchor.header();
            if let Some(header) = header.filter(|header| header.keeps_log && header.changes >= self.changes) {
                (self.stamp, self.changes) = (stamp(meta), header.changes);
                return true;
            }
        }
        false
    }
}
