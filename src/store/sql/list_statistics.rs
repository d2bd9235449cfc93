//! Numbers about the subscribers for a report. Every statement counts in the database; none returns a person.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Store, StoreError, Tx, args};
use crate::report::{
    Change, ChangeKind, Confirmations, ListHealth, PreferenceCounts, SIGN_UP_DAYS, SourceCount, TopicCount,
    UNREACHED_DAYS,
};
use crate::subscribers::{Frequency, Topics};

/// Times are counted in quarters of an hour: every time zone begins its days at one.
const QUARTER: i64 = 15 * 60 * 1_000;

/// How many sources are reported.
const MOST_SOURCES: u32 = 50;

/// Those who are or were active, when they agreed, and when and why they left. A suppression has its reason.
const LIVES: &str = "
    SELECT coalesce(consented_at, added_at) AS joined,
           CASE WHEN status <> 'active' THEN coalesce(suppression.since, unsubscribed_at, changed_at) END AS ended,
           CASE WHEN status = 'unsubscribed' AND suppression.since IS NULL THEN 'unsubscribed'
                WHEN reason = 'complaint' THEN 'complained'
                WHEN reason IN ('no such mailbox', 'bounced at delivery') OR reason LIKE '% came back in % days'
                    THEN 'bounced'
                ELSE 'suppressed' END AS cause
    FROM subscriber
    LEFT JOIN suppression ON status <> 'active' AND suppression.addr_key = subscriber.addr_key
    WHERE status = 'active' OR consented_at IS NOT NULL OR unsubscribed_at IS NOT NULL";

impl Store {
    /// When those who are on the list, or were, joined and left.
    pub(crate) async fn list_changes(&self) -> Result<Vec<Change>, StoreError> {
        self.read("counting changes of the list", |tx| {
            let lives = format!("FROM ({LIVES}) AS life WHERE (ended IS NULL OR ended >= joined)");
            let mut changes = Vec::new();
            let joined = format!("SELECT joined / {QUARTER}, 'joined', count(*) {lives} GROUP BY 1");
            let left = format!(
                "SELECT ended / {QUARTER}, cause, count(*) {lives} AND ended IS NOT NULL GROUP BY 1, cause"
            );
            for sql in [joined, left] {
                tx.each(&sql, &[], &mut |row| {
                    let at = DateTime::from_timestamp_millis(row.get::<i64>(0)?.saturating_mul(QUARTER));
                    let kind = change_kind(&row.get::<String>(1)?);
                    let at = at.unwrap_or_default();
                    changes.push(Change { at, kind, count: row.get(2)? });
                    Ok(())
                })?;
            }
            Ok(changes)
        })
        .await
    }

    /// How many subscribers were removed or erased.
    pub(crate) async fn deleted_subscribers(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        self.read("counting removals", move |tx| {
            let sql =
                "SELECT count(DISTINCT subject) FROM event WHERE kind IN ('remove', 'erase') AND at >= ?1";
            Ok(tx.one(sql, args![since], |row| row.get(0))?.unwrap_or_default())
        })
        .await
    }

    /// What the active subscribers chose.
    pub(crate) async fn preference_counts(&self) -> Result<PreferenceCounts, StoreError> {
        self.read("counting preferences", |tx| {
            let (mut counts, mut topics) = (PreferenceCounts::default(), BTreeMap::<_, u64>::new());
            let sql = "SELECT frequency, topics, count(*) FROM subscriber WHERE status = 'active'
                       GROUP BY frequency, topics";
            tx.each(sql, &[], &mut |row| {
                let subscribers: u64 = row.get(2)?;
                match Frequency::from_code(&row.get::<String>(0)?).unwrap_or_default() {
                    Frequency::Immediate => counts.immediate += subscribers,
                    Frequency::Weekly => counts.weekly += subscribers,
                }
                match Topics::from_lines(row.get::<Option<String>>(1)?.as_deref()) {
                    Topics::Everything => counts.all_topics += subscribers,
                    Topics::Only(chosen) => {
                        for topic in chosen {
                            *topics.entry(topic).or_default() += subscribers;
                        }
                    }
                }
                Ok(())
            })?;
            let named = |(topic, subscribers): (crate::text::HeaderText, u64)| TopicCount {
                topic: topic.as_str().to_owned(),
                subscribers,
            };
            counts.topics = topics.into_iter().map(named).collect();
            counts.topics.sort_by_key(|topic| std::cmp::Reverse(topic.subscribers));
            Ok(counts)
        })
        .await
    }

    /// Where the subscribers came from, the most frequent first.
    pub(crate) async fn source_counts(&self) -> Result<Vec<SourceCount>, StoreError> {
        self.read("counting sources", |tx| {
            let sql = "SELECT source, count(CASE WHEN status = 'active' THEN 1 END), count(*) FROM subscriber
                       GROUP BY source ORDER BY 2 DESC, 3 DESC, source LIMIT ?1";
            tx.all(sql, args![MOST_SOURCES], |row| {
                Ok(SourceCount { source: row.get(0)?, active: row.get(1)?, total: row.get(2)? })
            })
        })
        .await
    }

    /// How many of those who signed up lately confirmed it.
    pub(crate) async fn confirmations(&self, now: DateTime<Utc>) -> Result<Confirmations, StoreError> {
        self.read("counting confirmations", move |tx| {
            let sql = "SELECT count(*), count(confirmed) FROM (
                           SELECT min(CASE WHEN action = 'asked' THEN at END) AS asked,
                                  max(CASE WHEN action = 'confirmed' THEN at END) AS confirmed
                           FROM consent WHERE at >= ?1 GROUP BY addr_key) AS sign_up
                       WHERE asked IS NOT NULL";
            let counts = tx.one(sql, args![now - TimeDelta::days(SIGN_UP_DAYS)], |row| {
                Ok(Confirmations { asked: row.get(0)?, confirmed: row.get(1)? })
            })?;
            Ok(counts.unwrap_or_default())
        })
        .await
    }

    /// How many active subscribers bounced, and how many got nothing for long.
    pub(crate) async fn list_health(&self, now: DateTime<Utc>) -> Result<ListHealth, StoreError> {
        self.read("counting bounces of subscribers", move |tx| {
            let active = "SELECT count(*) FROM subscriber WHERE status = 'active'";
            let active: u64 = tx.one(active, &[], |row| row.get(0))?.unwrap_or_default();
            let mut health = ListHealth { never_bounced: active, ..ListHealth::default() };
            // In one issue a subscriber bounces once, at the delivery or later.
            let sql = "SELECT CASE WHEN bounces = 1 THEN 1 ELSE 2 END, count(*) FROM (
                    SELECT addr_key, count(*) AS bounces FROM (
                        SELECT addr_key, issue FROM inbound_report
                        WHERE kind = 'failed' AND class IN ('dead', 'soft')
                        UNION
                        SELECT delivery.addr_key, delivery.issue FROM issue CROSS JOIN delivery
                        WHERE delivery.issue = issue.id AND delivery.open = 0 AND delivery.state = 'failed'
                        AND delivery.reason IN ('no_mailbox', 'expired')) AS bounced
                    GROUP BY addr_key) AS counted
                JOIN subscriber ON subscriber.addr_key = counted.addr_key AND subscriber.status = 'active'
                GROUP BY 1";
            tx.each(sql, &[], &mut |row| {
                let subscribers: u64 = row.get(1)?;
                health.never_bounced = health.never_bounced.saturating_sub(subscribers);
                *if row.get::<i64>(0)? == 1 { &mut health.bounced_once } else { &mut health.bounced_more } +=
                    subscribers;
                Ok(())
            })?;
            health.unreached = unreached(tx, now - TimeDelta::days(UNREACHED_DAYS))?;
            Ok(health)
        })
        .await
    }
}

fn change_kind(cause: &str) -> ChangeKind {
    match cause {
        "joined" => ChangeKind::Joined,
        "unsubscribed" => ChangeKind::Unsubscribed,
        "bounced" => ChangeKind::Bounced,
        "complained" => ChangeKind::Complained,
        _ => ChangeKind::Suppressed,
    }
}

/// How many active subscribers who joined before `since` got nothing from then on; `None` if nobody did.
fn unreached(tx: &mut dyn Tx, since: DateTime<Utc>) -> Result<Option<u64>, StoreError> {
    let recent = "SELECT 1 FROM issue WHERE coalesce(extended_at, frozen_at) >= ?1 AND audience > 0 LIMIT 1";
    if tx.one(recent, args![since], |row| row.get::<i64>(0))?.is_none() {
        return Ok(None);
    }
    tx.one(
        "SELECT count(*) FROM subscriber WHERE status = 'active' AND coalesce(consented_at, added_at) < ?1
         AND NOT EXISTS (
             SELECT 1 FROM issue CROSS JOIN delivery
             WHERE coalesce(issue.extended_at, issue.frozen_at) >= ?1 AND delivery.issue = issue.id
             AND delivery.addr_key = subscriber.addr_key AND delivery.state = 'sent')",
        args![since],
        |row| row.get(0),
    )
}
