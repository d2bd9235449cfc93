//! How a command ended, and the exit code that scripts rely on.

use std::process::ExitCode;

use crate::pipeline::RunError;
use crate::store::{FenceError, LockError, StoreError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do.
    Done,
    /// The user can put it right.
    UserError,
    /// Letterpress or its surroundings failed.
    Broken,
    /// Partly delivered, or something is in doubt.
    Partly,
    /// Another run holds the lock.
    Locked,
    /// A mail was not taken, and the mail server that brought it should keep it (`EX_TEMPFAIL` of sysexits.h).
    TryLater,
}

impl Outcome {
    /// The class of an error.
    pub fn of(error: &RunError) -> Self {
        match error {
            RunError::Config(_)
            | RunError::Findings(_)
            | RunError::User { .. }
            | RunError::Fence(FenceError::Unreadable { .. })
            | RunError::Store(StoreError::AlreadyIssued(_) | StoreError::Elsewhere { .. }) => Self::UserError,
            RunError::OutOfOrder(_)
            | RunError::Store(_)
            | RunError::Fence(FenceError::Io { .. })
            | RunError::Io { .. }
            | RunError::Internal(_)
            | RunError::Lock(LockError::Io(..)) => Self::Broken,
            RunError::Lock(LockError::Held(_)) => Self::Locked,
        }
    }

    /// 0 done · 1 the user can fix it · 2 Letterpress or its surroundings failed · 3 partly delivered or in doubt ·
    /// 4 another run holds the lock · 75 a mail server should try again.
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
