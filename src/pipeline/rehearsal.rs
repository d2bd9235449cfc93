//! While no relay is configured, messages become files in the outbox folder, and the issue is a rehearsal: once there is
//! a relay, its post is still to be mailed. After that the way back is barred: messages that only became files would
//! count as sent.

use chrono::TimeDelta;

use super::{Office, RunError, World};

/// The note with the relay that messages first left through.
const RELAY: &str = "relay";

/// So long a rehearsal that is over stays on record.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Looked at before anything is frozen. Returns how many rehearsals are over since this run, because there is a relay now.
pub(super) async fn settle(world: &World, office: &Office) -> Result<u64, RunError> {
    match (&world.config.smtp, office.store.recall(RELAY).await?) {
        (None, Some(host)) => Err(RunError::user(
            format!("messages left through {host} so far, and config.toml has no [smtp] any more"),
            "put the section [smtp] back; without it the messages would only be written to the outbox, and count as sent",
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

/// A relay is about to be talked to for the first time.
pub(super) async fn note_relay(world: &World, office: &Office) -> Result<(), RunError> {
    if let Some(smtp) = &world.config.smtp
        && office.store.recall(RELAY).await?.is_none()
    {
        office.store.remember(RELAY, &smtp.host).await?;
    }
    Ok(())
}
