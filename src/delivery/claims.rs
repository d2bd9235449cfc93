//! Copies in hand: claimed in batches, ahead of the workers, and given back if the run stops.

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

/// So many waits in a row that ended without the permit they were for: others use it up, or the clock stands still.
const MOST_WAITS: u32 = 3;
const NO_PERMIT: &str = "another sender uses up the rate limits of [smtp]";
/// The clocks of this process and of the store may differ by this much within a wait.
const GRACE: Duration = Duration::from_millis(5);

/// A copy in hand, and until when.
pub(super) struct ClaimedDelivery {
    pub(super) claimed: Claimed,
    /// The end of the lease by this process's own monotonic clock, at the latest: no clock can be set under it, and the
    /// store began to count later.
    pub(super) until: Instant,
}

/// The queue between the ledger and the workers.
#[derive(Clone)]
pub(super) struct Claims(Arc<Mutex<mpsc::Receiver<ClaimedDelivery>>>);

/// The task that claims; its end says whether the store failed.
pub(super) type Feeder = JoinHandle<Result<(), StoreError>>;

impl Claims {
    /// Starts claiming. A batch is claimed while the one before it is still being sent, so workers do not wait; within a
    /// rate, only when the one before it is out of hand.
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

    /// The next copy; `None` when there is none left.
    pub(super) async fn next(&self) -> Option<ClaimedDelivery> {
        self.0.lock().await.recv().await
    }

    /// The next copy if one is ready now; never waits, not even for a worker that waits for the queue to fill.
    pub(super) fn ready(&self) -> Option<ClaimedDelivery> {
        self.0.try_lock().ok()?.try_recv().ok()
    }

    /// Gives back what nobody took, so that the next run need not wait for a lease to end.
    pub(super) async fn drain(&self, ledger: &GroupCommit) -> Result<(), StoreError> {
        let mut queue = self.0.lock().await;
        queue.close();
        let mut left = Vec::new();
        while let Some(held) = queue.recv().await {
            left.push(release(&held.claimed));
        }
        if !left.is_empty() {
            ledger.commit(left).await?;
        }
        Ok(())
    }
}

/// T2 for reasons of our own: the attempt does not count, and the copy need not wait.
pub(super) fn release(copy: &Claimed) -> StateChange {
    StateChange { number: copy.number, event: Event::Defer { token: copy.token, retry: None, last: None } }
}

/// Claims and hands on until nothing is due, the run stops, or no worker is left. Whoever waits for a permit waits
/// here, with no transaction open.
async fn feed(
    job: &DeliveryJob,
    breaker: &Breaker,
    ledger: &GroupCommit,
    push: mpsc::Sender<ClaimedDelivery>,
) -> Result<(), StoreError> {
    let (mut rations, mut in_vain) = (ClaimPlan::new(job), 0);
    while breaker.stop_reason().is_none() && !push.is_closed() {
        let until = Instant::now() + job.lease;
        let ration = rations.next(job).await.inspect_err(|error| {
            ledger.failed(error);
            breaker.stop(StopReason::Relay("a database error".to_owned()));
        })?;
        let copies = match ration {
            ClaimResult::Deliveries(copies) => copies,
            ClaimResult::Nothing => break,
            ClaimResult::Wait(wait) => {
                in_vain += u32::from(!wait.is_zero());
                if in_vain > MOST_WAITS {
                    breaker.stop(StopReason::Relay(NO_PERMIT.to_owned()));
                }
                if !wait.is_zero() {
                    (job.on_progress)(ProgressEvent::Wait(wait, rations.reason()));
                }
                // A permit that is asked for a moment too early is not there yet.
                breaker.pause(wait + wait.min(GRACE)).await;
                continue;
            }
        };
        in_vain = 0;
        let mut copies = copies.into_iter().map(|copy| ClaimedDelivery { claimed: copy, until });
        while let Some(held) = copies.next() {
            if let Err(mpsc::error::SendError(held)) = push.send(held).await {
                let left = [held].into_iter().chain(copies).map(|held| release(&held.claimed)).collect();
                return ledger.commit(left).await.map(drop);
            }
        }
    }
    Ok(())
}
