//! Logs for troubleshooting: `-v` to standard error, `--smtp-trace` to a file.
//!
//! Neither contains an address, a token or a password; the delivery number and the Message-ID identify a delivery.
//! Callers follow that rule, and every line passes [`mask::masked`] as well, so that one mistake does not become a
//! leak.

mod format;
mod mask;
pub(crate) mod transcript;

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use self::format::{Conversation, Timer};
use crate::clock::Clock;
use crate::text::for_terminal;

pub(crate) use mask::{masked, repeats};

/// Only this crate's events are logged; the libraries log addresses and headers.
const CRATE: &str = env!("CARGO_CRATE_NAME");

/// Installs the logs of this process. Without `-v` and without a trace file nothing is installed, and events cost
/// nothing.
pub(crate) fn start(verbosity: u8, smtp_trace: Option<&Utf8Path>, clock: &Arc<dyn Clock>) -> io::Result<()> {
    if verbosity == 0 && smtp_trace.is_none() {
        return Ok(());
    }
    let level = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let events = tracing_subscriber::fmt::layer()
        .with_timer(Timer(Arc::clone(clock)))
        .with_writer(Masked::new(io::stderr()))
        .with_filter(Targets::new().with_target(CRATE, level));
    let conversation = match smtp_trace {
        Some(path) => Some(
            tracing_subscriber::fmt::layer()
                .event_format(Conversation(Timer(Arc::clone(clock))))
                .with_writer(Masked::new(File::create(path)?))
                .with_filter(Targets::new().with_target(transcript::TARGET, LevelFilter::TRACE)),
        ),
        None => None,
    };
    let subscriber = tracing_subscriber::registry().with(events).with(conversation);
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)
}

/// A writer that masks each event. `tracing-subscriber` writes each event in one piece.
struct Masked<W>(Arc<Mutex<W>>);

impl<W> Masked<W> {
    fn new(out: W) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            writeln!(out, "{}", for_terminal(&mask::masked(line)))?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Masked<W> {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_event_is_masked_and_safe_for_a_terminal() {
        let mut out = Masked::new(Vec::new());
        out.write_all(b"sent to kim@example.com\x1b[2J\n").unwrap();
        let written = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert!(written.starts_with("sent to k…@example.com"), "{written:?}");
        assert!(written.ends_with('\n') && !written.contains('\u{1b}'), "{written:?}");
    }
}
