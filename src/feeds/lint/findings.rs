//! The findings about one foreign document, and what the rules need to know beside it.

use chrono::{DateTime, Utc};

use super::rule::Rule;
use crate::finding::{Finding, Severity};

/// A feed with more than this has one fault many times.
const MOST: usize = 1_000;

/// A finding, and the id of the entry it is about, if it is about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raised {
    /// What is wrong in the document.
    pub(super) finding: Finding,
    /// The `guid` or `id` of the entry that holds it.
    pub(super) entry: Option<String>,
}

/// One document under examination.
pub(super) struct Lint<'a> {
    file: &'a str,
    /// To tell dates that are still to come.
    pub(super) now: DateTime<Utc>,
    /// The entry that is being looked at.
    pub(super) entry: Option<String>,
    /// Where each entry begins, and its id.
    entries: Vec<(usize, String)>,
    /// The encoding of the bytes.
    pub(super) encoding: &'static str,
    raised: Vec<Raised>,
    more: usize,
}

impl<'a> Lint<'a> {
    pub(super) fn new(file: &'a str, now: DateTime<Utc>) -> Self {
        Self { file, now, entry: None, entries: Vec::new(), encoding: "UTF-8", raised: Vec::new(), more: 0 }
    }

    /// `line` is 0 where none can be named.
    pub(super) fn raise(&mut self, rule: Rule, line: usize, message: impl Into<String>) {
        if self.raised.len() == MOST {
            self.more += 1;
            return;
        }
        let finding = match rule.severity {
            Severity::Error => Finding::error,
            Severity::Warning => Finding::warning,
            Severity::Note => Finding::note,
        }(rule.name, self.file, message.into())
        .hint(format!("{} ({})", rule.help, rule.spec));
        let finding = if line == 0 { finding } else { finding.at(line) };
        // A loop over the elements and one over the values may come upon the same thing.
        if !self.raised.iter().rev().take(8).any(|known| known.finding == finding) {
            self.raised.push(Raised { finding, entry: self.entry.clone() });
        }
    }

    /// An entry begins.
    pub(super) fn enter(&mut self, line: usize, id: Option<String>) {
        self.entries.extend(id.clone().map(|id| (line, id)));
        self.entry = id;
    }

    /// In the order of the document; and where its entries begin.
    pub(super) fn finish(mut self) -> (Vec<Raised>, Vec<(usize, String)>) {
        self.raised.sort_by_key(|raised| raised.finding.line);
        if self.more > 0 {
            let message = format!("{} more findings are not shown", self.more);
            self.raised
                .push(Raised { finding: Finding::error("xml-limit", self.file, message), entry: None });
        }
        (self.raised, self.entries)
    }
}

/// A value as a message shows it: on one line and not for ever.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
