//! The file of a post's page in the public folder, and its links to other posts. Pure.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::links;
use crate::config::{FediverseHandle, RecordUri, SiteUrl};
use crate::platform::slashed;

/// File systems take 255 bytes; this leaves room for the suffix of a compressed copy.
const LONGEST_NAME: usize = 240;

/// What the pages that Letterpress builds need to know about a post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostPage {
    /// The file of its page, below the public folder; `None` if another program builds the pages, or if the URL of the
    /// post is not below the site.
    pub file: Option<Utf8PathBuf>,
    /// Links to the files of other posts, as written, with the URLs that they resolve to.
    pub links: BTreeMap<String, Url>,
    /// It is an email of a series: it has no page anywhere.
    pub is_mail_only: bool,
    /// The line of the front matter that names the picture.
    pub image_line: Option<usize>,
    /// The account of its author in the Fediverse, if the front matter names one.
    pub fediverse: Option<FediverseHandle>,
    /// The post as an object of `ActivityPub`.
    pub activitypub: Option<Url>,
    /// Its record in the AT protocol.
    pub standard_site: Option<RecordUri>,
}

/// The file below the public folder that a web server serves for `url`; `None` if the URL is outside the site, or names a
/// file that must not be published.
pub fn file_of(site: &SiteUrl, url: &Url) -> Option<Utf8PathBuf> {
    if url.query().is_some() {
        return None;
    }
    let rest = below(site, url)?;
    let folders = rest.strip_suffix('/').unwrap_or(&rest);
    let mut path = if rest.is_empty() { Utf8PathBuf::new() } else { names(folders)? };
    let is_page =
        path.extension().is_some_and(|end| matches!(end.to_ascii_lowercase().as_str(), "html" | "htm"));
    if rest.ends_with('/') || !is_page {
        path.push("index.html");
    }
    Some(slashed(path))
}

/// The file below the public folder for a `url` that is not a page: a picture or a recording.
pub fn path_of(site: &SiteUrl, url: &Url) -> Option<Utf8PathBuf> {
    names(&below(site, url)?)
}

/// The part of `url` after the URL of the site, percent-encoded, without a query.
fn below(site: &SiteUrl, url: &Url) -> Option<String> {
    let url = links::canonical(&Url::parse(&url[..Position::AfterPath]).ok()?);
    Some(url.strip_prefix(&links::canonical(site.as_url()))?.to_owned())
}

fn names(path: &str) -> Option<Utf8PathBuf> {
    path.split('/').map(name).collect::<Option<_>>().map(slashed)
}

/// One segment of a path, decoded, if it is a plain name.
fn name(part: &str) -> Option<String> {
    let name = percent_decode_str(part).decode_utf8().ok()?;
    let is_plain = !name.is_empty()
        && name.len() <= LONGEST_NAME
        // Servers do not serve hidden files.
        && !name.starts_with('.')
        && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'));
    is_plain.then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(site: &str, url: &str) -> Option<String> {
        file_of(&SiteUrl::parse(site).unwrap(), &Url::parse(url).unwrap()).map(Utf8PathBuf::into_string)
    }

    #[test]
    fn a_page_has_the_file_that_a_web_server_looks_for() {
        for (url, path) in [
            ("https://a.example/", "index.html"),
            ("https://a.example/2026/11/29/slug/", "2026/11/29/slug/index.html"),
            ("https://a.example/slug", "slug/index.html"),
            ("https://a.example/v1.2/", "v1.2/index.html"),
            ("https://a.example/a.html", "a.html"),
            ("https://a.example/a.html/", "a.html/index.html"),
            ("https://a.example/%EA%B8%80/", "글/index.html"),
            ("https://a.example/글 1/", "글 1/index.html"),
            ("https://a.example/100%25/", "100%/index.html"),
        ] {
            assert_eq!(file("https://a.example", url).as_deref(), Some(path), "{url}");
        }
        assert_eq!(
            file("https://a.example/블로그", "https://a.example/블로그/a/").as_deref(),
            Some("a/index.html")
        );
    }

    #[test]
    fn a_url_outside_the_site_has_no_file() {
        for url in [
            "https://b.example/a/",
            "http://a.example/blog/a/",
            "https://a.example/blogs/",
            "https://a.example/other/",
            "https://a.example/blog/?p=1",
            "https://a.example/blog/.git/",
            "https://a.example/blog/a//b/",
            "https://a.example/blog/a%2Fb/",
            "https://a.example/blog/%5C/",
            "https://a.example/blog/%ff/",
            "https://a.example/blog/%00/",
        ] {
            assert_eq!(file("https://a.example/blog", url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_url_leads_out_of_the_folder(path in "([a-z가./%\\\\]|%2e|%2F|%5c|\\.\\.){0,12}") {
            if let Ok(url) = Url::parse(&format!("https://a.example/b/{path}"))
                && let Some(file) = file("https://a.example/b/", url.as_str())
            {
                let file = Utf8PathBuf::from(file);
                prop_assert!(file.components().all(|part| matches!(part, camino::Utf8Component::Normal(_))), "{}", file);
            }
        }
    }
}
