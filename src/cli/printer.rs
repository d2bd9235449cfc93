//! The only place that prints. Results go to standard output, warnings and errors to standard error.
//!
//! Printed lines are also recorded: `--json` returns them as values, and under cron a lasting failure is reported once and
//! not by every run (`run_outcome.rs`).

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::config::{Config, environment};
use crate::finding::{Finding, Severity};
use crate::pipeline::session::RunError;
use crate::text::for_terminal;

/// How many warnings of one rule in one file are printed in full.
const ALIKE: usize = 5;

/// The output of a command.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are independent")]
pub(super) struct Printer {
    quiet: bool,
    /// Warnings are held back until the end of the run, which knows whether they are new.
    holds: bool,
    /// Only one JSON object is printed, at the end.
    json: bool,
    /// The command is repeated by cron, and its standard output may be a log.
    is_watched: bool,
}

/// The colour of a word. The word says the same.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    /// Green.
    Good,
    /// Yellow.
    Warning,
    /// Red.
    Fault,
    /// None.
    Plain,
}

impl Mark {
    /// The parameter of "select graphic rendition" (ECMA-48).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Fault => Some("1;31"),
            Self::Plain => None,
        }
    }
}

/// The lines that a run has printed or held back.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// What the run did.
    pub(super) said: Vec<String>,
    /// Problems that the next run has too, unless something changes.
    pub(super) complaints: Vec<String>,
    /// What happened once, in this run, and needs attention.
    pub(super) events: Vec<String>,
    /// The run does not show whether an earlier failure is over.
    pub(super) is_inconclusive: bool,
    /// Somebody stopped the run, which is no failure.
    pub(super) was_stopped: bool,
    /// What waits for a decision, for health checks.
    pub(super) open: Vec<String>,
    has_answered: bool,
}

static TRANSCRIPT: Mutex<Transcript> = Mutex::new(Transcript {
    said: Vec::new(),
    complaints: Vec::new(),
    events: Vec::new(),
    is_inconclusive: false,
    was_stopped: false,
    open: Vec::new(),
    has_answered: false,
});

fn transcript() -> MutexGuard<'static, Transcript> {
    TRANSCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Printer {
    /// `quiet` prints only what needs attention. With `is_watched`, cron repeats the command, and a lasting failure needs
    /// attention only once.
    pub(super) fn new(quiet: bool, is_watched: bool, json: bool) -> Self {
        Self { quiet, holds: is_watched && (quiet || json), json, is_watched }
    }

    /// Whether only one JSON object is printed, at the end.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Whether only what needs attention is printed.
    pub(super) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// A line about what was done; not printed with `--quiet`.
    pub(super) fn info(self, line: impl AsRef<str>) {
        if self.json {
            transcript().said.push(line.as_ref().to_owned());
        } else if !self.quiet {
            self.stdout(line);
        }
    }

    /// A progress line: in the log of a run on standard output, otherwise on standard error, away from machine-readable output.
    pub(super) fn progress(self, line: &str) {
        match (self.quiet, self.is_watched && !self.json) {
            (true, _) => {}
            (false, true) => self.stdout(line),
            (false, false) => print_complaint(line),
        }
    }

    /// Something that happened in this run and needs attention; the next run does not repeat it.
    pub(super) fn event(self, line: impl AsRef<str>) {
        transcript().events.push(line.as_ref().to_owned());
        if !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// The run does not show whether an earlier failure is over.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn leave_open(self) {
        transcript().is_inconclusive = true;
    }

    /// Somebody stopped the run.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn note_stop(self) {
        transcript().was_stopped = true;
    }

    /// Something waits for a decision although the run ends well. Not printed; a health check names it.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn remind(self, what: String) {
        transcript().open.push(what);
    }

    /// The lines so far: what the run did, and what needs attention.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn so_far(self) -> (Vec<String>, Vec<String>) {
        let transcript = transcript();
        (transcript.said.clone(), [transcript.events.as_slice(), &transcript.complaints].concat())
    }

    /// Takes the lines recorded so far.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn take_transcript(self) -> Transcript {
        std::mem::take(&mut *transcript())
    }

    /// Prints warnings that were held back.
    #[expect(clippy::unused_self, reason = "all printing goes through the printer")]
    pub(super) fn release(self, complaints: &[String]) {
        for line in complaints {
            print_complaint(line);
        }
    }

    /// A line of the requested output. A closed pipe (`| head`) is not an error.
    #[expect(clippy::unused_self, reason = "all printing goes through the printer")]
    pub(super) fn stdout(self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout().lock(), "{}", for_terminal(line.as_ref()));
    }

    /// A line of the requested output with a coloured beginning, if somebody looks at it.
    pub(super) fn marked(self, mark: Mark, beginning: &str, rest: &str) {
        match mark.code().filter(|_| is_colored()) {
            Some(code) => {
                let (beginning, rest) = (for_terminal(beginning), for_terminal(rest));
                let _ = writeln!(std::io::stdout().lock(), "\u{1b}[{code}m{beginning}\u{1b}[0m{rest}");
            }
            None => self.stdout(format!("{beginning}{rest}")),
        }
    }

    /// Requested bytes, unchanged. Machine-readable output is complete, or the command fails.
    pub(super) fn raw(self, bytes: &[u8]) -> Result<(), RunError> {
        self.part(bytes).map(drop)
    }

    /// The same for a part of a long output; `false` if nobody reads on (`| head`).
    #[expect(clippy::unused_self, reason = "all printing goes through the printer")]
    pub(super) fn part(self, bytes: &[u8]) -> Result<bool, RunError> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(RunError::io("writing to standard output", error)),
        }
    }

    /// Whether the JSON object was printed.
    #[expect(clippy::unused_self, reason = "the printer is the interface to the transcript")]
    pub(super) fn has_answered(self) -> bool {
        transcript().has_answered
    }

    /// One JSON value.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), RunError> {
        transcript().has_answered = true;
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| RunError::io("writing JSON", error.into()))?;
        self.raw(format!("{json}\n").as_bytes())
    }

    /// A JSON value on one line, of several. What cannot be written is noticed by the next thing that is printed.
    pub(super) fn json_line(self, value: &impl Serialize) {
        transcript().has_answered = true;
        if let Ok(json) = serde_json::to_string(value) {
            let _ = self.raw(format!("{json}\n").as_bytes());
        }
    }

    /// A JSON array whose elements are printed one after the other.
    pub(super) fn array(self) -> JsonArray {
        transcript().has_answered = true;
        JsonArray { printer: self, is_empty: true, buffer: "[".to_owned() }
    }

    /// A note on standard error; not printed with `--quiet`.
    pub(super) fn note(self, line: impl AsRef<str>) {
        if !self.quiet && !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// A line that needs attention; printed even with `--quiet`, so that cron mails it. A command that cron repeats holds
    /// it back until its end.
    pub(super) fn warn(self, line: impl AsRef<str>) {
        transcript().complaints.push(line.as_ref().to_owned());
        if !self.holds && !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// Errors and warnings that a run found. Notes are left to `letterpress check`.
    pub(super) fn warnings(self, findings: &[Finding]) {
        let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
        // An error lasts until it is fixed.
        for line in brief(of(Severity::Error)) {
            self.warn(line);
        }
        for line in brief(of(Severity::Warning)) {
            self.event(line);
        }
    }

    /// Errors and warnings that the next run finds again.
    pub(super) fn lasting_findings(self, findings: &[Finding]) {
        let serious = findings.iter().filter(|finding| finding.severity > Severity::Note);
        for line in brief(serious) {
            self.warn(line);
        }
    }

    /// Findings that the user asked for.
    pub(super) fn findings(self, findings: &[Finding]) {
        for line in brief(findings.iter()) {
            self.stdout(line);
        }
    }

    /// A question, whose answer is typed on the same line.
    #[expect(clippy::unused_self, reason = "all printing goes through the printer")]
    pub(super) fn ask(self, question: &str) {
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "{}", for_terminal(question)).and_then(|()| out.flush());
    }

    /// Whether somebody can answer.
    pub(super) fn can_ask(self) -> bool {
        !self.quiet && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// Whether a progress bar would be visible, and not end up in a log.
    pub(super) fn has_terminal(self) -> bool {
        let is_log = self.is_watched && !self.json && !std::io::stdout().is_terminal();
        !self.quiet && std::io::stderr().is_terminal() && !is_log
    }
}

/// Whether words have colours (<https://no-color.org>, <https://bixense.com/clicolors>).
fn is_colored() -> bool {
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let is_forced = environment("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    !is_set("NO_COLOR") && (is_forced || std::io::stdout().is_terminal())
}

fn print_complaint(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", for_terminal(line));
}

/// Findings as lines. After five warnings of one rule in one file the rest is counted: the same mistake in every row of
/// a list is one mistake. Errors are always printed, because each has to be fixed.
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

/// A time in the site's time zone.
pub(super) fn when(time: DateTime<Utc>, config: &Config) -> String {
    time.with_timezone(&config.site.timezone).format("%Y-%m-%d %H:%M").to_string()
}

/// See [`Printer::array`]; it prints what [`Printer::json`] would.
pub(super) struct JsonArray {
    printer: Printer,
    is_empty: bool,
    /// What is not printed yet.
    buffer: String,
}

impl JsonArray {
    const BUFFERED: usize = 64 * 1024;

    /// Adds an element; `false` if nobody reads on.
    pub(super) fn add(&mut self, element: &impl Serialize) -> Result<bool, RunError> {
        let json = serde_json::to_string_pretty(element)
            .map_err(|error| RunError::io("writing JSON", error.into()))?;
        let comma = if std::mem::replace(&mut self.is_empty, false) { "" } else { "," };
        self.buffer.push_str(comma);
        self.buffer.push_str("\n  ");
        self.buffer.push_str(&json.replace('\n', "\n  "));
        if self.buffer.len() < Self::BUFFERED {
            return Ok(true);
        }
        let is_read = self.printer.part(self.buffer.as_bytes());
        self.buffer.clear();
        is_read
    }

    pub(super) fn end(mut self) -> Result<(), RunError> {
        self.buffer.push_str(if self.is_empty { "]\n" } else { "\n]\n" });
        self.printer.raw(self.buffer.as_bytes())
    }
}

/// "1 post", "3 posts", "2 deliveries".
pub(super) fn count(number: u64, one: &str) -> String {
    match (number, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {one}s"),
    }
}
