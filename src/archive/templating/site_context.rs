//! The site and the page that contain a tag.

use url::Url;

use crate::config::{Generator, SiteUrl};

/// The context of a body.
#[derive(Clone, Copy)]
pub(in crate::archive) struct SiteContext<'s> {
    /// The generator whose tags are replaced.
    pub generator: Generator,
    /// The site.
    pub site: &'s SiteUrl,
    /// The page of the post.
    pub page: &'s Url,
    /// The title of the post.
    pub title: &'s str,
    /// Finds the page of the post with a file name or post name.
    pub page_of: &'s dyn Fn(&str) -> Option<Url>,
}
