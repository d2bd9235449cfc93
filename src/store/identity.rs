//! Which store this is, its epoch, and how to continue with a store that was restored or moved.

use super::EpochMark;
use crate::text::HeaderText;

/// The identity of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreIdentity {
    /// Its name and its epoch.
    pub epoch_mark: EpochMark,
    /// When the backup was made, if it is a backup that was not accepted yet.
    pub copied: Option<String>,
}

/// A decision to continue with a store that did not send last, or that was moved.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The posts that are published now, each of which may have been mailed. `None`: this is the original after a
    /// move, and no delivery becomes unknown.
    pub published: Option<Vec<(String, HeaderText)>>,
    /// The epoch in the fence.
    pub above: u64,
    /// Why, for the record.
    pub why: String,
}

/// The result of an adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreOutcome {
    /// Deliveries that are unknown now.
    pub unknown: u64,
    /// The titles of the posts that were recorded as mailed.
    pub baseline: Vec<HeaderText>,
}
