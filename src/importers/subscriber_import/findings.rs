//! What is wrong with the rows of a list. A list may have the same mistake in a million rows: then it is one finding,
//! with a count and the first lines.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use chrono::NaiveDate;

use super::RowError;
use super::dates::NoDate;
use super::services::Service;
use crate::address::{AddressError, AddressWarning};
use crate::config::DateOrder;
use crate::finding::Finding;
use crate::subscribers::SubscriptionStatus;

/// So many rows with the same mistake have a finding each.
const EACH: usize = 5;
/// The most lines that a finding about more rows has.
const MOST_LINES: usize = 100;

/// A problem of a row.
#[derive(Debug)]
pub(super) enum Problem {
    /// The row was not read.
    Rejected(RowError),
    Address(AddressWarning),
    Date(String, NoDate),
    Future(String),
    Language(String),
    /// The person is on line `first`, too; a row that is more restrictive changes the status.
    Repeated {
        first: usize,
        status: Option<SubscriptionStatus>,
    },
}

/// Problems of one kind have the same message, except for the values in it.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Kind {
    Rejected(Discriminant<RowError>),
    Invalid(Discriminant<AddressError>),
    Address(Discriminant<AddressWarning>),
    Date(Discriminant<NoDate>),
    Future,
    Language,
    Repeated(Option<SubscriptionStatus>),
}

impl Problem {
    fn kind(&self) -> Kind {
        match self {
            Self::Rejected(RowError::Address(error)) => Kind::Invalid(discriminant(error)),
            Self::Rejected(error) => Kind::Rejected(discriminant(error)),
            Self::Address(warning) => Kind::Address(discriminant(warning)),
            Self::Date(_, why) => Kind::Date(discriminant(why)),
            Self::Future(_) => Kind::Future,
            Self::Language(_) => Kind::Language,
            Self::Repeated { status, .. } => Kind::Repeated(*status),
        }
    }

    fn finding(&self, file: &str) -> Finding {
        let warning = |rule, message: String| Finding::warning(rule, file, message);
        match self {
            Self::Rejected(reason) => Finding::error("readers-row", file, reason.to_string()),
            Self::Address(doubt) => warning("list-address", doubt.to_string())
                .hint("correct the row if that is the case; it was imported unchanged"),
            Self::Date(cell, why) => no_date(file, cell, why),
            Self::Future(cell) => {
                warning("list-consent", format!("the date of consent {cell:?} is in the future"))
                    .hint("correct the date; consent must be in the past")
            }
            Self::Language(cell) => {
                warning("list-language", format!("{cell:?} is not a language tag and was ignored"))
                    .hint("write \"ko\", \"ja\" or \"en-GB\"")
            }
            Self::Repeated { first, status } => {
                let outcome = status.map(|status| format!("; the subscriber is now {}", status.as_str()));
                warning("list-repeated", format!("duplicate of line {first}{}", outcome.unwrap_or_default()))
                    .hint("keep one row per subscriber; the most restrictive state of all rows applies")
            }
        }
    }
}

/// The problems of one kind.
#[derive(Debug, Default)]
struct Alike {
    /// The number of rows.
    count: usize,
    /// The first ones with their lines, in order.
    first: Vec<(usize, Problem)>,
}

impl Alike {
    fn add(&mut self, line: usize, problem: Problem) {
        self.count += 1;
        let place = self.first.partition_point(|(known, _)| *known <= line);
        if place < MOST_LINES {
            self.first.insert(place, (line, problem));
            self.first.truncate(MOST_LINES);
        }
    }

    fn findings(&self, file: &str) -> Vec<Finding> {
        let mut first = self.first.iter().map(|(line, problem)| problem.finding(file).at(*line));
        if self.count <= EACH {
            return first.collect();
        }
        let further = self.first.iter().skip(1).map(|(line, _)| *line).collect();
        first.next().map(|finding| finding.and_similar(self.count - 1, further)).into_iter().collect()
    }
}

/// The problems of all rows.
#[derive(Debug, Default)]
pub(super) struct Problems(HashMap<Kind, Alike>);

impl Problems {
    pub(super) fn add(&mut self, line: usize, problem: Problem) {
        self.0.entry(problem.kind()).or_default().add(line, problem);
    }

    /// Adds the problems of a row that is imported. Those of one kind count once.
    pub(super) fn add_all(&mut self, line: usize, mut problems: Vec<Problem>) {
        while let Some(problem) = problems.pop() {
            if !problems.iter().any(|earlier| earlier.kind() == problem.kind()) {
                self.add(line, problem);
            }
        }
    }

    /// Whether a date is in the future.
    pub(super) fn has_future(&self) -> bool {
        self.0.contains_key(&Kind::Future)
    }

    /// First the rejected rows, then the warnings, each in the order of the file.
    pub(super) fn findings(&self, file: &str) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.0.values().flat_map(|alike| alike.findings(file)).collect();
        findings.sort_by(|a, b| {
            (b.severity, a.line, a.rule, &a.message).cmp(&(a.severity, b.line, b.rule, &b.message))
        });
        findings
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

/// In which encoding a list was read that is not UTF-8.
pub(super) fn encoding(file: &str, name: &str, is_guess: bool) -> Finding {
    let note = Finding::note("list-encoding", file, format!("read as {name}"));
    if is_guess {
        note.hint("if names look wrong, give the encoding: --encoding NAME, or list_encoding in [newsletter]")
    } else {
        note
    }
}

/// An export that does not distinguish unsubscribed from active subscribers.
pub(super) fn silent(file: &str, service: Service, subscribers: u64) -> Finding {
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
    fn a_million_mistakes_are_one_finding_with_the_first_lines_whatever_their_order_is() {
        let mut problems = Problems::default();
        for line in (1..=1_000_000).rev() {
            problems.add(line, Problem::Future(line.to_string()));
        }
        let findings = problems.findings("list.csv");
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert_eq!(
            finding.to_string(),
            "list.csv:1: warning: the date of consent \"1\" is in the future (similar: lines 2, 3, 4 and 999996 more)\n    \
             help: correct the date; consent must be in the past"
        );
        assert_eq!(finding.rows(), 1_000_000);
    }

    #[test]
    fn few_mistakes_have_a_finding_each_and_kinds_are_not_mixed() {
        let mut problems = Problems::default();
        for line in 1..=EACH {
            problems.add(line, Problem::Future(String::new()));
            problems.add(line, Problem::Date(String::new(), NoDate::Unknown));
            problems.add(line, Problem::Rejected(RowError::Address(AddressError::Empty)));
            problems.add(line, Problem::Rejected(RowError::Address(AddressError::Space)));
        }
        let findings = problems.findings("list.csv");
        assert_eq!(findings.len(), 4 * EACH);
        assert!(findings.iter().all(|finding| finding.rows() == 1));
        let lines: Vec<_> = findings.iter().skip(2 * EACH).filter_map(|finding| finding.line).collect();
        assert!(lines.is_sorted(), "{lines:?}");
    }
}
