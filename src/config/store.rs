//! `[store]` and `[output]`: where things are kept and written.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{PostgresUrl, Span};

/// The `[store]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:` and a path, or `postgres://user@host/database`.
    pub url: String,
    /// The file with the secret behind the tokens.
    pub keys: Utf8PathBuf,
    /// The file outside the database that says how far the ledger has got.
    pub fence: Utf8PathBuf,
    /// The file that holds the password of the database.
    pub password_file: Option<Utf8PathBuf>,
    /// The environment variable that holds it.
    pub password_env: Option<String>,
    /// How much of a ledger's last moments may be missing after another database server took over.
    pub failover_window: Span,
}

impl Store {
    /// The path of the `SQLite` file.
    pub fn sqlite_path(&self) -> Option<Utf8PathBuf> {
        let path = self.url.strip_prefix("sqlite:")?;
        Some(path.strip_prefix("//").unwrap_or(path).into())
    }

    /// The database, if it is one; an error was found when the configuration was read.
    pub fn postgres(&self) -> Option<PostgresUrl> {
        PostgresUrl::read(&self.url)?.ok()
    }
}

/// The `[output]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Where the feeds are written.
    pub directory: Utf8PathBuf,
    /// Whether each post has a page there too; `None` means: where no other program makes them.
    #[serde(default)]
    pub pages: Option<bool>,
    /// Which compressed copies to write beside each file.
    pub compress: Vec<Compression>,
    /// Where letters go as `.eml` files while there is no `[smtp]`.
    pub outbox: Utf8PathBuf,
}

/// A way to compress, for web servers that send such copies as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Compression {
    /// `.gz`
    #[serde(rename = "gzip")]
    Gzip,
    /// `.br`
    #[serde(rename = "br")]
    Brotli,
}
