//! When files are on the disk.

use std::fs::File;
use std::io;

use camino::Utf8Path;

use super::{OutputError, refused};

/// How files get to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    /// Each by itself, and then its folder.
    Alone,
    /// All that the file system holds back, at once: ten thousand pages are two calls and not twenty thousand.
    Together,
}

impl Synced {
    /// Whatever else is being written on this machine has to wait for a few files no longer than for themselves.
    const FEW: usize = 64;

    pub(super) const fn of(files: usize) -> Self {
        if cfg!(target_os = "linux") && files > Self::FEW { Self::Together } else { Self::Alone }
    }
}

/// Since Linux 5.8 it also tells of errors in writing back (syncfs(2)).
#[cfg(target_os = "linux")]
pub(super) fn sync_all_of(root: &Utf8Path) -> Result<(), OutputError> {
    let sync = || rustix::fs::syncfs(File::open(root)?).map_err(io::Error::from);
    sync().map_err(refused("sync the file system of", root))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_all_of(_root: &Utf8Path) -> Result<(), OutputError> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: &Utf8Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened, and its entries are written through.
#[cfg(not(unix))]
pub(super) fn sync_folder(_folder: &Utf8Path) -> io::Result<()> {
    Ok(())
}
