//! Progress events of long work. Reporting them never blocks the work.

use std::time::Duration;

use crate::ledger::State;

/// One progress event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent {
    /// Work begins and replaces the previous work.
    Begin {
        /// A description: `sending "Hello"`.
        what: String,
        /// The unit that is counted: `message`, `file`.
        unit: &'static str,
        /// How many there are, if it is known.
        total: Option<u64>,
    },
    /// This many more are done.
    Done(u64),
    /// A message reached this state.
    Reached(State),
    /// The work pauses for this long.
    Wait(Duration, WaitReason),
    /// The work is done.
    End,
}

/// Why the work pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// `smtp.per_minute`.
    RateLimit,
    /// The rate limit of the remaining domains; this is one of them.
    Domain(String),
    /// The next connection attempt, with the error of the last one.
    Reconnect(String),
}

/// The receiver of progress events.
pub type ProgressCallback = dyn Fn(ProgressEvent) + Send + Sync;
