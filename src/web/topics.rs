//! The categories that readers can choose from: those of the archive, read again when a post has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::archive::folder;
use crate::config::Config;
use crate::subscribers::{Cadence, Topics, Wishes};
use crate::text::HeaderText;
use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::form::Form;

/// The archive's folder is looked at this often at most.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// So many categories are offered; a reader ticks no more boxes.
const MOST: usize = 50;

/// The categories as they were when they were last looked at.
#[derive(Default)]
pub(super) struct TopicList(Mutex<Option<Seen>>);

struct Seen {
    at: Instant,
    signature: Option<[u8; 32]>,
    topics: Arc<Vec<HeaderText>>,
}

impl TopicList {
    /// The categories, in the order of the alphabet. An archive that cannot be read keeps what it had.
    pub(super) async fn current(&self, config: &Arc<Config>, now: DateTime<Utc>) -> Arc<Vec<HeaderText>> {
        let mut seen = self.0.lock().await;
        if let Some(seen) = &*seen
            && seen.at.elapsed() < FRESH_FOR
        {
            return Arc::clone(&seen.topics);
        }
        let (signature, topics) =
            seen.take().map_or_else(Default::default, |seen| (seen.signature, seen.topics));
        let config = Arc::clone(config);
        let looked = tokio::task::spawn_blocking(move || look(&config, signature, now)).await;
        let (signature, topics) = match looked {
            Ok(Some((signature, fresh))) => (Some(signature), Arc::new(fresh)),
            _ => (signature, topics),
        };
        *seen = Some(Seen { at: Instant::now(), signature, topics: Arc::clone(&topics) });
        topics
    }
}

/// The categories, if the archive is not the one of `before`.
fn look(
    config: &Config,
    before: Option<[u8; 32]>,
    now: DateTime<Utc>,
) -> Option<([u8; 32], Vec<HeaderText>)> {
    let signature = folder::signature(config).ok()?;
    if before == Some(signature) {
        return None;
    }
    let archive = folder::read(config, now).ok()?.archive;
    let mut topics: Vec<HeaderText> =
        archive.posts.iter().flat_map(|post| post.categories.iter().cloned()).collect();
    topics.sort();
    topics.dedup();
    topics.truncate(MOST);
    Some((signature, topics))
}

/// What a form chose among `offered`; what is not offered is left out.
pub(super) fn chosen(form: &Form, offered: &[HeaderText]) -> Wishes {
    let cadence = form.field("cadence").and_then(Cadence::from_word).unwrap_or_default();
    let topics = match form.field("about") {
        Some("some") => {
            let ticked: Vec<&str> = form.all("topic").collect();
            Topics::only(offered.iter().filter(|topic| ticked.contains(&topic.as_str())).cloned())
        }
        _ => Topics::Everything,
    };
    Wishes { cadence, topics }
}

/// What can be offered to somebody who has these wishes: what there is, and what they chose when there was more.
pub(super) fn offered(current: &[HeaderText], wishes: &Wishes) -> Vec<HeaderText> {
    let mut all = current.to_vec();
    if let Topics::Only(topics) = &wishes.topics {
        all.extend(topics.iter().cloned());
    }
    all.sort();
    all.dedup();
    all
}

/// The choice as the pages show it. With one category or none there is nothing to choose.
pub(super) fn fields(offered: &[HeaderText], wishes: &Wishes) -> Value {
    let wanted =
        |topic: &HeaderText| matches!(&wishes.topics, Topics::Only(topics) if topics.contains(topic));
    let shown = if offered.len() > 1 || wishes.topics != Topics::Everything { offered } else { &[] };
    context! {
        weekly => wishes.cadence == Cadence::Weekly,
        everything => wishes.topics == Topics::Everything,
        topics => shown
            .iter()
            .map(|topic| context! { name => topic.as_str(), wanted => wanted(topic) })
            .collect::<Vec<_>>(),
    }
}
