//! Durations with a unit: `10m`, `48h`, `7d`.

use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer};

/// A duration in whole seconds, written as a number and one of `s`, `m`, `h`, `d`, `w`. At most ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u32);

const UNITS: [(char, u32); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
const LONGEST: u32 = 10 * 366 * 86_400;

impl Span {
    /// A duration of `seconds`.
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Reads `10m`; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let raw = raw.trim();
        let (number, unit) = raw.split_at(raw.len() - raw.chars().next_back().map_or(0, char::len_utf8));
        let unit = UNITS.iter().find(|(name, _)| unit.starts_with(*name)).map(|(_, seconds)| *seconds);
        match (number.parse::<u32>().ok(), unit) {
            (Some(number), Some(unit)) => number
                .checked_mul(unit)
                .filter(|seconds| *seconds <= LONGEST)
                .map(Self)
                .ok_or_else(|| format!("{raw} is longer than ten years")),
            _ => {
                Err(format!("{raw:?} is not a duration; write a number and s, m, h, d or w, such as \"10m\""))
            }
        }
    }

    /// For calendars.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.0))
    }

    /// For deadlines.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = UNITS
            .iter()
            .find(|(_, seconds)| self.0 >= *seconds && self.0.is_multiple_of(*seconds))
            .unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(Span::parse("90m").unwrap(), Span::seconds(5_400));
        assert_eq!(Span::parse("7d").unwrap().to_string(), "1w");
        for nonsense in ["", "10", "m", "-1m", "1.5h", "10 분", "999999d", "1y"] {
            assert!(Span::parse(nonsense).is_err(), "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_round_trips(seconds in 0..LONGEST) {
            prop_assert_eq!(Span::parse(&Span(seconds).to_string()).unwrap(), Span(seconds));
        }
    }
}
