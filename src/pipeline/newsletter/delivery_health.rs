//! Bounces and complaints while an issue is sent: when they stop it, and which addresses are suppressed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::delivery::{Breaker, StopReason};
use crate::ledger::health::Health;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::store::OpenIssue;

/// How often a long run counts bounces and complaints.
const COUNT: Duration = Duration::from_secs(300);

/// Stops the run if there are too many bounces or complaints. The caller aborts the task at the end of the run. An issue
/// that was resumed by hand is not watched.
pub(crate) fn check_feedback(
    session: &LedgerSession,
    issue: &OpenIssue,
    breaker: &Arc<Breaker>,
) -> JoinHandle<()> {
    let (store, breaker) = (Arc::clone(&session.store), Arc::clone(breaker));
    let (number, resumed) = (issue.number, issue.resumed);
    tokio::spawn(async move {
        if resumed {
            return;
        }
        loop {
            tokio::time::sleep(COUNT).await;
            // A database error also fails the run itself, which reports it.
            let Ok(toll) = store.feedback_counts(number).await else { return };
            if let Health::Critical(why) = toll.health() {
                breaker.stop(StopReason::Message(why));
            }
        }
    })
}

/// Suppresses addresses that the mail server rejected as unknown, at the end of the run and only if the replies are
/// credible: a relay that rejects every address is misconfigured, and the list is fine.
pub(crate) async fn suppress_invalid(
    context: &RunContext,
    session: &LedgerSession,
    issue: &OpenIssue,
) -> Result<u64, RunError> {
    let toll = session.store.feedback_counts(issue.number).await?;
    // An issue that was resumed after a pause for bounces: the operator has confirmed that they are real.
    if !(toll.is_credible() || issue.resumed && toll.sent > toll.hard) || toll.hard == 0 {
        return Ok(0);
    }
    Ok(session.store.suppress_invalid(issue.number, context.clock.now()).await?)
}
