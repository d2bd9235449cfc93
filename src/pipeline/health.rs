//! Bounces and complaints while an issue goes out: when they stop it, and who is not mailed again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Office, RunError, World};
use crate::delivery::{Breaker, Stop};
use crate::ledger::health::Health;
use crate::store::OpenIssue;

/// How often a long run counts what has come back by mail.
const COUNT: Duration = Duration::from_secs(5 * 60);

/// Stops the run when too much comes back while it lasts; to be aborted when it ends. An issue that somebody resumed is
/// not watched.
pub(super) fn watch(office: &Office, issue: &OpenIssue, breaker: &Arc<Breaker>) -> JoinHandle<()> {
    let (store, breaker) = (Arc::clone(&office.store), Arc::clone(breaker));
    let (number, resumed) = (issue.number, issue.resumed);
    tokio::spawn(async move {
        if resumed {
            return;
        }
        loop {
            tokio::time::sleep(COUNT).await;
            // A store that fails here fails the run where it matters.
            let Ok(toll) = store.toll(number).await else { return };
            if let Health::Sick(why) = toll.health() {
                breaker.stop(Stop::Letter(why));
            }
        }
    })
}

/// Suppresses the readers whom the relay does not know, at the end of the run and only if it is to be believed: a relay
/// that says so of everybody is broken, and the list is not.
pub(super) async fn bury(world: &World, office: &Office, issue: &OpenIssue) -> Result<u64, RunError> {
    let toll = office.store.toll(issue.number).await?;
    // Whoever resumed an issue that stopped for its bounces has found that they are true.
    if !(toll.is_credible() || issue.resumed && toll.sent > toll.hard) || toll.hard == 0 {
        return Ok(0);
    }
    Ok(office.store.bury(issue.number, world.clock.now()).await?)
}
