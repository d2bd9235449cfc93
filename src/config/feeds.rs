//! `[feeds]`: which feeds to build.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::{ByteSize, PrivateUrl};

/// The `[feeds]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// Which formats to write.
    pub formats: Vec<Format>,
    /// How many entries each feed contains; 0 means all.
    pub entries: usize,
    /// Whole posts, or their summaries.
    pub content: Content,
    /// Which other feeds to build besides that of the site.
    pub by: Vec<GroupBy>,
    /// How many bytes of posts a feed contains; older posts are in its archive. 0 means all.
    pub budget: ByteSize,
    /// Whether posts that no longer fit into a feed stay in the pages of its archive (RFC 5005).
    pub archive: bool,
    /// For which of the feeds of `by` this applies too. A feed that has pages keeps them.
    pub archive_by: Vec<GroupBy>,
    /// `WebSub` hubs to notify of changes.
    #[serde(deserialize_with = "super::private_url::list")]
    pub hubs: Vec<PrivateUrl>,
    /// Whether a feed that is opened in a browser explains itself.
    pub companion: bool,
    /// Whose players stay in posts; others become links.
    #[serde(deserialize_with = "embeds")]
    pub embeds: Arc<[EmbedHost]>,
}

fn embeds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[EmbedHost]>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::from)
}

/// A host whose players may be in a frame, with its subdomains: `vimeo.com`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EmbedHost(String);

impl EmbedHost {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmbedHost {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if name.contains('.') && name.split('.').all(is_label) {
            Ok(Self(name.to_ascii_lowercase()))
        } else {
            Err(format!("`{}` is not the name of a host, such as \"vimeo.com\"", name.escape_debug()))
        }
    }
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

/// How much of a post a feed contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// The whole post.
    Full,
    /// Its summary and a link.
    Summary,
}

/// What other feeds are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// One feed for each category.
    Category,
    /// One for each tag.
    Tag,
    /// One for each author.
    Author,
    /// One for each language.
    Language,
}
