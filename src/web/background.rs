//! Background tasks that run as long as the server: transactional email and daily deletion of expired data.

use std::time::Duration;

use tokio::task::JoinSet;

use super::SharedApp;
use crate::pipeline::newsletter::{TransactionalSender, delete_expired_if_due};

/// How often to check whether a day has passed.
const CHECK_INTERVAL: Duration = Duration::from_secs(3600);

/// Starts the tasks. They end when the server stops.
pub(super) fn start(app: &SharedApp) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(delete_expired(SharedApp::clone(app)));
    match TransactionalSender::new(&app.context, &app.session, Some(app.url().clone())) {
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

/// Finishes erasures, and deletes expired data once a day.
async fn delete_expired(app: SharedApp) {
    loop {
        if let Err(error) = delete_expired_if_due(&app.session.store, app.now()).await {
            (app.log)(&format!("error: {error}"));
        }
        if let Err(error) = app.session.finish_erasures(app.config()).await {
            (app.log)(&format!("error: {error}"));
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}
