//! What a fact from the wire means: the reply classes of `ledger.md`, section 7.

use super::Heard;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// a
    Sent,
    /// a
    Deferred,
    /// a
    Failed,
    /// a
    Policy,
    /// a
    Unknown,
    /// a
    Sender,
    /// a
    Throttled,
}

/// Judges.
pub fn judge(_heard: &Heard) -> Verdict {
    Verdict::Sent
}
