//! Reads dates in the usual forms. A date without a zone is in the zone of the site, and a date without a time is
//! midnight there. A time that a clock change skips becomes the first moment after it; of a repeated time, the first
//! counts.

use chrono::{
    DateTime, Datelike as _, Days, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime,
    TimeDelta, TimeZone as _, Timelike as _,
};
use chrono_tz::Tz;

use super::parts::{self, Offset, Usage};

/// What to write instead.
pub(crate) const HINT: &str = "write it like 2024-05-01, 2024-05-01 09:00 or 2024-05-01T09:00:00+09:00";

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DateError {
    /// Not a known format.
    #[error("{0:?} is not a date")]
    Shape(String),
    /// 30 February, 24:00, second 60 or a zone beyond +14:00.
    #[error("{0:?} has a day, a time or a zone that does not exist")]
    Calendar(String),
    /// Feeds have four-digit years; earlier ones, such as 0001, are placeholders.
    #[error("the year of {0:?} is not between 1000 and 9998")]
    Year(String),
}

/// Reads RFC 3339, RFC 2822, `2024-05-01` and `2024-05-01 10:00[:00][ +0900]`; fractions of seconds are dropped.
pub(crate) fn parse(raw: &str, zone: Tz) -> Result<DateTime<FixedOffset>, DateError> {
    let text = raw.trim();
    let shown = || text.chars().take(60).collect::<String>();
    let date = match day(text) {
        Ok((day, length)) => time_and_zone(&text[length..], day, zone),
        Err(Fault::Shape) => DateTime::parse_from_rfc2822(text).map_err(|_| Fault::Shape),
        Err(fault) => Err(fault),
    };
    // Chrono reads second 60 as extra nanoseconds; feeds have no leap seconds.
    let date = date.and_then(|date| {
        if date.nanosecond() < 1_000_000_000 {
            date.with_nanosecond(0).ok_or(Fault::Calendar)
        } else {
            Err(Fault::Calendar)
        }
    });
    match date {
        Ok(date) if (1000..=9998).contains(&date.year()) => Ok(date),
        Ok(_) => Err(DateError::Year(shown())),
        Err(Fault::Calendar) => Err(DateError::Calendar(shown())),
        Err(Fault::Shape) => Err(DateError::Shape(shown())),
    }
}

/// Whether the text is a day without a time.
pub(crate) fn is_day(raw: &str) -> bool {
    day(raw.trim()).is_ok_and(|(_, length)| length == raw.trim().len())
}

/// The day in front of a name such as `2024-05-01-slug` or `2024-5-1-slug`, and the rest.
pub(crate) fn in_name(name: &str) -> Option<(String, &str)> {
    let (date, length) = numbers(name, '-').ok()?;
    let rest = &name[length..];
    (rest.is_empty() || rest.starts_with(['-', '_', ' ']))
        .then(|| (date.to_string(), rest.trim_start_matches(['-', '_', ' '])))
}

/// The day in a path such as `/2024/05/01/slug/`.
pub(crate) fn in_path(path: &str) -> Option<String> {
    let starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    starts.take(8).find_map(|start| {
        let (date, length) = numbers(&path[start..], '/').ok()?;
        path[start + length..].starts_with('/').then(|| date.to_string())
    })
}

enum Fault {
    /// Not the format of a date.
    Shape,
    /// The format of a date that does not exist.
    Calendar,
}

/// The day at the start of `text`, and its length: `2024-05-01`, `2024/5/1`, `May 1, 2024` or `1 May 2024`.
fn day(text: &str) -> Result<(NaiveDate, usize), Fault> {
    for separator in ['-', '/', '.'] {
        match numbers(text, separator) {
            Err(Fault::Shape) => {}
            read => return read,
        }
    }
    words(text)
}

/// Year, month and day as numbers; a leading zero may be missing.
fn numbers(text: &str, separator: char) -> Result<(NaiveDate, usize), Fault> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut at, mut parts) = (0, [0; 3]);
    for (place, part) in parts.iter_mut().enumerate() {
        if place > 0 {
            at += text[at..].strip_prefix(separator).map(|_| 1).ok_or(Fault::Shape)?;
        }
        let length = digits(&text[at..]);
        let fits = if place == 0 { length == 4 } else { (1..=2).contains(&length) };
        *part = text[at..at + length].parse().ok().filter(|_| fits).ok_or(Fault::Shape)?;
        at += length;
    }
    let [year, month, day] = parts;
    let year = i32::try_from(year).map_err(|_| Fault::Shape)?;
    NaiveDate::from_ymd_opt(year, month, day).map(|date| (date, at)).ok_or(Fault::Calendar)
}

/// A day with the English name of its month, without a weekday: those are left to the RFC 2822 parser.
fn words(text: &str) -> Result<(NaiveDate, usize), Fault> {
    let mut words: Vec<(&str, usize)> = Vec::with_capacity(3);
    let mut at = 0;
    for part in text.split_inclusive([' ', ',']).take(6) {
        let word = part.trim_end_matches([' ', ',']);
        if !word.is_empty() {
            words.push((word, at + word.len()));
        }
        at += part.len();
    }
    let &[(first, _), (second, _), (year, end), ..] = words.as_slice() else { return Err(Fault::Shape) };
    let (month, day) =
        if first.starts_with(|c: char| c.is_ascii_digit()) { (second, first) } else { (first, second) };
    let month = parts::month(month.trim_end_matches('.')).ok_or(Fault::Shape)?;
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().map_err(|_| Fault::Shape)?;
    let year = year.parse().ok().filter(|_| year.len() == 4).ok_or(Fault::Shape)?;
    NaiveDate::from_ymd_opt(year, month, day).map(|date| (date, end)).ok_or(Fault::Calendar)
}

fn time_and_zone(rest: &str, day: NaiveDate, zone: Tz) -> Result<DateTime<FixedOffset>, Fault> {
    if rest.is_empty() {
        return in_zone(day.and_time(NaiveTime::MIN), zone);
    }
    let rest = rest.strip_prefix(['T', 't', ' ', ',']).ok_or(Fault::Shape)?.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || ":.,".contains(c))).unwrap_or(rest.len());
    let (time, offset) = (&rest[..end], rest[end..].trim_start());
    // `3pm`, `3:04 PM`.
    let half =
        offset.get(..2).map(str::to_ascii_lowercase).filter(|half| matches!(half.as_str(), "am" | "pm"));
    let offset = if half.is_some() { offset[2..].trim_start() } else { offset };
    let local = day.and_time(clock(time, half.as_deref())?);
    if offset.is_empty() {
        return in_zone(local, zone);
    }
    self::offset(offset)?.from_local_datetime(&local).single().ok_or(Fault::Calendar)
}

/// A time of day; `half` is `am` or `pm`.
fn clock(text: &str, half: Option<&str>) -> Result<NaiveTime, Fault> {
    let hour_only = || Some((text.parse().ok().filter(|_| half.is_some())?, 0, 0));
    let (hour, minute, second) = parts::time_of_day(text).or_else(hour_only).ok_or(Fault::Shape)?;
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return Err(Fault::Calendar),
        Some(half) => hour % 12 + if half == "pm" { 12 } else { 0 },
    };
    NaiveTime::from_hms_opt(hour, minute, second).ok_or(Fault::Calendar)
}

fn offset(text: &str) -> Result<FixedOffset, Fault> {
    if let Some(zone) = parts::named_zone(text, Usage::Posts) {
        return Ok(zone);
    }
    let offset = Offset::parse(text).filter(|offset| matches!(offset.digits, 2 | 4)).ok_or(Fault::Shape)?;
    // No time zone is further ahead than +14:00.
    if offset.minutes >= 60 || offset.hours * 60 + offset.minutes > 14 * 60 {
        return Err(Fault::Calendar);
    }
    offset.fixed().ok_or(Fault::Calendar)
}

fn in_zone(local: NaiveDateTime, zone: Tz) -> Result<DateTime<FixedOffset>, Fault> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(date) => Ok(date.fixed_offset()),
        MappedLocalTime::Ambiguous(earlier, _) => Ok(earlier.fixed_offset()),
        MappedLocalTime::None => after_gap(local, zone).ok_or(Fault::Calendar),
    }
}

/// The first instant at which clocks in `zone` show `local` or later. A gap can be as long as a day (Samoa skipped
/// 30 December 2011), so the search begins two days before.
fn after_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<FixedOffset>> {
    let from = local.checked_sub_days(Days::new(2))?;
    let shows = |seconds: i64| {
        let instant = from.checked_add_signed(TimeDelta::seconds(seconds))?;
        Some(zone.from_utc_datetime(&instant))
    };
    let (mut before, mut after) = (0, 4 * 24 * 3600);
    while after - before > 1 {
        let middle = i64::midpoint(before, after);
        if shows(middle)?.naive_local() < local {
            before = middle;
        } else {
            after = middle;
        }
    }
    shows(after).map(|date| date.fixed_offset())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: &str, zone: Tz) -> String {
        parse(raw, zone).map_or_else(|error| error.to_string(), |date| date.to_rfc3339())
    }

    #[test]
    fn dates_are_read_in_the_usual_forms() {
        for (raw, expected) in [
            ("2024-05-01", "2024-05-01T00:00:00+09:00"),
            ("2024-05-01 10:00", "2024-05-01T10:00:00+09:00"),
            ("2024-05-01 10:00:30 +0100", "2024-05-01T10:00:30+01:00"),
            ("2024-05-01T10:00:30.5Z", "2024-05-01T10:00:30+00:00"),
            ("2024-05-01t10:00:00-03:30", "2024-05-01T10:00:00-03:30"),
            ("2024-05-01 10:00 UTC", "2024-05-01T10:00:00+00:00"),
            ("2024/5/1 9:05", "2024-05-01T09:05:00+09:00"),
            ("May 1, 2024", "2024-05-01T00:00:00+09:00"),
            ("1 Feb 2024 10:00", "2024-02-01T10:00:00+09:00"),
            ("April 7, 2024 3pm", "2024-04-07T15:00:00+09:00"),
            ("2024-05-01 12:30 AM +0100", "2024-05-01T00:30:00+01:00"),
            ("1944-06-06", "1944-06-06T00:00:00+09:00"),
            ("2024-05-01 10:00 PST", "2024-05-01T10:00:00-08:00"),
            ("Wed, 01 May 2024 10:00:00 +0900", "2024-05-01T10:00:00+09:00"),
        ] {
            assert_eq!(read(raw, Tz::Asia__Seoul), expected, "{raw}");
        }
    }

    #[test]
    fn a_day_has_no_time() {
        for (raw, expected) in
            [("2024-05-01 ", true), ("May 1, 2024", true), ("2024-05-01 00:00", false), ("soon", false)]
        {
            assert_eq!(is_day(raw), expected, "{raw}");
        }
    }

    #[test]
    fn an_unknown_format_and_a_date_that_does_not_exist_are_different_errors() {
        for (raw, expected) in [
            ("2024-02-30", "does not exist"),
            ("2024-05-01 24:00", "does not exist"),
            ("2024-05-01T10:00:60Z", "does not exist"),
            ("2024-05-01T10:00:00+15:00", "does not exist"),
            ("2024-05-01 13pm", "does not exist"),
            ("0000-01-01", "between 1000 and 9998"),
            ("9999-12-31", "between 1000 and 9998"),
            ("May 1st", "not a date"),
            ("2024-05-01 soon", "not a date"),
            ("10:00:00", "not a date"),
            ("2024년 5월 1일", "not a date"),
            ("", "not a date"),
        ] {
            assert!(read(raw, Tz::UTC).contains(expected), "{raw}: {}", read(raw, Tz::UTC));
        }
    }

    #[test]
    fn f60_a_time_that_does_not_exist_is_the_first_one_after_and_a_repeated_one_the_first() {
        assert_eq!(read("2024-03-31 02:30", Tz::Europe__Berlin), "2024-03-31T03:00:00+02:00");
        assert_eq!(read("2024-10-27 02:30", Tz::Europe__Berlin), "2024-10-27T02:30:00+02:00");
        assert_eq!(read("2011-12-30", Tz::Pacific__Apia), "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn a_file_name_may_begin_with_its_day() {
        assert_eq!(in_name("2024-05-01-안녕"), Some(("2024-05-01".to_owned(), "안녕")));
        assert_eq!(in_name("2024-5-1"), Some(("2024-05-01".to_owned(), "")));
        assert_eq!(in_name("2024-05-012"), None);
        assert_eq!(in_name("2024-13-01-a"), None);
        assert_eq!(in_path("inside/2024/5/1/글"), Some("2024-05-01".to_owned()));
        assert_eq!(in_path("2024/05/notes"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_date_round_trips(raw in "[0-9T:+ Z.-]{0,26}|\\PC{0,20}") {
            if let Ok(date) = parse(&raw, Tz::Asia__Seoul) {
                prop_assert_eq!(parse(&date.to_rfc3339(), Tz::UTC).unwrap(), date);
            }
        }
    }
}
