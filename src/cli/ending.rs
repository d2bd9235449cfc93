//! The end of a run that cron repeats: a failure that lasts is told when it begins, when it changes, and when it is over, and not
//! by each run between.
//!
//! Without `--quiet` everything was said already, and is said by each run.

use camino::Utf8Path;
use chrono::{DateTime, Utc};

use super::Outcome;
use super::printer::{Printer, Transcript, count};
use crate::pipeline::incident::{self, Change, Failure, Incident};

/// Remembers how a run of `command` over the site of `config` ended, and says what is new about it.
pub(super) fn conclude(
    (command, config): (&'static str, &Utf8Path),
    outcome: Outcome,
    now: DateTime<Utc>,
    printer: Printer,
) {
    let transcript = printer.take_transcript();
    let release = || {
        if printer.is_quiet() && !printer.is_json() {
            printer.release(&transcript.complaints);
        }
    };
    // A run beside another one knows nothing, and a folder without a site is not written into.
    if outcome == Outcome::Locked || !config.exists() {
        return release();
    }
    let failure = failure(outcome, &transcript);
    if failure.is_none() && transcript.is_inconclusive {
        return release();
    }
    let root = config.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    match incident::record(&incident::file(root), command, failure.as_ref(), now) {
        Change::Continues(_) => {}
        Change::None | Change::Began | Change::Changed(_) => release(),
        Change::Over(incident) => printer.event(over(command, &incident)),
    }
}

/// What the next run would fail with again. What happened once (a subscriber who was refused, a message in doubt) has been said,
/// and is no state that could end.
fn failure(outcome: Outcome, transcript: &Transcript) -> Option<Failure> {
    let is_failure = !transcript.complaints.is_empty()
        || matches!(outcome, Outcome::UserError | Outcome::Broken | Outcome::TryLater);
    is_failure.then(|| Failure {
        code: outcome.code(),
        // A pause is the same pause, whether this run or an earlier one made it.
        text: transcript.complaints.join("\n").replace("it was paused earlier: ", ""),
    })
}

fn over(command: &str, incident: &Incident) -> String {
    let what = match command {
        "build" => "building the feeds",
        "inbox" => "reading the inbox",
        _ => "sending",
    };
    let since = incident.since.format("%Y-%m-%d %H:%M UTC");
    let first = incident.text.lines().next().unwrap_or_default();
    let runs = count(incident.runs, "run");
    format!("{what} works again: {runs} since {since} ended with: {first}")
}
