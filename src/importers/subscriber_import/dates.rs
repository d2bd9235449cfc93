//! Dates as people and programs write them in subscriber lists.
//!
//! Separate from `crate::dates`, because a list proves consent: an ambiguous date is refused and never guessed, and
//! spreadsheets write Korean and Japanese forms, orders of numbers and day counts that posts and feeds do not have.

mod clock;
mod words;

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use unicode_normalization::UnicodeNormalization as _;

use crate::config::DateOrder;

/// A parsed date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadDate {
    /// With its zone.
    Instant(DateTime<Utc>),
    /// Without a zone, read as UTC: up to 14 hours off.
    Zoneless(DateTime<Utc>),
}

/// Why a cell is not one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoDate {
    /// It is ambiguous.
    Several(Vec<NaiveDate>),
    /// It is a day count, and spreadsheets have two, which differ by four years.
    Serial,
    /// Its numbers are not a date in the configured order.
    Order(DateOrder),
    /// It is in no known format.
    Unknown,
}

/// A date, and the order of its numbers if no other is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) date: ReadDate,
    pub(super) decides: Option<DateOrder>,
}

/// Parses a date. `order` decides if the numbers alone do not.
pub(super) fn read(cell: &str, order: Option<DateOrder>) -> Result<Read, NoDate> {
    // Japanese forms use full-width digits, and spreadsheets mark text with a leading apostrophe.
    let cell = if cell.is_ascii() { Cow::from(cell) } else { Cow::from(cell.nfkc().collect::<String>()) };
    let text = cell.trim().trim_start_matches('\'');
    if is_serial(text) {
        return Err(NoDate::Serial);
    }
    if let Some(instant) = instant(text) {
        return Ok(Read { date: ReadDate::Instant(instant), decides: None });
    }
    let Day { date, decides, rest } = day(text, order)?;
    let date = clock::read(words::without_weekday(rest), date).ok_or(NoDate::Unknown)?;
    let at = match date {
        ReadDate::Instant(at) | ReadDate::Zoneless(at) => at,
    };
    if !YEARS.contains(&at.year()) {
        return Err(NoDate::Unknown);
    }
    Ok(Read { date, decides })
}

/// Consent to email cannot be older.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// The forms of programs, which include the time of day and the zone.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    if !text.contains(':') {
        return None;
    }
    let instant = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)).ok();
    let instant = instant.or_else(|| {
        // Go prints the name of the zone as well: `+0900 KST`.
        ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z", "%Y-%m-%d %H:%M:%S%.f %#z %Z"]
            .into_iter()
            .find_map(|format| DateTime::parse_from_str(text, format).ok())
    })?;
    YEARS.contains(&instant.year()).then(|| instant.to_utc())
}

/// Days since 1900 or 1904, perhaps with a fraction of a day: from 1970 to 2070 they have five digits.
fn is_serial(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() == 5 && is_number(whole) && is_number(part)
}

/// A day, and the text after it.
struct Day<'t> {
    date: NaiveDate,
    decides: Option<DateOrder>,
    rest: &'t str,
}

fn day(text: &str, order: Option<DateOrder>) -> Result<Day<'_>, NoDate> {
    if let Some((date, rest)) = compact(text).or_else(|| words::day(text)) {
        return Ok(Day { date, decides: None, rest });
    }
    let Numbers { parts, marks, rest } = numbers(text).ok_or(NoDate::Unknown)?;
    let lengths = parts.map(str::len);
    if marks.0 != marks.1 && !matches!(marks, ('년', '월') | ('年', '月')) {
        return Err(NoDate::Unknown);
    }
    let single = |order: DateOrder| {
        let date = date_of(parts, order).ok_or(NoDate::Unknown)?;
        Ok(Day { date, decides: None, rest })
    };
    match (lengths, marks.0) {
        ([4, 1 | 2, 1 | 2], _) | ([2, 1 | 2, 1 | 2], '년' | '年') => single(DateOrder::Ymd),
        // With full stops, every country that writes the year last writes the day first.
        ([1 | 2, 1 | 2, 4], '.') => single(DateOrder::Dmy),
        ([1 | 2, 1 | 2, 4], '/' | '-') => {
            choose(parts, &[DateOrder::Dmy, DateOrder::Mdy], order.filter(|order| *order != DateOrder::Ymd))
        }
        ([1 | 2, 1 | 2, 2] | [2, 1 | 2, 1], '/' | '-' | '.') => {
            choose(parts, &[DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy], order)
        }
        _ => Err(NoDate::Unknown),
    }
    .map(|day| Day { rest, ..day })
}

/// The only date that the numbers can mean in one of the `orders`, or their date in the configured order.
fn choose(parts: [&str; 3], orders: &[DateOrder], named: Option<DateOrder>) -> Result<Day<'static>, NoDate> {
    if let Some(order) = named {
        let date = date_of(parts, order).ok_or(NoDate::Order(order))?;
        return Ok(Day { date, decides: None, rest: "" });
    }
    let possible: Vec<(DateOrder, NaiveDate)> =
        orders.iter().filter_map(|order| Some((*order, date_of(parts, *order)?))).collect();
    let mut dates: Vec<NaiveDate> = possible.iter().map(|(_, date)| *date).collect();
    dates.sort_unstable();
    dates.dedup();
    match (dates.as_slice(), possible.as_slice()) {
        ([], _) => Err(NoDate::Unknown),
        ([date], [(order, _)]) => Ok(Day { date: *date, decides: Some(*order), rest: "" }),
        ([date], _) => Ok(Day { date: *date, decides: None, rest: "" }),
        _ => Err(NoDate::Several(dates)),
    }
}

fn date_of(parts: [&str; 3], order: DateOrder) -> Option<NaiveDate> {
    let [first, second, third] = parts;
    let (year, month, day) = match order {
        DateOrder::Ymd => (first, second, third),
        DateOrder::Dmy => (third, second, first),
        DateOrder::Mdy => (third, first, second),
    };
    let century = match year.len() {
        4 => 0,
        2 => 2000,
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year.parse::<i32>().ok()? + century, month.parse().ok()?, day.parse().ok()?)
}

/// `20261101`.
fn compact(text: &str) -> Option<(NaiveDate, &str)> {
    let (digits, rest) = digits(text)?;
    let date = (digits.len() == 8).then(|| NaiveDate::parse_from_str(digits, "%Y%m%d").ok())??;
    Some((date, rest))
}

/// Three numbers with a separator between each two.
struct Numbers<'t> {
    parts: [&'t str; 3],
    marks: (char, char),
    rest: &'t str,
}

fn numbers(text: &str) -> Option<Numbers<'_>> {
    let (first, rest) = digits(text)?;
    let (one, rest) = mark(rest)?;
    let (second, rest) = digits(rest)?;
    let (two, rest) = mark(rest)?;
    let (third, rest) = digits(rest)?;
    let end = rest.trim_start();
    let rest = match two {
        '월' => end.strip_prefix('일')?,
        '月' => end.strip_prefix('日')?,
        '.' => end.strip_prefix('.').unwrap_or(rest),
        _ => rest,
    };
    Some(Numbers { parts: [first, second, third], marks: (one, two), rest })
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=8).contains(&length).then(|| text.split_at(length))
}

fn mark(text: &str) -> Option<(char, &str)> {
    let text = text.trim_start();
    let mark = text.chars().next().filter(|c| "-/.년월年月".contains(*c))?;
    Some((mark, text[mark.len_utf8()..].trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn at(text: &str) -> String {
        match read(text, None).map(|read| read.date) {
            Ok(ReadDate::Instant(at)) => at.to_rfc3339(),
            Ok(ReadDate::Zoneless(at)) => at.naive_utc().to_string(),
            Err(why) => format!("{why:?}"),
        }
    }

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
            "2026-09-01 01:00 GMT",
            "2026. 9. 1 오전 10:00:00 GMT+9",
            "2026/09/01 10:00 KST",
            "Tue, 1 Sep 2026 10:00:00 +0900",
            "Tue Sep 01 2026 10:00:00 GMT+0900 (Korean Standard Time)",
        ] {
            assert_eq!(at(text), "2026-09-01T01:00:00+00:00", "{text}");
        }
    }

    #[test]
    fn unambiguous_forms_are_read() {
        for text in [
            "2026-11-01",
            "2026-11-1",
            "2026/11/01",
            "2026/11/1",
            "2026.11.01",
            "2026. 11. 1.",
            "2026. 11. 1. (일)",
            "2026년 11월 1일",
            "2026년11월1일",
            "2026년 11월 1일 일요일",
            "26년 11월 1일",
            "2026年11月1日",
            "2026年11月1日(日)",
            "２０２６年１１月１日",
            "1.11.2026",
            "01.11.2026",
            "Nov 1, 2026",
            "November 1st, 2026",
            "Sunday, November 1, 2026",
            "1 November 2026",
            "1. November 2026",
            "1st of November 2026",
            "1-Nov-2026",
            "01-Nov-26",
            "20261101",
            "'2026-11-01",
            "2026-11-01 00:00",
            " 2026-11-01 ",
        ] {
            assert_eq!(at(text), "2026-11-01 00:00:00", "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_read_in_the_language_of_the_spreadsheet() {
        for text in [
            "2026-11-01 14:30",
            "2026/11/01 14:30:00",
            "2026. 11. 1 오후 2:30:00",
            "2026. 11. 1. 오후 2:30",
            "2026/11/01 2:30:00 오후",
            "2026年11月1日 午後2:30",
            "Nov 1, 2026, 2:30 PM",
            "1 November 2026 at 14:30",
            "01.11.2026, 14:30",
            "2026-11-01T14:30:00.000",
        ] {
            assert_eq!(at(text), "2026-11-01 14:30:00", "{text}");
        }
        assert_eq!(at("2026. 11. 1 오전 12:05"), "2026-11-01 00:05:00");
    }

    #[test]
    fn an_ambiguous_date_is_refused_with_both_meanings() {
        let days = |text: &str| match read(text, None) {
            Err(NoDate::Several(days)) => days.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(days("11/01/2026"), ["2026-01-11", "2026-11-01"]);
        assert_eq!(days("3-4-2026 10:00"), ["2026-03-04", "2026-04-03"]);
        assert_eq!(days("01/02/03"), ["2001-02-03", "2003-01-02", "2003-02-01"]);
        assert_eq!(days("26.11.01"), ["2001-11-26", "2026-11-01"]);
    }

    #[test]
    fn numbers_that_allow_only_one_order_reveal_it() {
        for (text, date, decides) in [
            ("25/12/2026", "2026-12-25 00:00:00", Some(DateOrder::Dmy)),
            ("12/25/2026", "2026-12-25 00:00:00", Some(DateOrder::Mdy)),
            ("12/31/26", "2026-12-31 00:00:00", Some(DateOrder::Mdy)),
            ("05/05/2026", "2026-05-05 00:00:00", None),
        ] {
            assert_eq!((at(text).as_str(), read(text, None).unwrap().decides), (date, decides), "{text}");
        }
    }

    #[test]
    fn the_configured_order_decides() {
        let day = |text: &str, order| read(text, Some(order)).map(|read| read.date);
        let first = |text: &str| ReadDate::Zoneless(text.parse().unwrap());
        assert_eq!(day("11/01/2026", DateOrder::Dmy), Ok(first("2026-01-11T00:00:00Z")));
        assert_eq!(day("11/01/2026", DateOrder::Mdy), Ok(first("2026-11-01T00:00:00Z")));
        assert_eq!(day("26.11.01", DateOrder::Ymd), Ok(first("2026-11-01T00:00:00Z")));
        assert_eq!(day("25/12/2026", DateOrder::Mdy), Err(NoDate::Order(DateOrder::Mdy)));
        // A form with one meaning is read the same in every order.
        assert_eq!(day("2026. 11. 1.", DateOrder::Mdy), Ok(first("2026-11-01T00:00:00Z")));
        assert!(matches!(day("11/01/2026", DateOrder::Ymd), Err(NoDate::Several(_))));
    }

    #[test]
    fn the_day_count_of_a_spreadsheet_is_refused() {
        assert_eq!(read("46327", None), Err(NoDate::Serial));
        assert_eq!(read("46327.5", None), Err(NoDate::Serial));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "2026-02-30",
            "2026-13-01",
            "13/13/2026",
            "1.13.2026",
            "yesterday",
            "",
            "1756700000",
            "2026-11-01 25:00",
            "2026-11-01 soon",
            "2026/11-01",
            "1/2/3/4",
            "0026-11-01",
            "Nov 2026",
            "Mai 1, 2026",
        ] {
            assert_eq!(read(text, None), Err(NoDate::Unknown), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_read_from_every_form_of_one_meaning(days in 0..40_000_i64, form in 0..8_usize) {
            let day = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::TimeDelta::days(days);
            let formats = ["%Y-%m-%d", "%Y. %-m. %-d.", "%Y년 %-m월 %-d일", "%Y年%-m月%-d日", "%-d.%-m.%Y",
                           "%b %-d, %Y", "%-d %B %Y", "%Y%m%d"];
            let text = day.format(formats[form]).to_string();
            let read = read(&text, None).map(|read| read.date);
            prop_assert_eq!(read, Ok(ReadDate::Zoneless(day.and_time(chrono::NaiveTime::MIN).and_utc())), "{}", text);
        }

        #[test]
        fn no_cell_breaks_the_reader(text in "[0-9/.: -]{0,20}|[0-9년월일年月日오전후(). ]{0,20}|\\PC{0,20}") {
            let _ = read(&text, None);
        }
    }
}
