//! `WebSub` (W3C): notifies hubs that a feed has changed, once its live URL serves the new bytes.
//!
//! A hub fetches the feed when it is notified. A hub that is notified too early distributes the old feed, and its
//! subscribers miss the new one. A [`NotificationLog`] records the notifications; the caller stores it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::PrivateUrl;
use crate::net::http::{Download, Fetched, Validators};
use crate::text::hex;

/// The timeout for a feed's URL or a hub.
const DEADLINE: Duration = Duration::from_secs(10);
/// After this time a round starts no further requests, because sending the issue waits for it.
const ROUND: Duration = Duration::from_secs(60);
/// A larger feed is not read completely, so it never counts as live.
const LARGEST: usize = 64 * 1024 * 1024;

/// A built feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    /// Its public URL.
    pub url: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// For each feed, what its URL served last and which version each hub was notified of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotificationLog {
    feeds: BTreeMap<String, Feed>,
}

/// One feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Feed {
    /// The hash of the last build.
    built: String,
    /// When this version was first built.
    since: DateTime<Utc>,
    /// What the live URL served last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
    /// For each hub, the hash of the version that it was last notified of.
    #[serde(default)]
    told: BTreeMap<String, String>,
}

/// A response, and the validators to check whether it is still current (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl Seen {
    /// An `ETag` is more precise than a date, so the date is sent only without one.
    fn validators(&self) -> Validators {
        let last_modified = self.modified.clone().filter(|_| self.etag.is_none());
        Validators { etag: self.etag.clone(), last_modified }
    }
}

impl NotificationLog {
    /// Parses the output of [`NotificationLog::to_text`]. An unreadable text gives an empty log, which only causes
    /// redundant notifications.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The stored form.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Records what was built, and removes feeds that are no longer built.
    pub(crate) fn update(&mut self, built: &[Topic], now: DateTime<Utc>) {
        self.feeds.retain(|url, _| built.iter().any(|topic| topic.url == *url));
        for Topic { url, sha256 } in built {
            let new_feed = || Feed { built: String::new(), since: now, seen: None, told: BTreeMap::new() };
            let feed = self.feeds.entry(url.clone()).or_insert_with(new_feed);
            if feed.built != *sha256 {
                feed.built.clone_from(sha256);
                feed.since = now;
            }
        }
    }

    /// Feeds whose current version is unknown to some of these hubs, with those hubs.
    pub(crate) fn due(&self, hubs: &[PrivateUrl]) -> Vec<(Topic, Vec<PrivateUrl>)> {
        let unaware = |feed: &Feed| -> Vec<PrivateUrl> {
            hubs.iter().filter(|hub| feed.told.get(&hub.to_string()) != Some(&feed.built)).cloned().collect()
        };
        self.feeds
            .iter()
            .map(|(url, feed)| (Topic { url: url.clone(), sha256: feed.built.clone() }, unaware(feed)))
            .filter(|(_, hubs)| !hubs.is_empty())
            .collect()
    }

    /// What the live URL of a feed served last.
    fn seen(&self, topic: &Topic) -> Option<&Seen> {
        self.feeds.get(&topic.url)?.seen.as_ref()
    }

    fn record_seen(&mut self, topic: &Topic, seen: Seen) {
        if let Some(feed) = self.feeds.get_mut(&topic.url) {
            feed.seen = Some(seen);
        }
    }

    fn record_notified(&mut self, topic: &Topic, hub: &PrivateUrl) {
        if let Some(feed) = self.feeds.get_mut(&topic.url) {
            feed.told.insert(hub.to_string(), topic.sha256.clone());
        }
    }

    /// The time of the oldest change that some hub was not notified of.
    pub(crate) fn waiting_since(&self, hubs: &[PrivateUrl]) -> Option<DateTime<Utc>> {
        let due = self.due(hubs);
        due.iter().filter_map(|(topic, _)| Some(self.feeds.get(&topic.url)?.since)).min()
    }
}

/// The result of a round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NotifyResult {
    /// How many notifications were accepted: one for each feed and hub.
    pub notified: usize,
    /// Feeds whose live URL still serves another version.
    pub not_live: Vec<String>,
    /// The errors.
    pub problems: Vec<String>,
}

/// Checks live URLs and notifies hubs.
pub(crate) struct HubClient {
    download: Download,
}

impl HubClient {
    pub(crate) fn new() -> Self {
        let mut download = Download::for_own_host(DEADLINE);
        download.max_bytes = LARGEST;
        Self { download }
    }

    /// Notifies each hub of each feed that it does not know yet, if the feed is live. A hub that fails is skipped for
    /// the rest of the round; its notifications stay due.
    pub(crate) async fn announce(&self, log: &mut NotificationLog, hubs: &[PrivateUrl]) -> NotifyResult {
        let mut result = NotifyResult::default();
        let mut failing: Vec<PrivateUrl> = Vec::new();
        let start = Instant::now();
        for (topic, hubs) in log.due(hubs) {
            if start.elapsed() > ROUND {
                result
                    .problems
                    .push("the remaining notifications wait for the next run: time limit reached".to_owned());
                break;
            }
            let hubs: Vec<PrivateUrl> = hubs.into_iter().filter(|hub| !failing.contains(hub)).collect();
            if hubs.is_empty() {
                continue;
            }
            match self.fetch_topic(&topic.url, log.seen(&topic)).await {
                Ok(seen) => {
                    let live = seen.sha256 == topic.sha256;
                    log.record_seen(&topic, seen);
                    if !live {
                        result.not_live.push(topic.url);
                        continue;
                    }
                }
                Err(error) => {
                    result.problems.push(format!("{}: {error}", topic.url));
                    continue;
                }
            }
            for hub in hubs {
                match self.notify_hub(&hub, &topic.url).await {
                    Ok(()) => {
                        log.record_notified(&topic, &hub);
                        result.notified += 1;
                    }
                    Err(error) => {
                        result.problems.push(format!("hub {hub}: {error}"));
                        failing.push(hub);
                    }
                }
            }
        }
        result
    }

    /// What a URL serves now, or the earlier response if the server confirms that it is current.
    async fn fetch_topic(&self, url: &str, earlier: Option<&Seen>) -> Result<Seen, String> {
        let known = earlier.map(Seen::validators);
        let fetched = self.download.fetch(url, known.as_ref()).await.map_err(|error| error.without_url())?;
        match (fetched, earlier) {
            (Fetched::Document(body), _) => Ok(Seen {
                sha256: hex(digest(&SHA256, &body.bytes).as_ref()),
                etag: body.validators.etag,
                modified: body.validators.last_modified,
            }),
            (Fetched::NotModified { .. }, Some(earlier)) => Ok(earlier.clone()),
            (Fetched::NotModified { .. }, None) => Err("it replies 304 Not Modified".to_owned()),
        }
    }

    /// Sends one notification to one hub. The specification leaves the form open; existing hubs accept this one.
    async fn notify_hub(&self, hub: &PrivateUrl, topic: &str) -> Result<(), String> {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", "publish")
            .append_pair("hub.url", topic)
            .append_pair("hub.topic", topic)
            .finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        self.download.post(hub.expose(), &headers, form).await.map_err(|error| error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(url: &str, sha256: &str) -> Topic {
        Topic { url: url.to_owned(), sha256: sha256.to_owned() }
    }

    fn hub(name: &str) -> PrivateUrl {
        url::Url::parse(&format!("https://{name}.example/")).unwrap().into()
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
    }

    #[test]
    fn a_change_is_due_for_each_hub_until_that_hub_was_notified() {
        let (one, two) = (hub("one"), hub("two"));
        let hubs = [one.clone(), two.clone()];
        let (rss, atom) = (topic("https://a.example/rss.xml", "1"), topic("https://a.example/atom.xml", "1"));
        let mut log = NotificationLog::default();
        log.update(&[rss.clone(), atom.clone()], at(0));
        assert_eq!(log.due(&hubs).len(), 2);
        log.record_notified(&rss, &one);
        log.record_notified(&atom, &one);
        log.record_notified(&atom, &two);
        assert_eq!(log.due(&hubs), [(rss.clone(), vec![two.clone()])]);
        log.record_notified(&rss, &two);
        assert!(log.due(&hubs).is_empty());
        // The same bytes are not a change; other bytes are one, for this feed only.
        log.update(&[rss.clone(), atom.clone()], at(1));
        assert!(log.due(&hubs).is_empty() && log.waiting_since(&hubs).is_none());
        let changed = topic("https://a.example/rss.xml", "2");
        log.update(&[changed.clone(), atom], at(2));
        assert_eq!(log.due(&hubs), [(changed, vec![one, two])]);
        assert_eq!(log.waiting_since(&hubs), Some(at(2)));
    }

    #[test]
    fn a_feed_that_is_no_longer_built_is_removed_and_an_unreadable_log_starts_empty() {
        let mut log = NotificationLog::default();
        log.update(&[topic("https://a.example/rss.xml", "1")], at(0));
        assert_eq!(NotificationLog::parse(&log.to_text()), log);
        log.update(&[], at(1));
        assert_eq!(log, NotificationLog::default());
        assert_eq!(NotificationLog::parse("{\"feeds\": 7}"), NotificationLog::default());
    }
}
