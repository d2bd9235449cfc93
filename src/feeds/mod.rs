//! The archive becomes documents, and the documents become files.
//!
//! One file per format, each a pure function to bytes; [`output`] is the only writer. Nothing here knows the time:
//! every date in a feed is a date of a post.

mod as_published;
mod atom;
mod companion;
mod compression;
mod document;
mod entry;
mod folder_name;
pub mod headers;
mod json_feed;
mod layout;
pub mod lint;
mod opml;
pub mod output;
mod page;
mod paging;
mod podcast;
mod rss;
mod select;
#[cfg(test)]
mod specimen;
#[cfg(test)]
mod tests;

pub use companion::FILE as COMPANION;
pub use document::Document;
pub use layout::{Frozen, Layout, Published, files, lay_out};
pub use page::STYLE_SHEET as STYLE;
pub use select::{Group, categories};

use std::collections::HashSet;

use crate::archive::Archive;
use crate::config::Config;

/// Every document of a site: its own feed, the podcast, and one for each category and so on, in every format; then what
/// explains them; then the pages of their archives. For a large archive ask [`lay_out`], which makes them in portions.
pub fn render_all(archive: &Archive, config: &Config) -> Vec<Document> {
    let layout = lay_out(archive, config, &|_| None);
    let standing = HashSet::new();
    layout.current().chain(layout.archived(&standing)).flatten().collect()
}
