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

/// A copy in hand, and until when.
pub(super) struct Held {
    pub(super) copy: Claimed,
    /// The end of the lease by this process's own monotonic clock, at the latest: no clock can be set under it, and the
    /// store began to count later.
    pub(super) until: Instant,
}

/// The queue between the ledger and the workers.
#[derive(Clone)]
pub(super) struct Claims(Arc<Mutex<mpsc::Receiver<Held>>>);

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
                let claimed = claim(&job, batch).await.inspect_err(|error| {
                    ledger.failed(error);
                    breaker.stop(Stop::Relay("the store failed".to_owned()));
                })?;
                if claimed.is_empty() {
                    break;
                }
                let mut claimed = claimed.into_iter();
                while let Some(held) = claimed.next() {
                    if let Err(mpsc::error::SendError(held)) = push.send(held).await {
                        let left =
                            [held].into_iter().chain(claimed).map(|held| give_back(&held.copy)).collect();
                        return ledger.commit(left).await.map(drop);
                    }
                }
            }
            Ok(())
        });
        (Self(Arc::new(Mutex::new(pull))), feeder)
    }

    /// The next copy; `None` when there is none left.
    pub(super) async fn next(&self) -> Option<Held> {
        self.0.lock().await.recv().await
    }

    /// The next copy if one is ready now; never waits, not even for a worker that waits for the queue to fill.
    pub(super) fn ready(&self) -> Option<Held> {
        self.0.try_lock().ok()?.try_recv().ok()
    }

    /// Gives back what nobody took, so that the next run need not wait for a lease to end.
    pub(super) async fn drain(&self, ledger: &GroupCommit) -> Result<(), StoreError> {
        let mut queue = self.0.lock().await;
        queue.close();
        let mut left = Vec::new();
        while let Some(held) = queue.recv().await {
            left.push(give_back(&held.copy));
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

async fn claim(job: &Job, most: usize) -> Result<Vec<Held>, StoreError> {
    let tokens = (0..most).map(|_| Token(job.clock.random())).collect();
    let until = Instant::now() + job.lease;
    let lease = TimeDelta::from_std(job.lease).unwrap_or(TimeDelta::hours(1));
    let claim = Claim { issue: job.issue, most, owner: job.owner.clone(), lease };
    let claimed = job.store.claim(claim, tokens, job.clock.now()).await?;
    Ok(claimed.into_iter().map(|copy| Held { copy, until }).collect())
}
