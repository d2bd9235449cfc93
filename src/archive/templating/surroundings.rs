//! The site and the page in which a tag stands.

use url::Url;

use crate::config::{Generator, SiteUrl};

/// Where a body stands.
#[derive(Clone, Copy)]
pub(in crate::archive) struct Surroundings<'s> {
    /// Whose tags are meant.
    pub generator: Generator,
    /// The site.
    pub site: &'s SiteUrl,
    /// The page of the post.
    pub page: &'s Url,
    /// The title of the post.
    pub title: &'s str,
    /// The page of the post that a file or a post is called by.
    pub page_of: &'s dyn Fn(&str) -> Option<Url>,
}
