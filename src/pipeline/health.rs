//! Bounces and complaints while an issue is sent: when they stop it, and which addresses are suppressed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Office, RunError, World};
use crate::delivery::{Breaker, Stop};
use crate::ledger::health::Health;
use crate::store::OpenIssue;

/// How often a long run counts bounces and complaints.
const COUNT: Duration = Duration::from_secs(300);

/// Stops the run if there are too many bounces or complaints. The caller aborts the task at the end of the run. An issue
/// that was resumed by hand is not watched.
pub(super) fn watch(office: &Office, issue: &OpenIssue, breaker: &Arc<Breaker>) -> JoinHandle<()> {
    let (store, breaker) = (Arc::clone(&office.store), Arc::clone(breaker));
    let (number, resumed) = (issue.number, issue.resumed);
    tokio::spawn(async move {
        if resumed {
            return;
        }
        loop {
            tokio::time::sleep(COUNT).await;
            // A database error also fails the run itself, which reports it.
            let Ok(toll) = store.toll(number).await else { return };
            if let Health::Sick(why) = toll.health() {
                breaker.stop(Stop::Letter(why));
            }
        }
    })
}

/// Suppresses addresses that the mail server rejected as unknown, at the end of the run and only if the replies are
/// credible: a relay that rejects every address is misconfigured, and the list is fine.
pub(super) async fn bury(world: &World, office: &Office, issue: &OpenIssue) -> Result<u64, RunError> {
    let toll = office.store.toll(issue.number).await?;
    // An issue that was resumed after a pause for bounces: the operator has confirmed that they are real.
    if !(toll.is_credible() || issue.resumed && toll.sent > toll.hard) || toll.hard == 0 {
        return Ok(0);
    }
    Ok(office.store.bury(issue.number, world.clock.now()).await?)
}
