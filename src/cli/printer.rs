//! The only place that prints. Results go to standard output, complaints to standard error.
//!
//! What a run says is kept as well: for `--json`, which says it as values, and for cron, which should hear of a failure that
//! lasts once and not with each run (`ending.rs`).

use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(super) struct Printer {
    quiet: bool,
    /// Complaints wait for the end of the run, which knows whether they are new.
    holds: bool,
    /// Only the one object at the end is printed.
    json: bool,
    /// Standard output is for people, and may be a log.
    is_watched: bool,
}

/// What a run has said.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// What it did.
    pub(super) said: Vec<String>,
    /// What is wrong, and will be wrong with the next run unless something changes.
    pub(super) complaints: Vec<String>,
    /// What happened in this run and needs attention.
    pub(super) events: Vec<String>,
    /// The run says nothing about whether an earlier failure is over.
    pub(super) is_inconclusive: bool,
    has_answered: bool,
}

static TRANSCRIPT: Mutex<Transcript> = Mutex::new(Transcript {
    said: Vec::new(),
    complaints: Vec::new(),
    events: Vec::new(),
    is_inconclusive: false,
    has_answered: false,
});

fn transcript() -> MutexGuard<'static, Transcript> {
    TRANSCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Printer {
    /// `quiet` leaves out everything that needs nobody's attention; with `is_watched` a failure that lasts is one thing that
    /// needs it once.
    pub(super) fn new(quiet: bool, is_watched: bool, json: bool) -> Self {
        Self { quiet, holds: is_watched && (quiet || json), json, is_watched }
    }

    /// Whether everything is said in one object at the end.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Whether only what needs attention is said.
    pub(super) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// A line about what was done; left out when quiet.
    pub(super) fn say(self, line: impl AsRef<str>) {
        if self.json {
            transcript().said.push(line.as_ref().to_owned());
        } else if !self.quiet {
            self.answer(line);
        }
    }

    /// A line of progress: into the log of a run, and beside what may be read by machines.
    pub(super) fn progress(self, line: &str) {
        match (self.quiet, self.is_watched && !self.json) {
            (true, _) => {}
            (false, true) => self.answer(line),
            (false, false) => print_complaint(line),
        }
    }

    /// What happened in this run, needs attention, and will not be said by the next one.
    pub(super) fn event(self, line: impl AsRef<str>) {
        transcript().events.push(line.as_ref().to_owned());
        if !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// The run says nothing about whether an earlier failure is over.
    #[expect(clippy::unused_self, reason = "it is said where the run speaks")]
    pub(super) fn leave_open(self) {
        transcript().is_inconclusive = true;
    }

    /// What the run has said so far: what it did, and what needs attention.
    #[expect(clippy::unused_self, reason = "it is asked where the run speaks")]
    pub(super) fn so_far(self) -> (Vec<String>, Vec<String>) {
        let transcript = transcript();
        (transcript.said.clone(), [transcript.events.as_slice(), &transcript.complaints].concat())
    }

    /// What the run has said so far; it is forgotten here.
    #[expect(clippy::unused_self, reason = "it is asked where the run speaks")]
    pub(super) fn take_transcript(self) -> Transcript {
        std::mem::take(&mut *transcript())
    }

    /// Prints complaints that were held back.
    #[expect(clippy::unused_self, reason = "a printer is asked to print, even where it has no choice")]
    pub(super) fn release(self, complaints: &[String]) {
        for line in complaints {
            print_complaint(line);
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

    /// Whether the one object was printed.
    #[expect(clippy::unused_self, reason = "it is asked where the run speaks")]
    pub(super) fn has_answered(self) -> bool {
        transcript().has_answered
    }

    /// One JSON value, for scripts.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), RunError> {
        transcript().has_answered = true;
        let json = serde_json::to_string_pretty(value)
            .map_err(|error| RunError::io("writing JSON", error.into()))?;
        self.raw(format!("{json}\n").as_bytes())
    }

    /// A line beside the results; left out when quiet.
    pub(super) fn remark(self, line: impl AsRef<str>) {
        if !self.quiet && !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// A line that needs attention; printed even when quiet, so that cron mails it. A run that cron repeats holds it back
    /// until its end.
    pub(super) fn complain(self, line: impl AsRef<str>) {
        transcript().complaints.push(line.as_ref().to_owned());
        if !self.holds && !self.json {
            print_complaint(line.as_ref());
        }
    }

    /// What a run found in passing: findings without the notes, which are for `letterpress check`.
    pub(super) fn warnings(self, findings: &[Finding]) {
        let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
        // An error stays one until somebody puts it right.
        for line in brief(of(Severity::Error)) {
            self.complain(line);
        }
        for line in brief(of(Severity::Warning)) {
            self.event(line);
        }
    }

    /// The same where the next run will find it again.
    pub(super) fn troubles(self, findings: &[Finding]) {
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
        let is_log = self.is_watched && !self.json && !std::io::stdout().is_terminal();
        !self.quiet && std::io::stderr().is_terminal() && !is_log
    }
}

fn print_complaint(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", for_terminal(line));
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
