//! `letterpress publish --every`: the runs of cron, in one process that stays.
//!
//! Each run is what cron would start: it reads the configuration anew, takes the lock, and reports its end. No state is
//! kept from one to the next.

use camino::Utf8Path;
use tokio::runtime::Runtime;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::printer::Printer;
use super::{Command, Outcome, Sending, conclude, publish, run};
use crate::config::Span;
use crate::pipeline::session::RunError;
use crate::platform::StopSignals;

/// Runs `publish` at once and after each interval, until a signal. Intervals are counted from the first run; those that pass
/// during a run are left out.
pub(super) fn publish(
    args: &Sending<publish::Args>,
    every: Span,
    file: &Utf8Path,
    printer: Printer,
) -> Outcome {
    let name = (Some("publish"), file);
    let (runtime, mut waiting) = match Waiting::begin(every) {
        Ok(begun) => begun,
        Err(error) => return conclude(Err(RunError::io("starting the runtime", error)), name, printer),
    };
    let mut last = None;
    while runtime.block_on(waiting.has_next()) {
        let ended = runtime.block_on(run(Command::Publish(args.clone()), (file, None), printer));
        // Later, somebody may be editing it; at the beginning, it would be wrong for ever.
        let is_hopeless = last.is_none() && matches!(ended, Err(RunError::Config(_)));
        let outcome = conclude(ended, name, printer);
        if is_hopeless {
            return outcome;
        }
        last = Some(outcome);
    }
    last.unwrap_or(Outcome::Done)
}

/// The time between runs.
struct Waiting {
    ticks: Interval,
    /// They also remember a signal that comes during a run, which lets that run finish.
    signals: StopSignals,
}

impl Waiting {
    fn begin(every: Span) -> std::io::Result<(Runtime, Self)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let inside = runtime.enter();
        let mut ticks = interval(every.duration());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let signals = StopSignals::listen()?;
        drop(inside);
        Ok((runtime, Self { ticks, signals }))
    }

    /// Waits until the next run is due; `false` after a signal.
    async fn has_next(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.signals.next() => false,
            _ = self.ticks.tick() => true,
        }
    }
}
