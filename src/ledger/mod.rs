//! Who was sent what, and what is in doubt: the words of the ledger.
//!
//! Values only. [`transition`] alone says how a delivery moves from state to state; no SQL and no SMTP here.

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
/// Why a delivery failed: the server refused the letter or its sender, whoever the reader is.
pub const LETTER_REFUSED: &str = "letter_refused";

/// A number that is given out once, for ever, to one attempt at one delivery: 128 random bits.
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
    /// Waiting for its turn, perhaps until a time.
    Pending,
    /// Somebody has it in hand; nothing that the server could accept has been written.
    Claimed,
    /// The final dot may be on its way: from here on silence means doubt.
    Armed,
    /// A 2yz reply was read after the dot.
    Sent,
    /// No attempt can have been accepted, and none will be made.
    Failed,
    /// The reader left, was suppressed, or the issue was cancelled before the copy was armed.
    Skipped,
    /// It may or may not have arrived: the reply to the dot was lost.
    Unknown,
    /// It was refused for good, but an earlier attempt may have arrived.
    FailedUncertain,
}

impl State {
    /// Every state, in the order in which a person reads them.
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

    /// The word that is stored and printed; scripts rely on it.
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
    pub fn from_code(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a run still has something to do for it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Claimed | Self::Armed)
    }

    /// Whether a copy may be in a mailbox without a reply that says so.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown | Self::FailedUncertain)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One delivery as the transition table sees it. What the copy says (address, Message-ID, …) is fixed at the
/// freeze and not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it stands.
    pub state: State,
    /// The attempt that holds it, or that it was last held by.
    pub token: Option<Token>,
    /// Claims so far.
    pub attempts: u32,
    /// When the claim runs out.
    pub lease_until: Option<DateTime<Utc>>,
    /// Not before this time.
    pub next_at: DateTime<Utc>,
    /// Recorded decisions to send again although a copy may have arrived.
    pub resends: u32,
    /// Whether an earlier attempt may have been accepted.
    pub had_unknown: bool,
    /// SHA-256 of the bytes of the first armed attempt: every later attempt sends the same.
    pub bytes: Option<[u8; 32]>,
    /// The `Date` header of the copy, fixed at its first claim.
    pub dated: Option<DateTime<Utc>>,
    /// Why it failed or was skipped: a short word for scripts.
    pub reason: Option<String>,
    /// In which phase the last attempt ended, and the reply or the trouble, at most 1 KiB, printable.
    pub last: Option<LastReply>,
}

/// The reason of a doubt that comes from putting the ledger back from a copy.
pub const RESTORED: &str = "restored";

/// The reason of a doubt that somebody decided to leave as it is.
pub const ACKNOWLEDGED: &str = "left";

/// What was heard last about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReply {
    /// The phase of the dialogue.
    pub phase: String,
    /// The reply or the trouble.
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

    /// Whether it is in doubt and nobody has decided to leave it so.
    pub fn needs_decision(&self) -> bool {
        self.state.is_unknown() && self.reason.as_deref() != Some(ACKNOWLEDGED)
    }

    /// Filters hold a late `Date` against a letter (`SpamAssassin` from three hours on), so after a *definite*
    /// refusal a new one is set. A copy that may have arrived keeps its date: its bytes must not change.
    fn date_for(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.dated {
            Some(dated) if self.had_unknown || now - dated < TimeDelta::hours(3) => dated,
            _ => now,
        }
    }
}

/// Where an issue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// Copies go out.
    Sending,
    /// Nothing moves until somebody says so.
    Paused,
    /// No delivery is open any more.
    Done,
    /// Given up by its writer.
    Cancelled,
    /// Published before the ledger began: never mailed.
    Baseline,
    /// Written to files while no relay was configured, and out of the way since one is.
    Rehearsal,
}

impl IssueState {
    /// The word that is stored and printed.
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
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Sending, Self::Paused, Self::Done, Self::Cancelled, Self::Baseline, Self::Rehearsal]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// An issue and its counts, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSummary {
    /// The post's permanent id.
    pub id: String,
    /// The subject.
    pub subject: HeaderText,
    /// Where it stands.
    pub state: IssueState,
    /// When its audience and its bytes were fixed.
    pub frozen_at: DateTime<Utc>,
    /// How many readers were frozen with it.
    pub audience: u64,
    /// How many deliveries are in each state.
    pub counts: StateCounts,
    /// The earliest time at which a pending delivery may go out.
    pub next_at: Option<DateTime<Utc>>,
    /// How many of the pending ones were tried before, and wait for their next attempt.
    pub retrying: u64,
    /// Why it was paused, resumed or given up, if it was.
    pub paused_because: Option<String>,
    /// It was written to files, because no relay was configured.
    pub rehearsal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_word() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.as_str()), Some(state));
        }
        assert_eq!(State::from_code("mailed"), None);
    }

    #[test]
    fn every_state_of_an_issue_reads_back_from_the_word_that_json_has_too() {
        use IssueState::{Baseline, Cancelled, Done, Paused, Rehearsal, Sending};
        for state in [Sending, Paused, Done, Cancelled, Baseline, Rehearsal] {
            assert_eq!(IssueState::from_word(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!(IssueState::from_word("mailed"), None);
    }

    #[test]
    fn a_state_is_open_in_doubt_or_settled_and_prints_as_its_word() {
        let which =
            |is: fn(State) -> bool| State::ALL.into_iter().filter(|state| is(*state)).collect::<Vec<_>>();
        assert_eq!(which(State::is_open), [State::Pending, State::Claimed, State::Armed]);
        assert_eq!(which(State::is_unknown), [State::Unknown, State::FailedUncertain]);
        assert!(State::ALL.into_iter().all(|state| state.to_string() == state.as_str()));
    }

    #[test]
    fn a_token_prints_as_its_bytes_in_hex() {
        let token = Token([0xA5; 16]);
        assert_eq!(token.to_string(), "a5".repeat(16));
        assert_eq!(format!("{token:?}"), format!("Token({token})"));
    }

    #[test]
    fn a_late_copy_gets_a_new_date_only_if_no_earlier_one_may_have_arrived() {
        let start = DateTime::UNIX_EPOCH;
        let mut delivery = Delivery { dated: Some(start), ..Delivery::new(start) };
        assert_eq!(delivery.date_for(start + TimeDelta::hours(2)), start);
        assert_eq!(delivery.date_for(start + TimeDelta::hours(3)), start + TimeDelta::hours(3));
        delivery.had_unknown = true;
        assert_eq!(delivery.date_for(start + TimeDelta::hours(4)), start);
    }
}
