//! A report of a year of 1,000 subscribers and 50 issues, for tests of its writers.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Asia::Seoul;

use super::*;

const SUBJECT: &str = "천천히 오는 <편지> & other news of the week";

fn now() -> DateTime<Utc> {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

fn changes() -> Vec<Change> {
    let of_day = |day: i64| {
        let change = |kind, count| Change { at: now() - TimeDelta::days(360 - day), kind, count };
        [
            change(ChangeKind::Joined, if day == 0 { 600 } else { 2 + u64::from(day % 90 == 3) * 40 }),
            change(ChangeKind::Unsubscribed, u64::from(day % 3 == 0)),
            change(ChangeKind::Bounced, u64::from(day % 7 == 0)),
            change(ChangeKind::Complained, u64::from(day % 60 == 9)),
        ]
    };
    (0..360).flat_map(of_day).collect()
}

fn issue(number: u64) -> IssueFigures {
    let scheduled_at = now() - TimeDelta::days(i64::try_from(number).unwrap() * 7);
    let mut curve = CurveBuilder::default();
    let minute = scheduled_at.timestamp() / 60;
    (0..20).for_each(|at| curve.add(minute + at, 40 + number % 5));
    curve.add(minute + 300 + i64::try_from(number).unwrap() * 20, 9);
    let (first_at, last_at) = curve.ends();
    IssueFigures {
        id: format!("tag:example.com,2026:issue-{number}"),
        subject: format!("{SUBJECT} {number}"),
        state: IssueState::Done,
        rehearsal: number == 49,
        scheduled_at,
        audience: 1_000 - number,
        delivered: 950,
        pending: 0,
        failed: 12,
        skipped: 3,
        unknown_outcome: number % 2,
        deferred: 21,
        bounced: 4,
        complaints: number % 3,
        unsubscribed: number % 7,
        first_at,
        last_at,
        curve: curve.points(),
    }
}

fn domain(name: Option<&str>, subscribers: u64) -> DomainFigures {
    let domain = name.map(str::to_owned);
    DomainFigures { domain, subscribers, failed: subscribers / 20, bounced: subscribers / 30, complaints: 1 }
}

fn failures() -> Failures {
    let count = |(at, reason): (u64, _)| ReasonCount { reason, failed: 10 * at, bounced: 3 * at };
    let reply = |reply: &str, count| ReplyCount { reply: reply.to_owned(), count };
    Failures {
        reasons: (1..).zip(FailureReason::ALL).map(count).collect(),
        domains: vec![
            domain(Some("gmail.com"), 400),
            domain(Some("naver.com"), 310),
            domain(Some("a-university-with-a-long-name.example"), 40),
            domain(None, 250),
        ],
        replies: vec![
            reply("550-5.1.1 The email account that you tried to reach does not exist. … - gsmtp", 61),
            reply("452 4.2.2 Mailbox full", 17),
        ],
        other_replies: 5,
    }
}

/// A year of a small newsletter.
pub(crate) fn year() -> Report {
    let (step, periods) = periods(&changes(), None, now(), Seoul);
    let active = periods.last().map_or(0, |period| period.active);
    let days: Vec<_> = (0..200)
        .map(|day: u32| {
            (
                (now() - TimeDelta::days(200 - i64::from(day))).date_naive(),
                u64::from(300 + day * 2 + day % 7 * 9),
            )
        })
        .collect();
    let (readers_step, readers) = mean_by_period(&days);
    let agent = |agent: &str, readers| AgentCount { agent: agent.to_owned(), readers };
    let topic = |topic: &str, subscribers| TopicCount { topic: topic.to_owned(), subscribers };
    let source = |source: &str, active| SourceCount { source: source.to_owned(), active, total: active + 30 };
    Report {
        site: "느린 편지".to_owned(),
        made_at: now(),
        since: None,
        subscribers: Subscribers {
            active,
            unconfirmed: 31,
            unsubscribed: 120,
            suppressed: 52,
            deleted: 4,
            step,
            periods,
        },
        issues: (0..50).map(issue).collect(),
        failures: failures(),
        preferences: PreferenceCounts {
            immediate: active - 120,
            weekly: 120,
            all_topics: active - 250,
            topics: vec![topic("에세이", 180), topic("Notes", 90)],
        },
        sources: vec![source("web", 700), source("subscribers.csv", 310)],
        confirmations: Confirmations { asked: 58, confirmed: 41 },
        feed_readers: FeedReaders {
            step: readers_step,
            periods: readers,
            day: days.last().map(|(day, _)| *day),
            agents: vec![agent("Feedly", 410), agent("Inoreader", 88), agent("others", 51)],
        },
        health: ListHealth {
            never_bounced: active - 25,
            bounced_once: 20,
            bounced_more: 5,
            unreached: Some(12),
        },
        runs: RunFigures {
            runs: 104,
            attempts: 49_000,
            seconds: 61_000,
            longest_seconds: 1_260,
            idle_seconds: 31_000_000,
        },
    }
}

/// A ledger without anything.
pub(crate) fn nothing() -> Report {
    Report {
        site: "느린 편지".to_owned(),
        made_at: now(),
        since: None,
        subscribers: Subscribers::default(),
        issues: Vec::new(),
        failures: Failures::default(),
        preferences: PreferenceCounts::default(),
        sources: Vec::new(),
        confirmations: Confirmations::default(),
        feed_readers: FeedReaders::default(),
        health: ListHealth::default(),
        runs: RunFigures::default(),
    }
}
