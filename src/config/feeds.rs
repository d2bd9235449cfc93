//! `[feeds]`: which feeds to make.

use serde::Deserialize;
use url::Url;

use super::Bytes;

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
    /// How many bytes of posts a feed carries; older ones are left to the archive. 0 means all.
    pub budget: Bytes,
    /// Whether posts that leave a feed stay to be had in the pages of its archive (RFC 5005).
    pub archive: bool,
    /// `WebSub` hubs that are told of changes.
    pub hubs: Vec<Url>,
    /// Whether a feed that is opened in a browser says what it is.
    pub companion: bool,
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
    /// One for each tag.
    Tag,
    /// One for each author.
    Author,
    /// One for each language.
    Language,
}
