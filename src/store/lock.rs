//! The run lock: one run at a time. The kernel releases it when the process ends, also after a crash.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

/// A process that only checks the lock ([`RunLock::is_held`]) releases it before the second try.
const TRIES: u32 = 3;
const GLANCE: Duration = Duration::from_millis(20);

/// Held while a run may send. It cannot be stale: the kernel releases it when the process ends.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "it is held, not read")] File);

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run is in progress (lock {0}); nothing to do")]
    Held(Utf8PathBuf),
    /// The file cannot be made or locked.
    #[error("cannot lock {0}: {1}\n    help: check that this user can write the file and its folder")]
    Io(Utf8PathBuf, std::io::Error),
}

impl RunLock {
    /// Takes the lock of the store at `store`; fails at once if another run has it.
    pub fn take(store: &Utf8Path) -> Result<Self, LockError> {
        let path = Utf8PathBuf::from(format!("{store}.lock"));
        let file = OpenOptions::new()
            .create(true)
            // Windows locks no file that can only be appended to.
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|error| LockError::Io(path.clone(), error))?;
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if tries == 0 => return Err(LockError::Held(path)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(GLANCE),
                Err(TryLockError::Error(error)) => return Err(LockError::Io(path, error)),
            }
        }
    }

    /// Whether a run has the lock now. The check itself takes a shared lock for a moment.
    pub fn is_held(store: &Utf8Path) -> bool {
        let path = Utf8PathBuf::from(format!("{store}.lock"));
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f58_a_second_run_fails_at_once_and_a_later_run_finds_no_stale_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
        assert!(!RunLock::is_held(&store));
        let first = RunLock::take(&store).unwrap();
        assert!(RunLock::is_held(&store));
        assert!(matches!(RunLock::take(&store), Err(LockError::Held(_))));
        drop(first);
        RunLock::take(&store).unwrap();
    }
}
