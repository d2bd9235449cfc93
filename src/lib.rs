//! Letterpress turns a folder of posts into RSS, Atom and JSON feeds and an HTML email to each subscriber, exactly once,
//! with a durable ledger of what was sent.
//!
//! It is a program. This library is the part of it that other programs can use: read a site as `letterpress` reads it, render
//! its feeds without writing anything, and check feeds of any site. It sends no email, and opens no ledger and no connection.
//!
//! ```
//! use std::time::SystemTime;
//!
//! # fn main() -> Result<(), letterpress::OpenError> {
//! let site = letterpress::Site::open("config.toml", SystemTime::now())?;
//! for post in site.posts() {
//!     println!("{}  {}", post.url(), post.title());
//! }
//! for file in site.feeds() {
//!     println!("{}, {} bytes of {}", file.path.display(), file.bytes.len(), file.media_type);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The configuration and the posts are explained in `docs/`, beginning with `docs/getting-started.md`. What may change between
//! versions is in `CONTRIBUTING.md`. The feature `internals` makes the modules of the program public for its own tests; they
//! change in every version.

// For those who work on it, the modules in reading order; each imports only from those before it (`tests/tidy.rs` checks that):
//
//  1. `crash`, `platform`, `durable`, `text`, `net`, `clock`, `i18n`, `dates`, `finding`, `address`, `html`, `xml`, `math`, `logging`, `oauth`:
//     what the other modules are built on.
//  2. `config`: `config.toml` becomes checked values.
//  3. `archive`: `posts/` becomes an `archive::Archive`.
//  4. `feeds`: the archive becomes documents, and the documents become files; `upload` takes them to where the site is served;
//     `websub` notifies hubs; `readership` counts who reads them.
//  5. `subscribers`: who they are, their preferences, and the signed tokens in their emails.
//  6. `email`: a post becomes one message with placeholders, and that and a subscriber become bytes; `pages`: small pages to read
//     posts online.
//  7. `schedule`: which post is due, and why the others are not.
//  8. `ledger`: the states of a delivery and the only transitions between them.
//  9. `report`: what the ledger says about the list and the issues; `store`: the database.
// 10. `delivery`: claims deliveries, sends them and records the outcome.
// 11. `inbox`: bounces and other mail that comes back.
// 12. `importers`: archives and subscriber lists from elsewhere.
// 13. `pipeline`: one run.
// 14. `web`: the public pages.
// 15. `preview`: what a post becomes, on a page of this machine.
// 16. `doctor`: whether mail and feeds can arrive.
// 17. `library`: what other programs may use.
// 18. `cli`: the commands.

#![cfg_attr(
    not(feature = "internals"),
    expect(
        unreachable_pub,
        dead_code,
        unused_imports,
        reason = "`pub` in a module means: for the other modules and for the tests, which see them with the feature `internals`; \
                  with it, these lints work as usual"
    )
)]

mod address;
mod archive;
mod cli;
mod clock;
mod config;
mod crash;
mod dates;
mod delivery;
mod doctor;
mod durable;
mod email;
mod feeds;
mod finding;
mod html;
mod i18n;
mod importers;
mod inbox;
mod ledger;
mod library;
mod logging;
mod math;
mod net;
mod oauth;
mod pages;
mod pipeline;
mod platform;
#[cfg(feature = "serve")]
mod preview;
mod readership;
mod report;
mod schedule;
mod store;
mod subscribers;
mod text;
mod upload;
#[cfg(feature = "serve")]
mod web;
mod websub;
mod xml;

pub use finding::{Finding, Severity, SimilarRows};
pub use library::{FeedFile, OpenError, Site, SitePost, check_feed};

/// The program, for `main.rs`.
#[doc(hidden)]
pub use cli::main;

/// The modules of the program, for `tests/`, `benches/` and `fuzz/`.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    macro_rules! public {
        ($($module:ident)*) => {
            $(pub mod $module { pub use crate::$module::*; })*
        };
    }

    public! {
        address archive clock config delivery doctor email feeds finding importers inbox ledger oauth pipeline readership report
        store subscribers text
    }
    #[cfg(feature = "serve")]
    public! { preview web }
}
