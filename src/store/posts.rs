//! Posts in the store: approvals, waiting posts, and the issue of a post.

use chrono::{DateTime, Utc};

/// An issue as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenIssue {
    /// Its state.
    pub state: crate::ledger::IssueState,
    /// The frozen email as JSON; empty for a post of the baseline.
    pub message: String,
    /// Whether the ledger was restored when the post was published, so that it may have been mailed although no delivery says so.
    pub may_be_mailed: bool,
}

/// Whether a post or a digest was approved for mailing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Approval was not requested.
    NotAsked,
    /// Approval was requested at this time.
    Asked(DateTime<Utc>),
    /// It was approved.
    Given,
}

/// The audience of an issue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audience {
    /// Active subscribers who get the issue.
    pub immediate: u64,
    /// Active subscribers of the weekly digest.
    pub weekly: u64,
    /// Active subscribers who chose other topics, or got the post already.
    pub others: u64,
}

/// A post that is published and not mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its permanent id.
    pub post: String,
    /// The hash of its text.
    pub text: String,
    /// Since when, if that is not recorded yet.
    pub since: DateTime<Utc>,
}
