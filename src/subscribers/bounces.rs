//! What a bounce means for a subscriber, and when a subscriber is suppressed after bounces.
//!
//! Pure rules, for SMTP replies and for reports that come back by mail. Treating a policy rejection as a missing
//! mailbox would lose a subscriber; the opposite mistake only costs another attempt. So a rejection counts against
//! the subscriber only if it is clearly about the mailbox.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// How many issues in a row must bounce before a mailbox that is full or unreachable is suppressed.
const SOFT_ISSUES: usize = 3;
/// How long they must keep bouncing: a mailbox may be full during a holiday.
const SOFT_DAYS: i64 = 15;
/// A newer message may still bounce (RFC 5321, 4.5.4.1: servers try for four to five days).
const STILL_OPEN_DAYS: i64 = 5;

/// What a server did with a message (RFC 3464, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It gave up.
    Failed,
    /// It keeps trying.
    Delayed,
    /// It delivered the message.
    Delivered,
    /// It passed the message on to a server that does not report deliveries.
    Relayed,
    /// It passed the message on to several addresses.
    Expanded,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Delayed, Self::Delivered, Self::Relayed, Self::Expanded];

    /// The keyword of RFC 3464.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    /// Reads the keyword; text after it ("failed (too big)") is ignored.
    pub fn from_code(raw: &str) -> Option<Self> {
        let keyword = raw.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(keyword))
    }
}

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// 2 success, 4 temporary failure, 5 permanent failure.
    pub class: u16,
    /// The subject: 1 the address, 2 the mailbox, 4 the network, 7 policy.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl Status {
    /// Reads `5.1.1`; no digit or dot may follow it.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim_start();
        let end = raw.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(raw.len());
        let mut numbers = raw[..end].trim_end_matches('.').split('.').map(number);
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && matches!(class, 2 | 4 | 5)).then_some(Self { class, subject, detail })
    }

    /// Whether the mailbox or the domain does not exist. A full mailbox, a filter or an unexplained rejection is
    /// not enough.
    pub const fn is_invalid_mailbox(self) -> bool {
        matches!((self.class, self.subject, self.detail), (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1))
    }

    /// Whether it rejects the sender or the message: limits of the system, the protocol, the content, security, or
    /// the sender's address.
    const fn is_policy_rejection(self) -> bool {
        matches!((self.subject, self.detail), (3 | 5 | 6 | 7, _) | (1, 7 | 8) | (2, 3))
    }

    /// `5.0.0` means no more than `5`.
    const fn is_unspecific(self) -> bool {
        self.subject == 0
    }
}

/// At most three digits, as RFC 3463 has them.
fn number(digits: &str) -> Option<u16> {
    if (1..=3).contains(&digits.len()) { digits.parse().ok() } else { None }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

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

/// Finds the cause of a bounce. `diagnostic` is the reply of the rejecting server, if the report has it.
pub fn classify(action: Action, status: Option<Status>, diagnostic: &str) -> BounceClass {
    if action != Action::Failed {
        return BounceClass::Unclear;
    }
    let in_text = status_in_text(diagnostic);
    // Some servers report 5.0.0 or 5.1.1 for every rejection; the reply of the rejecting server is more precise.
    let status = match (status, in_text) {
        (Some(status), Some(in_text)) if status.is_unspecific() || in_text.is_policy_rejection() => {
            Some(in_text)
        }
        (None, in_text) => in_text,
        (status, _) => status,
    };
    match status {
        Some(status) if status.is_policy_rejection() => BounceClass::Policy,
        Some(status) if status.is_invalid_mailbox() => {
            // Without an enhanced code only the text remains.
            if in_text.is_none() && mentions_policy(diagnostic) {
                BounceClass::Policy
            } else {
                BounceClass::Hard
            }
        }
        Some(Status { class: 4, .. } | Status { class: 5, subject: 1 | 2 | 4, .. }) => BounceClass::Soft,
        _ => BounceClass::Policy,
    }
}

/// The enhanced code in `smtp; 550 5.1.1 <kim@example.com>: no such user` or `550-5.1.1 The email account …`.
fn status_in_text(diagnostic: &str) -> Option<Status> {
    let text = diagnostic.split_once(';').map_or(diagnostic, |(kind, text)| {
        if kind.trim().eq_ignore_ascii_case("smtp") { text } else { diagnostic }
    });
    let text = text.trim_start();
    let code = text.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let status = Status::parse(text.get(3..)?.trim_start_matches([' ', '-', '#']))?;
    // A code that contradicts its reply ("250 5.1.1") is ignored.
    (code.starts_with('4') && status.class == 4 || code.starts_with('5') && status.class == 5)
        .then_some(status)
}

/// Whether the text of a rejection without an enhanced code is about policy, authentication, spam or limits.
pub fn mentions_policy(diagnostic: &str) -> bool {
    const WORDS: [&str; 11] = [
        "spam",
        "blocked",
        "blacklist",
        "blocklist",
        "policy",
        "authenti",
        "spf",
        "dmarc",
        "rate limit",
        "too many",
        "relay",
    ];
    let text = diagnostic.to_ascii_lowercase();
    WORDS.iter().any(|keyword| text.contains(keyword))
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
            ("5.2.1", "smtp; 550 5.2.1 mailbox disabled", BounceClass::Hard),
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
            prop_assert_eq!(status_in_text(&format!("smtp; {class}50 {status} x")), (class != 2).then_some(status));
        }
    }
}
