//! Letterpress turns a folder of posts into RSS, Atom and JSON feeds and an HTML email to each subscriber, exactly once,
//! with a durable ledger of what was sent.
//!
//! The modules in reading order; each imports only from those before it (`tests/tidy.rs` checks that):
//!
//! 1. `crash`, `durable`, `net`, [`clock`], [`text`], `i18n`, `dates`, [`finding`], [`address`], `html`, `xml`, `math`, `logging`, [`oauth`]:
//!    what the other modules are built on.
//! 2. [`config`]: `config.toml` becomes checked values.
//! 3. [`archive`]: `posts/` becomes an [`archive::Archive`].
//! 4. [`feeds`]: the archive becomes documents, and the documents become files; `upload` takes them to where the site
//!    is served; `websub` notifies hubs.
//! 5. [`subscribers`]: who they are, their preferences, and the signed tokens in their emails.
//! 6. [`email`]: a post becomes one message with placeholders, and that and a subscriber become bytes; `pages`: small pages
//!    to read posts online.
//! 7. `schedule`: which post is due, and why the others are not.
//! 8. [`ledger`]: the states of a delivery and the only transitions between them.
//! 9. [`report`]: what the ledger says about the list and the issues; [`store`]: the database.
//! 10. [`delivery`]: claims deliveries, sends them and records the outcome.
//! 11. [`inbox`]: bounces and other mail that comes back.
//! 12. [`importers`]: archives and subscriber lists from elsewhere.
//! 13. [`pipeline`]: one run.
//! 14. [`web`]: the public pages.
//! 15. [`preview`]: what a post becomes, on a page of this machine.
//! 16. [`doctor`]: whether mail and feeds can arrive.
//! 17. [`cli`]: the commands.

pub mod address;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod config;
mod crash;
mod dates;
pub mod delivery;
pub mod doctor;
mod durable;
pub mod email;
pub mod feeds;
pub mod finding;
mod html;
mod i18n;
pub mod importers;
pub mod inbox;
pub mod ledger;
mod logging;
mod math;
mod net;
pub mod oauth;
mod pages;
pub mod pipeline;
#[cfg(feature = "serve")]
pub mod preview;
pub mod readership;
pub mod report;
mod schedule;
pub mod store;
pub mod subscribers;
pub mod text;
mod upload;
#[cfg(feature = "serve")]
pub mod web;
mod websub;
mod xml;
