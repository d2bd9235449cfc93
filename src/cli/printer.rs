//! The only place that prints. Results go to standard output, complaints to standard error.

use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::pipeline::RunError;
use crate::text::for_terminal;

/// So many findings of one rule are shown in full; a long list with one mistake in every row has one mistake.
const ALIKE: usize = 5;

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    quiet: bool,
}

impl Printer {
    /// `quiet` leaves out everything that needs nobody's attention.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A line about what was done; left out when quiet.
    pub fn say(self, line: impl AsRef<str>) {
        if !self.quiet {
            self.answer(line);
        }
    }

    /// A line that was asked for. A reader that has gone away (`| head`) is no error.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub fn answer(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// Bytes that were asked for, as they are. What is read by machines is whole, or the command has failed.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub fn raw(self, bytes: &[u8]) -> Result<(), RunError> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(RunError::io("writing to standard output", error))
            }
            _ => Ok(()),
        }
    }

    /// One JSON value, for scripts.
    pub fn json(self, value: &impl Serialize) -> Result<(), RunError> {
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| RunError::io("writing JSON", error.into()))?;
        self.raw(format!("{json}\n").as_bytes())
    }

    /// A line that needs attention; printed even when quiet, so that cron mails it.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub fn complain(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// What a run complains about: findings without the notes, which are for `letterpress check`.
    pub fn warnings(self, findings: &[Finding]) {
        let graver = findings.iter().filter(|finding| finding.severity > Severity::Note);
        brief(graver).for_each(|line| self.complain(line));
    }

    /// Findings that were asked for.
    pub fn findings(self, findings: &[Finding]) {
        brief(findings.iter()).for_each(|line| self.answer(line));
    }

    /// Whether a progress bar would be seen and not logged.
    pub fn has_terminal(self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

/// The findings in words. Of many alike only the first few are shown, and how many more there are; errors are never
/// left out, since each of them has to be put right.
fn brief<'a>(findings: impl Iterator<Item = &'a Finding>) -> impl Iterator<Item = String> {
    let mut alike: Vec<(&str, &str, usize)> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for finding in findings {
        let seen = match alike.iter_mut().find(|(rule, file, _)| (*rule, *file) == (finding.rule, &finding.file)) {
            Some((.., seen)) => seen,
            None => &mut alike.push_mut((finding.rule, &finding.file, 0)).2,
        };
        *seen += 1;
        if finding.severity == Severity::Error || *seen <= ALIKE {
            lines.push(finding.to_string());
        }
    }
    let more = alike.into_iter().filter(|(.., seen)| *seen > ALIKE);
    lines.into_iter().chain(more.map(|(rule, file, seen)| format!("{file}: … and {} more of this kind", seen - ALIKE)))
}

/// "1 reader", "3 readers", "2 copies".
pub fn count(number: u64, one: &str) -> String {
    match (number, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {one}s"),
    }
}
