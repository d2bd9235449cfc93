//! Copies in hand: claimed in batches, ahead of the workers, and given back if the run stops.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Job;
use super::breaker::{Breaker, Stop};
use super::group_commit::GroupCommit;
use crate::ledger::Token;
use crate::ledger::transition::Event;
use crate::store::{Claim, Claimed, Move, StoreError};

/// A copy in hand, and when the claim on it ends. That is kept by the monotonic clock: the store has the last word at
/// the arm, and a host whose wall clock is ahead of the store's would take every claim for ended, and claim for ever.
pub(super) struct Taken {
    pub(super) claimed: Claimed,
    pub(super) until: Instant,
}

/// The queue between the ledger and the workers.
#[derive(Clone)]
pub(super) struct Claims(Arc<Mutex<mpsc::Receiver<Taken>>>);

/// The task that claims; its end says whether the store failed.
pub(super) type Feeder = JoinHandle<Result<(), StoreError>>;

impl Claims {
    /// Starts claiming. A batch is claimed while the one before it is still being sent, so workers do not wait.
    pub(super) fn start(job: &Arc<Job>, breaker: &Arc<Breaker>, ledger: &GroupCommit) -> (Self, Feeder) {
        let batch = (job.wire.channels() * 4).clamp(8, 400);
        let (push, pull) = mpsc::channel(batch);
        let (job, breaker, ledger) = (Arc::clone(job), Arc::clone(breaker), ledger.clone());
        let feeder = tokio::spawn(async move {
            while breaker.stopped().is_none() {
                let until = Instant::now() + job.lease;
                let claimed = claim(&job, batch).await.inspect_err(|error| {
                    ledger.failed(error);
                    breaker.stop(Stop::Relay("the store failed".to_owned()));
                })?;
                if claimed.is_empty() {
                    break;
                }
                let mut claimed = claimed.into_iter();
                while let Some(copy) = claimed.next() {
                    let taken = Taken { claimed: copy, until };
                    if let Err(mpsc::error::SendError(taken)) = push.send(taken).await {
                        let left = [taken.claimed].into_iter().chain(claimed);
                        let left = left.map(|copy| give_back(&copy)).collect();
                        return ledger.commit(left).await.map(drop);
                    }
                }
            }
            Ok(())
        });
        (Self(Arc::new(Mutex::new(pull))), feeder)
    }

    /// The next copy; `None` when there is none left.
    pub(super) async fn next(&self) -> Option<Taken> {
        self.0.lock().await.recv().await
    }

    /// The next copy if one is ready now; never waits, not even for a worker that waits for the queue to fill.
    pub(super) fn ready(&self) -> Option<Taken> {
        self.0.try_lock().ok()?.try_recv().ok()
    }

    /// Gives back what nobody took, so that the next run need not wait for a lease to end.
    pub(super) async fn drain(&self, ledger: &GroupCommit) -> Result<(), StoreError> {
        let mut queue = self.0.lock().await;
        queue.close();
        let mut left = Vec::new();
        while let Some(copy) = queue.recv().await {
            left.push(give_back(&copy.claimed));
        }
        if !left.is_empty() {
            ledger.commit(left).await?;
        }
        Ok(())
    }
}

/// T2 for reasons of our own: the attempt does not count, and the copy need not wait.
pub(super) fn give_back(copy: &Claimed) -> Move {
    Move { number: copy.number, event: Event::Defer { token: copy.token, retry: None, last: None } }
}

async fn claim(job: &Job, most: usize) -> Result<Vec<Claimed>, StoreError> {
    let now = job.clock.now();
    let tokens = (0..most).map(|_| Token(job.clock.random())).collect();
    let lease_until = now + TimeDelta::from_std(job.lease).unwrap_or(TimeDelta::hours(1));
    job.store
        .claim(Claim { issue: job.issue, most, owner: job.owner.clone(), lease_until }, tokens, now)
        .await
}
