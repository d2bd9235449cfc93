//! Findings: what is wrong in the user's files, where, and how to fix it.
//!
//! Findings are values. The caller decides whether one stops a run.

use std::fmt;

use serde::Serialize;

use crate::text::{shortened, without_user_info};

/// How many lines of similar rows are printed.
const SHOWN: usize = 3;

/// The most characters of a message. It may quote several values of a file.
const LONGEST: usize = 1_000;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; nothing needs to change.
    Note,
    /// It works, but subscribers or feed readers would get a better result otherwise.
    Warning,
    /// Nothing is written or sent until this is fixed.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One finding, in reading order: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// A short stable name, such as `post-date` or `letter-size`, for scripts and for searching the docs.
    pub rule: &'static str,
    /// The rule's name in earlier versions, for scripts that still look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formerly: Option<&'static str>,
    /// The file, as the user would type it.
    pub file: String,
    /// The line in that file, from 1, if known.
    pub line: Option<usize>,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// How to fix it, if known.
    pub hint: Option<String>,
    /// Further rows of the file with the same problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similar: Option<Box<SimilarRows>>,
}

/// Rows with the same problem as another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SimilarRows {
    /// How many.
    pub count: usize,
    /// The lines of the first ones.
    pub lines: Vec<usize>,
}

impl Finding {
    /// An error in `file`; add the line and the hint with `at` and `hint`.
    pub(crate) fn error(rule: &'static str, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, rule, file, message)
    }

    /// A warning about `file`.
    pub(crate) fn warning(rule: &'static str, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, file, message)
    }

    /// A note about `file`.
    pub(crate) fn note(rule: &'static str, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, rule, file, message)
    }

    fn new(
        severity: Severity,
        rule: &'static str,
        file: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            rule,
            formerly: None,
            file: without_user_info(&file.into()).into_owned(),
            line: None,
            message: shortened(&without_user_info(&message.into()), LONGEST).into_owned(),
            hint: None,
            similar: None,
        }
    }

    /// Sets the line, from 1.
    #[must_use]
    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Adds the number of further rows with the same problem, and the lines of the first of them.
    #[must_use]
    pub(crate) fn and_similar(mut self, count: usize, lines: Vec<usize>) -> Self {
        self.similar = Some(Box::new(SimilarRows { count, lines }));
        self
    }

    /// How many rows it is about.
    pub fn rows(&self) -> usize {
        1 + self.similar.as_ref().map_or(0, |similar| similar.count)
    }

    /// The same finding as a warning: the run continues without the faulty item. `reword` gets the message.
    pub(crate) fn demoted(self, reword: impl FnOnce(&str) -> String) -> Self {
        Self { severity: Severity::Warning, message: reword(&self.message), ..self }
    }

    /// Sets the hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(without_user_info(&hint.into()).into_owned());
        self
    }
}

impl std::error::Error for Finding {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.severity, self.message)?;
        if let Some(similar) = &self.similar {
            write!(f, " ({similar})")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    help: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SimilarRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines.iter().take(SHOWN).map(ToString::to_string).collect();
        write!(f, "similar: lines {}", lines.join(", "))?;
        match self.count.saturating_sub(lines.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
