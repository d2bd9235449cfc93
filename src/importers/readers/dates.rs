//! The dates that lists have. Day and month are never guessed: `03/04/2026` is not a date here.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// A date that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadDate {
    /// With its zone.
    Instant(DateTime<Utc>),
    /// Without a zone, read as UTC: up to 14 hours off.
    Zoneless(DateTime<Utc>),
}

/// Reads `2026-09-01T10:00:00+09:00`, `2026-09-01 10:00`, `2026-09-01`, `2026/9/1`, `2026. 9. 1.` or `2026년 9월 1일`.
pub(super) fn read(text: &str) -> Option<ReadDate> {
    // chrono's `%Y` takes `26` for a year of antiquity.
    let year = |read: &ReadDate| match read {
        ReadDate::Instant(at) | ReadDate::Zoneless(at) => at.year(),
    };
    parse(text).filter(|read| (1970..=9999).contains(&year(read)))
}

fn parse(text: &str) -> Option<ReadDate> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(ReadDate::Instant(instant.to_utc()));
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f %#z",
        // Go prints the name of the zone as well: `+0900 KST`.
        "%Y-%m-%d %H:%M:%S%.f %#z %Z",
    ] {
        if let Ok(instant) = DateTime::parse_from_str(text, format) {
            return Some(ReadDate::Instant(instant.to_utc()));
        }
    }
    let utc = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z'));
    let local = numbers(utc.unwrap_or(text))?.and_utc();
    Some(if utc.is_some() { ReadDate::Instant(local) } else { ReadDate::Zoneless(local) })
}

fn numbers(text: &str) -> Option<NaiveDateTime> {
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
    ] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
            return Some(at);
        }
    }
    [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y. %m. %d.",
        "%Y. %m. %d",
        "%Y.%m.%d.",
        "%Y.%m.%d",
        "%Y년 %m월 %d일",
        "%Y년%m월%d일",
        "%Y年%m月%d日",
    ]
    .into_iter()
    .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
    .map(|day| day.and_time(NaiveTime::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_a_zone_are_instants() {
        for text in [
            "2026-09-01T10:00:00+09:00",
            "2026-09-01T01:00:00Z",
            "2026-09-01 10:00:00+09",
            "2026-09-01 01:00:00.000 +0000 UTC",
            "2026-09-01 10:00:00.000 +0900 KST",
            "2026-09-01 01:00:00 +0000 +0000",
            "2026-09-01 01:00:00 UTC",
        ] {
            let Some(ReadDate::Instant(at)) = read(text) else { panic!("{text}: {:?}", read(text)) };
            assert_eq!(at.to_rfc3339(), "2026-09-01T01:00:00+00:00", "{text}");
        }
    }

    #[test]
    fn dates_without_a_zone_are_days_or_nearly() {
        for text in [
            "2026-09-01",
            "2026/9/1",
            "2026. 9. 1.",
            "2026.09.01",
            "2026년 9월 1일",
            "2026年9月1日",
            "2026-09-01 00:00",
        ] {
            let Some(ReadDate::Zoneless(at)) = read(text) else { panic!("{text}: {:?}", read(text)) };
            assert_eq!(at.to_rfc3339(), "2026-09-01T00:00:00+00:00", "{text}");
        }
    }

    #[test]
    fn what_could_be_two_dates_or_none_is_not_read() {
        for text in
            ["03/04/2026", "1.9.2026", "2026-02-30", "2026-13-01", "26-09-01", "yesterday", "", "1756700000"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
