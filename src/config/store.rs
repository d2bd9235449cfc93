//! `[store]`, `[web]` and `[output]`: where things are kept, answered and written.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::SiteUrl;

/// The `[store]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:` and a path.
    pub url: String,
    /// The file with the secret behind the tokens.
    pub keys: Utf8PathBuf,
    /// The file outside the database that says how far the ledger has got.
    pub fence: Utf8PathBuf,
}

impl Store {
    /// The path of the `SQLite` file.
    pub fn sqlite_path(&self) -> Option<Utf8PathBuf> {
        let path = self.url.strip_prefix("sqlite:")?;
        Some(path.strip_prefix("//").unwrap_or(path).into())
    }
}

/// The `[web]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Where the unsubscribe page answers.
    pub url: Option<SiteUrl>,
}

/// The `[output]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Where the feeds are written.
    pub directory: Utf8PathBuf,
    /// Where letters go as `.eml` files while there is no `[smtp]`.
    pub outbox: Utf8PathBuf,
}
