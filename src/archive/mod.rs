//! Reads `posts/` into an [`Archive`]: posts in a stable order, and the reason why each other file was left out.
//!
//! Only [`folder`] reads files; the rest are pure functions. Nothing here depends on a feed or mail format.

mod built_page;
mod dialect;
pub mod embeds;
mod enclosure;
mod encoding;
pub mod folder;
pub mod front_matter;
mod generator_rules;
pub mod generators;
mod html_body;
pub mod ids;
mod inherited;
pub mod javascript;
mod language;
mod link_targets;
pub mod links;
pub mod markdown;
mod mdx;
mod naming;
pub mod new_post;
pub mod page;
pub mod pages;
pub mod permalink;
mod post;
mod post_file;
mod quarto;
mod site;
mod slugs;
mod templating;
mod validation;
mod vanished;

pub use dialect::{Formulas, MarkdownDialect};
pub use enclosure::{Enclosure, Episode, ImageInfo, Transcript, media_type};
pub use front_matter::{EpisodeKind, Segment, SegmentLanguage, Via};
pub use page::PostPage;
pub use post::{Archive, Post, PostAuthor, PostSection, SkipReason, SkippedFile, Tombstone};
pub use validation::validate;
