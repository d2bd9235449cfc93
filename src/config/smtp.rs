//! `[smtp]`: the relay.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::oauth::LoginKeys;
use super::{LoginSource, Span};

/// The `[smtp]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The host name of the relay; its certificate must match.
    pub host: String,
    /// `None` means 465, 587 or 25, depending on `tls`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The user name.
    pub user: Option<String>,
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
    /// How many connections are open at once.
    #[serde(default = "connections")]
    pub connections: u16,
    /// The number of messages after which a connection is closed.
    #[serde(default = "messages_per_connection")]
    pub messages_per_connection: u32,
    /// The limit of messages per minute; `None` means no limit.
    pub per_minute: Option<u32>,
    /// The limit of messages per minute and recipient domain.
    pub per_domain_per_minute: Option<u32>,
    /// Limits for single domains; they override `per_domain_per_minute`.
    #[serde(default)]
    pub domains: BTreeMap<String, u32>,
    /// The waits before the second, third, … attempt; the last one repeats.
    #[serde(default = "retry")]
    pub retry: Vec<Span>,
    /// How long after the issue was scheduled a delivery is retried.
    #[serde(default = "give_up")]
    pub give_up: Span,
    /// The host name for EHLO.
    pub hello: Option<String>,
    /// The timeout of each phase.
    #[serde(default)]
    pub deadlines: Deadlines,
}

impl Smtp {
    /// The port, or the usual one for `tls`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Implicit => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        })
    }

    /// How to log in; `None` means without a login.
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

/// How the connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS from the first byte (RFC 8314), port 465.
    #[default]
    Implicit,
    /// STARTTLS (RFC 3207), required, port 587.
    Starttls,
    /// No encryption; only for this machine.
    None,
}

/// The timeout of each phase, in total and not for each read (RFC 5321, 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deadlines {
    /// TCP and TLS.
    pub connect: Span,
    /// Greeting, EHLO, AUTH, MAIL, RCPT.
    pub command: Span,
    /// DATA until 354, and the writing of the message.
    pub data: Span,
    /// From the final dot until its reply.
    pub dot: Span,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Span::seconds(30),
            command: Span::seconds(300),
            data: Span::seconds(120),
            dot: Span::seconds(600),
        }
    }
}

const fn connections() -> u16 {
    4
}

const fn messages_per_connection() -> u32 {
    100
}

fn retry() -> Vec<Span> {
    [5 * 60, 15 * 60, 3_600, 3 * 3_600, 6 * 3_600].map(Span::seconds).to_vec()
}

const fn give_up() -> Span {
    Span::seconds(48 * 3_600)
}
