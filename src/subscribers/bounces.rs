//! What a bounce says of a reader, and when a reader who bounces is no longer mailed.
//!
//! Pure rules, for what a server says at once (SMTP) and for what comes back later as mail. Taking a policy for a dead
//! mailbox costs a reader, the reverse costs another try: whatever is not plainly about the mailbox is not held
//! against the reader.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// So many issues in a row must have come back before a mailbox that is full, or not reached, is given up.
const SOFT_ISSUES: usize = 3;
/// And so long it must have lasted: a reader may be on holiday with a full mailbox.
const SOFT_DAYS: i64 = 15;
/// A copy that is younger than this may still come back (RFC 5321, 4.5.4.1: servers try for four to five days).
const STILL_OPEN_DAYS: i64 = 5;

/// What a server did with a copy (RFC 3464, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It gave up.
    Failed,
    /// It keeps trying.
    Delayed,
    /// It delivered the copy.
    Delivered,
    /// It passed the copy on to a server that reports no deliveries.
    Relayed,
    /// It passed the copy on to several addresses.
    Expanded,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Delayed, Self::Delivered, Self::Relayed, Self::Expanded];

    /// The word of RFC 3464.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    /// Reads the word; what comes after it ("failed (too big)") does not matter.
    pub fn from_word(raw: &str) -> Option<Self> {
        let word = raw.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word))
    }
}

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// 2 success, 4 not now, 5 never.
    pub class: u16,
    /// What it is about: 1 the address, 2 the mailbox, 4 the network, 7 policy.
    pub subject: u16,
    /// More.
    pub detail: u16,
}

impl Status {
    /// Reads `5.1.1`, with anything but a further digit or dot behind it.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim_start();
        let end = raw.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(raw.len());
        let mut numbers = raw[..end].trim_end_matches('.').split('.').map(number);
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && matches!(class, 2 | 4 | 5)).then_some(Self { class, subject, detail })
    }

    /// Whether it says that there is no such mailbox or domain. A full mailbox, a filter or an unexplained refusal is
    /// not enough.
    pub const fn is_dead_address(self) -> bool {
        matches!((self.class, self.subject, self.detail), (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1))
    }

    /// Whether it refuses the sender or the letter: the system's limits, the protocol, the content, security, and the
    /// sender's own address.
    const fn refuses_sender(self) -> bool {
        matches!((self.subject, self.detail), (3 | 5 | 6 | 7, _) | (1, 7 | 8) | (2, 3))
    }

    /// `5.0.0` says no more than `5`.
    const fn says_nothing(self) -> bool {
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

/// At whose door a bounce is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// There is no such mailbox: not to be mailed again.
    Dead,
    /// The mailbox is full, or was not reached in time: to be mailed again, but not for ever.
    Soft,
    /// The sender's, the letter's, or nobody can tell: never the reader's.
    Sender,
    /// It is no failure.
    Nobody,
}

impl Fault {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Soft => "soft",
            Self::Sender => "sender",
            Self::Nobody => "",
        }
    }
}

/// Lays a report at somebody's door. `diagnostic` is what the refusing server said, as far as the report repeats it.
pub fn blame(action: Action, status: Option<Status>, diagnostic: &str) -> Fault {
    if action != Action::Failed {
        return Fault::Nobody;
    }
    let said = said_in(diagnostic);
    // A server that reports 5.0.0 or 5.1.1 for whatever it was told is corrected by what it was told.
    let status = match (status, said) {
        (Some(status), Some(said)) if status.says_nothing() || said.refuses_sender() => Some(said),
        (None, said) => said,
        (status, _) => status,
    };
    match status {
        Some(status) if status.refuses_sender() => Fault::Sender,
        Some(status) if status.is_dead_address() => {
            // Without a code of its own the refusal's words are all there is.
            if said.is_none() && speaks_of_policy(diagnostic) { Fault::Sender } else { Fault::Dead }
        }
        Some(Status { class: 4, .. } | Status { class: 5, subject: 1 | 2 | 4, .. }) => Fault::Soft,
        _ => Fault::Sender,
    }
}

/// The enhanced code in `smtp; 550 5.1.1 <kim@example.com>: no such user` or `550-5.1.1 The email account …`.
fn said_in(diagnostic: &str) -> Option<Status> {
    let text = diagnostic.split_once(';').map_or(diagnostic, |(kind, text)| {
        if kind.trim().eq_ignore_ascii_case("smtp") { text } else { diagnostic }
    });
    let text = text.trim_start();
    let code = text.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let status = Status::parse(text.get(3..)?.trim_start_matches([' ', '-', '#']))?;
    // A code that contradicts its reply ("250 5.1.1") says nothing.
    (code.starts_with('4') && status.class == 4 || code.starts_with('5') && status.class == 5)
        .then_some(status)
}

/// Whether a refusal without a code of its own is about policy, authentication, spam or limits, by its words.
pub fn speaks_of_policy(diagnostic: &str) -> bool {
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
    WORDS.iter().any(|word| text.contains(word))
}

/// What became of one issue for one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When the issue was frozen.
    pub at: DateTime<Utc>,
    /// [`Fault::Nobody`] if nothing came back.
    pub fault: Fault,
}

/// Why a reader must not be mailed any more; `None`: they stay. `history` is the reader's issues, newest first, the
/// one that has just come back among them. One that arrived ends the count of those that did not.
pub fn judge(history: &[Past], now: DateTime<Utc>) -> Option<String> {
    if history.iter().any(|past| past.fault == Fault::Dead) {
        return Some("no such mailbox".to_owned());
    }
    let mut back = Vec::new();
    for past in history {
        match past.fault {
            Fault::Soft => back.push(past.at),
            // It may still come back, and says nothing yet.
            Fault::Nobody if now - past.at < TimeDelta::days(STILL_OPEN_DAYS) => {}
            Fault::Nobody => break,
            Fault::Sender | Fault::Dead => {}
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

    /// A history in the order of the calendar; judged newest first.
    fn judged(faults: &[(i64, Fault)], now: i64) -> bool {
        let history: Vec<Past> =
            faults.iter().rev().map(|(at, fault)| Past { at: day(*at), fault: *fault }).collect();
        judge(&history, day(now)).is_some()
    }

    fn failed(status: &str, diagnostic: &str) -> Fault {
        blame(Action::Failed, Status::parse(status), diagnostic)
    }

    #[test]
    fn only_a_mailbox_that_does_not_exist_is_dead() {
        for (status, diagnostic, fault) in [
            ("5.1.1", "smtp; 550 5.1.1 <kim@example.com>: User unknown", Fault::Dead),
            ("5.1.10", "", Fault::Dead),
            ("5.2.1", "smtp; 550 5.2.1 mailbox disabled", Fault::Dead),
            ("5.0.0", "smtp; 550 5.1.1 no such user", Fault::Dead),
            ("5.0.0", "smtp; 550-5.1.1 The email account does not exist", Fault::Dead),
            ("5.2.2", "smtp; 552 5.2.2 quota", Fault::Soft),
            ("4.2.2", "", Fault::Soft),
            ("4.4.7", "smtp; delivery time expired", Fault::Soft),
            ("5.4.4", "", Fault::Soft),
            ("5.1.0", "", Fault::Soft),
            ("5.7.1", "smtp; 550 5.7.1 SPF", Fault::Sender),
            ("4.7.0", "", Fault::Sender),
            ("5.1.8", "", Fault::Sender),
            ("5.2.3", "smtp; 552 5.2.3 message too long", Fault::Sender),
            ("5.1.1", "smtp; 550 5.7.26 unauthenticated", Fault::Sender),
            ("5.1.1", "smtp; 554 your host is on a blacklist", Fault::Sender),
            ("5.0.0", "", Fault::Sender),
            ("", "", Fault::Sender),
        ] {
            assert_eq!(failed(status, diagnostic), fault, "{status} {diagnostic}");
        }
    }

    #[test]
    fn what_is_delayed_relayed_delivered_or_expanded_is_nobodys_fault() {
        for action in [Action::Delayed, Action::Relayed, Action::Delivered, Action::Expanded] {
            assert_eq!(blame(action, Status::parse("5.1.1"), "550 5.1.1 x"), Fault::Nobody);
        }
    }

    #[test]
    fn a_full_mailbox_is_given_up_after_three_issues_and_fifteen_days_and_not_before() {
        use Fault::{Sender, Soft};
        assert!(judged(&[(0, Soft), (7, Soft), (14, Soft)], 15));
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Soft)], 14), "not fifteen days yet");
        assert!(!judged(&[(0, Soft), (20, Soft)], 40), "two issues only");
        assert!(!judged(&[(0, Soft), (1, Soft), (2, Soft), (3, Soft)], 4), "a daily letter");
        assert!(
            judged(&[(0, Soft), (7, Soft), (10, Sender), (14, Soft)], 15),
            "the sender's fault counts not"
        );
    }

    #[test]
    fn an_issue_that_arrived_begins_the_count_anew_and_one_that_is_too_young_to_tell_does_not() {
        use Fault::{Nobody, Soft};
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Nobody), (21, Soft)], 30));
        assert!(judged(&[(0, Soft), (7, Soft), (14, Soft), (15, Nobody)], 16));
        assert!(!judged(&[(0, Soft), (7, Soft), (14, Soft), (15, Nobody)], 21));
    }

    #[test]
    fn one_dead_mailbox_is_enough() {
        assert!(judged(&[(0, Fault::Nobody), (7, Fault::Dead)], 7));
        assert!(!judged(&[(0, Fault::Nobody)], 7) && !judged(&[], 7));
    }

    #[test]
    fn status_codes_are_read_with_what_people_write_behind_them() {
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
            let _ = (Status::parse(&raw), Action::from_word(&raw), blame(Action::Failed, None, &raw));
            let status = Status { class, subject, detail };
            prop_assert_eq!(Status::parse(&status.to_string()), Some(status));
            prop_assert_eq!(said_in(&format!("smtp; {class}50 {status} x")), (class != 2).then_some(status));
        }
    }
}
