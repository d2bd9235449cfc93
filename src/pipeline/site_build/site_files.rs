//! The files of the site in the public folder that this program wrote: what may be uploaded.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::config::{Compression, Config};
use crate::feeds::output;
use crate::feeds::{FeedPlan, headers, media_type};
use crate::upload::{Role, SiteFile};

/// The files of the last build, relative to the public folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteFiles {
    feeds: Vec<FeedFile>,
    /// Pages, images, style sheets, and compressed copies of everything.
    others: Vec<Utf8PathBuf>,
}

/// A feed, or a page of its archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FeedFile {
    path: Utf8PathBuf,
    is_archive: bool,
    media_type: String,
    max_age: u64,
}

impl SiteFiles {
    /// The files of the feeds, and those of the pages without what another program wrote.
    pub(crate) fn of(
        layout: &FeedPlan<'_>,
        written: &[Utf8PathBuf],
        (pages, foreign): (&[Utf8PathBuf], &[Utf8PathBuf]),
    ) -> Self {
        let config = layout.config();
        let known: HashMap<Utf8PathBuf, (&'static str, bool)> =
            layout.index().map(|(path, kind, is_archive)| (path, (kind, is_archive))).collect();
        let foreign: HashSet<&Utf8PathBuf> = foreign.iter().collect();
        let mut paths: Vec<&Utf8PathBuf> =
            written.iter().chain(pages.iter().filter(|path| !foreign.contains(path))).collect();
        paths.sort();
        paths.dedup();
        let mut files = Self::default();
        for path in paths {
            if let Some((kind, is_archive)) = known.get(path) {
                let (media_type, max_age) = headers::without_negotiation(kind, *is_archive);
                files.others.extend(output::compressed(path, &config.output.compress));
                files.feeds.push(FeedFile {
                    path: path.clone(),
                    is_archive: *is_archive,
                    media_type: media_type.to_owned(),
                    max_age: max_age.into(),
                });
            } else {
                files.others.push(path.clone());
            }
        }
        // Compressed copies of feeds are listed by both.
        files.others.sort();
        files.others.dedup();
        files
    }

    /// Adds pages that are not made from posts.
    pub(crate) fn add(&mut self, files: &[Utf8PathBuf]) {
        self.others.extend_from_slice(files);
        self.others.sort();
        self.others.dedup();
    }

    /// All files.
    pub(crate) fn paths(&self) -> Vec<Utf8PathBuf> {
        self.feeds.iter().map(|feed| &feed.path).chain(&self.others).cloned().collect()
    }

    /// The files with their headers.
    pub(crate) fn to_upload(&self, config: &Config) -> Vec<SiteFile> {
        let feeds: HashMap<&Utf8Path, &FeedFile> =
            self.feeds.iter().map(|feed| (feed.path.as_path(), feed)).collect();
        let paths = self.feeds.iter().map(|feed| &feed.path).chain(&self.others);
        let max_age = config.web.max_age.duration().as_secs();
        paths
            .map(|path| {
                let (plain, encoding) = without_compression(path, &config.output.compress);
                match feeds.get(plain) {
                    Some(feed) => SiteFile {
                        path: path.clone(),
                        role: if feed.is_archive { Role::Archive } else { Role::Feed },
                        media_type: feed.media_type.clone(),
                        max_age: feed.max_age,
                        encoding,
                    },
                    None => SiteFile {
                        path: path.clone(),
                        role: if plain.extension() == Some("html") { Role::Page } else { Role::Asset },
                        media_type: media_type::of(plain.as_str()).to_owned(),
                        max_age,
                        encoding,
                    },
                }
            })
            .collect()
    }
}

/// The document of a compressed copy, and the name of its coding.
fn without_compression<'p>(
    path: &'p Utf8Path,
    compress: &[Compression],
) -> (&'p Utf8Path, Option<&'static str>) {
    let coding = match path.extension() {
        Some("gz") if compress.contains(&Compression::Gzip) => "gzip",
        Some("br") if compress.contains(&Compression::Brotli) => "br",
        _ => return (path, None),
    };
    let plain = path.as_str().rsplit_once('.').map_or("", |(plain, _)| plain);
    // The picture `photo.gz` of a writer is not a copy.
    if plain.contains('.') { (Utf8Path::new(plain), Some(coding)) } else { (path, None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixtures::config;

    #[test]
    fn feeds_come_last_and_copies_have_the_type_of_their_document() {
        let mut config = config();
        config.output.compress = vec![Compression::Gzip];
        let feed = |path: &str, is_archive| FeedFile {
            path: path.into(),
            is_archive,
            media_type: "application/xml; charset=utf-8".to_owned(),
            max_age: if is_archive { 86_400 } else { 600 },
        };
        let files = SiteFiles {
            feeds: vec![feed("rss.xml", false), feed("archive/1.xml", true)],
            others: ["a/index.html", "a/index.html.gz", "rss.xml.gz", "그림.png", "data.gz"]
                .map(Into::into)
                .to_vec(),
        };
        let found = files.to_upload(&config);
        let of = |path: &str| found.iter().find(|file| file.path == path).unwrap();
        assert_eq!((of("rss.xml").role, of("archive/1.xml").role), (Role::Feed, Role::Archive));
        assert_eq!((of("rss.xml.gz").role, of("rss.xml.gz").encoding), (Role::Feed, Some("gzip")));
        assert_eq!(of("rss.xml.gz").media_type, "application/xml; charset=utf-8");
        assert_eq!(
            (of("rss.xml").max_age, of("archive/1.xml").max_age, of("그림.png").max_age),
            (600, 86_400, 300)
        );
        assert_eq!(
            (of("a/index.html.gz").role, of("a/index.html.gz").media_type.as_str()),
            (Role::Page, "text/html; charset=utf-8")
        );
        assert_eq!((of("data.gz").encoding, of("data.gz").media_type.as_str()), (None, "application/gzip"));
    }
}
