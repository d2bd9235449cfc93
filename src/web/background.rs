//! What goes on beside the pages for as long as the server runs.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use super::Shared;
use crate::pipeline::Courier;

/// How often it is looked whether a day is over.
const GLANCE: Duration = Duration::from_secs(3_600);
/// How often what is old is forgotten.
const PERIOD: TimeDelta = TimeDelta::hours(24);
/// The note in the store that says when that was.
const FORGOTTEN_AT: &str = "forgotten_at";

/// Starts every task; one line for each. They are ended when the server stops.
pub(super) fn start(app: &Shared) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(forget(Shared::clone(app)));
    match Courier::new(&app.world, &app.office, app.url().clone()) {
        Ok(courier) => drop(tasks.spawn(carry(courier, Shared::clone(app)))),
        // Whoever has a letter can still leave; the forms answer, and wait for the one who can put it right.
        Err(error) => (app.log)(&format!("warning: nobody is answered by mail: {error}")),
    }
    tasks
}

/// Small letters leave while the pages answer.
async fn carry(courier: Courier, app: Shared) {
    courier.run(|trouble| (app.log)(&format!("warning: {trouble}"))).await;
}

/// Once a day, what is kept for a while only is forgotten. The store remembers when: a server that is started anew
/// every night forgets all the same.
async fn forget(app: Shared) {
    loop {
        if let Err(error) = forget_if_due(&app, app.now()).await {
            (app.log)(&format!("error: {error}"));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn forget_if_due(app: &Shared, now: DateTime<Utc>) -> Result<(), crate::store::StoreError> {
    let store = &app.office.store;
    let last = store.recall(FORGOTTEN_AT).await?;
    let last = last.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    // A clock that was ahead must not put it off for ever.
    if last.is_some_and(|last| (TimeDelta::zero()..PERIOD).contains(&(now - last))) {
        return Ok(());
    }
    store.forget(now).await?;
    store.remember(FORGOTTEN_AT, &now.to_rfc3339()).await
}
