//! Topics that subscribers chose and that no recent post has: most likely the category has another name now, and these
//! subscribers get nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::archive::{Archive, Post};
use crate::config::{Config, nearest};
use crate::finding::Finding;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::subscribers::{Preferences, Topics};
use crate::text::{HeaderText, shell_quoted};

/// A post is recent if it is not older than this, or among the newest.
const RECENT: TimeDelta = TimeDelta::days(365);
const NEWEST: usize = 20;

/// A warning for each topic of a subscriber that no recent post has.
pub async fn unused_topics(
    config: &Config,
    session: &LedgerSession,
    archive: &Archive,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, RunError> {
    let wanted = session.store.wanted_topics().await?;
    let categories = Categories::of(archive, config, now);
    let who = |number: u64| match number {
        1 => "1 subscriber wants".to_owned(),
        _ => format!("{number} subscribers want"),
    };
    let warning = |(topic, number): (&HeaderText, &u64)| categories.warning(topic, &who(*number), config);
    Ok(wanted.iter().filter_map(warning).collect())
}

/// The same for one subscriber, whose address is `who`.
pub fn unused_topics_of(
    who: &str,
    preferences: &Preferences,
    (config, archive, now): (&Config, &Archive, DateTime<Utc>),
) -> Vec<Finding> {
    let Topics::Only(topics) = &preferences.topics else { return Vec::new() };
    let categories = Categories::of(archive, config, now);
    let who = format!("{who} wants");
    topics.iter().filter_map(|topic| categories.warning(topic, &who, config)).collect()
}

/// The categories of an archive.
struct Categories<'a> {
    /// Those of recent posts; sorted, each once.
    recent: Vec<&'a str>,
    /// Of every category, its newest post.
    newest: BTreeMap<&'a str, &'a Post>,
}

impl<'a> Categories<'a> {
    fn of(archive: &'a Archive, config: &'a Config, now: DateTime<Utc>) -> Self {
        let mut recent: Vec<&str> = config.newsletter.series_topics().map(HeaderText::as_str).collect();
        let mut newest = BTreeMap::new();
        // The archive is newest first.
        for (n, post) in archive.posts.iter().enumerate() {
            let is_recent = n < NEWEST || now - post.published.to_utc() <= RECENT;
            for category in post.categories.iter().chain(&post.segment.topics).map(HeaderText::as_str) {
                newest.entry(category).or_insert(post);
                if is_recent {
                    recent.push(category);
                }
            }
        }
        recent.sort_unstable();
        recent.dedup();
        Self { recent, newest }
    }

    /// That no recent post has `topic`; `None` if one has. `who` is `12 subscribers want`.
    fn warning(&self, topic: &HeaderText, who: &str, config: &Config) -> Option<Finding> {
        if self.recent.contains(&topic.as_str()) {
            return None;
        }
        let (what, file) = match self.newest.get(topic.as_str()) {
            None => ("no post has".to_owned(), config.archive.posts.as_str()),
            Some(post) => {
                (format!("no post has had since {}", post.published.date_naive()), post.source.as_str())
            }
        };
        let new = nearest(topic.as_str(), self.recent.iter().copied()).map_or("NEW", |(_, name)| name);
        let (old, new) = (shell_quoted(topic.as_str()), shell_quoted(new));
        let hint = format!(
            "if the category has another name now: `letterpress subscribers rename-topic {old} {new}`"
        );
        Some(Finding::warning("topic", file, format!("{who} the topic \"{topic}\", which {what}")).hint(hint))
    }
}
