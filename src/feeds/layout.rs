//! The plan of all documents before they are rendered: which documents there are, which of them need not be written again, and
//! in which portions the others are rendered, so that the feeds of a large archive are never all in memory.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use quick_xml::escape::escape;
use rayon::prelude::*;
use serde_json::Value;

use super::entry::Entry;
use super::formats::{formats, media_type};
use super::page::{Page, PageEntry, PagePosition, path, shown_id};
use super::paging::{self, Budget, Paging};
use super::select::{self, Feed};
use super::{Document, as_published, atom, html_index, json_feed, opml, rss};
use crate::archive::pages::Pages;
use crate::archive::{Archive, Post, Tombstone};
use crate::config::{Config, Content, Format};

/// The approximate number of entries that are rendered at a time for archive pages.
const PORTION: usize = 1_000;

/// The approximate number of entries in feeds that are written together. A site with thousands of tags has more, and must fit
/// into memory.
const TOGETHER: usize = 20_000;

/// The most retracted posts, the latest ones, that an Atom feed lists.
const TOMBSTONES: usize = 100;

/// The plan. Documents are rendered on demand.
pub struct FeedPlan<'a> {
    archive: &'a Archive,
    config: &'a Config,
    feeds: Vec<PagedFeed>,
    pages: Pages,
    /// The ids of posts by their addresses; empty if no post answers another.
    ids: HashMap<&'a str, &'a str>,
    /// Entries that were rendered to measure them and have not been printed yet.
    rendered: Mutex<HashMap<usize, Entry<'a>>>,
}

/// An archive page, and how to recognise an existing file as this page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedPage {
    /// Below the public folder.
    pub path: Utf8PathBuf,
    /// The address that the file states as its own.
    pub own: String,
    /// The end of a complete file.
    pub end: &'static str,
    /// The ids, as written, of retracted posts that the file must not contain.
    pub without: Vec<String>,
}

/// Reads a file of the public folder, if it exists.
pub type PublishedPages<'p> = &'p dyn Fn(&Utf8Path) -> Option<Vec<u8>>;

/// Plans every configured feed in every configured format. Entries that were `published` as summaries stay summaries as long as
/// they are in their feed.
pub fn plan_feeds<'a>(
    archive: &'a Archive,
    config: &'a Config,
    published: PublishedPages<'_>,
) -> FeedPlan<'a> {
    let posts = &archive.posts;
    let by_id = posts.iter().enumerate().map(|(at, post)| (post.id.as_str(), at)).collect();
    let mut pages = archive.pages.clone();
    let feeds = select::feeds(posts, config);
    let (lengths, rendered) = EntryLengths::of(&feeds, archive, config);
    let bytes = budget(config);
    let feeds = feeds
        .into_iter()
        .map(|feed| {
            let summaries = summaries(&feed, posts, published, config);
            let length_of = |at: usize| lengths.get(at, !summaries.contains(&at));
            let budget = Budget { bytes, length_of: &length_of };
            let paging = paging::divide(&feed, (posts, &by_id), &mut pages, &budget, config);
            PagedFeed { feed, paging, summaries }
        })
        .collect();
    let has_answers = posts.iter().any(|post| !post.in_reply_to.is_empty());
    let ids =
        posts.iter().filter(|_| has_answers).map(|post| (post.url.as_str(), post.id.as_str())).collect();
    FeedPlan { archive, config, feeds, pages, ids, rendered: Mutex::new(rendered) }
}

/// The budget in bytes; without one, the largest number.
fn budget(config: &Config) -> usize {
    match config.feeds.budget.get() {
        0 => usize::MAX,
        bytes => bytes,
    }
}

/// The posts that are summaries in a feed although feeds carry whole posts.
fn summaries(feed: &Feed, posts: &[Post], published: PublishedPages<'_>, config: &Config) -> HashSet<usize> {
    if config.feeds.content == Content::Summary {
        return HashSet::new();
    }
    let format = as_published::TELLING.into_iter().find(|format| config.feeds.formats.contains(format));
    let file = format.and_then(|format| Some((format, published(&path(feed, None, format))?)));
    let ids = file.map(|(format, bytes)| as_published::summaries(format, &bytes)).unwrap_or_default();
    if ids.is_empty() {
        return HashSet::new();
    }
    let format = format.unwrap_or(Format::Atom);
    let is_summary =
        |at: &usize| posts.get(*at).is_some_and(|post| ids.contains(shown_id(&post.id, format).as_ref()));
    feed.posts.iter().copied().filter(is_summary).collect()
}

/// The lengths of posts in bytes, as summaries and in full. Each post is rendered once for this.
struct EntryLengths<'a> {
    archive: &'a Archive,
    config: &'a Config,
    known: RefCell<HashMap<usize, (usize, usize)>>,
}

impl<'a> EntryLengths<'a> {
    /// Measures the posts that will be needed, on all processors. The entries come back too, unless they are too many to
    /// keep.
    fn of(feeds: &[Feed], archive: &'a Archive, config: &'a Config) -> (Self, HashMap<usize, Entry<'a>>) {
        let is_asked_for = budget(config) != usize::MAX && config.feeds.entries > 0;
        let newest = feeds.iter().filter(|_| is_asked_for);
        let newest: HashSet<usize> =
            newest.flat_map(|feed| feed.posts.iter().take(config.feeds.entries)).copied().collect();
        let (known, rendered) = if newest.len() <= PORTION {
            let rendered = entries(newest, archive, config);
            (rendered.iter().map(|(at, entry)| (*at, lengths(entry))).collect(), rendered)
        } else {
            let known = newest.into_par_iter().map(|at| (at, measure(at, archive, config))).collect();
            (known, HashMap::new())
        };
        (Self { archive, config, known: RefCell::new(known) }, rendered)
    }

    fn get(&self, at: usize, in_full: bool) -> usize {
        let mut known = self.known.borrow_mut();
        let (brief, full) = *known.entry(at).or_insert_with(|| measure(at, self.archive, self.config));
        if in_full { full } else { brief }
    }
}

fn measure(at: usize, archive: &Archive, config: &Config) -> (usize, usize) {
    archive.posts.get(at).map_or((0, 0), |post| lengths(&Entry::new(post, config)))
}

fn lengths(entry: &Entry<'_>) -> (usize, usize) {
    (entry.length(false), entry.length(true))
}

fn entries<'a>(posts: HashSet<usize>, archive: &'a Archive, config: &'a Config) -> HashMap<usize, Entry<'a>> {
    let posts = posts.into_par_iter();
    posts.filter_map(|at| Some((at, Entry::new(archive.posts.get(at)?, config)))).collect()
}

/// A feed, its division into pages, and the posts that are summaries in it.
struct PagedFeed {
    feed: Feed,
    paging: Paging,
    summaries: HashSet<usize>,
}

/// A document before rendering.
struct PlannedFeed<'l> {
    feed: &'l Feed,
    place: PagePosition,
    posts: &'l [usize],
    summaries: &'l HashSet<usize>,
    format: Format,
}

impl PlannedFeed<'_> {
    fn path(&self) -> Utf8PathBuf {
        match self.place {
            PagePosition::Current { .. } => path(self.feed, None, self.format),
            PagePosition::Archive { number, .. } => path(self.feed, Some(number), self.format),
        }
    }
}

impl FeedPlan<'_> {
    /// The configuration of the plan.
    pub fn config(&self) -> &Config {
        self.config
    }

    /// Every document that clients fetch: its path, its media type, and whether it is a page of an archive.
    pub fn index(&self) -> impl Iterator<Item = (Utf8PathBuf, &'static str, bool)> + '_ {
        let current = self.feeds.iter().flat_map(|feed| self.current_sheets(feed));
        let current = current.map(|sheet| (sheet.path(), media_type(sheet.format), false));
        let list = (opml::FILE.into(), opml::MEDIA_TYPE, false);
        let archived = self.archive_sheets().map(|sheet| (sheet.path(), media_type(sheet.format), true));
        current.chain([list]).chain(archived)
    }

    /// The paths of the feeds, without their archives.
    pub fn feed_paths(&self) -> impl Iterator<Item = Utf8PathBuf> + '_ {
        self.feeds.iter().flat_map(|feed| self.current_sheets(feed)).map(|sheet| sheet.path())
    }

    /// The feeds whose newest entries exceed the budget: the folder, the number of entries, and how many are left out.
    pub fn shortened(&self) -> impl Iterator<Item = (&Utf8Path, usize, usize)> {
        let short = self.feeds.iter().filter(|paged| paged.paging.left_out > 0);
        short.map(|paged| (paged.feed.folder.as_path(), paged.paging.current.len(), paged.paging.left_out))
    }

    /// The new text of the page ledger, if it must be written.
    pub fn pages(&self) -> Option<String> {
        (self.pages != self.archive.pages).then(|| self.pages.to_text())
    }

    /// The pages of all archives, as files that are kept if they exist.
    pub fn frozen(&self) -> Vec<ArchivedPage> {
        let in_pages = self.pages.ids();
        let gone: HashSet<&str> = self
            .archive
            .tombstones
            .iter()
            .map(|post| post.id.as_str())
            .filter(|id| in_pages.contains(id))
            .collect();
        self.archive_sheets().map(|sheet| self.freeze(&sheet, &gone)).collect()
    }

    fn freeze(&self, sheet: &PlannedFeed<'_>, gone: &HashSet<&str>) -> ArchivedPage {
        let path = sheet.path();
        let number = match sheet.place {
            PagePosition::Archive { number, .. } => number,
            PagePosition::Current { .. } => 0,
        };
        let page = self.pages.of(sheet.feed.folder.as_str()).find(|(known, _)| *known == number);
        let ids = page.into_iter().flat_map(|(_, page)| page.keys()).map(String::as_str);
        let ids = ids.filter(|id| gone.contains(id));
        let own = self.config.site.url.join(path.as_str());
        match sheet.format {
            Format::Json => ArchivedPage {
                own: format!("\"{own}\""),
                end: "}\n",
                without: ids.map(|id| Value::from(shown_id(id, sheet.format)).to_string()).collect(),
                path,
            },
            Format::Rss | Format::Atom => ArchivedPage {
                own: format!("\"{}\"", escape(&own)),
                end: if sheet.format == Format::Rss { "</rss>\n" } else { "</feed>\n" },
                without: ids.map(|id| format!(">{}<", escape(shown_id(id, sheet.format)))).collect(),
                path,
            },
        }
    }

    /// The pages of all archives without the `existing` ones, in portions, each in every format.
    pub fn archived<'l>(
        &'l self,
        existing: &'l HashSet<Utf8PathBuf>,
    ) -> impl Iterator<Item = Vec<Document>> + 'l {
        let missing = self.archive_sheets().filter(move |sheet| !existing.contains(&sheet.path()));
        portions(missing, PORTION).map(|portion| self.render(&portion))
    }

    /// The feeds, their list and their companion pages, in portions; one portion for a site of ordinary size.
    pub fn current(&self) -> impl Iterator<Item = Vec<Document>> + '_ {
        self.current_after(0)
    }

    /// The same without the first `passed` portions, which are not rendered.
    pub fn current_after(&self, passed: usize) -> impl Iterator<Item = Vec<Document>> + '_ {
        let sheets = self.feeds.iter().flat_map(|feed| self.current_sheets(feed));
        let mut portions = portions(sheets, TOGETHER).skip(passed).peekable();
        std::iter::from_fn(move || {
            let mut documents = self.render(&portions.next()?);
            if portions.peek().is_none() {
                documents.push(opml::render(&self.feeds(), self.config));
                if self.config.feeds.companion {
                    let feeds: Vec<_> = self.feeds.iter().map(|paged| (&paged.feed, &paged.paging)).collect();
                    documents.extend(html_index::render(&feeds, self.archive, self.config));
                }
            }
            Some(documents)
        })
    }

    fn feeds(&self) -> Vec<&Feed> {
        self.feeds.iter().map(|paged| &paged.feed).collect()
    }

    fn current_sheets<'l>(&'l self, paged: &'l PagedFeed) -> impl Iterator<Item = PlannedFeed<'l>> {
        let PagedFeed { feed, paging, summaries } = paged;
        let newest = paging.pages.last().map(|(number, _)| *number);
        let place = PagePosition::Current { is_complete: paging.is_complete, newest };
        formats(self.config).map(move |format| PlannedFeed {
            feed,
            place,
            posts: &paging.current,
            summaries,
            format,
        })
    }

    fn archive_sheets(&self) -> impl Iterator<Item = PlannedFeed<'_>> {
        self.feeds.iter().flat_map(move |PagedFeed { feed, paging, summaries }| {
            paging.pages.iter().enumerate().flat_map(move |(at, (number, posts))| {
                let beside = |at: Option<usize>| at.and_then(|at| paging.pages.get(at)).map(|page| page.0);
                let place = PagePosition::Archive {
                    number: *number,
                    previous: beside(at.checked_sub(1)),
                    next: beside(at.checked_add(1)),
                };
                formats(self.config).map(move |format| PlannedFeed { feed, place, posts, summaries, format })
            })
        })
    }

    /// Each post that a sheet carries is rendered once.
    fn render(&self, sheets: &[PlannedFeed<'_>]) -> Vec<Document> {
        let mut wanted: HashSet<usize> = sheets.iter().flat_map(|sheet| sheet.posts).copied().collect();
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ready: HashMap<usize, Entry<'_>> = rendered.extract_if(|at, _| wanted.remove(at)).collect();
        drop(rendered);
        ready.extend(entries(wanted, self.archive, self.config));
        sheets.par_iter().map(|sheet| self.document(sheet, &ready)).collect()
    }

    fn document(&self, sheet: &PlannedFeed<'_>, entries: &HashMap<usize, Entry<'_>>) -> Document {
        let path = sheet.path();
        let is_current = matches!(sheet.place, PagePosition::Current { .. });
        let own_url = self.config.site.url.join(path.as_str());
        // A page of the archive is a new document under another address.
        let base = self.archive.feed_base.as_ref().filter(|_| is_current);
        let taken_back: &[Tombstone] = if is_current { &self.archive.tombstones } else { &[] };
        let page = Page {
            feed: sheet.feed,
            place: sheet.place,
            format: sheet.format,
            entries: &carried(sheet, entries),
            config: self.config,
            id: base.map_or_else(|| own_url.clone(), |base| base.join(path.as_str())),
            own_url,
            taken_back: &taken_back[..taken_back.len().min(TOMBSTONES)],
            ids: &self.ids,
            category_scheme: OnceCell::new(),
            tag_scheme: OnceCell::new(),
        };
        let bytes = match sheet.format {
            Format::Rss => rss::render(&page),
            Format::Atom => atom::render(&page),
            Format::Json => json_feed::render(&page),
        };
        Document { path, media_type: media_type(sheet.format), bytes }
    }
}

/// The entries of a document. Archive pages carry every post in full.
fn carried<'e>(sheet: &PlannedFeed<'_>, entries: &'e HashMap<usize, Entry<'e>>) -> Vec<PageEntry<'e>> {
    let is_current = matches!(sheet.place, PagePosition::Current { .. });
    let in_full = |at: &usize| !is_current || !sheet.summaries.contains(at);
    let carried = |at| Some(PageEntry { entry: entries.get(at)?, in_full: in_full(at) });
    sheet.posts.iter().filter_map(carried).collect()
}

/// Groups sheets so that each group has about `entries` entries.
fn portions<'l>(
    sheets: impl Iterator<Item = PlannedFeed<'l>>,
    entries: usize,
) -> impl Iterator<Item = Vec<PlannedFeed<'l>>> {
    let mut sheets = sheets.peekable();
    std::iter::from_fn(move || {
        sheets.peek()?;
        let (mut portion, mut carried) = (Vec::new(), 0);
        while let Some(sheet) = sheets.next_if(|_| carried < entries) {
            carried += sheet.posts.len();
            portion.push(sheet);
        }
        Some(portion)
    })
}
