//! Why a run ended early.

use crate::config::ConfigError;
use crate::finding::Finding;
use crate::store::{FenceError, LockError, StoreError};
use crate::text::without_user_info;

/// Why a run ended early. Completed steps stay done, and no step is half done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Errors in the user's files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// An error that the user can fix: what is wrong, and what to do.
    #[error("{what}\n    help: {help}")]
    User {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// Another run is in progress, or the lock file cannot be opened.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fence cannot be read or written.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// A mail server, or the connection to it, failed.
    #[error(transparent)]
    OutOfOrder(Box<Finding>),
    /// The operating system reported an error.
    #[error("{what}: {source}{}", disk_hint(.source))]
    Io {
        /// What was being done.
        what: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A bug in Letterpress.
    #[error(
        "internal error: {0}\n    help: this is a bug in Letterpress; please report it with the command that you ran"
    )]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl RunError {
    /// An error that the user can fix.
    pub fn user(what: impl Into<String>, help: impl Into<String>) -> Self {
        let public = |text: String| without_user_info(&text).into_owned();
        Self::User { what: public(what.into()), help: public(help.into()) }
    }

    /// An error of the operating system.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// A failure that can only come from a bug.
    pub(crate) fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

/// The error for a command that sends, if no sender is configured.
pub(crate) fn no_sender() -> RunError {
    RunError::user(
        "newsletter.from is not set, so emails have no sender",
        "add from = \"Your name <you@example.com>\" to [newsletter] in config.toml",
    )
}

fn disk_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            "\n    help: the disk is full; free some space and run the command again"
        }
        std::io::ErrorKind::PermissionDenied => {
            "\n    help: check the owner and the permissions of the file and its folder"
        }
        _ => "",
    }
}
