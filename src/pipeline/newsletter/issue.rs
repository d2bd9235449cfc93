//! The newsletter part of a run: read the subscriber list, find what is due, freeze it, deliver it.

use crate::archive::Archive;
use crate::ledger::IssueState;
use crate::pipeline::newsletter::deliver::deliver_open;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::planning::{Draft, draft};
use crate::pipeline::newsletter::report::NewsletterReport;
use crate::pipeline::newsletter::subscriber_list::import_list;
use crate::pipeline::newsletter::topics::unused_topics;
use crate::pipeline::newsletter::unsubscribe_check::ensure_can_unsubscribe;
use crate::pipeline::newsletter::{approval, digest, held_posts, idle_shortcut, rehearsal, series};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::pipeline::site_build::lookup::find;
use crate::pipeline::status::upcoming;
use crate::store::{NewIssue, StoreError};

/// Why no new issue is started although the mail server may be fine.
const NOT_DEPLOYED: &str = "new issues wait until the site is uploaded, because \"Read online\" would lead to a page that is not there; \
                            `letterpress send` does not wait";

/// Runs the newsletter part, after the feeds were built. Unless the site `is_deployed`, nothing new is frozen.
pub(crate) async fn run(
    context: &RunContext,
    session: &LedgerSession,
    built: &BuildReport,
    is_deployed: bool,
) -> Result<NewsletterReport, RunError> {
    let rehearsed = rehearsal::end_if_relay_configured(context, session).await?;
    let jump = idle_shortcut::clock_jump(context, session).await?;
    let pause = jump.or_else(|| (!is_deployed).then(|| NOT_DEPLOYED.to_owned()));
    let (imported, rejected) = import_list(context, session).await?;
    let is_settled = rehearsed == 0 && imported.is_none();
    // After the clock was set back, nothing new is frozen: it may jump again.
    let (steps, warnings) = match &pause {
        None => match series::schedule(context, session, built).await {
            Err(refused @ RunError::Findings(_)) => {
                // Issues that were started before continue.
                deliver_open(context, session).await?;
                return Err(refused);
            }
            result => result?,
        },
        Some(_) => Default::default(),
    };
    let mut report =
        if pause.is_some() || is_settled && idle_shortcut::is_settled(context, session, built).await? {
            let mut report = deliver_open(context, session).await?;
            report.next = upcoming::load(session, context.clock.now()).await?;
            report
        } else {
            let archive = built.archive_or_read(context)?;
            let draft = draft(context, session, &archive, None, true).await?;
            let until = draft.until;
            let mut report = schedule_issue(context, session, draft).await?;
            if report.scheduled.is_some() || report.digest.is_some() {
                let now = context.clock.now();
                report.findings.extend(unused_topics(&context.config, session, &archive, now).await?);
            }
            held_posts::record(context, session, &archive).await?;
            // Held posts are mailed as soon as they have a subscriber or an approval, without any change of files.
            if report.held.is_empty() && report.held.without_audience.is_empty() {
                idle_shortcut::record_settled(context, session, &built.inputs, until).await?;
            }
            upcoming::store(session, &report.next).await?;
            report
        };
    report.series = steps;
    report.findings.extend(warnings);
    report.list_import = imported;
    report.rejected_rows = rejected;
    report.rehearsed = rehearsed;
    report.warnings.extend(pause);
    Ok(report)
}

/// Freezes the draft, first the post and then the digest, and delivers all open issues. After a crash in between, the next
/// run freezes the digest.
pub async fn schedule_issue(
    context: &RunContext,
    session: &LedgerSession,
    mut draft: Draft<'_>,
) -> Result<NewsletterReport, RunError> {
    let now = context.clock.now();
    let requested = approval::request(context, session, &mut draft.held).await;
    draft.held.note(session).await?;
    let baseline = draft.baseline.len();
    let (mut frozen, frozen_id) = (None, draft.post.map(|post| post.id.clone()));
    let unsubscribing = match (&draft.post, &draft.digest) {
        (None, None) => None,
        _ => match ensure_can_unsubscribe(context, session).await {
            Err(refused @ RunError::Findings(_)) => {
                // Issues that were started before continue.
                deliver_open(context, session).await?;
                return Err(refused);
            }
            result => result?,
        },
    };
    if let (Some(post), Some(mut renderer)) = (draft.post, draft.renderer) {
        let subject = renderer.template().subject.clone();
        session.store.check().await?;
        let message = renderer.freeze(&session.keys).map_err(RunError::internal)?;
        let issue = NewIssue {
            post: post.id.clone(),
            subject: subject.clone(),
            label: post.label(),
            message,
            segment: post.audience(),
            baseline: draft.baseline,
            rehearsal: context.config.smtp.is_none(),
            message_domain: renderer.message_domain().to_owned(),
        };
        frozen = match session.store.schedule_issue(issue, now).await {
            Ok(audience) => {
                tracing::info!(post = post.id, audience, "issue scheduled");
                Some((subject, audience))
            }
            // Another machine froze it meanwhile, and both deliver it together; or the last recipient unsubscribed.
            Err(StoreError::AlreadyIssued(_) | StoreError::NoAudience(_)) => None,
            Err(error) => return Err(error.into()),
        };
    } else {
        session.store.baseline(draft.baseline, now).await?;
    }
    let week = match draft.digest {
        Some(week) => digest::freeze(context, session, week, now).await?,
        None => None,
    };
    let mut report = deliver_open(context, session).await?;
    report.baseline = baseline;
    report.scheduled_id = frozen_id.filter(|_| frozen.is_some());
    report.scheduled = frozen;
    report.digest = week;
    report.findings = draft.findings;
    report.findings.extend(unsubscribing);
    report.more_due = draft.more;
    report.held = draft.held;
    // A failed request for approval does not stop other issues; the next run sends it again.
    if let Err(error) = requested {
        report.warnings.push(format!("the request for approval was not sent: {error}"));
    }
    report.next = draft.next;
    Ok(report)
}

/// Sends an issue to current subscribers who match its audience and have not received it.
pub(crate) async fn send_missing(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
    wanted: &str,
) -> Result<NewsletterReport, RunError> {
    let post = find(&context.config, archive, wanted)?;
    let issue = session.store.frozen(&post.id).await?;
    let issue = issue.filter(|issue| matches!(issue.state, IssueState::Sending | IssueState::Done));
    let issue = issue.ok_or_else(|| {
        RunError::user(
            format!("\"{}\" was not mailed yet", post.title),
            "omit --missing to mail it now; `letterpress status` shows all issues, also paused ones",
        )
    })?;
    let renderer: IssueRenderer = serde_json::from_str(&issue.message).map_err(|error| {
        RunError::user(
            format!("cannot read the frozen issue of {}: {error}", post.id),
            "update Letterpress if a newer version froze this issue",
        )
    })?;
    let subject = renderer.template().subject.clone();
    session.store.check().await?;
    let now = context.clock.now();
    let added = session.store.extend(&post.id, post.audience(), renderer.message_domain(), now).await?;
    let mut report = deliver_open(context, session).await?;
    report.extended = Some((subject, added));
    Ok(report)
}
