//! The warnings about a list, and their number limit.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::dates::NoDate;
use super::services::Service;
use crate::address::AddressWarning;
use crate::config::DateOrder;
use crate::finding::Finding;

/// The most warnings of one rule: a list may have the same mistake in a million rows.
const MOST: usize = 10_000;

/// The warnings about one file.
pub(super) struct Warnings<'a> {
    file: &'a str,
    kept: Vec<Finding>,
    counts: HashMap<&'static str, usize>,
}

impl<'a> Warnings<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, kept: Vec::new(), counts: HashMap::new() }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.rule).or_default();
        *count += 1;
        if *count <= MOST {
            self.kept.push(finding);
        }
    }

    /// The warnings, and the number of those beyond the limit.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let mut more: Vec<_> = self.counts.into_iter().filter(|(_, count)| *count > MOST).collect();
        more.sort_unstable();
        self.kept.extend(more.into_iter().map(|(rule, count)| {
            Finding::warning(
                "list-many",
                self.file,
                format!("{} more warnings like the first {MOST} of {rule}", count - MOST),
            )
        }));
        self.kept
    }
}

/// A problem in a row that was imported anyway.
pub(super) enum Oddity {
    Address(AddressWarning),
    Date(String, NoDate),
    Future(String),
    Language(String),
}

impl Oddity {
    pub(super) fn into_finding(self, file: &str) -> Finding {
        match self {
            Self::Address(doubt) => Finding::warning("list-address", file, doubt.to_string())
                .hint("correct the row if that is the case; it was imported unchanged"),
            Self::Date(cell, why) => no_date(file, &cell, &why),
            Self::Future(cell) => Finding::warning(
                "list-consent",
                file,
                format!("the date of consent {cell:?} is in the future"),
            )
            .hint("correct the date; consent must be in the past"),
            Self::Language(cell) => Finding::warning(
                "list-language",
                file,
                format!("{cell:?} is not a language tag and was ignored"),
            )
            .hint("write \"ko\", \"ja\" or \"en-GB\""),
        }
    }
}

fn no_date(file: &str, cell: &str, why: &NoDate) -> Finding {
    let (message, hint) = match why {
        NoDate::Several(days) => (format!("the date {cell:?} is ambiguous: {}", either(days)), ORDER),
        NoDate::Serial => (
            format!("{cell:?} is a spreadsheet day number, counted from 1900 or from 1904"),
            "format the column as a date, such as 2026-09-01, and save the list again",
        ),
        NoDate::Order(order) => {
            let message = format!("{cell:?} is not a date written {}", in_words(*order));
            (message, "write it like 2026-09-01")
        }
        NoDate::Unknown => (
            format!("{cell:?} is not a valid date of consent"),
            "write it like 2026-09-01 or 2026-09-01T10:00:00+09:00",
        ),
    };
    Finding::warning("list-consent", file, message).hint(hint)
}

const ORDER: &str = "write it like 2026-09-01; or give the order of all dates in the list: --dates dmy or mdy \
                     (also ymd, for years with two digits), or list_dates in [newsletter]";

/// `1 November 2026 or 11 January 2026`.
fn either(days: &[NaiveDate]) -> String {
    let days: Vec<String> = days.iter().map(|day| day.format("%-d %B %Y").to_string()).collect();
    days.join(" or ")
}

fn in_words(order: DateOrder) -> &'static str {
    match order {
        DateOrder::Dmy => "with the day first (dmy)",
        DateOrder::Mdy => "with the month first (mdy)",
        DateOrder::Ymd => "with the year first (ymd)",
    }
}

/// A date of the list with only one possible order, if other dates are ambiguous.
pub(super) fn order(file: &str, order: DateOrder, cell: &str) -> Finding {
    let word = order.as_str();
    Finding::warning("list-dates", file, format!("the date {cell:?} can only be written {}", in_words(order)))
        .hint(format!(
            "if that is true for all dates of the list, use --dates {word}, or list_dates = \"{word}\""
        ))
}

/// An export that does not distinguish unsubscribed from active subscribers.
pub(super) fn silent(file: &str, service: Service, subscribers: usize) -> Finding {
    Finding::warning(
        "list-silent",
        file,
        format!(
            "this {service} export does not contain unsubscribed addresses; imported as unconfirmed: {subscribers}"
        ),
    )
    .hint("docs/subscribers.md explains which export does; or confirm consent for all of them with --confirmed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_mistakes_are_ten_thousand_and_a_number() {
        let mut warnings = Warnings::new("list.csv");
        for line in 1..=MOST + 5 {
            warnings.add(Oddity::Future(String::new()).into_finding("list.csv").at(line));
        }
        let kept = warnings.finish();
        assert_eq!(kept.len(), MOST + 1);
        assert_eq!(kept[MOST].message, "5 more warnings like the first 10000 of list-consent");
    }
}
