//! `[newsletter]`: what is mailed, and when.

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{Span, Weekly};
use crate::address::{EmailAddress, Mailbox};

/// The `[newsletter]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
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
    /// The order of the numbers in dates of `list` that have several readings.
    pub list_dates: Option<DateOrder>,
    /// How long after it was first seen a post is mailed.
    pub delay: Span,
    /// An edit within the delay starts it anew.
    pub delay_restarts: bool,
    /// Nothing is mailed before its writer has approved it.
    pub approve: bool,
    /// Where test copies and requests for approval go.
    pub test: Option<EmailAddress>,
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

    /// Who is asked for approval: `test`, else `reply_to`, else `from`.
    pub fn test_address(&self) -> Option<&EmailAddress> {
        let answers = self.reply_to.as_ref().or(self.from.as_ref()).map(|mailbox| &mailbox.address);
        self.test.as_ref().or(answers)
    }
}

/// In which order a list writes the numbers of a date, where their form does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day: for years of two digits.
    Ymd,
}

impl DateOrder {
    /// The word of the configuration and the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dmy => "dmy",
            Self::Mdy => "mdy",
            Self::Ymd => "ymd",
        }
    }

    /// Reads [`DateOrder::as_str`] back.
    pub fn parse(word: &str) -> Result<Self, String> {
        let all = [Self::Dmy, Self::Mdy, Self::Ymd];
        let found = all.into_iter().find(|order| order.as_str() == word);
        found.ok_or_else(|| "write dmy (day first), mdy (month first) or ymd (year first)".to_owned())
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
