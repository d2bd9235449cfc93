//! The feed linter: one list of rules for our own feeds and for any other feed.
//!
//! It reads the bytes of each document as a feed reader would, and knows nothing about how they were made.
//! `check_feed` checks any feed against the tables of its vocabulary. Our own feeds must also satisfy
//! `requirements.rs`, which is all that a build has to check.

mod app;
mod atom;
mod decode;
mod document;
mod feedsync;
mod findings;
mod history;
mod html;
mod itunes;
mod link;
mod media;
mod modules;
mod opml;
mod podcast;
mod rdf;
mod requirements;
mod rss;
mod rule;
mod schema;
mod self_check;
mod source;
#[cfg(test)]
mod tests;
mod text_construct;
mod urls;
mod validate;
mod validate_json;
mod value;
#[cfg(test)]
mod vocabularies;

pub use rule::{RULES, Rule};
pub use self_check::{check, check_thoroughly};
pub use validate::check_feed;
