//! The sizes of the pictures of a post that are files of its own site.

use crate::archive::Post;
use crate::archive::folder::picture_size;
use crate::archive::markdown::OwnAddress;
use crate::config::Config;
use crate::email::PictureSizes;
use crate::pages::local_links;

/// Measures the pictures among the addresses of a post on its own site.
pub(super) fn picture_sizes(config: &Config, post: &Post, own: &[OwnAddress]) -> PictureSizes {
    let shown = local_links(post, own, config).into_iter().filter(|link| link.is_shown);
    let measured = shown.filter_map(|link| {
        let size = link.sources.iter().find_map(|file| picture_size(&config.resolve(file)))?;
        Some((link.target, size))
    });
    let by_target: Vec<_> = measured.collect();
    let urls = own.iter().map(|own| own.url.clone()).chain(post.image.iter().map(ToString::to_string));
    urls.filter_map(|url| {
        let path = crate::archive::page::path_of(&config.site.url, &url.parse().ok()?)?;
        let (_, size) = by_target.iter().find(|(target, _)| *target == path)?;
        Some((url, *size))
    })
    .collect()
}
