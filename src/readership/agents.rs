//! Which program a User-Agent names, by `agents.toml`, and how many subscribers it says it fetches for.
//!
//! Anyone can send any User-Agent: the numbers are what programs say, and nothing else depends on them.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use crate::text::floor_char_boundary;

/// The name of all programs that the file does not know.
pub(super) const OTHER: &str = "others";

/// A larger number is no number of subscribers.
const MAX_SUBSCRIBERS: u64 = 10_000_000;

/// How much of a User-Agent is read, in bytes.
const MAX_AGENT: usize = 1_000;

/// The longest number of a feed.
const MAX_FEED_ID: usize = 64;

/// An entry of the file.
#[derive(Debug, Deserialize)]
struct Agent {
    name: String,
    patterns: Vec<String>,
    #[serde(default)]
    subscribers: bool,
    feed_id: Option<String>,
    #[serde(default = "yes")]
    is_reader: bool,
    #[cfg(test)]
    source: String,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
struct File {
    agent: Vec<Agent>,
}

/// The entries, and a search for all their patterns at once.
struct Agents {
    list: Vec<Agent>,
    /// The entry of each pattern. Patterns are in the order of the entries.
    entries: Vec<usize>,
    search: Option<AhoCorasick>,
}

static AGENTS: LazyLock<Agents> = LazyLock::new(|| {
    // A test reads the file; without it, all programs would be others.
    let file: File = toml::from_str(include_str!("agents.toml")).unwrap_or(File { agent: Vec::new() });
    let agents = file.agent;
    let patterns =
        || agents.iter().enumerate().flat_map(|(at, agent)| agent.patterns.iter().map(move |p| (at, p)));
    let entries = patterns().map(|(at, _)| at).collect();
    let search = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(patterns().map(|(_, pattern)| pattern))
        .ok();
    Agents { list: agents, entries, search }
});

/// Who made a request, as far as the User-Agent tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fetcher<'a> {
    /// A program that fetches for one reader.
    Reader(&'static str),
    /// A service that fetches for all its subscribers of a feed.
    Service {
        /// Its name.
        name: &'static str,
        /// Its own number of the feed; empty if it has none.
        feed_id: &'a str,
        /// How many subscribers it states.
        subscribers: Option<u64>,
    },
    /// No feed reader.
    Robot,
}

impl Fetcher<'_> {
    /// The name of a feed reader.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Reader(name) | Self::Service { name, .. } => Some(name),
            Self::Robot => None,
        }
    }
}

/// Reads a User-Agent.
pub(super) fn recognise(agent: &str) -> Fetcher<'_> {
    let agent = agent.get(..floor_char_boundary(agent, MAX_AGENT)).unwrap_or_default();
    let Agents { list, entries, search } = &*AGENTS;
    let found = search.iter().flat_map(|search| search.find_overlapping_iter(agent));
    let first = found.map(|found| found.pattern().as_usize()).min();
    let Some(known) = first.and_then(|pattern| list.get(*entries.get(pattern)?)) else {
        return Fetcher::Reader(OTHER);
    };
    if !known.is_reader {
        return Fetcher::Robot;
    }
    if !known.subscribers {
        return Fetcher::Reader(&known.name);
    }
    let feed_id = known.feed_id.as_ref().and_then(|before| feed_id(agent, before)).unwrap_or_default();
    Fetcher::Service { name: &known.name, feed_id, subscribers: subscribers(agent) }
}

/// The number before the word "subscribers", or "subscriber", or "readers".
fn subscribers(agent: &str) -> Option<u64> {
    let words = [" subscriber", " reader"];
    words.into_iter().find_map(|word| {
        let (before, _) = agent.split_once(word)?;
        let start = before.rfind(|c: char| !c.is_ascii_digit() && c != ',').map_or(0, |at| at + 1);
        let digits = before.get(start..)?.replace(',', "");
        digits.parse().ok().filter(|number| *number <= MAX_SUBSCRIBERS)
    })
}

fn feed_id<'a>(agent: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = agent.split_once(before)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    rest.get(..end.min(MAX_FEED_ID))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_file_is_complete_and_each_pattern_finds_its_own_entry() {
        let file: File = toml::from_str(include_str!("agents.toml")).unwrap();
        let names: BTreeSet<&str> = file.agent.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names.len(), file.agent.len(), "a name twice");
        for agent in &file.agent {
            assert!(agent.source.starts_with("http"), "{}", agent.name);
            for pattern in &agent.patterns {
                let name = recognise(pattern).name();
                assert_eq!(name, agent.is_reader.then_some(agent.name.as_str()), "{pattern}");
            }
        }
    }

    #[test]
    fn services_state_their_subscribers() {
        for (agent, name, feed_id, subscribers) in [
            (
                "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 457 subscribers; like FeedFetcher-Google)",
                "Feedly",
                "",
                457,
            ),
            ("Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 26 subscribers; )", "Inoreader", "", 26),
            ("Mozilla/5.0 (compatible; inoreader.com; 7 subscribers)", "Inoreader", "", 7),
            (
                "NewsBlur Feed Fetcher - 1 subscriber - https://www.newsblur.com/site/1234/notes (Mozilla/5.0)",
                "NewsBlur",
                "1234",
                1,
            ),
            ("Feedbin feed-id:1373711 - 142 subscribers", "Feedbin", "1373711", 142),
            (
                "Mozilla/5.0 (compatible; theoldreader.com; 2 subscribers; feed-id=0719795c4d27)",
                "The Old Reader",
                "0719795c4d27",
                2,
            ),
            ("Bloglovin/1.0 (http://www.bloglovin.com; 10 subscribers)", "Bloglovin", "", 10),
            (
                "Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 1,204 readers)",
                "BazQux",
                "",
                1204,
            ),
            (
                "Overcast/1.0 Podcast Sync (123 subscribers; feed-id=456789; +http://overcast.fm/)",
                "Overcast",
                "456789",
                123,
            ),
        ] {
            let subscribers = Some(subscribers);
            assert_eq!(recognise(agent), Fetcher::Service { name, feed_id, subscribers }, "{agent}");
        }
    }

    #[test]
    fn other_programs_count_as_one_and_robots_are_left_out() {
        for (agent, name) in [
            ("Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)", Some("Miniflux")),
            ("FreshRSS/1.24.3 (Linux; https://freshrss.org)", Some("FreshRSS")),
            ("Mozilla/5.0 (feeder.co; Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36", Some("Feeder")),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.6.1",
                Some("Thunderbird"),
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Some("browsers")),
            ("somebody's script - 9 subscribers", Some(OTHER)),
            ("", Some(OTHER)),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None),
            ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", None),
        ] {
            assert_eq!(recognise(agent).name(), name, "{agent}");
        }
    }

    #[test]
    fn a_service_without_a_credible_number_states_none() {
        for agent in
            ["Feedly/1.0", "Feedly/1.0 (99999999999999999999 subscribers)", "Feedly/1.0 (many subscribers)"]
        {
            assert!(matches!(recognise(agent), Fetcher::Service { subscribers: None, .. }), "{agent}");
        }
    }

    proptest! {
        #[test]
        fn any_agent_is_read_without_a_panic(agent in ".{0,40}", name in "(Feedbin|NewsBlur|Overcast/1.0 Podcast Sync)") {
            let _ = recognise(&agent);
            let _ = recognise(&format!("{name}{agent} feed-id:{agent}/site/{agent} subscribers"));
        }
    }
}
