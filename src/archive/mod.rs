//! `posts/` becomes an [`Archive`]: posts in fixed order, and a word about each file that is not in it.
//!
//! Everything here but [`folder`] is a function over values. No feed or mail format is known here.

mod enclosure;
mod encoding;
pub mod folder;
pub mod front_matter;
pub mod ids;
pub mod links;
mod manuscript;
pub mod markdown;
pub mod pages;
pub mod permalink;
mod post;
mod proof;

pub use enclosure::{Enclosure, Episode, EpisodeKind, Transcript};
pub use post::{Archive, LeftOut, Post, PostAuthor, TakenBack, WhyLeftOut};
pub use proof::proof_read;
