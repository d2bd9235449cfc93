//! Importers: what another program or a web page left behind becomes posts, readers and evidence.
//!
//! An importer is a function from bytes to what could be taken over and, one by one, what could not and why.
//! None of them touches a file, a socket or the clock: whoever calls them reads, writes, and never overwrites.
//! The caller fetches what they need from the web.

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
