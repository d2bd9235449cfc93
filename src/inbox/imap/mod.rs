//! An IMAP mailbox as inbox (RFC 3501, RFC 4315, RFC 6851): a small client that reads, flags and moves mail.
//!
//! It fetches `BODY.PEEK`, so that reading changes nothing; uses UIDs, so that other clients cannot interfere; and
//! flags a mail only after its report has been committed. Each step has a time limit and each response a size limit.

mod auth;
mod folder;
mod response;
mod response_reader;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use super::{Disposal, InboxError, InboxProcessor, InboxReport};
use crate::config::{Inbox, Processed, Tls};
use crate::delivery::SmtpOutcome;
use crate::delivery::smtp::SmtpError;
use crate::delivery::smtp::TlsSetup;
use crate::oauth::Credential;

/// How many mails are fetched at once.
const BATCH: usize = 8;

/// Why a mailbox could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// `inbox.host` is neither a name nor an IP address.
    #[error("inbox.host {0:?} is not a host name; write it like \"imap.example.com\"")]
    Host(String),
    /// Certificates cannot be verified.
    #[error("cannot set up TLS for [inbox]: {0}")]
    Authorities(String),
    /// No connection, or no TLS; with the phase and the error as for SMTP.
    #[error("cannot connect to the IMAP server (at {}): {}", .0.phase, .0.reply_text())]
    Unusable(Box<SmtpOutcome>),
    /// The login was rejected.
    #[error("the IMAP server rejected the login: {0}")]
    LoginRefused(String),
    /// The server closed the connection.
    #[error("the IMAP server closed the connection while {0}")]
    Closed(&'static str),
    /// No complete response in time.
    #[error("timeout waiting for the IMAP server while {0}")]
    Deadline(&'static str),
    /// The system or TLS reported an error.
    #[error("the connection to the IMAP server failed while {0}: {1}")]
    Io(&'static str, String),
    /// Not IMAP, or a response that is too long.
    #[error("protocol violation by the IMAP server while {0}: {1}")]
    Protocol(&'static str, String),
    /// The server rejected the command.
    #[error("the IMAP server rejected {0}: {1}")]
    Refused(&'static str, String),
    /// The server does not offer a required capability.
    #[error("the IMAP server does not offer {0}")]
    Missing(&'static str),
    /// The mailbox is read-only, so nothing could be flagged.
    #[error("the mailbox {0:?} is read-only for this user")]
    ReadOnly(String),
}

impl ImapError {
    /// Whether the user has to fix it, usually in the configuration.
    pub fn is_users(&self) -> bool {
        matches!(
            self,
            Self::Host(_)
                | Self::Authorities(_)
                | Self::LoginRefused(_)
                | Self::Refused(..)
                | Self::Missing(_)
                | Self::ReadOnly(_)
        )
    }
}

/// A mailbox that can be opened.
#[derive(Debug)]
pub struct Mailbox {
    host: String,
    port: u16,
    tls: Tls,
    setup: Option<TlsSetup>,
    user: String,
    credential: Credential,
    folder: String,
    processed: Processed,
    timeout: Duration,
}

impl Mailbox {
    /// Prepares the mailbox of `[inbox]`; nothing is connected yet. `ca_file` must have been resolved already.
    pub fn new(inbox: &Inbox, credential: Credential) -> Result<Self, ImapError> {
        let host = match inbox.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => idna::domain_to_ascii(&inbox.host).map_err(|_| ImapError::Host(inbox.host.clone()))?,
        };
        let setup = match inbox.tls {
            Tls::None => None,
            Tls::Implicit | Tls::Starttls => {
                Some(TlsSetup::new(&host, inbox.ca_file.as_deref()).map_err(|error| match error {
                    SmtpError::CaFile { path, reason } => {
                        ImapError::Authorities(format!("inbox.ca_file {path}: {reason}"))
                    }
                    SmtpError::Host(host) => ImapError::Host(host),
                    SmtpError::NoAuthorities => ImapError::Authorities(
                        "this system has no CA certificates; install them, or set inbox.ca_file".to_owned(),
                    ),
                    other => ImapError::Authorities(other.to_string()),
                })?)
            }
        };
        Ok(Self {
            port: inbox.port(),
            tls: inbox.tls,
            user: inbox.user.clone(),
            folder: inbox.folder.clone(),
            processed: inbox.processed.clone(),
            timeout: inbox.timeout.duration(),
            host,
            setup,
            credential,
        })
    }

    /// Connects and logs in, without opening a folder.
    pub async fn try_login(&self) -> Result<(), ImapError> {
        auth::open(self).await?.log_out().await;
        Ok(())
    }

    /// The key under which the store keeps the position in this mailbox.
    fn position_key(&self) -> String {
        format!("inbox {}@{}:{}/{}", self.user, self.host, self.port, self.folder)
    }
}

/// The position in a mailbox. A UID is valid only together with its UIDVALIDITY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    validity: u32,
    uid: u32,
}

impl Position {
    fn parse(stored: &str) -> Option<Self> {
        let (validity, uid) = stored.split_once(' ')?;
        Some(Self { validity: validity.parse().ok()?, uid: uid.parse().ok()? })
    }
}

/// Processes every unseen mail since the last run; with `again`, also those that were left untouched before.
pub async fn sweep(
    processor: &InboxProcessor,
    mailbox: &Mailbox,
    again: bool,
    tally: &mut InboxReport,
) -> Result<(), InboxError> {
    let mut session = auth::open(mailbox).await?;
    let validity = session.select(&mailbox.folder, processor.rehearsal).await?;
    let known = processor.store.get_meta(&mailbox.position_key()).await?;
    let known =
        known.as_deref().and_then(Position::parse).filter(|position| position.validity == validity && !again);
    let first = known.map_or(1, |position| position.uid.saturating_add(1));
    let unseen = session.unseen(first).await?;
    if let (Processed::Move(folder), false) = (&mailbox.processed, processor.rehearsal || unseen.is_empty()) {
        session.create(folder).await?;
    }
    for batch in unseen.chunks(BATCH) {
        let requested: HashSet<u32> = batch.iter().copied().collect();
        let mut done = Vec::new();
        for (uid, bytes) in session.fetch(batch).await? {
            if (processor.stop)() {
                break;
            }
            if requested.contains(&uid)
                && processor.take(&uid.to_string(), &bytes, tally).await? == Disposal::Done
            {
                done.push(uid);
            }
        }
        if !done.is_empty() {
            session.dispose(&done, &mailbox.processed).await?;
        }
        if (processor.stop)() {
            break;
        }
        if let (Some(uid), false) = (batch.last(), processor.rehearsal) {
            processor.store.set_meta(&mailbox.position_key(), &format!("{validity} {uid}")).await?;
        }
    }
    session.log_out().await;
    Ok(())
}
