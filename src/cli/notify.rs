//! Notifies the recipients of `[notify]` at the end of a run that cron repeats.

use std::sync::Arc;

use camino::Utf8Path;

use super::printer::Printer;
use crate::clock::Clock;
use crate::config::load;
use crate::pipeline::status::incident::{Change, Failure};
use crate::pipeline::status::{RunOutcome, notify};

/// Sends the notifications. The run has ended and its outcome does not change. `change` is the change of its incident.
pub(super) fn send(
    (command, file): (&str, &Utf8Path),
    failure: Option<&Failure>,
    change: &Change,
    clock: &Arc<dyn Clock>,
    printer: Printer,
) {
    // Without a configuration there are no recipients.
    let Ok(config) = load(file) else { return };
    if config.notify.is_none() || !is_about(command) {
        return;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let ending = RunOutcome { command, failure, change };
    for problem in runtime.block_on(notify(&config, clock, &ending)) {
        printer.note(format!("warning: {problem}"));
    }
}

/// Whether notifications are sent for this command: `build` and `send` are run by hand, or besides `publish`.
pub(super) fn is_about(command: &str) -> bool {
    matches!(command, "publish" | "inbox")
}
