//! Backing off from a relay that throttles us: how long later runs do not connect to it.
//!
//! Otherwise a per-minute cron job would reconnect every minute and prolong the throttling. The back-off is stored in the
//! database, because it must outlast the run. It applies to one relay, and ends with the first run that is not throttled.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::delivery::StopReason;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;

/// The key of the database entry.
const NOTE: &str = "relay rest";
/// Minutes to wait after the first, second, … throttled run in a row; the last value repeats.
const WAITS: [i64; 3] = [5, 15, 60];
/// A longer back-off was stored by a clock that has since been set back, and is ignored.
const LONGEST: TimeDelta = TimeDelta::hours(2);

/// A back-off from a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayBackoff {
    /// Which relay.
    host: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// How many runs in a row were throttled.
    #[serde(rename = "times")]
    count: usize,
    /// The reply of the relay.
    #[serde(rename = "why")]
    pub reason: String,
}

impl RelayBackoff {
    /// The back-off after a throttled run. A run that sent something starts the schedule anew.
    fn after(
        before: Option<&Self>,
        host: &str,
        why: &str,
        has_sent: bool,
        at: (DateTime<Utc>, [u8; 16]),
    ) -> Self {
        let earlier =
            before.filter(|backoff| backoff.host == host && !has_sent).map_or(0, |backoff| backoff.count);
        let minutes = WAITS[earlier.min(WAITS.len() - 1)];
        // Up to a fifth more or less, so that several senders do not reconnect at the same moment.
        let fifth = i64::from(at.1[0]) * 400 / 255 - 200;
        let wait = TimeDelta::milliseconds(minutes * 60 * (1_000 + fifth));
        Self { host: host.to_owned(), until: at.0 + wait, count: earlier + 1, reason: why.to_owned() }
    }

    fn is_active(&self, host: &str, now: DateTime<Utc>) -> bool {
        self.host == host && now < self.until && self.until - now < LONGEST
    }
}

/// The current back-off, if there is one.
pub async fn active_backoff(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<Option<RelayBackoff>, RunError> {
    let Some(smtp) = &context.config.smtp else { return Ok(None) };
    let backoff =
        recorded(session).await?.filter(|backoff| backoff.is_active(&smtp.host, context.clock.now()));
    if let Some(backoff) = &backoff {
        tracing::info!(relay = backoff.host, until = %backoff.until, "still backing off");
    }
    Ok(backoff)
}

/// Records how a run ended.
pub(crate) async fn record(
    context: &RunContext,
    session: &LedgerSession,
    stop: Option<&StopReason>,
) -> Result<Option<RelayBackoff>, RunError> {
    let Some(smtp) = &context.config.smtp else { return Ok(None) };
    let before = recorded(session).await?;
    let Some(StopReason::Throttled(why)) = stop else {
        if before.is_some() && context.breaker.has_sent() {
            clear(session).await?;
        }
        return Ok(None);
    };
    let at = (context.clock.now(), context.clock.random());
    let backoff = RelayBackoff::after(before.as_ref(), &smtp.host, why, context.breaker.has_sent(), at);
    let text = serde_json::to_string(&backoff).map_err(RunError::internal)?;
    session.store.set_meta(NOTE, &text).await?;
    tracing::warn!(relay = backoff.host, until = %backoff.until, runs = backoff.count, "throttled; backing off");
    Ok(Some(backoff))
}

/// Ends the back-off, for `send --now`.
pub(crate) async fn clear(session: &LedgerSession) -> Result<(), RunError> {
    Ok(session.store.set_meta(NOTE, "").await?)
}

async fn recorded(session: &LedgerSession) -> Result<Option<RelayBackoff>, RunError> {
    let text = session.store.get_meta(NOTE).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> (DateTime<Utc>, [u8; 16]) {
        (DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes), [128; 16])
    }

    fn minutes(backoff: &RelayBackoff, from: i64) -> i64 {
        (backoff.until - at(from).0).num_minutes()
    }

    #[test]
    fn each_throttled_run_waits_longer_unless_it_sent_something() {
        let first = RelayBackoff::after(None, "relay", "421", false, at(0));
        let second = RelayBackoff::after(Some(&first), "relay", "421", false, at(6));
        let third = RelayBackoff::after(Some(&second), "relay", "421", false, at(30));
        let fourth = RelayBackoff::after(Some(&third), "relay", "421", false, at(100));
        let waits = [minutes(&first, 0), minutes(&second, 6), minutes(&third, 30), minutes(&fourth, 100)];
        assert_eq!(waits, [5, 15, 60, 60]);
        assert_eq!(minutes(&RelayBackoff::after(Some(&third), "relay", "421", true, at(0)), 0), 5);
        assert_eq!(minutes(&RelayBackoff::after(Some(&third), "other", "421", false, at(0)), 0), 5);
    }

    #[test]
    fn a_back_off_applies_to_one_relay_and_a_wrong_clock_cannot_prolong_it() {
        let backoff = RelayBackoff::after(None, "relay", "421", false, at(0));
        assert!(backoff.is_active("relay", at(4).0) && !backoff.is_active("relay", at(6).0));
        assert!(!backoff.is_active("other", at(4).0) && !backoff.is_active("relay", at(-600).0));
    }
}
