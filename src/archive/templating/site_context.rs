//! The site and the page that contain a tag.

use camino::Utf8Path;
use url::Url;

use crate::archive::inherited::PelicanRules;
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
    /// The folder of the post, below the root of the content.
    pub folder: &'s Utf8Path,
    /// Where Pelican puts pages of categories, tags and authors.
    pub pelican: &'s PelicanRules,
    /// Finds the page of the post with a file name or post name.
    pub page_of: &'s dyn Fn(&str) -> Option<Url>,
}
