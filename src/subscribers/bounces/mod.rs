//! What a bounce means for a subscriber, and when a subscriber is suppressed after bounces.
//!
//! Pure rules, for SMTP replies and for reports that come back by mail. Treating a policy rejection as a missing
//! mailbox would lose a subscriber; the opposite mistake only costs another attempt. So a rejection counts against
//! the subscriber only if it is clearly about the mailbox.

mod phrases;
mod status;

use chrono::{DateTime, TimeDelta, Utc};

pub use phrases::{Meaning, meaning, meanings};
pub use status::{Action, Status};

/// How many issues in a row must bounce before a mailbox that is full or unreachable is suppressed.
const SOFT_ISSUES: usize = 3;
/// How long they must keep bouncing: a mailbox may be full during a holiday.
const SOFT_DAYS: i64 = 15;
/// A newer message may still bounce (RFC 5321, 4.5.4.1: servers try for four to five days).
const STILL_OPEN_DAYS: i64 = 5;

/// The cause of a bounce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BounceClass {
    /// The mailbox does not exist: do not mail it again.
    Hard,
    /// The mailbox is full, or was not reached in time: mail it again, but not for ever.
    Soft,
    /// The sender, the message, or unknown: not the subscriber's fault.
    Policy,
    /// Not a failure.
    Unclear,
}

impl BounceClass {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "dead",
            Self::Soft => "soft",
            Self::Policy => "sender",
            Self::Unclear => "",
        }
    }
}

/// Finds the cause of a bounce, or of a refusal with a 5yz reply. `diagnostic` is the reply of the rejecting server, if the
/// report has it.
///
/// The code decides if it is precise, otherwise the text; and where the two disagree, the one that costs nobody a subscription.
pub fn classify(action: Action, status: Option<Status>, diagnostic: &str) -> BounceClass {
    if action != Action::Failed {
        return BounceClass::Unclear;
    }
    let in_text = Status::find(diagnostic);
    // Some servers report 5.0.0 or 5.1.1 for every rejection; the reply of the rejecting server is more precise.
    let status = match (status, in_text) {
        (Some(status), Some(in_text)) if status.is_unspecific() || in_text.is_policy_rejection() => {
            Some(in_text)
        }
        (None, in_text) => in_text,
        (status, _) => status,
    };
    let is_vague = status.is_none_or(Status::is_vague);
    let meanings = meanings(diagnostic);
    let names_mailbox = meanings.iter().any(|found| matches!(found, Meaning::NoMailbox | Meaning::NoDomain));
    // "User unknown" with the code for it; there were too many errors, too.
    let is_explicit = names_mailbox && in_text.is_some_and(|status| !status.is_vague());
    match (status, meanings.first().filter(|found| !(is_explicit && **found == Meaning::Policy))) {
        (Some(status), _) if status.is_policy_rejection() && !status.is_vague() => BounceClass::Policy,
        (Some(Status { subject: 1, .. }), Some(Meaning::Later)) => by_status(status),
        (_, Some(Meaning::SenderLimit | Meaning::Later | Meaning::Policy)) => BounceClass::Policy,
        (_, Some(Meaning::Full | Meaning::Inactive)) => BounceClass::Soft,
        (_, Some(Meaning::NoMailbox | Meaning::NoDomain)) => match status {
            Some(Status { class: 4, .. }) => BounceClass::Soft,
            _ => BounceClass::Hard,
        },
        (_, Some(Meaning::Unreachable)) if is_vague => BounceClass::Soft,
        _ => by_status(status),
    }
}

fn by_status(status: Option<Status>) -> BounceClass {
    match status {
        Some(status) if status.is_policy_rejection() => BounceClass::Policy,
        Some(status) if status.is_invalid_mailbox() => BounceClass::Hard,
        Some(Status { class: 4, .. } | Status { class: 5, subject: 1 | 2 | 4, .. }) => BounceClass::Soft,
        _ => BounceClass::Policy,
    }
}

/// The outcome of one issue for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BounceHistory {
    /// When the issue was frozen.
    pub at: DateTime<Utc>,
    /// [`BounceClass::Unclear`] if nothing came back.
    pub fault: BounceClass,
}

/// The reason to suppress a subscriber; `None` if there is none. `history` is the subscriber's issues, newest
/// first, including the one that has just bounced. An issue that arrived resets the count.
pub fn should_suppress(history: &[BounceHistory], now: DateTime<Utc>) -> Option<String> {
    if history.iter().any(|past| past.fault == BounceClass::Hard) {
        return Some("no such mailbox".to_owned());
    }
    let mut back = Vec::new();
    for past in history {
        match past.fault {
            BounceClass::Soft => back.push(past.at),
            // It may still bounce, so it does not count yet.
            BounceClass::Unclear if now - past.at < TimeDelta::days(STILL_OPEN_DAYS) => {}
            BounceClass::Unclear => break,
            BounceClass::Policy | BounceClass::Hard => {}
        }
    }
    let days = back.iter().min().map_or(0, |first| (now - *first).num_days());
    (back.len() >= SOFT_ISSUES && days >= SOFT_DAYS)
        .then(|| format!("{} issues in a row came back in {days} days", back.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(number)
    }

    /// Judges a history that is written in chronological order.
    fn judged(faults: &[(i64, BounceClass)], now: i64) -> bool {
        let history: Vec<BounceHistory> =
            faults.iter().rev().map(|(at, fault)| BounceHistory { at: day(*at), fault: *fault }).collect();
        should_suppress(&history, day(now)).is_some()
    }

    fn failed(status: &str, diagnostic: &str) -> BounceClass {
        classify(Action::Failed, Status::parse(status), diagnostic)
    }

    #[test]
    fn only_a_mailbox_that_does_not_exist_is_a_hard_bounce() {
        for (status, diagnostic, fault) in [
            ("5.1.1", "smtp; 550 5.1.1 <kim@example.com>: User unknown", BounceClass::Hard),
            ("5.1.10", "", BounceClass::Hard),
            ("5.2.1", "smtp; 550 5.2.1 mailbox gone", BounceClass::Hard),
            (
                "5.2.1",
                "smtp; 550 5.2.1 The email account that you tried to reach is disabled.",
                BounceClass::Soft,
            ),
            (
                "5.2.1",
                "smtp; 550-5.2.1 The user you are trying to contact is receiving mail at a rate that",
                BounceClass::Policy,
            ),
            ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable", BounceClass::Hard),
            (
                "5.0.0",
                "x-postfix; host mx.example[192.0.2.1] said: 550 Unknown user kim@example.com",
                BounceClass::Hard,
            ),
            (
                "5.4.1",
                "smtp; 550 5.4.1 <kim@example.com>: Recipient address rejected: Access denied",
                BounceClass::Hard,
            ),
            (
                "5.7.1",
                "smtp; 554 5.7.1 <kim@example.com>: Recipient address rejected: Access denied",
                BounceClass::Policy,
            ),
            ("5.1.1", "x-unix; Not enough disk space", BounceClass::Soft),
            (
                "5.1.1",
                "smtp; 550 5.1.1 <kim@example.com> has sent to too many recipients",
                BounceClass::Policy,
            ),
            ("5.1.1", "smtp; 550 5.1.1 user unknown 421 4.7.0 too many errors", BounceClass::Hard),
            (
                "5.0.0",
                "smtp; 5.1.0 - Unknown address error 550-'5.7.1 <a@example.com>... Access denied'",
                BounceClass::Policy,
            ),
            ("5.1.6", "smtp; 450 busy - please try later 551 not our user", BounceClass::Hard),
            ("4.1.1", "smtp; 450 4.1.1 user unknown", BounceClass::Soft),
            ("5.0.0", "smtp; 550 5.1.1 no such user", BounceClass::Hard),
            ("5.0.0", "smtp; 550-5.1.1 The email account does not exist", BounceClass::Hard),
            ("5.2.2", "smtp; 552 5.2.2 quota", BounceClass::Soft),
            ("4.2.2", "", BounceClass::Soft),
            ("4.4.7", "smtp; delivery time expired", BounceClass::Soft),
            ("5.4.4", "", BounceClass::Soft),
            ("5.1.0", "", BounceClass::Soft),
            ("5.7.1", "smtp; 550 5.7.1 SPF", BounceClass::Policy),
            ("4.7.0", "", BounceClass::Policy),
            ("5.1.8", "", BounceClass::Policy),
            ("5.2.3", "smtp; 552 5.2.3 message too long", BounceClass::Policy),
            ("5.1.1", "smtp; 550 5.7.26 unauthenticated", BounceClass::Policy),
            ("5.1.1", "smtp; 554 your host is on a blacklist", BounceClass::Policy),
            ("5.0.0", "", BounceClass::Policy),
            ("", "", BounceClass::Policy),
        ] {
            assert_eq!(failed(status, diagnostic), fault, "{status} {diagnostic}");
        }
    }

    #[test]
    fn delayed_relayed_delivered_and_expanded_messages_are_not_failures() {
        for action in [Action::Delayed, Action::Relayed, Action::Delivered, Action::Expanded] {
            assert_eq!(classify(action, Status::parse("5.1.1"), "550 5.1.1 x"), BounceClass::Unclear);
        }
    }

    #[test]
    fn a_full_mailbox_is_suppressed_after_three_issues_and_fifteen_days_and_not_before() {
        use BounceClass::{Policy, Soft};
        assert!(judged(&[(0, Soft), (7, Soft), (14, Soft)], 15));
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Soft)], 14), "not fifteen days yet");
        assert!(!judged(&[(0, Soft), (20, Soft)], 40), "two issues only");
        assert!(!judged(&[(0, Soft), (1, Soft), (2, Soft), (3, Soft)], 4), "a daily newsletter");
        assert!(
            judged(&[(0, Soft), (7, Soft), (10, Policy), (14, Soft)], 15),
            "the sender's fault counts not"
        );
    }

    #[test]
    fn a_delivered_issue_resets_the_count_and_a_recent_issue_does_not() {
        use BounceClass::{Soft, Unclear};
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Unclear), (21, Soft)], 30));
        assert!(judged(&[(0, Soft), (7, Soft), (14, Soft), (15, Unclear)], 16));
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Soft), (15, Unclear)], 21));
    }

    #[test]
    fn one_hard_bounce_suppresses() {
        assert!(judged(&[(0, BounceClass::Unclear), (7, BounceClass::Hard)], 7));
        assert!(!judged(&[(0, BounceClass::Unclear)], 7) && !judged(&[], 7));
    }

    #[test]
    fn status_codes_are_read_with_text_after_them() {
        let code = |raw| Status::parse(raw).map(|status| status.to_string());
        assert_eq!(code("5.1.1"), Some("5.1.1".to_owned()));
        assert_eq!(code(" 5.1.1 (bad destination mailbox address)"), Some("5.1.1".to_owned()));
        assert_eq!(code("5.7.26"), Some("5.7.26".to_owned()));
        for raw in ["", "5", "5.1", "5.1.1.1", "3.1.1", "5.1.1000", "5..1", "x5.1.1", "５.1.1"] {
            assert_eq!(code(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_status_reads_back(raw in any::<String>(), class in prop::sample::select(vec![2_u16, 4, 5]), subject in 0_u16..1000, detail in 0_u16..1000) {
            let _ = (Status::parse(&raw), Action::from_code(&raw), classify(Action::Failed, None, &raw));
            let status = Status { class, subject, detail };
            prop_assert_eq!(Status::parse(&status.to_string()), Some(status));
            prop_assert_eq!(Status::find(&format!("smtp; {class}50 {status} x")), (class != 2).then_some(status));
        }
    }
}
