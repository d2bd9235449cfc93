//! The whole of what is to be written, before it has bytes: which documents there are, which of them may stand as they
//! are, and in which portions the others are made, so that a large archive is never in memory as a whole set of feeds.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use quick_xml::escape::escape;
use rayon::prelude::*;

use super::entry::Entry;
use super::page::{Carried, Page, Place, path};
use super::paging::{self, Paging};
use super::select::{self, Feed};
use super::{Document, atom, companion, json_feed, opml, rss};
use crate::archive::pages::Pages;
use crate::archive::{Archive, TakenBack};
use crate::config::{Config, Format};

/// About so many entries are rendered at a time for pages of archives.
const PORTION: usize = 1_000;

/// About so many entries stand in feeds that are written together. Few sites have more; one of thousands of tags does, and
/// must fit into memory.
const TOGETHER: usize = 20_000;

/// An Atom feed names so many of the posts that were taken back, the latest ones.
const TOMBSTONES: usize = 100;

/// What is to be written. Nothing is rendered until it is asked for.
pub struct Layout<'a> {
    archive: &'a Archive,
    config: &'a Config,
    feeds: Vec<(Feed, Paging)>,
    pages: Pages,
    /// The ids of posts by their addresses; empty where no post answers another.
    ids: HashMap<&'a str, &'a str>,
}

/// A page of an archive, which a file that is there already may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Below the public folder.
    pub path: Utf8PathBuf,
    /// The file names itself thus; under another address it would be another document.
    pub own: String,
    /// With these words it ends, if it is whole.
    pub end: &'static str,
    /// The ids, as written, of posts that were taken back and may not stand in it any more.
    pub without: Vec<String>,
}

/// Lays out every feed that the configuration asks for, in every format it names.
pub fn lay_out<'a>(archive: &'a Archive, config: &'a Config) -> Layout<'a> {
    let posts = &archive.posts;
    let by_id = posts.iter().enumerate().map(|(at, post)| (post.id.as_str(), at)).collect();
    let mut pages = archive.pages.clone();
    let feeds = select::feeds(posts, config)
        .into_iter()
        .map(|feed| {
            let paging = paging::divide(&feed, posts, &by_id, &mut pages, config);
            (feed, paging)
        })
        .collect();
    let has_answers = posts.iter().any(|post| !post.in_reply_to.is_empty());
    let ids =
        posts.iter().filter(|_| has_answers).map(|post| (post.url.as_str(), post.id.as_str())).collect();
    Layout { archive, config, feeds, pages, ids }
}

/// A document before it has bytes.
struct Sheet<'l> {
    feed: &'l Feed,
    place: Place,
    posts: &'l [usize],
    loose: &'l [usize],
    format: Format,
}

impl Sheet<'_> {
    fn path(&self) -> Utf8PathBuf {
        match self.place {
            Place::Current { .. } => path(self.feed, None, self.format),
            Place::Archive { number, .. } => path(self.feed, Some(number), self.format),
        }
    }
}

impl Layout<'_> {
    /// The configuration that it was laid out for.
    pub fn config(&self) -> &Config {
        self.config
    }

    /// Every document that readers fetch: its path, its media type, and whether it is a page of an archive.
    pub fn index(&self) -> impl Iterator<Item = (Utf8PathBuf, &'static str, bool)> + '_ {
        let current = self.feeds.iter().flat_map(|feed| self.current_sheets(feed));
        let current = current.map(|sheet| (sheet.path(), media_type(sheet.format), false));
        let list = (opml::FILE.into(), opml::MEDIA_TYPE, false);
        let archived = self.archive_sheets().map(|sheet| (sheet.path(), media_type(sheet.format), true));
        current.chain([list]).chain(archived)
    }

    /// The new text of the page ledger, if it must be written.
    pub fn pages(&self) -> Option<String> {
        (self.pages != self.archive.pages).then(|| self.pages.to_text())
    }

    /// The pages of all archives, as files that need not be written again if they are there.
    pub fn frozen(&self) -> Vec<Frozen> {
        let in_pages = self.pages.ids();
        let gone: HashSet<&str> = self
            .archive
            .taken_back
            .iter()
            .map(|post| post.id.as_str())
            .filter(|id| in_pages.contains(id))
            .collect();
        self.archive_sheets().map(|sheet| self.freeze(&sheet, &gone)).collect()
    }

    fn freeze(&self, sheet: &Sheet<'_>, gone: &HashSet<&str>) -> Frozen {
        let path = sheet.path();
        let number = match sheet.place {
            Place::Archive { number, .. } => number,
            Place::Current { .. } => 0,
        };
        let page = self.pages.of(sheet.feed.folder.as_str()).find(|(known, _)| *known == number);
        let ids = page.into_iter().flat_map(|(_, page)| page.keys()).map(String::as_str);
        let ids = ids.filter(|id| gone.contains(id));
        let own = self.config.site.url.join(path.as_str());
        match sheet.format {
            Format::Json => Frozen {
                own: format!("\"{own}\""),
                end: "}\n",
                without: ids.map(|id| format!("\"{id}\"")).collect(),
                path,
            },
            Format::Rss | Format::Atom => Frozen {
                own: format!("\"{}\"", escape(&own)),
                end: if sheet.format == Format::Rss { "</rss>\n" } else { "</feed>\n" },
                without: ids.map(|id| format!(">{}<", escape(id))).collect(),
                path,
            },
        }
    }

    /// The pages of all archives but those that stand, in portions, each in every format.
    pub fn archived<'l>(
        &'l self,
        standing: &'l HashSet<Utf8PathBuf>,
    ) -> impl Iterator<Item = Vec<Document>> + 'l {
        let missing = self.archive_sheets().filter(move |sheet| !standing.contains(&sheet.path()));
        portions(missing, PORTION).map(|portion| self.print(&portion))
    }

    /// The feeds themselves, and what explains them; of a site of ordinary size all together.
    pub fn current(&self) -> impl Iterator<Item = Vec<Document>> + '_ {
        let sheets = self.feeds.iter().flat_map(|feed| self.current_sheets(feed));
        let mut portions = portions(sheets, TOGETHER).peekable();
        std::iter::from_fn(move || {
            let mut documents = self.print(&portions.next()?);
            if portions.peek().is_none() {
                documents.push(opml::render(&self.feeds(), self.config));
                if self.config.feeds.companion {
                    documents.extend(companion::render(&self.feeds, self.archive, self.config));
                }
            }
            Some(documents)
        })
    }

    fn feeds(&self) -> Vec<&Feed> {
        self.feeds.iter().map(|(feed, _)| feed).collect()
    }

    fn current_sheets<'l>(&'l self, (feed, paging): &'l (Feed, Paging)) -> impl Iterator<Item = Sheet<'l>> {
        let newest = paging.pages.last().map(|(number, _)| *number);
        let place = Place::Current { is_complete: paging.is_complete, newest };
        formats(self.config).map(move |format| Sheet {
            feed,
            place,
            posts: &paging.current,
            loose: &paging.loose,
            format,
        })
    }

    fn archive_sheets(&self) -> impl Iterator<Item = Sheet<'_>> {
        self.feeds.iter().flat_map(move |(feed, paging)| {
            paging.pages.iter().enumerate().flat_map(move |(at, (number, posts))| {
                let beside = |at: Option<usize>| at.and_then(|at| paging.pages.get(at)).map(|page| page.0);
                let place = Place::Archive {
                    number: *number,
                    previous: beside(at.checked_sub(1)),
                    next: beside(at.checked_add(1)),
                };
                formats(self.config).map(move |format| Sheet { feed, place, posts, loose: posts, format })
            })
        })
    }

    /// A post is rendered once, however many of the sheets carry it, and not at all if none does.
    fn print(&self, sheets: &[Sheet<'_>]) -> Vec<Document> {
        let wanted: HashSet<usize> = sheets.iter().flat_map(|sheet| sheet.posts).copied().collect();
        let entries: HashMap<usize, Entry<'_>> = wanted
            .into_par_iter()
            .filter_map(|at| Some((at, Entry::new(self.archive.posts.get(at)?, self.config))))
            .collect();
        sheets.par_iter().map(|sheet| self.document(sheet, &entries)).collect()
    }

    fn document(&self, sheet: &Sheet<'_>, entries: &HashMap<usize, Entry<'_>>) -> Document {
        let path = sheet.path();
        let is_current = matches!(sheet.place, Place::Current { .. });
        let taken_back: &[TakenBack] = if is_current { &self.archive.taken_back } else { &[] };
        let page = Page {
            feed: sheet.feed,
            place: sheet.place,
            format: sheet.format,
            entries: &self.carried(sheet, entries),
            config: self.config,
            own_url: self.config.site.url.join(path.as_str()),
            taken_back: &taken_back[..taken_back.len().min(TOMBSTONES)],
            ids: &self.ids,
        };
        let bytes = match sheet.format {
            Format::Rss => rss::render(&page),
            Format::Atom => atom::render(&page),
            Format::Json => json_feed::render(&page),
        };
        Document { path, media_type: media_type(sheet.format), bytes }
    }

    /// The newest entries whole, as far as the budget goes, then summaries; and what stands in the archive as it is now
    /// may be left out once not even its summary fits.
    fn carried<'e>(&self, sheet: &Sheet<'_>, entries: &'e HashMap<usize, Entry<'e>>) -> Vec<Carried<'e>> {
        let budget = match (self.config.feeds.budget.get(), sheet.place) {
            (0, _) | (_, Place::Archive { .. }) => usize::MAX,
            (budget, Place::Current { .. }) => budget,
        };
        let (mut spent, mut is_spent) = (0usize, false);
        let mut carried = Vec::with_capacity(sheet.posts.len());
        for at in sheet.posts {
            let Some(entry) = entries.get(at) else { continue };
            is_spent |= spent.saturating_add(entry.length(true)) > budget;
            let length = entry.length(!is_spent);
            if spent.saturating_add(length) > budget && sheet.loose.binary_search(at).is_err() {
                continue;
            }
            spent = spent.saturating_add(length);
            carried.push(Carried { entry, in_full: !is_spent });
        }
        carried
    }
}

/// Sheets, as many at a time as have about so many entries.
fn portions<'l>(
    sheets: impl Iterator<Item = Sheet<'l>>,
    entries: usize,
) -> impl Iterator<Item = Vec<Sheet<'l>>> {
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

/// The configured formats, each once: a second document of the same path would overwrite the first.
pub(super) fn formats(config: &Config) -> impl Iterator<Item = Format> {
    let named = &config.feeds.formats;
    named.iter().enumerate().filter(|(at, format)| !named[..*at].contains(format)).map(|(_, format)| *format)
}

/// The feeds of one folder: how their format is called, their media type, the name of the file.
pub fn files(config: &Config) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    formats(config)
        .map(|format| (companion::name(format), media_type(format), super::page::file_name(format).as_str()))
}

/// The media type of a feed, with its charset.
pub(super) fn media_type(format: Format) -> &'static str {
    match format {
        Format::Rss => "application/rss+xml; charset=utf-8",
        Format::Atom => "application/atom+xml; charset=utf-8",
        Format::Json => "application/feed+json; charset=utf-8",
    }
}

/// The address of a file of the public folder as a page in `folder` names it, relative and encoded.
pub(super) fn relative(folder: &Utf8Path, path: &Utf8Path) -> String {
    let mut address = "../".repeat(folder.components().count());
    let parts: Vec<String> =
        path.components().map(|part| crate::archive::links::segment(part.as_str())).collect();
    address.push_str(&parts.join("/"));
    address
}
