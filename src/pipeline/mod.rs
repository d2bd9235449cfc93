//! One run: builds the feeds from the posts, and mails each issue once to each subscriber.
//!
//! The other modules do the work; this one decides the order: ids before feeds, feeds before emails, and an issue is frozen
//! in the ledger before the first connection to the relay.

pub mod newsletter;
pub mod operations;
pub mod session;
pub mod site_build;
pub mod status;

use newsletter::{
    NewsletterReport, deliver_open, draft, ensure_not_mailed_before_restore, held_posts, idle_shortcut,
    import_list, issue, rehearsal, relay_backoff, schedule_issue,
};
use session::{LedgerSession, RunContext, RunError, transport};
use site_build::{BuildReport, DeployReport, FetchReport, Waivers, WebSubReport, feeds, websub};

use crate::finding::Finding;

/// What a run did.
#[derive(Debug, Default)]
pub struct PublishReport {
    /// The download of the source feed, if one is configured.
    pub refreshed: FetchReport,
    /// The feeds; `None` if they were not built.
    pub built: Option<BuildReport>,
    /// The upload, and the program that is run after a build.
    pub deployed: DeployReport,
    /// WebSub notifications; `None` if there were none. A failure does not stop the run.
    pub websub: Option<Result<WebSubReport, RunError>>,
    /// The newsletter; `None` if it is disabled. A failure does not undo the build.
    pub newsletter: Option<Result<NewsletterReport, RunError>>,
}

/// `publish`: build the feeds, send what is due.
///
/// Until the site is where readers find it, no new issue is started: its "Read online" would lead nowhere.
pub async fn publish(context: &RunContext, waivers: Waivers) -> Result<PublishReport, RunError> {
    let sends = transport::is_on(&context.config);
    if sends {
        transport::ensure_can_send(&context.config, &context.clock)?;
    }
    // The server of the feed decides how long this takes, so it is done before the ledger is locked.
    let refreshed = site_build::fetch_posts(context).await?;
    let session = if sends {
        Some(LedgerSession::open_for_sending(&context.config, context.clock.as_ref()).await?)
    } else {
        None
    };
    let mut built = site_build::build(context, waivers)?;
    site_build::add_issue_pages(context, session.as_ref(), &mut built).await?;
    let mut deployed = site_build::deploy(context, &built).await?;
    let websub = notify_hubs(context, session.as_ref(), &built).await.transpose();
    let report = match session {
        Some(session) => {
            let report = issue::run(context, &session, &built, deployed.error().is_none()).await;
            let report = finish_run(context, &session, report).await;
            if report.as_ref().is_ok_and(|report| !report.delivered.is_empty()) {
                deployed = site_build::deploy_issues(context, &session, &mut built, deployed).await;
            }
            Some(report)
        }
        None => None,
    };
    Ok(PublishReport { refreshed, built: Some(built), deployed, websub, newsletter: report })
}

/// Notifies the hubs. A site without a newsletter can have hubs too, and then needs a database to record notifications.
async fn notify_hubs(
    context: &RunContext,
    session: Option<&LedgerSession>,
    built: &BuildReport,
) -> Result<Option<WebSubReport>, RunError> {
    if context.config.feeds.hubs.is_empty() {
        return Ok(None);
    }
    let own;
    let session = if let Some(session) = session {
        session
    } else {
        own = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
        &own
    };
    websub::notify_hubs(context, session, built).await
}

/// The options of `send`.
#[derive(Debug, Clone, Default)]
pub struct SendRequest {
    /// Mail this post although it is not due.
    pub post: Option<String>,
    /// With a post that was mailed: send it to current subscribers who have not received it.
    pub missing: bool,
    /// Mail the post although a run that this restored ledger does not know may have mailed it.
    pub allow_second_email: bool,
    /// Ignore the back-off from a throttling relay.
    pub ignore_backoff: bool,
    /// Allowed changes of published feeds.
    pub waivers: Waivers,
}

/// `send`: the newsletter without the feeds.
pub async fn send(context: &RunContext, wanted: &SendRequest) -> Result<NewsletterReport, RunError> {
    transport::ensure_can_send(&context.config, &context.clock)?;
    let refreshed = site_build::fetch_posts(context).await?;
    let session = LedgerSession::open_for_sending(&context.config, context.clock.as_ref()).await?;
    if wanted.ignore_backoff {
        relay_backoff::clear(&session).await?;
    }
    let report = send_from(context, &session, wanted, refreshed).await;
    finish_run(context, &session, report).await
}

async fn send_from(
    context: &RunContext,
    session: &LedgerSession,
    wanted: &SendRequest,
    refreshed: FetchReport,
) -> Result<NewsletterReport, RunError> {
    let rehearsed = rehearsal::end_if_relay_configured(context, session).await?;
    let jump = idle_shortcut::clock_jump(context, session).await?;
    let (imported, rejected) = import_list(context, session).await?;
    let (archive, ids_changed) = feeds::read_with_ids(context, wanted.waivers)?;
    let post = wanted.post.as_deref();
    if let Some(post) = post.filter(|_| !wanted.allow_second_email) {
        ensure_not_mailed_before_restore(context, session, &archive, post).await?;
    }
    let mut report = match post {
        // After the clock was set back, nothing new is frozen: it may jump again.
        None if jump.is_some() => deliver_open(context, session).await?,
        Some(post) if wanted.missing => issue::send_missing(context, session, &archive, post).await?,
        _ => {
            let draft = draft(context, session, &archive, post, true).await?;
            schedule_issue(context, session, draft).await?
        }
    };
    held_posts::record(context, session, &archive).await?;
    report.findings.extend(feeds::errors_of(&archive).cloned());
    report.findings.extend(archive.vanished.warning(&context.config));
    report.findings.extend(refreshed.findings);
    report.warnings.extend(jump);
    Ok(NewsletterReport { list_import: imported, rejected_rows: rejected, rehearsed, ids_changed, ..report })
}

/// Raises the epoch once more after a run that changed the ledger, so that a backup made during the run is behind the fence.
/// The messages are sent by then, so a failure to write the fence is only a warning.
async fn finish_run(
    context: &RunContext,
    session: &LedgerSession,
    report: Result<NewsletterReport, RunError>,
) -> Result<NewsletterReport, RunError> {
    let is_idle = report.as_ref().is_ok_and(|report| {
        report.scheduled.is_none()
            && report.digest.is_none()
            && report.delivered.is_empty()
            && report.recovered == (0, 0)
    });
    let raised = if is_idle { Ok(()) } else { session.raise_epoch().await };
    let mut report = report?;
    operations::compact_some(context, session).await?;
    report.unknown = session.store.unknown_outcomes().await?;
    match raised {
        Ok(()) => Ok(report),
        // A database that can no longer be written is an error.
        Err(error @ RunError::Store(_)) => Err(error),
        Err(error) => {
            let finding = Finding::warning("fence", session.fence.path().as_str(), error.to_string());
            report.findings.push(finding);
            Ok(report)
        }
    }
}
