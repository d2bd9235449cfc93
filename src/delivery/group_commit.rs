//! One fsync for everybody who is ready: workers hand in their moves, one task commits them together.
//!
//! While one commit is on its way to the disk, the next batch gathers by itself; there is no timer. A batch stands or
//! falls whole, so nobody is told "armed" by a transaction that did not happen.
//!
//! Once the store has failed in a way that does not pass, nothing is armed any more: a later commit that reports success
//! does not show that the disk keeps what it is told (a failed `fsync` forgets what it could not write). What was heard
//! of copies whose dot was written is still handed to the store; that can only lessen the doubt.

use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::ledger::State;
use crate::ledger::transition::{Event, Rejection};
use crate::store::{DeliveryStore, StateChange, StoreError};

/// At most so many moves share a transaction, so that none of them waits long for its turn.
const LARGEST_BATCH: usize = 1_000;

/// What became of each move, in order.
pub(super) type Outcomes = Result<Vec<Result<State, Rejection>>, StoreError>;

struct Request {
    moves: Vec<StateChange>,
    done: oneshot::Sender<Outcomes>,
}

/// The door to the committing task; cheap to clone. The task ends when the last door is gone.
#[derive(Clone)]
pub(super) struct GroupCommit {
    door: mpsc::Sender<Request>,
    broke: Arc<OnceLock<StoreError>>,
}

impl GroupCommit {
    /// Starts the task.
    pub(super) fn start(store: Arc<dyn DeliveryStore>, clock: Arc<dyn Clock>) -> Self {
        let (door, mut requests) = mpsc::channel::<Request>(LARGEST_BATCH);
        let this = Self { door, broke: Arc::default() };
        let broke = Arc::clone(&this.broke);
        tokio::spawn(async move {
            while let Some(first) = requests.recv().await {
                let mut batch = vec![first];
                let mut size = batch[0].moves.len();
                while size < LARGEST_BATCH
                    && let Ok(request) = requests.try_recv()
                {
                    size += request.moves.len();
                    batch.push(request);
                }
                commit(store.as_ref(), clock.as_ref(), batch, &broke).await;
            }
        });
        this
    }

    /// The store failed somebody: unless that passes, nothing is armed any more.
    pub(super) fn failed(&self, error: &StoreError) {
        note(&self.broke, error);
    }

    /// Returns once the moves are on the disk, or once it is certain that none of them is.
    pub(super) async fn commit(&self, moves: Vec<StateChange>) -> Outcomes {
        let (done, outcome) = oneshot::channel();
        let gone = || StoreError::CorruptData("the commit task has ended".to_owned());
        self.door.send(Request { moves, done }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

fn note(broke: &OnceLock<StoreError>, error: &StoreError) {
    if !error.is_transient() {
        // The first failure is the one to tell of.
        let _ = broke.set(error.clone());
    }
}

fn arms(request: &Request) -> bool {
    request.moves.iter().any(|step| matches!(step.event, Event::Arm { .. }))
}

async fn commit(
    store: &dyn DeliveryStore,
    clock: &dyn Clock,
    batch: Vec<Request>,
    broke: &OnceLock<StoreError>,
) {
    let (batch, refused) = match broke.get() {
        Some(_) => batch.into_iter().partition(|request| !arms(request)),
        None => (batch, Vec::new()),
    };
    let moves: Vec<StateChange> = batch.iter().flat_map(|request| request.moves.clone()).collect();
    let committed = if moves.is_empty() { Ok(Vec::new()) } else { store.commit(moves, clock.now()).await };
    let outcomes = committed.inspect_err(|error| note(broke, error)).map(Vec::into_iter);
    // Looked at again: the store may have failed somebody else in the meantime.
    let broke = broke.get();
    let mut outcomes = outcomes;
    for request in batch {
        let answer = match (&mut outcomes, broke) {
            (Ok(outcomes), error) => {
                let own = outcomes.by_ref().take(request.moves.len()).collect();
                error.filter(|_| arms(&request)).map_or(Ok(own), |error| Err(error.clone()))
            }
            (Err(error), _) => Err(error.clone()),
        };
        // A worker that is gone does not need its answer: the ledger has it.
        let _ = request.done.send(answer);
    }
    for request in refused {
        let _ = request.done.send(broke.map_or_else(|| Ok(Vec::new()), |error| Err(error.clone())));
    }
}
