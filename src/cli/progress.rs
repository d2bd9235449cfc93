//! Progress of a long run: a bar on a terminal, an occasional line in a log, nothing with `--quiet`.
//!
//! A log gets a line after [`EVERY`] or [`MESSAGES`], whichever comes first. Each line is flushed at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::printer::Printer;
use crate::delivery::progress::{ProgressCallback, ProgressEvent, WaitReason};
use crate::ledger::State;

/// Interval between two lines of a log.
const EVERY: Duration = Duration::from_secs(30);
/// Number of messages between two lines of a log.
const MESSAGES: u64 = 1_000;
/// How often to check whether a line is due.
const GLANCE: Duration = Duration::from_secs(1);
/// Minimum time between two redraws of the bar.
const FRAME: Duration = Duration::from_millis(100);
/// Length of the label before the bar, in characters.
const LABEL: usize = 20;
/// A task that takes no longer gets no bar.
const SOON: Duration = Duration::from_millis(500);

/// Shows the progress of a run.
pub(super) struct Progress {
    shared: Option<Arc<Shared>>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    printer: Printer,
    on_terminal: bool,
    task: Mutex<Option<Task>>,
}

/// The current task.
struct Task {
    what: String,
    unit: &'static str,
    total: Option<u64>,
    done: u64,
    /// Of these, not delivered: rejected or with unknown outcome; and deferred.
    failed: u64,
    later: u64,
    begun: Instant,
    /// When the last line was printed, and how many were done then.
    line: (Instant, u64),
    waits: Option<(Instant, WaitReason)>,
    bar: Option<ProgressBar>,
    /// When the bar was last drawn.
    drawn: Option<Instant>,
}

impl Progress {
    /// Starts showing progress, unless `--quiet` is set.
    pub(super) fn start(printer: Printer) -> Self {
        if printer.is_quiet() {
            return Self { shared: None, ticker: None };
        }
        let shared =
            Arc::new(Shared { printer, on_terminal: printer.has_terminal(), task: Mutex::new(None) });
        let refreshing = Arc::clone(&shared);
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(GLANCE).await;
                refreshing.refresh();
            }
        });
        Self { shared: Some(shared), ticker: Some(ticker) }
    }

    /// The callback that tasks report to.
    pub(super) fn watch(&self) -> Arc<ProgressCallback> {
        match &self.shared {
            None => Arc::new(|_| {}),
            Some(shared) => {
                let shared = Arc::clone(shared);
                Arc::new(move |tick| shared.on_event(tick))
            }
        }
    }

    /// Ends the display at the end of the run.
    pub(super) fn end(self) {
        if let Some(shared) = &self.shared {
            shared.on_event(ProgressEvent::End);
        }
        if let Some(ticker) = self.ticker {
            ticker.abort();
        }
    }
}

impl Shared {
    fn task(&self) -> MutexGuard<'_, Option<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_event(&self, tick: ProgressEvent) {
        let mut slot = self.task();
        match tick {
            ProgressEvent::Begin { what, unit, total } => {
                clear(slot.take());
                *slot = Some(Task::begin(what, unit, total));
            }
            ProgressEvent::End => clear(slot.take()),
            tick => {
                let Some(task) = slot.as_mut() else { return };
                task.note(tick);
                if self.on_terminal {
                    task.show();
                } else if task.is_milestone() {
                    self.printer.progress(&task.line());
                }
            }
        }
    }

    /// Updates the display although nothing was reported: time has passed.
    fn refresh(&self) {
        let mut slot = self.task();
        let Some(task) = slot.as_mut() else { return };
        if self.on_terminal {
            task.show();
        } else if task.line.0.elapsed() >= EVERY {
            self.printer.progress(&task.line());
        }
    }
}

fn clear(task: Option<Task>) {
    if let Some(bar) = task.and_then(|task| task.bar) {
        bar.finish_and_clear();
    }
}

impl Task {
    fn begin(what: String, unit: &'static str, total: Option<u64>) -> Self {
        let now = Instant::now();
        let (done, failed, later) = (0, 0, 0);
        Self {
            what,
            unit,
            total,
            done,
            failed,
            later,
            begun: now,
            line: (now, 0),
            waits: None,
            bar: None,
            drawn: None,
        }
    }

    fn note(&mut self, tick: ProgressEvent) {
        match tick {
            ProgressEvent::Done(more) => self.done += more,
            ProgressEvent::Reached(state) => {
                self.done += 1;
                self.waits = None;
                match state {
                    State::Failed | State::Unknown | State::FailedUncertain => self.failed += 1,
                    State::Pending => self.later += 1,
                    _ => {}
                }
            }
            ProgressEvent::Wait(wait, why) => self.waits = Some((Instant::now() + wait, why)),
            ProgressEvent::Begin { .. } | ProgressEvent::End => {}
        }
    }

    /// Whether enough messages were sent for a line in the log. The run itself reports the end.
    fn is_milestone(&self) -> bool {
        self.unit == "message" && self.done >= self.line.1 + MESSAGES && Some(self.done) != self.total
    }

    /// A line for a log.
    fn line(&mut self) -> String {
        self.line = (Instant::now(), self.done);
        let facts = self.facts(self.begun.elapsed());
        format!("{}: {facts}", self.what)
    }

    /// Draws the bar; creates it when the task has lasted for a moment.
    fn show(&mut self) {
        if self.begun.elapsed() < SOON || self.drawn.is_some_and(|drawn| drawn.elapsed() < FRAME) {
            return;
        }
        self.drawn = Some(Instant::now());
        let facts = self.brief(self.begun.elapsed());
        let (what, total) = (&self.what, self.total);
        let bar = self.bar.get_or_insert_with(|| bar(what, total));
        bar.set_position(self.done);
        bar.set_message(facts);
    }

    /// For a log: `1,000 of 10,000 messages, 2 not delivered, 118/s, about 1 min 16 s left; waiting 5 s for the rate limit`.
    fn facts(&self, elapsed: Duration) -> String {
        let counted = match self.total {
            Some(total) => format!("{} of {} {}s", grouped(self.done), grouped(total), self.unit),
            None if self.done > 0 => format!("{} {}s", grouped(self.done), self.unit),
            None => format!("{} so far", duration(elapsed)),
        };
        let rate = (self.done > 0).then(|| rate(self.rate(elapsed)));
        let left = self.left(elapsed).map(|left| format!("about {} left", duration(left)));
        let all: Vec<String> = [counted].into_iter().chain(self.not_sent()).chain(rate).chain(left).collect();
        [all.join(", "), self.waits.as_ref().map(waiting).unwrap_or_default()].concat()
    }

    /// For a terminal of 80 columns, the most important facts first: `1,000 of 10,000, 1 min 16 s left, 118/s`.
    fn brief(&self, elapsed: Duration) -> String {
        let counted = match self.total {
            Some(total) => format!("{} of {}", grouped(self.done), grouped(total)),
            None if self.done > 0 => grouped(self.done),
            None => format!("{} so far", duration(elapsed)),
        };
        let left = self.left(elapsed).map(|left| format!("{} left", duration(left)));
        let rate = (self.done > 0 && self.waits.is_none()).then(|| rate(self.rate(elapsed)));
        let facts: Vec<String> =
            [counted].into_iter().chain(left).chain(rate).chain(self.not_sent()).collect();
        [facts.join(", "), self.waits.as_ref().map(waiting).unwrap_or_default()].concat()
    }

    fn not_sent(&self) -> impl Iterator<Item = String> {
        let numbers = [(self.failed, "not delivered"), (self.later, "deferred")];
        numbers
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", grouped(number)))
    }

    /// Units per second.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
    fn rate(&self, elapsed: Duration) -> f64 {
        self.done as f64 / elapsed.as_secs_f64().max(0.001)
    }

    /// Estimated time left.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done);
        let milliseconds =
            elapsed.as_millis().checked_mul(u128::from(left))?.checked_div(u128::from(self.done))?;
        (left > 0).then(|| Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)))
    }
}

fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") }
}

fn waiting((until, why): &(Instant, WaitReason)) -> String {
    let wait = until.saturating_duration_since(Instant::now());
    let wait = duration(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    match why {
        WaitReason::RateLimit => format!("; waiting {wait} for the rate limit (smtp.per_minute)"),
        WaitReason::Domain(domain) => format!("; waiting {wait} for the rate limit of {domain}"),
        WaitReason::Reconnect(reply) => format!("; reconnecting in {wait}: {reply}"),
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let template =
        if total.is_some() { "{prefix} [{bar:10}] {wide_msg}" } else { "{prefix} {spinner} {wide_msg}" };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    let label = if what.chars().count() > LABEL {
        format!("{}…", what.chars().take(LABEL - 1).collect::<String>())
    } else {
        what.to_owned()
    };
    bar.set_prefix(label);
    bar
}

/// `12,345`.
fn grouped(number: u64) -> String {
    crate::text::grouped(number, ",")
}

/// `45 s`, `1 min 12 s`, `3 h 5 min`.
fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task::begin("sending \"Hello\"".to_owned(), "message", Some(10_000))
    }

    #[test]
    fn a_line_shows_count_rate_time_left_and_the_reason_for_waiting() {
        let mut task = task();
        assert_eq!(task.facts(Duration::from_secs(1)), "0 of 10,000 messages");
        (0..1_000).for_each(|_| task.note(ProgressEvent::Reached(State::Sent)));
        task.note(ProgressEvent::Reached(State::Failed));
        task.note(ProgressEvent::Reached(State::Pending));
        assert_eq!(
            task.facts(Duration::from_secs(10)),
            "1,002 of 10,000 messages, 1 not delivered, 1 deferred, 100/s, about 1 min 29 s left"
        );
        let brief = "1,002 of 10,000, 1 min 29 s left, 100/s, 1 not delivered, 1 deferred";
        assert_eq!(task.brief(Duration::from_secs(10)), brief);
        task.note(ProgressEvent::Wait(
            Duration::from_secs(3_700),
            WaitReason::Domain("example.org".to_owned()),
        ));
        assert!(
            task.facts(Duration::from_secs(10))
                .ends_with("; waiting 1 h 1 min for the rate limit of example.org")
        );
        task.note(ProgressEvent::Reached(State::Sent));
        assert!(!task.facts(Duration::from_secs(10)).contains("waiting"), "progress ends the waiting");
    }

    #[test]
    fn a_log_gets_a_line_per_thousand_messages_but_none_for_the_last() {
        let mut task = task();
        let mut lines = 0;
        for _ in 0..10_000 {
            task.note(ProgressEvent::Reached(State::Sent));
            if task.is_milestone() {
                task.line();
                lines += 1;
            }
        }
        assert_eq!(lines, 9);
    }

    #[test]
    fn numbers_are_grouped_and_times_are_short() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (11_100, "3 h 5 min")] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}
