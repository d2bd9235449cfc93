//! Decides whether an issue may continue, by the share of invalid addresses and of complaints.
//!
//! The thresholds are those of the large receivers (Gmail: complaints below 0.1 %, never 0.3 %). In a small list one
//! subscriber is several per cent, so a minimum number is required before an issue is stopped; and chance brings together more
//! bounces than the list has on average, so only a share that is surely too high stops it (the lower bound of Wilson's
//! interval). Pure.

/// The thresholds for a warning and for stopping the issue; the whole numbers in thousandths.
const BOUNCES: u64 = 20;
const MOST_BOUNCES: f64 = 0.05;
const COMPLAINTS: (u64, u64) = (1, 3);
/// At least this many must have bounced, or complained, before the issue is stopped; one less leads to a warning.
const FEWEST_BOUNCES: u64 = 5;
const FEWEST_COMPLAINTS: u64 = 3;
/// How sure it must be that too many bounce, in standard deviations. A run looks after every message, so 99.9 % are needed for
/// each look.
const SURE: f64 = 3.0;

/// The feedback on the messages of an issue, or on its latest ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedbackCounts {
    /// Messages that a server accepted.
    pub sent: u64,
    /// Messages to mailboxes that do not exist, rejected at once or bounced later.
    pub hard: u64,
    /// Messages that were deferred, or failed for another reason.
    pub other: u64,
    /// Messages that were reported as spam.
    pub complaints: u64,
}

/// The health of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Within the thresholds.
    Ok,
    /// Worth a look, with the reason.
    Warning(String),
    /// Nothing more must be sent until it is resumed by hand, with the reason.
    Critical(String),
}

impl FeedbackCounts {
    /// Classifies the counts. A message that bounced later counts as sent as well.
    pub fn health(self) -> Health {
        let messages = (self.sent + self.hard + self.other).max(1);
        // Only who got a message can complain about it.
        let recipients = (self.sent + self.hard).max(1);
        let beyond = |number: u64, limit: u64, of: u64| number * 1_000 > limit * of;
        let bounced =
            || format!("{} of {messages} messages bounced because the address does not exist", self.hard);
        let complained = || format!("{} of {recipients} subscribers reported it as spam", self.complaints);
        if beyond(self.complaints, COMPLAINTS.1, recipients) && self.complaints >= FEWEST_COMPLAINTS {
            Health::Critical(complained())
        } else if self.hard >= FEWEST_BOUNCES && at_least(self.hard, messages) > MOST_BOUNCES {
            Health::Critical(bounced())
        } else if beyond(self.complaints, COMPLAINTS.0, recipients)
            && self.complaints >= FEWEST_COMPLAINTS - 1
        {
            Health::Warning(complained())
        } else if beyond(self.hard, BOUNCES, messages) && self.hard >= FEWEST_BOUNCES - 1 {
            Health::Warning(bounced())
        } else {
            Health::Ok
        }
    }

    /// Whether so many are invalid that the relay must be at fault.
    pub const fn is_extreme(self) -> bool {
        self.hard >= 2 * FEWEST_BOUNCES && self.hard > self.sent
    }

    /// Whether the relay's "no such user" can be trusted: it accepts more messages than it rejects. A relay that
    /// rejects every address is broken, and trusting it would suppress the whole list.
    pub fn is_credible(self) -> bool {
        self.sent > self.hard && !matches!(self.health(), Health::Critical(_))
    }
}

/// The share that is surely reached: the lower bound of Wilson's interval.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 messages")]
fn at_least(part: u64, all: u64) -> f64 {
    let (share, all, squared) = (part as f64 / all as f64, all as f64, SURE * SURE);
    let centre = share + squared / (2.0 * all);
    let deviation = SURE * (share * (1.0 - share) / all + squared / (4.0 * all * all)).sqrt();
    (centre - deviation) / (1.0 + squared / all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn health(sent: u64, hard: u64, complaints: u64) -> &'static str {
        match (FeedbackCounts { sent, hard, other: 0, complaints }).health() {
            Health::Ok => "ok",
            Health::Warning(_) => "warning",
            Health::Critical(_) => "critical",
        }
    }

    #[test]
    fn the_thresholds_are_those_of_the_large_receivers() {
        assert_eq!((health(9_800, 200, 0), health(9_799, 201, 0)), ("ok", "warning"));
        assert_eq!((health(9_435, 565, 0), health(9_434, 566, 0)), ("warning", "critical"));
        assert_eq!((health(10_000, 0, 10), health(10_000, 0, 11)), ("ok", "warning"));
        assert_eq!((health(10_000, 0, 30), health(10_000, 0, 31)), ("warning", "critical"));
    }

    #[test]
    fn a_small_list_needs_a_minimum_of_bounces_or_complaints() {
        assert_eq!((health(0, 3, 0), health(10, 4, 0), health(20, 5, 0)), ("ok", "warning", "critical"));
        assert_eq!((health(20, 0, 1), health(20, 0, 2), health(20, 0, 3)), ("ok", "warning", "critical"));
    }

    #[test]
    fn a_relay_that_rejects_every_address_is_not_trusted() {
        assert!(!FeedbackCounts { sent: 0, hard: 3, other: 0, complaints: 0 }.is_credible());
        assert!(!FeedbackCounts { sent: 50, hard: 20, other: 0, complaints: 0 }.is_credible());
        assert!(!FeedbackCounts { sent: 3, hard: 3, other: 0, complaints: 0 }.is_credible());
        assert!(FeedbackCounts { sent: 3, hard: 2, other: 0, complaints: 0 }.is_credible());
    }

    #[test]
    fn ten_bounces_and_fewer_accepted_messages_are_extreme() {
        let extreme = |sent, hard| FeedbackCounts { sent, hard, other: 0, complaints: 0 }.is_extreme();
        assert!(extreme(0, 10) && extreme(9, 10) && extreme(0, 1_000));
        assert!(!extreme(0, 9), "too few to tell");
        assert!(!extreme(10, 10) && !extreme(1_000, 11), "most messages are accepted");
    }

    proptest! {
        #[test]
        fn more_bounces_or_complaints_never_improve_the_health(sent in 0..5_000_u64, hard in 0..500_u64, complaints in 0..50_u64) {
            let rank = |name| ["ok", "warning", "critical"].iter().position(|known| *known == name).unwrap();
            let now = rank(health(sent, hard, complaints));
            prop_assert!(rank(health(sent, hard, complaints + 1)) >= now);
            // One more bounce also increases the number of messages, so complaints may weigh less.
            prop_assert!(rank(health(sent, hard + 1, 0)) >= rank(health(sent, hard, 0)));
        }
    }
}
