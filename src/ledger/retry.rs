//! The retry schedule of deferred deliveries.

use chrono::{DateTime, TimeDelta, Utc};

/// The waits between attempts, and when to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    /// The waits before the second, third, … attempt; the last one repeats.
    pub waits: Vec<TimeDelta>,
    /// How long after the freeze a delivery is still retried.
    pub give_up: TimeDelta,
}

/// The next attempt, as a wait; the store adds it to its own clock. So a process whose clock is wrong, or jumps between
/// the reply and the commit, neither gives a delivery up too early nor delays it for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How long from now.
    pub wait: TimeDelta,
    /// The horizon: no attempt after this time.
    pub give_up_at: DateTime<Utc>,
}

impl Retry {
    /// The time of the attempt, or `None` if it is after the horizon.
    pub fn at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        now.checked_add_signed(self.wait).filter(|at| *at <= self.give_up_at)
    }
}

impl RetrySchedule {
    /// The next attempt after `attempts` of them; `None` if the schedule has no second one. The horizon applies to late
    /// starters as well: without it, a clock that is years ahead would delay a delivery for years. If the issue was frozen by
    /// such a clock, the horizon is years away too, and the number of attempts ends the retries.
    ///
    /// Each wait is changed by up to 20 %, so that a relay that deferred many messages at once does not get all of them
    /// again at once; `chance` decides by how much.
    pub fn next(&self, attempts: u32, frozen_at: DateTime<Utc>, chance: [u8; 16]) -> Option<Retry> {
        let index = (attempts.max(1) as usize - 1).min(self.waits.len().checked_sub(1)?);
        let wait = self.waits[index].num_milliseconds();
        let fifth = i64::from(u16::from_be_bytes([chance[0], chance[1]])) * 400 / 65_535 - 200;
        let give_up_at =
            if attempts < self.most_attempts() { frozen_at + self.give_up } else { DateTime::<Utc>::MIN_UTC };
        Some(Retry { wait: TimeDelta::milliseconds(wait + wait / 1_000 * fifth), give_up_at })
    }

    /// The longest wait, as chance may change it. A delivery that waits longer was deferred by a clock that was ahead.
    pub fn longest_wait(&self) -> TimeDelta {
        self.waits.iter().max().map_or(TimeDelta::zero(), |wait| *wait + *wait / 5)
    }

    /// More attempts than this do not fit into the time until the horizon, if the clock is right.
    fn most_attempts(&self) -> u32 {
        let shortest = |wait: &TimeDelta| *wait * 4 / 5;
        let until_last: TimeDelta = self.waits.iter().map(shortest).sum();
        let last = self.waits.last().map_or(0, |wait| shortest(wait).num_milliseconds());
        let repeats = (self.give_up - until_last).num_milliseconds().max(0).checked_div(last);
        repeats.map_or(u32::MAX, |repeats| {
            u32::try_from(repeats + 2)
                .unwrap_or(u32::MAX)
                .saturating_add(u32::try_from(self.waits.len()).unwrap_or(u32::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule() -> RetrySchedule {
        RetrySchedule {
            waits: [5, 15, 60, 180, 360].map(TimeDelta::minutes).to_vec(),
            give_up: TimeDelta::hours(48),
        }
    }

    #[test]
    fn the_last_wait_repeats_until_the_horizon() {
        let frozen = DateTime::UNIX_EPOCH;
        let (mut now, mut attempts) = (frozen, 1);
        while let Some(next) = schedule().next(attempts, frozen, [128; 16]).unwrap().at(now) {
            (now, attempts) = (next, attempts + 1);
            assert!(attempts < 100, "the horizon is never reached: {now}");
        }
        assert!(now - frozen > TimeDelta::hours(40) && now - frozen <= TimeDelta::hours(48), "{now}");
        assert_eq!(attempts, 12);
    }

    #[test]
    fn the_waits_are_used_in_order_and_chance_changes_each_by_at_most_a_fifth() {
        let wait = |attempts, chance| {
            schedule().next(attempts, DateTime::UNIX_EPOCH, [chance; 16]).unwrap().wait.num_seconds()
        };
        for (attempts, minutes) in [(0, 5), (1, 5), (2, 15), (5, 360), (6, 360)] {
            assert_eq!((wait(attempts, 0), wait(attempts, 255)), (minutes * 48, minutes * 72), "{attempts}");
        }
        let never = RetrySchedule { waits: Vec::new(), ..schedule() };
        assert_eq!(never.next(1, DateTime::UNIX_EPOCH, [0; 16]), None);
    }

    #[test]
    fn the_number_of_attempts_ends_the_retries_only_where_the_horizon_is_years_away() {
        let started = DateTime::UNIX_EPOCH;
        let attempts_of = |frozen: DateTime<Utc>, chance| {
            let (mut now, mut attempts) = (started, 1);
            while let Some(next) = schedule().next(attempts, frozen, [chance; 16]).unwrap().at(now) {
                (now, attempts) = (next, attempts + 1);
            }
            (attempts, now - started)
        };
        // The shortest waits: the horizon still comes first.
        let (attempts, tried) = attempts_of(started, 0);
        assert!(tried > TimeDelta::hours(42), "{attempts} in {tried}");
        let (most, _) = attempts_of(started + TimeDelta::days(3_650), 255);
        assert!((attempts..attempts + 3).contains(&most), "{most}");
        assert_eq!(schedule().longest_wait(), TimeDelta::minutes(432));
    }

    #[test]
    fn an_attempt_exactly_at_the_horizon_is_allowed() {
        let frozen = DateTime::UNIX_EPOCH;
        let retry = Retry { wait: TimeDelta::hours(1), give_up_at: frozen + TimeDelta::hours(1) };
        assert_eq!(retry.at(frozen), Some(retry.give_up_at));
        assert_eq!(retry.at(frozen + TimeDelta::microseconds(1)), None);
    }

    proptest! {
        #[test]
        fn every_wait_is_within_a_fifth_of_the_scheduled_one(attempts in 1u32..40, chance in any::<[u8; 16]>()) {
            let now = DateTime::UNIX_EPOCH;
            let wait = schedule().waits[(attempts as usize - 1).min(4)].num_seconds();
            let next = schedule().next(attempts, now, chance).unwrap().wait.num_seconds();
            prop_assert!((next - wait).abs() <= wait / 5 + 1, "{next} for {wait}");
        }
    }
}
