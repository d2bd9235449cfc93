//! What comes back: bounces, complaints, farewells. From a Maildir, an IMAP mailbox or a pipe into the store.
//!
//! Whatever comes in is hostile: it is bounded before it is read, believed only by its signed token, and never
//! answered; no mail is sent from here. A mail is marked as done only after what it says has been committed, so that
//! a crash between the two costs nothing: the store knows a notice when it sees it again. Mail that is not ours stays
//! as it was. A reading order: `fields`, `mime` bytes to parts · `dsn`, `arf` what a report says · `trace` whose copy
//! it is about · [`read`] what the mail is · [`Desk`] into the store · [`maildir`], [`imap`] where it comes from.

mod arf;
mod classification;
mod correlate;
mod dsn;
mod fields;
pub mod imap;
pub mod maildir;
mod mime;
mod report;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::Arc;

use camino::Utf8PathBuf;

pub use classification::{Classified, MOST_BYTES, classify};
pub use report::InboxReport;

use crate::clock::Clock;
use crate::store::{RecordOutcome, Store, StoreError};
use crate::subscribers::token::TokenKeys;

/// Why the inbox could not be worked through. What was taken before stands.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder is no Maildir.
    #[error("{0} is not a Maildir: it has no folders `new` and `cur`")]
    NoMaildir(Utf8PathBuf),
    /// A file or a folder could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The mailbox could not be used.
    #[error(transparent)]
    Imap(#[from] imap::ImapError),
}

impl InboxError {
    fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }
}

/// What is to be done with the mail itself, now that what it says is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// It is ours and done with: mark it.
    Done,
    /// Leave it as it is.
    LeaveAlone,
}

/// Where mails are taken, whatever way they come.
pub struct InboxProcessor {
    /// Where it is recorded.
    pub store: Arc<Store>,
    /// What a token is verified with.
    pub keys: Arc<TokenKeys>,
    /// When it came.
    pub clock: Arc<dyn Clock>,
    /// Only look: nothing is recorded and nothing is marked.
    pub rehearsal: bool,
    /// Asked between mails: whether to stop.
    pub stop: Box<dyn Fn() -> bool + Send + Sync>,
}

impl InboxProcessor {
    /// Takes one mail. Once this has returned [`Disposal::Done`], what it says is on the disk.
    pub async fn take(&self, bytes: &[u8], tally: &mut InboxReport) -> Result<Disposal, StoreError> {
        tally.mails += 1;
        let notice = match classify(bytes, &self.keys) {
            Classified::Report(notice) => notice,
            other => {
                tally.count(&other);
                let done = other == Classified::Automatic && !self.rehearsal;
                return Ok(if done { Disposal::Done } else { Disposal::LeaveAlone });
            }
        };
        if self.rehearsal {
            tally.report(&notice.word);
            return Ok(Disposal::LeaveAlone);
        }
        let word = notice.word.clone();
        let taken = self.store.record_report(notice, self.clock.now()).await?;
        tally.record(&word, &taken);
        Ok(if taken == RecordOutcome::UnknownToken { Disposal::LeaveAlone } else { Disposal::Done })
    }

    /// Takes one mail from a pipe. The rest of a long one is read to its end, as a mail server that cannot write its
    /// mail takes that for a failure.
    pub async fn take_from(&self, mut pipe: impl Read, tally: &mut InboxReport) -> Result<(), InboxError> {
        let reading = |source| InboxError::io("reading the mail from standard input", source);
        let mut bytes = Vec::new();
        pipe.by_ref().take(MOST_BYTES as u64).read_to_end(&mut bytes).map_err(reading)?;
        self.take(&bytes, tally).await?;
        std::io::copy(&mut pipe, &mut std::io::sink()).map_err(reading)?;
        Ok(())
    }
}
