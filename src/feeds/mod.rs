//! The archive becomes documents, and the documents become files.
//!
//! One file per format, each a pure function to bytes; [`output`] is the only writer. Nothing here knows the time:
//! every date in a feed is a date of a post.

mod atom;
mod document;
mod entry;
mod folder_name;
mod json_feed;
pub mod lint;
pub mod output;
mod rss;
mod select;
#[cfg(test)]
mod specimen;
#[cfg(test)]
mod tests;

pub use document::Document;

use camino::Utf8Path;
use rayon::prelude::*;

use crate::archive::Archive;
use crate::config::{Config, Format};

use entry::Entry;
use select::Feed;

/// Every feed that the configuration asks for, in every format it names: the site's own first, then one for each
/// category in the order in which the archive first used them.
///
/// A post is rendered once, however many feeds carry it, and not at all if none does.
pub fn render_all(archive: &Archive, config: &Config) -> Vec<Document> {
    let feeds = select::feeds(archive, config);
    let wanted = select::wanted(&feeds, archive.posts.len());
    let entries: Vec<Option<Entry<'_>>> = archive
        .posts
        .par_iter()
        .zip(wanted)
        .map(|(post, wanted)| wanted.then(|| Entry::new(post, config)))
        .collect();
    let jobs: Vec<(&Feed, Format)> =
        feeds.iter().flat_map(|feed| formats(config).map(move |format| (feed, format))).collect();
    jobs.into_par_iter().map(|(feed, format)| document(feed, format, &entries, config)).collect()
}

/// The configured formats, each once: a second document of the same path would overwrite the first.
fn formats(config: &Config) -> impl Iterator<Item = Format> {
    let named = &config.feeds.formats;
    named.iter().enumerate().filter(|(at, format)| !named[..*at].contains(format)).map(|(_, format)| *format)
}

fn document(feed: &Feed, format: Format, entries: &[Option<Entry<'_>>], config: &Config) -> Document {
    let carried: Vec<&Entry<'_>> =
        feed.posts.iter().filter_map(|&at| entries.get(at).and_then(Option::as_ref)).collect();
    let path = feed.folder.join(file_name(format));
    let page = Page { feed, entries: &carried, config, own_url: config.site.url.join(path.as_str()) };
    let bytes = match format {
        Format::Rss => rss::render(&page),
        Format::Atom => atom::render(&page),
        Format::Json => json_feed::render(&page),
    };
    Document { path, media_type: media_type(format), bytes }
}

fn file_name(format: Format) -> &'static Utf8Path {
    Utf8Path::new(match format {
        Format::Rss => "rss.xml",
        Format::Atom => "atom.xml",
        Format::Json => "feed.json",
    })
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Rss => "application/rss+xml; charset=utf-8",
        Format::Atom => "application/atom+xml; charset=utf-8",
        Format::Json => "application/feed+json; charset=utf-8",
    }
}

/// What a format needs to write one document.
struct Page<'a> {
    feed: &'a Feed,
    /// Newest first.
    entries: &'a [&'a Entry<'a>],
    config: &'a Config,
    /// Where readers will fetch this document.
    own_url: String,
}

impl Page<'_> {
    /// The newest update among the entries; `None` in an empty feed.
    fn updated(&self) -> Option<entry::Moment> {
        self.entries.iter().map(|entry| entry.updated).max()
    }

    /// Identifies a way of sorting posts, the same in every feed: Atom's `scheme`, RSS's `domain`.
    fn scheme(&self, label: &entry::Label) -> String {
        self.config.site.url.join(label.kind.folder())
    }
}
