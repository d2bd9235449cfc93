//! Finds broken links of a post to its own site: missing files and pages. Pure; the caller knows which files exist.

use camino::Utf8Path;
use url::Url;

use super::LocalLink;
use super::local::local_links;
use crate::archive::links::{LinkKind, names_markdown};
use crate::archive::markdown::OwnAddress;
use crate::archive::{Post, page};
use crate::config::{Config, SiteUrl};
use crate::finding::Finding;

/// What exists on the site.
pub(crate) trait ExistingPaths {
    /// Whether one of the candidate files exists and may be published, or the public folder already has the file.
    fn has_file(&self, want: &LocalLink) -> bool;
    /// Whether a candidate file exists that must not be published.
    fn is_barred(&self, want: &LocalLink) -> bool;
    /// Whether the public folder will contain this file after the next build.
    fn has_page(&self, path: &Utf8Path) -> bool;
}

/// All findings about links of `post` to its own site; `own` are those in its body.
pub(crate) fn check_link(
    post: &Post,
    own: &[OwnAddress],
    config: &Config,
    known: &dyn ExistingPaths,
) -> Vec<Finding> {
    let wants = local_links(post, own, config);
    let shown = wants.iter().filter(|want| want.is_shown && !known.has_file(want));
    let mut findings: Vec<Finding> = shown.map(|want| missing(post, want, known)).collect();
    let web = config.web.url.as_ref().map(SiteUrl::as_str);
    // Links to files of posts were checked when the post was read.
    let is_link = |address: &&OwnAddress| address.purpose == LinkKind::Link && !names_markdown(&address.raw);
    for address in own.iter().filter(is_link) {
        let Ok(url) = Url::parse(&address.url) else { continue };
        // Pages of `letterpress serve` are not files.
        let is_served =
            web.is_some_and(|web| web != config.site.url.as_str() && url.as_str().starts_with(web));
        let file = page::path_of(&config.site.url, &url);
        let want = wants.iter().find(|want| Some(&want.target) == file.as_ref());
        let is_there = is_served
            || want.is_some_and(|want| known.has_file(want))
            || is_page(config, &url, known)
            // Links outside of the site cannot be checked.
            || !url.as_str().starts_with(config.site.url.as_str());
        if !is_there {
            findings.push(dead_link(post, address, want));
        }
    }
    findings
}

fn is_page(config: &Config, url: &Url, known: &dyn ExistingPaths) -> bool {
    let page = page::file_of(&config.site.url, url);
    let file = page::path_of(&config.site.url, url);
    // Many web servers serve `about.html` for `/about`.
    let html = file.as_ref().map(|file| file.with_extension("html"));
    [page, file.clone(), html].into_iter().flatten().any(|path| known.has_page(&path))
}

/// A missing image.
fn missing(post: &Post, want: &LocalLink, known: &dyn ExistingPaths) -> Finding {
    let source = post.source.as_str();
    if want.is_absolute {
        let message = format!("there is no file here for {}", want.raw);
        let finding = Finding::warning("file-missing", source, message).at(want.line);
        return finding.hint("ignore this if your web server has the file from elsewhere");
    }
    if known.is_barred(want) {
        let message =
            format!("{} is not published: it is hidden, a secret, or leads out of the folder", want.raw);
        let finding = Finding::error("file-missing", source, message).at(want.line);
        return finding.hint("put the file itself beside the post, under another name");
    }
    let places = want.sources.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" or ");
    let message = format!("{} does not exist, so nobody would see it", want.raw);
    let finding = Finding::error("file-missing", source, message).at(want.line);
    finding.hint(format!(
        "put it at {places}; if another program makes your pages, set `pages = false` under [output]"
    ))
}

fn dead_link(post: &Post, address: &OwnAddress, want: Option<&LocalLink>) -> Finding {
    let message = format!("{} leads to {}, which does not exist", address.raw, address.url);
    let finding = Finding::warning("link-dead", post.source.as_str(), message).at(address.line);
    // A URL with an extension refers to a file.
    let sources = want.filter(|want| want.target.extension().is_some()).map(|want| want.sources.as_slice());
    match sources.unwrap_or_default().first() {
        Some(place) => finding.hint(format!("put the file there: {place}")),
        None => finding.hint("write the address of a post, or the name of its file"),
    }
}

/// Missing images, which prevent an issue from being sent.
pub(crate) fn dead_pictures(
    post: &Post,
    own: &[OwnAddress],
    config: &Config,
    known: &dyn ExistingPaths,
) -> Vec<Finding> {
    let wants = local_links(post, own, config).into_iter();
    let dead = wants.filter(|want| want.is_shown && !want.is_absolute && !known.has_file(want));
    let finding = |want: LocalLink| {
        let finding = missing(post, &want, known);
        Finding { message: format!("the letter is not sent: {}", finding.message), ..finding }
    };
    dead.map(finding).collect()
}
