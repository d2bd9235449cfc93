//! What a wire tells of a copy: in which phase of the dialogue, and what was heard there. Facts without a meaning; that is
//! [`super::verdict`]'s alone.

use std::fmt;

use super::Reply;

/// Where in the dialogue something happened, in order.
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
    /// The final dot, until its reply. From the first byte of the dot on, silence means "in doubt".
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

/// What was heard instead of a whole reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The phase's deadline passed.
    #[error("no answer in time")]
    Deadline,
    /// The other side closed the connection, perhaps in the middle of a reply.
    #[error("the connection was closed")]
    Closed,
    /// The system reported an error: refused, reset, no route, disk full.
    #[error("{0}")]
    Io(String),
    /// Bytes that are no SMTP reply, or more of them than a reply may have.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// The handshake failed, or the certificate is not for this host.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The server lacks what is needed: STARTTLS, AUTH, SMTPUTF8, SIZE.
    #[error("the server does not offer {0}")]
    Missing(String),
    /// Letterpress itself does not put this on the wire; nothing was said to the server.
    #[error("{0}")]
    Unsendable(String),
    /// The name could not be resolved.
    #[error("cannot look up the server: {0}")]
    Dns(String),
}

/// One fact from the wire: in this phase, this was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Where.
    pub phase: Phase,
    /// A whole, well-formed reply of any class, or what came instead.
    pub what: Result<Reply, Trouble>,
}

impl Heard {
    /// What was heard, for people: `550 5.1.1 no such user`, or the trouble.
    pub fn said(&self) -> String {
        match &self.what {
            Ok(reply) => format!("{} {}", reply.code, reply.text),
            Err(trouble) => trouble.to_string(),
        }
    }
}
