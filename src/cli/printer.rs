//! The only place that prints. Results go to standard output, complaints to standard error.

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::Config;
use crate::finding::{Finding, Severity};
use crate::pipeline::RunError;
use crate::text::for_terminal;

/// So many warnings of one rule in one file are shown in full.
const ALIKE: usize = 5;

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Printer {
    quiet: bool,
}

impl Printer {
    /// `quiet` leaves out everything that needs nobody's attention.
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Whether only what needs attention is wanted.
    pub(super) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// A line about what was done; left out when quiet.
    pub(super) fn say(self, line: impl AsRef<str>) {
        if !self.quiet {
            self.answer(line);
        }
    }

    /// A line that was asked for. A reader that has gone away (`| head`) is no error.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub(super) fn answer(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// Bytes that were asked for, as they are. What is read by machines is whole, or the command has failed.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub(super) fn raw(self, bytes: &[u8]) -> Result<(), RunError> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(RunError::io("writing to standard output", error))
            }
            _ => Ok(()),
        }
    }

    /// One JSON value, for scripts.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), RunError> {
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| RunError::io("writing JSON", error.into()))?;
        self.raw(format!("{json}\n").as_bytes())
    }

    /// A line beside the results; left out when quiet.
    pub(super) fn remark(self, line: impl AsRef<str>) {
        if !self.quiet {
            self.complain(line);
        }
    }

    /// A line that needs attention; printed even when quiet, so that cron mails it.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub(super) fn complain(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// What a run complains about: findings without the notes, which are for `letterpress check`.
    pub(super) fn warnings(self, findings: &[Finding]) {
        let graver = findings.iter().filter(|finding| finding.severity > Severity::Note);
        for line in brief(graver) {
            self.complain(line);
        }
    }

    /// Findings that were asked for.
    pub(super) fn findings(self, findings: &[Finding]) {
        for line in brief(findings.iter()) {
            self.answer(line);
        }
    }

    /// Whether a progress bar would be seen and not logged.
    pub(super) fn has_terminal(self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

/// Findings in words. One mistake in every row of a list is one mistake: what comes after its fifth warning is
/// counted. An error is always shown, for each has to be put right.
fn brief<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<String> {
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for finding in findings {
        let alike = seen.entry((&finding.file, finding.rule)).or_default();
        *alike += usize::from(finding.severity < Severity::Error);
        if finding.severity == Severity::Error || *alike <= ALIKE {
            lines.push(finding.to_string());
        }
    }
    let more = seen.into_iter().filter(|(_, alike)| *alike > ALIKE);
    lines.extend(
        more.map(|((file, rule), alike)| format!("{file}: {} more like these ({rule})", alike - ALIKE)),
    );
    lines
}

/// A time as the writer's own clock shows it.
pub(super) fn when(time: DateTime<Utc>, config: &Config) -> String {
    time.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M").to_string()
}

/// "1 reader", "3 readers", "2 copies".
pub(super) fn count(number: u64, one: &str) -> String {
    match (number, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {one}s"),
    }
}
