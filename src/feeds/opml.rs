//! OPML 2.0: one file with all feeds of the site, for import into feed readers.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::Document;
use super::formats::formats;
use super::page::path;
use super::select::Feed;
use crate::config::{Config, Format};

/// The file, in the public folder.
pub(super) const FILE: &str = "feeds.opml";

/// Its media type.
pub(super) const MEDIA_TYPE: &str = "text/x-opml; charset=utf-8";

/// One outline for each feed, in the format that OPML readers support best.
pub(super) fn render(feeds: &[&Feed], config: &Config) -> Document {
    let site = &config.site;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<opml version=\"2.0\">\n <head>\n  <title>{}</title>\n",
        escape(site.title.as_str())
    );
    if let Some(author) = &site.author {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  <ownerName>{}</ownerName>", escape(author.name.as_str()));
    }
    text.push_str(" </head>\n <body>\n");
    let format = [Format::Rss, Format::Atom, Format::Json]
        .into_iter()
        .find(|format| formats(config).any(|named| named == *format))
        .unwrap_or(Format::Rss);
    for feed in feeds {
        let _ = writeln!(
            text,
            "  <outline type=\"rss\" text=\"{title}\" title=\"{title}\" xmlUrl=\"{feed}\" htmlUrl=\"{site}\" language=\"{language}\"/>",
            title = escape(feed.title.as_str()),
            feed = escape(site.url.join(path(feed, None, format).as_str())),
            site = escape(site.url.as_str()),
            language = escape(feed.language.as_deref().unwrap_or_else(|| config.language())),
        );
    }
    text.push_str(" </body>\n</opml>\n");
    Document { path: FILE.into(), media_type: MEDIA_TYPE, bytes: text.into_bytes() }
}
