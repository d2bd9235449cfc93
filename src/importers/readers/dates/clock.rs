//! The time of day behind a date, and its zone.

use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeZone as _};

use super::ReadDate;

/// Half days in the words of spreadsheets; `true` is the second half.
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

/// Reads what stands behind a day; `None` if it is not a time.
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

/// The half of the day that the text begins with, and the rest.
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
    let whole = text.split('.').next().unwrap_or_default();
    let parts: Option<Vec<u32>> =
        whole.split(':').map(|part| part.parse().ok().filter(|_| matches!(part.len(), 1 | 2))).collect();
    let (hour, minute, second) = match parts?.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match half {
        Some(second) => (1..=12).contains(&hour).then_some(hour % 12 + if second { 12 } else { 0 })?,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// `Z`, `UTC`, `+09:00`, `GMT+9`, `KST`; what stands in parentheses behind it is its name.
fn offset(text: &str) -> Option<FixedOffset> {
    let text = text.split('(').next().unwrap_or_default().trim();
    if text.eq_ignore_ascii_case("KST") || text.eq_ignore_ascii_case("JST") {
        return FixedOffset::east_opt(9 * 3600);
    }
    let shift = ["UTC", "GMT", "Z"].into_iter().find_map(|name| text.strip_prefix(name)).unwrap_or(text);
    if shift.is_empty() {
        return FixedOffset::east_opt(0);
    }
    let sign = if shift.starts_with('-') { -1 } else { 1 };
    let digits = shift.strip_prefix(['+', '-'])?.replacen(':', "", 1);
    let number: i32 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (hours, minutes) = if digits.len() > 2 { (number / 100, number % 100) } else { (number, 0) };
    (hours <= 14 && minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)))?
}
