//! The relay asked for patience: how long the runs that follow leave it alone.
//!
//! A cron run each minute would otherwise knock each minute at a door that was just closed, and be kept out for longer.
//! The note is in the store, so that it outlives the run; it speaks of one relay and is forgotten with the first run
//! that the relay does not stop.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Office, RunError, World};
use crate::delivery::Stop;

/// The note in the store.
const NOTE: &str = "relay rest";
/// The rests after the first, second, … run in a row that was stopped; the last one repeats.
const RESTS: [i64; 3] = [5, 15, 60];
/// A rest that ends later than this was noted by a clock that has gone back since.
const LONGEST: TimeDelta = TimeDelta::hours(2);

/// A relay that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Which relay.
    host: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// How many runs in a row it stopped.
    times: usize,
    /// What it said.
    pub why: String,
}

impl Rest {
    /// The rest after a run that the relay stopped. One that sent something first has not been sent away.
    fn after(
        before: Option<&Self>,
        host: &str,
        why: &str,
        has_sent: bool,
        at: (DateTime<Utc>, [u8; 16]),
    ) -> Self {
        let earlier = before.filter(|rest| rest.host == host && !has_sent).map_or(0, |rest| rest.times);
        let minutes = RESTS[earlier.min(RESTS.len() - 1)];
        // A fifth more or less: several senders should not come back at the same moment.
        let fifth = i64::from(at.1[0]) * 400 / 255 - 200;
        let wait = TimeDelta::milliseconds(minutes * 60 * (1_000 + fifth));
        Self { host: host.to_owned(), until: at.0 + wait, times: earlier + 1, why: why.to_owned() }
    }

    fn holds(&self, host: &str, now: DateTime<Utc>) -> bool {
        self.host == host && now < self.until && self.until - now < LONGEST
    }
}

/// The rest that the relay is in now, if it is.
pub async fn resting(world: &World, office: &Office) -> Result<Option<Rest>, RunError> {
    let Some(smtp) = &world.config.smtp else { return Ok(None) };
    Ok(noted(office).await?.filter(|rest| rest.holds(&smtp.host, world.clock.now())))
}

/// Takes note of how a run ended.
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
    Ok(Some(rest))
}

/// Somebody does not want to wait.
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
    fn each_run_that_is_sent_away_waits_longer_and_one_that_sent_something_does_not() {
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
    fn a_rest_is_of_one_relay_and_no_clock_makes_it_last_for_ever() {
        let rest = Rest::after(None, "relay", "421", false, at(0));
        assert!(rest.holds("relay", at(4).0) && !rest.holds("relay", at(6).0));
        assert!(!rest.holds("other", at(4).0) && !rest.holds("relay", at(-600).0));
    }
}
