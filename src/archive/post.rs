//! A published post, and the archive of all posts.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::front_matter::{Segment, Via};
use super::ids::Fingerprint;
use super::page::PostPage;
use super::pages::Pages;
use super::vanished::Vanished;
use super::{Enclosure, ImageInfo, MarkdownDialect};
use crate::config::{EmbedHost, SiteUrl};
use crate::finding::Finding;
use crate::i18n::Strings;
use crate::text::{HeaderText, XmlText};

/// Every published post, newest first (ties broken by id), and the files that were left out.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// Published posts, newest first.
    pub posts: Vec<Post>,
    /// Files that are not published, in the order of their paths.
    pub skipped: Vec<SkippedFile>,
    /// Warnings and notes about posts, and errors in the settings of the site that hold posts up. Errors in posts stop the
    /// reading of the archive instead.
    pub findings: Vec<Finding>,
    /// When the next published post expires.
    pub expires: Option<DateTime<FixedOffset>>,
    /// Posts that were published and are not any more, the most recent first (ties broken by id).
    pub tombstones: Vec<Tombstone>,
    /// Posts that were published and whose files are gone since the last run.
    pub vanished: Vanished,
    /// Which posts are in which page of the feeds' archives.
    pub pages: Pages,
    /// The address with which the ids of the Atom feeds begin, if it is recorded: that of the site when it was first built.
    pub feed_base: Option<SiteUrl>,
    /// Ids of posts that are missing for a known reason: they were retracted, have expired, or cannot be read in an archive
    /// that is not strict.
    pub accounted_for: BTreeSet<String>,
}

/// A post that was published and is not any more: its file is gone, is a draft again, or has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The id in the feeds.
    pub id: String,
    /// When this was first noticed.
    pub at: DateTime<FixedOffset>,
}

/// A post that is published now.
#[derive(Debug, Clone)]
pub struct Post {
    /// The file, as the user would type it: `posts/2024-05-01-slug.md`.
    pub source: Utf8PathBuf,
    /// The line of `source`, from 1, on which `body` begins.
    pub body_line: usize,
    /// The permanent id: an absolute, canonical URI that survives edits, renames, moves and a new base URL.
    pub id: String,
    /// The canonical absolute URL of the post's page.
    pub url: Url,
    /// The last part of the page's URL.
    pub slug: String,
    /// The title.
    pub title: HeaderText,
    /// The title with directional marks, if it has any: [`Post::shown_title`].
    pub marked_title: Option<String>,
    /// Identifies the post after an edit: computed from the title and the text in the file.
    pub fingerprint: Fingerprint,
    /// Its sections: the folder at the top level, and deeper ones with a section page.
    pub sections: Vec<PostSection>,
    /// When it was first published, in the time zone of the post or the site.
    pub published: DateTime<FixedOffset>,
    /// When its text last changed; never before `published`.
    pub updated: DateTime<FixedOffset>,
    /// Who wrote it; empty means the site's author.
    pub authors: Vec<PostAuthor>,
    /// Categories, in the order of the front matter, each once.
    pub categories: Vec<HeaderText>,
    /// Tags, in the order of the front matter, each once.
    pub tags: Vec<HeaderText>,
    /// The summary or description from the front matter, plain text.
    pub summary: Option<XmlText>,
    /// The subject of its email, if it is not the title.
    pub subject: Option<HeaderText>,
    /// What inboxes show beside the subject, if it is not the summary or the beginning of the text.
    pub preheader: Option<XmlText>,
    /// The language, if it is not that of the site.
    pub language: Option<String>,
    /// The picture, an absolute URL.
    pub image: Option<Url>,
    /// What is known about the picture.
    pub image_info: ImageInfo,
    /// Attached files: recordings, films and documents. RSS and podcasts have room for the first.
    pub enclosures: Vec<Enclosure>,
    /// The pages where the author found what it is about.
    pub via: Vec<Via>,
    /// Which subscribers get it; without topics, those who want one of its categories.
    pub segment: Segment,
    /// The pages that it replies to.
    pub in_reply_to: Vec<Url>,
    /// Paths on the site from which its page should be reached too, percent-encoded.
    pub aliases: Vec<String>,
    /// `false` means that it is never mailed.
    pub newsletter: bool,
    /// The words that the body needs, in the language of the post.
    pub(crate) strings: Arc<Strings>,
    /// Whose players may be in `body`.
    pub embeds: Arc<[EmbedHost]>,
    /// The Markdown of `body`.
    pub dialect: MarkdownDialect,
    /// What the pages that Letterpress builds need to know.
    pub page: PostPage,
    /// The Markdown as written, without front matter and without characters that XML forbids.
    pub body: XmlText,
}

impl Post {
    /// The title for pages, feeds and the text of emails, which keep its directional marks.
    pub fn shown_title(&self) -> &str {
        self.marked_title.as_deref().unwrap_or(self.title.as_str())
    }

    /// The files that were measured, relative to the configuration.
    pub fn measured_files(&self) -> impl Iterator<Item = &Utf8Path> {
        let enclosures = self.enclosures.iter().filter_map(|enclosure| enclosure.file.as_deref());
        enclosures.chain(self.image_info.file.as_deref())
    }

    /// Who gets it: its segment, with its categories as topics if it names none.
    pub fn audience(&self) -> Segment {
        let mut segment = self.segment.clone();
        if segment.topics.is_empty() {
            segment.topics.clone_from(&self.categories);
        }
        segment
    }

    /// The name of its issue in folders and URLs: `2026-11-23-hello`.
    pub fn label(&self) -> String {
        format!("{}-{}", self.published.date_naive(), self.slug)
    }
}

/// A section of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostSection {
    /// Its path below the site, as the generator makes it.
    pub path: String,
    /// The title of its section page, or the name of its folder.
    pub title: String,
}

/// An author of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAuthor {
    /// The name.
    pub name: HeaderText,
}

/// A file that is not in the feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// The file, as the user would type it.
    pub source: Utf8PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file is not in the feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// `draft = true`.
    Draft,
    /// Something else holds it back: another flag, a setting of the site, or its folder.
    HeldBack(String),
    /// A setting of the site that may hold it back cannot be understood; the place of the setting.
    HeldUp(String),
    /// Its date is in the future.
    Future(DateTime<FixedOffset>),
    /// It has no date, neither in the front matter nor in the file name.
    Undated,
    /// A section page of a site generator (`_index.md`).
    SectionPage,
    /// Its `expiryDate` has passed.
    Expired(DateTime<FixedOffset>),
    /// The user retracted it.
    Retracted(DateTime<FixedOffset>),
    /// It is not in the configured language.
    Language(String),
    /// A page of the site, not a post.
    Page,
    /// A resource of the bundle in its folder.
    Resource,
    /// For Jekyll, a post has front matter and a name like `2024-05-01-title.md`.
    Name,
    /// `archive.include` or `archive.exclude` leaves it out.
    Excluded,
    /// It is in this format, not in Markdown.
    Format(&'static str),
    /// It cannot be read, in an archive that is not strict; the findings say why.
    Broken,
}

impl SkipReason {
    /// Whether such a file is an unpublished post.
    pub fn is_of_a_post(&self) -> bool {
        !matches!(
            self,
            Self::SectionPage
                | Self::Page
                | Self::Resource
                | Self::Name
                | Self::Excluded
                | Self::Format(_)
                | Self::Language(_)
        )
    }

    /// The message of `check` about the file; `None` if separate findings report it.
    pub fn describe(&self) -> Option<String> {
        Some(match self {
            Self::Draft => "is a draft and is left out".to_owned(),
            Self::HeldBack(by) => format!("is held back by {by} and is left out"),
            Self::HeldUp(place) => format!("is left out until {place} can be understood"),
            Self::Future(date) => {
                format!("is dated {}, in the future, and is left out until then", date.to_rfc3339())
            }
            Self::Undated => "has no date and is left out".to_owned(),
            Self::SectionPage => "is a section page, not a post".to_owned(),
            Self::Expired(date) => format!("expired on {} and is left out", date.to_rfc3339()),
            Self::Retracted(since) => format!("was retracted on {} and is left out", since.to_rfc3339()),
            Self::Language(language) => format!("is in another language ({language}) and is left out"),
            Self::Page => "is a page of the site, not a post".to_owned(),
            Self::Resource => "is a resource of the bundle in its folder, not a post".to_owned(),
            Self::Name => {
                "is not a post for Jekyll: it has no front matter, or no day in its name".to_owned()
            }
            Self::Excluded => "is left out by `include` or `exclude` in [archive]".to_owned(),
            Self::Format(format) => format!("is {format}, not Markdown, and is left out"),
            Self::Broken => return None,
        })
    }
}
