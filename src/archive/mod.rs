//! `posts/` becomes an [`Archive`]: posts in fixed order, and a word about each file that is not in it.
//!
//! Everything here but [`folder`] is a function over values. No feed or mail format is known here.

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
