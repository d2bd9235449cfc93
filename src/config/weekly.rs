//! A weekly time: `fri 09:00`.

use std::fmt;

use chrono::{NaiveTime, Weekday};
use serde::{Deserialize, Deserializer};

/// A day of the week and a time of day, without a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    /// The day.
    pub day: Weekday,
    /// The time, to the minute.
    pub time: NaiveTime,
}

impl Weekly {
    /// Reads `fri 09:00`; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let mut words = raw.split_whitespace();
        let (Some(day), Some(time), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("{raw:?} is not a day and a time; write them like \"fri 09:00\""));
        };
        let day = day.parse::<Weekday>().map_err(|_| {
            format!("{day:?} is not a day of the week; write mon, tue, wed, thu, fri, sat or sun")
        })?;
        let time = NaiveTime::parse_from_str(time, "%H:%M")
            .map_err(|_| format!("{time:?} is not a time of day; write it like \"09:00\" or \"18:30\""))?;
        Ok(Self { day, time })
    }
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.day.to_string().to_lowercase(), self.time.format("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for Weekly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekly_times_are_read_and_printed() {
        for (raw, read) in
            [("fri 09:00", "fri 09:00"), ("Sunday  7:05", "sun 07:05"), ("MON 23:59", "mon 23:59")]
        {
            assert_eq!(Weekly::parse(raw).unwrap().to_string(), read);
        }
    }

    #[test]
    fn an_invalid_weekly_time_is_reported_with_a_hint() {
        for (raw, says) in [
            ("", "like \"fri 09:00\""),
            ("fri", "like \"fri 09:00\""),
            ("fri at 9", "like \"fri 09:00\""),
            ("frei 09:00", "write mon, tue,"),
            ("fri 24:00", "\"24:00\" is not a time"),
            ("fri 9am", "\"9am\" is not a time"),
        ] {
            let message = Weekly::parse(raw).unwrap_err();
            assert!(message.contains(says), "{raw}: {message}");
        }
    }
}
