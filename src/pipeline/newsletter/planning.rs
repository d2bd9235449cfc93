//! Selects the post that a run mails: the oldest that is due, has recipients, and is not held back.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::archive::{Archive, Post};
use crate::finding::Finding;
use crate::ledger::IssueState;
use crate::pipeline::newsletter::approval;
use crate::pipeline::newsletter::compose::compose;
use crate::pipeline::newsletter::digest::{self, DigestDraft};
use crate::pipeline::newsletter::held_posts::{self, HeldPosts};
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::lookup::find;
use crate::pipeline::status::upcoming::{self, Upcoming};
use crate::schedule::{self, digest::next_moment};
use crate::store::posts::{Audience, Waiting};
use crate::store::{StoreError, digest as stored};
use crate::text::HeaderText;

/// An issue that could be frozen now, composed and checked.
pub struct Draft<'a> {
    /// The post; `None` if nothing is due.
    pub post: Option<&'a Post>,
    /// Its renderer.
    pub renderer: Option<IssueRenderer>,
    /// The weekly digest that is due.
    pub digest: Option<DigestDraft<'a>>,
    /// Warnings about the emails.
    pub findings: Vec<Finding>,
    /// Posts that are recorded as older than the ledger.
    pub baseline: Vec<(String, HeaderText)>,
    /// How many more are due.
    pub more: usize,
    /// When planning must run again although nothing changed.
    pub until: DateTime<Utc>,
    /// What will be due if no file changes.
    pub next: Vec<Upcoming>,
    /// What is due but held back.
    pub held: HeldPosts,
}

/// Plans and composes; with `wanted` only that post. Fails for an email with an error, before it is in the ledger. Writes
/// nothing, except that a run that is `recording` stores since when the posts wait.
pub async fn draft<'a>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &'a Archive,
    wanted: Option<&str>,
    recording: bool,
) -> Result<Draft<'a>, RunError> {
    let now = context.clock.now();
    let known = session.store.mailed_posts().await?;
    let seen = first_seen((context, now), session, archive, known.as_ref(), recording).await?;
    let known = schedule::LedgerKnowledge { posts: known.as_ref(), seen: &seen };
    let plan = schedule::plan(archive, &known, &context.config.newsletter, now);
    let mut choice = match wanted {
        None => choose(context, session, archive, &plan.due).await?,
        Some(wanted) => requested_post(context, session, archive, wanted).await?,
    };
    let mut baseline: Vec<_> =
        plan.baseline.iter().map(|post| (post.id.clone(), post.title.clone())).collect();
    if let Some((post, _)) = &choice.chosen {
        baseline.retain(|(id, _)| *id != post.id);
    }
    let week = match wanted {
        None => week(context, session, archive, &mut choice).await?,
        Some(_) => None,
    };
    let (newsletter, zone) = (&context.config.newsletter, context.config.site.timezone);
    let moment = next_moment(newsletter.digest, zone, now);
    let until = schedule::next_due_at(&plan, archive).map_or(moment, |at| at.min(moment));
    let next = upcoming::next_mailings(context, session, (&plan, archive)).await?;
    let Choice { chosen, findings, held, more } = choice;
    let (post, renderer) = chosen.unzip();
    Ok(Draft { post, renderer, digest: week, findings, baseline, more, until, next, held })
}

/// The post to mail, and what to report about the other posts that are due.
#[derive(Default)]
struct Choice<'a> {
    chosen: Option<(&'a Post, IssueRenderer)>,
    findings: Vec<Finding>,
    held: HeldPosts,
    more: usize,
}

/// Selects the oldest due post with recipients. A held post does not block the others.
async fn choose<'a>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
    due: &[&'a Post],
) -> Result<Choice<'a>, RunError> {
    let mut choice = Choice::default();
    if due.is_empty() {
        return Ok(choice);
    }
    choice.held.lookalikes =
        held_posts::alike(&context.config, session, archive, due.iter().copied()).await?;
    let alike: HashSet<String> = choice.held.lookalikes.iter().map(|held| held.post.clone()).collect();
    for post in due.iter().filter(|post| !alike.contains(&post.id)) {
        let audience = session.store.audience(&post.id, post.audience()).await?;
        if audience.immediate == 0 {
            choice.held.without_audience.push(held_posts::without_audience(session, post, audience).await?);
        } else if choice.chosen.is_some() {
            choice.more += 1;
        } else {
            let (renderer, findings) = compose(&context.config, post)?;
            if let Some(unapproved) = approval::missing(context, session, &post.id, &[&renderer]).await? {
                choice.held.unapproved.push(unapproved);
            } else {
                (choice.chosen, choice.findings) = (Some((*post, renderer)), findings);
            }
        }
    }
    Ok(choice)
}

/// Refuses a post that a run may have mailed which a restored ledger does not know.
pub async fn ensure_not_mailed_before_restore(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
    wanted: &str,
) -> Result<(), RunError> {
    let post = find(&context.config, archive, wanted)?;
    if session.store.frozen(&post.id).await?.is_some_and(|issue| issue.may_be_mailed) {
        return Err(RunError::user(
            format!(
                "\"{}\" may have been mailed: the ledger was restored, and does not know what was sent before",
                post.title
            ),
            "look in the log of the relay who received it. Only if nobody did: --allow-second-email mails it to every \
             subscriber; whoever has it gets it again",
        ));
    }
    Ok(())
}

/// The post that the user asked for. That is its approval, but a possible duplicate is still refused.
async fn requested_post<'a>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &'a Archive,
    wanted: &str,
) -> Result<Choice<'a>, RunError> {
    let post = find(&context.config, archive, wanted)?;
    let issued = session.store.frozen(&post.id).await?;
    if issued.is_some_and(|issue| issue.state != IssueState::Baseline) {
        return Err(StoreError::AlreadyIssued(post.id.clone()).into());
    }
    if let Some(lookalike) = held_posts::alike(&context.config, session, archive, [post]).await?.pop() {
        return Err(RunError::user(lookalike.to_string(), lookalike.help()));
    }
    let audience = session.store.audience(&post.id, post.audience()).await?;
    if audience.immediate == 0 {
        let held = held_posts::without_audience(session, post, audience).await?;
        return Err(RunError::user(held.to_string(), held.help()));
    }
    let (renderer, findings) = compose(&context.config, post)?;
    Ok(Choice { chosen: Some((post, renderer)), findings, ..Choice::default() })
}

/// The digest that is due, without held posts; `None` also if it has no recipients.
async fn week<'a>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &'a Archive,
    choice: &mut Choice<'a>,
) -> Result<Option<DigestDraft<'a>>, RunError> {
    let forecast = digest::digest_forecast(context, session, archive).await?;
    let Some(mut due) = forecast.and_then(|forecast| forecast.due) else { return Ok(None) };
    let known = session.store.mailed_posts().await?.unwrap_or_default();
    let unknown = due.posts.iter().copied().filter(|post| !known.contains(&post.id));
    let alike = held_posts::alike(&context.config, session, archive, unknown).await?;
    due.posts.retain(|post| alike.iter().all(|held| held.post != post.id));
    let fresh: Vec<_> = alike.into_iter().filter(|held| !choice.held.lookalikes.contains(held)).collect();
    choice.held.lookalikes.extend(fresh);
    let (week, warnings) = digest::draft(context, session, due).await?;
    choice.findings.extend(warnings);
    if !week.digest.posts.is_empty() && week.letters.is_empty() {
        return Ok(None);
    }
    let renderers: Vec<&IssueRenderer> = week.letters.iter().map(|variant| &variant.renderer).collect();
    let subject = format!("{}{}", stored::PREFIX, week.digest.week);
    match approval::missing(context, session, &subject, &renderers).await? {
        Some(unapproved) if !renderers.is_empty() => {
            choice.held.unapproved.push(unapproved);
            Ok(None)
        }
        _ => Ok(Some(week)),
    }
}

/// Why posts that are due are not mailed by the next run, for `status`. Writes nothing.
pub async fn hold_reason<'p>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
    due: &[&'p Post],
) -> Result<HashMap<&'p str, String>, RunError> {
    let mut reasons = HashMap::new();
    let alike = held_posts::alike(&context.config, session, archive, due.iter().copied()).await?;
    for post in due {
        let reason = if let Some(lookalike) = alike.iter().find(|lookalike| lookalike.post == post.id) {
            format!("held back: it looks like \"{}\", which is already in the ledger", lookalike.known.title)
        } else if let Audience { immediate: 0, weekly, .. } =
            session.store.audience(&post.id, post.audience()).await?
        {
            if weekly > 0 {
                "no subscriber gets every post; it is part of the weekly digest".to_owned()
            } else {
                "held back: it has no recipients".to_owned()
            }
        } else if let Ok((renderer, _)) = compose(&context.config, post)
            && approval::missing(context, session, &post.id, &[&renderer]).await?.is_some()
        {
            "waiting for approval".to_owned()
        } else {
            continue;
        };
        reasons.insert(post.id.as_str(), reason);
    }
    Ok(reasons)
}

/// Since when each unmailed post has been seen by runs.
async fn first_seen(
    (context, now): (&RunContext, DateTime<Utc>),
    session: &LedgerSession,
    archive: &Archive,
    known: Option<&HashSet<String>>,
    recording: bool,
) -> Result<HashMap<String, DateTime<Utc>>, RunError> {
    if !recording {
        return Ok(session.store.waiting().await?);
    }
    let newsletter = &context.config.newsletter;
    let waits = |post: &&Post| {
        let is_known = known.is_some_and(|known| known.contains(&post.id));
        !is_known && post.newsletter && now - post.published.to_utc() <= newsletter.max_age.delta()
    };
    let waiting = archive.posts.iter().filter(waits).map(|post| Waiting {
        post: post.id.clone(),
        text: held_posts::fingerprint(format!("{}\n{}", post.title, post.body).as_bytes()),
        since: if known.is_none() { schedule::first_seen(post, now) } else { now },
    });
    Ok(session.store.waiting_since(waiting.collect(), newsletter.delay_restarts, now).await?)
}
