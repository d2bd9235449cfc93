//! Figures for Prometheus: requests, sign-ups, and counts from the store. No address, no token, no path that somebody
//! typed stands in them.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::store::desk::{self, SignedUp};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    kind: String,
}

/// What is counted.
#[derive(Debug)]
pub(super) struct Figures {
    requests: Family<Request, Counter<u64, AtomicU64>>,
    seconds: Histogram,
    sign_ups: Family<Of, Counter<u64, AtomicU64>>,
    readers: Family<Of, Gauge>,
    errands: Family<Of, Gauge>,
    registry: Registry,
}

impl Default for Figures {
    fn default() -> Self {
        let buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
        let (requests, sign_ups) = (Family::default(), Family::default());
        let (readers, errands) = (Family::default(), Family::default());
        let seconds = Histogram::new(buckets);
        let mut registry = Registry::with_prefix("letterpress");
        registry.register("http_requests", "Requests by route and status", requests.clone());
        let help = "How long an answer took to begin";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, seconds.clone());
        registry.register("sign_ups", "Forms by what became of them", sign_ups.clone());
        registry.register("readers", "Readers by standing", readers.clone());
        registry.register("errands", "Small letters by state", errands.clone());
        Self { requests, seconds, sign_ups, readers, errands, registry }
    }
}

impl Figures {
    /// Counts an answer. `route` is the pattern of the route and never what was asked for.
    pub(super) fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        let request = Request { route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&request).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a form.
    pub(super) fn signed_up(&self, outcome: SignedUp) {
        let kind = serde_json::to_value(outcome).ok();
        let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        self.sign_ups.get_or_create(&Of { kind }).inc();
    }

    /// The text format, with counts from the store.
    pub(super) fn text(&self, counted: &desk::Figures) -> String {
        for (family, counts) in [(&self.readers, &counted.readers), (&self.errands, &counted.errands)] {
            family.clear();
            for (kind, count) in counts {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                family.get_or_create(&Of { kind: kind.clone() }).set(count);
            }
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
