//! The end of a run that cron repeats: a failure that lasts is told when it begins, when it changes, and when it is over, and not
//! by each run between.
//!
//! Without `--quiet` everything was said already, and is said by each run.

use camino::Utf8Path;

use super::printer::{Printer, Transcript, count};
use super::{Outcome, notify};
use crate::clock::Clock;
use crate::pipeline::incident::{self, Change, Failure, Incident};

/// The head of what happened once: a subscriber who was refused, a message in doubt. It has been said, and is no state that
/// could be over.
const ONCE: &str = "in this run:";

/// Remembers how a run of `command` over the site of `config` ended, says what is new about it, and tells whom `[notify]` names.
pub(super) fn conclude(
    (command, config): (&'static str, &Utf8Path),
    outcome: Outcome,
    clock: &dyn Clock,
    printer: Printer,
) {
    let transcript = printer.take_transcript();
    let release = || {
        if printer.is_quiet() && !printer.is_json() {
            printer.release(&transcript.complaints);
        }
    };
    // A folder without a site is not written into.
    if !config.exists() {
        return release();
    }
    let failure = failure(outcome, &transcript);
    let root = config.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    // A run beside another one knows nothing of what is well and what is not.
    let is_silent = outcome == Outcome::Locked || failure.is_none() && transcript.is_inconclusive;
    let change = if is_silent {
        Change::None
    } else {
        incident::record(&incident::file(root), command, failure.as_ref(), clock.now())
    };
    let happened_once = failure.as_ref().is_some_and(|failure| failure.text.starts_with(ONCE));
    match &change {
        Change::Over(incident) | Change::Changed(incident)
            if happened_once && incident.code > 0 && !incident.text.starts_with(ONCE) =>
        {
            printer.event(over(command, incident));
        }
        // A warning that is not repeated needs no word.
        Change::Over(incident) if incident.code > 0 && !incident.text.starts_with(ONCE) => {
            printer.event(over(command, incident));
        }
        Change::Continues(_) | Change::Over(_) => {}
        Change::None | Change::Began | Change::Changed(_) => release(),
    }
    notify::tell((command, config), failure.as_ref(), &change, clock, printer);
}

/// How a run failed, if it did: with what the next one would fail with again, or else with what happened once.
fn failure(outcome: Outcome, transcript: &Transcript) -> Option<Failure> {
    let Transcript { complaints, events, .. } = transcript;
    let text = match (outcome, complaints.is_empty()) {
        (Outcome::Locked, _) | (Outcome::Done, true) => return None,
        (_, true) => format!("{ONCE}\n{}", events.join("\n")),
        // A pause is the same pause, whether this run or an earlier one made it.
        (_, false) => complaints.join("\n").replace("it was paused earlier: ", ""),
    };
    Some(Failure { code: outcome.code(), text })
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
