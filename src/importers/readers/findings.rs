//! What should be looked at in a list that was read: in words, and not without end.

use std::collections::HashMap;

use super::services::Service;
use crate::address::Doubt;
use crate::finding::Finding;

/// So many warnings of one rule are kept; a list may have a million rows, each with the same mistake.
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

    /// The warnings, and how many there were of those that were too many.
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

/// Something about a row that was taken nevertheless.
pub(super) enum Oddity {
    Address(Doubt),
    Date(String),
    Future,
    Language(String),
}

impl Oddity {
    pub(super) fn into_finding(self, file: &str) -> Finding {
        match self {
            Self::Address(doubt) => Finding::warning("list-address", file, doubt.to_string())
                .hint("correct the row if that is so; it was taken as it stands"),
            Self::Date(cell) => Finding::warning(
                "list-consent",
                file,
                format!("{cell:?} is not understood as the time of consent"),
            )
            .hint("write it like 2026-09-01 or 2026-09-01T10:00:00+09:00"),
            Self::Future => Finding::warning("list-consent", file, "the time of consent is still to come")
                .hint("consent counts from the past only; correct the date"),
            Self::Language(cell) => Finding::warning(
                "list-language",
                file,
                format!("{cell:?} is not a language tag and was left out"),
            )
            .hint("write \"ko\", \"ja\" or \"en-GB\""),
        }
    }
}

/// An export in which who left looks like who reads.
pub(super) fn silent(file: &str, service: Service, readers: usize) -> Finding {
    Finding::warning(
        "list-silent",
        file,
        format!(
            "this export of {service} does not say who left; {readers} of its readers wait as unconfirmed"
        ),
    )
    .hint("docs/readers.md says which export does; or vouch for everybody in the file with --confirmed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_mistakes_are_ten_thousand_and_a_number() {
        let mut warnings = Warnings::new("list.csv");
        for line in 1..=MOST + 5 {
            warnings.add(Oddity::Future.into_finding("list.csv").at(line));
        }
        let kept = warnings.finish();
        assert_eq!(kept.len(), MOST + 1);
        assert_eq!(kept[MOST].message, "5 more warnings like the first 10000 of list-consent");
    }
}
