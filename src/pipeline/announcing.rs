//! Telling the hubs after a build: which feeds there are is read off the public folder, what was told is a note in the
//! store. What could not be told stays due, and the next run tries again.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::{Built, Office, RunError, World};
use crate::announce::{Announced, Announcer, Register, Topic};
use crate::text::hex;

/// The note in the store.
const NOTE: &str = "websub";

/// What telling the hubs came to.
#[derive(Debug, Default)]
pub struct Announcement {
    /// What was done in this run.
    pub done: Announced,
    /// Since when the oldest change waits of which a hub has not heard.
    pub waiting_since: Option<DateTime<Utc>>,
}

/// Tells each hub of each feed that changed; `None` without hubs, or if they have heard of everything.
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
        // Before anybody is told: a run that is cut off leaves the changes due.
        office.store.remember(NOTE, &register.to_text()).await?;
    }
    if register.due(hubs).is_empty() {
        return Ok(None);
    }
    let done = Announcer::new().announce(&mut register, hubs).await;
    office.store.remember(NOTE, &register.to_text()).await?;
    Ok(Some(Announcement { done, waiting_since: register.waiting_since(hubs) }))
}

/// The feeds as they lie in the public folder, each under the address at which readers fetch it.
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
