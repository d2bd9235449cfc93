//! What to claim next, and when: all at once where nothing is limited, else as the store's meters allow.
//!
//! A domain whose rate is used up holds nobody else up: the others are asked first, in turn. Nothing here sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::DeliveryJob;
use super::progress::WaitReason;
use crate::ledger::Token;
use crate::store::{Claimed, DomainState, LeaseClaim, RateLimitedClaim, StoreError};

/// So many domains are asked in one claim.
const LANES: usize = 64;
/// So often the store is asked which domains there are, while those that are known have to wait.
const LOOK: Duration = Duration::from_secs(30);

/// What a claim came to.
pub(super) enum ClaimResult {
    /// Copies to send.
    Deliveries(Vec<Claimed>),
    /// No permit before this.
    Wait(Duration),
    /// Nothing is due.
    Nothing,
}

/// Where the claims of a run stand.
pub(super) struct ClaimPlan {
    most: usize,
    /// The domains with copies that are due, and before when each need not be asked.
    domains: BTreeMap<String, Instant>,
    /// When the store was last asked which there are, and whether no copy came of it yet.
    refreshed_at: Option<Instant>,
    found_nothing: bool,
    /// The domain that was asked last.
    last: String,
}

impl ClaimPlan {
    /// How many copies are claimed at a time. Within a rate they are few: a permit should not wait for a worker.
    pub(super) fn batch(job: &DeliveryJob) -> usize {
        let unlimited = (job.transport.max_connections() * 4).clamp(8, 400);
        let Some(limits) = &job.rate_limits else { return unlimited };
        let burst = limits.all.map_or(job.transport.max_connections(), |rate| rate.burst() as usize);
        burst.clamp(1, unlimited)
    }

    pub(super) fn new(job: &DeliveryJob) -> Self {
        Self {
            most: Self::batch(job),
            domains: BTreeMap::new(),
            refreshed_at: None,
            found_nothing: false,
            last: String::new(),
        }
    }

    /// What a wait is for: the domain that may be sent to first, or the rate for all.
    pub(super) fn reason(&self) -> WaitReason {
        let now = Instant::now();
        let soonest = self.domains.iter().min_by_key(|(_, at)| **at).filter(|(_, at)| **at > now);
        soonest.map_or(WaitReason::RateLimit, |(domain, _)| WaitReason::Domain(domain.clone()))
    }

    /// Claims what may be sent now.
    pub(super) async fn next(&mut self, job: &DeliveryJob) -> Result<ClaimResult, StoreError> {
        let (claim, tokens) = (self.claim(job), (0..self.most).map(|_| Token(job.clock.random())).collect());
        let Some(limits) = &job.rate_limits else {
            let copies = job.store.claim(claim, tokens, job.clock.now()).await?;
            return Ok(if copies.is_empty() {
                ClaimResult::Nothing
            } else {
                ClaimResult::Deliveries(copies)
            });
        };
        let domains = if limits.has_domain_limits() { self.open_domains(job).await? } else { Vec::new() };
        if limits.has_domain_limits() && domains.is_empty() {
            let soonest = self.domains.values().min();
            return Ok(soonest
                .map_or(ClaimResult::Nothing, |at| ClaimResult::Wait(at.duration_since(Instant::now()))));
        }
        let pace = RateLimitedClaim { limits: std::sync::Arc::clone(limits), domains: domains.clone() };
        let ration = job.store.claim_within_limits(pace, claim, tokens, job.clock.now()).await?;
        if let Some(wait) = ration.wait {
            return Ok(ClaimResult::Wait(positive(wait)));
        }
        self.record_permits(&ration.domains);
        if !ration.deliveries.is_empty() {
            self.found_nothing = false;
            return Ok(ClaimResult::Deliveries(ration.deliveries));
        }
        // Nobody among those that were asked; the others have their turn at once.
        Ok(if limits.has_domain_limits() { ClaimResult::Wait(Duration::ZERO) } else { ClaimResult::Nothing })
    }

    fn claim(&self, job: &DeliveryJob) -> LeaseClaim {
        let lease = TimeDelta::from_std(job.lease).unwrap_or(TimeDelta::hours(1));
        LeaseClaim { issue: job.issue, limit: self.most, owner: job.owner.clone(), lease }
    }

    /// Domains that may have a permit, after the one that was asked last. The store is asked which there are when none
    /// is left, and now and then: copies become due while a run lasts.
    async fn open_domains(&mut self, job: &DeliveryJob) -> Result<Vec<String>, StoreError> {
        let mut open = after(&self.domains, &self.last);
        // A look that brought no copy at all would bring the same once more.
        let looks = if self.domains.is_empty() {
            !self.found_nothing
        } else {
            open.is_empty() && self.refreshed_at.is_none_or(|at| at.elapsed() >= LOOK)
        };
        if looks {
            let due = job.store.due_domains(job.issue, job.clock.now()).await?;
            let now = Instant::now();
            let mut known = std::mem::take(&mut self.domains);
            let place = |domain: String| {
                let at = known.remove(&domain).unwrap_or(now);
                (domain, at)
            };
            self.domains = due.into_iter().map(place).collect();
            (self.refreshed_at, self.found_nothing) = (Some(now), true);
            open = after(&self.domains, &self.last);
        }
        if let Some(last) = open.last() {
            self.last.clone_from(last);
        }
        // Two senders that ask for the same domains ask in the same order, and never wait for each other in a ring.
        open.sort_unstable();
        Ok(open)
    }

    fn record_permits(&mut self, states: &[(String, DomainState)]) {
        for (domain, state) in states {
            match state {
                DomainState::Empty => drop(self.domains.remove(domain)),
                DomainState::Full(wait) => {
                    self.domains.insert(domain.clone(), Instant::now() + positive(*wait));
                }
            }
        }
    }
}

/// The domains that need not be waited for, beginning behind `last` and round again.
fn after(domains: &BTreeMap<String, Instant>, last: &str) -> Vec<String> {
    let now = Instant::now();
    let open = |(domain, at): (&String, &Instant)| (*at <= now).then(|| domain.clone());
    let (behind, before): (Vec<_>, Vec<_>) =
        domains.iter().filter_map(open).partition(|domain| domain.as_str() > last);
    behind.into_iter().chain(before).take(LANES).collect()
}

fn positive(wait: TimeDelta) -> Duration {
    wait.to_std().unwrap_or_default()
}
