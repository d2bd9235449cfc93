//! The dates of feeds: RFC 822 with its common mistakes, RFC 3339, and the shorter forms of W3C-DTF.

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;

use super::parts::{self, Usage};

/// The date in its own zone, or in UTC if it names none; `None` if it is not a date.
pub(crate) fn parse(raw: &str) -> Option<DateTime<FixedOffset>> {
    let raw = raw.trim();
    if raw.len() > 100 {
        return None;
    }
    super::parse(raw, Tz::UTC).or_else(|_| super::parse(&tidy(raw), Tz::UTC)).ok()
}

/// The date in the form of RFC 2822, without the weekday, which is often wrong.
fn tidy(raw: &str) -> String {
    let bare = raw.split_once(',').map_or(raw, |(_, rest)| rest);
    let words: Vec<&str> = bare.split([' ', '-', '\t']).filter(|word| !word.is_empty()).collect();
    // `2024-05` and `2024` are dates of W3C-DTF.
    match words[..] {
        [year] if is_number(year, 4) => return format!("{year}-01-01"),
        [year, month] if is_number(year, 4) && is_number(month, 2) => return format!("{year}-{month}-01"),
        _ => {}
    }
    let mut words = bare.split_whitespace();
    let (Some(day), Some(month), Some(year), Some(time)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return raw.to_owned();
    };
    let month: String = month.chars().take(3).collect();
    let year = match (year.len(), year.parse::<u32>()) {
        (2, Ok(year)) => (if year < 70 { 2000 + year } else { 1900 + year }).to_string(),
        _ => year.to_owned(),
    };
    let zone: String = words.collect();
    format!("{day} {month} {year} {time} {}", offset(&zone))
}

fn is_number(word: &str, length: usize) -> bool {
    word.len() == length && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The named zones of feeds, and `+09:00`.
fn offset(zone: &str) -> String {
    if zone.is_empty() {
        return "+0000".to_owned();
    }
    match parts::named_zone(zone, Usage::Feeds) {
        Some(zone) => zone.to_string().replace(':', ""),
        None => zone.to_ascii_uppercase().replace(':', "").trim_start_matches("GMT").to_owned(),
    }
}
