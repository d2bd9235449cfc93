//! What the store remembers of posts: what makes each itself, since when it waits, who approved it; and the issues that
//! grow, or were only rehearsed.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{ImprintMaker, StoreError};
use crate::schedule::identity::PostIdentity;
use crate::text::HeaderText;

/// An issue as it was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenIssue {
    /// Where it stands.
    pub state: crate::ledger::IssueState,
    /// The frozen letter as JSON; empty for a baseline.
    pub letter: String,
}

/// Whether somebody said that something may be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Nobody was asked.
    NotAsked,
    /// Somebody was asked then.
    Asked(DateTime<Utc>),
    /// Somebody said so.
    Given,
}

/// Who gets an issue, and who does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audience {
    /// Active subscribers who get it by itself.
    pub each: u64,
    /// Active subscribers of the weekly digest.
    pub weekly: u64,
    /// Active subscribers who get every post, but not of these categories, or who have it already.
    pub others: u64,
}

/// What is remembered of posts.
#[async_trait]
pub trait Posts: Send + Sync {
    /// Every form in which a post of the ledger was seen; of posts that were recorded before there were identities, the
    /// title.
    async fn identities(&self) -> Result<Vec<PostIdentity>, StoreError>;
    /// Remembers more of them.
    async fn remember_identities(
        &self,
        identities: Vec<PostIdentity>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Since when each of the waiting posts has been waiting: its id, and the digest of its text. With `restart`, since
    /// its text last changed. Forgets whatever does not wait any more.
    async fn waiting_since(
        &self,
        posts: Vec<Waiting>,
        restart: bool,
        now: DateTime<Utc>,
    ) -> Result<HashMap<String, DateTime<Utc>>, StoreError>;
    /// The same as far as it is on record; writes nothing.
    async fn waiting(&self) -> Result<HashMap<String, DateTime<Utc>>, StoreError>;

    /// Whether `content` of a post or a digest may be mailed.
    async fn approval(&self, subject: &str, content: &str) -> Result<Approval, StoreError>;
    /// Records that somebody was asked.
    async fn ask_approval(&self, subject: &str, content: &str, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// Records that what was last asked about a post or a digest may be mailed. `false`: nothing was asked.
    async fn approve_asked(&self, subject: &str, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// The same for this content, whatever it is part of.
    async fn approve_content(&self, content: &str, now: DateTime<Utc>) -> Result<bool, StoreError>;
    /// Records that somebody said so.
    async fn approve(&self, subject: &str, content: &str, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Who would get an issue of a post with these categories.
    async fn audience(&self, post: &str, categories: Vec<HeaderText>) -> Result<Audience, StoreError>;
    /// The issue of a post.
    async fn frozen(&self, post: &str) -> Result<Option<FrozenIssue>, StoreError>;
    /// Adds a delivery for each active subscriber who would be in the audience now and has none, and opens the issue
    /// again. Returns how many.
    async fn extend(
        &self,
        post: &str,
        categories: Vec<HeaderText>,
        imprint: ImprintMaker,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError>;

    /// Takes the issues that were only rehearsed out of the way: their posts are not mailed yet. Returns how many.
    async fn end_rehearsal(&self, now: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Erases rehearsals that were ended before.
    async fn erase_rehearsals(&self, before: DateTime<Utc>) -> Result<(), StoreError>;
}

/// A post that is published and not mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its permanent id.
    pub post: String,
    /// The digest of what it says.
    pub text: String,
    /// Since when, if it is not on record yet.
    pub since: DateTime<Utc>,
}
