//! Backing off from a relay that throttles us: how long later runs do not connect to it.
//!
//! Otherwise a per-minute cron job would reconnect every minute and prolong the throttling. The back-off is stored in the
//! database, because it must outlast the run. It applies to one relay, and ends with the first run that is not throttled.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Office, RunError, World};
use crate::delivery::Stop;

/// The key of the database entry.
const NOTE: &str = "relay rest";
/// Minutes to wait after the first, second, … throttled run in a row; the last value repeats.
const RESTS: [i64; 3] = [5, 15, 60];
/// A longer back-off was stored by a clock that has since been set back, and is ignored.
const LONGEST: TimeDelta = TimeDelta::hours(2);

/// A back-off from a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Which relay.
    host: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// How many runs in a row were throttled.
    times: usize,
    /// The reply of the relay.
    pub why: String,
}

impl Rest {
    /// The back-off after a throttled run. A run that sent something starts the schedule anew.
    fn after(
        before: Option<&Self>,
        host: &str,
        why: &str,
        has_sent: bool,
        at: (DateTime<Utc>, [u8; 16]),
    ) -> Self {
        let earlier = before.filter(|rest| rest.host == host && !has_sent).map_or(0, |rest| rest.times);
        let minutes = RESTS[earlier.min(RESTS.len() - 1)];
        // Up to a fifth more or less, so that several senders do not reconnect at the same moment.
        let fifth = i64::from(at.1[0]) * 400 / 255 - 200;
        let wait = TimeDelta::milliseconds(minutes * 60 * (1_000 + fifth));
        Self { host: host.to_owned(), until: at.0 + wait, times: earlier + 1, why: why.to_owned() }
    }

    fn holds(&self, host: &str, now: DateTime<Utc>) -> bool {
        self.host == host && now < self.until && self.until - now < LONGEST
    }
}

/// The current back-off, if there is one.
pub async fn resting(world: &World, office: &Office) -> Result<Option<Rest>, RunError> {
    let Some(smtp) = &world.config.smtp else { return Ok(None) };
    let resting = noted(office).await?.filter(|rest| rest.holds(&smtp.host, world.clock.now()));
    if let Some(rest) = &resting {
        tracing::info!(relay = rest.host, until = %rest.until, "still backing off");
    }
    Ok(resting)
}

/// Records how a run ended.
pub(super) async fn note(
    world: &World,
    office: &Office,
    stop: Option<&Stop>,
) -> Result<Option<Rest>, RunError> {
    let Some(smtp) = &world.config.smtp else { return Ok(None) };
    let before = noted(office).await?;
    let Some(Stop::Throttled(why)) = stop else {
        if before.is_some() && world.breaker.has_sent() {
            forget(office).await?;
        }
        return Ok(None);
    };
    let at = (world.clock.now(), world.clock.random());
    let rest = Rest::after(before.as_ref(), &smtp.host, why, world.breaker.has_sent(), at);
    let text = serde_json::to_string(&rest).map_err(RunError::internal)?;
    office.store.remember(NOTE, &text).await?;
    tracing::warn!(relay = rest.host, until = %rest.until, runs = rest.times, "throttled; backing off");
    Ok(Some(rest))
}

/// Ends the back-off, for `send --now`.
pub(super) async fn forget(office: &Office) -> Result<(), RunError> {
    Ok(office.store.remember(NOTE, "").await?)
}

async fn noted(office: &Office) -> Result<Option<Rest>, RunError> {
    let text = office.store.recall(NOTE).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> (DateTime<Utc>, [u8; 16]) {
        (DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes), [128; 16])
    }

    fn minutes(rest: &Rest, from: i64) -> i64 {
        (rest.until - at(from).0).num_minutes()
    }

    #[test]
    fn each_throttled_run_waits_longer_unless_it_sent_something() {
        let first = Rest::after(None, "relay", "421", false, at(0));
        let second = Rest::after(Some(&first), "relay", "421", false, at(6));
        let third = Rest::after(Some(&second), "relay", "421", false, at(30));
        let fourth = Rest::after(Some(&third), "relay", "421", false, at(100));
        let waits = [minutes(&first, 0), minutes(&second, 6), minutes(&third, 30), minutes(&fourth, 100)];
        assert_eq!(waits, [5, 15, 60, 60]);
        assert_eq!(minutes(&Rest::after(Some(&third), "relay", "421", true, at(0)), 0), 5);
        assert_eq!(minutes(&Rest::after(Some(&third), "other", "421", false, at(0)), 0), 5);
    }

    #[test]
    fn a_back_off_applies_to_one_relay_and_a_wrong_clock_cannot_prolong_it() {
        let rest = Rest::after(None, "relay", "421", false, at(0));
        assert!(rest.holds("relay", at(4).0) && !rest.holds("relay", at(6).0));
        assert!(!rest.holds("other", at(4).0) && !rest.holds("relay", at(-600).0));
    }
}
