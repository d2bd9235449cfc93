//! Dates: RFC 3339 and its relatives, and RFC 822 as RSS uses it.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use super::Violation;
use crate::feeds::lint::rule::{DATE_IMPLAUSIBLE, DATE_ODD, DATE_RFC822, DATE_WEEKDAY, Rule};

/// Which parts of a date are optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::feeds::lint) enum Form {
    /// RFC 3339: nothing but the fraction.
    Whole,
    /// W3CDTF: everything after the year; a time must have a zone.
    Parts,
    /// ISO 8601 as the modules use it: the zone is optional, too.
    Zoneless,
}

/// Checks a date that begins with the year.
pub(super) fn iso(value: &str, form: Form, rule: Rule, now: Option<DateTime<Utc>>) -> Option<Violation> {
    match parse(value, form) {
        None => Some((rule, format!("{value:?} is not a date of this kind"))),
        Some(day) => now.and_then(|now| implausible(day, now)),
    }
}

fn implausible(day: NaiveDate, now: DateTime<Utc>) -> Option<Violation> {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1))?;
    (day.year() < 1990 || day > tomorrow).then(|| (DATE_IMPLAUSIBLE, format!("{day} is implausible")))
}

/// The day, if the whole date is well-formed.
fn parse(value: &str, form: Form) -> Option<NaiveDate> {
    let (date, time) = value.split_once('T').map_or((value, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map(|part| number(part, 2));
    let day = parts.next().map(|part| number(part, 2));
    if parts.next().is_some() || (form == Form::Whole && time.is_none()) || (time.is_some() && day.is_none())
    {
        return None;
    }
    let month = month.map_or(Some(1), |month| month)?;
    let day = day.map_or(Some(1), |day| day)?;
    if let Some(time) = time {
        clock(time, form)?;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// `hh:mm[:ss[.fraction]]` and a zone.
fn clock(time: &str, form: Form) -> Option<()> {
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    match zone {
        "" if form == Form::Zoneless => {}
        "Z" => {}
        _ => {
            let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            (number(hours, 2)? <= 23 && number(minutes, 2)? <= 59).then_some(())?;
        }
    }
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        None if form == Form::Whole => return None,
        None => 0,
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
            (!fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
            number(whole, 2)?
        }
    };
    (parts.next().is_none() && hour <= 23 && minute <= 59 && second <= 60).then_some(())
}

fn number(digits: &str, length: usize) -> Option<u32> {
    (digits.len() == length && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const ZONES: [&str; 11] = ["UT", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "Z"];

/// Checks a date of RSS: correct by the profile, otherwise allowed by RFC 822, or wrong.
pub(super) fn rfc822(value: &str, now: DateTime<Utc>) -> Option<Violation> {
    if let Some(read) = strict(value) {
        let Some(date) = read.date else {
            return Some((DATE_RFC822, format!("{value:?} is not an existing day")));
        };
        let weekday = DAYS[date.weekday().num_days_from_monday() as usize];
        if read.weekday.is_some_and(|named| named != weekday) {
            return Some((DATE_WEEKDAY, format!("{value:?} was a {weekday}")));
        }
        let late = date > (now + TimeDelta::days(1)).date_naive();
        return (date.year() < 1990 || late).then(|| (DATE_IMPLAUSIBLE, format!("{value:?} is implausible")));
    }
    if loose(value) {
        return Some((DATE_ODD, format!("not every feed reader can parse {value:?}")));
    }
    Some((DATE_RFC822, format!("{value:?} is not an RFC 822 date")))
}

struct Read<'v> {
    weekday: Option<&'v str>,
    /// `None` for a day that does not exist, such as 31 April.
    date: Option<NaiveDate>,
}

/// `Wed, 25 Nov 2026 09:00:00 +0900`, the weekday and the seconds optional, exactly one space each.
fn strict(value: &str) -> Option<Read<'_>> {
    let (weekday, rest) = match value.split_once(", ") {
        Some((weekday, rest)) => (Some(DAYS.contains(&weekday).then_some(weekday)?), rest),
        None => (None, value),
    };
    let mut parts = rest.split(' ');
    let day = parts.next().filter(|day| matches!(day.len(), 1 | 2))?;
    let day = number(day, day.len())?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let year = number(parts.next()?, 4)?;
    time_of_day(parts.next()?)?;
    let zone = parts.next()?;
    let digits = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    let whole = number(digits, 4).is_some_and(|zone| matches!(zone % 100, 0 | 30));
    (parts.next().is_none() && (whole || ZONES.contains(&zone))).then_some(())?;
    Some(Read { weekday, date: NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day) })
}

fn time_of_day(time: &str) -> Option<()> {
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    (parts.next().is_none() && hour <= 23 && minute <= 59 && second <= 60).then_some(())
}

/// Two-digit years, comments, any case, military zones, no zone: RFC 822 and its variants.
fn loose(value: &str) -> bool {
    let bare = without_comments(value).to_ascii_lowercase();
    let bare = match bare.split_once(',') {
        Some((weekday, rest)) if DAYS.iter().any(|day| day.eq_ignore_ascii_case(weekday.trim())) => rest,
        Some(_) => return false,
        None => &bare,
    };
    let mut parts = bare.split_whitespace();
    let mut next = || parts.next().unwrap_or_default();
    let (day, month, year, time, zone) = (next(), next(), next(), next(), next());
    let digits = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let offset = |zone: &str| zone.strip_prefix(['+', '-']).is_some_and(|zone| digits(zone, &[4]));
    let military = |zone: &str| zone.len() == 1 && zone.bytes().all(|b| b.is_ascii_lowercase() && b != b'j');
    digits(day, &[1, 2])
        && MONTHS.iter().any(|known| known.eq_ignore_ascii_case(month))
        && digits(year, &[2, 4])
        && time_of_day(time).is_some()
        && (zone.is_empty()
            || offset(zone)
            || military(zone)
            || ZONES.iter().any(|known| known.eq_ignore_ascii_case(zone)))
        && parts.next().is_none()
}

/// RFC 822 allows nested comments in brackets.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut bare = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                bare.push(' ');
            }
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare
}
