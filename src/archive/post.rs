//! A published post, and the archive that holds them.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use chrono::{DateTime, FixedOffset};
use url::Url;

use super::Enclosure;
use super::ids::Fingerprint;
use super::pages::Pages;
use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

/// Every published post, newest first (ties broken by id), and what was left out and why.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// Published posts, newest first.
    pub posts: Vec<Post>,
    /// Files that are not published, in the order of their paths.
    pub left_out: Vec<LeftOut>,
    /// Warnings and notes about posts, whose errors stop the reading of the archive instead; errors in the settings of
    /// the site, for which posts wait.
    pub findings: Vec<Finding>,
    /// When the next published post expires.
    pub expires: Option<DateTime<FixedOffset>>,
    /// Posts that readers have seen and that are published no more, the latest to go first (ties broken by id).
    pub taken_back: Vec<TakenBack>,
    /// Which posts stand in which page of the feeds' archives.
    pub pages: Pages,
    /// Ids of posts whose absence is accounted for: they were retracted, have expired, or cannot be read where that stops
    /// nothing.
    pub accounted_for: BTreeSet<String>,
}

/// A post that was published once and is published no more: its file is gone, has become a draft, or has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The id that readers know.
    pub id: String,
    /// When that was first seen.
    pub at: DateTime<FixedOffset>,
}

/// A post that is published now.
#[derive(Debug, Clone)]
pub struct Post {
    /// The file, as the user would type it: `posts/2024-05-01-slug.md`.
    pub source: Utf8PathBuf,
    /// The line of `source`, from 1, on which `body` begins.
    pub body_line: usize,
    /// The permanent id: an absolute, canonical URI that no edit, rename, move or new base URL changes.
    pub id: String,
    /// The canonical absolute URL of the post's page.
    pub url: Url,
    /// The last part of the page's address.
    pub slug: String,
    /// The title.
    pub title: HeaderText,
    /// By which it is known again after an edit: of the title and the text as the file has them.
    pub fingerprint: Fingerprint,
    /// When it was first published, in the zone that the post or the site names.
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
    /// The language, where it is not the site's.
    pub language: Option<String>,
    /// The picture, an absolute URL.
    pub image: Option<Url>,
    /// What it brings along: a recording, a film, a document.
    pub enclosure: Option<Enclosure>,
    /// The pages that it answers.
    pub in_reply_to: Vec<Url>,
    /// `false`: never mailed.
    pub newsletter: bool,
    /// The Markdown as written, without its front matter, made clean for XML.
    pub body: XmlText,
}

/// Somebody who wrote a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAuthor {
    /// The name.
    pub name: HeaderText,
}

/// A file that is not in the feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file, as the user would type it.
    pub source: Utf8PathBuf,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why a file is not in the feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyLeftOut {
    /// `draft = true`.
    Draft,
    /// Something else holds it back: a flag of its own, a setting of the site, the folder it lies in.
    HeldBack(String),
    /// A setting of the site may hold it back and cannot be understood; where it stands.
    HeldUp(String),
    /// Its date is still to come.
    Future(DateTime<FixedOffset>),
    /// It has no date, neither in the front matter nor in the file name.
    Undated,
    /// A section page of a site generator (`_index.md`).
    SectionPage,
    /// Its `expiryDate` has passed.
    Expired(DateTime<FixedOffset>),
    /// Somebody has said that it shall not be published any more.
    Retracted(DateTime<FixedOffset>),
    /// It is in another language than the one that is asked for.
    Language(String),
    /// A page of the site, not a post.
    Page,
    /// A part of the bundle in whose folder it lies.
    Resource,
    /// Jekyll takes no file for a post that is not named like `2024-05-01-title.md`, or has no front matter.
    Name,
    /// It is not Markdown but this.
    Format(&'static str),
    /// It cannot be read, and the rest goes on without it; the findings say why.
    Broken,
}

impl WhyLeftOut {
    /// Whether such a file is a post that is not published, and not something else.
    pub fn is_of_a_post(&self) -> bool {
        !matches!(
            self,
            Self::SectionPage
                | Self::Page
                | Self::Resource
                | Self::Name
                | Self::Format(_)
                | Self::Language(_)
        )
    }

    /// What `check` says of the file; nothing where findings of their own say it.
    pub fn in_words(&self) -> Option<String> {
        Some(match self {
            Self::Draft => "is a draft and stays out".to_owned(),
            Self::HeldBack(by) => format!("is held back by {by} and stays out"),
            Self::HeldUp(place) => format!("stays out until {place} can be understood"),
            Self::Future(date) => {
                format!("is dated {}, still to come, and stays out until then", date.to_rfc3339())
            }
            Self::Undated => "has no date and stays out".to_owned(),
            Self::SectionPage => "is a section page, not a post".to_owned(),
            Self::Expired(date) => format!("has expired on {} and stays out", date.to_rfc3339()),
            Self::Retracted(since) => format!("was retracted on {} and stays out", since.to_rfc3339()),
            Self::Language(language) => format!("is in another language ({language}) and stays out"),
            Self::Page => "is a page of the site, not a post".to_owned(),
            Self::Resource => "is a part of the bundle in whose folder it lies, not a post".to_owned(),
            Self::Name => "is no post for Jekyll: it has no front matter, or no day in its name".to_owned(),
            Self::Format(format) => format!("is {format}, not Markdown (.md), and stays out"),
            Self::Broken => return None,
        })
    }
}
