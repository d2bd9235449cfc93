//! What to claim next, and when: all at once where nothing is limited, else as the store's meters allow.
//!
//! A domain whose rate is used up holds nobody else up: the others are asked first, in turn. Nothing here sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::Job;
use super::watch::Why;
use crate::ledger::Token;
use crate::store::{Claim, Claimed, Lane, Pace, StoreError};

/// So many domains are asked in one claim.
const LANES: usize = 64;
/// So often the store is asked which domains there are, while those that are known have to wait.
const LOOK: Duration = Duration::from_secs(30);

/// What a claim came to.
pub(super) enum Ration {
    /// Copies to send.
    Copies(Vec<Claimed>),
    /// No permit before this.
    Wait(Duration),
    /// Nothing is due.
    Nothing,
}

/// Where the claims of a run stand.
pub(super) struct Rations {
    most: usize,
    /// The domains with copies that are due, and before when each need not be asked.
    lanes: BTreeMap<String, Instant>,
    /// When the store was last asked which there are, and whether no copy came of it yet.
    looked: Option<Instant>,
    is_barren: bool,
    /// The domain that was asked last.
    last: String,
}

impl Rations {
    /// How many copies are claimed at a time. Within a rate they are few: a permit should not wait for a worker.
    pub(super) fn batch(job: &Job) -> usize {
        let unlimited = (job.wire.channels() * 4).clamp(8, 400);
        let Some(limits) = &job.limits else { return unlimited };
        let burst = limits.all.map_or(job.wire.channels(), |rate| rate.burst() as usize);
        burst.clamp(1, unlimited)
    }

    pub(super) fn new(job: &Job) -> Self {
        Self {
            most: Self::batch(job),
            lanes: BTreeMap::new(),
            looked: None,
            is_barren: false,
            last: String::new(),
        }
    }

    /// What a wait is for: the domain that may be sent to first, or the rate for all.
    pub(super) fn reason(&self) -> Why {
        let now = Instant::now();
        let soonest = self.lanes.iter().min_by_key(|(_, at)| **at).filter(|(_, at)| **at > now);
        soonest.map_or(Why::RateLimit, |(domain, _)| Why::Domain(domain.clone()))
    }

    /// Claims what may be sent now.
    pub(super) async fn next(&mut self, job: &Job) -> Result<Ration, StoreError> {
        let (claim, tokens) = (self.claim(job), (0..self.most).map(|_| Token(job.clock.random())).collect());
        let Some(limits) = &job.limits else {
            let copies = job.store.claim(claim, tokens, job.clock.now()).await?;
            return Ok(if copies.is_empty() { Ration::Nothing } else { Ration::Copies(copies) });
        };
        let lanes = if limits.by_domain() { self.open_lanes(job).await? } else { Vec::new() };
        if limits.by_domain() && lanes.is_empty() {
            let soonest = self.lanes.values().min();
            return Ok(soonest.map_or(Ration::Nothing, |at| Ration::Wait(at.duration_since(Instant::now()))));
        }
        let pace = Pace { limits: std::sync::Arc::clone(limits), lanes: lanes.clone() };
        let ration = job.store.claim_within(pace, claim, tokens, job.clock.now()).await?;
        if let Some(wait) = ration.wait {
            return Ok(Ration::Wait(positive(wait)));
        }
        self.learn(&ration.lanes);
        if !ration.copies.is_empty() {
            self.is_barren = false;
            return Ok(Ration::Copies(ration.copies));
        }
        // Nobody among those that were asked; the others have their turn at once.
        Ok(if limits.by_domain() { Ration::Wait(Duration::ZERO) } else { Ration::Nothing })
    }

    fn claim(&self, job: &Job) -> Claim {
        let lease = TimeDelta::from_std(job.lease).unwrap_or(TimeDelta::hours(1));
        Claim { issue: job.issue, most: self.most, owner: job.owner.clone(), lease }
    }

    /// Domains that may have a permit, after the one that was asked last. The store is asked which there are when none
    /// is left, and now and then: copies become due while a run lasts.
    async fn open_lanes(&mut self, job: &Job) -> Result<Vec<String>, StoreError> {
        let mut open = after(&self.lanes, &self.last);
        // A look that brought no copy at all would bring the same once more.
        let looks = if self.lanes.is_empty() {
            !self.is_barren
        } else {
            open.is_empty() && self.looked.is_none_or(|at| at.elapsed() >= LOOK)
        };
        if looks {
            let due = job.store.lanes(job.issue, job.clock.now()).await?;
            let now = Instant::now();
            let mut known = std::mem::take(&mut self.lanes);
            let place = |lane: String| {
                let at = known.remove(&lane).unwrap_or(now);
                (lane, at)
            };
            self.lanes = due.into_iter().map(place).collect();
            (self.looked, self.is_barren) = (Some(now), true);
            open = after(&self.lanes, &self.last);
        }
        if let Some(last) = open.last() {
            self.last.clone_from(last);
        }
        // Two senders that ask for the same domains ask in the same order, and never wait for each other in a ring.
        open.sort_unstable();
        Ok(open)
    }

    fn learn(&mut self, words: &[(String, Lane)]) {
        for (lane, word) in words {
            match word {
                Lane::Empty => drop(self.lanes.remove(lane)),
                Lane::Full(wait) => drop(self.lanes.insert(lane.clone(), Instant::now() + positive(*wait))),
            }
        }
    }
}

/// The domains that need not be waited for, beginning behind `last` and round again.
fn after(lanes: &BTreeMap<String, Instant>, last: &str) -> Vec<String> {
    let now = Instant::now();
    let open = |(lane, at): (&String, &Instant)| (*at <= now).then(|| lane.clone());
    let (behind, before): (Vec<_>, Vec<_>) =
        lanes.iter().filter_map(open).partition(|lane| lane.as_str() > last);
    behind.into_iter().chain(before).take(LANES).collect()
}

fn positive(wait: TimeDelta) -> Duration {
    wait.to_std().unwrap_or_default()
}
