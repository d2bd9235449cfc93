//! What other programs may use: a site, read as the program reads it, and its feeds as bytes. It promises little on purpose:
//! names here keep their meaning until the next breaking version, so nothing of the other modules is shown but [`Finding`],
//! and no type of another package. Writes nothing, and opens no ledger and no connection.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use crate::archive::{Archive, Post, folder};
use crate::config::{Config, ConfigError, load};
use crate::feeds::{self, Document};
use crate::finding::Finding;
use crate::pipeline::site_build::plan_site;

/// A site: its configuration and its published posts.
///
/// Nothing of it changes when files change; open it again.
#[derive(Debug)]
pub struct Site {
    config: Config,
    archive: Archive,
    now: DateTime<Utc>,
}

/// Why a site cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration file is missing or cannot be read. The message says what to do.
    #[error("{0}")]
    File(String),
    /// The configuration or posts have mistakes: all of them, in the order of the files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Mistakes(Vec<Finding>),
}

/// A published post of a [`Site`].
#[derive(Debug, Clone, Copy)]
pub struct SitePost<'a>(&'a Post);

/// A file that `letterpress build` would write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedFile {
    /// Relative to the public folder: `rss.xml`, `categories/기술/atom.xml`.
    pub path: PathBuf,
    /// The media type with its charset, for `Content-Type`.
    pub media_type: &'static str,
    /// The content; the same for the same site.
    pub bytes: Vec<u8>,
}

impl Site {
    /// Reads a configuration file and the posts that it names. Posts with a date after `now` are not published yet.
    ///
    /// A post without an entry in `posts/ids.txt` has the id that `letterpress build` would write there now. Build the site
    /// before its feeds are published, so that ids stay the same for good.
    pub fn open(config: impl AsRef<Path>, now: SystemTime) -> Result<Self, OpenError> {
        let now = DateTime::<Utc>::from(now);
        let path = config.as_ref();
        let path = Utf8Path::from_path(path)
            .ok_or_else(|| OpenError::File(format!("the path {} is not UTF-8; rename it", path.display())))?;
        let config = load(path).map_err(|error| match error {
            ConfigError::Wrong(findings) => OpenError::Mistakes(findings),
            error => OpenError::File(error.to_string()),
        })?;
        let archive = folder::read(&config, now).map_err(OpenError::Mistakes)?.archive;
        Ok(Self { config, archive, now })
    }

    /// The published posts, the newest first.
    pub fn posts(&self) -> impl Iterator<Item = SitePost<'_>> {
        self.archive.posts.iter().map(SitePost)
    }

    /// Warnings and notes about posts.
    pub fn findings(&self) -> &[Finding] {
        &self.archive.findings
    }

    /// All feeds with their archive pages, their list and their web page. Entries that are summaries in the public folder stay
    /// summaries.
    pub fn feeds(&self) -> Vec<FeedFile> {
        let plan = plan_site(&self.archive, &self.config);
        let all = HashSet::new();
        let documents = plan.current().chain(plan.archived(&all)).flatten();
        let file = |Document { path, media_type, bytes }| FeedFile { path: path.into(), media_type, bytes };
        documents.map(file).collect()
    }

    /// Checks the feeds by all rules of `letterpress check`. A finding that a post causes names the file of that post.
    pub fn check(&self) -> Vec<Finding> {
        let plan = plan_site(&self.archive, &self.config);
        let found = plan
            .current()
            .flat_map(|documents| feeds::lint::check_thoroughly(&documents, &self.archive, self.now));
        found.collect()
    }
}

impl<'a> SitePost<'a> {
    /// The permanent id, an absolute URI: the same after edits, renames, and under another address of the site.
    pub fn id(self) -> &'a str {
        &self.0.id
    }

    /// The address of its page.
    pub fn url(self) -> &'a str {
        self.0.url.as_str()
    }

    /// The title, plain text on one line.
    pub fn title(self) -> &'a str {
        self.0.title.as_str()
    }

    /// Its file, relative to the folder of the configuration.
    pub fn file(self) -> &'a Path {
        self.0.source.as_std_path()
    }

    /// When it was published.
    pub fn published(self) -> SystemTime {
        self.0.published.into()
    }

    /// The text as it was written, without front matter.
    pub fn text(self) -> &'a str {
        self.0.body.as_str()
    }
}

/// Checks any feed: RSS, Atom, JSON Feed, OPML. `file` names it in the findings, which are in the order of the document;
/// `content_type` is the header of that name, if it came over the web.
///
/// ```
/// let feed = br#"<?xml version="1.0"?><rss version="2.0"><channel><title>Notes</title></channel></rss>"#;
/// let findings = letterpress::check_feed("rss.xml", feed, None, std::time::SystemTime::now());
/// assert!(findings.iter().any(|finding| finding.message.contains("<link>")));
/// ```
pub fn check_feed(file: &str, bytes: &[u8], content_type: Option<&str>, now: SystemTime) -> Vec<Finding> {
    feeds::lint::check_feed(file, bytes, content_type, now.into())
}
