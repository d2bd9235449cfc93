//! A progress bar on a terminal; nothing in a log.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use super::printer::Printer;
use crate::ledger::State;

/// Told of each copy that reached a state.
pub(super) type Watch = Arc<dyn Fn(State) + Send + Sync>;

/// A bar that counts copies, if there is a terminal to show it on.
pub(super) fn watch(printer: Printer) -> (Watch, Option<ProgressBar>) {
    if !printer.has_terminal() {
        return (Arc::new(|_| {}), None);
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} copies, {per_sec}, {elapsed} {wide_msg}")
    {
        bar.set_style(style);
    }
    let counted = bar.clone();
    let watch = move |state: State| {
        if state == State::Sent {
            counted.inc(1);
        } else {
            counted.set_message(format!("the last one is {state}"));
        }
    };
    (Arc::new(watch), Some(bar))
}
