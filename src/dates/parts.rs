//! The parts of dates: English names, times of day and zones. Their combinations are in the modules that use them.

use chrono::FixedOffset;

/// In English order.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The number of a month, from 1, by its name or at least its first three letters.
pub(crate) fn month(name: &str) -> Option<u32> {
    place(name, &MONTHS)
}

/// Whether it is the name of a weekday, or at least its first three letters.
pub(crate) fn is_weekday(name: &str) -> bool {
    place(name, &WEEKDAYS).is_some()
}

fn place(name: &str, names: &[&str]) -> Option<u32> {
    let name = name.to_ascii_lowercase();
    let place = names.iter().position(|known| name.len() >= 3 && known.starts_with(&name))?;
    u32::try_from(place + 1).ok()
}

/// Hour, minute and second of `9:05`, `09:05` or `09:05:30.5`. The ranges are not checked. Fractions are dropped.
pub(crate) fn time_of_day(text: &str) -> Option<(u32, u32, u32)> {
    let whole = text.split(['.', ',']).next().unwrap_or_default();
    let parts: Option<Vec<u32>> =
        whole.split(':').map(|part| part.parse().ok().filter(|_| matches!(part.len(), 1 | 2))).collect();
    match *parts?.as_slice() {
        [hour, minute] => Some((hour, minute, 0)),
        [hour, minute, second] => Some((hour, minute, second)),
        _ => None,
    }
}

/// A numeric offset, whose range is not checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offset {
    /// The number of digits as written.
    pub(crate) digits: usize,
    /// 1 or -1.
    pub(crate) sign: i32,
    pub(crate) hours: i32,
    pub(crate) minutes: i32,
}

impl Offset {
    /// Reads `+9`, `-09`, `+0900` or `+09:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let digits = text.strip_prefix(['+', '-'])?.replacen(':', "", 1);
        let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
        let number: i32 = digits.parse().ok().filter(|_| all_digits && digits.len() <= 4)?;
        let (hours, minutes) = if digits.len() > 2 { (number / 100, number % 100) } else { (number, 0) };
        Some(Self { digits: digits.len(), sign, hours, minutes })
    }

    pub(crate) fn fixed(self) -> Option<FixedOffset> {
        FixedOffset::east_opt(self.sign * (self.hours * 3600 + self.minutes * 60))
    }
}

/// Where the name of a zone is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Usage {
    /// In posts, which are old and of few countries (RFC 2822, 4.3, the Far East and central Europe).
    Posts,
    /// In feeds, whose programs write more names than people do.
    Feeds,
}

/// Abbreviations, hours and minutes east of Greenwich, and where they are recognised.
const ZONES: [(&str, i32, i32, Usage); 24] = [
    ("Z", 0, 0, Usage::Posts),
    ("UTC", 0, 0, Usage::Posts),
    ("GMT", 0, 0, Usage::Posts),
    ("UT", 0, 0, Usage::Feeds),
    ("WET", 0, 0, Usage::Feeds),
    ("CET", 1, 0, Usage::Posts),
    ("BST", 1, 0, Usage::Feeds),
    ("WEST", 1, 0, Usage::Feeds),
    ("CEST", 2, 0, Usage::Posts),
    ("EET", 2, 0, Usage::Feeds),
    ("EEST", 3, 0, Usage::Feeds),
    ("MSK", 3, 0, Usage::Feeds),
    ("IST", 5, 30, Usage::Feeds),
    ("KST", 9, 0, Usage::Posts),
    ("JST", 9, 0, Usage::Posts),
    ("AEST", 10, 0, Usage::Feeds),
    ("EDT", -4, 0, Usage::Posts),
    ("EST", -5, 0, Usage::Posts),
    ("CDT", -5, 0, Usage::Posts),
    ("CST", -6, 0, Usage::Posts),
    ("MDT", -6, 0, Usage::Posts),
    ("MST", -7, 0, Usage::Posts),
    ("PDT", -7, 0, Usage::Posts),
    ("PST", -8, 0, Usage::Posts),
];

/// The zone of that name.
pub(crate) fn named_zone(name: &str, usage: Usage) -> Option<FixedOffset> {
    let (_, hours, minutes, _) =
        ZONES.into_iter().find(|(known, _, _, least)| name.eq_ignore_ascii_case(known) && *least <= usage)?;
    FixedOffset::east_opt(hours * 3600 + minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognised_by_its_first_three_letters() {
        assert_eq!(
            (month("Sept"), month("dec"), month("ju"), month("juno")),
            (Some(9), Some(12), None, None)
        );
        assert!(is_weekday("Tues") && !is_weekday("Tu"));
    }

    #[test]
    fn an_offset_is_read_in_every_usual_form() {
        let seconds = |text| Offset::parse(text).and_then(Offset::fixed).map(|zone| zone.local_minus_utc());
        for (text, minutes) in [("+9", 540), ("+09", 540), ("-0330", -210), ("+05:45", 345)] {
            assert_eq!(seconds(text), Some(minutes * 60), "{text}");
        }
        for text in ["9", "+", "+a", "+00900", "+-9", ""] {
            assert_eq!(Offset::parse(text), None, "{text}");
        }
    }

    #[test]
    fn more_zone_names_are_recognised_in_feeds_than_in_posts() {
        let hours = |name, usage| named_zone(name, usage).map(|zone| zone.local_minus_utc() / 3600);
        assert_eq!((hours("pst", Usage::Posts), hours("PST", Usage::Feeds)), (Some(-8), Some(-8)));
        assert_eq!((hours("BST", Usage::Posts), hours("BST", Usage::Feeds)), (None, Some(1)));
    }
}
