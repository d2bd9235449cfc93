//! Processes inbound mail: bounces, complaints and unsubscribe requests, from a Maildir, an IMAP mailbox or a pipe.
//!
//! All input is hostile: its size is bounded, it is trusted only if it contains a signed token, and no mail is
//! sent from here. Only a sign-up by email needs no token: like a form it leads to a confirmation, within the limits of forms. A mail is marked as done only after its report has been committed. A crash
//! between the two does no harm, because the store recognises a duplicate report. Other mail is left untouched. Read
//! the modules in this order: `fields`, `mime` parse a mail · `dsn`, `arf`, `notice` parse a report · `correlate` finds the
//! delivery · [`classify`] · [`InboxProcessor`] records reports in the store · [`maildir`], [`imap`] read the mail.

mod arf;
mod classification;
mod correlate;
mod dsn;
mod fields;
pub mod imap;
pub mod maildir;
mod mime;
mod notice;
mod report;
mod request;
mod summary;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::Arc;

use camino::Utf8PathBuf;

pub use classification::{Classified, MOST_BYTES, classify};
pub use report::InboxReport;
pub use request::{EmailSignUps, SubscriptionRequest};
pub use summary::MailSummary;

use mime::Part;
pub(crate) use mime::{Mail, unstructured};

use crate::clock::Clock;
use crate::store::{RecordOutcome, Store, StoreError};
use crate::subscribers::token::TokenKeys;

/// The kinds of a part with the returned message, or its head.
const RETURNED: [&str; 4] =
    ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"];

fn is(part: &Part<'_>, kinds: &[&str]) -> bool {
    kinds.contains(&part.kind.as_str())
}

fn find<'m, 'a>(mail: &'m Mail<'a>, kinds: &[&str]) -> Option<&'m Part<'a>> {
    mail.parts.iter().find(|part| is(part, kinds))
}

/// Why the inbox could not be processed. What was recorded before is kept.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder is not a Maildir.
    #[error("{0} is not a Maildir: it has no folders `new` and `cur`")]
    NoMaildir(Utf8PathBuf),
    /// A file or a folder could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The error of the operating system.
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

/// What to do with the mail itself after its report was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// It was processed: mark it.
    Done,
    /// Leave it as it is.
    LeaveAlone,
}

/// See [`InboxProcessor::on_mail`].
pub type MailCallback = dyn Fn(&MailSummary<'_>) + Send + Sync;

/// Processes mails from any source.
pub struct InboxProcessor {
    /// The store that records the reports.
    pub store: Arc<Store>,
    /// The keys that verify the tokens.
    pub keys: Arc<TokenKeys>,
    /// The clock for the time of a report.
    pub clock: Arc<dyn Clock>,
    /// How sign-ups by email are taken; `None` if they are not.
    pub sign_ups: Option<EmailSignUps>,
    /// Whether to record and mark nothing.
    pub rehearsal: bool,
    /// Called with each mail, before anything is recorded.
    pub on_mail: Box<MailCallback>,
    /// Checked between mails: whether to stop.
    pub stop: Box<dyn Fn() -> bool + Send + Sync>,
}

impl InboxProcessor {
    /// Processes one mail; `name` is its file or its UID. When this returns [`Disposal::Done`], its report is on the disk.
    pub async fn take(
        &self,
        name: &str,
        bytes: &[u8],
        tally: &mut InboxReport,
    ) -> Result<Disposal, StoreError> {
        tally.mails += 1;
        let classified = classify(bytes, &self.keys);
        (self.on_mail)(&MailSummary::new(name, &classified));
        let report = match classified {
            Classified::Report(report) => report,
            Classified::Request(request) => return self.take_request(request, tally).await,
            other => {
                tally.count(&other);
                let done = other == Classified::Automatic && !self.rehearsal;
                return Ok(if done { Disposal::Done } else { Disposal::LeaveAlone });
            }
        };
        if self.rehearsal {
            tally.report(&report.kind);
            return Ok(Disposal::LeaveAlone);
        }
        let kind = report.kind.clone();
        let outcome = self.store.record_report(report, Arc::clone(&self.keys), self.clock.now()).await?;
        tally.record(&kind, &outcome);
        Ok(if outcome == RecordOutcome::UnknownToken { Disposal::LeaveAlone } else { Disposal::Done })
    }

    /// Processes one mail from a pipe. Reads a long one to its end, because a mail server treats a failed write as a
    /// delivery failure.
    pub async fn take_from(&self, mut pipe: impl Read, tally: &mut InboxReport) -> Result<(), InboxError> {
        let reading = |source| InboxError::io("reading the mail from standard input", source);
        let mut bytes = Vec::new();
        pipe.by_ref().take(MOST_BYTES as u64).read_to_end(&mut bytes).map_err(reading)?;
        self.take("-", &bytes, tally).await?;
        std::io::copy(&mut pipe, &mut std::io::sink()).map_err(reading)?;
        Ok(())
    }
}
