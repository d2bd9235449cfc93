//! The signals that end a run in good order.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::delivery::{Breaker, StopReason};
use crate::platform::StopSignals;

/// The first signal stops new deliveries and lets those in progress finish; the second one ends the process.
pub(super) fn stop_on_signal(breaker: Arc<Breaker>) -> JoinHandle<()> {
    let signals = StopSignals::listen();
    tokio::spawn(async move {
        let Ok(mut signals) = signals else { return };
        signals.next().await;
        breaker.stop(StopReason::Requested);
        signals.next().await;
        // The recovery of the next run finds deliveries in progress, as after a crash.
        std::process::abort();
    })
}
