//! Weekly digests in the store.
//!
//! A subscriber gets the posts of the week that they want and have not had yet. So there is one email for each
//! different selection of posts. The emails are composed outside the store; the store determines the selections
//! again at the freeze.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::NewIssue;
use crate::archive::Segment;

/// The name of a digest's issue begins with this: `digest:2026-W47:1f0c9a2e`.
pub const PREFIX: &str = "digest:";

/// How the name of a week begins that stands for all that may have been mailed before a ledger was restored.
pub const ADOPTED: &str = "adopted-";

/// A post of a week.
#[derive(Debug, Clone)]
pub struct DigestPost {
    /// Its permanent id.
    pub id: String,
    /// Who gets it.
    pub segment: Segment,
}

/// The posts of a week that a subscriber gets: bit n is the n-th post. A week has fewer than 64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigestPart(pub u64);

impl DigestPart {
    /// The posts of `week` in this part, in order.
    pub fn of<T>(self, week: &[T]) -> impl Iterator<Item = &T> {
        week.iter().enumerate().filter(move |(n, _)| self.holds(*n)).map(|(_, post)| post)
    }

    /// Whether the n-th post is in this part.
    pub const fn holds(self, n: usize) -> bool {
        n < 64 && self.0 & (1 << n) != 0
    }

    /// This part with the n-th post added.
    #[must_use]
    pub const fn and(self, n: usize) -> Self {
        if n < 64 { Self(self.0 | 1 << n) } else { self }
    }

    /// Without any post there is no email.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A week to be frozen.
pub struct NewDigest {
    /// The ISO week: `2026-W47`.
    pub week: String,
    /// When it was due.
    pub moment: DateTime<Utc>,
    /// Its posts.
    pub posts: Vec<DigestPost>,
    /// A digest for each part that a subscriber gets.
    pub issues: BTreeMap<DigestPart, NewIssue>,
    /// No relay is configured: the week is mailed later.
    pub rehearsal: bool,
}
