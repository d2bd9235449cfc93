//! The topics that subscribers can choose from: the archive's categories, read again when a post has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::archive::folder;
use crate::config::Config;
use crate::subscribers::{Frequency, Preferences, Topics};
use crate::text::HeaderText;
use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::form::Form;

/// How long the list is used before the archive is checked for changes.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The most topics that are offered.
const MOST: usize = 50;

/// The cached list of topics.
#[derive(Default)]
pub(super) struct TopicList(Mutex<Option<CachedTopics>>);

/// Of the posts, and of the ledgers of ids and pages.
type Signature = [[u8; 32]; 2];

struct CachedTopics {
    at: Instant,
    signature: Option<Signature>,
    topics: Arc<Vec<HeaderText>>,
}

impl TopicList {
    /// The topics in alphabetical order. If the archive cannot be read, the cached list stays.
    pub(super) async fn current(&self, config: &Arc<Config>, now: DateTime<Utc>) -> Arc<Vec<HeaderText>> {
        let mut cached = self.0.lock().await;
        if let Some(cached) = &*cached
            && cached.at.elapsed() < FRESH_FOR
        {
            return Arc::clone(&cached.topics);
        }
        let (signature, topics) =
            cached.take().map_or_else(Default::default, |cached| (cached.signature, cached.topics));
        let config = Arc::clone(config);
        let refreshed = tokio::task::spawn_blocking(move || refresh(&config, signature, now)).await;
        let (signature, topics) = match refreshed {
            Ok(Some((signature, fresh))) => (Some(signature), Arc::new(fresh)),
            _ => (signature, topics),
        };
        *cached = Some(CachedTopics { at: Instant::now(), signature, topics: Arc::clone(&topics) });
        topics
    }
}

/// Reads the topics if the archive has changed since `before`.
fn refresh(
    config: &Config,
    before: Option<Signature>,
    now: DateTime<Utc>,
) -> Option<(Signature, Vec<HeaderText>)> {
    let signature = [folder::signature(config).ok()?, folder::registry_signature(config).ok()?];
    if before == Some(signature) {
        return None;
    }
    let archive = folder::read(config, now).ok()?.archive;
    let of_posts = archive.posts.iter().flat_map(|post| post.categories.iter().chain(&post.segment.topics));
    let mut topics: Vec<HeaderText> = of_posts.chain(config.newsletter.series_topics()).cloned().collect();
    topics.sort();
    topics.dedup();
    topics.truncate(MOST);
    Some((signature, topics))
}

/// The preferences in a form. Topics that are not `offered` are ignored.
pub(super) fn selected(form: &Form, offered: &[HeaderText]) -> Preferences {
    let frequency = form.field("cadence").and_then(Frequency::from_code).unwrap_or_default();
    let topics = match form.field("about") {
        Some("some") => {
            let ticked: Vec<&str> = form.all("topic").collect();
            Topics::only(offered.iter().filter(|topic| ticked.contains(&topic.as_str())).cloned())
        }
        _ => Topics::Everything,
    };
    Preferences { frequency, topics }
}

/// The current topics, and those that this subscriber chose earlier and that no longer exist.
pub(super) fn offered(current: &[HeaderText], preferences: &Preferences) -> Vec<HeaderText> {
    let mut all = current.to_vec();
    if let Topics::Only(topics) = &preferences.topics {
        all.extend(topics.iter().cloned());
    }
    all.sort();
    all.dedup();
    all
}

/// The preferences as template fields. With fewer than two topics there is nothing to choose.
pub(super) fn fields(offered: &[HeaderText], preferences: &Preferences) -> Value {
    let wanted =
        |topic: &HeaderText| matches!(&preferences.topics, Topics::Only(topics) if topics.contains(topic));
    let shown = if offered.len() > 1 || preferences.topics != Topics::Everything { offered } else { &[] };
    context! {
        weekly => preferences.frequency == Frequency::Weekly,
        everything => preferences.topics == Topics::Everything,
        topics => shown
            .iter()
            .map(|topic| context! { name => topic.as_str(), wanted => wanted(topic) })
            .collect::<Vec<_>>(),
    }
}
