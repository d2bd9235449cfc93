//! Prometheus metrics: counts and durations, without addresses, tokens or names.
//!
//! They are served on their own listening address, which should not be public.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::store::subscriber_store::{self, SignUpResult};

/// The upper bounds of the histogram, in microseconds and as printed.
const BUCKETS: [(u64, &str); 10] = [
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (10_000_000, "10"),
];

/// The name of the histogram.
const TIMES: &str = "letterpress_http_request_duration_seconds";

/// The outcome of a sign-up form, including forms that never reached the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum SignUpOutcome {
    /// Filled in by a bot.
    Robot,
    /// Rejected because of an invalid address or name.
    Invalid,
    /// Passed to the store.
    Accepted(SignUpResult),
}

impl SignUpOutcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Robot => "robot",
            Self::Invalid => "mistaken",
            Self::Accepted(SignUpResult::ToConfirm) => "to_confirm",
            Self::Accepted(SignUpResult::Known) => "known",
            Self::Accepted(SignUpResult::Repeated) => "repeated",
            Self::Accepted(SignUpResult::Suppressed) => "suppressed",
            Self::Accepted(SignUpResult::MailboxLimit) => "mailbox_limit",
            Self::Accepted(SignUpResult::Limit(_)) => "limit",
        }
    }
}

/// Counts since the server started.
#[derive(Default)]
pub(super) struct Metrics(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(String, u16), u64>,
    times: [u64; BUCKETS.len()],
    requests_in_all: u64,
    microseconds: u64,
    sign_ups: BTreeMap<&'static str, u64>,
}

impl Metrics {
    pub(super) fn record_response(&self, route: &str, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.with(|counts| {
            *counts.requests.entry((route.to_owned(), status)).or_default() += 1;
            counts.requests_in_all += 1;
            counts.microseconds = counts.microseconds.saturating_add(micros);
            for (count, (most, _)) in counts.times.iter_mut().zip(BUCKETS) {
                *count += u64::from(micros <= most);
            }
        });
    }

    pub(super) fn record_sign_up(&self, outcome: SignUpOutcome) {
        self.with(|counts| *counts.sign_ups.entry(outcome.label()).or_default() += 1);
    }

    fn with<T>(&self, update: impl FnOnce(&mut Counts) -> T) -> T {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prints the Prometheus text format, version 0.0.4. `store` is `None` if the store could not be read.
    pub(super) fn print(&self, store: Option<&subscriber_store::StoreMetrics>) -> String {
        let mut out = self.with(|counts| counts.print());
        head(&mut out, "letterpress_store_up", "gauge", "Whether the database could be read.");
        let _ = writeln!(out, "letterpress_store_up {}", u8::from(store.is_some()));
        if let Some(store) = store {
            head(&mut out, "letterpress_subscribers", "gauge", "Subscribers by status.");
            labelled(&mut out, "letterpress_subscribers", "status", &store.subscribers);
            head(&mut out, "letterpress_transactional_messages", "gauge", "Transactional emails by state.");
            labelled(&mut out, "letterpress_transactional_messages", "state", &store.transactional);
            // Older names of the same metrics, for dashboards that use them.
            head(&mut out, "letterpress_readers", "gauge", "Same as letterpress_subscribers.");
            labelled(&mut out, "letterpress_readers", "standing", &store.subscribers);
            head(&mut out, "letterpress_errands", "gauge", "Same as letterpress_transactional_messages.");
            labelled(&mut out, "letterpress_errands", "state", &store.transactional);
        }
        out
    }
}

impl Counts {
    fn print(&self) -> String {
        let mut out = String::new();
        head(&mut out, "letterpress_http_requests_total", "counter", "HTTP responses by route and status.");
        for ((route, status), count) in &self.requests {
            let _ = writeln!(
                out,
                "letterpress_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            );
        }
        head(&mut out, TIMES, "histogram", "Time until the response began.");
        for (count, (_, most)) in self.times.iter().zip(BUCKETS) {
            let _ = writeln!(out, "{TIMES}_bucket{{le=\"{most}\"}} {count}");
        }
        let _ = writeln!(out, "{TIMES}_bucket{{le=\"+Inf\"}} {}", self.requests_in_all);
        let seconds = Duration::from_micros(self.microseconds).as_secs_f64();
        let _ = writeln!(out, "{TIMES}_sum {seconds}\n{TIMES}_count {}", self.requests_in_all);
        head(&mut out, "letterpress_sign_ups_total", "counter", "Sign-up forms by outcome.");
        let sign_ups: Vec<_> =
            self.sign_ups.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
        labelled(&mut out, "letterpress_sign_ups_total", "outcome", &sign_ups);
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One line for each count. The label values are constants that need no escaping.
fn labelled(out: &mut String, name: &str, label: &str, counts: &[(String, u64)]) {
    for (word, count) in counts {
        let _ = writeln!(out, "{name}{{{label}=\"{word}\"}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_and_sign_ups_are_counted() {
        let metrics = Metrics::default();
        metrics.record_response("/u/{*token}", 200, Duration::from_millis(3));
        metrics.record_response("/u/{*token}", 200, Duration::from_secs(60));
        metrics.record_sign_up(SignUpOutcome::Accepted(SignUpResult::Known));
        let store = subscriber_store::StoreMetrics {
            subscribers: vec![("active".to_owned(), 7)],
            transactional: Vec::new(),
        };
        let text = metrics.print(Some(&store));
        for line in [
            "letterpress_http_requests_total{route=\"/u/{*token}\",status=\"200\"} 2",
            "letterpress_http_request_duration_seconds_bucket{le=\"0.001\"} 0",
            "letterpress_http_request_duration_seconds_bucket{le=\"0.005\"} 1",
            "letterpress_http_request_duration_seconds_bucket{le=\"10\"} 1",
            "letterpress_http_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "letterpress_http_request_duration_seconds_sum 60.003",
            "letterpress_sign_ups_total{outcome=\"known\"} 1",
            "letterpress_readers{standing=\"active\"} 7",
            "letterpress_store_up 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(metrics.print(None).contains("letterpress_store_up 0\n"));
    }
}
