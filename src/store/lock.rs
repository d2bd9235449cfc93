//! One run at a time: a lock of the kernel's, which ends with the process however it ends.

use std::fs::{File, OpenOptions, TryLockError};

use camino::{Utf8Path, Utf8PathBuf};

/// Held while a run may send. There is no stale lock: the kernel lets go when the process is gone.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "it is held, not read")] File);

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run holds {0}; it is still at work, and this one has nothing to add")]
    Held(Utf8PathBuf),
    /// The file cannot be made or locked.
    #[error("cannot lock {0}: {1}\n    help: this user must be able to write the file and its folder")]
    Io(Utf8PathBuf, std::io::Error),
}

impl RunLock {
    /// Takes the lock that belongs to the store at `store`, or says at once that another run has it.
    pub fn take(store: &Utf8Path) -> Result<Self, LockError> {
        let path = Utf8PathBuf::from(format!("{store}.lock"));
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| LockError::Io(path.clone(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
            Err(TryLockError::Error(error)) => Err(LockError::Io(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f58_a_second_run_is_told_at_once_and_a_later_one_finds_no_stale_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = Utf8Path::from_path(folder.path()).unwrap().join("letterpress.db");
        let first = RunLock::take(&store).unwrap();
        assert!(matches!(RunLock::take(&store), Err(LockError::Held(_))));
        drop(first);
        RunLock::take(&store).unwrap();
    }
}
