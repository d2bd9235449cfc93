//! Why nothing moves, and when it will: every reason that the ledger and the configuration can give.
//!
//! Facts only; the words are the command line's. Looks and changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::way_out::{is_on, limits};
use super::{Office, RunError, World, resting};
use crate::ledger::{IssueState, IssueSummary};

/// One reason why something has not been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Standstill {
    /// `newsletter.enabled` is false, or there is no sender.
    SwitchedOff {
        /// The key of the configuration that is to blame.
        key: &'static str,
    },
    /// A run is at work now.
    AnotherRun {
        /// Copies that wait in open issues.
        waiting: u64,
        /// When it will be through at the configured rate, if there is one.
        until: Option<DateTime<Utc>>,
    },
    /// The relay asked for patience.
    RelayRests {
        /// Until when it is left alone.
        until: DateTime<Utc>,
        /// What it said.
        said: String,
        /// Copies that wait for it.
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
        /// Copies that wait in it.
        waiting: u64,
    },
    /// Readers who were put off are tried again later.
    Retries {
        /// The post's id.
        issue: String,
        /// Its subject.
        subject: String,
        /// How many.
        readers: u64,
        /// When the first of them is.
        until: DateTime<Utc>,
    },
    /// Copies are due, and no run is at work.
    NextRun {
        /// The post's id.
        issue: String,
        /// Its subject.
        subject: String,
        /// How many.
        waiting: u64,
        /// Before this there is no permit of `smtp.per_minute`.
        until: Option<DateTime<Utc>>,
    },
}

/// Everything that keeps a frozen letter back, what concerns all of them first.
pub async fn outlook(
    world: &World,
    office: &Office,
    issues: &[IssueSummary],
) -> Result<Vec<Standstill>, RunError> {
    let mut found = Vec::new();
    if !is_on(&world.config) {
        let key = if world.config.newsletter.enabled { "newsletter.from" } else { "newsletter.enabled" };
        found.push(Standstill::SwitchedOff { key });
    }
    let waiting: u64 = issues.iter().filter(|issue| issue.state == IssueState::Sending).map(waits).sum();
    if office.another_run(&world.config) {
        found.push(Standstill::AnotherRun { waiting, until: through_by(world, waiting) });
    } else if let Some(rest) = resting(world, office).await?
        && waiting > 0
    {
        found.push(Standstill::RelayRests { until: rest.until, said: rest.why, waiting });
    }
    // What concerns all issues is not said again of each.
    let said = !found.is_empty();
    let permit = next_permit(world, office).await?;
    for issue in issues {
        of_issue(issue, world.clock.now(), said, permit, &mut found);
    }
    Ok(found)
}

fn waits(issue: &IssueSummary) -> u64 {
    issue.tally.open()
}

fn of_issue(
    issue: &IssueSummary,
    now: DateTime<Utc>,
    said: bool,
    permit: Option<DateTime<Utc>>,
    found: &mut Vec<Standstill>,
) {
    let (id, subject) = (issue.id.clone(), issue.subject.to_string());
    match issue.state {
        IssueState::Paused => {
            let why = issue.because.clone().unwrap_or_default();
            found.push(Standstill::Paused {
                issue: id.clone(),
                subject: subject.clone(),
                why,
                waiting: waits(issue),
            });
        }
        IssueState::Sending => match issue.next_at {
            Some(until) if until > now => {
                found.push(Standstill::Retries {
                    issue: id.clone(),
                    subject: subject.clone(),
                    readers: issue.retrying,
                    until,
                });
            }
            _ if waits(issue) > 0 && !said => {
                found.push(Standstill::NextRun {
                    issue: id.clone(),
                    subject: subject.clone(),
                    waiting: waits(issue),
                    until: permit,
                });
            }
            _ => {}
        },
        _ => {}
    }
}

/// When there is a permit again, if there is none now.
async fn next_permit(world: &World, office: &Office) -> Result<Option<DateTime<Utc>>, RunError> {
    let Some(rate) = limits(&world.config).and_then(|limits| limits.all) else { return Ok(None) };
    let now = world.clock.now();
    let wait = office.store.meter().await?.wait(rate, now);
    Ok((wait > TimeDelta::zero()).then(|| now + wait))
}

/// At the rate for all copies; the rates of domains say nothing without knowing who is left.
fn through_by(world: &World, waiting: u64) -> Option<DateTime<Utc>> {
    let per_minute = world.config.smtp.as_ref()?.per_minute?;
    let minutes = i64::try_from(waiting / u64::from(per_minute) + 1).ok()?;
    world.clock.now().checked_add_signed(TimeDelta::try_minutes(minutes)?)
}
