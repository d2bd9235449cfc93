//! Whether an issue may go on: how many of its readers do not exist, and how many complain.
//!
//! The thresholds are those of the large receivers (Gmail: complaints below 0.1 %, never 0.3 %). Pure. In a small list
//! one reader is many per cent, so a few must have spoken before anything is stopped.

/// Beyond these an issue is stopped, in thousandths.
const BOUNCES: (u64, u64) = (20, 50);
const COMPLAINTS: (u64, u64) = (1, 3);
/// So many must have bounced, or complained, before the issue is stopped; one less is worth a warning.
const FEWEST_BOUNCES: u64 = 5;
const FEWEST_COMPLAINTS: u64 = 3;

/// What is known of the copies of an issue, or of its latest ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedbackCounts {
    /// Copies that a server took.
    pub sent: u64,
    /// Copies whose reader does not exist, refused at once or bounced later.
    pub hard: u64,
    /// Copies that their readers called spam.
    pub complaints: u64,
}

/// What that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nothing out of the ordinary.
    Ok,
    /// Worth a look: in words.
    Warning(String),
    /// Nothing more must be sent before somebody has looked: in words.
    Critical(String),
}

impl FeedbackCounts {
    /// Judges it. A bounce that came later is of a copy that counts as sent as well.
    pub fn health(self) -> Health {
        let copies = (self.sent + self.hard).max(1);
        let thousandths = |number: u64| number * 1_000;
        let beyond = |number: u64, limit: u64| thousandths(number) > limit * copies;
        let bounced =
            || format!("{} of {copies} messages bounced because the address does not exist", self.hard);
        let complained = || format!("{} of {copies} subscribers reported it as spam", self.complaints);
        if beyond(self.complaints, COMPLAINTS.1) && self.complaints >= FEWEST_COMPLAINTS {
            Health::Critical(complained())
        } else if beyond(self.hard, BOUNCES.1) && self.hard >= FEWEST_BOUNCES {
            Health::Critical(bounced())
        } else if beyond(self.complaints, COMPLAINTS.0) && self.complaints >= FEWEST_COMPLAINTS - 1 {
            Health::Warning(complained())
        } else if beyond(self.hard, BOUNCES.0) && self.hard >= FEWEST_BOUNCES - 1 {
            Health::Warning(bounced())
        } else {
            Health::Ok
        }
    }

    /// Whether so few of them exist that it can only be the relay that is wrong.
    pub const fn is_extreme(self) -> bool {
        self.hard >= 2 * FEWEST_BOUNCES && self.hard > self.sent
    }

    /// Whether a relay that says "no such reader" may be believed: it takes more copies than it refuses. One that
    /// refuses everybody is broken, and would cost the whole list.
    pub fn is_credible(self) -> bool {
        self.sent > self.hard && !matches!(self.health(), Health::Critical(_))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn health(sent: u64, hard: u64, complaints: u64) -> &'static str {
        match (FeedbackCounts { sent, hard, complaints }).health() {
            Health::Ok => "well",
            Health::Warning(_) => "warn",
            Health::Critical(_) => "sick",
        }
    }

    #[test]
    fn the_thresholds_are_those_of_the_large_receivers() {
        assert_eq!((health(9_800, 200, 0), health(9_799, 201, 0)), ("well", "warn"));
        assert_eq!((health(9_500, 500, 0), health(9_499, 501, 0)), ("warn", "sick"));
        assert_eq!((health(10_000, 0, 10), health(10_000, 0, 11)), ("well", "warn"));
        assert_eq!((health(10_000, 0, 30), health(10_000, 0, 31)), ("warn", "sick"));
    }

    #[test]
    fn in_a_small_list_a_few_must_have_spoken() {
        assert_eq!((health(0, 3, 0), health(10, 4, 0), health(20, 5, 0)), ("well", "warn", "sick"));
        assert_eq!((health(20, 0, 1), health(20, 0, 2), health(20, 0, 3)), ("well", "warn", "sick"));
    }

    #[test]
    fn a_relay_that_knows_nobody_is_not_believed() {
        assert!(!FeedbackCounts { sent: 0, hard: 3, complaints: 0 }.is_credible());
        assert!(!FeedbackCounts { sent: 50, hard: 6, complaints: 0 }.is_credible());
        assert!(!FeedbackCounts { sent: 3, hard: 3, complaints: 0 }.is_credible());
        assert!(FeedbackCounts { sent: 3, hard: 2, complaints: 0 }.is_credible());
    }

    #[test]
    fn where_ten_bounced_and_fewer_arrived_it_is_the_relay_that_is_wrong() {
        let absurd = |sent, hard| FeedbackCounts { sent, hard, complaints: 0 }.is_extreme();
        assert!(absurd(0, 10) && absurd(9, 10) && absurd(0, 1_000));
        assert!(!absurd(0, 9), "too few to tell");
        assert!(!absurd(10, 10) && !absurd(1_000, 11), "it takes what it is given");
    }

    proptest! {
        #[test]
        fn more_trouble_is_never_judged_better(sent in 0..5_000_u64, hard in 0..500_u64, complaints in 0..50_u64) {
            let rank = |word| ["well", "warn", "sick"].iter().position(|known| *known == word).unwrap();
            let now = rank(health(sent, hard, complaints));
            prop_assert!(rank(health(sent, hard, complaints + 1)) >= now);
            // A bounce more makes the number of copies larger, so complaints may weigh less.
            prop_assert!(rank(health(sent, hard + 1, 0)) >= rank(health(sent, hard, 0)));
        }
    }
}
