//! The end of a run that cron repeats, told to whom `[notify]` names.

use camino::Utf8Path;

use super::Outcome;
use super::printer::Printer;
use crate::clock::Clock;
use crate::config::load;
use crate::pipeline::incident::{Change, Failure};
use crate::pipeline::{Ending, notify};

/// Tells it; the run has ended, and nothing of that changes any more. `change` is what the incident of this command came to.
pub(super) fn tell(
    (command, file): (&str, &Utf8Path),
    failure: Option<&Failure>,
    change: &Change,
    clock: &dyn Clock,
    printer: Printer,
) {
    // Without a configuration nobody is named.
    let Ok(config) = load(file) else { return };
    if config.notify.is_none() {
        return;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let ending = Ending { command, failure, change };
    for trouble in runtime.block_on(notify(&config, clock, &ending)) {
        printer.remark(format!("warning: {trouble}"));
    }
}

/// How a run failed, if it did. One that met another run at work has not.
pub(super) fn failure(outcome: Outcome, said: Option<String>) -> Option<Failure> {
    let is_failure = !matches!(outcome, Outcome::Done | Outcome::Locked);
    let text = || "partly delivered, or something is in doubt; `letterpress status` says what".to_owned();
    is_failure.then(|| Failure { code: outcome.code(), text: said.unwrap_or_else(text) })
}
