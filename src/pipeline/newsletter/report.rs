//! What the newsletter part of a run did.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::delivery::StopReason;
use crate::finding::Finding;
use crate::ledger::IssueSummary;
use crate::pipeline::newsletter::digest::ScheduledDigest;
use crate::pipeline::newsletter::held_posts::HeldPosts;
use crate::pipeline::newsletter::relay_backoff::RelayBackoff;
use crate::pipeline::newsletter::series::ScheduledStep;
use crate::pipeline::status::diagnosis::FailureExplanation;
use crate::pipeline::status::upcoming::Upcoming;
use crate::subscribers::ImportCounts;
use crate::text::HeaderText;

/// What the newsletter part of a run did.
#[derive(Debug, Default)]
pub struct NewsletterReport {
    /// What `newsletter.list` changed.
    pub list_import: Option<ImportCounts>,
    /// Rejected rows of the list.
    pub rejected_rows: Vec<Finding>,
    /// Number of posts recorded as older than the ledger.
    pub baseline: usize,
    /// The issue frozen in this run: subject and number of recipients.
    pub scheduled: Option<(HeaderText, u64)>,
    /// The post of that issue.
    pub scheduled_id: Option<String>,
    /// The weekly digest frozen in this run.
    pub digest: Option<ScheduledDigest>,
    /// The emails of series scheduled in this run.
    pub series: Vec<ScheduledStep>,
    /// Warnings about the emails.
    pub findings: Vec<Finding>,
    /// The issues that this run worked on, with their current state.
    pub issues: Vec<IssueSummary>,
    /// The transport of each issue, by its post: `mail.example.com:465` or `outbox/…`.
    pub delivered: HashMap<String, String>,
    /// Deliveries recovered from an interrupted run: pending again, and with unknown outcome.
    pub recovered: (u64, u64),
    /// After a database failover: number of deliveries with unknown outcome.
    pub failed_over: Option<u64>,
    /// Number of deliveries with unknown outcome that wait for a decision, of all issues.
    pub unknown: u64,
    /// Why the run stopped early.
    pub stop_reason: Option<StopReason>,
    /// Explanation of that, if the cause is known.
    pub diagnosis: Option<FailureExplanation>,
    /// How many messages the relay accepted in this run.
    pub sent: u64,
    /// When the next deferred delivery is retried.
    pub retry_at: Option<DateTime<Utc>>,
    /// What will be due if no file changes.
    pub next: Vec<Upcoming>,
    /// The back-off from a throttling relay.
    pub backoff: Option<RelayBackoff>,
    /// Warnings that do not stop an issue.
    pub warnings: Vec<String>,
    /// Number of addresses suppressed because their mailbox does not exist.
    pub suppressed: u64,
    /// Of the failed deliveries of an issue, by its post: those to mailboxes that do not exist and are suppressed.
    pub suppressed_of: HashMap<String, u64>,
    /// Whether any message was ever accepted, so that a relay that is not there has an outage.
    pub relay_has_worked: bool,
    /// Paused issues: the post's id, and the reason.
    pub paused_issues: Vec<(String, String)>,
    /// How many more posts are due; each run mails one.
    pub more_due: usize,
    /// What is due but held back.
    pub held: HeldPosts,
    /// Number of rehearsals that ended because a relay is configured now.
    pub rehearsed: u64,
    /// Whether the id file was written, by a command that builds no feeds.
    pub ids_changed: bool,
    /// Subscribers added to an issue that was mailed before.
    pub extended: Option<(HeaderText, u64)>,
}
