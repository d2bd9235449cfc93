//! The header `Retry-After` (RFC 9110, 10.2.3): when a server wants to be asked again.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// A value of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// So long after the response.
    Delay(Duration),
    /// At this time.
    Date(SystemTime),
}

impl RetryAfter {
    /// A server cannot ask for more: its mistake must not stop a site for years.
    pub(crate) const LONGEST: TimeDelta = TimeDelta::days(1);

    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Delay(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
        }
        httpdate::parse_http_date(text).ok().map(Self::Date)
    }

    /// The time from which on the server may be asked again, if it answered at `now`.
    pub(crate) fn time(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let delay = match self {
            Self::Delay(delay) => TimeDelta::from_std(delay).unwrap_or(Self::LONGEST),
            Self::Date(date) => DateTime::<Utc>::from(date) - now,
        };
        now + delay.clamp(TimeDelta::zero(), Self::LONGEST)
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "{}", delay.as_secs()),
            Self::Date(date) => f.write_str(&httpdate::fmt_http_date(*date)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_bounded_by_a_day() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let later = |text: &str| RetryAfter::parse(text).map(|after| (after.time(now) - now).num_seconds());
        let date = |seconds: u64| {
            httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds))
        };
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("86401", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            (date(90).as_str(), Some(90)),
            (date(900_000).as_str(), Some(86_400)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(later(text), seconds, "{text:?}");
        }
        assert_eq!(RetryAfter::parse("0120").unwrap().to_string(), "120");
        assert_eq!(RetryAfter::parse(&date(0)).unwrap().to_string(), date(0));
    }
}
