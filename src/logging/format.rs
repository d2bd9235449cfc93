//! The format of log lines: the time, and for the SMTP conversation the columns.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

/// Takes the time of a line from the run's clock.
pub(super) struct Timer(pub(super) Arc<dyn Clock>);

impl FormatTime for Timer {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now: DateTime<Utc> = self.0.now();
        write!(out, "{}", now.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

/// One line of the trace file: time, connection, side, text.
pub(super) struct Conversation(pub(super) Timer);

impl<S, N> FormatEvent<S, N> for Conversation
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.format_time(&mut out)?;
        writeln!(out, " {} {}", line.connection, line.text)
    }
}

#[derive(Default)]
struct Line {
    connection: u64,
    text: String,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "connection" {
            self.connection = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}
