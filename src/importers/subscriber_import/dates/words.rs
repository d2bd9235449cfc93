//! Days with the English name of their month, and the names of weekdays, which are skipped.

use chrono::NaiveDate;

use crate::dates::parts;

/// The name of a weekday, followed by `요일` or `曜日`, or in parentheses.
const WEEKDAYS_IN_THE_EAST: &str = "월화수목금토일月火水木金土日";

/// `Nov 1, 2026`, `1 November 2026`, `2026 Nov 1` or `1-Nov-26`, with or without the name of the weekday; and the
/// text after it.
pub(super) fn day(text: &str) -> Option<(NaiveDate, &str)> {
    let (mut month, mut numbers) = (None, Vec::new());
    let mut at = 0;
    for word in text.split_inclusive([' ', ',', '-', '/']) {
        let bare = word.trim_end_matches([' ', ',', '-', '/', '.']).trim_start();
        at += word.len();
        if bare.is_empty() || bare.eq_ignore_ascii_case("of") || parts::is_weekday(bare) {
            continue;
        }
        match parts::month(bare) {
            Some(number) if month.is_none() => month = Some((number, numbers.len())),
            Some(_) => return None,
            None => numbers.push(number(bare)?),
        }
        if let (Some((month, place)), [first, second]) = (month, numbers.as_slice()) {
            // The third part ends with its own word, not after the comma.
            let end = at - (word.len() - word.trim_end_matches([' ', ',']).len());
            return date(month, place, (first, second), text).map(|date| (date, &text[end..]));
        }
        if numbers.len() > 1 {
            return None;
        }
    }
    None
}

fn date(month: u32, place: usize, (first, second): (&str, &str), text: &str) -> Option<NaiveDate> {
    let (day, year) = if first.len() == 4 { (second, first) } else { (first, second) };
    let year: i32 = match year.len() {
        4 => year.parse().ok()?,
        // The form of spreadsheets: `1-Nov-26`.
        2 if place == 1 && text.matches('-').count() == 2 => year.parse::<i32>().ok()? + 2000,
        _ => return None,
    };
    NaiveDate::from_ymd_opt(year, month, day.parse().ok().filter(|_| day.len() <= 2)?)
}

/// The digits of `1`, `1st`, `02` or `2026`.
fn number(word: &str) -> Option<&str> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = word[digits.len()..].to_ascii_lowercase();
    let fits = matches!(digits.len(), 1 | 2) && matches!(suffix.as_str(), "" | "st" | "nd" | "rd" | "th")
        || digits.len() == 4 && suffix.is_empty();
    (fits && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// The text after `일요일`, `日曜日` or `(일)`, if the text begins with one of them.
pub(super) fn without_weekday(text: &str) -> &str {
    let trimmed = text.trim_start();
    let (inner, close) = match trimmed.strip_prefix('(') {
        Some(inner) => (inner, ")"),
        None => (trimmed, ""),
    };
    let Some(name) = inner.chars().next().filter(|c| WEEKDAYS_IN_THE_EAST.contains(*c)) else { return text };
    let rest = &inner[name.len_utf8()..];
    let long = ["요일", "曜日"].into_iter().find_map(|end| rest.strip_prefix(end));
    match (long, close) {
        (Some(rest), close) => rest.strip_prefix(close).unwrap_or(text),
        (None, ")") => rest.strip_prefix(')').unwrap_or(text),
        _ => text,
    }
}
