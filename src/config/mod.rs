//! Reads `config.toml` into checked values, with errors at `file:line`. Contains only values and does not depend on what
//! they configure. The only code that reads the environment.

mod accounts;
mod aliases;
mod archive;
mod bucket;
mod byte_size;
mod check;
mod color;
mod defaults;
mod dkim;
mod doctor;
mod duration;
mod feeds;
mod find;
mod inbox;
mod loopback;
mod nearest;
mod newsletter;
mod notify;
mod oauth;
mod output;
mod parse;
mod permalink;
mod placeholder;
mod podcast;
mod postgres;
mod private_url;
mod repair;
mod secret;
mod series;
mod site;
mod smtp;
mod source;
mod store;
mod suggestion;
pub mod toml_mistakes;
mod web;
mod weekly;
mod words;
mod wrong_value;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::i18n::Languages;

pub use accounts::{FediverseHandle, RecordUri};
pub use aliases::suggested_language;
pub use archive::{Archive, DateOnly, Generator};
pub use bucket::{BucketKind, BucketUrl};
pub use byte_size::ByteSize;
pub use color::Color;
pub use defaults::DEFAULTS;
pub use dkim::Dkim;
pub use doctor::Doctor;
pub use duration::Span;
pub use feeds::{Content, EmbedHost, FeedPaths, Feeds, Format, GroupBy};
pub use find::{Found, find};
pub use inbox::{Inbox, Processed};
pub(crate) use loopback::is_this_machine;
pub use nearest::{is_misspelled, nearest, plain};
pub use newsletter::{DateOrder, FirstRun, Newsletter, OnUnknown, Theme};
pub use notify::{Notify, NotifyKind};
pub use oauth::{Grant, LoginSource, OauthClient, Provider, built_in_providers};
pub use output::{Compression, Output};
pub use parse::{CheckedConfig, ConfigError, environment, examine, load, parse};
pub use permalink::{Pattern, PatternPart, Permalink, Placeholder};
pub use placeholder::is_placeholder_host;
pub use podcast::{Category, Order, Podcast, PodcastPerson};
pub use postgres::{Encryption, PostgresUrl};
pub use private_url::PrivateUrl;
pub use secret::{Secret, SecretError, SuspectCharacter};
pub use series::SeriesStart;
pub use site::{Author, Site, SiteUrl, is_language_tag};
pub use smtp::{Deadlines, Smtp, Tls};
pub use store::Store;
pub use web::{AddressSecret, Network, Web, WebLimits};
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
    /// The words of all languages, with the user's own over them.
    #[serde(skip)]
    pub words: Languages,
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
    /// The applications that ask for tokens, by the name of their section.
    #[serde(default)]
    pub oauth: BTreeMap<String, OauthClient>,
    /// Who is notified when runs fail; `None` means only cron.
    #[serde(default)]
    pub notify: Option<Notify>,
    /// How `letterpress doctor` asks.
    #[serde(default)]
    pub doctor: Doctor,
    /// The DKIM keys; without one, emails are not signed.
    #[serde(default, deserialize_with = "dkim::one_or_several")]
    pub dkim: Vec<Dkim>,
    /// Where the ledger and the subscribers are stored.
    pub store: Store,
    /// The web server.
    pub web: Web,
    /// Where feeds and emails are written, and uploaded.
    pub output: Output,
}

impl Config {
    /// The line of `section.key`, or else of `[section]`.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        source::line_of(&self.text, key)
    }

    /// A configuration in which errors in other posts do not prevent work on one.
    #[must_use]
    pub fn lenient(&self) -> Self {
        Self { archive: Archive { strict: Some(false), ..self.archive.clone() }, ..self.clone() }
    }

    /// The language of the posts that are read, which is that of the feeds.
    pub fn language(&self) -> &str {
        self.archive.language.as_deref().unwrap_or(&self.site.language)
    }

    /// Whether the posts that are read are in another language than the site. File names may have other codes: `cn` for `zh`.
    pub fn reads_another_language(&self) -> bool {
        let code = |tag: &str| {
            let tag = suggested_language(tag).unwrap_or_else(|| tag.to_ascii_lowercase());
            tag.split(['-', '_']).next().unwrap_or_default().to_owned()
        };
        code(self.language()) != code(&self.site.language)
    }

    /// The file of a password. The service manager may pass it as a credential of that name (`LoadCredential=` of systemd);
    /// otherwise it is relative to the folder of `config.toml`.
    pub fn resolve_secret(&self, path: &Utf8Path) -> Utf8PathBuf {
        let is_name = path.file_name() == Some(path.as_str());
        let passed = environment("CREDENTIALS_DIRECTORY").filter(|_| is_name);
        let passed = passed.map(|folder| Utf8PathBuf::from(folder).join(path)).filter(|file| file.exists());
        passed.unwrap_or_else(|| self.resolve(path))
    }

    /// `path` relative to the folder of `config.toml`.
    pub fn resolve(&self, path: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        // Messages should show "posts", not "./posts".
        if self.root == "." { path.as_ref().to_owned() } else { self.root.join(path) }
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::{Config, parse};

    /// A small Korean site.
    pub(crate) fn config() -> Config {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n";
        parse(text, "config.toml", ".".into()).unwrap()
    }
}
