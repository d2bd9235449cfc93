//! The end of a run that cron repeats, told to whom `[notify]` names.

use camino::Utf8Path;

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
    if config.notify.is_none() || !is_about(command) {
        return;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let ending = Ending { command, failure, change };
    for trouble in runtime.block_on(notify(&config, clock, &ending)) {
        printer.remark(format!("warning: {trouble}"));
    }
}

/// Whether anybody is told how this command ended: `build` and `send` are run by hand, or beside `publish`.
pub(super) fn is_about(command: &str) -> bool {
    matches!(command, "publish" | "inbox")
}
