//! Whether everything that is left of an issue goes on by itself, so that a run with `--quiet` says nothing and ends with 0.
//!
//! Planned: a deferred delivery within its schedule, a relay that throttles or is not there, and a mailbox that does not exist
//! and was suppressed; all of them until an issue is older than `newsletter.quiet_after`. Not planned: an unknown outcome, a
//! delivery that failed for another reason, a pause, and settings that are wrong.

use super::verdict;
use crate::delivery::StopReason;
use crate::delivery::diagnosis::Blame;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::newsletter::NewsletterReport;
use crate::pipeline::session::RunContext;

/// A relay that worked before and whose port is closed has an outage, whatever the settings are.
const OUTAGE: &str = "port-closed";

pub(super) fn is_planned(report: &NewsletterReport, context: &RunContext) -> bool {
    let now = context.clock.now();
    let longest = context.config.newsletter.quiet_after.delta();
    let is_recent = |issue: &IssueSummary| now - issue.frozen_at <= longest;
    let goes_on = |issue: &IssueSummary| {
        let counts = &issue.counts;
        let gone = report.suppressed_of.get(&issue.id).copied().unwrap_or_default();
        counts.unknown() == 0
            && counts.count(State::Failed) == gone
            && (counts.count(State::Pending) == 0 || is_recent(issue))
    };
    report.recovered.1 == 0
        && report.failed_over.unwrap_or_default() == 0
        && report.paused_issues.is_empty()
        && is_planned_stop(report)
        && report.issues.iter().filter(|issue| !verdict::is_settled(issue)).all(goes_on)
}

/// Whether the next runs will go on without anybody's help.
fn is_planned_stop(report: &NewsletterReport) -> bool {
    let is_setting = report.diagnosis.as_ref().is_some_and(|explained| {
        explained.blame == Blame::Settings && !(report.relay_has_worked && explained.finding.rule == OUTAGE)
    });
    match &report.stop_reason {
        _ if is_setting => false,
        None | Some(StopReason::Throttled(_)) => true,
        Some(StopReason::Relay(_)) => report.relay_has_worked,
        Some(StopReason::Requested | StopReason::Message(_)) => false,
    }
}
