//! Importers: posts, subscribers and delivery evidence from other programs and web pages.
//!
//! An importer is a function from bytes to the imported data and a list of problems. It never opens a file or a
//! socket, and never asks for the time: its caller reads the input, fetches from the web, and writes files without
//! overwriting any. Subscriber lists are too large for that: their caller passes a reader.

mod distinct;
pub mod encoding;
#[cfg(feature = "importers")]
pub mod exports;
pub mod feed;
pub mod feed_archive;
pub mod feed_diff;
#[cfg(feature = "importers")]
pub mod ghost;
pub mod html;
pub mod imported_post;
mod lead;
pub mod matching;
pub mod relay_log;
pub mod sites;
pub mod subscriber_import;
pub mod text_page;
#[cfg(feature = "importers")]
pub mod wordpress;
