//! One fsync for everybody who is ready: workers hand in their moves, one task commits them together.
//!
//! While one commit is on its way to the disk, the next batch gathers by itself; there is no timer. A batch stands or
//! falls whole, so nobody is told "armed" by a transaction that did not happen.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::ledger::State;
use crate::ledger::transition::Refusal;
use crate::store::{Move, Store, StoreError};

/// At most so many moves share a transaction, so that none of them waits long for its turn.
const LARGEST_BATCH: usize = 1_000;

/// What became of each move, in order.
pub(super) type Outcomes = Result<Vec<Result<State, Refusal>>, StoreError>;

struct Request {
    moves: Vec<Move>,
    done: oneshot::Sender<Outcomes>,
}

/// The door to the committing task; cheap to clone. The task ends when the last door is gone.
#[derive(Clone)]
pub(super) struct GroupCommit(mpsc::Sender<Request>);

impl GroupCommit {
    /// Starts the task.
    pub(super) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let (door, mut requests) = mpsc::channel::<Request>(LARGEST_BATCH);
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
                commit(store.as_ref(), clock.as_ref(), batch).await;
            }
        });
        Self(door)
    }

    /// Returns once the moves are on the disk, or once it is certain that none of them is.
    pub(super) async fn commit(&self, moves: Vec<Move>) -> Outcomes {
        let (done, outcome) = oneshot::channel();
        let gone = || StoreError::Nonsense("an end of the committing task".to_owned());
        self.0.send(Request { moves, done }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

async fn commit(store: &dyn Store, clock: &dyn Clock, mut batch: Vec<Request>) {
    let moves = batch.iter_mut().flat_map(|request| request.moves.clone()).collect();
    match store.commit(moves, clock.now()).await {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for request in batch {
                let own = outcomes.by_ref().take(request.moves.len()).collect();
                // A worker that is gone does not need its answer: the ledger has it.
                let _ = request.done.send(Ok(own));
            }
        }
        Err(error) => batch.into_iter().for_each(|request| {
            let _ = request.done.send(Err(error.clone()));
        }),
    }
}
