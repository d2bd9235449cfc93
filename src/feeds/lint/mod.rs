//! The feed linter: one list of rules for our own feeds and for any other.
//!
//! It reads the bytes of each document as a feed reader would, and knows nothing of how they were made. `check_feed` checks
//! any feed against the tables of its vocabulary. Our own feeds must satisfy `requirements.rs` as well, which is all that
//! a build needs to check.

mod app;
mod atom;
mod decode;
mod document;
mod feedsync;
mod findings;
mod foreign;
mod foreign_json;
mod history;
mod html;
mod itunes;
mod link;
mod media;
mod modules;
mod own;
mod rdf;
mod requirements;
mod rss;
mod rule;
mod schema;
#[cfg(test)]
mod tests;
mod text_construct;
mod urls;
mod value;

pub use foreign::check_feed;
pub use own::{check, check_thoroughly};
pub use rule::{RULES, Rule};
