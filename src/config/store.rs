//! `[store]`: where data is stored.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{PostgresUrl, Span};

/// The `[store]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:` and a path, or `postgres://user@host/database`.
    pub url: String,
    /// The file with the secret keys for the tokens.
    pub keys: Utf8PathBuf,
    /// The file with the tokens of `letterpress login`.
    pub tokens: Utf8PathBuf,
    /// The file outside the database that records the epoch of the ledger.
    pub fence: Utf8PathBuf,
    /// The file with the password of the database.
    pub password_file: Option<Utf8PathBuf>,
    /// The environment variable with the password.
    pub password_env: Option<String>,
    /// How much of the latest data may be missing after a failover of the database server.
    pub failover_window: Span,
    /// After which time finished deliveries keep only what still matters; `None`: never.
    pub keep_details: Option<Span>,
}

impl Store {
    /// The path of the `SQLite` file.
    pub fn sqlite_path(&self) -> Option<Utf8PathBuf> {
        let path = self.url.strip_prefix("sqlite:")?;
        Some(path.strip_prefix("//").unwrap_or(path).into())
    }

    /// The `PostgreSQL` database, if the URL names one. Errors were reported when the configuration was read.
    pub fn postgres(&self) -> Option<PostgresUrl> {
        PostgresUrl::read(&self.url)?.ok()
    }
}
