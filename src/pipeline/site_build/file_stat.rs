//! Size and modification time of files, to recognise those that have not changed. Opens no file.

use std::time::UNIX_EPOCH;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

/// Path, size and modification time of a file.
pub(super) type FileStat = (Utf8PathBuf, u64, u128);

/// The file at `path`, relative to `folder`, if it exists. Follows symbolic links.
pub(super) fn stat(folder: &Utf8Path, path: &Utf8Path) -> Option<FileStat> {
    let meta = folder.join(path).metadata().ok()?;
    let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((path.to_owned(), meta.len(), modified.as_nanos()))
}

/// Those of the files that exist.
pub(super) fn stat_all<'p>(folder: &Utf8Path, files: impl Iterator<Item = &'p Utf8Path>) -> Vec<FileStat> {
    files.collect::<Vec<_>>().par_iter().filter_map(|file| stat(folder, file)).collect()
}
