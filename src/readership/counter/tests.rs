//! Lines of a day in several formats, and the counts of random logs against a plain set.

use proptest::prelude::*;

use super::*;
use crate::readership::problems::ProblemKind;

const FEEDLY: &str =
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; like FeedFetcher-Google)";

fn addresses() -> FeedAddresses {
    let site = SiteUrl::parse("https://www.example.com/notes").unwrap();
    FeedAddresses::new(
        &site,
        ["rss.xml", "categories/기술/atom.xml", "feed/index.xml", "index.xml"].map(Utf8PathBuf::from),
    )
}

fn counter(feeds: &FeedAddresses) -> ReaderCounter<'_> {
    ReaderCounter::new(feeds, chrono_tz::Asia::Seoul, "2026-11-23T12:00:00Z".parse().unwrap(), [7; 16])
}

fn line(time: &str, client: &str, path: &str, status: u16, agent: &str) -> String {
    format!("{client} - - [{time} +0000] \"GET {path} HTTP/1.1\" {status} 1000 \"-\" \"{agent}\"")
}

fn count(lines: &[String]) -> (Vec<(String, String, &'static str, u64)>, LogReport) {
    let (feeds, mut parser) = (addresses(), LogParser::default());
    let mut counter = counter(&feeds);
    for line in lines {
        counter.line(&mut parser, line);
    }
    let (counted, report) = counter.finish();
    let named = |readers: DailyReaders| {
        let agent = Box::leak(readers.agent.into_boxed_str());
        (readers.feed, readers.day.to_string(), &*agent, readers.readers)
    };
    (counted.into_iter().map(named).collect(), report)
}

const NOON: &str = "22/Nov/2026:03:00:00";

#[test]
fn a_service_counts_with_its_newest_number_for_each_of_its_feeds() {
    let feedbin = |id: u32, number: u32| format!("Feedbin feed-id:{id} - {number} subscribers");
    let lines = [
        line(NOON, "192.0.2.1", "/notes/rss.xml", 200, &FEEDLY.replace("{}", "10")),
        line("22/Nov/2026:05:00:00", "192.0.2.2", "/notes/rss.xml", 304, &FEEDLY.replace("{}", "9")),
        line("22/Nov/2026:04:00:00", "192.0.2.3", "/notes/rss.xml", 304, &FEEDLY.replace("{}", "11")),
        line(NOON, "192.0.2.4", "/notes/rss.xml", 200, &feedbin(1, 3)),
        line(NOON, "192.0.2.4", "/notes/rss.xml", 200, &feedbin(2, 4)),
        line(NOON, "192.0.2.4", "/notes/rss.xml", 304, &feedbin(1, 5)),
    ];
    let day = "2026-11-22".to_owned();
    let feed = || "rss.xml".to_owned();
    assert_eq!(count(&lines).0, [(feed(), day.clone(), "Feedbin", 9), (feed(), day, "Feedly", 9)]);
}

#[test]
fn another_program_counts_once_for_each_address_agent_and_day_in_the_zone_of_the_site() {
    let lines = [
        line(NOON, "192.0.2.1", "/notes/rss.xml", 200, "FreshRSS/1.24"),
        line(NOON, "192.0.2.1", "/notes/rss.xml?utm=1", 304, "FreshRSS/1.24"),
        line(NOON, "192.0.2.1", "/notes/rss.xml", 304, "FreshRSS/1.25"),
        line(NOON, "2001:db8::1", "https://example.com/notes/rss.xml", 304, "FreshRSS/1.24"),
        line("22/Nov/2026:15:00:00", "192.0.2.1", "/notes/rss.xml", 304, "FreshRSS/1.24"),
        line(NOON, "192.0.2.1", "/notes/categories/%ea%b8%b0%ec%88%a0/atom.xml", 200, "x"),
        line(NOON, "192.0.2.9", "/notes/rss.xml", 200, "Googlebot/2.1"),
        line(NOON, "192.0.2.9", "/rss.html", 200, "x"),
        line(NOON, "192.0.2.9", "/notes/", 200, "x"),
        line(NOON, "192.0.2.8", "/notes/feed/", 200, "x"),
        line(NOON, "192.0.2.9", "https://other.example/notes/rss.xml", 200, "x"),
        "no log line".to_owned(),
        line("22/Nov/1986:03:00:00", "192.0.2.1", "/notes/rss.xml", 200, "x"),
    ];
    let (counted, report) = count(&lines);
    let expected = [
        ("categories/기술/atom.xml", "2026-11-22", "others", 1),
        ("feed/index.xml", "2026-11-22", "others", 1),
        ("rss.xml", "2026-11-22", "FreshRSS", 3),
        ("rss.xml", "2026-11-23", "FreshRSS", 1),
    ];
    let mut counted = counted;
    counted.sort();
    assert_eq!(counted, expected.map(|(feed, day, agent, n)| (feed.to_owned(), day.to_owned(), agent, n)));
    assert_eq!((report.lines, report.unknown_lines, report.requests), (13, 2, 7));
    assert_eq!((report.robots, report.other_hosts, report.not_modified), (1, 1, 4));
}

#[test]
fn what_readers_met_is_reported_with_what_to_do() {
    let mut lines = vec![
        line(NOON, "192.0.2.1", "/feed/", 404, &FEEDLY.replace("{}", "10")),
        line(NOON, "192.0.2.2", "/feed/", 410, "x"),
        line(NOON, "192.0.2.2", "/notes/rss.xml", 301, "x"),
        line(NOON, "192.0.2.2", "/index.xml", 302, "x"),
        line(NOON, "192.0.2.2", "/feed/", 404, "AhrefsBot"),
    ];
    lines.extend((0..14).map(|_| line(NOON, "192.0.2.3", "/notes/rss.xml", 200, "wasteful/1.0")));
    lines.extend((0..14).map(|_| line(NOON, "192.0.2.4", "/notes/rss.xml", 304, "sparing/1.0")));
    let problems = count(&lines).1.problems;
    let met: Vec<_> =
        problems.iter().map(|met| (met.kind, met.subject.as_str(), met.requests, met.bytes)).collect();
    assert_eq!(
        met,
        [
            (ProblemKind::OldAddress, "/feed/", 2, 0),
            (ProblemKind::FeedRedirects, "/notes/rss.xml", 1, 0),
            (ProblemKind::TemporaryRedirect, "/index.xml", 1, 0),
            (ProblemKind::Unconditional, "wasteful/1.0", 14, 14_000),
        ]
    );
}

#[test]
fn the_memory_is_bounded_and_a_day_that_comes_back_is_not_counted_twice() {
    let (feeds, mut parser) = (addresses(), LogParser::default());
    let mut counter = counter(&feeds);
    counter.max_clients = 10;
    for day in [20, 21, 20] {
        for client in 0..8 {
            let time = format!("{day}/Nov/2026:03:00:00");
            counter.line(&mut parser, &line(&time, &format!("192.0.2.{client}"), "/notes/rss.xml", 200, "x"));
            assert!(counter.clients <= 10);
        }
    }
    for client in 0..20 {
        counter.line(&mut parser, &line(NOON, &format!("192.0.2.{client}"), "/notes/rss.xml", 200, "x"));
    }
    let (counted, report) = counter.finish();
    let readers: Vec<u64> = counted.iter().map(|readers| readers.readers).collect();
    assert_eq!((readers, report.uncounted), (vec![8, 8, 10], 10));
    assert_eq!(report.split_days.len(), 1);
}

proptest! {
    #[test]
    fn the_count_is_that_of_a_plain_set_in_any_order(
        requests in prop::collection::vec((0..3_u8, 0..4_u8, 1..4_u8), 0..60)
    ) {
        let lines: Vec<String> = requests
            .iter()
            .map(|(client, agent, day)| {
                let time = format!("0{day}/Nov/2026:03:00:00");
                line(&time, &format!("192.0.2.{client}"), "/notes/rss.xml", 200, &format!("reader{agent}"))
            })
            .collect();
        let twice: Vec<String> = lines.iter().rev().chain(&lines).cloned().collect();
        let (counted, _) = count(&lines);
        let expected: BTreeSet<_> = requests.iter().collect();
        prop_assert_eq!(counted.iter().map(|(.., readers)| readers).sum::<u64>(), expected.len() as u64);
        prop_assert_eq!(counted, count(&twice).0);
    }

    #[test]
    fn any_lines_are_counted_without_a_panic(lines in prop::collection::vec(any::<String>(), 0..8)) {
        prop_assert_eq!(count(&lines).1.lines, lines.len() as u64);
    }
}
