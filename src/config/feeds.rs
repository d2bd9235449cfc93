//! `[archive]` and `[feeds]`: where the posts are and which feeds to make.

use camino::Utf8PathBuf;
use serde::Deserialize;
use url::Url;

use super::Bytes;

/// The `[archive]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The folder of Markdown posts.
    pub posts: Utf8PathBuf,
    /// A post's address below the site, of `:year`, `:month`, `:day`, `:slug` and `:category`.
    pub permalink: String,
    /// The folder whose files the site serves as they are.
    #[serde(rename = "static")]
    pub static_files: Utf8PathBuf,
    /// The feed that the posts come from, an address or a file; what it holds is kept in `posts`.
    #[serde(default)]
    pub feed: Option<String>,
    /// Whether `feed` may lead to a machine that is not in the open internet.
    pub feed_private: bool,
}

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
    /// How many bytes of posts a feed carries whole; the older ones of it are summaries. 0 means all.
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
