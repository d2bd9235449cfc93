//! WebSub: notifies the hubs after a build. The feeds are read from the public folder; the database records what each hub was
//! notified of. After a failure the next run tries again.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::text::hex;
use crate::websub::{HubClient, NotificationLog, NotifyResult, Topic};

/// The key of the database entry.
const NOTE: &str = "websub";

/// The result of notifying the hubs.
#[derive(Debug, Default)]
pub struct WebSubReport {
    /// What was done in this run.
    pub done: NotifyResult,
    /// The time of the oldest change that a hub was not notified of.
    pub waiting_since: Option<DateTime<Utc>>,
}

/// Notifies each hub of each changed feed; `None` without hubs, or if nothing changed.
pub(crate) async fn notify_hubs(
    context: &RunContext,
    session: &LedgerSession,
    built: &BuildReport,
) -> Result<Option<WebSubReport>, RunError> {
    let hubs = &context.config.feeds.hubs;
    if hubs.is_empty() {
        return Ok(None);
    }
    let stored = session.store.get_meta(NOTE).await?.unwrap_or_default();
    let mut log = NotificationLog::parse(&stored);
    if built.archive.is_some() {
        log.update(&topics(context, built), context.clock.now());
        // Recorded before the notifications, so that an interrupted run leaves them due.
        session.store.set_meta(NOTE, &log.to_text()).await?;
    }
    if log.due(hubs).is_empty() {
        return Ok(None);
    }
    let done = HubClient::new().announce(&mut log, hubs).await;
    session.store.set_meta(NOTE, &log.to_text()).await?;
    Ok(Some(WebSubReport { done, waiting_since: log.waiting_since(hubs) }))
}

/// The feeds in the public folder, with their public URLs.
fn topics(context: &RunContext, built: &BuildReport) -> Vec<Topic> {
    let config = &context.config;
    let directory = config.resolve(&config.output.directory);
    let topic = |path: &camino::Utf8PathBuf| {
        let bytes = std::fs::read(directory.join(path)).ok()?;
        let sha256 = hex(digest(&SHA256, &bytes).as_ref());
        Some(Topic { url: config.site.url.join(path.as_str()), sha256 })
    };
    built.feeds.iter().filter_map(topic).collect()
}
