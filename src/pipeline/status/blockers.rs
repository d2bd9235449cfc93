//! Why nothing is being sent, and until when, as far as the ledger and the configuration show it.
//!
//! Returns facts; the command line formats them. Reads only.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::ledger::{IssueState, IssueSummary};
use crate::pipeline::newsletter::relay_backoff::active_backoff;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::session::transport::is_on;
use crate::pipeline::session::transport::rate_limits;

/// One reason why something has not been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Blocker {
    /// `newsletter.enabled` is false, or `newsletter.from` is not set.
    SwitchedOff {
        /// The configuration key.
        key: &'static str,
    },
    /// A run is in progress.
    AnotherRun {
        /// Pending deliveries of open issues.
        waiting: u64,
        /// When the run will end at the configured rate, if there is one.
        until: Option<DateTime<Utc>>,
    },
    /// The relay is throttling.
    RelayRests {
        /// Until when sending is paused.
        until: DateTime<Utc>,
        /// Its reply.
        said: String,
        /// Pending deliveries.
        waiting: u64,
    },
    /// An issue is paused.
    Paused {
        /// The post's id.
        issue: String,
        /// Its subject.
        subject: String,
        /// Why.
        why: String,
        /// Pending deliveries of the issue.
        waiting: u64,
    },
    /// Deferred deliveries are retried later.
    Retries {
        /// The post's id.
        issue: String,
        /// Its subject.
        subject: String,
        /// How many.
        readers: u64,
        /// When the first of them is retried.
        until: DateTime<Utc>,
    },
    /// Deliveries are due, and no run is in progress.
    NextRun {
        /// The post's id.
        issue: String,
        /// Its subject.
        subject: String,
        /// How many.
        waiting: u64,
        /// `smtp.per_minute` allows no message before.
        until: Option<DateTime<Utc>>,
    },
}

/// Everything that keeps frozen issues from being sent; reasons that concern all of them come first.
pub async fn find_blockers(
    context: &RunContext,
    session: &LedgerSession,
    issues: &[IssueSummary],
) -> Result<Vec<Blocker>, RunError> {
    let mut found = Vec::new();
    if !is_on(&context.config) {
        let key = if context.config.newsletter.enabled { "newsletter.from" } else { "newsletter.enabled" };
        found.push(Blocker::SwitchedOff { key });
    }
    let waiting: u64 = issues.iter().filter(|issue| issue.state == IssueState::Sending).map(retry_time).sum();
    if session.another_run(&context.config) {
        found.push(Blocker::AnotherRun { waiting, until: through_by(context, waiting) });
    } else if let Some(rest) = active_backoff(context, session).await?
        && waiting > 0
    {
        found.push(Blocker::RelayRests { until: rest.until, said: rest.reason, waiting });
    }
    // A reason that concerns all issues is not repeated for each of them.
    let said = !found.is_empty();
    let permit = next_permit(context, session).await?;
    for issue in issues {
        of_issue(issue, context.clock.now(), said, permit, &mut found);
    }
    Ok(found)
}

fn retry_time(issue: &IssueSummary) -> u64 {
    issue.counts.open()
}

fn of_issue(
    issue: &IssueSummary,
    now: DateTime<Utc>,
    said: bool,
    permit: Option<DateTime<Utc>>,
    found: &mut Vec<Blocker>,
) {
    let (id, subject) = (issue.id.clone(), issue.subject.to_string());
    match issue.state {
        IssueState::Paused => {
            let why = issue.paused_because.clone().unwrap_or_default();
            found.push(Blocker::Paused {
                issue: id.clone(),
                subject: subject.clone(),
                why,
                waiting: retry_time(issue),
            });
        }
        IssueState::Sending => match issue.next_at {
            Some(until) if until > now => {
                found.push(Blocker::Retries {
                    issue: id.clone(),
                    subject: subject.clone(),
                    readers: issue.retrying,
                    until,
                });
            }
            _ if retry_time(issue) > 0 && !said => {
                found.push(Blocker::NextRun {
                    issue: id.clone(),
                    subject: subject.clone(),
                    waiting: retry_time(issue),
                    until: permit,
                });
            }
            _ => {}
        },
        _ => {}
    }
}

/// When the rate limit allows the next message, if not now.
async fn next_permit(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Option<DateTime<Utc>>, RunError> {
    let Some(rate) = rate_limits(&context.config).and_then(|limits| limits.all) else { return Ok(None) };
    let now = context.clock.now();
    let wait = session.store.take_permit().await?.wait(rate, now);
    Ok((wait > TimeDelta::zero()).then(|| now + wait))
}

/// When the pending deliveries will be sent at the overall rate. Rates of single domains are ignored.
fn through_by(context: &RunContext, waiting: u64) -> Option<DateTime<Utc>> {
    let per_minute = context.config.smtp.as_ref()?.per_minute?;
    let minutes = i64::try_from(waiting / u64::from(per_minute) + 1).ok()?;
    context.clock.now().checked_add_signed(TimeDelta::try_minutes(minutes)?)
}
