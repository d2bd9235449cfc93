//! Reads `posts/` into an [`Archive`]: posts in a stable order, and the reason why each other file was left out.
//!
//! Only [`folder`] reads files; the rest are pure functions. Nothing here depends on a feed or mail format.

mod enclosure;
mod encoding;
pub mod folder;
pub mod front_matter;
mod house_rules;
mod html_body;
pub mod ids;
mod inherited;
mod language;
pub mod links;
mod manuscript;
pub mod markdown;
mod naming;
pub mod new_post;
pub mod page;
mod page_names;
pub mod pages;
pub mod permalink;
mod post;
mod proof;
mod site;
mod slugs;
mod templating;

pub use enclosure::{Enclosure, Episode, Transcript};
pub use front_matter::EpisodeKind;
pub use page::PostPage;
pub use post::{Archive, LeftOut, Post, PostAuthor, TakenBack, WhyLeftOut};
pub use proof::proof_read;
