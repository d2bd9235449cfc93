//! `[inbox]`: the IMAP mailbox to which bounces, complaints and unsubscribe mails come.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{Span, Tls};

/// The `[inbox]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// The server's name; its certificate must carry it.
    pub host: String,
    /// Without it 993 or 143, as `tls` says.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The name to log in with.
    pub user: String,
    /// The file that holds the password.
    pub password_file: Option<Utf8PathBuf>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<Utf8PathBuf>,
    /// The mailbox.
    #[serde(default = "folder")]
    pub folder: String,
    /// What happens to a mail that was taken.
    #[serde(default)]
    pub processed: Processed,
    /// How long one step may take: a command and its whole answer.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

impl Inbox {
    /// The port, or the usual one for `tls`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 })
    }
}

/// What happens to a mail that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Processed {
    /// It is flagged as seen and stays.
    #[default]
    Seen,
    /// It is flagged as seen and moved to this folder.
    Move(String),
}

impl TryFrom<String> for Processed {
    type Error = String;

    fn try_from(raw: String) -> Result<Self, String> {
        match raw.strip_prefix("move to ").map(str::trim) {
            Some(folder) if !folder.is_empty() => Ok(Self::Move(folder.to_owned())),
            _ if raw == "seen" => Ok(Self::Seen),
            _ => Err(format!("{raw:?} is neither \"seen\" nor \"move to FOLDER\"")),
        }
    }
}

fn folder() -> String {
    "INBOX".to_owned()
}

const fn timeout() -> Span {
    Span::seconds(60)
}
