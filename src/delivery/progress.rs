//! What long work tells of itself while it lasts. Facts for whoever shows them; nothing waits for the one who listens.

use std::time::Duration;

use crate::ledger::State;

/// One fact about work that is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent {
    /// Work begins, and takes the place of what was being done.
    Begin {
        /// In words: `sending "Hello"`.
        what: String,
        /// What is counted: `message`, `file`.
        unit: &'static str,
        /// How many there are, if it is known.
        total: Option<u64>,
    },
    /// So many more are done.
    Done(u64),
    /// A message reached this state.
    Reached(State),
    /// Nothing moves for so long.
    Wait(Duration, WaitReason),
    /// It is done.
    End,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// `smtp.per_minute`.
    RateLimit,
    /// The rate limit of the domains that are left; one of them.
    Domain(String),
    /// Another try to connect; what the last one came to.
    Reconnect(String),
}

/// Whoever listens.
pub type ProgressCallback = dyn Fn(ProgressEvent) + Send + Sync;
