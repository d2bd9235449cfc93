//! What the ledger says about the list and the issues, as one value ([`Report`]), and its writers: a page (`html.rs` with
//! `plot.rs`), CSV, and JSON by serde. Pure: the store counts, and the pipeline puts the counts together.
//!
//! Nothing here names a person: replies of servers are shortened (`replies.rs`), and a receiving domain appears only if at
//! least five subscribers have an address there.

mod csv;
mod curve;
mod html;
mod periods;
pub(crate) mod plot;
mod replies;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

pub(crate) use csv::to_csv;
pub(crate) use curve::{CurveBuilder, CurvePoint};
pub(crate) use html::to_html;
pub(crate) use periods::{Change, ChangeKind, Period, Step, mean_by_period, periods};
pub(crate) use replies::Replies;

use crate::ledger::IssueState;

/// With fewer subscribers, a domain would say who they are.
pub(crate) const FEWEST_OF_DOMAIN: u32 = 5;

/// How many days after a delivery an unsubscribe counts for its issue.
pub(crate) const UNSUBSCRIBED_WITHIN_DAYS: i64 = 7;

/// How many days without a delivery are worth a look.
pub(crate) const UNREACHED_DAYS: i64 = 90;

/// How long unconfirmed sign-ups are known.
pub(crate) const SIGN_UP_DAYS: i64 = 30;

/// Everything that is reported.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(crate) site: String,
    pub(crate) made_at: DateTime<Utc>,
    /// The first day; `None`: since the beginning.
    pub(crate) since: Option<NaiveDate>,
    pub(crate) subscribers: Subscribers,
    /// Newest first.
    pub(crate) issues: Vec<IssueFigures>,
    pub(crate) failures: Failures,
    pub(crate) preferences: PreferenceCounts,
    pub(crate) sources: Vec<SourceCount>,
    pub(crate) confirmations: Confirmations,
    pub(crate) feed_readers: FeedReaders,
    pub(crate) health: ListHealth,
    pub(crate) runs: RunFigures,
}

impl Report {
    /// Whether there is nothing to report.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.periods.is_empty() && self.issues.is_empty() && self.feed_readers.periods.is_empty()
    }
}

/// The subscribers now, and how they came to be so many.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Subscribers {
    pub(crate) active: u64,
    pub(crate) unconfirmed: u64,
    pub(crate) unsubscribed: u64,
    pub(crate) suppressed: u64,
    /// How many were removed or erased. Nothing else is known of them, so the periods do not have them.
    pub(crate) deleted: u64,
    pub(crate) step: Step,
    pub(crate) periods: Vec<Period>,
}

/// One issue.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IssueFigures {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) state: IssueState,
    pub(crate) rehearsal: bool,
    pub(crate) scheduled_at: DateTime<Utc>,
    pub(crate) audience: u64,
    pub(crate) delivered: u64,
    pub(crate) pending: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) unknown_outcome: u64,
    /// Deliveries that needed more than one attempt.
    pub(crate) deferred: u64,
    /// Accepted first, and returned later.
    pub(crate) bounced: u64,
    pub(crate) complaints: u64,
    pub(crate) unsubscribed: u64,
    pub(crate) first_at: Option<DateTime<Utc>>,
    pub(crate) last_at: Option<DateTime<Utc>>,
    pub(crate) curve: Vec<CurvePoint>,
}

/// Why messages did not arrive.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Failures {
    pub(crate) reasons: Vec<ReasonCount>,
    /// The largest domains, and at the end all others together.
    pub(crate) domains: Vec<DomainFigures>,
    /// The most frequent replies to deliveries that failed or wait for another attempt.
    pub(crate) replies: Vec<ReplyCount>,
    /// Replies that are not among them, or that only one subscriber's server gave.
    pub(crate) other_replies: u64,
}

/// Why a message did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureReason {
    /// The mailbox or its domain does not exist.
    NoMailbox,
    /// The mailbox is full or was not reached.
    MailboxFull,
    /// The sender or the message was rejected, or the reason is unknown.
    Refused,
    /// Deferred until it was given up.
    Expired,
}

impl FailureReason {
    /// All of them, in the order of a report.
    pub(crate) const ALL: [Self; 4] = [Self::NoMailbox, Self::MailboxFull, Self::Refused, Self::Expired];

    /// The name in JSON and CSV.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::MailboxFull => "mailbox_full",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// How many messages did not arrive for one reason.
#[derive(Debug, Serialize)]
pub(crate) struct ReasonCount {
    pub(crate) reason: FailureReason,
    /// While they were being delivered.
    pub(crate) failed: u64,
    /// After they had been accepted.
    pub(crate) bounced: u64,
}

/// A receiving domain.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct DomainFigures {
    /// `None`: all others.
    pub(crate) domain: Option<String>,
    /// The active ones.
    pub(crate) subscribers: u64,
    pub(crate) failed: u64,
    pub(crate) bounced: u64,
    pub(crate) complaints: u64,
}

/// A reply of a server, without what differs between messages.
#[derive(Debug, Serialize)]
pub(crate) struct ReplyCount {
    pub(crate) reply: String,
    pub(crate) count: u64,
}

/// What the active subscribers chose.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PreferenceCounts {
    pub(crate) immediate: u64,
    pub(crate) weekly: u64,
    pub(crate) all_topics: u64,
    /// The most frequent first; a subscriber may have several.
    pub(crate) topics: Vec<TopicCount>,
}

/// How many chose a topic.
#[derive(Debug, Serialize)]
pub(crate) struct TopicCount {
    pub(crate) topic: String,
    pub(crate) subscribers: u64,
}

/// Where subscribers came from.
#[derive(Debug, Serialize)]
pub(crate) struct SourceCount {
    /// `web` for the sign-up form, otherwise a file or a command.
    pub(crate) source: String,
    pub(crate) active: u64,
    pub(crate) total: u64,
}

/// The sign-ups of the last [`SIGN_UP_DAYS`] days; earlier ones are deleted if they were not confirmed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Confirmations {
    pub(crate) asked: u64,
    pub(crate) confirmed: u64,
}

/// The readers of the feeds, as `letterpress readers` counted them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FeedReaders {
    pub(crate) step: Step,
    /// The mean of the days that were counted.
    pub(crate) periods: Vec<ReadersOfPeriod>,
    /// The last whole day that was counted.
    pub(crate) day: Option<NaiveDate>,
    /// The programs on that day, the most frequent first.
    pub(crate) agents: Vec<AgentCount>,
}

/// The readers in one period.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReadersOfPeriod {
    pub(crate) from: NaiveDate,
    pub(crate) readers: u64,
}

/// The readers with one program.
#[derive(Debug, Serialize)]
pub(crate) struct AgentCount {
    pub(crate) agent: String,
    pub(crate) readers: u64,
}

/// How the addresses of the active subscribers do.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ListHealth {
    pub(crate) never_bounced: u64,
    pub(crate) bounced_once: u64,
    pub(crate) bounced_more: u64,
    /// Subscribed before, and nothing was delivered in [`UNREACHED_DAYS`] days. `None`: nothing was mailed to anyone.
    pub(crate) unreached: Option<u64>,
}

/// The runs that sent something. A run that finds nothing to send leaves no trace.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RunFigures {
    pub(crate) runs: u64,
    pub(crate) attempts: u64,
    /// From the first attempt to the end of the last one of each run, added.
    pub(crate) seconds: u64,
    pub(crate) longest_seconds: u64,
    /// Between the first attempt and the end of the last one, when no run was sending.
    pub(crate) idle_seconds: u64,
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
