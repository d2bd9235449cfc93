//! The files of its own site that a post shows or links to, and where they may be: next to the post, or in the folder of
//! static files. Pure; the caller checks whether they exist.
//!
//! A URL alone decides which file it means, so that page, feed and email mean the same file.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::archive::links::LinkKind;
use crate::archive::markdown::OwnAddress;
use crate::archive::{Post, page};
use crate::config::Config;

/// A file that a post needs in the public folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LocalLink {
    /// Below the public folder.
    pub target: Utf8PathBuf,
    /// The candidate files relative to the configuration, the likeliest first.
    pub sources: Vec<Utf8PathBuf>,
    /// The line of the post's file that names it.
    pub line: usize,
    /// The URL as written in the post.
    pub raw: String,
    /// Whether it is shown in the post and not only linked.
    pub is_shown: bool,
    /// Whether the post uses an absolute URL. Then the file may exist on the server but not here.
    pub is_absolute: bool,
}

/// The files that `post` needs; `own` are the URLs in its body that lead to its own site.
pub(crate) fn local_links(post: &Post, own: &[OwnAddress], config: &Config) -> Vec<LocalLink> {
    let address = |url: &Url, line: usize, purpose: LinkKind| OwnAddress {
        line,
        raw: below_page(post, url).unwrap_or_else(|| url.to_string()),
        url: url.to_string(),
        purpose,
    };
    let image_line = post.page.image_line.unwrap_or(1);
    let image = post.image.iter().map(|image| address(image, image_line, LinkKind::Resource));
    let episodes = post.enclosures.iter().map(|enclosure| &enclosure.episode);
    let beside = episodes.flat_map(|episode| {
        episode.transcript.iter().map(|transcript| &transcript.url).chain(&episode.chapters)
    });
    let beside = beside.map(|url| address(url, 1, LinkKind::Link));
    let addresses = own.iter().cloned().chain(image).chain(beside);
    let mut wants: Vec<LocalLink> = Vec::new();
    for want in addresses.filter_map(|address| parse_link(post, &address, config)) {
        if wants.iter().all(|known| known.target != want.target) {
            wants.push(want);
        }
    }
    wants.extend(post.enclosures.iter().filter_map(|enclosure| {
        let file = enclosure.file.clone()?;
        Some(LocalLink {
            target: page::path_of(&config.site.url, &enclosure.url)?,
            raw: file.to_string(),
            sources: vec![file],
            line: 1,
            is_shown: true,
            is_absolute: false,
        })
    }));
    wants
}

fn parse_link(post: &Post, address: &OwnAddress, config: &Config) -> Option<LocalLink> {
    let url = Url::parse(&address.url).ok()?;
    let target = page::path_of(&config.site.url, &url)?;
    let is_absolute = Url::parse(&address.raw).is_ok();
    let folder = post.source.parent().unwrap_or(Utf8Path::new(""));
    let beside = below_page(post, &url).and_then(|rest| inside(&folder.join(rest)));
    // `../pic.png` leads out of the page's folder, and from the file to the folder above it.
    let written = (!is_absolute && !address.raw.starts_with('/'))
        .then(|| decoded(&address.raw))
        .flatten()
        .and_then(|raw| inside(&folder.join(raw)));
    let fixed = config.archive.static_files.join(&target);
    let mut sources: Vec<Utf8PathBuf> = Vec::new();
    for source in written.into_iter().chain(beside).filter_map(|path| allowed(path, config)).chain([fixed]) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let is_shown = address.purpose == LinkKind::Resource;
    Some(LocalLink { target, sources, line: address.line, raw: address.raw.clone(), is_shown, is_absolute })
}

/// The rest of a URL below the folder of the post's page.
fn below_page(post: &Post, url: &Url) -> Option<String> {
    let page = post.url.as_str();
    let base = &page[..=page.rfind('/')?];
    decoded(url.as_str().strip_prefix(base)?).filter(|rest| !rest.is_empty())
}

fn decoded(raw: &str) -> Option<String> {
    let path = raw.split(['?', '#']).next()?;
    Some(percent_decode_str(path).decode_utf8().ok()?.into_owned())
}

/// A path without its `.` and `..`; `None` if it would climb above the configuration.
fn inside(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut inside = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::Normal(part) if !part.starts_with('.') => inside.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if inside.pop() => {}
            // The folder of posts may be elsewhere.
            Utf8Component::RootDir if inside.as_str().is_empty() => inside.push("/"),
            _ => return None,
        }
    }
    Some(inside)
}

/// Whether a path is in the folder of posts or of static files, and is not a post.
fn allowed(path: Utf8PathBuf, config: &Config) -> Option<Utf8PathBuf> {
    let archive = &config.archive;
    let ledgers = [archive.ids_file(), archive.pages_file()];
    let is_below = [&archive.posts, &archive.static_files]
        .into_iter()
        .filter_map(|folder| inside(folder))
        .any(|folder| path.starts_with(folder));
    let is_post = path.extension().is_some_and(|end| matches!(end, "md" | "markdown"));
    (is_below && !is_post && !ledgers.contains(&path)).then_some(path)
}
