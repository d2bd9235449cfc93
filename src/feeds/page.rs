//! What every format needs to render one document: its feed, its entries, and its place in the archive. The formats share
//! these answers, so they cannot differ.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Deref;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use super::entry::{Entry, Label, LabelKind, Moment};
use super::formats::file_name;
use super::select::{Feed, FeedScope};
use crate::archive::{Tombstone, ids, links};
use crate::config::{Config, Format};
use crate::platform::slashed;
use crate::text::XmlText;

/// The file of the style sheet, in the public folder.
pub const STYLE_SHEET: &str = "feeds.css";

/// The input of a format for one document.
pub(super) struct Page<'a> {
    pub(super) feed: &'a Feed,
    pub(super) place: PagePosition,
    pub(super) format: Format,
    /// Newest first.
    pub(super) entries: &'a [PageEntry<'a>],
    pub(super) config: &'a Config,
    /// The address of this document.
    pub(super) own_url: String,
    /// The id of this document: its address when the site was first built, wherever the site is now (RFC 4287, 4.2.6).
    pub(super) id: String,
    /// Tombstone posts; empty in an archive page.
    pub(super) taken_back: &'a [Tombstone],
    /// The ids of answered posts by address.
    pub(super) ids: &'a HashMap<&'a str, &'a str>,
    /// What [`Page::scheme`] has returned.
    pub(super) category_scheme: OnceCell<String>,
    pub(super) tag_scheme: OnceCell<String>,
}

/// The place of a document in its feed (RFC 5005).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PagePosition {
    /// The feed itself, and the number of its newest archive page.
    Current { is_complete: bool, newest: Option<u32> },
    /// A page of its archive, and the numbers of the pages beside it.
    Archive { number: u32, previous: Option<u32>, next: Option<u32> },
}

/// An entry in a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageEntry<'a> {
    pub(super) entry: &'a Entry<'a>,
    /// Whether it carries the whole text.
    pub(super) in_full: bool,
}

impl<'a> Deref for PageEntry<'a> {
    type Target = Entry<'a>;

    fn deref(&self) -> &Entry<'a> {
        self.entry
    }
}

impl PageEntry<'_> {
    /// The whole text, if this document carries it.
    pub(super) fn html(&self) -> Option<&str> {
        self.entry.html.as_ref().filter(|_| self.in_full).map(XmlText::as_str)
    }
}

impl Page<'_> {
    /// The newest update among the entries; `None` in an empty feed.
    pub(super) fn updated(&self) -> Option<Moment> {
        self.entries.iter().map(|entry| entry.updated).max()
    }

    /// Identifies a kind of label, the same in every feed: Atom's `scheme`, RSS's `domain`.
    pub(super) fn scheme(&self, label: &Label) -> String {
        let scheme = match label.kind {
            LabelKind::Category => &self.category_scheme,
            LabelKind::Tag => &self.tag_scheme,
        };
        scheme.get_or_init(|| self.config.site.url.join(label.kind.folder())).clone()
    }

    /// The language of the feed.
    pub(super) fn language(&self) -> &str {
        self.feed.language.as_deref().unwrap_or_else(|| self.config.language())
    }

    /// `language`, if it differs from that of the feed, or of the site.
    pub(super) fn differs<'l>(&self, language: &'l str) -> Option<&'l str> {
        let usual = self.feed.language.as_deref().unwrap_or(&self.config.site.language);
        (!language.eq_ignore_ascii_case(usual)).then_some(language)
    }

    /// The configured description; may be empty.
    pub(super) fn description(&self) -> &str {
        let podcast = self.config.podcast.as_ref().filter(|_| self.feed.kind == FeedScope::Podcast);
        let own = podcast.and_then(|podcast| podcast.description.as_ref());
        own.map_or(&self.config.site.description, |text| text.as_str())
    }

    /// The description or a replacement, never empty.
    pub(super) fn tagline(&self) -> &str {
        let description = self.description().trim();
        if description.is_empty() { self.config.site.tagline() } else { description }
    }

    /// The element of the history namespace for this document.
    pub(super) fn history(&self) -> Option<&'static str> {
        match self.place {
            PagePosition::Current { is_complete: true, .. } => Some("fh:complete"),
            PagePosition::Current { .. } => None,
            PagePosition::Archive { .. } => Some("fh:archive"),
        }
    }

    /// The links between a feed and its archive.
    pub(super) fn archive_links(&self) -> impl Iterator<Item = (&'static str, String)> {
        let (current, previous, next) = match self.place {
            PagePosition::Current { newest, .. } => (None, newest, None),
            PagePosition::Archive { previous, next, .. } => (Some(self.url(None)), previous, next),
        };
        let page = |rel, number: Option<u32>| number.map(|number| (rel, self.url(Some(number))));
        [current.map(|url| ("current", url)), page("prev-archive", previous), page("next-archive", next)]
            .into_iter()
            .flatten()
    }

    /// The address of the next older page.
    pub(super) fn older(&self) -> Option<String> {
        match self.place {
            PagePosition::Current { newest, .. } => newest,
            PagePosition::Archive { previous, .. } => previous,
        }
        .map(|number| self.url(Some(number)))
    }

    /// The id of the post at `url`; the id of a page of another site is its address.
    pub(super) fn id_of<'u>(&'u self, url: &'u Url) -> Cow<'u, str> {
        shown_id(self.ids.get(url.as_str()).copied().unwrap_or(url.as_str()), self.format)
    }

    /// The processing instruction that makes browsers apply the style sheet; empty without companion pages.
    pub(super) fn style_sheet(&self) -> String {
        if !self.config.feeds.companion {
            return String::new();
        }
        let depth = path(self.feed, self.number(), self.format).components().count() - 1;
        format!("<?xml-stylesheet type=\"text/css\" href=\"{}{STYLE_SHEET}\"?>\n", "../".repeat(depth))
    }

    /// The address of the feed itself in this format.
    pub(super) fn feed_address(&self) -> String {
        self.url(None)
    }

    fn number(&self) -> Option<u32> {
        match self.place {
            PagePosition::Current { .. } => None,
            PagePosition::Archive { number, .. } => Some(number),
        }
    }

    fn url(&self, number: Option<u32>) -> String {
        self.config.site.url.join(path(self.feed, number, self.format).as_str())
    }
}

/// The id of a post as `format` has it: only Atom requires a URI.
pub(super) fn shown_id(id: &str, format: Format) -> Cow<'_, str> {
    match format {
        Format::Atom => Cow::Borrowed(id),
        Format::Rss | Format::Json => ids::shown(id),
    }
}

/// The path of a feed in the public folder, or of a page of its archive.
pub(super) fn path(feed: &Feed, number: Option<u32>, format: Format) -> Utf8PathBuf {
    if let Some(number) = number {
        return slashed(feed.folder.join(format!("archive/{number}")).join(file_name(format)));
    }
    let own = feed.files.iter().find(|(known, _)| *known == format).map(|(_, file)| file.clone());
    own.unwrap_or_else(|| slashed(feed.folder.join(file_name(format))))
}

/// The address of a public file relative to `folder`, percent-encoded.
pub(super) fn relative(folder: &Utf8Path, path: &Utf8Path) -> String {
    let mut address = "../".repeat(folder.components().count());
    let parts: Vec<String> = path.components().map(|part| links::segment(part.as_str())).collect();
    address.push_str(&parts.join("/"));
    address
}

/// The namespaces of RSS and Atom by their prefixes.
pub(super) fn namespace(prefix: &str) -> &'static str {
    match prefix {
        "at" => "http://purl.org/atompub/tombstones/1.0",
        "atom" => "http://www.w3.org/2005/Atom",
        "content" => "http://purl.org/rss/1.0/modules/content/",
        "dc" => "http://purl.org/dc/elements/1.1/",
        "fh" => "http://purl.org/syndication/history/1.0",
        "itunes" => "http://www.itunes.com/dtds/podcast-1.0.dtd",
        "media" => "http://search.yahoo.com/mrss/",
        "podcast" => "https://podcastindex.org/namespace/1.0",
        _ => "http://purl.org/syndication/thread/1.0",
    }
}
