//! The exit code of a run that mails, decided in one place.

use crate::cli::Outcome;
use crate::delivery::Stop;
use crate::delivery::diagnosis::Blame;
use crate::finding::Severity;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::Mailing;

/// 3 if an outcome is unknown or an issue is only partly sent; else 1 if the user can fix what stopped the run, 2 if the
/// cause is the system, the network or the relay.
pub(super) fn outcome(mailing: &Mailing) -> Outcome {
    let is_in_doubt = mailing.recovered.1 > 0 || mailing.failed_over.is_some_and(|in_doubt| in_doubt > 0);
    let open: Vec<_> = mailing.issues.iter().filter(|issue| !is_settled(issue)).collect();
    let is_partly_sent = |issue: &&IssueSummary| {
        let tally = &issue.tally;
        tally.in_doubt() > 0 || tally.count(State::Sent) > 0
    };
    if is_in_doubt || mailing.sent > 0 && !open.is_empty() || open.iter().any(is_partly_sent) {
        return Outcome::Partly;
    }
    if let Some(explained) = &mailing.explained {
        return match explained.blame {
            Blame::Settings => Outcome::UserError,
            Blame::Surroundings => Outcome::Broken,
        };
    }
    match &mailing.stopped {
        Some(Stop::Relay(_)) if mailing.sent == 0 => return Outcome::Broken,
        Some(_) => return Outcome::Partly,
        None => {}
    }
    if !open.is_empty() || !mailing.paused.is_empty() {
        return Outcome::Partly;
    }
    match (rejects_rows(mailing), mailing.sent) {
        (false, _) => Outcome::Done,
        (true, 0) => Outcome::UserError,
        (true, _) => Outcome::Partly,
    }
}

/// Whether every delivery is sent or skipped. Deliveries in progress belong to another sender that shares the database,
/// and that sender reports them.
pub(super) fn is_settled(issue: &IssueSummary) -> bool {
    let settled = [State::Sent, State::Skipped, State::Claimed, State::Armed];
    settled.into_iter().map(|state| issue.tally.count(state)).sum::<u64>() == issue.audience
}

fn rejects_rows(mailing: &Mailing) -> bool {
    mailing.rejected.iter().any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::finding::Finding;
    use crate::ledger::{IssueState, Tally};
    use crate::pipeline::Explained;
    use crate::text::HeaderText;

    fn issue(counts: &[(State, u64)]) -> IssueSummary {
        let mut tally = Tally::default();
        for (state, number) in counts {
            tally.add(*state, *number);
        }
        IssueSummary {
            id: "post".to_owned(),
            subject: HeaderText::parse("Post").unwrap(),
            state: IssueState::Sending,
            frozen_at: DateTime::UNIX_EPOCH,
            audience: counts.iter().map(|(_, number)| number).sum(),
            tally,
            next_at: None,
            retrying: 0,
            because: None,
            rehearsal: false,
        }
    }

    fn explained(blame: Blame) -> Explained {
        Explained { finding: Finding::error("login-wrong", "config.toml", "no"), blame }
    }

    #[test]
    fn a_run_that_sent_nothing_ends_with_1_or_2_and_a_partly_sent_issue_with_3() {
        let stopped = || Some(Stop::Relay("no".to_owned()));
        let waiting = || vec![issue(&[(State::Pending, 2)])];
        let partly = || vec![issue(&[(State::Pending, 2), (State::Sent, 1)])];
        let doubt = || vec![issue(&[(State::Pending, 2), (State::Unknown, 1)])];
        for (mailing, expected) in [
            (Mailing::default(), Outcome::Done),
            (
                Mailing {
                    issues: waiting(),
                    stopped: stopped(),
                    explained: Some(explained(Blame::Settings)),
                    ..Mailing::default()
                },
                Outcome::UserError,
            ),
            (
                Mailing {
                    issues: waiting(),
                    stopped: stopped(),
                    explained: Some(explained(Blame::Surroundings)),
                    ..Mailing::default()
                },
                Outcome::Broken,
            ),
            (Mailing { issues: waiting(), stopped: stopped(), ..Mailing::default() }, Outcome::Broken),
            (
                Mailing {
                    issues: partly(),
                    stopped: stopped(),
                    explained: Some(explained(Blame::Settings)),
                    ..Mailing::default()
                },
                Outcome::Partly,
            ),
            (
                Mailing {
                    issues: doubt(),
                    stopped: stopped(),
                    explained: Some(explained(Blame::Settings)),
                    ..Mailing::default()
                },
                Outcome::Partly,
            ),
            (Mailing { issues: waiting(), ..Mailing::default() }, Outcome::Partly),
            (
                Mailing { issues: vec![issue(&[(State::Sent, 3)])], sent: 3, ..Mailing::default() },
                Outcome::Done,
            ),
            (
                Mailing {
                    recovered: (0, 1),
                    explained: Some(explained(Blame::Settings)),
                    ..Mailing::default()
                },
                Outcome::Partly,
            ),
            (Mailing { recovered: (5, 0), ..Mailing::default() }, Outcome::Done),
            (
                Mailing { paused: vec![("post".to_owned(), "spam".to_owned())], ..Mailing::default() },
                Outcome::Partly,
            ),
        ] {
            assert_eq!(outcome(&mailing), expected, "{mailing:?}");
        }
    }

    #[test]
    fn a_rejected_row_is_a_user_error_if_nothing_was_sent_and_partly_otherwise() {
        let rejected = || vec![Finding::error("readers-row", "list.csv", "no address")];
        assert_eq!(outcome(&Mailing { rejected: rejected(), ..Mailing::default() }), Outcome::UserError);
        assert_eq!(
            outcome(&Mailing { rejected: rejected(), sent: 2, ..Mailing::default() }),
            Outcome::Partly
        );
    }
}
