//! What a transport reports about a message: the phase, and the reply or error. These are plain facts;
//! [`super::verdict`] decides what they mean, and [`super::diagnosis`] explains what to do.

use std::fmt;
use std::net::SocketAddr;

use super::Reply;
use super::smtp::certificate::BadCertificate;
use crate::ledger::LastReply;
use crate::oauth::TokenError;

/// The phases of the SMTP dialogue, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// DNS and TCP.
    Connect,
    /// The server's first line.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS and the TLS handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, until its 354.
    Data,
    /// The message without its final dot.
    Body,
    /// The final dot, until its reply. After the first byte of the dot, a missing reply means "unknown".
    Dot,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::Tls => "TLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL FROM",
            Self::Rcpt => "RCPT TO",
            Self::Data => "DATA",
            Self::Body => "the message",
            Self::Dot => "the final dot",
        })
    }
}

/// Why there is no complete reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The phase's deadline passed.
    #[error("no reply in time")]
    Deadline,
    /// The server closed the connection, perhaps in the middle of a reply.
    #[error("the server closed the connection")]
    Closed,
    /// The system reported an error: reset, broken pipe, disk full.
    #[error("{0}")]
    Io(String),
    /// The name resolves, but no connection could be opened.
    #[error("{0}")]
    Unreachable(Unreachable),
    /// Bytes that are not an SMTP reply, or a reply that is too long.
    #[error("protocol violation by the server: {0}")]
    Protocol(String),
    /// The first bytes belong to another protocol than expected.
    #[error("{0}")]
    WrongProtocol(WrongProtocol),
    /// The handshake failed, or the certificate is not for this host.
    #[error("TLS failed: {0}")]
    Tls(TlsError),
    /// The server lacks what is needed: STARTTLS, AUTH, SMTPUTF8, SIZE.
    #[error("the server does not offer {0}")]
    Missing(MissingCapability),
    /// Letterpress refuses to send this; nothing was sent to the server.
    #[error("{0}")]
    Unsendable(String),
    /// No name server answered.
    #[error("cannot look up the server: {0}")]
    Dns(String),
    /// There is no token to log in with.
    #[error("{0}")]
    Token(TokenError),
    /// The DNS has no such name.
    #[error("cannot look up the server: {0}")]
    NoSuchHost(String),
}

/// Why no TCP connection could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// The address that was tried last.
    pub address: SocketAddr,
    /// Whether the connection was refused; otherwise there is no route to the address.
    pub is_refused: bool,
    /// The error of the operating system.
    pub reason: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)
    }
}

/// The protocol of a server, by its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongProtocol {
    /// TLS, where plain text was expected.
    Tls,
    /// SMTP in plain text, where TLS was expected; with its greeting.
    Smtp(String),
    /// IMAP, with its greeting.
    Imap(String),
    /// POP3.
    Pop3,
    /// HTTP: a web server.
    Http,
    /// SSH.
    Ssh,
}

impl WrongProtocol {
    /// Recognises the protocol by the first bytes of the server.
    pub(crate) fn recognise(first: &[u8]) -> Option<Self> {
        let greeting = || {
            let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            let line = String::from_utf8_lossy(&line[..line.len().min(80)]);
            line.chars().filter(|character| !character.is_control()).collect::<String>()
        };
        match first {
            // An alert or a handshake of TLS 1.x, or SSL 3.
            [0x15 | 0x16, 3, 0..=4, ..] => Some(Self::Tls),
            [b'2' | b'4' | b'5', second, third, b' ' | b'-', ..]
                if second.is_ascii_digit() && third.is_ascii_digit() =>
            {
                Some(Self::Smtp(greeting()))
            }
            _ if first.starts_with(b"* ") => Some(Self::Imap(greeting())),
            _ if first.starts_with(b"+OK") || first.starts_with(b"-ERR") => Some(Self::Pop3),
            _ if first.starts_with(b"HTTP/") => Some(Self::Http),
            _ if first.trim_ascii_start().to_ascii_lowercase().starts_with(b"<!doctype html")
                || first.trim_ascii_start().to_ascii_lowercase().starts_with(b"<html") =>
            {
                Some(Self::Http)
            }
            _ if first.starts_with(b"SSH-") => Some(Self::Ssh),
            _ => None,
        }
    }
}

impl fmt::Display for WrongProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str("the server speaks TLS from the first byte"),
            Self::Smtp(greeting) => write!(f, "the server speaks plain SMTP: {greeting}"),
            Self::Imap(greeting) => write!(f, "the server speaks IMAP: {greeting}"),
            Self::Pop3 => f.write_str("the server speaks POP3"),
            Self::Http => f.write_str("the server speaks HTTP"),
            Self::Ssh => f.write_str("the server speaks SSH"),
        }
    }
}

/// Why there is no protected connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsError {
    /// The certificate was rejected.
    Certificate(Box<BadCertificate>),
    /// The two ends have no version or cipher in common.
    NoCommonParameters(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(bad) => bad.fmt(f),
            Self::NoCommonParameters(reason) | Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// A capability that a server does not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingCapability {
    /// STARTTLS, which the configuration requires.
    Starttls,
    /// A login mechanism that Letterpress supports.
    Auth {
        /// The server offers STARTTLS, which was not used, and may offer a login after it.
        offers_starttls: bool,
        /// The mechanisms that it offers.
        mechanisms: Vec<String>,
        /// The login is with a token and not with a password.
        with_token: bool,
    },
    /// TLS for the password: the connection is unencrypted and leaves this machine.
    TlsForPassword,
    /// An extension that one message needs.
    Extension(String),
}

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starttls => f.write_str("STARTTLS, which smtp.tls requires"),
            Self::Auth { with_token: true, .. } => f.write_str("AUTH with OAUTHBEARER or XOAUTH2"),
            Self::Auth { .. } => f.write_str("AUTH with PLAIN or LOGIN"),
            Self::TlsForPassword => f.write_str("TLS, which is required to send a password"),
            Self::Extension(what) => f.write_str(what),
        }
    }
}

/// One fact from the transport: the phase, and what happened in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpOutcome {
    /// The phase.
    pub phase: Phase,
    /// A complete, well-formed reply of any class, or the error.
    pub result: Result<Reply, TransportError>,
}

impl SmtpOutcome {
    /// The reply or the error, for display: `550 5.1.1 no such user`.
    pub fn reply_text(&self) -> String {
        match &self.result {
            Ok(reply) => reply.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// The reply or the error, for the ledger.
    pub(crate) fn whole_reply(&self) -> String {
        match &self.result {
            Ok(reply) => format!("{} {}", reply.code, reply.text),
            Err(error) => error.to_string(),
        }
    }

    /// What the ledger keeps of it.
    pub(super) fn last_reply(&self) -> LastReply {
        LastReply { phase: self.phase.to_string(), text: self.whole_reply().chars().take(1_000).collect() }
    }

    /// Whether the relay ends the session before the next message, which it will take over another connection.
    pub(super) fn ends_session(&self) -> bool {
        self.phase == Phase::Mail && self.result.as_ref().is_ok_and(|reply| reply.code == 421)
    }
}
