//! Background tasks that run as long as the server: transactional email and daily deletion of expired data.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use super::SharedApp;
use crate::pipeline::newsletter::TransactionalSender;

/// How often to check whether a day has passed.
const CHECK_INTERVAL: Duration = Duration::from_secs(3600);
/// How often expired data is deleted.
const PERIOD: TimeDelta = TimeDelta::hours(24);
/// The key in the store under which the last deletion is recorded.
const DELETED_AT: &str = "forgotten_at";

/// Starts the tasks. They end when the server stops.
pub(super) fn start(app: &SharedApp) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(delete_expired(SharedApp::clone(app)));
    match TransactionalSender::new(&app.context, &app.session, app.url().clone()) {
        Ok(sender) => drop(tasks.spawn(send_transactional(sender, SharedApp::clone(app)))),
        // The pages still work without email: subscribers can unsubscribe, and sign-ups are queued.
        Err(error) => (app.log)(&format!("warning: transactional email is not being sent: {error}")),
    }
    tasks
}

/// Sends transactional email while the server runs.
async fn send_transactional(sender: TransactionalSender, app: SharedApp) {
    sender.run(|problem| (app.log)(&format!("warning: {problem}"))).await;
}

/// Finishes erasures, and deletes expired data once a day. The time is recorded in the store, so that a server that restarts every night does it
/// too.
async fn delete_expired(app: SharedApp) {
    loop {
        if let Err(error) = delete_expired_if_due(&app, app.now()).await {
            (app.log)(&format!("error: {error}"));
        }
        if let Err(error) = app.session.finish_erasures(app.config()).await {
            (app.log)(&format!("error: {error}"));
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}

async fn delete_expired_if_due(app: &SharedApp, now: DateTime<Utc>) -> Result<(), crate::store::StoreError> {
    let store = &app.session.store;
    let last = store.get_meta(DELETED_AT).await?;
    let last = last.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    // A time in the future comes from a wrong clock; it must not postpone the deletion indefinitely.
    if last.is_some_and(|last| (TimeDelta::zero()..PERIOD).contains(&(now - last))) {
        return Ok(());
    }
    store.delete_expired(now).await?;
    store.set_meta(DELETED_AT, &now.to_rfc3339()).await
}
