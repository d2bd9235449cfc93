//! Windows. What only the ledger and the server need does not exist here; nothing calls it, because both are refused.

#![expect(clippy::unnecessary_wraps, reason = "the other side can fail")]

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::MetadataExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

use super::FileTime;

pub(crate) const KEEPS_LEDGERS: bool = false;

#[cfg(feature = "serve")]
pub(crate) const OPENER: &str = "explorer";

/// In those that both `cmd` and PowerShell understand; no file name contains one.
pub(crate) fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

/// By way of `cmd`, because many editors are started by a `.cmd` file.
pub(crate) fn editor(editor: &str, file: &Utf8Path) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").args(editor.split_whitespace()).arg(file);
    command
}

/// The standard library does not tell the number of a file; a file that replaced another was usually created later.
pub(super) fn identity(meta: &Metadata) -> (u64, u64) {
    (0, meta.creation_time())
}

/// The time of other changes is not told either.
pub(super) fn times(meta: &Metadata) -> (FileTime, FileTime) {
    // In tenths of a microsecond since 1601.
    let written = i64::try_from(meta.last_write_time()).unwrap_or(i64::MAX);
    ((written / 10_000_000, written % 10_000_000 * 100), (0, 0))
}

/// Not told.
pub(crate) fn owner(_: &Utf8Path) -> Option<u32> {
    None
}

/// Access lists are not read.
pub(crate) fn mode(_: &Metadata) -> u32 {
    0
}

/// A file inherits the access list of its folder.
pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn with_mode<'b, 'p, 's>(
    builder: &'b mut tempfile::Builder<'p, 's>,
    _: u32,
) -> &'b mut tempfile::Builder<'p, 's> {
    builder
}

pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// A folder cannot be synced. NTFS keeps a log of names; after a power cut the last ones may be missing.
pub(crate) fn sync_folder(_: &Utf8Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn read_exact_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

pub(crate) fn write_all_at(_: &File, _: &[u8], _: u64) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

pub(crate) fn file_name(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

pub(crate) fn slashed(path: Utf8PathBuf) -> Utf8PathBuf {
    if path.as_str().contains('\\') { path.as_str().replace('\\', "/").into() } else { path }
}

/// `/C:/posts/a.md` for `\\?\C:\posts\a.md`, which is what resolving links yields.
#[cfg(feature = "serve")]
pub(crate) fn url_path(path: Utf8PathBuf) -> Utf8PathBuf {
    format!("/{}", slashed(path).as_str().trim_start_matches("//?/")).into()
}

/// The requests to end: Ctrl-C and Ctrl-Break.
pub(crate) struct StopSignals {
    interrupt: CtrlC,
    quit: CtrlBreak,
}

impl StopSignals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()?, quit: ctrl_break()? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.quit.recv() => {} }
    }
}

#[cfg(feature = "serve")]
pub(crate) fn notify_service_manager(_: &str, _: &str) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
