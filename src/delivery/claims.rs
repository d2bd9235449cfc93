//! Claimed deliveries: claimed in batches, ahead of the workers, and released if the run stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::DeliveryJob;
use super::breaker::{Breaker, StopReason};
use super::group_commit::GroupCommit;
use super::progress::ProgressEvent;
use super::rate_limited_claims::{ClaimPlan, ClaimResult};
use crate::ledger::transition::Event;
use crate::store::{Claimed, StateChange, StoreError};

/// After this many waits in a row without a permit, the run stops: other senders use them up, or the clock is stuck.
const MOST_WAITS: u32 = 3;
const NO_PERMIT: &str = "another sender uses up the rate limits of [smtp]";
/// The clocks of this process and of the store may differ by this much within a wait.
const GRACE: Duration = Duration::from_millis(5);

/// A claimed delivery and the end of its lease.
pub(super) struct ClaimedDelivery {
    pub(super) claimed: Claimed,
    /// The end of the lease by the monotonic clock of this process. It is never later than the store's, because the
    /// store starts counting later.
    pub(super) until: Instant,
}

/// The queue between the ledger and the workers.
#[derive(Clone)]
pub(super) struct Claims(Arc<Mutex<mpsc::Receiver<ClaimedDelivery>>>);

/// The claiming task; it returns an error if the store failed.
pub(super) type Feeder = JoinHandle<Result<(), StoreError>>;

impl Claims {
    /// Starts claiming. A batch is claimed while the previous one is being sent, so that workers do not wait. Under a
    /// rate limit, the next batch is claimed only after the previous one was handed to the workers.
    pub(super) fn start(
        job: &Arc<DeliveryJob>,
        breaker: &Arc<Breaker>,
        ledger: &GroupCommit,
    ) -> (Self, Feeder) {
        let ahead = if job.rate_limits.is_some() { 1 } else { ClaimPlan::batch(job) };
        let (push, pull) = mpsc::channel(ahead);
        let (job, breaker, ledger) = (Arc::clone(job), Arc::clone(breaker), ledger.clone());
        let feeder = tokio::spawn(async move { feed(&job, &breaker, &ledger, push).await });
        (Self(Arc::new(Mutex::new(pull))), feeder)
    }

    /// The next delivery; `None` when there is none left.
    pub(super) async fn next(&self) -> Option<ClaimedDelivery> {
        self.0.lock().await.recv().await
    }

    /// The next delivery if one is ready now. Never waits, not even for another worker that waits for the queue.
    pub(super) fn ready(&self) -> Option<ClaimedDelivery> {
        self.0.try_lock().ok()?.try_recv().ok()
    }

    /// Releases what no worker took, so that the next run need not wait for the leases to end.
    pub(super) async fn drain(&self, ledger: &GroupCommit) -> Result<(), StoreError> {
        let mut queue = self.0.lock().await;
        queue.close();
        let mut unsent = Vec::new();
        while let Some(claim) = queue.recv().await {
            unsent.push(release(&claim.claimed));
        }
        if !unsent.is_empty() {
            ledger.commit(unsent).await?;
        }
        Ok(())
    }
}

/// T2 for a reason on our side: the attempt does not count, and the delivery need not wait.
pub(super) fn release(delivery: &Claimed) -> StateChange {
    StateChange {
        delivery: delivery.id,
        event: Event::Defer { token: delivery.token, retry: None, last: None },
    }
}

/// Claims and queues deliveries until nothing is due, the run stops, or no worker is left. Waiting for a permit
/// happens here, with no transaction open.
async fn feed(
    job: &DeliveryJob,
    breaker: &Breaker,
    ledger: &GroupCommit,
    push: mpsc::Sender<ClaimedDelivery>,
) -> Result<(), StoreError> {
    let (mut plan, mut vain_waits) = (ClaimPlan::new(job), 0);
    while breaker.stop_reason().is_none() && !push.is_closed() {
        let until = Instant::now() + job.lease;
        let result = plan.next(job).await.inspect_err(|error| {
            ledger.failed(error);
            breaker.stop(StopReason::Relay("a database error".to_owned()));
        })?;
        let deliveries = match result {
            ClaimResult::Deliveries(deliveries) => deliveries,
            ClaimResult::Nothing => break,
            ClaimResult::Wait(wait) => {
                vain_waits += u32::from(!wait.is_zero());
                if vain_waits > MOST_WAITS {
                    breaker.stop(StopReason::Relay(NO_PERMIT.to_owned()));
                }
                if !wait.is_zero() {
                    (job.on_progress)(ProgressEvent::Wait(wait, plan.reason()));
                }
                // A permit that is requested a moment too early is not available yet.
                breaker.pause(wait + wait.min(GRACE)).await;
                continue;
            }
        };
        vain_waits = 0;
        let mut deliveries =
            deliveries.into_iter().map(|delivery| ClaimedDelivery { claimed: delivery, until });
        while let Some(claim) = deliveries.next() {
            if let Err(mpsc::error::SendError(claim)) = push.send(claim).await {
                let unsent =
                    [claim].into_iter().chain(deliveries).map(|claim| release(&claim.claimed)).collect();
                return ledger.commit(unsent).await.map(drop);
            }
        }
    }
    Ok(())
}
