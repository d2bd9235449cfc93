//! Group commit: workers submit state changes, and one task commits them together with one fsync.
//!
//! While one commit is being written to the disk, the next batch collects; there is no timer. A batch succeeds or is
//! rolled back as a unit, so no worker sees "armed" unless its transaction committed.
//!
//! After a permanent store failure nothing is armed any more: a later commit that reports success does not prove that
//! the disk stores the data (a failed `fsync` forgets what it could not write). Outcomes of messages whose final dot
//! was written are still passed to the store, because they can only reduce the number of unknown deliveries.

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::ledger::State;
use crate::ledger::transition::{Event, Rejection};
use crate::store::{DeliveryStore, StateChange, StoreError};

/// At most this many changes share a transaction, so that none of them waits long.
const LARGEST_BATCH: usize = 1_000;

/// The result of each change, in order.
pub(super) type Outcomes = Result<Vec<Result<State, Rejection>>, StoreError>;

struct Request {
    changes: Vec<StateChange>,
    done: oneshot::Sender<Outcomes>,
}

/// A handle to the commit task; cheap to clone. The task ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct GroupCommit {
    sender: mpsc::Sender<Request>,
    failure: Arc<OnceLock<StoreError>>,
}

impl GroupCommit {
    /// Starts the task.
    pub(super) fn start(store: Arc<dyn DeliveryStore>, clock: Arc<dyn Clock>) -> Self {
        let (sender, mut requests) = mpsc::channel::<Request>(LARGEST_BATCH);
        let this = Self { sender, failure: Arc::default() };
        let failure = Arc::clone(&this.failure);
        tokio::spawn(async move {
            while let Some(first) = requests.recv().await {
                let mut batch = vec![first];
                let mut size = batch[0].changes.len();
                while size < LARGEST_BATCH
                    && let Ok(request) = requests.try_recv()
                {
                    size += request.changes.len();
                    batch.push(request);
                }
                commit(store.as_ref(), clock.as_ref(), batch, &failure).await;
            }
        });
        this
    }

    /// Records a store failure. Unless it is transient, nothing is armed any more.
    pub(super) fn failed(&self, error: &StoreError) {
        record_failure(&self.failure, error);
    }

    /// Returns once the changes are on the disk, or once it is certain that none of them is.
    pub(super) async fn commit(&self, changes: Vec<StateChange>) -> Outcomes {
        let (done, outcome) = oneshot::channel();
        let gone = || StoreError::CorruptData("the commit task has ended".to_owned());
        self.sender.send(Request { changes, done }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

fn record_failure(failure: &OnceLock<StoreError>, error: &StoreError) {
    if !error.is_transient() {
        // Report the first failure.
        let _ = failure.set(error.clone());
    }
}

fn contains_arm(request: &Request) -> bool {
    request.changes.iter().any(|change| matches!(change.event, Event::Arm { .. }))
}

async fn commit(
    store: &dyn DeliveryStore,
    clock: &dyn Clock,
    batch: Vec<Request>,
    failure: &OnceLock<StoreError>,
) {
    let (batch, rejected) = match failure.get() {
        Some(_) => batch.into_iter().partition(|request| !contains_arm(request)),
        None => (batch, Vec::new()),
    };
    let changes: Vec<StateChange> = batch.iter().flat_map(|request| request.changes.clone()).collect();
    let committed =
        if changes.is_empty() { Ok(Vec::new()) } else { store.commit(changes, clock.now()).await };
    let outcomes = committed.inspect_err(|error| record_failure(failure, error)).map(Vec::into_iter);
    // Check again: the store may have failed another caller in the meantime.
    let failure = failure.get();
    let mut outcomes = outcomes;
    for request in batch {
        let result = match (&mut outcomes, failure) {
            (Ok(outcomes), error) => {
                let own = outcomes.by_ref().take(request.changes.len()).collect();
                error.filter(|_| contains_arm(&request)).map_or(Ok(own), |error| Err(error.clone()))
            }
            (Err(error), _) => Err(error.clone()),
        };
        // A worker that is gone does not need its result: it is in the ledger.
        let _ = request.done.send(result);
    }
    for request in rejected {
        let _ = request.done.send(failure.map_or_else(|| Ok(Vec::new()), |error| Err(error.clone())));
    }
}
