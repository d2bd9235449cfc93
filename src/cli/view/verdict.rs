//! The exit code of a run that mails, decided in one place.

use crate::cli::Outcome;
use crate::delivery::StopReason;
use crate::delivery::diagnosis::Blame;
use crate::finding::Severity;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::newsletter::NewsletterReport;

/// 3 if an outcome is unknown or an issue is only partly sent; else 1 if the user can fix what stopped the run, 2 if the
/// cause is the system, the network or the relay.
pub(super) fn outcome(report: &NewsletterReport) -> Outcome {
    let has_unknown = report.recovered.1 > 0 || report.failed_over.is_some_and(|unknown| unknown > 0);
    let open: Vec<_> = report.issues.iter().filter(|issue| !is_settled(issue)).collect();
    let is_partly_sent = |issue: &&IssueSummary| {
        let counts = &issue.counts;
        counts.unknown() > 0 || counts.count(State::Sent) > 0
    };
    if has_unknown || report.sent > 0 && !open.is_empty() || open.iter().any(is_partly_sent) {
        return Outcome::Partly;
    }
    if let Some(explained) = &report.diagnosis {
        return match explained.blame {
            Blame::Settings => Outcome::UserError,
            Blame::Surroundings => Outcome::Broken,
        };
    }
    match &report.stop_reason {
        Some(StopReason::Relay(_)) if report.sent == 0 => return Outcome::Broken,
        Some(_) => return Outcome::Partly,
        None => {}
    }
    if !open.is_empty() || !report.paused_issues.is_empty() {
        return Outcome::Partly;
    }
    outcome_of_list(report)
}

/// The same for a run after which everything goes on by itself.
pub(super) fn outcome_of_list(report: &NewsletterReport) -> Outcome {
    match (rejects_rows(report), report.sent) {
        (false, _) => Outcome::Done,
        (true, 0) => Outcome::UserError,
        (true, _) => Outcome::Partly,
    }
}

/// Whether every delivery is sent or skipped. Deliveries in progress belong to another sender that shares the database,
/// and that sender reports them.
pub(super) fn is_settled(issue: &IssueSummary) -> bool {
    let settled = [State::Sent, State::Skipped, State::Claimed, State::Armed];
    settled.into_iter().map(|state| issue.counts.count(state)).sum::<u64>() == issue.audience
}

fn rejects_rows(report: &NewsletterReport) -> bool {
    report.rejected_rows.iter().any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::finding::Finding;
    use crate::ledger::{IssueState, StateCounts};
    use crate::pipeline::status::FailureExplanation;
    use crate::text::HeaderText;

    fn issue(numbers: &[(State, u64)]) -> IssueSummary {
        let mut counts = StateCounts::default();
        for (state, number) in numbers {
            counts.add(*state, *number);
        }
        IssueSummary {
            id: "post".to_owned(),
            subject: HeaderText::parse("Post").unwrap(),
            state: IssueState::Sending,
            frozen_at: DateTime::UNIX_EPOCH,
            audience: numbers.iter().map(|(_, number)| number).sum(),
            counts,
            next_at: None,
            retrying: 0,
            paused_because: None,
            rehearsal: false,
        }
    }

    fn explained(blame: Blame) -> FailureExplanation {
        FailureExplanation { finding: Finding::error("login-wrong", "config.toml", "no"), blame }
    }

    #[test]
    fn a_run_that_sent_nothing_ends_with_1_or_2_and_a_partly_sent_issue_with_3() {
        let none = NewsletterReport::default;
        let stopped = || Some(StopReason::Relay("no".to_owned()));
        let waiting = || vec![issue(&[(State::Pending, 2)])];
        let partly = || vec![issue(&[(State::Pending, 2), (State::Sent, 1)])];
        let unknown = || vec![issue(&[(State::Pending, 2), (State::Unknown, 1)])];
        for (report, expected) in [
            (none(), Outcome::Done),
            (
                NewsletterReport {
                    issues: waiting(),
                    stop_reason: stopped(),
                    diagnosis: Some(explained(Blame::Settings)),
                    ..none()
                },
                Outcome::UserError,
            ),
            (
                NewsletterReport {
                    issues: waiting(),
                    stop_reason: stopped(),
                    diagnosis: Some(explained(Blame::Surroundings)),
                    ..none()
                },
                Outcome::Broken,
            ),
            (NewsletterReport { issues: waiting(), stop_reason: stopped(), ..none() }, Outcome::Broken),
            (
                NewsletterReport {
                    issues: partly(),
                    stop_reason: stopped(),
                    diagnosis: Some(explained(Blame::Settings)),
                    ..none()
                },
                Outcome::Partly,
            ),
            (
                NewsletterReport {
                    issues: unknown(),
                    stop_reason: stopped(),
                    diagnosis: Some(explained(Blame::Settings)),
                    ..none()
                },
                Outcome::Partly,
            ),
            (NewsletterReport { issues: waiting(), ..none() }, Outcome::Partly),
            (NewsletterReport { issues: vec![issue(&[(State::Sent, 3)])], sent: 3, ..none() }, Outcome::Done),
            (
                NewsletterReport { recovered: (0, 1), diagnosis: Some(explained(Blame::Settings)), ..none() },
                Outcome::Partly,
            ),
            (NewsletterReport { recovered: (5, 0), ..none() }, Outcome::Done),
            (
                NewsletterReport { paused_issues: vec![("post".to_owned(), "spam".to_owned())], ..none() },
                Outcome::Partly,
            ),
        ] {
            assert_eq!(outcome(&report), expected, "{report:?}");
        }
    }

    #[test]
    fn a_rejected_row_is_a_user_error_if_nothing_was_sent_and_partly_otherwise() {
        let rejected = || vec![Finding::error("readers-row", "list.csv", "no address")];
        assert_eq!(
            outcome(&NewsletterReport { rejected_rows: rejected(), ..NewsletterReport::default() }),
            Outcome::UserError
        );
        assert_eq!(
            outcome(&NewsletterReport { rejected_rows: rejected(), sent: 2, ..NewsletterReport::default() }),
            Outcome::Partly
        );
    }
}
