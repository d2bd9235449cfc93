//! Delivers the open issues: recovers from an interrupted run, then sends one issue after the other, oldest first.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;
use crate::config::OnUnknown;
use crate::delivery::progress::ProgressEvent;
use crate::delivery::{DeliveryJob, StopReason, deliver};
use crate::ledger::health::Health;
use crate::ledger::transition::Event;
use crate::ledger::{IssueState, State};
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::report::NewsletterReport;
use crate::pipeline::newsletter::{delivery_health, rehearsal, relay_backoff};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::session::transport::{open_transport, rate_limits, retry_schedule};
use crate::pipeline::status::diagnosis;
use crate::store::{DeliveryView, Filter, OpenIssue, owner};
use crate::text::hex;

/// Recovers from an interrupted run, then sends what is due of each open issue.
pub async fn deliver_open(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<NewsletterReport, RunError> {
    let mut report = NewsletterReport::default();
    let owner = owner::name(&hex(&context.clock.random()));
    let alone = session.lock.is_some();
    let clock = StoreClock::new(context, session).await?;
    let now = clock.now();
    report.recovered = session.store.recover(&owner, alone, now).await?;
    let (retry, _) = retry_schedule(&context.config);
    let pulled = session.store.pull_forward(retry.longest_wait(), now).await?;
    if pulled > 0 {
        tracing::warn!(
            deliveries = pulled,
            "the clock was ahead when these deliveries were deferred; they are due now"
        );
    }
    if context.config.newsletter.on_unknown == OnUnknown::Resend {
        resend_once(context, session, now).await?;
    }
    let mut touched = Vec::new();
    report.backoff = relay_backoff::active_backoff(context, session).await?;
    for issue in session.store.open_issues().await? {
        let due = issue.next_at.is_some_and(|at| at <= now);
        // An issue without pending deliveries closes in this run, and its result is reported once.
        if due && report.backoff.is_none() || issue.next_at.is_none() || report.recovered != (0, 0) {
            touched.push(issue.post.clone());
        }
        let is_over = report.stop_reason.as_ref().is_some_and(|stop| !matches!(stop, StopReason::Message(_)));
        if !due {
            report.retry_at = report.retry_at.into_iter().chain(issue.next_at).min();
        }
        if !due || is_over || report.backoff.is_some() {
            continue;
        }
        if let Some(why) = pause_first((context, session), &issue, now, &mut report.warnings).await? {
            session.store.set_issue(&issue.post, IssueState::Paused, &why, now).await?;
            report.paused_issues.push((issue.post.clone(), why));
            continue;
        }
        report.stop_reason =
            deliver_issue(context, session, &issue, (&owner, &clock), &mut report.delivered).await?;
        report.backoff = relay_backoff::record(context, session, report.stop_reason.as_ref()).await?;
        if let Some(StopReason::Message(why)) = &report.stop_reason {
            session.store.set_issue(&issue.post, IssueState::Paused, why, context.clock.now()).await?;
            report.paused_issues.push((issue.post.clone(), why.clone()));
            break;
        }
        report.suppressed += delivery_health::suppress_invalid(context, session, &issue).await?;
    }
    report.diagnosis = diagnosis::of_run(context, report.stop_reason.as_ref());
    report.sent = context.breaker.sent();
    session.store.close_finished(context.clock.now()).await?;
    report.failed_over = session.store.failed_over();
    for summary in session.store.unfinished_issues(touched.clone()).await? {
        if summary.state == IssueState::Paused
            && report.paused_issues.iter().all(|(post, _)| *post != summary.id)
        {
            let why = summary.paused_because.clone().unwrap_or_default();
            report.paused_issues.push((summary.id.clone(), format!("paused earlier: {why}")));
        }
        if touched.contains(&summary.id) {
            report.issues.push(summary);
        }
    }
    explain_failures(session, &mut report).await?;
    Ok(report)
}

/// Finds out which failures need nobody's help.
async fn explain_failures(session: &LedgerSession, report: &mut NewsletterReport) -> Result<(), RunError> {
    for issue in report.issues.iter().filter(|issue| issue.counts.count(State::Failed) > 0) {
        let gone = session.store.suppressed_of(issue.id.clone()).await?;
        report.suppressed_of.insert(issue.id.clone(), gone);
    }
    if report.stop_reason.is_some() {
        report.relay_has_worked = session.store.has_sent().await?;
    }
    Ok(())
}

/// The clock of the database server. All senders that share the database agree on what is due, whatever their own clocks
/// show.
#[derive(Clone)]
struct StoreClock {
    here: Arc<dyn Clock>,
    ahead: TimeDelta,
}

impl StoreClock {
    async fn new(context: &RunContext, session: &LedgerSession) -> Result<Self, RunError> {
        let here = context.clock.now();
        let ahead = session.store.now(here).await? - here;
        Ok(Self { here: Arc::clone(&context.clock), ahead })
    }
}

impl Clock for StoreClock {
    fn now(&self) -> DateTime<Utc> {
        self.here.now() + self.ahead
    }

    fn random(&self) -> [u8; 16] {
        self.here.random()
    }
}

/// Why an issue must be paused: it is too old, it cannot be read, or there are too many bounces or complaints. An issue that
/// was resumed by hand is only checked for readability.
async fn pause_first(
    (context, session): (&RunContext, &LedgerSession),
    issue: &OpenIssue,
    now: DateTime<Utc>,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, RunError> {
    if let Err(error) = serde_json::from_str::<IssueRenderer>(&issue.message) {
        return Ok(Some(format!(
            "the frozen issue cannot be read; perhaps a newer version of Letterpress froze it: {error}"
        )));
    }
    if issue.resumed {
        return Ok(None);
    }
    let newsletter = &context.config.newsletter;
    let give_up = context.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    if issue.frozen_at + newsletter.max_age.delta().max(give_up) < now {
        let frozen = issue.frozen_at.with_timezone(&context.config.site.timezone);
        let frozen = frozen.format("%Y-%m-%d %H:%M");
        return Ok(Some(format!("it was frozen at {frozen}, which is longer ago than newsletter.max_age")));
    }
    match session.store.feedback_counts(issue.number).await?.health() {
        Health::Ok => Ok(None),
        Health::Warning(why) => {
            warnings.push(format!("{}: {why}", issue.post));
            Ok(None)
        }
        Health::Critical(why) => Ok(Some(why)),
    }
}

async fn deliver_issue(
    context: &RunContext,
    session: &LedgerSession,
    issue: &OpenIssue,
    (owner, clock): (&str, &StoreClock),
    transports: &mut HashMap<String, String>,
) -> Result<Option<StopReason>, RunError> {
    let renderer: IssueRenderer = serde_json::from_str(&issue.message).map_err(|error| {
        RunError::user(
            format!("cannot read the frozen issue of {}: {error}", issue.post),
            "update Letterpress if a newer version froze this issue",
        )
    })?;
    rehearsal::record_relay(context, session).await?;
    let signer = signer(&context.config)?;
    let transport = open_transport(&context.config, &context.clock, &issue.label)?;
    transports.insert(issue.post.clone(), transport.name());
    context.breaker.begin_issue();
    if issue.resumed {
        context.breaker.expect_bounces();
    }
    (context.on_progress)(ProgressEvent::Begin {
        what: format!("sending \"{}\"", renderer.template().subject),
        unit: "message",
        total: pending_in(session, issue).await?,
    });
    let (retry, lease) = retry_schedule(&context.config);
    let (keys, post) = (Arc::clone(&session.keys), issue.post.clone());
    let job = DeliveryJob {
        store: session.store.clone(),
        transport,
        clock: Arc::new(clock.clone()),
        issue: issue.number,
        frozen_at: issue.frozen_at,
        render: Box::new(move |claimed| {
            let fields = renderer.message_fields(&keys, &post, claimed);
            renderer.compose(claimed, fields, signer.as_deref()).map_err(|error| error.to_string())
        }),
        rate_limits: rate_limits(&context.config),
        retry,
        lease,
        owner: owner.to_owned(),
        on_progress: Arc::clone(&context.on_progress),
    };
    let feedback_check = delivery_health::check_feedback(session, issue, &context.breaker);
    let stopped = deliver(job, Arc::clone(&context.breaker)).await;
    feedback_check.abort();
    (context.on_progress)(ProgressEvent::End);
    Ok(stopped?)
}

/// Number of pending deliveries of the issue.
async fn pending_in(session: &LedgerSession, issue: &OpenIssue) -> Result<Option<u64>, RunError> {
    let issues = session.store.unfinished_issues(Vec::new()).await?;
    Ok(issues.iter().find(|summary| summary.id == issue.post).map(|summary| summary.counts.open()))
}

/// `on_unknown = "resend"`: sends a delivery with unknown outcome again, at most once for each subscriber. The decision is
/// recorded. It applies no longer than a deferred delivery would be retried.
async fn resend_once(
    context: &RunContext,
    session: &LedgerSession,
    now: DateTime<Utc>,
) -> Result<(), RunError> {
    let give_up = context.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    let unknown = session.store.deliveries(filter).await?;
    // An unknown outcome with a reason comes from a restored ledger, which does not know what was sent since, or was
    // acknowledged.
    let fresh = |view: &&DeliveryView| view.row.reason.is_none() && now - view.changed_at <= give_up;
    for view in unknown.iter().filter(fresh).filter(|view| view.row.resends == 0) {
        // An error means that the delivery changed meanwhile, or that its issue was cancelled.
        let _ =
            session.store.resolve(view.id, Event::Resend, "newsletter.on_unknown = \"resend\"", now).await?;
    }
    Ok(())
}
