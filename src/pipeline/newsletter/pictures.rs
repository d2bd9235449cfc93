//! The pictures of a post that are files of its own site.

use camino::Utf8PathBuf;

use crate::archive::Post;
use crate::archive::folder::picture_size;
use crate::archive::markdown::OwnAddress;
use crate::config::Config;
use crate::email::PictureSizes;
use crate::pages::local_links;

/// Measures the pictures among the addresses of a post on its own site.
pub(super) fn picture_sizes(config: &Config, post: &Post, own: &[OwnAddress]) -> PictureSizes {
    by_url(config, post, own, picture_size).collect()
}

/// The files of the pictures among these addresses, by URL.
pub(crate) fn picture_files(config: &Config, post: &Post, own: &[OwnAddress]) -> Vec<(String, Utf8PathBuf)> {
    by_url(config, post, own, |file| file.is_file().then(|| file.to_owned())).collect()
}

/// What `read` says about the file of each picture, by URL.
fn by_url<T: Clone>(
    config: &Config,
    post: &Post,
    own: &[OwnAddress],
    read: impl Fn(&camino::Utf8Path) -> Option<T>,
) -> impl Iterator<Item = (String, T)> {
    let shown = local_links(post, own, config).into_iter().filter(|link| link.is_shown);
    let found = shown.filter_map(|link| {
        let read = link.sources.iter().find_map(|file| read(&config.resolve(file)))?;
        Some((link.target, read))
    });
    let by_target: Vec<_> = found.collect();
    let urls = own.iter().map(|own| own.url.clone()).chain(post.image.iter().map(ToString::to_string));
    urls.filter_map(move |url| {
        let path = crate::archive::page::path_of(&config.site.url, &url.parse().ok()?)?;
        let (_, read) = by_target.iter().find(|(target, _)| *target == path)?;
        Some((url, read.clone()))
    })
}
