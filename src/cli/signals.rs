//! SIGINT and SIGTERM: they end a run in good order.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::delivery::{Breaker, StopReason};

/// Both signals. One that comes while nobody waits is remembered.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
    }
}

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
