//! The time of day after a date, and its zone.

use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeZone as _};

use super::ReadDate;
use crate::dates::parts::{self, Offset};

/// The words of spreadsheets for the halves of the day; `true` is the second half.
const HALVES: [(&str, bool); 8] = [
    ("오전", false),
    ("오후", true),
    ("午前", false),
    ("午後", true),
    ("上午", false),
    ("下午", true),
    ("am", false),
    ("pm", true),
];

/// Parses the text after a day; `None` if it is not a time.
pub(super) fn read(text: &str, day: NaiveDate) -> Option<ReadDate> {
    let text = text.trim_start_matches(['T', 't', ',', ' ']).trim();
    let text = text.strip_prefix("at ").unwrap_or(text);
    if text.is_empty() {
        return Some(ReadDate::Zoneless(day.and_time(NaiveTime::MIN).and_utc()));
    }
    let (before, text) = half(text);
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (after, zone) = half(rest.trim_start());
    let local = day.and_time(time_of_day(time, before.or(after))?);
    if zone.is_empty() {
        return Some(ReadDate::Zoneless(local.and_utc()));
    }
    let instant = offset(zone)?.from_local_datetime(&local).single()?;
    Some(ReadDate::Instant(instant.to_utc()))
}

/// The half of the day with which the text begins, and the rest.
fn half(text: &str) -> (Option<bool>, &str) {
    for (word, second) in HALVES {
        if let Some((start, rest)) = text.split_at_checked(word.len())
            && start.eq_ignore_ascii_case(word)
        {
            return (Some(second), rest.trim_start());
        }
    }
    (None, text)
}

fn time_of_day(text: &str, half: Option<bool>) -> Option<NaiveTime> {
    let (hour, minute, second) = parts::time_of_day(text)?;
    let hour = match half {
        Some(second) => (1..=12).contains(&hour).then_some(hour % 12 + if second { 12 } else { 0 })?,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// `Z`, `UTC`, `+09:00`, `GMT+9`, `KST`; a name in parentheses after it is ignored. Other abbreviations have
/// several meanings, and a date of consent is never guessed.
fn offset(text: &str) -> Option<FixedOffset> {
    let text = text.split('(').next().unwrap_or_default().trim();
    if text.eq_ignore_ascii_case("KST") || text.eq_ignore_ascii_case("JST") {
        return FixedOffset::east_opt(9 * 3600);
    }
    let shift = ["UTC", "GMT", "Z"].into_iter().find_map(|name| text.strip_prefix(name)).unwrap_or(text);
    if shift.is_empty() {
        return FixedOffset::east_opt(0);
    }
    Offset::parse(shift).filter(|offset| offset.hours <= 14 && offset.minutes < 60)?.fixed()
}
