//! A list of deliveries that is printed page by page: an issue may have a million of them.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::Outcome;
use super::super::printer::{JsonArray, Printer, when};
use crate::config::Config;
use crate::ledger::State;
use crate::pipeline::session::{LedgerSession, RunError};
use crate::store::DeliveryView;
use crate::text::{clipped, for_terminal};

pub(super) struct DeliveryList {
    array: Option<JsonArray>,
    printer: Printer,
    /// The time that was shown last: thousands of emails are sent in one second.
    shown: (i64, String),
}

/// The keys of JSON, which scripts rely on.
#[derive(Serialize)]
struct Listed<'a> {
    address: &'a str,
    at: DateTime<Utc>,
    attempts: u32,
    issue: &'a str,
    message_id: Option<String>,
    reason: Option<&'a str>,
    reply: Option<&'a str>,
    state: State,
    subject: &'a str,
}

impl DeliveryList {
    pub(super) fn begin(as_json: bool, printer: Printer) -> Self {
        Self { array: as_json.then(|| printer.array()), printer, shown: (i64::MIN, String::new()) }
    }

    /// Prints some deliveries; `false` if nobody reads on (`| head`).
    pub(super) fn print(
        &mut self,
        views: &[DeliveryView],
        session: &LedgerSession,
        config: &Config,
    ) -> Result<bool, RunError> {
        let mut lines = String::new();
        for view in views {
            let reply = view.row.last.as_ref().map(|last| last.text.as_str());
            if let Some(array) = &mut self.array {
                let listed = Listed {
                    address: &view.address,
                    at: view.changed_at,
                    attempts: view.row.attempts,
                    issue: &view.post,
                    message_id: session.message_id(view),
                    reason: view.row.reason.as_deref(),
                    reply,
                    state: view.row.state,
                    subject: view.subject.as_str(),
                };
                if !array.add(&listed)? {
                    return Ok(false);
                }
                continue;
            }
            let second = view.changed_at.timestamp();
            if self.shown.0 != second {
                self.shown = (second, when(view.changed_at, config));
            }
            // Writing to a `String` cannot fail.
            let _ = write!(
                lines,
                "{}  {:<17} {}  \"{}\"",
                self.shown.1,
                view.row.state.as_str(),
                for_terminal(&view.address),
                for_terminal(view.subject.as_str())
            );
            if let Some(reply) = reply {
                lines.push_str("  ");
                lines.push_str(&clipped(reply));
            }
            lines.push('\n');
        }
        self.printer.part(lines.as_bytes())
    }

    pub(super) fn end(self) -> Result<Outcome, RunError> {
        if let Some(array) = self.array {
            array.end()?;
        }
        Ok(Outcome::Done)
    }
}
