//! The end of a run that cron repeats: with `--quiet`, a lasting failure is reported when it begins, when it changes, and
//! when it ends, and not by every run in between.
//!
//! Without `--quiet` every run prints everything.

use std::sync::Arc;

use camino::Utf8Path;

use super::printer::{Printer, Transcript, count, when};
use super::{Outcome, notify};
use crate::clock::Clock;
use crate::config::load;
use crate::pipeline::site_build::USES_STORED;
use crate::pipeline::status::incident::{self, Change, Failure, Incident, ONCE};
use crate::pipeline::status::last_publish;

/// Records how a run of `command` ended, prints what is new, and notifies the recipients of `[notify]`.
pub(super) fn conclude(
    (command, config): (&'static str, &Utf8Path),
    outcome: Outcome,
    clock: &Arc<dyn Clock>,
    printer: Printer,
) {
    let transcript = printer.take_transcript();
    let release = || {
        if printer.is_quiet() && !printer.is_json() {
            printer.release(&transcript.complaints);
        }
    };
    // Without a configuration this is not a site: do not write into the folder.
    if !config.exists() {
        return release();
    }
    let failure = failure(outcome, &transcript).filter(|_| !transcript.was_stopped);
    let root = config.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    if command == "publish" && outcome != Outcome::Locked {
        last_publish::record(root, outcome.code(), transcript.open.clone(), clock.now());
    }
    // A run that found another one in progress does not know whether a failure lasts.
    let is_silent = outcome == Outcome::Locked
        || transcript.was_stopped
        || failure.is_none() && transcript.is_inconclusive;
    let change = if is_silent {
        Change::None
    } else {
        incident::record(&incident::file(root), command, failure.as_ref(), clock.now())
    };
    let happened_once = failure.as_ref().is_some_and(|failure| failure.text.starts_with(ONCE));
    match &change {
        Change::Ended(incident) | Change::Changed(incident)
            if happened_once && incident.code > 0 && !incident.text.starts_with(ONCE) =>
        {
            printer.event(over(command, incident, config));
        }
        // The end of a mere warning is not reported.
        Change::Ended(incident) if incident.code > 0 && !incident.text.starts_with(ONCE) => {
            printer.event(over(command, incident, config));
        }
        Change::Continues(_) | Change::Ended(_) => {}
        Change::None | Change::Started | Change::Changed(_) => release(),
    }
    notify::send((command, config), failure.as_ref(), &change, clock, printer);
}

/// How a run failed: with lasting problems, or else with what happened once.
fn failure(outcome: Outcome, transcript: &Transcript) -> Option<Failure> {
    let Transcript { complaints, events, .. } = transcript;
    let text = match (outcome, complaints.is_empty()) {
        (Outcome::Locked, _) | (Outcome::Done, true) => return None,
        (_, true) => format!("{ONCE}\n{}", events.join("\n")),
        // The same pause must not look new, whether this run or an earlier one paused the issue.
        (_, false) => complaints.join("\n").replace("paused earlier: ", ""),
    };
    Some(Failure { code: outcome.code(), text })
}

fn over(command: &str, incident: &Incident, config: &Utf8Path) -> String {
    let headline = incident.headline();
    let what = match command {
        "build" => "building the feeds",
        "inbox" => "processing the inbox",
        _ if incident.text.contains(USES_STORED) && headline.contains(": warning: ") => {
            "reading the source feed"
        }
        _ => "sending",
    };
    let (since, number) = incident.whole();
    let since = load(config).map_or_else(|_| since.to_string(), |config| when(since, &config));
    let runs = count(number, "run");
    let last = if number == incident.runs { "" } else { " failures, lately" };
    format!("{what} works again: {runs} since {since} ended with{last}: {headline}")
}
