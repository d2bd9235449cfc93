//! How the time of a parser grows with its input. Only the processor time of this thread counts, so that a busy machine
//! changes little.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::shapes::Case;

/// The times for an input and for one of twice the size.
pub(crate) struct Growth {
    /// The size of the smaller one.
    pub(crate) bytes: usize,
    pub(crate) once: Duration,
    pub(crate) twice: Duration,
}

impl Growth {
    pub(crate) fn ratio(&self) -> f64 {
        self.twice.as_secs_f64() / self.once.as_secs_f64().max(1e-6)
    }
}

/// Doubles the input of a case until it takes `long` or has `large` bytes. Each time is the best of `runs`.
pub(crate) fn growth(case: &Case, long: Duration, large: usize, runs: usize) -> Growth {
    let mut size = 64;
    loop {
        let input = (case.input)(size);
        if time(case, &input) >= long || input.len() >= large {
            let double = (case.input)(size * 2);
            // In turn, so that what else the machine does slows both.
            let times: Vec<_> = (0..runs).map(|_| (time(case, &input), time(case, &double))).collect();
            let once = times.iter().map(|(once, _)| *once).min().unwrap_or_default();
            let twice = times.iter().map(|(_, twice)| *twice).min().unwrap_or_default();
            return Growth { bytes: input.len(), once, twice };
        }
        size *= 2;
    }
}

fn time(case: &Case, input: &str) -> Duration {
    let before = now();
    (case.parse)(input);
    now().saturating_sub(before)
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
