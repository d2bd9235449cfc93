//! Reads `config.toml` into checked values, with errors at `file:line`. Contains only values and does not depend on what
//! they configure. The only code that reads the environment.

mod archive;
mod bytes;
mod check;
mod defaults;
mod dkim;
mod duration;
mod feeds;
mod find;
mod inbox;
mod loopback;
mod meaning;
mod mend;
mod nearest;
mod newsletter;
mod notify;
mod permalink;
mod placeholder;
mod podcast;
mod postgres;
mod read;
mod secret;
mod site;
mod smtp;
mod source;
mod spellings;
mod store;
pub mod toml_slips;
mod web;
mod weekly;
mod wrong_value;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

pub use archive::{Archive, Generator};
pub use bytes::Bytes;
pub use defaults::DEFAULTS;
pub use dkim::Dkim;
pub use duration::Span;
pub use feeds::{By, Content, Feeds, Format};
pub use find::{Found, find};
pub use inbox::{Inbox, Processed};
pub use nearest::{nearest, plain};
pub use newsletter::{DateOrder, FirstRun, Newsletter, OnUnknown};
pub use notify::{Notify, NotifyKind};
pub use permalink::{Pattern, Permalink, Piece, Placeholder};
pub use placeholder::is_placeholder_host;
pub use podcast::{Category, Order, Podcast};
pub use postgres::{Encryption, PostgresUrl};
pub use read::{ConfigError, Examined, environment, examine, load, parse};
pub use secret::{Blemish, Secret, SecretError};
pub use site::{Author, Site, SiteUrl, is_language_tag};
pub use smtp::{Deadlines, Smtp, Tls};
pub use spellings::language_meant;
pub use store::{Compression, Output, Store};
pub use web::{Network, Web, WebLimits};
pub use weekly::Weekly;

/// A whole configuration. Every relative path is relative to `root`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder of `config.toml`.
    #[serde(skip)]
    pub root: Utf8PathBuf,
    /// The path of `config.toml` as the user typed it, for messages.
    #[serde(skip)]
    pub file: String,
    /// The text of `config.toml` as it was read.
    #[serde(skip)]
    pub text: String,
    /// The publisher and the address of the site.
    pub site: Site,
    /// Where the posts are.
    pub archive: Archive,
    /// Which feeds to build.
    pub feeds: Feeds,
    /// The podcast, if there is one.
    #[serde(default)]
    pub podcast: Option<Podcast>,
    /// What is mailed, and when.
    pub newsletter: Newsletter,
    /// The relay; `None` means the outbox folder.
    #[serde(default)]
    pub smtp: Option<Smtp>,
    /// The mailbox for bounces; `None` means that `letterpress inbox` gets its source on the command line.
    #[serde(default)]
    pub inbox: Option<Inbox>,
    /// Who is notified when runs fail; `None` means only cron.
    #[serde(default)]
    pub notify: Option<Notify>,
    /// The DKIM keys; without one, emails are not signed.
    #[serde(default, deserialize_with = "dkim::one_or_several")]
    pub dkim: Vec<Dkim>,
    /// Where the ledger and the subscribers are stored.
    pub store: Store,
    /// The web server.
    pub web: Web,
    /// Where feeds and emails are written.
    pub output: Output,
}

impl Config {
    /// The line of `section.key`, or else of `[section]`.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        source::line_of(&self.text, key)
    }

    /// `path` relative to the folder of `config.toml`.
    pub fn resolve(&self, path: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        // Messages should show "posts", not "./posts".
        if self.root == "." { path.as_ref().to_owned() } else { self.root.join(path) }
    }
}
