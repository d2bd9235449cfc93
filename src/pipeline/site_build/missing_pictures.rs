//! Pictures that the posts of another generator's site show and that are nowhere in it: emails and feeds would show them broken.
//!
//! The generator may have any folder of static files, so the usual ones are tried, and a missing picture is a warning only.
//! Where Letterpress makes the pages itself, [`pages`](super::pages) knows the folders.

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::markdown::OwnAddress;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::finding::Finding;
use crate::pages::{LocalLink, local_links};

/// The usual folders of static files, below the root of a site.
const FOLDERS: [&str; 12] = [
    "", "static", "public", "source", "src", "assets", "content", "docs", "files", "_site", "dist", "output",
];

/// How far above the folder of posts the root of the site may be.
const MAX_CLIMB: usize = 4;

/// Warns about pictures without a file; `own` has the addresses of each post on its own site.
pub fn missing_pictures(config: &Config, archive: &Archive, own: &[Vec<OwnAddress>]) -> Vec<Finding> {
    if config.archive.feed.is_some() {
        return Vec::new();
    }
    let roots = roots(config);
    let foreign = archive.posts.iter().zip(own).filter(|(post, _)| post.page.file.is_none());
    foreign.flat_map(|(post, own)| of_post(post, own, config, &roots)).collect()
}

fn of_post(post: &Post, own: &[OwnAddress], config: &Config, roots: &[Utf8PathBuf]) -> Vec<Finding> {
    let links = local_links(post, own, config).into_iter();
    let shown = links.filter(|link| link.is_shown && !link.is_absolute);
    shown.filter(|link| !exists(link, config, roots)).map(|link| missing(post, &link)).collect()
}

fn missing(post: &Post, link: &LocalLink) -> Finding {
    let message =
        format!("no file of the site is {}: emails and feeds would show a broken picture", link.raw);
    let finding = Finding::warning("file-missing", post.source.as_str(), message).at(link.line);
    let place = if link.raw.starts_with('/') {
        "into the folder of static files of your generator"
    } else {
        "beside the post"
    };
    finding.hint(format!("put the picture {place}; ignore this if only the server has it"))
}

fn exists(link: &LocalLink, config: &Config, roots: &[Utf8PathBuf]) -> bool {
    let built =
        config.archive.html.iter().chain([&config.output.directory]).map(|folder| config.resolve(folder));
    let places = built.chain(roots.iter().cloned()).map(|folder| folder.join(&link.target));
    link.sources.iter().map(|source| config.resolve(source)).chain(places).any(|path| path.is_file())
}

/// Folders in which the path of an address may be.
fn roots(config: &Config) -> Vec<Utf8PathBuf> {
    let posts = config.resolve(&config.archive.posts);
    let posts = posts.canonicalize_utf8().unwrap_or(posts);
    let below = |root: &Utf8Path| FOLDERS.map(|folder| root.join(folder));
    posts.ancestors().take(MAX_CLIMB).flat_map(below).filter(|folder| folder.is_dir()).collect()
}
