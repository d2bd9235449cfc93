//! Words about a store as a whole: putting one back from a copy, and settling many doubts at once.

use super::Mark;
use crate::ledger::transition::Event;
use crate::text::HeaderText;

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// Its name, and how far it has got.
    pub mark: Mark,
    /// When it was made, if it is a backup that nobody has adopted.
    pub copied: Option<String>,
}

/// A decision to go on with a store that is not the one that sent last, or that stands elsewhere now.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// The posts that are published by now, each of which may have been mailed. `None`: this is the original itself,
    /// moved, and nothing of it is in doubt.
    pub published: Option<Vec<(String, HeaderText)>>,
    /// The epoch that the fence has got to.
    pub above: u64,
    /// Why, for the record.
    pub why: String,
}

/// What an adoption did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// Copies that are in doubt since.
    pub in_doubt: u64,
    /// Posts that are recorded as published before.
    pub baseline: u64,
}

/// A decision about deliveries, for the record.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What is decided.
    pub event: Event,
    /// The command or the rule that decided it.
    pub actor: &'static str,
    /// Why.
    pub why: String,
}
