//! Counts the readers of each feed and day.
//!
//! A service that fetches for its subscribers counts with the newest number that it stated on the day, for each of its own
//! feed numbers; any other program counts once for each address and User-Agent. Clients of a day are a set of keyed
//! hashes. All sets together have a limit, so the memory does not grow with the log: at the limit the earliest day is
//! finished. Should it appear again later, the larger count stands, and the report says so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lc_rs::hmac;
use camino::Utf8PathBuf;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use url::Url;

use super::DailyReaders;
use super::agents::{Fetcher, recognise};
use super::log_line::{LogLine, LogParser, Request, address};
use super::problems::{FeedProblem, Problems, looks_like_feed};
use crate::config::SiteUrl;

/// The most clients of all open days; about 40 MB.
const MAX_CLIENTS: usize = 500_000;

/// Requests before this many days are in a log by mistake.
const MAX_AGE: Days = Days::new(3_660);

/// The addresses of the site's feeds.
#[derive(Debug)]
pub struct FeedAddresses {
    host: String,
    /// The feeds, as paths below the site.
    feeds: Vec<String>,
    /// Which feed is at a decoded path of the web server.
    by_path: HashMap<String, usize>,
}

impl FeedAddresses {
    /// The feeds at `paths` below the site.
    pub fn new(site: &SiteUrl, paths: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        let feeds: Vec<String> = paths.into_iter().map(Utf8PathBuf::into_string).collect();
        let path = |feed: &String| {
            let url = Url::parse(&site.join(feed)).ok()?;
            Some(address(url.path()).1.into_owned())
        };
        let mut by_path = HashMap::new();
        for (at, path) in feeds.iter().enumerate().filter_map(|(at, feed)| Some((at, path(feed)?))) {
            // `/feed/` is answered with `/feed/index.xml`, and `/` with another file.
            if let Some(folder) = path.strip_suffix("index.xml").filter(|folder| looks_like_feed(folder)) {
                by_path.insert(folder.to_owned(), at);
            }
            by_path.insert(path, at);
        }
        let host = bare_host(site.as_url().host_str().unwrap_or_default());
        Self { host, feeds, by_path }
    }

    fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }
}

/// A host without its port and `www.`, in lower case.
fn bare_host(host: &str) -> String {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    host.to_ascii_lowercase().trim_start_matches("www.").to_owned()
}

/// A client of a feed on a day.
#[derive(Debug)]
struct Client {
    feed: usize,
    name: &'static str,
    readers: u64,
    /// When the number was stated; for others, nothing.
    stated_at: Option<DateTime<Utc>>,
    /// How often it got the whole feed.
    full: u32,
    /// It asked whether the feed has changed.
    is_conditional: bool,
}

/// What the logs contained, besides the readers.
#[derive(Debug, Default, Serialize)]
pub struct LogReport {
    /// All lines.
    pub lines: u64,
    /// Lines that are no requests in a format that is understood.
    pub unknown_lines: u64,
    /// Successful requests of readers for feeds.
    pub requests: u64,
    /// Of these, requests that were answered with "not modified".
    pub not_modified: u64,
    /// Requests for feeds by search engines and other robots, which are left out.
    pub robots: u64,
    /// Requests for feeds of another host in the same log.
    pub other_hosts: u64,
    /// Requests of clients that were not counted, because a day had too many.
    pub uncounted: u64,
    /// Days that were counted in parts, because they came back after other days; their counts may be too low.
    pub split_days: BTreeSet<NaiveDate>,
    /// What readers met.
    pub problems: Vec<FeedProblem>,
}

/// Counts while it is given lines.
pub struct ReaderCounter<'f> {
    feeds: &'f FeedAddresses,
    zone: Tz,
    today: NaiveDate,
    key: hmac::Key,
    max_clients: usize,
    open: BTreeMap<NaiveDate, HashMap<u64, Client>>,
    /// The clients of all open days.
    clients: usize,
    finished: BTreeSet<NaiveDate>,
    counted: BTreeMap<(usize, NaiveDate, &'static str), u64>,
    problems: Problems,
    report: LogReport,
}

impl<'f> ReaderCounter<'f> {
    /// A counter of days in `zone`. `key` must be random, and is not kept.
    pub fn new(feeds: &'f FeedAddresses, zone: Tz, now: DateTime<Utc>, key: [u8; 16]) -> Self {
        Self {
            feeds,
            zone,
            today: now.with_timezone(&zone).date_naive(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            max_clients: MAX_CLIENTS,
            open: BTreeMap::new(),
            clients: 0,
            finished: BTreeSet::new(),
            counted: BTreeMap::new(),
            problems: Problems::default(),
            report: LogReport::default(),
        }
    }

    /// Takes a line of a log, without its end.
    pub fn line(&mut self, parser: &mut LogParser, line: &str) {
        self.report.lines += 1;
        match parser.line(line) {
            LogLine::Request(request) => self.request(&request),
            LogLine::Unknown => self.report.unknown_lines += 1,
            LogLine::Empty => {}
        }
    }

    /// Counts a line that is too long to be read.
    pub fn skip_line(&mut self) {
        self.report.lines += 1;
        self.report.unknown_lines += 1;
    }

    /// The counts, and what else was in the logs.
    pub fn finish(mut self) -> (Vec<DailyReaders>, LogReport) {
        while let Some((day, clients)) = self.open.pop_first() {
            self.count(day, clients);
        }
        let feed = |at: usize| self.feeds.feeds.get(at).cloned().unwrap_or_default();
        let counted = self.counted.iter().map(|((at, day, agent), readers)| DailyReaders {
            feed: feed(*at),
            day: *day,
            agent: (*agent).to_owned(),
            readers: *readers,
        });
        let counted = counted.collect();
        let answers_304 = self.report.not_modified > 0;
        (counted, LogReport { problems: self.problems.into_worst(answers_304), ..self.report })
    }

    fn request(&mut self, request: &Request<'_>) {
        if request.method != "GET" {
            return;
        }
        let (host, path) = address(&request.target);
        let feed = self.feeds.find(&path);
        if feed.is_none() && !looks_like_feed(&path) {
            return;
        }
        let host = host.or(request.host.as_deref());
        if host.is_some_and(|host| bare_host(host) != self.feeds.host) {
            self.report.other_hosts += 1;
            return;
        }
        let fetcher = recognise(&request.agent);
        let Some(name) = fetcher.name() else {
            self.report.robots += 1;
            return;
        };
        match (feed, request.status) {
            (Some(feed), 200 | 206 | 304) => self.fetch(feed, request, (&fetcher, name)),
            (_, status) => self.problems.refused(&path, status, feed.is_some(), name),
        }
    }

    fn fetch(&mut self, feed: usize, request: &Request<'_>, (fetcher, name): (&Fetcher<'_>, &'static str)) {
        let moment = request.moment();
        let day = moment.map(|moment| moment.with_timezone(&self.zone).date_naive());
        // The clocks of two machines differ a little.
        let days = self.today - MAX_AGE..=self.today + Days::new(1);
        let (Some(moment), Some(day)) = (moment, day.filter(|day| days.contains(day))) else {
            self.report.unknown_lines += 1;
            return;
        };
        self.report.requests += 1;
        let key = self.client_key(feed, request, fetcher);
        let is_known = self.open.get(&day).is_some_and(|clients| clients.contains_key(&key));
        if !is_known && !self.make_room(day) {
            self.report.uncounted += 1;
            return;
        }
        let new = || Client { feed, name, readers: 1, stated_at: None, full: 0, is_conditional: false };
        let client = self.open.entry(day).or_default().entry(key).or_insert_with(new);
        if let Fetcher::Service { subscribers: Some(subscribers), .. } = fetcher
            && client.stated_at.is_none_or(|stated_at| stated_at <= moment)
        {
            (client.readers, client.stated_at) = (*subscribers, Some(moment));
        }
        if request.status == 304 {
            client.is_conditional = true;
            self.report.not_modified += 1;
        } else if !client.is_conditional {
            client.full += 1;
            self.problems.whole(client.full, request, name);
        }
    }

    /// What distinguishes the clients of a day. A service may fetch from several addresses.
    fn client_key(&self, feed: usize, request: &Request<'_>, fetcher: &Fetcher<'_>) -> u64 {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&feed.to_le_bytes());
        let (first, second) = match fetcher {
            Fetcher::Service { name, feed_id, .. } => (*name, *feed_id),
            _ => (&*request.client, &*request.agent),
        };
        context.update(first.as_bytes());
        context.update(&[0]);
        context.update(second.as_bytes());
        let tag = context.sign();
        tag.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
    }

    /// Makes room for one more client; `false` if this day alone fills it.
    fn make_room(&mut self, day: NaiveDate) -> bool {
        if self.clients >= self.max_clients {
            let Some(earliest) = self.open.keys().copied().find(|open| *open != day) else { return false };
            if let Some(clients) = self.open.remove(&earliest) {
                self.count(earliest, clients);
            }
        }
        if self.finished.contains(&day) {
            self.report.split_days.insert(day);
        }
        self.clients += 1;
        true
    }

    /// Finishes a day.
    fn count(&mut self, day: NaiveDate, clients: HashMap<u64, Client>) {
        self.clients -= clients.len();
        self.finished.insert(day);
        let mut readers: BTreeMap<(usize, &'static str), u64> = BTreeMap::new();
        for client in clients.into_values() {
            *readers.entry((client.feed, client.name)).or_default() += client.readers;
        }
        for ((feed, name), readers) in readers {
            let counted = self.counted.entry((feed, day, name)).or_default();
            *counted = readers.max(*counted);
        }
    }
}

#[cfg(test)]
mod tests;
