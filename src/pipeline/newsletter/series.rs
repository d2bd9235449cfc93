//! Series in a run: who is due for which email, and the issues that bring them. Unlike a post, an email of a series is composed
//! whenever somebody is due, so an edit reaches whoever has not had it. There is no approval and no delay: the writer sets a
//! series up once.

use chrono::{DateTime, Utc};

use crate::archive::folder::{self, Latest, Series, SeriesStep};
use crate::archive::{Archive, Post, markdown};
use crate::config::Config;
use crate::email;
use crate::finding::Finding;
use crate::pipeline::newsletter::compose::compose_body;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::unsubscribe_check::ensure_can_unsubscribe;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::store::NewIssue;
use crate::store::series::{DueStep, NewStep, SeriesPlan};
use crate::text::HeaderText;

/// An email of a series that was scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledStep {
    /// Its name: `course/01-hello`.
    pub name: String,
    /// Its subject.
    pub subject: HeaderText,
    /// How many subscribers get it now.
    pub audience: u64,
}

/// Starts series for whoever began one, and schedules the emails that are due. Without a relay nobody gets any, and everybody waits.
pub(crate) async fn schedule(
    context: &RunContext,
    session: &LedgerSession,
    built: &BuildReport,
) -> Result<(Vec<ScheduledStep>, Vec<Finding>), RunError> {
    let now = context.clock.now();
    let series = folder::read_series(&context.config, now).map_err(RunError::Findings)?;
    let due = session.store.due_steps(series.iter().map(plan_of).collect(), now).await?;
    if due.is_empty() || context.config.smtp.is_none() {
        return Ok((Vec::new(), Vec::new()));
    }
    let archive = built.archive_or_read(context)?;
    let mut findings: Vec<Finding> = ensure_can_unsubscribe(context, session).await?.into_iter().collect();
    session.store.check().await?;
    let latest = latest_issue(session, &archive).await?;
    let mut scheduled = Vec::new();
    for DueStep { series: number, step } in due {
        let Some((plan, email)) =
            series.get(number).and_then(|series| Some((series, series.steps.get(step)?)))
        else {
            continue;
        };
        let (renderer, warnings) = compose_step(&context.config, (&archive, latest), email, now)?;
        findings.extend(warnings);
        let subject = renderer.template().subject.clone();
        let issue = new_issue(session, email, renderer)?;
        let audience = session.store.schedule_step(NewStep { plan: plan_of(plan), step, issue }, now).await?;
        if audience > 0 {
            tracing::info!(step = email.name, audience, "step of a series scheduled");
            scheduled.push(ScheduledStep { name: email.name.clone(), subject, audience });
        }
    }
    Ok((scheduled, findings))
}

/// The times of a series.
pub fn plan_of(series: &Series) -> SeriesPlan {
    SeriesPlan {
        name: series.name.clone(),
        start: series.start.clone(),
        steps: series.steps.iter().map(|step| step.after).collect(),
    }
}

fn new_issue(
    session: &LedgerSession,
    step: &SeriesStep,
    mut renderer: IssueRenderer,
) -> Result<NewIssue, RunError> {
    let message = renderer.freeze(&session.keys).map_err(RunError::internal)?;
    Ok(NewIssue {
        post: format!("{}{}", folder::SERIES_PREFIX, step.name),
        subject: renderer.template().subject.clone(),
        label: String::new(),
        message,
        segment: crate::archive::Segment::default(),
        baseline: Vec::new(),
        rehearsal: false,
        message_domain: renderer.message_domain().to_owned(),
    })
}

/// The newest post that was mailed to everybody, or that is older than the ledger.
async fn latest_issue<'a>(
    session: &LedgerSession,
    archive: &'a Archive,
) -> Result<Option<&'a Post>, RunError> {
    let mailed = session.store.mailed_posts().await?.unwrap_or_default();
    Ok(archive.posts.iter().find(|post| is_for_everybody(post) && mailed.contains(&post.id)))
}

/// Whether a post is mailed, and to everybody who wants its categories.
pub(crate) fn is_for_everybody(post: &Post) -> bool {
    post.newsletter && post.segment.is_everybody()
}

/// Composes and checks an email of a series; `latest` is the post that it may show.
pub fn compose_step(
    config: &Config,
    (archive, latest): (&Archive, Option<&Post>),
    step: &SeriesStep,
    now: DateTime<Utc>,
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let post = folder::read_step(config, archive, step, now).map_err(RunError::Findings)?;
    let mut body = markdown::render(&post);
    let mut pictures = body.own.clone();
    if let (Some(latest), Latest::Link | Latest::Whole) = (latest, step.latest) {
        let whole = (step.latest == Latest::Whole).then(|| markdown::render(latest));
        pictures.extend(whole.iter().flat_map(|whole| whole.own.clone()));
        let language = post.language.as_deref().unwrap_or(&config.site.language);
        let whole = whole.as_ref().map(|whole| whole.html.as_str());
        body.html.push_str(&email::latest_issue(latest, whole, (config, language)));
    }
    compose_body(config, &post, &body, &pictures)
}
