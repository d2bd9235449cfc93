//! Importers: posts, subscribers and delivery evidence from other programs and web pages.
//!
//! An importer is a function from bytes to the imported data and a list of problems. It never touches a file, a
//! socket or the clock: its caller reads the input, fetches from the web, and writes files without overwriting any.

pub mod feed;
pub mod feed_archive;
pub mod feed_diff;
pub mod ghost;
pub mod html;
pub mod imported_post;
pub mod matching;
pub mod relay_log;
pub mod sites;
pub mod subscriber_import;
pub mod text_page;
pub mod wordpress;
