//! A published post as the id ledger sees it.

use chrono::{DateTime, FixedOffset};

use super::Fingerprint;
use crate::archive::front_matter::Spanned;

/// A published post as far as its id is concerned.
#[derive(Debug, Clone)]
pub struct PostIdentity {
    /// The file, relative to the folder of posts, with `/`.
    pub path: String,
    /// The file, as the user would type it.
    pub source: String,
    /// `id` in the front matter.
    pub id: Option<Spanned<String>>,
    /// The slug, not encoded.
    pub slug: String,
    /// When it was published.
    pub published: DateTime<FixedOffset>,
    /// Whether only its day is known, so that the time of day is that of the first run that sees it.
    pub is_day_only: bool,
    /// `updated` in the front matter.
    pub updated: Option<DateTime<FixedOffset>>,
    /// Of title and text; see [`super::content_hash`].
    pub hash: String,
    /// Of title and text; identifies the post after an edit.
    pub fingerprint: Fingerprint,
}
