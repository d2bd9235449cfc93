//! `[newsletter]`: what is mailed, and when.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{Span, Weekly};
use crate::address::{EmailAddress, Mailbox};

/// The `[newsletter]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newsletter {
    /// `false` means that only feeds are made.
    pub enabled: bool,
    /// Who the letter is from; needed to send.
    pub from: Option<Mailbox>,
    /// Where answers go.
    pub reply_to: Option<Mailbox>,
    /// Where bounces go.
    pub bounces: Option<EmailAddress>,
    /// Where unsubscribe mails go.
    pub unsubscribe: Option<EmailAddress>,
    /// The owner reads unsubscribe mails, and takes the subscribers off the list.
    pub unsubscribe_by_hand: bool,
    /// A template for the subject; `None` means the post's title.
    pub subject: Option<String>,
    /// A CSV file of readers that is read at each run.
    pub list: Option<Utf8PathBuf>,
    /// The owner vouches for the consent of everybody in `list`.
    pub list_confirmed: bool,
    /// How old a post must be before it is mailed.
    pub delay: Span,
    /// How old a post may be and still be mailed by itself.
    pub max_age: Span,
    /// When readers who want one letter a week get it, in the site's zone.
    pub digest: Weekly,
    /// What an empty ledger mails.
    pub first_run: FirstRun,
    /// What happens to a copy that may or may not have arrived.
    pub on_unknown: OnUnknown,
    /// The folder of the user's own templates.
    pub templates: Utf8PathBuf,
    /// A postal address for the footer.
    pub address: Option<String>,
}

impl Newsletter {
    /// Where unsubscribe mails go: `unsubscribe`, else `reply_to`, else `from`.
    pub fn unsubscribe_address(&self) -> Option<&EmailAddress> {
        let answers = self.reply_to.as_ref().or(self.from.as_ref()).map(|mailbox| &mailbox.address);
        self.unsubscribe.as_ref().or(answers)
    }
}

/// What an empty ledger mails (`ledger.md`, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstRun {
    /// Everything already published is recorded as a baseline; the next post is the first that is mailed.
    Nothing,
    /// The newest post is mailed, everything before it is the baseline.
    Newest,
}

/// What happens to a copy that may or may not have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// A person decides: `letterpress resolve`.
    Hold,
    /// It is sent once more, at most once per reader; some readers may get it twice.
    Resend,
}
