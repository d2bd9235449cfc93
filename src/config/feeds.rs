//! `[feeds]`: which feeds to build.

use std::collections::BTreeMap;
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
    /// Where feeds are. A kind that is named here has feeds too.
    #[serde(deserialize_with = "paths")]
    pub paths: FeedPaths,
    /// Old paths of feeds, with the paths of the feeds that readers get there now; `letterpress headers` prints redirects.
    pub moved: BTreeMap<String, String>,
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

impl Feeds {
    /// Every kind of other feeds, once.
    pub fn kinds(&self) -> Vec<GroupBy> {
        let named = GroupBy::ALL.into_iter().filter(|by| *self.paths.of(*by) != FormatPaths::default());
        let mut kinds = Vec::new();
        for by in self.by.iter().copied().chain(named) {
            if !kinds.contains(&by) {
                kinds.push(by);
            }
        }
        kinds
    }
}

impl GroupBy {
    const ALL: [Self; 5] = [Self::Category, Self::Tag, Self::Author, Self::Language, Self::Section];
}

/// The paths of feeds below the site, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedPaths {
    rss: Option<FeedPath>,
    atom: Option<FeedPath>,
    json: Option<FeedPath>,
    category: FormatPaths,
    tag: FormatPaths,
    author: FormatPaths,
    language: FormatPaths,
    section: FormatPaths,
}

/// The paths of one kind of feeds, by format, with `:name` for the name of the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FormatPaths {
    rss: Option<FeedPath>,
    atom: Option<FeedPath>,
    json: Option<FeedPath>,
}

impl FeedPaths {
    /// The path of the site's own feed in a format, if it is not the usual one.
    pub fn site(&self, format: Format) -> Option<&str> {
        let path = match format {
            Format::Rss => &self.rss,
            Format::Atom => &self.atom,
            Format::Json => &self.json,
        };
        path.as_ref().map(|path| path.0.as_str())
    }

    /// The path of the feed called `name`, if it is not the usual one.
    pub fn named(&self, by: GroupBy, format: Format, name: &str) -> Option<String> {
        let paths = self.of(by);
        let path = match format {
            Format::Rss => &paths.rss,
            Format::Atom => &paths.atom,
            Format::Json => &paths.json,
        };
        path.as_ref().map(|path| path.0.replace(NAME, name))
    }

    fn of(&self, by: GroupBy) -> &FormatPaths {
        match by {
            GroupBy::Category => &self.category,
            GroupBy::Tag => &self.tag,
            GroupBy::Author => &self.author,
            GroupBy::Language => &self.language,
            GroupBy::Section => &self.section,
        }
    }

    /// What is wrong with the paths of one kind, which needs `:name`, or of the site, which must not have it.
    fn mistake(&self) -> Option<String> {
        let of_site = [&self.rss, &self.atom, &self.json];
        let kinds = GroupBy::ALL.map(|by| self.of(by)).map(|paths| [&paths.rss, &paths.atom, &paths.json]);
        for (paths, is_site) in std::iter::once((of_site, true)).chain(kinds.map(|paths| (paths, false))) {
            for (at, path) in paths.iter().enumerate() {
                let Some(path) = path else { continue };
                if path.0.contains(NAME) == is_site {
                    let wrong = if is_site { "is one file, so it has no" } else { "needs" };
                    return Some(format!("{:?} {wrong} `{NAME}`", path.0));
                }
                if paths[..at].contains(&&Some(path.clone())) {
                    return Some(format!("two formats have the same path, {:?}", path.0));
                }
                let name = path.0.rsplit('/').next().unwrap_or_default();
                let usual = USUAL.iter().position(|usual| usual.eq_ignore_ascii_case(name));
                if usual.is_some_and(|other| other != at && paths[other].is_none()) {
                    return Some(format!(
                        "{:?} is the usual name of another format; set the path of that one too",
                        path.0
                    ));
                }
            }
        }
        None
    }
}

const NAME: &str = ":name";

/// The usual names of RSS, Atom and JSON feeds.
const USUAL: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

/// A relative path without dots, which names a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FeedPath(String);

impl<'de> Deserialize<'de> for FeedPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        let is_name = |part: &str| !part.is_empty() && !part.starts_with('.') && part.len() <= 200;
        if path.split('/').all(is_name) && !path.contains(|c: char| c == '\\' || c.is_control()) {
            return Ok(Self(path));
        }
        let message =
            format!("{path:?} is not the path of a file below the site; write it like \"feed.xml\"");
        Err(serde::de::Error::custom(message))
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
    /// One for each section: a folder at the top level of the archive, or a deeper one with an `_index.md`.
    Section,
}

fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FeedPaths, D::Error> {
    let paths = FeedPaths::deserialize(deserializer)?;
    paths.mistake().map_or(Ok(paths.clone()), |message| Err(serde::de::Error::custom(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(text: &str) -> Result<Feeds, String> {
        let text = format!("[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n{text}");
        let config = crate::config::parse(&text, "config.toml", camino::Utf8Path::new("."));
        config.map(|config| config.feeds).map_err(|findings| format!("{findings:?}"))
    }

    #[test]
    fn paths_are_set_by_kind_and_make_feeds_of_that_kind() {
        let feeds =
            feeds("[feeds.paths]\nrss = \"feed.xml\"\nsection = { rss = \":name/index.xml\" }\n").unwrap();
        assert_eq!(feeds.paths.site(Format::Rss), Some("feed.xml"));
        assert_eq!(
            feeds.paths.named(GroupBy::Section, Format::Rss, "blog").as_deref(),
            Some("blog/index.xml")
        );
        assert_eq!(feeds.paths.named(GroupBy::Section, Format::Atom, "blog"), None);
        assert_eq!(feeds.kinds(), [GroupBy::Category, GroupBy::Section]);
    }

    #[test]
    fn paths_that_name_no_file_of_the_site_are_rejected() {
        for paths in [
            "rss = \"/feed.xml\"",
            "rss = \"feed/\"",
            "rss = \"../feed.xml\"",
            "rss = \":name.xml\"",
            "rss = \"a.xml\"\natom = \"a.xml\"",
            "tag = { rss = \"tags.xml\" }",
            "atom = \"rss.xml\"",
            "section = { rss = \":name/Atom.xml\" }",
            "tags = { rss = \":name.xml\" }",
        ] {
            assert!(feeds(&format!("[feeds.paths]\n{paths}\n")).is_err(), "{paths}");
        }
    }
}
