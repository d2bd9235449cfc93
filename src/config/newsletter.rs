//! `[newsletter]`: what is mailed, and when.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;
use url::Url;

use super::{Color, SeriesStart, Span, Weekly};
use crate::address::{EmailAddress, Mailbox};
use crate::text::HeaderText;

/// The `[newsletter]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
pub struct Newsletter {
    /// `false` means that only feeds are built.
    pub enabled: bool,
    /// The sender of the emails; required to send.
    pub from: Option<Mailbox>,
    /// The address for replies.
    pub reply_to: Option<Mailbox>,
    /// The address for bounces.
    pub bounces: Option<EmailAddress>,
    /// The address for unsubscribe emails.
    pub unsubscribe: Option<EmailAddress>,
    /// The owner reads unsubscribe emails and removes the subscribers manually.
    pub unsubscribe_by_hand: bool,
    /// Whether an email to the address for unsubscribe emails can subscribe.
    pub sign_up_by_email: bool,
    /// A template for the subject; `None` means the title of the post.
    pub subject: Option<String>,
    /// A CSV file of subscribers that is imported at each run.
    pub list: Option<Utf8PathBuf>,
    /// The owner confirms that everyone in `list` has consented.
    pub list_confirmed: bool,
    /// The order of the numbers in ambiguous dates of `list`.
    pub list_dates: Option<DateOrder>,
    /// Fields of `list` with another heading: `"email=Adresse"`.
    pub list_columns: Vec<String>,
    /// What the values of columns about a state mean: `"opt_out=1:unsubscribed"`.
    pub list_state_columns: Vec<String>,
    /// The encoding of `list`, if it is not recognised.
    pub list_encoding: Option<String>,
    /// How long to wait between noticing a post and mailing it.
    pub delay: Span,
    /// Whether an edit restarts the delay.
    pub delay_restarts: bool,
    /// Whether a post must be approved before it is mailed.
    pub approve: bool,
    /// The address for test emails and requests for approval.
    pub test: Option<EmailAddress>,
    /// The greatest age at which a post is still mailed automatically.
    pub max_age: Span,
    /// How long deferred deliveries may wait before a run with `--quiet` mentions them.
    pub quiet_after: Span,
    /// When the weekly digest is mailed, in the time zone of the site.
    pub digest: Weekly,
    /// A file: the email that everybody gets after the confirmation of their sign-up.
    pub welcome: Option<Utf8PathBuf>,
    /// Series of emails by their names, and what begins each.
    pub series: BTreeMap<String, SeriesStart>,
    /// What the first run mails.
    pub first_run: FirstRun,
    /// What to do with a delivery whose outcome is unknown.
    pub on_unknown: OnUnknown,
    /// The folder of the user's own templates.
    pub templates: Utf8PathBuf,
    /// The folder of the user's own words, a file for each language.
    pub words: Utf8PathBuf,
    /// The look of the emails.
    pub theme: Theme,
    /// The color of links and buttons.
    pub accent: Option<Color>,
    /// The address of a picture that stands for the title of the site.
    pub logo: Option<Url>,
    /// The same for dark designs.
    pub logo_dark: Option<Url>,
    /// Whether an issue begins with a greeting.
    pub greeting: bool,
    /// A postal address for the footer.
    pub address: Option<String>,
}

impl Newsletter {
    /// The address for unsubscribe emails: `unsubscribe`, else `reply_to`, else `from`.
    pub fn unsubscribe_address(&self) -> Option<&EmailAddress> {
        let answers = self.reply_to.as_ref().or(self.from.as_ref()).map(|mailbox| &mailbox.address);
        self.unsubscribe.as_ref().or(answers)
    }

    /// The topics that begin a series; no post need have them.
    pub fn series_topics(&self) -> impl Iterator<Item = &HeaderText> {
        self.series.values().filter_map(|start| match start {
            SeriesStart::Topic(topic) => Some(topic),
            SeriesStart::SignUp | SeriesStart::Hand => None,
        })
    }

    /// Who is asked for approval: `test`, else `reply_to`, else `from`.
    pub fn test_address(&self) -> Option<&EmailAddress> {
        let answers = self.reply_to.as_ref().or(self.from.as_ref()).map(|mailbox| &mailbox.address);
        self.test.as_ref().or(answers)
    }
}

/// The order of the numbers in a date, if the format is ambiguous.
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
    /// The word in the configuration and on the command line.
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

/// The look of the emails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// One column of text.
    Plain,
    /// With a masthead, and titles in the middle.
    Magazine,
}

impl Theme {
    /// The name in the configuration and in templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Magazine => "magazine",
        }
    }
}

/// What the first run mails (`ledger.md`, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstRun {
    /// Nothing: all published posts become the baseline, and the next post is the first to be mailed.
    Nothing,
    /// The newest post; all older posts become the baseline.
    Newest,
}

/// What to do with a delivery whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// The user decides with `letterpress resolve`.
    Hold,
    /// It is sent again, at most once per subscriber; a subscriber may get it twice.
    Resend,
}
