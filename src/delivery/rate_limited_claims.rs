//! Plans what to claim next and when: without rate limits everything, otherwise as the store's token buckets allow.
//!
//! A domain whose rate is used up does not delay the others: they are asked first, in turn. Nothing here sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;

use super::DeliveryJob;
use super::progress::WaitReason;
use crate::ledger::Token;
use crate::store::{Claimed, DomainState, LeaseClaim, RateLimitedClaim, StoreError};

/// How many domains one claim asks for.
const DOMAINS_PER_CLAIM: usize = 64;
/// How often the list of due domains is refreshed while all known domains have to wait.
const REFRESH: Duration = Duration::from_secs(30);

/// The result of a claim.
pub(super) enum ClaimResult {
    /// Deliveries to send.
    Deliveries(Vec<Claimed>),
    /// No permit until this has passed.
    Wait(Duration),
    /// Nothing is due.
    Nothing,
}

/// The state of the claims of a run.
pub(super) struct ClaimPlan {
    most: usize,
    /// The domains with due deliveries, and the time before which each need not be asked.
    domains: BTreeMap<String, Instant>,
    /// When the list of domains was last refreshed.
    refreshed_at: Option<Instant>,
    /// No delivery was claimed since the refresh.
    found_nothing: bool,
    /// The domain that was asked last.
    last: String,
}

impl ClaimPlan {
    /// How many deliveries are claimed at a time. Under a rate limit they are few, so that permits are used at once.
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

    /// The reason for a wait: the domain that is free first, or the overall rate limit.
    pub(super) fn reason(&self) -> WaitReason {
        let now = Instant::now();
        let soonest = self.domains.iter().min_by_key(|(_, at)| **at).filter(|(_, at)| **at > now);
        soonest.map_or(WaitReason::RateLimit, |(domain, _)| WaitReason::Domain(domain.clone()))
    }

    /// Claims what may be sent now.
    pub(super) async fn next(&mut self, job: &DeliveryJob) -> Result<ClaimResult, StoreError> {
        let (claim, tokens) = (self.claim(job), (0..self.most).map(|_| Token(job.clock.random())).collect());
        let Some(limits) = &job.rate_limits else {
            let deliveries = job.store.claim(claim, tokens, job.clock.now()).await?;
            return Ok(if deliveries.is_empty() {
                ClaimResult::Nothing
            } else {
                ClaimResult::Deliveries(deliveries)
            });
        };
        let domains = if limits.has_domain_limits() { self.open_domains(job).await? } else { Vec::new() };
        if limits.has_domain_limits() && domains.is_empty() {
            let soonest = self.domains.values().min();
            return Ok(soonest
                .map_or(ClaimResult::Nothing, |at| ClaimResult::Wait(at.duration_since(Instant::now()))));
        }
        let limited = RateLimitedClaim { limits: std::sync::Arc::clone(limits), domains: domains.clone() };
        let claimed = job.store.claim_within_limits(limited, claim, tokens, job.clock.now()).await?;
        if let Some(wait) = claimed.wait {
            return Ok(ClaimResult::Wait(positive(wait)));
        }
        self.record_permits(&claimed.domains);
        if !claimed.deliveries.is_empty() {
            self.found_nothing = false;
            return Ok(ClaimResult::Deliveries(claimed.deliveries));
        }
        // Nothing due for these domains; ask the others at once.
        Ok(if limits.has_domain_limits() { ClaimResult::Wait(Duration::ZERO) } else { ClaimResult::Nothing })
    }

    fn claim(&self, job: &DeliveryJob) -> LeaseClaim {
        let lease = TimeDelta::from_std(job.lease).unwrap_or(TimeDelta::hours(1));
        LeaseClaim { issue: job.issue, limit: self.most, owner: job.owner.clone(), lease }
    }

    /// Domains that may have a permit, starting after the one that was asked last. The list is refreshed when it is
    /// used up, and now and then, because deliveries become due during a run.
    async fn open_domains(&mut self, job: &DeliveryJob) -> Result<Vec<String>, StoreError> {
        let mut open = after(&self.domains, &self.last);
        // If the last refresh led to no delivery, another one would find the same domains.
        let refresh = if self.domains.is_empty() {
            !self.found_nothing
        } else {
            open.is_empty() && self.refreshed_at.is_none_or(|at| at.elapsed() >= REFRESH)
        };
        if refresh {
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
        // Two senders that lock the same domains use the same order, so that they cannot deadlock.
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

/// The domains that need not wait, starting after `last` and wrapping around.
fn after(domains: &BTreeMap<String, Instant>, last: &str) -> Vec<String> {
    let now = Instant::now();
    let open = |(domain, at): (&String, &Instant)| (*at <= now).then(|| domain.clone());
    let (after_last, up_to_last): (Vec<_>, Vec<_>) =
        domains.iter().filter_map(open).partition(|domain| domain.as_str() > last);
    after_last.into_iter().chain(up_to_last).take(DOMAINS_PER_CLAIM).collect()
}

fn positive(wait: TimeDelta) -> Duration {
    wait.to_std().unwrap_or_default()
}
