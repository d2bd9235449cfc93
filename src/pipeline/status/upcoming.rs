//! What will be mailed next if no file changes, and when; a run with nothing to do prints it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, SkipReason};
use crate::pipeline::newsletter::digest::digest_forecast;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::schedule::{NotDue, Plan};

/// The database entry for runs that find nothing changed and do not read the archive.
const NOTE: &str = "upcoming";
/// How many are stored; the soonest come first.
const MOST: usize = 20;

/// Something that will be due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcoming {
    /// A post or a weekly digest.
    pub kind: Kind,
    /// The post's title or file, or the week.
    pub name: String,
    /// When a run will mail it.
    pub due_at: DateTime<Utc>,
}

/// What is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A post.
    Post,
    /// A weekly digest.
    Weekly,
}

/// Posts within `newsletter.delay`, scheduled posts, and the weekly digest if it has posts and subscribers; the soonest first.
pub(crate) async fn next_mailings(
    context: &RunContext,
    session: &LedgerSession,
    (plan, archive): (&Plan<'_>, &Archive),
) -> Result<Vec<Upcoming>, RunError> {
    let mut all = posts(plan, archive, context.config.newsletter.delay.delta());
    if let Some(forecast) = digest_forecast(context, session, archive).await?
        && !forecast.next.posts.is_empty()
        && session.store.weekly_subscribers().await? > 0
    {
        let next = forecast.next;
        all.push(Upcoming { kind: Kind::Weekly, name: next.week, due_at: next.moment });
    }
    all.sort_by_key(|upcoming| upcoming.due_at);
    all.truncate(MOST);
    Ok(all)
}

fn posts(plan: &Plan<'_>, archive: &Archive, delay: TimeDelta) -> Vec<Upcoming> {
    let post = |name: String, due_at| Upcoming { kind: Kind::Post, name, due_at };
    let young = plan.waiting.iter().filter_map(|(waiting, why)| match why {
        NotDue::TooYoung(until) => Some(post(waiting.title.to_string(), *until)),
        _ => None,
    });
    let scheduled = archive.skipped.iter().filter_map(|skipped| match skipped.reason {
        SkipReason::Future(date) => Some(post(skipped.source.to_string(), date.to_utc() + delay)),
        _ => None,
    });
    young.chain(scheduled).collect()
}

/// Stores what is due next for the following runs.
pub(crate) async fn store(session: &LedgerSession, upcoming: &[Upcoming]) -> Result<(), RunError> {
    let text = serde_json::to_string(upcoming).map_err(RunError::internal)?;
    if session.store.get_meta(NOTE).await?.as_deref() == Some(&text) {
        return Ok(());
    }
    Ok(session.store.set_meta(NOTE, &text).await?)
}

/// What an earlier run stored and is not due yet.
pub(crate) async fn load(session: &LedgerSession, now: DateTime<Utc>) -> Result<Vec<Upcoming>, RunError> {
    let text = session.store.get_meta(NOTE).await?.unwrap_or_default();
    let known: Vec<Upcoming> = serde_json::from_str(&text).unwrap_or_default();
    Ok(known.into_iter().filter(|upcoming| upcoming.due_at > now).collect())
}
