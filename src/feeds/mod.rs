//! From the archive to documents, and from documents to files.
//!
//! Each format has one file with a pure function to bytes; [`output`] is the only writer. Nothing here reads the clock: every
//! date in a feed is the date of a post.

mod as_published;
mod atom;
#[cfg(test)]
mod carried_tests;
mod character_data;
mod compression;
mod content_slot;
mod document;
mod entry;
mod extension;
#[cfg(test)]
mod fixtures;
mod folder_name;
mod formats;
pub mod headers;
mod html_index;
mod json_feed;
mod layout;
pub mod lint;
pub mod media_type;
mod opml;
pub mod output;
mod page;
mod paging;
mod podcast;
pub mod redirects;
mod rss;
mod select;
#[cfg(test)]
mod tests;

pub use document::Document;
pub use formats::files;
pub use html_index::FILE as COMPANION;
pub use layout::{ArchivedPage, FeedPlan, PublishedPages, plan_feeds};
pub use page::STYLE_SHEET as STYLE;
pub use select::{Group, categories};
