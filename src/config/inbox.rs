//! `[inbox]`: the IMAP mailbox for bounces, complaints and unsubscribe emails.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::oauth::LoginKeys;
use super::{LoginSource, Span, Tls};

/// The `[inbox]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// The host name of the server; its certificate must match.
    pub host: String,
    /// `None` means 993 or 143, depending on `tls`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The user name.
    pub user: String,
    /// The file with the password.
    pub password_file: Option<Utf8PathBuf>,
    /// The environment variable with the password.
    pub password_env: Option<String>,
    /// A program that prints a token for the login, and its arguments.
    pub token_command: Option<Vec<String>>,
    /// The section `[oauth.NAME]` for which `letterpress login` stored tokens.
    pub oauth: Option<String>,
    /// Additional certificate authorities, in PEM.
    pub ca_file: Option<Utf8PathBuf>,
    /// The mailbox.
    #[serde(default = "folder")]
    pub folder: String,
    /// What to do with a processed email.
    #[serde(default)]
    pub processed: Processed,
    /// The timeout for one command and its whole response.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

impl Inbox {
    /// The port, or the usual one for `tls`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 })
    }

    /// How to log in; `None` only if the configuration is wrong.
    pub fn login(&self) -> Option<LoginSource<'_>> {
        self.login_keys().given().next()
    }

    pub(super) fn login_keys(&self) -> LoginKeys<'_> {
        LoginKeys {
            password_file: self.password_file.as_deref(),
            password_env: self.password_env.as_deref(),
            token_command: self.token_command.as_deref(),
            oauth: self.oauth.as_deref(),
        }
    }
}

/// What to do with a processed email.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Processed {
    /// Flag it as seen.
    #[default]
    Seen,
    /// Flag it as seen and move it to this folder.
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
