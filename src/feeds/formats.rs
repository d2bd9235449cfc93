//! The formats that a site publishes: their names, files and media types.

use camino::Utf8Path;

use crate::config::{Config, Format};

/// The configured formats without repetitions, because each has one file.
pub(super) fn formats(config: &Config) -> impl Iterator<Item = Format> {
    let named = &config.feeds.formats;
    named.iter().enumerate().filter(|(at, format)| !named[..*at].contains(format)).map(|(_, format)| *format)
}

/// The feeds of one folder: the name of the format, the media type, the name of the file.
pub fn files(config: &Config) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    formats(config).map(|format| (name(format), media_type(format), file_name(format).as_str()))
}

/// The media type of a feed, with its charset.
pub(super) fn media_type(format: Format) -> &'static str {
    match format {
        Format::Rss => "application/rss+xml; charset=utf-8",
        Format::Atom => "application/atom+xml; charset=utf-8",
        Format::Json => "application/feed+json; charset=utf-8",
    }
}

/// The name for people.
pub(super) fn name(format: Format) -> &'static str {
    match format {
        Format::Rss => "RSS",
        Format::Atom => "Atom",
        Format::Json => "JSON Feed",
    }
}

/// The file of a feed in its folder.
pub(super) fn file_name(format: Format) -> &'static Utf8Path {
    Utf8Path::new(match format {
        Format::Rss => "rss.xml",
        Format::Atom => "atom.xml",
        Format::Json => "feed.json",
    })
}
