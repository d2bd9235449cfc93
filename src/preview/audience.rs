//! Who would get a post, and when: what the ledger says, and why it says nothing. Only reads.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::desk::State;
use crate::archive::{Post, SkipReason};
use crate::config::Config;
use crate::ledger::IssueState;
use crate::pipeline::session::{LedgerSession, RunError};
use crate::schedule::digest::next_moment;
use crate::schedule::{LedgerKnowledge, NotDue, Plan, plan};
use crate::store::posts::FrozenIssue;
use crate::subscribers::SubscriptionStatus;

/// When a post is mailed that its front matter keeps from being mailed.
const NOT_MAILED: &str =
    "Never: it says `newsletter = false`, or `letterpress check` reports a mistake in it.";

/// How many topics are listed.
const TOPICS: usize = 12;

/// The subscribers of the list, and of one post.
#[derive(Debug, Default, Serialize)]
pub(super) struct Audience {
    /// Why nothing is known.
    pub(super) problem: Option<String>,
    /// Number of subscribers by status.
    pub(super) by_status: Vec<(&'static str, u64)>,
    /// How many get the post by itself, in the digest, and not at all.
    pub(super) of_post: Option<[u64; 3]>,
    /// The topics of the post, and how many subscribers chose each of them.
    pub(super) topics: Vec<(String, u64)>,
    /// How many get every topic.
    pub(super) all_topics: u64,
    /// A further condition of the post.
    pub(super) has_segment: bool,
    /// When the post is mailed.
    pub(super) when: String,
}

/// The sources of the posts that are due, oldest first, and of those that will be, with their times.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) due: Vec<String>,
    pub(super) next: Vec<(String, DateTime<Utc>)>,
}

/// What is due now and next, and the audience of `shown`.
pub(super) async fn read(state: &State, shown: Option<(&Post, Option<&SkipReason>)>) -> (Schedule, Audience) {
    let mut audience = Audience::default();
    let session = match state.ledger().await {
        Ok(Some(session)) => Some(session),
        Ok(None) => {
            audience.problem =
                Some("There is no ledger yet; the first `letterpress publish` creates it.".to_owned());
            None
        }
        Err(error) => {
            audience.problem = Some(error.to_string());
            None
        }
    };
    let known = match &session {
        Some(session) => knowledge(session).await,
        None => Ok(Known::default()),
    };
    let (known, issue) = match (known, &session, shown) {
        (Ok(known), Some(session), Some((post, _))) => {
            let counted = count(session, post, &mut audience).await;
            (
                known,
                counted.unwrap_or_else(|error| {
                    audience.problem = Some(error.to_string());
                    None
                }),
            )
        }
        (Ok(known), ..) => (known, None),
        (Err(error), ..) => {
            audience.problem = Some(error.to_string());
            (Known::default(), None)
        }
    };
    let (context, archive) = (&state.context, &state.posts.archive);
    let now = context.clock.now();
    let known = LedgerKnowledge { posts: known.posts.as_ref(), seen: &known.seen };
    let plan = plan(archive, &known, &context.config.newsletter, now);
    if let Some((post, held)) = shown {
        audience.when = when(post, (held, issue.as_ref()), &plan, (&context.config, now));
    }
    (schedule(&plan, archive, &context.config), audience)
}

/// What the ledger knows of posts.
#[derive(Default)]
struct Known {
    posts: Option<std::collections::HashSet<String>>,
    seen: std::collections::HashMap<String, DateTime<Utc>>,
}

async fn knowledge(session: &LedgerSession) -> Result<Known, RunError> {
    Ok(Known { posts: session.store.mailed_posts().await?, seen: session.store.waiting().await? })
}

async fn count(
    session: &LedgerSession,
    post: &Post,
    audience: &mut Audience,
) -> Result<Option<FrozenIssue>, RunError> {
    let store = &session.store;
    let mut by_status: Vec<_> = store.metrics().await?.subscribers.into_iter().collect();
    by_status.sort();
    audience.by_status = by_status
        .into_iter()
        .filter_map(|(status, number)| Some((SubscriptionStatus::from_code(&status)?.as_str(), number)))
        .collect();
    let segment = post.audience();
    let counted = store.audience(&post.id, segment.clone()).await?;
    audience.of_post = Some([counted.immediate, counted.weekly, counted.others]);
    audience.has_segment = !post.segment.is_everybody();
    let chosen = store.preference_counts().await?;
    audience.all_topics = chosen.all_topics;
    audience.topics = segment
        .topics
        .iter()
        .take(TOPICS)
        .map(|topic| {
            let number = chosen.topics.iter().find(|chosen| chosen.topic == topic.as_str());
            (topic.to_string(), number.map_or(0, |chosen| chosen.subscribers))
        })
        .collect();
    Ok(store.frozen(&post.id).await?)
}

fn schedule(plan: &Plan<'_>, archive: &crate::archive::Archive, config: &Config) -> Schedule {
    let delay = config.newsletter.delay.delta();
    let young = plan.waiting.iter().filter_map(|(post, why)| match why {
        NotDue::TooYoung(until) => Some((post.source.to_string(), *until)),
        _ => None,
    });
    let dated = archive.skipped.iter().filter_map(|left| match left.reason {
        SkipReason::Future(date) => Some((left.source.to_string(), date.to_utc() + delay)),
        _ => None,
    });
    let mut next: Vec<_> = young.chain(dated).collect();
    next.sort_by_key(|(_, at)| *at);
    Schedule { due: plan.due.iter().map(|post| post.source.to_string()).collect(), next }
}

/// When a post is mailed, as a sentence.
fn when(
    post: &Post,
    (held, issue): (Option<&SkipReason>, Option<&FrozenIssue>),
    plan: &Plan<'_>,
    (config, now): (&Config, DateTime<Utc>),
) -> String {
    let newsletter = &config.newsletter;
    let local = |at: DateTime<Utc>| {
        at.with_timezone(&config.site.timezone).format("%A, %-d %B %Y, %H:%M").to_string()
    };
    if !newsletter.enabled {
        return "Never: the newsletter is switched off.".to_owned();
    }
    let approval = if newsletter.approve { " and your approval" } else { "" };
    match held {
        Some(SkipReason::Future(date)) => {
            let at = date.to_utc() + newsletter.delay.delta();
            return format!("With the first run after {}{approval}.", local(at));
        }
        Some(why) => {
            let why = why.describe().unwrap_or_else(|| "cannot be read".to_owned());
            return format!("Not yet: it {why}.");
        }
        None => {}
    }
    if let Some(issue) = issue {
        return match issue.state {
            IssueState::Baseline => "Never: it is older than the ledger.".to_owned(),
            _ => "It was mailed already; a change here reaches nobody by email.".to_owned(),
        };
    }
    if let Some(at) = plan.due.iter().position(|due| due.id == post.id) {
        return match at {
            0 => format!("With the next run{approval}."),
            1 => format!("After one other post that is due, with a later run{approval}."),
            _ => format!("After {at} other posts that are due; each run mails one{approval}."),
        };
    }
    match plan.waiting.iter().find(|(waiting, _)| waiting.id == post.id) {
        Some((_, NotDue::TooYoung(until))) => {
            format!("With the first run after {}{approval}.", local(*until))
        }
        Some((_, NotDue::OptedOut)) => NOT_MAILED.to_owned(),
        Some((_, NotDue::TooOld)) => {
            "Not by itself: it is older than `newsletter.max_age`. `letterpress send --post` mails it."
                .to_owned()
        }
        None if !post.newsletter => NOT_MAILED.to_owned(),
        None => {
            let digest = next_moment(newsletter.digest, config.site.timezone, now);
            format!(
                "Never by itself: the first run records it as published before. The next digest is on {}.",
                local(digest)
            )
        }
    }
}
