//! What differs between operating systems: which file it is, its times and its owner, files that only their owner reads, the sync of a
//! folder, signals. The rest of the program has one code for all of them.
//!
//! The ledger's promises rest on the Unix side. Windows has no part of it in the standard library, so [`KEEPS_LEDGERS`] is false
//! there: the store opens nothing, and the command line refuses what needs it. What is left reads and writes files.

#[cfg_attr(unix, path = "platform/unix.rs")]
#[cfg_attr(windows, path = "platform/windows.rs")]
mod system;

use std::fs::Metadata;

pub(crate) use system::{
    KEEPS_LEDGERS, StopSignals, editor, file_name, mode, owner, owner_only, quoted, read_exact_at, set_mode,
    slashed, sync_folder, with_mode, write_all_at,
};
#[cfg(feature = "serve")]
pub(crate) use system::{OPENER, notify_service_manager, url_path};

/// A file, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// Seconds and nanoseconds.
pub(crate) type FileTime = (i64, i64);

impl FileIdentity {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let (device, inode) = system::identity(meta);
        Self { device, inode }
    }
}

/// Whether a file or a folder can have this name. It is a part of a path, so it contains no `/`.
pub(crate) fn can_be_a_name(name: &str) -> bool {
    cfg!(unix) || can_be_a_name_on_windows(name)
}

/// `con.html` is the console, `a:b` is a hidden part of the file `a`, and dots and spaces at the end are dropped.
fn can_be_a_name_on_windows(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|rest| {
            rest.chars().count() == 1 && rest.contains(|c: char| c.is_ascii_digit() || "¹²³".contains(c))
        })
    });
    let is_written = |c: char| !c.is_control() && !r#"<>:"/\|?*"#.contains(c);
    !DEVICES.contains(&stem.as_str())
        && !is_port
        && !name.ends_with(['.', ' '])
        && name.chars().all(is_written)
}

/// When the content was last changed, and when anything about the file was.
pub(crate) fn times(meta: &Metadata) -> (FileTime, FileTime) {
    system::times(meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_takes_for_something_else_are_known() {
        for name in [
            "con.html",
            "CON",
            "nul.tar.gz",
            "aux .md",
            "com1",
            "LPT².xml",
            "a:b",
            "what?",
            "a*",
            "end.",
            "end ",
            "a\\b",
            "\u{1}",
        ] {
            assert!(!can_be_a_name_on_windows(name), "{name}");
        }
        for name in [
            "console.html",
            "icon",
            "com.html",
            "com10.html",
            "lpt.xml",
            ".htaccess",
            "기술",
            "a b.md",
            "rss.xml",
        ] {
            assert!(can_be_a_name_on_windows(name), "{name}");
        }
    }
}
