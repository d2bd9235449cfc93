//! A Maildir as inbox (<https://cr.yp.to/proto/maildir.html>).
//!
//! A mail that is ours and recorded is moved to `cur/` with the flag `S`, seen. Everything else is left untouched:
//! other mail, `tmp/`, and anything but regular files.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use super::{Disposal, InboxError, InboxProcessor, InboxReport, MOST_BYTES};
use crate::platform::{FileIdentity, file_name};

/// Processes every mail in `new/`, and the unseen ones in `cur/`, ordered by name.
pub async fn sweep(
    processor: &InboxProcessor,
    maildir: &Utf8Path,
    tally: &mut InboxReport,
) -> Result<(), InboxError> {
    let [new, cur] = ["new", "cur"].map(|name| maildir.join(name).into_std_path_buf());
    if !new.is_dir() || !cur.is_dir() {
        return Err(InboxError::NoMaildir(maildir.to_owned()));
    }
    for folder in [&new, &cur] {
        for path in unseen(folder)? {
            if (processor.stop)() {
                return Ok(());
            }
            let Some(bytes) = head(&path)? else { continue };
            if processor.take(&path.to_string_lossy(), &bytes, tally).await? == Disposal::Done {
                mark_seen(&path, &cur)?;
            }
        }
    }
    Ok(())
}

/// The unseen files of a folder.
fn unseen(folder: &Path) -> Result<Vec<PathBuf>, InboxError> {
    let failed = |source| InboxError::io(format!("reading {}", folder.display()), source);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let bytes = name.as_encoded_bytes();
        if !bytes.starts_with(b".") && !flags(bytes).contains(&b'S') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The flags after `:2,`.
fn flags(name: &[u8]) -> &[u8] {
    split(name).1
}

fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.windows(3).rposition(|part| part == b":2,") {
        Some(at) => (&name[..at], &name[at + 3..]),
        None => (name, b""),
    }
}

/// The beginning of a mail; `None` if it is not a regular file, or was removed since it was listed.
fn head(path: &Path) -> Result<Option<Vec<u8>>, InboxError> {
    let failed = |source| InboxError::io(format!("reading {}", path.display()), source);
    let Some(listed) = ignore_not_found(path.symlink_metadata()).map_err(failed)? else { return Ok(None) };
    // A link could point outside the Maildir, and opening a pipe would block forever.
    if !listed.is_file() {
        return Ok(None);
    }
    let Some(file) = ignore_not_found(File::open(path)).map_err(failed)? else { return Ok(None) };
    if !same(&listed, &file.metadata().map_err(failed)?) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

fn same(listed: &Metadata, opened: &Metadata) -> bool {
    opened.is_file() && FileIdentity::of(listed) == FileIdentity::of(opened)
}

fn ignore_not_found<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Renames `new/N` to `cur/N:2,S`, and `cur/N:2,F` to `cur/N:2,FS`. Names in a Maildir are unique; if the new name
/// exists all the same, the mail stays, because its report is already recorded.
fn mark_seen(path: &Path, cur: &Path) -> Result<(), InboxError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let (unique, flags) = split(name.as_encoded_bytes());
    let mut flags = [flags, b"S"].concat();
    flags.sort_unstable();
    let target = cur.join(file_name([unique, b":2,", &flags].concat()));
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    // Another program may have moved it; then leave it alone.
    ignore_not_found(std::fs::rename(path, &target))
        .map(drop)
        .map_err(|source| InboxError::io(format!("marking {} as seen", path.display()), source))
}
