//! `WebSub` (W3C): tells hubs that a feed has changed, once its live address serves the new bytes.
//!
//! A hub fetches the feed when it is notified: one that is notified too early spreads the old feed, and no reader hears of
//! the new one. A [`Register`] records who was notified of what; the caller stores it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::net::http::{Download, Fetched, Validators};
use crate::text::hex;

/// How long a feed's address or a hub may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// A round begins nothing new after this long: sending the issue waits for it.
const ROUND: Duration = Duration::from_secs(60);
/// A feed that is larger is not read to its end, and so never found to be live.
const LARGEST: usize = 64 * 1024 * 1024;

/// A feed as it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    /// Where readers fetch it.
    pub url: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// For every feed: what its address served last, and what each hub was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotificationLog {
    feeds: BTreeMap<String, Feed>,
}

/// One feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Feed {
    /// What was built last.
    built: String,
    /// When that was.
    since: DateTime<Utc>,
    /// What the live address answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
    /// By hub: the bytes that it was told of last.
    #[serde(default)]
    told: BTreeMap<String, String>,
}

/// An answer, and the validators to ask whether it still holds (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl Seen {
    /// A tag says more than a date, so the date is sent only without one.
    fn validators(&self) -> Validators {
        let last_modified = self.modified.clone().filter(|_| self.etag.is_none());
        Validators { etag: self.etag.clone(), last_modified }
    }
}

impl NotificationLog {
    /// Reads [`Register::to_text`] back. An unreadable text starts an empty register, which costs hubs a notification
    /// too many.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As it is kept.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Takes in what was built, and forgets feeds that are not built any more.
    pub(crate) fn update(&mut self, built: &[Topic], now: DateTime<Utc>) {
        self.feeds.retain(|url, _| built.iter().any(|topic| topic.url == *url));
        for Topic { url, sha256 } in built {
            let fresh = || Feed { built: String::new(), since: now, seen: None, told: BTreeMap::new() };
            let feed = self.feeds.entry(url.clone()).or_insert_with(fresh);
            if feed.built != *sha256 {
                feed.built.clone_from(sha256);
                feed.since = now;
            }
        }
    }

    /// Feeds whose present form one of these hubs does not know, with those hubs.
    pub(crate) fn due(&self, hubs: &[Url]) -> Vec<(Topic, Vec<Url>)> {
        let unaware = |feed: &Feed| -> Vec<Url> {
            hubs.iter().filter(|hub| feed.told.get(hub.as_str()) != Some(&feed.built)).cloned().collect()
        };
        self.feeds
            .iter()
            .map(|(url, feed)| (Topic { url: url.clone(), sha256: feed.built.clone() }, unaware(feed)))
            .filter(|(_, hubs)| !hubs.is_empty())
            .collect()
    }

    /// What the live address of a feed answered last.
    fn seen(&self, topic: &Topic) -> Option<&Seen> {
        self.feeds.get(&topic.url)?.seen.as_ref()
    }

    fn record_seen(&mut self, topic: &Topic, seen: Seen) {
        if let Some(feed) = self.feeds.get_mut(&topic.url) {
            feed.seen = Some(seen);
        }
    }

    fn record_notified(&mut self, topic: &Topic, hub: &Url) {
        if let Some(feed) = self.feeds.get_mut(&topic.url) {
            feed.told.insert(hub.to_string(), topic.sha256.clone());
        }
    }

    /// The time of the oldest change that a hub does not know of.
    pub(crate) fn waiting_since(&self, hubs: &[Url]) -> Option<DateTime<Utc>> {
        let due = self.due(hubs);
        due.iter().filter_map(|(topic, _)| Some(self.feeds.get(&topic.url)?.since)).min()
    }
}

/// The result of a round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NotifyResult {
    /// How many notifications were accepted: one for each feed and hub.
    pub told: usize,
    /// Feeds whose live address still serves something else.
    pub not_live: Vec<String>,
    /// What went wrong.
    pub troubles: Vec<String>,
}

/// Asks live addresses and tells hubs.
pub(crate) struct HubClient {
    download: Download,
}

impl HubClient {
    pub(crate) fn new() -> Self {
        let mut download = Download::for_own_host(DEADLINE);
        download.max_bytes = LARGEST;
        Self { download }
    }

    /// Tells each hub of each feed that it has not heard of, if the feed is live. A hub that fails is left alone for
    /// the rest of the round; what it was not told stays due.
    pub(crate) async fn announce(&self, register: &mut NotificationLog, hubs: &[Url]) -> NotifyResult {
        let mut done = NotifyResult::default();
        let mut failing: Vec<Url> = Vec::new();
        let began = Instant::now();
        for (topic, hubs) in register.due(hubs) {
            if began.elapsed() > ROUND {
                done.troubles
                    .push("the remaining notifications wait for the next run: time limit reached".to_owned());
                break;
            }
            let hubs: Vec<Url> = hubs.into_iter().filter(|hub| !failing.contains(hub)).collect();
            if hubs.is_empty() {
                continue;
            }
            match self.fetch_topic(&topic.url, register.seen(&topic)).await {
                Ok(seen) => {
                    let live = seen.sha256 == topic.sha256;
                    register.record_seen(&topic, seen);
                    if !live {
                        done.not_live.push(topic.url);
                        continue;
                    }
                }
                Err(trouble) => {
                    done.troubles.push(format!("{}: {trouble}", topic.url));
                    continue;
                }
            }
            for hub in hubs {
                match self.notify_hub(&hub, &topic.url).await {
                    Ok(()) => {
                        register.record_notified(&topic, &hub);
                        done.told += 1;
                    }
                    Err(trouble) => {
                        done.troubles.push(format!("hub {hub}: {trouble}"));
                        failing.push(hub);
                    }
                }
            }
        }
        done
    }

    /// What an address serves now; the earlier answer, if the server says that it still holds.
    async fn fetch_topic(&self, url: &str, before: Option<&Seen>) -> Result<Seen, String> {
        let known = before.map(Seen::validators);
        let fetched = self.download.fetch(url, known.as_ref()).await.map_err(|error| error.without_url())?;
        match (fetched, before) {
            (Fetched::Document(body), _) => Ok(Seen {
                sha256: hex(digest(&SHA256, &body.bytes).as_ref()),
                etag: body.validators.etag,
                modified: body.validators.last_modified,
            }),
            (Fetched::NotModified, Some(before)) => Ok(before.clone()),
            (Fetched::NotModified, None) => Err("it replies 304 Not Modified".to_owned()),
        }
    }

    /// One notification to one hub. The specification leaves the form open; this is the one that hubs in use take.
    async fn notify_hub(&self, hub: &Url, topic: &str) -> Result<(), String> {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", "publish")
            .append_pair("hub.url", topic)
            .append_pair("hub.topic", topic)
            .finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        self.download.post(hub.as_str(), &headers, form).await.map_err(|error| error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(url: &str, sha256: &str) -> Topic {
        Topic { url: url.to_owned(), sha256: sha256.to_owned() }
    }

    fn hub(name: &str) -> Url {
        Url::parse(&format!("https://{name}.example/")).unwrap()
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
    }

    #[test]
    fn a_change_is_due_at_each_hub_until_that_hub_was_told_of_it() {
        let (one, two) = (hub("one"), hub("two"));
        let hubs = [one.clone(), two.clone()];
        let (rss, atom) = (topic("https://a.example/rss.xml", "1"), topic("https://a.example/atom.xml", "1"));
        let mut register = NotificationLog::default();
        register.update(&[rss.clone(), atom.clone()], at(0));
        assert_eq!(register.due(&hubs).len(), 2);
        register.record_notified(&rss, &one);
        register.record_notified(&atom, &one);
        register.record_notified(&atom, &two);
        assert_eq!(register.due(&hubs), [(rss.clone(), vec![two.clone()])]);
        register.record_notified(&rss, &two);
        assert!(register.due(&hubs).is_empty());
        // The same bytes again are no change; other bytes are one, of this feed alone.
        register.update(&[rss.clone(), atom.clone()], at(1));
        assert!(register.due(&hubs).is_empty() && register.waiting_since(&hubs).is_none());
        let changed = topic("https://a.example/rss.xml", "2");
        register.update(&[changed.clone(), atom], at(2));
        assert_eq!(register.due(&hubs), [(changed, vec![one, two])]);
        assert_eq!(register.waiting_since(&hubs), Some(at(2)));
    }

    #[test]
    fn a_feed_that_is_not_made_any_more_is_forgotten_and_a_broken_register_begins_anew() {
        let mut register = NotificationLog::default();
        register.update(&[topic("https://a.example/rss.xml", "1")], at(0));
        assert_eq!(NotificationLog::parse(&register.to_text()), register);
        register.update(&[], at(1));
        assert_eq!(register, NotificationLog::default());
        assert_eq!(NotificationLog::parse("{\"feeds\": 7}"), NotificationLog::default());
    }
}
