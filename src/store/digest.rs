//! Weekly letters: what the store is asked about them.
//!
//! Each reader gets the part of a week that they want and do not have, so there are as many letters as there are
//! different parts. They are composed outside of the store, which looks again when it freezes them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{ImprintMaker, NewIssue, StoreError};
use crate::schedule::digest::Record;
use crate::text::HeaderText;

/// What an issue of a weekly letter is called, before its week: `digest:2026-W47:1f0c9a2e`.
pub const PREFIX: &str = "digest:";

/// A post that a week carries.
#[derive(Debug, Clone)]
pub struct DigestPost {
    /// Its permanent id.
    pub id: String,
    /// Its categories.
    pub categories: Vec<HeaderText>,
}

/// Which posts of a week a reader gets: bit n is the n-th post. A week carries fewer than 64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u64);

impl Share {
    /// The part of `week` that it holds, in order.
    pub fn of<T>(self, week: &[T]) -> impl Iterator<Item = &T> {
        week.iter().enumerate().filter(move |(n, _)| self.holds(*n)).map(|(_, post)| post)
    }

    /// Whether it holds the n-th post.
    pub const fn holds(self, n: usize) -> bool {
        n < 64 && self.0 & (1 << n) != 0
    }

    /// The same and the n-th post.
    #[must_use]
    pub const fn and(self, n: usize) -> Self {
        if n < 64 { Self(self.0 | 1 << n) } else { self }
    }

    /// No post at all: no letter.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One letter of a week: the issue, and what is fixed for each of its copies.
pub struct DigestIssue {
    /// The issue.
    pub issue: NewIssue,
    /// Makes what is fixed for one copy.
    pub imprint: ImprintMaker,
}

/// A week that is to be frozen.
pub struct NewDigest {
    /// The ISO week: `2026-W47`.
    pub week: String,
    /// When it was due.
    pub moment: DateTime<Utc>,
    /// What it carries.
    pub posts: Vec<DigestPost>,
    /// A letter for each part that somebody gets.
    pub letters: BTreeMap<Share, DigestIssue>,
    /// No relay is configured: the week is still to be mailed.
    pub rehearsal: bool,
}

/// What the store is asked about weekly letters.
#[async_trait]
pub trait Digests: Send + Sync {
    /// What the ledger knows of weekly letters; `None` before the first run.
    async fn digest_record(&self) -> Result<Option<Record>, StoreError>;
    /// Which parts of a week its readers would get now, and how many of them; the empty part is among them.
    async fn shares(&self, posts: Vec<DigestPost>) -> Result<BTreeMap<Share, u64>, StoreError>;
    /// T0 for a week: its record, an issue for each part and a waiting delivery for each reader, in one transaction.
    /// Returns the audience; nobody is an error, if there are posts. [`StoreError::Unforeseen`]: somebody's part has no letter yet, and nothing was written.
    async fn freeze_digest(&self, digest: NewDigest, now: DateTime<Utc>) -> Result<u64, StoreError>;
}
