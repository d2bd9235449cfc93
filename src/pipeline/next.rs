//! What will be mailed next if no file changes, and when; a run with nothing to do prints it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Office, RunError, World, outlook_of_the_week, weekly_readers};
use crate::archive::{Archive, WhyLeftOut};
use crate::schedule::{Plan, WhyNot};

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
pub(super) async fn look_ahead(
    world: &World,
    office: &Office,
    (plan, archive): (&Plan<'_>, &Archive),
) -> Result<Vec<Upcoming>, RunError> {
    let mut all = posts(plan, archive, world.config.newsletter.delay.delta());
    if let Some(forecast) = outlook_of_the_week(world, office, archive).await?
        && !forecast.next.posts.is_empty()
        && weekly_readers(office).await? > 0
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
        WhyNot::TooYoung(until) => Some(post(waiting.title.to_string(), *until)),
        _ => None,
    });
    let scheduled = archive.left_out.iter().filter_map(|left| match left.why {
        WhyLeftOut::Future(date) => Some(post(left.source.to_string(), date.to_utc() + delay)),
        _ => None,
    });
    young.chain(scheduled).collect()
}

/// Stores what is due next for the following runs.
pub(super) async fn remember(office: &Office, upcoming: &[Upcoming]) -> Result<(), RunError> {
    let text = serde_json::to_string(upcoming).map_err(RunError::internal)?;
    if office.store.recall(NOTE).await?.as_deref() == Some(&text) {
        return Ok(());
    }
    Ok(office.store.remember(NOTE, &text).await?)
}

/// What an earlier run stored and is not due yet.
pub(super) async fn recall(office: &Office, now: DateTime<Utc>) -> Result<Vec<Upcoming>, RunError> {
    let text = office.store.recall(NOTE).await?.unwrap_or_default();
    let known: Vec<Upcoming> = serde_json::from_str(&text).unwrap_or_default();
    Ok(known.into_iter().filter(|upcoming| upcoming.due_at > now).collect())
}
