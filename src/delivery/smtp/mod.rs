//! The SMTP client. Letterpress has its own, because no library reports in which phase a connection was lost (RFC 5321,
//! RFC 2920, RFC 3207, RFC 4954).
//!
//! It does not retry and does not interpret: it reports facts, and [`crate::delivery::verdict`] decides. Read the
//! modules in this order: [`reply`] parses replies · `capabilities` the reply to EHLO · `command` command lines ·
//! `body` dot-stuffing · `line_stream` the bytes of one connection · `connector` TCP and TLS · `session` until AUTH · `auth` AUTH ·
//! `transaction` the phases of one message · `examination` a session without one.

mod auth;
mod body;
mod capabilities;
pub mod certificate;
mod command;
pub(crate) mod connector;
mod examination;
pub(crate) mod line_stream;
pub mod reply;
mod session;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8PathBuf;
use rustls::pki_types::ServerName;

pub use capabilities::Capabilities;
pub use examination::Examination;

use super::{Connection, SmtpOutcome, Transport, TransportError};
use crate::config::{Deadlines, Smtp, Tls};
use crate::crash;
use crate::oauth::Credential;

/// A relay, reached over SMTP.
#[derive(Debug)]
pub struct SmtpTransport {
    host: String,
    port: u16,
    security: Security,
    login: Option<Login>,
    hello: Option<String>,
    deadlines: Deadlines,
    connections: u16,
    messages_per_connection: u32,
}

/// How the connection is protected, with the TLS set-up.
#[derive(Debug, Clone)]
enum Security {
    None,
    Implicit(TlsSetup),
    Starttls(TlsSetup),
}

/// The trusted certificate authorities, and the name that the certificate must have.
#[derive(Debug, Clone)]
pub(crate) struct TlsSetup {
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
}

/// A user name and what proves it; neither may appear in an error.
#[derive(Debug, Clone)]
struct Login {
    user: String,
    credential: Credential,
}

/// Why the transport cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// `smtp.host` is neither a name nor an IP address.
    #[error("smtp.host {0:?} is not a host name; write it like \"smtp.example.com\"")]
    Host(String),
    /// `smtp.hello` would break the EHLO line.
    #[error("smtp.hello {0:?} is not a valid EHLO name; write it like \"news.example.com\" or remove it")]
    Hello(String),
    /// `smtp.ca_file` cannot be read.
    #[error("cannot read smtp.ca_file {path}: {reason}; it must contain certificates in PEM format")]
    CaFile {
        /// The file.
        path: Utf8PathBuf,
        /// The problem.
        reason: String,
    },
    /// No certificate authority at all.
    #[error("this system has no CA certificates; install them, or set smtp.ca_file")]
    NoAuthorities,
    /// A user without a password.
    #[error("smtp.user is set, but no password; add smtp.password_file or smtp.password_env")]
    NoPassword,
    /// A NUL, which AUTH PLAIN uses as its separator (RFC 4616).
    #[error("the SMTP user or password contains a NUL character; remove it")]
    Nul,
    /// The TLS library rejected the set-up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl SmtpTransport {
    /// Prepares the transport of `smtp`; nothing is connected yet. `smtp.ca_file` must have been resolved already.
    pub fn new(smtp: &Smtp, credential: Option<Credential>) -> Result<Self, SmtpError> {
        let host = match smtp.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => idna::domain_to_ascii(&smtp.host).map_err(|_| SmtpError::Host(smtp.host.clone()))?,
        };
        if let Some(hello) = &smtp.hello
            && (hello.is_empty() || !hello.is_ascii() || !command::is_single_token(hello))
        {
            return Err(SmtpError::Hello(hello.clone()));
        }
        let has_nul = |credential: &Credential| match credential {
            Credential::Password(password) => password.expose().contains('\0'),
            Credential::Token(_) => false,
        };
        let login = match (&smtp.user, credential) {
            (Some(user), Some(credential)) if user.contains('\0') || has_nul(&credential) => {
                return Err(SmtpError::Nul);
            }
            (Some(user), Some(credential)) => Some(Login { user: user.clone(), credential }),
            (Some(_), None) => return Err(SmtpError::NoPassword),
            (None, _) => None,
        };
        let security = match smtp.tls {
            Tls::None => Security::None,
            Tls::Implicit => Security::Implicit(TlsSetup::new(&host, smtp.ca_file.as_deref())?),
            Tls::Starttls => Security::Starttls(TlsSetup::new(&host, smtp.ca_file.as_deref())?),
        };
        Ok(Self {
            port: smtp.port(),
            hello: smtp.hello.clone(),
            deadlines: smtp.deadlines,
            connections: smtp.connections,
            messages_per_connection: smtp.messages_per_connection,
            host,
            security,
            login,
        })
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn connect(&self) -> Result<Box<dyn Connection>, SmtpOutcome> {
        crash::point("before-connect");
        let (stream, capabilities) = session::open(self).await?;
        let limits =
            transaction::Timeouts { deadlines: self.deadlines, messages: self.messages_per_connection };
        Ok(Box::new(transaction::SmtpConnection::new(stream, capabilities, limits)))
    }

    fn max_connections(&self) -> usize {
        usize::from(self.connections)
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Checks that any transport could send `message`: complete CR LF lines of at most 998 bytes, no NUL.
pub(super) fn check_message(message: &[u8]) -> Result<(), TransportError> {
    body::check(message).map_err(|why| TransportError::Unsendable(why.to_string()))
}
