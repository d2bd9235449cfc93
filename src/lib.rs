//! Letterpress turns a folder of posts into RSS, Atom and JSON feeds and sends the newest entry as an HTML
//! letter, once to each subscriber, keeping a ledger of what has been sent.
//!
//! The modules in reading order; each imports only from those before it (`tests/tidy.rs` holds the line):
//!
//! 1. [`clock`], [`text`], [`finding`], [`address`]: time, chance, and words that cannot hold nonsense.
//! 2. [`config`]: `config.toml` becomes checked values.
//! 3. [`archive`]: `posts/` becomes an [`archive::Archive`].
//! 4. [`feeds`]: the archive becomes documents, and the documents become files; [`announce`] tells hubs of them.
//! 5. [`subscribers`]: who reads, since when, and the signed tokens by which they leave.
//! 6. [`letters`]: a post becomes one letter with slots; a letter and a reader become bytes; [`pages`]: small pages to read
//!    posts online.
//! 7. [`schedule`]: which post is due, and why the others are not.
//! 8. [`ledger`]: the states of a delivery and the only moves between them.
//! 9. [`store`]: what outlives the process.
//! 10. [`delivery`]: claim, send, arm, dot, record.
//! 11. [`inbox`]: what comes back.
//!
//! `crash` holds the points at which test builds die. [`importers`] bring archives and readers from elsewhere, [`pipeline`] is one run, [`web`] answers
//! readers, and [`cli`] is the door.

pub mod address;
pub mod announce;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod config;
mod crash;
pub mod delivery;
mod durable;
pub mod feeds;
pub mod finding;
pub mod importers;
pub mod inbox;
pub mod ledger;
pub mod letters;
mod net;
pub mod pages;
pub mod pipeline;
pub mod schedule;
pub mod store;
pub mod subscribers;
pub mod text;
pub mod web;
