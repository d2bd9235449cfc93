//! From the archive to documents, and from documents to files.
//!
//! Each format has one file with a pure function to bytes; [`output`] is the only writer. Nothing here reads the clock: every
//! date in a feed is the date of a post.

mod as_published;
mod atom;
mod character_data;
mod companion;
mod compression;
mod document;
mod entry;
mod extension;
mod folder_name;
mod formats;
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
pub use formats::files;
pub use layout::{Frozen, Layout, Published, lay_out};
pub use page::STYLE_SHEET as STYLE;
pub use select::{Group, categories};
