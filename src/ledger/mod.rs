//! The types of the ledger, which records what was sent to whom and which deliveries are unknown.
//!
//! Values only. Only [`transition`] moves a delivery from state to state; there is no SQL and no SMTP here.

pub mod health;
#[cfg(test)]
mod model;
pub mod rate_limit;
mod retry;
mod state_counts;
pub mod transition;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

pub use retry::{Retry, RetrySchedule};
pub use state_counts::StateCounts;

use crate::text::{HeaderText, hex};

/// Why a delivery failed: the mailbox or its domain does not exist.
pub const NO_MAILBOX: &str = "no_mailbox";
/// Why a delivery failed: the server rejected the message or its sender, independently of the recipient.
pub const LETTER_REFUSED: &str = "letter_refused";

/// The unique identifier of one attempt at one delivery: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 16]);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// The state of one delivery: one issue to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting, perhaps until a certain time.
    Pending,
    /// A worker is processing it; nothing that the server could accept has been written.
    Claimed,
    /// The final dot may have been sent: from here on, a missing reply means "unknown".
    Armed,
    /// A 2yz reply was read after the dot.
    Sent,
    /// No attempt can have been accepted, and there will be no further attempt.
    Failed,
    /// The subscriber unsubscribed or was suppressed, or the issue was cancelled, before the delivery was armed.
    Skipped,
    /// It may or may not have arrived: the reply to the final dot was lost.
    Unknown,
    /// It was permanently rejected, but an earlier attempt may have arrived.
    FailedUncertain,
}

impl State {
    /// Every state, in display order.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Claimed,
        Self::Armed,
        Self::Sent,
        Self::Failed,
        Self::Skipped,
        Self::Unknown,
        Self::FailedUncertain,
    ];

    /// The name that is stored and printed; scripts rely on it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Armed => "armed",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::FailedUncertain => "failed_uncertain",
        }
    }

    /// Reads [`State::as_str`] back.
    pub fn from_code(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a run still has work to do for it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Claimed | Self::Armed)
    }

    /// Whether the message may have arrived without a reply that confirms it.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown | Self::FailedUncertain)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One delivery as the transition table sees it. The content of the message (address, Message-ID, …) is fixed at the
/// freeze and not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its state.
    pub state: State,
    /// The attempt that holds it, or that held it last.
    pub token: Option<Token>,
    /// Claims so far.
    pub attempts: u32,
    /// When the claim expires.
    pub lease_until: Option<DateTime<Utc>>,
    /// The earliest time of the next attempt.
    pub next_at: DateTime<Utc>,
    /// The number of recorded decisions to send it again although it may have arrived.
    pub resends: u32,
    /// Whether an earlier attempt may have been accepted.
    pub had_unknown: bool,
    /// SHA-256 of the bytes of the first armed attempt; every later attempt must send the same.
    pub bytes: Option<[u8; 32]>,
    /// The `Date` header of the message, fixed at its first claim.
    pub dated: Option<DateTime<Utc>>,
    /// Why it failed or was skipped: a short code for scripts.
    pub reason: Option<String>,
    /// The phase in which the last attempt ended, and the reply or the error, at most 1 KiB, printable.
    pub last: Option<LastReply>,
}

/// The reason of an unknown delivery in a ledger that was restored from a backup.
pub const RESTORED: &str = "restored";

/// The reason of an unknown delivery that was acknowledged.
pub const ACKNOWLEDGED: &str = "left";

/// The phase of an entry that is no reply of a relay: somebody or something proved that the message was accepted.
pub const EVIDENCE: &str = "evidence";

/// The name that a relay gave a message in its reply, by which its operators find it in their logs:
/// `4XyZ12` in `250 2.0.0 Ok: queued as 4XyZ12`. Every relay writes it differently, so it is the longest word with
/// a digit after the codes, which is no address and no size.
pub fn queue_id(reply: &str) -> Option<&str> {
    const LONGEST: usize = 64;
    let is_id = |word: &&str| {
        (6..=LONGEST).contains(&word.len())
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')
    };
    reply
        .split(|c: char| c.is_whitespace() || "<>[](),;\"'".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(is_id)
        .max_by_key(|word| word.len())
}

/// The last reply for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReply {
    /// The phase of the dialogue.
    pub phase: String,
    /// The reply or the error.
    pub text: String,
}

impl Delivery {
    /// A delivery as the freeze inserts it.
    pub const fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: State::Pending,
            token: None,
            attempts: 0,
            lease_until: None,
            next_at: now,
            resends: 0,
            had_unknown: false,
            bytes: None,
            dated: None,
            reason: None,
            last: None,
        }
    }

    /// Whether it is unknown and was not acknowledged.
    pub fn needs_decision(&self) -> bool {
        self.state.is_unknown() && self.reason.as_deref() != Some(ACKNOWLEDGED)
    }

    /// Filters penalise a late `Date` (`SpamAssassin` from three hours on), so after a *definite* rejection a new one
    /// is set. A message that may have arrived keeps its date, because its bytes must not change.
    fn date_for(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.dated {
            Some(dated) if self.had_unknown || now - dated < TimeDelta::hours(3) => dated,
            _ => now,
        }
    }
}

/// The state of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// Messages are being sent.
    Sending,
    /// Nothing is sent until it is resumed by hand.
    Paused,
    /// No delivery is open any more.
    Done,
    /// Cancelled by its author.
    Cancelled,
    /// Published before the ledger began: never mailed.
    Baseline,
    /// Written to files while no relay was configured, and set aside once one was.
    Rehearsal,
}

impl IssueState {
    /// The name that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Baseline => "baseline",
            Self::Rehearsal => "rehearsal",
        }
    }

    /// Reads [`IssueState::as_str`] back.
    pub fn from_word(name: &str) -> Option<Self> {
        [Self::Sending, Self::Paused, Self::Done, Self::Cancelled, Self::Baseline, Self::Rehearsal]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// An issue and its counts, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSummary {
    /// The post's permanent id.
    pub id: String,
    /// The subject.
    pub subject: HeaderText,
    /// Its state.
    pub state: IssueState,
    /// When its audience and content were fixed.
    pub frozen_at: DateTime<Utc>,
    /// The number of subscribers in its audience.
    pub audience: u64,
    /// How many deliveries are in each state.
    pub counts: StateCounts,
    /// The earliest time at which a pending delivery may go out.
    pub next_at: Option<DateTime<Utc>>,
    /// How many of the pending deliveries were tried before and wait for the next attempt.
    pub retrying: u64,
    /// Why it was paused, resumed or cancelled, if it was.
    pub paused_because: Option<String>,
    /// It was written to files, because no relay was configured.
    pub rehearsal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.as_str()), Some(state));
        }
        assert_eq!(State::from_code("mailed"), None);
    }

    #[test]
    fn every_issue_state_reads_back_from_its_name_and_has_it_in_json() {
        use IssueState::{Baseline, Cancelled, Done, Paused, Rehearsal, Sending};
        for state in [Sending, Paused, Done, Cancelled, Baseline, Rehearsal] {
            assert_eq!(IssueState::from_word(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!(IssueState::from_word("mailed"), None);
    }

    #[test]
    fn a_state_is_open_unknown_or_final_and_prints_as_its_name() {
        let which =
            |is: fn(State) -> bool| State::ALL.into_iter().filter(|state| is(*state)).collect::<Vec<_>>();
        assert_eq!(which(State::is_open), [State::Pending, State::Claimed, State::Armed]);
        assert_eq!(which(State::is_unknown), [State::Unknown, State::FailedUncertain]);
        assert!(State::ALL.into_iter().all(|state| state.to_string() == state.as_str()));
    }

    #[test]
    fn the_name_of_a_message_is_found_in_the_replies_of_common_relays() {
        for (reply, id) in [
            ("250 2.0.0 Ok: queued as 4XyZ1234Qwz", "4XyZ1234Qwz"),
            ("250 OK id=1r8abC-0001Xy-2z", "id=1r8abC-0001Xy-2z"),
            ("250 2.0.0 OK  1764374400 d9443c01a7336-1cfe1b5 - gsmtp", "d9443c01a7336-1cfe1b5"),
            (
                "250 Ok 0100018c1e2f3a4b-00000000-1111-2222-3333-444444444444-000000",
                "0100018c1e2f3a4b-00000000-1111-2222-3333-444444444444-000000",
            ),
            (
                "250 2.6.0 <a1@example.com> [InternalId=98765432101234, Hostname=A.B] Queued mail for delivery",
                "InternalId=98765432101234",
            ),
        ] {
            assert_eq!(queue_id(reply), Some(id), "{reply}");
        }
        for none in ["250 OK", "250 2.0.0 accepted", "", "250 <6f1d2c3b4a@example.com>"] {
            assert_eq!(queue_id(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_prints_as_its_bytes_in_hex() {
        let token = Token([0xA5; 16]);
        assert_eq!(token.to_string(), "a5".repeat(16));
        assert_eq!(format!("{token:?}"), format!("Token({token})"));
    }

    #[test]
    fn a_late_message_gets_a_new_date_only_if_no_earlier_attempt_may_have_arrived() {
        let start = DateTime::UNIX_EPOCH;
        let mut delivery = Delivery { dated: Some(start), ..Delivery::new(start) };
        assert_eq!(delivery.date_for(start + TimeDelta::hours(2)), start);
        assert_eq!(delivery.date_for(start + TimeDelta::hours(3)), start + TimeDelta::hours(3));
        delivery.had_unknown = true;
        assert_eq!(delivery.date_for(start + TimeDelta::hours(4)), start);
    }
}
