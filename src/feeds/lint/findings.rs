//! The findings about one document, and the context of the rules.

use chrono::{DateTime, Utc};

use super::rule::{
    ELEMENT_MISSING, HTML_RELATIVE, JSON_MISSING, JSON_SYNTAX, Rule, XML_DOCTYPE, XML_DTD_GONE, XML_ENCODING,
    XML_ENTITY, XML_LIMIT, XML_SYNTAX,
};
use crate::finding::{Finding, Severity};

/// The most findings; more than this are usually one mistake many times.
const MOST: usize = 1_000;

/// A finding, and the id of its entry, if it is about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocatedFinding {
    pub(super) finding: Finding,
    /// The `guid` or `id` of the entry.
    pub(super) entry: Option<String>,
}

/// One document during the check.
pub(super) struct Lint<'a> {
    file: &'a str,
    /// The current time, to recognise dates in the future.
    pub(super) now: DateTime<Utc>,
    /// The entry that is being checked.
    pub(super) entry: Option<String>,
    has_entries: bool,
    /// The encoding of the bytes.
    pub(super) encoding: &'static str,
    is_own: bool,
    raised: Vec<LocatedFinding>,
    more: usize,
}

impl<'a> Lint<'a> {
    /// For the document of another author.
    pub(super) fn new(file: &'a str, now: DateTime<Utc>) -> Self {
        Self {
            file,
            now,
            entry: None,
            has_entries: false,
            encoding: "UTF-8",
            is_own: false,
            raised: Vec::new(),
            more: 0,
        }
    }

    /// For one of our own documents.
    pub(super) fn own(file: &'a str, now: DateTime<Utc>) -> Self {
        Self { is_own: true, ..Self::new(file, now) }
    }

    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Records a finding. `line` is 0 if there is none.
    pub(super) fn raise(&mut self, rule: Rule, line: usize, message: impl Into<String>) {
        let finding = self.finding(rule, line, message.into());
        self.push(finding);
    }

    /// Records an error in one of our own documents, which a build used to report as `formerly`. If a table has
    /// already reported the same fault, that finding becomes the error.
    pub(super) fn require(
        &mut self,
        rule: Rule,
        formerly: &'static str,
        line: usize,
        message: impl Into<String>,
    ) {
        let mut finding = self.finding(rule, line, message.into());
        finding.severity = Severity::Error;
        finding.formerly = Some(formerly);
        let is_about_absence = [ELEMENT_MISSING, JSON_MISSING].contains(&rule);
        let known = self.raised.iter_mut().find(|raised| {
            raised.finding.rule == finding.rule
                && raised.finding.line == finding.line
                && (line > 0 || raised.entry == self.entry)
                && (!is_about_absence || raised.finding.message == finding.message)
        });
        match known {
            Some(known) => {
                finding.message.clone_from(&known.finding.message);
                known.finding = finding;
                if known.entry.is_none() {
                    known.entry.clone_from(&self.entry);
                }
            }
            None => self.push(finding),
        }
    }

    fn finding(&self, rule: Rule, line: usize, message: String) -> Finding {
        let mut finding = match rule.severity {
            Severity::Error => Finding::error,
            Severity::Warning => Finding::warning,
            Severity::Note => Finding::note,
        }(rule.name, self.file, message)
        .hint(format!("{} ({})", rule.help, rule.spec));
        if self.is_own {
            finding.formerly = former_name(rule);
            // Our own feeds never contain one, so another program changed the document.
            if rule == XML_DOCTYPE {
                finding.severity = Severity::Error;
            }
        }
        if line == 0 { finding } else { finding.at(line) }
    }

    fn push(&mut self, finding: Finding) {
        if self.raised.len() == MOST {
            self.more += 1;
            return;
        }
        // A check of the elements and a check of the values may find the same fault.
        if !self.raised.iter().rev().take(8).any(|known| known.finding == finding) {
            self.raised.push(LocatedFinding { finding, entry: self.entry.clone() });
        }
    }

    /// Starts an entry.
    pub(super) fn enter(&mut self, id: Option<String>) {
        self.has_entries |= id.is_some();
        self.entry = id;
    }

    /// Whether an entry with an id has started.
    pub(super) fn has_entries(&self) -> bool {
        self.has_entries
    }

    /// The findings in the order of the document.
    pub(super) fn finish(mut self) -> Vec<LocatedFinding> {
        self.raised.sort_by_key(|raised| raised.finding.line);
        if self.more > 0 {
            let message = format!("{} more findings are not shown", self.more);
            let finding = Finding::error("xml-limit", self.file, message);
            self.raised.push(LocatedFinding { finding, entry: None });
        }
        self.raised
    }
}

/// The former name of a violation of `rule` in our own feeds, if it is unique.
fn former_name(rule: Rule) -> Option<&'static str> {
    match rule {
        XML_SYNTAX | XML_ENTITY | XML_LIMIT | XML_DOCTYPE | XML_DTD_GONE | JSON_SYNTAX => Some("feed-syntax"),
        XML_ENCODING => Some("feed-encoding"),
        HTML_RELATIVE => Some("feed-relative-url"),
        _ => None,
    }
}

/// A value for a message: on one line and shortened.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
