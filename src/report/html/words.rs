//! Numbers, days and times in the language of the page.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::i18n::{Strings, primary};
use crate::text::grouped;

/// Writes numbers and dates.
pub(super) struct Writer<'a> {
    pub(super) strings: &'a Strings,
    pub(super) zone: Tz,
}

impl Writer<'_> {
    /// A number with the separators of the language.
    pub(super) fn number(&self, number: u64) -> String {
        let separator = match primary(&self.strings.tag).as_str() {
            "de" | "es" | "pt" => ".",
            "fr" => "\u{202f}",
            _ => ",",
        };
        grouped(number, separator)
    }

    /// A day with its year.
    pub(super) fn day(&self, day: NaiveDate) -> String {
        self.strings.date(&day.and_time(NaiveTime::MIN).and_utc().fixed_offset())
    }

    /// The day of a time in the site's time zone.
    pub(super) fn day_of(&self, at: DateTime<Utc>) -> String {
        self.strings.date(&at.with_timezone(&self.zone).fixed_offset())
    }

    /// A day and the time.
    pub(super) fn time(&self, at: DateTime<Utc>) -> String {
        format!("{} {}", self.day_of(at), at.with_timezone(&self.zone).format("%H:%M"))
    }
}

/// Hours and minutes.
pub(super) fn span(minutes: u64) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}
