//! Rehearsals: while no relay is configured, messages are written to the outbox folder. Once a relay is configured, posts of
//! rehearsals are mailed for real. Removing the relay later is an error: messages written to files would count as sent.

use chrono::TimeDelta;

use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;

/// The database entry with the first relay that was used.
const RELAY: &str = "relay";

/// How long an ended rehearsal is kept.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Ends the rehearsals once a relay is configured, before anything is frozen. Returns how many ended.
pub(crate) async fn end_if_relay_configured(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<u64, RunError> {
    match (&context.config.smtp, session.store.get_meta(RELAY).await?) {
        (None, Some(host)) => Err(RunError::user(
            format!("messages were sent through {host} before, but config.toml has no section [smtp] now"),
            "restore the section [smtp]; without it, messages would only be written to the outbox folder and count as sent",
        )),
        (None, None) => Ok(0),
        (Some(_), _) => {
            let now = context.clock.now();
            let ended = session.store.end_rehearsal(now).await?;
            session.store.erase_rehearsals(now - KEPT).await?;
            Ok(ended)
        }
    }
}

/// Records the relay when it is used for the first time.
pub(crate) async fn record_relay(context: &RunContext, session: &LedgerSession) -> Result<(), RunError> {
    if let Some(smtp) = &context.config.smtp
        && session.store.get_meta(RELAY).await?.is_none()
    {
        session.store.set_meta(RELAY, &smtp.host).await?;
    }
    Ok(())
}
