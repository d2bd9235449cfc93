//! Rehearsals: while no relay is configured, messages are written to the outbox folder. Once a relay is configured, posts of
//! rehearsals are mailed for real. Removing the relay later is an error: messages written to files would count as sent.

use chrono::TimeDelta;

use super::{Office, RunError, World};

/// The database entry with the first relay that was used.
const RELAY: &str = "relay";

/// How long an ended rehearsal is kept.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Ends the rehearsals once a relay is configured, before anything is frozen. Returns how many ended.
pub(super) async fn settle(world: &World, office: &Office) -> Result<u64, RunError> {
    match (&world.config.smtp, office.store.recall(RELAY).await?) {
        (None, Some(host)) => Err(RunError::user(
            format!("messages were sent through {host} before, but config.toml has no section [smtp] now"),
            "restore the section [smtp]; without it, messages would only be written to the outbox folder and count as sent",
        )),
        (None, None) => Ok(0),
        (Some(_), _) => {
            let now = world.clock.now();
            let ended = office.store.end_rehearsal(now).await?;
            office.store.erase_rehearsals(now - KEPT).await?;
            Ok(ended)
        }
    }
}

/// Records the relay when it is used for the first time.
pub(super) async fn note_relay(world: &World, office: &Office) -> Result<(), RunError> {
    if let Some(smtp) = &world.config.smtp
        && office.store.recall(RELAY).await?.is_none()
    {
        office.store.remember(RELAY, &smtp.host).await?;
    }
    Ok(())
}
