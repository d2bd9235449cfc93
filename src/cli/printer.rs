//! The only place that prints. Results go to standard output, complaints to standard error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::text::for_terminal;

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

    /// Bytes that were asked for, as they are.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub fn raw(self, bytes: &[u8]) {
        let _ = std::io::stdout().lock().write_all(bytes);
    }

    /// One JSON value, for scripts.
    pub fn json(self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(json) => self.raw(format!("{json}\n").as_bytes()),
            Err(error) => self.complain(error.to_string()),
        }
    }

    /// A line that needs attention; printed even when quiet, so that cron mails it.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub fn complain(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// Findings, each on its own line.
    pub fn findings(self, findings: &[Finding]) {
        findings.iter().for_each(|finding| self.complain(finding.to_string()));
    }

    /// Findings without the notes, which are for `letterpress check`.
    pub fn warnings(self, findings: &[Finding]) {
        let graver = findings.iter().filter(|finding| finding.severity > Severity::Note);
        graver.for_each(|finding| self.complain(finding.to_string()));
    }

    /// Whether a progress bar would be seen and not logged.
    pub fn has_terminal(self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

/// "1 reader", "3 readers".
pub fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
