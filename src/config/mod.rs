//! `config.toml`: text to checked values, with `file:line` errors. Holds values and knows none of the things
//! that it configures; the only reader of the environment.

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
    /// The folder that holds `config.toml`.
    #[serde(skip)]
    pub root: Utf8PathBuf,
    /// The name of `config.toml` as it was given, for messages.
    #[serde(skip)]
    pub file: String,
    /// The text of `config.toml` as it was read.
    #[serde(skip)]
    pub text: String,
    /// Who publishes, and where.
    pub site: Site,
    /// Where the posts are.
    pub archive: Archive,
    /// Which feeds to make.
    pub feeds: Feeds,
    /// The podcast, if there is one.
    #[serde(default)]
    pub podcast: Option<Podcast>,
    /// What is mailed, and when.
    pub newsletter: Newsletter,
    /// The relay; `None` means the outbox folder.
    #[serde(default)]
    pub smtp: Option<Smtp>,
    /// The mailbox to which bounces come; `None` means that `letterpress inbox` is told where to look.
    #[serde(default)]
    pub inbox: Option<Inbox>,
    /// Who is told when runs fail; `None`: nobody but cron.
    #[serde(default)]
    pub notify: Option<Notify>,
    /// The keys that letters are signed with; none means that they leave unsigned.
    #[serde(default, deserialize_with = "dkim::one_or_several")]
    pub dkim: Vec<Dkim>,
    /// Where the ledger and the readers are kept.
    pub store: Store,
    /// The half that answers readers.
    pub web: Web,
    /// Where feeds and letters are written.
    pub output: Output,
}

impl Config {
    /// The line on which `section.key` stands, or else `[section]`.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        source::line_of(&self.text, key)
    }

    /// `path` as seen from the folder of `config.toml`.
    pub fn resolve(&self, path: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        // "./posts" and "posts" are the same folder, but only one of them reads well in a message.
        if self.root == "." { path.as_ref().to_owned() } else { self.root.join(path) }
    }
}
