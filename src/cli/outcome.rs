//! How a command ended, and the exit code that scripts rely on.

use std::process::ExitCode;

use crate::pipeline::session::RunError;
use crate::store::{FenceError, LockError, StoreError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do.
    Done,
    /// The user can fix it.
    UserError,
    /// An internal error, or a failure of the disk, the network or the mail server.
    Broken,
    /// Partly delivered, or a delivery has an unknown outcome.
    Partly,
    /// Another run holds the lock.
    Locked,
    /// An email was not processed; the mail server should keep it and try again (`EX_TEMPFAIL` of sysexits.h).
    TryLater,
}

impl Outcome {
    /// The outcome for an error.
    pub fn of(error: &RunError) -> Self {
        match error {
            RunError::Config(_)
            | RunError::Findings(_)
            | RunError::User { .. }
            | RunError::Fence(FenceError::Unreadable { .. })
            | RunError::Store(StoreError::AlreadyIssued(_) | StoreError::Unsupported { .. }) => {
                Self::UserError
            }
            RunError::OutOfOrder(_)
            | RunError::Store(_)
            | RunError::Fence(FenceError::Io { .. })
            | RunError::Io { .. }
            | RunError::Internal(_)
            | RunError::Lock(LockError::Io(..)) => Self::Broken,
            RunError::Lock(LockError::Held(_)) => Self::Locked,
        }
    }

    /// The exit code; `letterpress --help` documents them.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::UserError => 1,
            Self::Broken => 2,
            Self::Partly => 3,
            Self::Locked => 4,
            Self::TryLater => 75,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        outcome.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_not_reported_as_the_fault_of_the_user() {
        let error = RunError::internal("key must be a string");
        assert_eq!(Outcome::of(&error).code(), 2);
        assert!(error.to_string().starts_with("internal error: key must be a string\n    help: "));
    }
}
