//! `[feeds]`: which feeds to make.

use serde::Deserialize;

/// The `[feeds]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Which formats to write.
    pub formats: Vec<Format>,
    /// How many entries each feed holds; 0 means all.
    pub entries: usize,
    /// Whole posts, or their summaries.
    pub content: Content,
    /// Which further feeds to make beside the site's own.
    pub by: Vec<By>,
}

/// A feed format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RSS 2.0.
    Rss,
    /// Atom 1.0 (RFC 4287).
    Atom,
    /// JSON Feed 1.1.
    Json,
}

/// How much of a post a feed carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// The whole post.
    Full,
    /// Its summary and a link.
    Summary,
}

/// What further feeds are made for each of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// One feed for each category.
    Category,
}
