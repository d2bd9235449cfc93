//! The archive pages that already exist in the public folder and are kept.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::copy_of;
use crate::config::Compression;
use crate::feeds::{ArchivedPage, compression};

/// Existing archive pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExistingPages {
    /// Their paths, as [`ArchivedPage::path`] names them.
    pub paths: HashSet<Utf8PathBuf>,
    /// Those without a configured compressed copy, or with one that is no longer configured.
    pub without_copies: Vec<Utf8PathBuf>,
}

/// Finds the existing pages that are kept, even if they would be rendered differently now.
pub fn existing_pages(
    directory: &Utf8Path,
    frozen: &[ArchivedPage],
    compress: &[Compression],
) -> ExistingPages {
    let paths: Vec<&ArchivedPage> = frozen
        .par_iter()
        .filter(|page| is_intact(&directory.join(&page.path), page).unwrap_or(false))
        .collect();
    let has_copies = |path: &Utf8Path| {
        compression::ALL.into_iter().all(|compression| {
            compress.contains(&compression) == copy_of(&directory.join(path), compression).exists()
        })
    };
    ExistingPages {
        without_copies: paths.iter().map(|page| page.path.clone()).filter(|path| !has_copies(path)).collect(),
        paths: paths.into_iter().map(|page| page.path.clone()).collect(),
    }
}

/// A page contains its own URL near its beginning.
const HEAD: u64 = 64 * 1024;

fn is_intact(file: &Utf8Path, page: &ArchivedPage) -> io::Result<bool> {
    let mut open = File::open(file)?;
    if !page.without.is_empty() {
        let mut whole = Vec::new();
        open.read_to_end(&mut whole)?;
        let is_there = |text: &str| memchr::memmem::find(&whole, text.as_bytes()).is_some();
        let is_whole = whole.ends_with(page.end.as_bytes());
        return Ok(is_whole && is_there(&page.own) && !page.without.iter().any(|id| is_there(id)));
    }
    let mut head = Vec::new();
    (&mut open).take(HEAD).read_to_end(&mut head)?;
    let length = i64::try_from(page.end.len()).map_err(io::Error::other)?;
    open.seek(io::SeekFrom::End(-length))?;
    let mut end = Vec::new();
    open.read_to_end(&mut end)?;
    Ok(end == page.end.as_bytes() && memchr::memmem::find(&head, page.own.as_bytes()).is_some())
}
