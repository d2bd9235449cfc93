//! WebSub: notifies the hubs after a build. The feeds are read from the public folder; the database records what each hub was
//! notified of. After a failure the next run tries again.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::{Built, Office, RunError, World};
use crate::announce::{Announced, Announcer, Register, Topic};
use crate::text::hex;

/// The key of the database entry.
const NOTE: &str = "websub";

/// The result of notifying the hubs.
#[derive(Debug, Default)]
pub struct Announcement {
    /// What was done in this run.
    pub done: Announced,
    /// The time of the oldest change that a hub was not notified of.
    pub waiting_since: Option<DateTime<Utc>>,
}

/// Notifies each hub of each changed feed; `None` without hubs, or if nothing changed.
pub(super) async fn announce(
    world: &World,
    office: &Office,
    built: &Built,
) -> Result<Option<Announcement>, RunError> {
    let hubs = &world.config.feeds.hubs;
    if hubs.is_empty() {
        return Ok(None);
    }
    let kept = office.store.recall(NOTE).await?.unwrap_or_default();
    let mut register = Register::parse(&kept);
    if built.archive.is_some() {
        register.update(&topics(world, built), world.clock.now());
        // Recorded before the notifications, so that an interrupted run leaves them due.
        office.store.remember(NOTE, &register.to_text()).await?;
    }
    if register.due(hubs).is_empty() {
        return Ok(None);
    }
    let done = Announcer::new().announce(&mut register, hubs).await;
    office.store.remember(NOTE, &register.to_text()).await?;
    Ok(Some(Announcement { done, waiting_since: register.waiting_since(hubs) }))
}

/// The feeds in the public folder, with their public URLs.
fn topics(world: &World, built: &Built) -> Vec<Topic> {
    let config = &world.config;
    let directory = config.resolve(&config.output.directory);
    let topic = |path: &camino::Utf8PathBuf| {
        let bytes = std::fs::read(directory.join(path)).ok()?;
        let sha256 = hex(digest(&SHA256, &bytes).as_ref());
        Some(Topic { url: config.site.url.join(path.as_str()), sha256 })
    };
    built.feeds.iter().filter_map(topic).collect()
}
