//! Rate limits: token buckets that a crash, a second sender or a clock change cannot make faster.
//!
//! Uses the generic cell rate algorithm (ITU-T I.371): a bucket is one number, the time until which the permits that
//! were taken use up the rate. Pure; the store keeps the number and takes permits in the transaction of the claim.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// A number per minute or per hour, spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Microseconds between two permits, rounded up so that they never exceed the rate.
    interval: i64,
    burst: u32,
}

impl Rate {
    /// The highest rate.
    pub const MOST: u32 = 1_000_000;

    /// `None` for 0 and for more than [`Rate::MOST`].
    pub fn per_minute(number: u32) -> Option<Self> {
        // The permits of one second, and at least one.
        (1..=Self::MOST).contains(&number).then(|| Self::spread(number, MINUTE, (number / 60).max(1)))
    }

    /// `None` for 0 and for more than [`Rate::MOST`]. A quarter of it may come at once, because sign-ups
    /// are not spread evenly.
    pub fn per_hour(number: u32) -> Option<Self> {
        (1..=Self::MOST).contains(&number).then(|| Self::spread(number, HOUR, number.div_ceil(4)))
    }

    fn spread(number: u32, period: i64, burst: u32) -> Self {
        Self { interval: (period + i64::from(number) - 1) / i64::from(number), burst }
    }

    /// How many permits are available at once after a pause.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Microseconds between two permits.
    fn interval(self) -> i64 {
        self.interval
    }

    /// The microseconds of a whole burst.
    fn depth(self) -> i64 {
        self.interval() * i64::from(self.burst())
    }
}

/// The permits that were taken recently.
///
/// In any minute, all senders together get at most the rate plus one burst. If the clock goes back, the bucket has no
/// permits; each time the clock jumps ahead, one more burst is available.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// The time, in microseconds since 1970, until which the taken permits use up the rate.
    pub full_until: i64,
}

impl TokenBucket {
    /// How many permits there are now.
    pub fn permits(self, rate: Rate, now: DateTime<Utc>) -> u32 {
        let free = now.timestamp_micros() + rate.depth() - self.at(rate, now);
        u32::try_from(free / rate.interval()).unwrap_or(0)
    }

    /// The bucket after `taken` of [`TokenBucket::permits`] were taken.
    #[must_use]
    pub fn take(self, rate: Rate, taken: u32, now: DateTime<Utc>) -> Self {
        Self { full_until: self.at(rate, now) + rate.interval() * i64::from(taken) }
    }

    /// The time until the next permit.
    pub fn wait(self, rate: Rate, now: DateTime<Utc>) -> TimeDelta {
        let due = self.at(rate, now) + rate.interval() - rate.depth() - now.timestamp_micros();
        TimeDelta::microseconds(due.max(0))
    }

    /// Limits `full_until` to one burst ahead: a later value means that the clock went back.
    fn at(self, rate: Rate, now: DateTime<Utc>) -> i64 {
        let now = now.timestamp_micros();
        self.full_until.clamp(now, now + rate.depth())
    }
}

/// The rates of a relay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// For all messages together.
    pub all: Option<Rate>,
    /// For the messages to each domain.
    pub per_domain: Option<Rate>,
    /// For single domains, in lower case and A-labels; overrides `per_domain`.
    pub domains: BTreeMap<String, Rate>,
}

impl RateLimits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.all.is_none() && !self.has_domain_limits()
    }

    /// Whether the recipient's domain matters.
    pub fn has_domain_limits(&self) -> bool {
        self.per_domain.is_some() || !self.domains.is_empty()
    }

    /// The rate for a domain.
    pub fn of(&self, domain: &str) -> Option<Rate> {
        self.domains.get(domain).copied().or(self.per_domain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(number: u32) -> Rate {
        Rate::per_minute(number).unwrap()
    }

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    #[test]
    fn sixty_a_minute_are_one_each_second_and_a_pause_accumulates_nothing() {
        let (rate, mut bucket, mut now) = (rate(60), TokenBucket::default(), at(1_800_000_000_000_000));
        for _ in 0..3 {
            assert_eq!(bucket.permits(rate, now), 1);
            bucket = bucket.take(rate, 1, now);
            assert_eq!((bucket.permits(rate, now), bucket.wait(rate, now)), (0, TimeDelta::seconds(1)));
            now += TimeDelta::seconds(1);
        }
        assert_eq!(bucket.permits(rate, now + TimeDelta::days(30)), 1);
    }

    #[test]
    fn a_clock_that_goes_back_costs_at_most_one_burst() {
        let (rate, now) = (rate(600), at(1_800_000_000_000_000));
        let bucket = TokenBucket::default().take(rate, 10, now);
        let back = now - TimeDelta::days(3_650);
        assert_eq!(bucket.permits(rate, back), 0);
        assert!(bucket.wait(rate, back) <= TimeDelta::milliseconds(100));
    }

    #[test]
    fn an_hourly_rate_allows_a_quarter_at_once_and_spreads_the_rest() {
        let now = at(1_800_000_000_000_000);
        for (number, burst) in [(1, 1), (4, 1), (5, 2), (10, 3), (200, 50), (Rate::MOST, 250_000)] {
            let rate = Rate::per_hour(number).unwrap();
            assert_eq!(
                (rate.burst(), TokenBucket::default().permits(rate, now)),
                (burst, burst),
                "{number} an hour"
            );
        }
        let rate = Rate::per_hour(10).unwrap();
        let empty = TokenBucket::default().take(rate, 3, now);
        assert_eq!((empty.permits(rate, now), empty.wait(rate, now)), (0, TimeDelta::minutes(6)));
        assert_eq!(empty.permits(rate, now + TimeDelta::minutes(12)), 2);
        // Rounded up, so that no day has more than 24 times the hourly rate.
        assert_eq!(Rate::per_hour(7).unwrap().interval(), 514_285_715);
        assert_eq!((Rate::per_hour(0), Rate::per_hour(Rate::MOST + 1)), (None, None));
    }

    #[test]
    fn the_burst_is_one_second_of_the_rate_and_at_least_one_message() {
        let now = at(1_800_000_000_000_000);
        for (number, burst) in [(1, 1), (60, 1), (119, 1), (600, 10), (Rate::MOST, 16_666)] {
            assert_eq!(TokenBucket::default().permits(rate(number), now), burst, "{number} a minute");
        }
        let (rate, bucket) = (rate(600), TokenBucket::default().take(rate(600), 7, now));
        assert_eq!(bucket.permits(rate, now), 3);
        assert_eq!(bucket.permits(rate, now + TimeDelta::milliseconds(500)), 8);
    }

    #[test]
    fn the_rate_of_a_single_domain_overrides_the_rate_per_domain() {
        let domains = BTreeMap::from([("example.com".to_owned(), rate(5))]);
        let own = RateLimits { domains, ..RateLimits::default() };
        let each = RateLimits { per_domain: Some(rate(9)), ..own.clone() };
        assert_eq!((own.of("example.com"), own.of("example.org")), (Some(rate(5)), None));
        assert_eq!((each.of("example.com"), each.of("example.org")), (Some(rate(5)), Some(rate(9))));
    }

    #[test]
    fn the_domain_matters_only_if_a_domain_has_a_rate() {
        let nothing = RateLimits::default();
        let all = RateLimits { all: Some(rate(5)), ..RateLimits::default() };
        let each = RateLimits { per_domain: Some(rate(5)), ..RateLimits::default() };
        let one =
            RateLimits { domains: BTreeMap::from([("a".to_owned(), rate(5))]), ..RateLimits::default() };
        let whether = |limits: RateLimits| (limits.is_none(), limits.has_domain_limits());
        assert_eq!((whether(nothing), whether(all)), ((true, false), (false, false)));
        assert_eq!((whether(each), whether(one)), ((false, true), (false, true)));
    }

    #[test]
    fn zero_and_more_than_the_maximum_are_rejected() {
        assert_eq!((Rate::per_minute(0), Rate::per_minute(Rate::MOST + 1)), (None, None));
    }

    /// An event of the simulation: time passes, the clock is set, or a sender asks for this many permits.
    #[derive(Debug, Clone)]
    enum Step {
        Pass(i64),
        Set(i64),
        Ask(u32),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..20_000_000_i64).prop_map(Step::Pass),
            1 => (-4_000_000_000..4_000_000_000_i64).prop_map(Step::Set),
            6 => (0..50_u32).prop_map(Step::Ask),
        ]
    }

    proptest! {
        #[test]
        fn no_minute_exceeds_the_rate_and_a_burst_whatever_the_clock_does(
            number in prop_oneof![1..200_u32, 200..100_000_u32],
            steps in prop::collection::vec(any_step(), 1..200),
        ) {
            let rate = rate(number);
            let (mut bucket, mut real, mut offset) = (TokenBucket::default(), 1_800_000_000_000_000_i64, 0_i64);
            // Each permit at its real time, with the number of forward jumps before it.
            let (mut granted, mut jumps) = (Vec::new(), 0);
            for step in steps {
                match step {
                    Step::Pass(micros) => real += micros,
                    Step::Set(by) => {
                        offset += by;
                        jumps += usize::from(by > 0);
                    }
                    Step::Ask(wanted) => {
                        let now = at(real + offset);
                        let taken = wanted.min(bucket.permits(rate, now));
                        bucket = bucket.take(rate, taken, now);
                        granted.extend((0..taken).map(|_| (real, jumps)));
                    }
                }
            }
            let (most, burst) = (number as usize, rate.burst() as usize);
            for (first, (begin, before)) in granted.iter().enumerate() {
                let window = granted[first..].iter().take_while(|(time, _)| time - begin < MINUTE);
                let after = window.clone().last().map_or(0, |(_, jumps)| jumps - before);
                prop_assert!(window.count() <= most + burst * (1 + after));
            }
        }

        #[test]
        fn a_permit_is_available_after_the_wait_and_not_before(number in 1..100_000_u32, taken in 0..2_000_u32) {
            let (rate, now) = (rate(number), at(1_800_000_000_000_000));
            let bucket = TokenBucket::default().take(rate, taken.min(rate.burst()), now);
            let wait = bucket.wait(rate, now);
            prop_assert!(bucket.permits(rate, now + wait) >= 1);
            prop_assert!(wait.is_zero() || bucket.permits(rate, now + wait - TimeDelta::microseconds(1)) == 0);
            prop_assert!(wait <= TimeDelta::minutes(1));
        }
    }
}
