//! The formats that a site publishes: their names, files and media types.

use camino::Utf8Path;

use crate::config::{Config, Format, GroupBy};

/// The configured formats without repetitions, because each has one file.
pub(super) fn formats(config: &Config) -> impl Iterator<Item = Format> {
    let named = &config.feeds.formats;
    named.iter().enumerate().filter(|(at, format)| !named[..*at].contains(format)).map(|(_, format)| *format)
}

/// The feeds of the site, or of the category in `folder`: the name of the format, the media type, the name of the file in the
/// folder. A feed of a category at another place is left out.
pub fn files<'c>(
    config: &'c Config,
    folder: &Utf8Path,
) -> impl Iterator<Item = (&'static str, &'static str, &'c str)> {
    let is_site = folder == "";
    let paths = &config.feeds.paths;
    let elsewhere = move |format| !is_site && paths.named(GroupBy::Category, format, "").is_some();
    let file =
        move |format| paths.site(format).filter(|_| is_site).unwrap_or_else(|| file_name(format).as_str());
    formats(config)
        .filter(move |format| !elsewhere(*format))
        .map(move |format| (name(format), media_type(format), file(format)))
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
