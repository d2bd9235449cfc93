//! Numbers about issues, failures and runs for a report. Deliveries are counted by the database; those that failed are read
//! one after the other, and only their reasons, domains and replies are kept.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::rate_limit::domain_of;
use super::{Dialect, Store, StoreError, Tx, args, issues};
use crate::ledger::{IssueSummary, NO_MAILBOX, State};
use crate::report::{
    CurveBuilder, DomainFigures, FEWEST_OF_DOMAIN, FailureReason, Failures, IssueFigures, ReasonCount,
    Replies, RunFigures, UNSUBSCRIBED_WITHIN_DAYS,
};
use crate::subscribers::AddressKey;

/// How many domains are known by name, and how many of them are reported.
const KNOWN_DOMAINS: u32 = 1_000;
const SHOWN_DOMAINS: usize = 20;

/// No delivery is retried for so long; an issue that was scheduled before needs not be looked at.
const LONGEST_DELIVERY: TimeDelta = TimeDelta::days(60);

impl Store {
    /// The issues that were scheduled since then, newest first.
    pub(crate) async fn issue_figures(&self, since: DateTime<Utc>) -> Result<Vec<IssueFigures>, StoreError> {
        self.read("counting deliveries by issue", move |tx| {
            let summaries = issues::summaries(tx, "frozen_at >= ?1", args![since])?;
            let numbers =
                tx.all("SELECT id, post FROM issue WHERE frozen_at >= ?1", args![since], |row| {
                    Ok((row.get::<String>(1)?, row.get::<i64>(0)?))
                })?;
            let numbers: HashMap<String, i64> = numbers.into_iter().collect();
            let first = numbers.values().min().copied().unwrap_or(i64::MAX);
            let mut progress = progress(tx, first)?;
            let came_back = came_back(tx, first)?;
            let unsubscribed = unsubscribed(tx, since)?;
            let figures = |issue: &IssueSummary| {
                let number = numbers.get(&issue.id).copied().unwrap_or_default();
                let mut figures = of_summary(issue);
                let Progress { deferred, curve } = progress.remove(&number).unwrap_or_default();
                figures.deferred = deferred;
                (figures.first_at, figures.last_at) = curve.ends();
                figures.curve = curve.points();
                (figures.bounced, figures.complaints) = came_back.get(&number).copied().unwrap_or_default();
                figures.unsubscribed = unsubscribed.get(&number).copied().unwrap_or_default();
                figures
            };
            Ok(summaries.iter().map(figures).collect())
        })
        .await
    }

    /// Why messages of issues that were scheduled since then did not arrive, and what bounced since then.
    pub(crate) async fn failures(&self, since: DateTime<Utc>) -> Result<Failures, StoreError> {
        self.read("counting failures", move |tx| {
            let mut tally = Tally::new(tx)?;
            of_deliveries(tx, &mut tally, since)?;
            of_reports(tx, &mut tally, since)?;
            Ok(tally.finish())
        })
        .await
    }

    /// The runs whose attempts are still known.
    pub(crate) async fn run_figures(&self, since: DateTime<Utc>) -> Result<RunFigures, StoreError> {
        self.read("counting runs", move |tx| {
            let mut figures = RunFigures::default();
            let runs = runs(tx, since)?;
            figures.idle_seconds = idle(runs.values());
            for run in runs.values() {
                let seconds = u64::try_from((run.last - run.first) / 1_000).unwrap_or_default();
                figures.runs += 1;
                figures.attempts += run.attempts;
                figures.seconds += seconds;
                figures.longest_seconds = figures.longest_seconds.max(seconds);
            }
            Ok(figures)
        })
        .await
    }
}

fn of_summary(issue: &IssueSummary) -> IssueFigures {
    let count = |state| issue.counts.count(state);
    IssueFigures {
        id: issue.id.clone(),
        subject: issue.subject.as_str().to_owned(),
        state: issue.state,
        rehearsal: issue.rehearsal,
        scheduled_at: issue.frozen_at,
        audience: issue.audience,
        delivered: count(State::Sent),
        pending: issue.counts.open(),
        failed: count(State::Failed),
        skipped: count(State::Skipped),
        unknown_outcome: issue.counts.unknown(),
        deferred: 0,
        bounced: 0,
        complaints: 0,
        unsubscribed: 0,
        first_at: None,
        last_at: None,
        curve: Vec::new(),
    }
}

#[derive(Default)]
struct Progress {
    deferred: u64,
    curve: CurveBuilder,
}

/// The deliveries of the issues from number `first` on, by minute. This reads the whole table once. SQLite has no hash
/// tables, and would sort a million rows for groups: its rows are added here, one after the other. The plus sign keeps it from
/// reading them in the order of an index, which takes longer.
fn progress(tx: &mut dyn Tx, first: i64) -> Result<BTreeMap<i64, Progress>, StoreError> {
    const MINUTE: &str = "CASE WHEN state = 'sent' THEN changed_at / 60000 END";
    const DEFERRED: &str =
        "CASE WHEN attempts > 1 OR (state = 'pending' AND last_phase IS NOT NULL) THEN 1 END";
    let sql = match tx.dialect() {
        Dialect::Sqlite => {
            format!("SELECT issue, {MINUTE}, 1, coalesce({DEFERRED}, 0) FROM delivery WHERE +issue >= ?1")
        }
        Dialect::Postgres => format!(
            "SELECT issue, {MINUTE}, count(*), count({DEFERRED}) FROM delivery WHERE issue >= ?1 GROUP BY 1, 2"
        ),
    };
    let mut issues: BTreeMap<i64, Progress> = BTreeMap::new();
    tx.each(&sql, args![first], &mut |row| {
        let progress = issues.entry(row.get(0)?).or_default();
        progress.deferred += row.get::<u64>(3)?;
        if let Some(minute) = row.get::<Option<i64>>(1)? {
            progress.curve.add(minute, row.get(2)?);
        }
        Ok(())
    })?;
    Ok(issues)
}

/// One run that sent something.
struct Run {
    attempts: u64,
    first: i64,
    last: i64,
}

/// The seconds in which none of the runs was sending. Runs of several machines may overlap.
fn idle<'r>(runs: impl Iterator<Item = &'r Run>) -> u64 {
    let mut spans: Vec<(i64, i64)> = runs.map(|run| (run.first, run.last)).collect();
    spans.sort_unstable();
    let (mut idle, mut busy_until) = (0, None);
    for (first, last) in spans {
        let before = busy_until.unwrap_or(first);
        idle += (first - before).max(0);
        busy_until = Some(before.max(last));
    }
    u64::try_from(idle / 1_000).unwrap_or_default()
}

/// The runs by their epoch; as in [`progress`], SQLite's rows are added here.
fn runs(tx: &mut dyn Tx, since: DateTime<Utc>) -> Result<BTreeMap<i64, Run>, StoreError> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => {
            "SELECT epoch, 1, armed_at, coalesce(ended_at, armed_at) FROM attempt WHERE armed_at >= ?1"
        }
        Dialect::Postgres => {
            "SELECT epoch, count(*), min(armed_at), max(coalesce(ended_at, armed_at)) FROM attempt
             WHERE armed_at >= ?1 GROUP BY epoch"
        }
    };
    let mut runs: BTreeMap<i64, Run> = BTreeMap::new();
    tx.each(sql, args![since], &mut |row| {
        let found = Run { attempts: row.get(1)?, first: row.get(2)?, last: row.get(3)? };
        let run = runs.entry(row.get(0)?).or_insert(Run { attempts: 0, ..found });
        run.attempts += found.attempts;
        (run.first, run.last) = (run.first.min(found.first), run.last.max(found.last));
        Ok(())
    })?;
    Ok(runs)
}

/// How many subscribers an issue came back from, and how many reported it as spam.
fn came_back(tx: &mut dyn Tx, first: i64) -> Result<HashMap<i64, (u64, u64)>, StoreError> {
    let sql = "SELECT issue, count(DISTINCT CASE WHEN kind = 'failed' THEN addr_key END),
                      count(DISTINCT CASE WHEN kind = 'complaint' THEN addr_key END)
               FROM inbound_report WHERE issue >= ?1 AND kind IN ('failed', 'complaint') GROUP BY issue";
    let counts = tx.all(sql, args![first], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(counts.into_iter().collect())
}

/// How many unsubscribed within some days after an issue was delivered to them. Whoever got two issues in these days counts
/// for both.
fn unsubscribed(tx: &mut dyn Tx, since: DateTime<Utc>) -> Result<HashMap<i64, u64>, StoreError> {
    let key = match tx.dialect() {
        Dialect::Sqlite => "unhex(subject)",
        Dialect::Postgres => "decode(subject, 'hex')",
    };
    let sql = format!(
        "SELECT issue.id, count(DISTINCT gone.addr_key)
         FROM (SELECT at, {key} AS addr_key FROM event WHERE kind = 'unsubscribe' AND at >= ?1) AS gone
         CROSS JOIN issue CROSS JOIN delivery
         WHERE issue.frozen_at >= ?1 AND issue.frozen_at <= gone.at
         AND coalesce(issue.extended_at, issue.frozen_at) > gone.at - ?3
         AND delivery.issue = issue.id AND delivery.addr_key = gone.addr_key AND delivery.state = 'sent'
         AND gone.at >= delivery.changed_at AND gone.at < delivery.changed_at + ?2
         GROUP BY issue.id"
    );
    let within = TimeDelta::days(UNSUBSCRIBED_WITHIN_DAYS);
    let latest = (within + LONGEST_DELIVERY).num_milliseconds();
    let counts =
        tx.all(&sql, args![since, within.num_milliseconds(), latest], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(counts.into_iter().collect())
}

/// Counts failures by reason, domain and reply.
struct Tally {
    reasons: BTreeMap<FailureReason, (u64, u64)>,
    domains: HashMap<String, DomainFigures>,
    others: DomainFigures,
    replies: Replies,
}

impl Tally {
    /// With the domains that may be named.
    fn new(tx: &mut dyn Tx) -> Result<Self, StoreError> {
        let domain = domain_of(tx.dialect(), "email");
        let sql = format!(
            "SELECT domain, count(CASE WHEN status = 'active' THEN 1 END)
             FROM (SELECT {domain} AS domain, status FROM subscriber) AS address
             GROUP BY domain HAVING count(*) >= ?1 ORDER BY count(*) DESC, domain LIMIT ?2"
        );
        let found = tx.all(&sql, args![FEWEST_OF_DOMAIN, KNOWN_DOMAINS], |row| {
            let (domain, subscribers): (String, u64) = (row.get(0)?, row.get(1)?);
            let figures =
                DomainFigures { domain: Some(domain.clone()), subscribers, ..DomainFigures::default() };
            Ok((domain, figures))
        })?;
        let active = "SELECT count(*) FROM subscriber WHERE status = 'active'";
        let active: u64 = tx.one(active, &[], |row| row.get(0))?.unwrap_or_default();
        let named: u64 = found.iter().map(|(_, figures)| figures.subscribers).sum();
        let others = DomainFigures { subscribers: active.saturating_sub(named), ..DomainFigures::default() };
        let (reasons, replies) = (BTreeMap::new(), Replies::default());
        Ok(Self { reasons, domains: found.into_iter().collect(), others, replies })
    }

    fn domain(&mut self, address: Option<&str>) -> &mut DomainFigures {
        let domain = address.and_then(|address| address.split_once('@')).map(|(_, domain)| domain);
        let domain = domain.unwrap_or_default().to_ascii_lowercase();
        self.domains.get_mut(&domain).unwrap_or(&mut self.others)
    }

    fn finish(mut self) -> Failures {
        let mut domains: Vec<DomainFigures> = self.domains.into_values().collect();
        let weight =
            |domain: &DomainFigures| (domain.failed + domain.bounced + domain.complaints, domain.subscribers);
        domains.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.domain.cmp(&b.domain)));
        for small in domains.split_off(domains.len().min(SHOWN_DOMAINS)) {
            self.others.subscribers += small.subscribers;
            self.others.failed += small.failed;
            self.others.bounced += small.bounced;
            self.others.complaints += small.complaints;
        }
        if weight(&self.others) > (0, 0) {
            domains.push(self.others);
        }
        let (replies, other_replies) = self.replies.finish();
        let reasons = FailureReason::ALL.into_iter().filter_map(|reason| {
            let (failed, bounced) = *self.reasons.get(&reason)?;
            Some(ReasonCount { reason, failed, bounced })
        });
        Failures { reasons: reasons.collect(), domains, replies, other_replies }
    }
}

fn of_deliveries(tx: &mut dyn Tx, tally: &mut Tally, since: DateTime<Utc>) -> Result<(), StoreError> {
    tx.each(
        "SELECT delivery.addr_key, address, reason, last_reply, delivery.state FROM issue CROSS JOIN delivery
         WHERE issue.frozen_at >= ?1 AND delivery.issue = issue.id AND delivery.open IS NOT NULL
         AND (delivery.state = 'failed' OR delivery.state = 'pending' AND last_phase IS NOT NULL)",
        args![since],
        &mut |row| {
            if let Some(reply) = row.get::<Option<String>>(3)? {
                tally.replies.add(&reply, AddressKey(row.get(0)?));
            }
            if row.get::<String>(4)? != State::Failed.as_str() {
                return Ok(());
            }
            let reason = match row.get::<Option<String>>(2)?.as_deref() {
                Some(NO_MAILBOX) => FailureReason::NoMailbox,
                Some("expired") => FailureReason::Expired,
                _ => FailureReason::Refused,
            };
            tally.reasons.entry(reason).or_default().0 += 1;
            tally.domain(Some(&row.get::<String>(1)?)).failed += 1;
            Ok(())
        },
    )
}

/// A server may report one message several times.
fn of_reports(tx: &mut dyn Tx, tally: &mut Tally, since: DateTime<Utc>) -> Result<(), StoreError> {
    tx.each(
        "SELECT report.addr_key, kind, class, diagnostic, email FROM (
             SELECT addr_key, issue, kind, class, max(diagnostic) AS diagnostic FROM inbound_report
             WHERE at >= ?1 AND kind IN ('failed', 'complaint') GROUP BY addr_key, issue, kind, class) AS report
         LEFT JOIN subscriber ON subscriber.addr_key = report.addr_key",
        args![since],
        &mut |row| {
            if let Some(reply) = row.get::<Option<String>>(3)? {
                tally.replies.add(&reply, AddressKey(row.get(0)?));
            }
            let is_complaint = row.get::<String>(1)? == "complaint";
            let domain = tally.domain(row.get::<Option<String>>(4)?.as_deref());
            if is_complaint {
                domain.complaints += 1;
                return Ok(());
            }
            domain.bounced += 1;
            let reason = match row.get::<String>(2)?.as_str() {
                "dead" => FailureReason::NoMailbox,
                "soft" => FailureReason::MailboxFull,
                _ => FailureReason::Refused,
            };
            tally.reasons.entry(reason).or_default().1 += 1;
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_runs_is_idle_and_runs_of_two_machines_may_overlap() {
        let of = |spans: &[(i64, i64)]| {
            let runs: Vec<Run> =
                spans.iter().map(|(first, last)| Run { attempts: 1, first: *first, last: *last }).collect();
            idle(runs.iter())
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(5_000, 9_000)]), 0);
        assert_eq!(of(&[(20_000, 30_000), (0, 5_000)]), 15);
        assert_eq!(of(&[(0, 50_000), (10_000, 20_000), (60_000, 61_000)]), 10);
    }
}
