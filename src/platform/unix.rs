//! Linux, macOS and the BSDs.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
#[cfg(feature = "serve")]
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::FileTime;

/// Whether the promises of the ledger hold here.
pub(crate) const KEEPS_LEDGERS: bool = true;

/// The program that opens a URL in the browser of the desktop.
#[cfg(feature = "serve")]
pub(crate) const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// A word in the quotation marks of a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Opens a file in an editor, which may be a command with options: `code --wait`.
pub(crate) fn editor(editor: &str, file: &Utf8Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{editor} \"$1\""), "sh", file.as_str()]);
    command
}

pub(super) fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

pub(super) fn times(meta: &Metadata) -> (FileTime, FileTime) {
    ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()))
}

/// The user that owns what is at `path`.
pub(crate) fn owner(path: &Utf8Path) -> Option<u32> {
    path.metadata().ok().map(|meta| meta.uid())
}

/// Who may read, write and execute a file.
pub(crate) fn mode(meta: &Metadata) -> u32 {
    meta.permissions().mode()
}

pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// The mode of a temporary file when it is created.
pub(crate) fn with_mode<'b, 'p, 's>(
    builder: &'b mut tempfile::Builder<'p, 's>,
    mode: u32,
) -> &'b mut tempfile::Builder<'p, 's> {
    builder.permissions(Permissions::from_mode(mode))
}

/// A file that is created is readable by its owner only.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Syncs the names in `folder`.
pub(crate) fn sync_folder(folder: &Utf8Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads at an offset, so that several readers can share the file.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// A file name, which need not be UTF-8.
pub(crate) fn file_name(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// The path with `/` between its parts.
pub(crate) fn slashed(path: Utf8PathBuf) -> Utf8PathBuf {
    path
}

/// An absolute path without links, as the path of a URL.
#[cfg(feature = "serve")]
pub(crate) fn url_path(path: Utf8PathBuf) -> Utf8PathBuf {
    path
}

/// The requests to end: SIGINT and SIGTERM. One that comes while nobody waits is remembered.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
    }
}

/// Sends a state to the socket of the service manager (`sd_notify(3)`).
#[cfg(feature = "serve")]
pub(crate) fn notify_service_manager(socket: &str, state: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(all(feature = "serve", target_os = "linux"))]
fn abstract_name(name: &str) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(all(feature = "serve", not(target_os = "linux")))]
fn abstract_name(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
