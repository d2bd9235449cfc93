//! Series: how far each subscriber is, who is due, and the freeze (T0) of a step.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};

use super::audience::Selection;
use super::events::{self, Entry};
use super::{Store, StoreError, Tx, Value, args, issue_rows, issues, meta};
use crate::archive::folder::SERIES_PREFIX;
use crate::config::SeriesStart;
use crate::store::NewIssue;
use crate::store::series::{DueStep, NewStep, SeriesCount, SeriesPlan};
use crate::subscribers::{AddressKey, Topics};

/// An issue takes no more subscribers than this: what is done once for an issue must not grow with the years.
const LARGEST: u64 = 10_000;

/// Before the first step.
const NONE: i64 = -1;

impl Store {
    /// Starts series for whoever began one since the last run, and adapts to steps whose times changed. Returns the
    /// steps that are due.
    pub async fn due_steps(
        &self,
        plans: Vec<SeriesPlan>,
        now: DateTime<Utc>,
    ) -> Result<Vec<DueStep>, StoreError> {
        let known = plans.clone();
        if self.read("reading the series", move |tx| has_news(tx, &known)).await? {
            let plans = plans.clone();
            self.write("starting series", now, move |tx, _| {
                plans.iter().try_for_each(|plan| follow(tx, plan))?;
                start_candidates(tx, &plans)
            })
            .await?;
        }
        self.read("reading the series", move |tx| {
            let now = tx.now(now)?;
            due(tx, &plans, now)
        })
        .await
    }

    /// T0 for a step: a waiting delivery for each subscriber for whom it is due and who never had one of this step. Returns
    /// how many.
    pub async fn schedule_step(&self, step: NewStep, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.freezing("freezing a step of a series", now, move |tx, now| schedule(tx, &step, now)).await
    }

    /// The writer begins a series for subscribers, from its first step; who is in it already starts again, without the
    /// steps that they had. Returns how many are active subscribers.
    pub async fn start_series(
        &self,
        plan: SeriesPlan,
        keys: Vec<AddressKey>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write("starting a series", now, move |tx, now| {
            follow(tx, &plan)?;
            let mut started = 0;
            for key in &keys {
                if topics_of(tx, *key)?.is_some() {
                    restart(tx, &plan, *key, now)?;
                    events::append(tx, &about(*key, "start series", &plan.name), now)?;
                    started += 1;
                }
            }
            Ok(started)
        })
        .await
    }

    /// The writer ends a series for a subscriber; `false` if they are not in it.
    pub async fn stop_series(
        &self,
        name: &str,
        key: AddressKey,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write("ending a series", now, move |tx, now| {
            let sql = "DELETE FROM series_progress WHERE series = ?1 AND addr_key = ?2";
            let is_in_it = tx.execute(sql, args![&name, &key.0])? > 0;
            if is_in_it {
                events::append(tx, &about(key, "end series", &name), now)?;
            }
            Ok(is_in_it)
        })
        .await
    }

    /// How many active subscribers are in each series.
    pub async fn series_counts(&self) -> Result<BTreeMap<String, SeriesCount>, StoreError> {
        self.read("counting the series", |tx| {
            let mut all: BTreeMap<String, SeriesCount> = BTreeMap::new();
            tx.each(
                "SELECT series, count(next_at), count(*) FROM series_progress
                 JOIN subscriber ON subscriber.addr_key = series_progress.addr_key AND status = 'active' GROUP BY series",
                &[],
                &mut |row| {
                    let (waiting, total): (u64, u64) = (row.get(1)?, row.get(2)?);
                    let count = SeriesCount { waiting, finished: total.saturating_sub(waiting) };
                    all.insert(row.get(0)?, count);
                    Ok(())
                },
            )?;
            Ok(all)
        })
        .await
    }
}

fn about<'a>(key: AddressKey, kind: &'a str, series: &'a str) -> Entry<'a> {
    Entry { detail: series, ..Entry::about(key, kind, "letterpress") }
}

/// Records that a subscriber may begin a series: with a sign-up, which also ends the series from before, or with a
/// choice of topics.
pub(super) fn note_candidate(
    tx: &mut dyn Tx,
    key: AddressKey,
    signed_up: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if signed_up {
        forget(tx, key)?;
    }
    tx.execute(
        "INSERT INTO series_candidate (addr_key, at, signed_up) VALUES (?1, ?2, ?3)
         ON CONFLICT (addr_key) DO UPDATE SET signed_up = CASE WHEN ?3 = 1 THEN 1 ELSE series_candidate.signed_up END",
        args![&key.0, now, signed_up],
    )
    .map(drop)
}

/// Deletes what is known of a subscriber's series.
pub(super) fn forget(tx: &mut dyn Tx, key: AddressKey) -> Result<(), StoreError> {
    tx.execute("DELETE FROM series_progress WHERE addr_key = ?1", args![&key.0])?;
    tx.execute("DELETE FROM series_candidate WHERE addr_key = ?1", args![&key.0]).map(drop)
}

/// After a restore: the steps that were due since the backup may have been mailed, and count as mailed. Whoever may have begun a
/// series since then begins none.
pub(super) fn skip_what_was_due(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute("DELETE FROM series_candidate", &[])?;
    tx.execute(
        "UPDATE series_progress SET reached = ?1 - started_at WHERE next_at IS NOT NULL AND reached < ?1 - started_at",
        args![now],
    )?;
    // The next run computes from it when the next step is due.
    tx.execute("DELETE FROM meta WHERE key LIKE ?1", args![&format!("{SERIES_PREFIX}%")]).map(drop)
}

/// Whether there are candidates, or steps have other times than before.
fn has_news(tx: &mut dyn Tx, plans: &[SeriesPlan]) -> Result<bool, StoreError> {
    if tx.one("SELECT 1 FROM series_candidate", &[], |row| row.get::<i64>(0))?.is_some() {
        return Ok(true);
    }
    for plan in plans {
        if meta::recall(tx, &note_of(plan))?.as_deref() != Some(&times(plan)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn note_of(plan: &SeriesPlan) -> String {
    format!("{}{}", SERIES_PREFIX, plan.name)
}

/// The times of the steps, as they are remembered.
fn times(plan: &SeriesPlan) -> String {
    let all: Vec<String> = plan.steps.iter().map(|after| after.num_milliseconds().to_string()).collect();
    all.join(" ")
}

/// Adapts everybody to the present steps. Who was through stays so.
fn follow(tx: &mut dyn Tx, plan: &SeriesPlan) -> Result<(), StoreError> {
    let (note, times) = (note_of(plan), times(plan));
    if meta::recall(tx, &note)?.as_deref() == Some(&times) {
        return Ok(());
    }
    let mut before = NONE;
    for after in plan.steps.iter().map(TimeDelta::num_milliseconds) {
        tx.execute(
            "UPDATE series_progress SET next_at = started_at + ?4
             WHERE series = ?1 AND next_at IS NOT NULL AND reached >= ?2 AND reached < ?3",
            args![&plan.name, before, after, after],
        )?;
        before = after;
    }
    let sql = "UPDATE series_progress SET next_at = NULL WHERE series = ?1 AND reached >= ?2";
    tx.execute(sql, args![&plan.name, before])?;
    meta::remember(tx, &note, &times)
}

/// The topics of an active subscriber who is not suppressed.
fn topics_of(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Topics>, StoreError> {
    tx.one(
        "SELECT topics FROM subscriber WHERE addr_key = ?1 AND status = 'active'
         AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)",
        args![&key.0],
        |row| Ok(Topics::from_lines(row.get::<Option<String>>(0)?.as_deref())),
    )
}

/// Starts the series of the candidates, and forgets that they were candidates.
fn start_candidates(tx: &mut dyn Tx, plans: &[SeriesPlan]) -> Result<(), StoreError> {
    let sql = "SELECT addr_key, at, signed_up FROM series_candidate ORDER BY at, addr_key";
    let candidates: Vec<(AddressKey, DateTime<Utc>, bool)> =
        tx.all(sql, &[], |row| Ok((AddressKey(row.get(0)?), row.get(1)?, row.get(2)?)))?;
    for (key, at, signed_up) in candidates {
        let sql = "DELETE FROM series_candidate WHERE addr_key = ?1";
        if tx.execute(sql, args![&key.0])? == 0 {
            // Another machine did it meanwhile.
            continue;
        }
        let Some(topics) = topics_of(tx, key)? else { continue };
        for plan in plans {
            match &plan.start {
                SeriesStart::SignUp if signed_up => restart(tx, plan, key, at)?,
                SeriesStart::Topic(topic) => {
                    follow_topic(tx, plan, (key, at), has_chosen(&topics, topic.as_str()))?;
                }
                SeriesStart::SignUp | SeriesStart::Hand => {}
            }
        }
    }
    Ok(())
}

/// Whoever wants everything has not chosen a topic.
fn has_chosen(topics: &Topics, topic: &str) -> bool {
    *topics != Topics::Everything && topics.want([topic])
}

/// Begins the series of a topic that was chosen, unless it has begun, or ends it.
fn follow_topic(
    tx: &mut dyn Tx,
    plan: &SeriesPlan,
    (key, at): (AddressKey, DateTime<Utc>),
    is_chosen: bool,
) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM series_progress WHERE series = ?1 AND addr_key = ?2";
    let is_in_it = tx.one(sql, args![&plan.name, &key.0], |row| row.get::<i64>(0))?.is_some();
    match (is_chosen, is_in_it) {
        (true, false) => restart(tx, plan, key, at),
        (false, true) => {
            let sql = "DELETE FROM series_progress WHERE series = ?1 AND addr_key = ?2";
            tx.execute(sql, args![&plan.name, &key.0]).map(drop)
        }
        (true, true) | (false, false) => Ok(()),
    }
}

/// Starts a series for a subscriber, or puts them back to its beginning.
fn restart(tx: &mut dyn Tx, plan: &SeriesPlan, key: AddressKey, at: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(first) = plan.steps.first() else { return Ok(()) };
    tx.execute(
        "INSERT INTO series_progress (series, addr_key, started_at, reached, next_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (series, addr_key) DO UPDATE SET started_at = ?3, reached = ?4, next_at = ?5",
        args![&plan.name, &key.0, at, NONE, at + *first],
    )
    .map(drop)
}

fn due(tx: &mut dyn Tx, plans: &[SeriesPlan], now: DateTime<Utc>) -> Result<Vec<DueStep>, StoreError> {
    let mut steps = BTreeSet::new();
    for (series, plan) in plans.iter().enumerate() {
        let sql = "SELECT DISTINCT reached FROM series_progress WHERE series = ?1 AND next_at <= ?2";
        let reached: Vec<i64> = tx.all(sql, args![&plan.name, now], |row| row.get(0))?;
        let next = |reached: &i64| plan.steps.iter().position(|after| after.num_milliseconds() > *reached);
        steps.extend(reached.iter().filter_map(next).map(|step| DueStep { series, step }));
    }
    Ok(steps.into_iter().collect())
}

/// The part of a series that waits for one step.
struct Waiting<'a> {
    series: &'a str,
    /// The times of the step before, of the step, and of the next one.
    before: i64,
    after: i64,
    next: Option<i64>,
}

impl<'a> Waiting<'a> {
    fn of(plan: &'a SeriesPlan, step: usize) -> Option<Self> {
        let time = |step: usize| plan.steps.get(step).map(TimeDelta::num_milliseconds);
        let before = step.checked_sub(1).and_then(time).unwrap_or(NONE);
        Some(Self { series: &plan.name, before, after: time(step)?, next: time(step + 1) })
    }
}

fn schedule(tx: &mut dyn Tx, new: &NewStep, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let Some(waiting) = Waiting::of(&new.plan, new.step) else { return Ok(0) };
    // They unsubscribed, or their address is suppressed: the series ends for them.
    tx.execute(
        "DELETE FROM series_progress WHERE series = ?1 AND next_at <= ?2 AND NOT EXISTS (
             SELECT 1 FROM subscriber WHERE subscriber.addr_key = series_progress.addr_key AND status = 'active'
             AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key))",
        args![waiting.series, now],
    )?;
    let Waiting { series, before, after, .. } = waiting;
    let selection = Selection::of_step(&new.issue.post, (series, before, after), now);
    let mut scheduled = 0;
    while let number @ 1.. = selection.count(tx)? {
        let StepIssue { number: issue, name, audience } = open_issue(tx, &new.issue, now)?;
        let selection = selection.limited(LARGEST.saturating_sub(audience).max(1));
        let added = issues::add_deliveries(tx, issue, &selection, now)?;
        if added == 0 {
            return Err(StoreError::AudienceMismatch { counted: number, frozen: added });
        }
        scheduled += added;
        issues::count(tx, issue, &name, audience + added, now)?;
    }
    advance(tx, &waiting, now)?;
    Ok(scheduled)
}

/// An issue of a step.
struct StepIssue {
    number: i64,
    name: String,
    /// How many subscribers it has so far.
    audience: u64,
}

/// The issue that takes the next subscribers of a step: the last one if it has the same text and is not full, else a new one.
fn open_issue(tx: &mut dyn Tx, new: &NewIssue, now: DateTime<Utc>) -> Result<StepIssue, StoreError> {
    let text = digest(&SHA256, new.message.as_bytes());
    let last: Option<StepIssue> = tx.one(
        "SELECT id, post, audience FROM issue WHERE series = ?1 AND letter_sha256 = ?2 AND audience < ?3
         AND state IN ('sending', 'paused', 'done') ORDER BY id DESC LIMIT 1",
        args![&new.post, text.as_ref(), LARGEST],
        |row| Ok(StepIssue { number: row.get(0)?, name: row.get(1)?, audience: row.get(2)? }),
    )?;
    if let Some(last) = last {
        issue_rows::hold_lock(tx, last.number)?;
        issues::extend(tx, last.number, now)?;
        return Ok(last);
    }
    let sql = "SELECT count(*) FROM issue WHERE series = ?1";
    let before: u64 = tx.one(sql, args![&new.post], |row| row.get(0))?.unwrap_or_default();
    let name = format!("{}#{}", new.post, before + 1);
    let label = name.replace([':', '/', '#'], "-");
    let number = issues::begin(tx, &NewIssue { post: name.clone(), label, ..new.clone() }, now)?;
    tx.execute("UPDATE issue SET series = ?2 WHERE id = ?1", args![number, &new.post])?;
    issues::carry(tx, number, [new.post.as_str()])?;
    Ok(StepIssue { number, name, audience: 0 })
}

/// Moves everybody who waited for a step on to the next one. The clock of those for whom it came late is set back by as much,
/// so that the next one does not come too soon.
fn advance(tx: &mut dyn Tx, waiting: &Waiting<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE series_progress SET reached = ?4, started_at = CASE WHEN started_at < ?5 THEN ?5 ELSE started_at END,
             next_at = CASE WHEN started_at < ?5 THEN ?5 ELSE started_at END + ?6
         WHERE series = ?1 AND next_at <= ?2 AND reached >= ?3 AND reached < ?4",
        &[
            Value::from(waiting.series),
            Value::from(now),
            Value::from(waiting.before),
            Value::from(waiting.after),
            Value::from(now - TimeDelta::milliseconds(waiting.after)),
            Value::Int(waiting.next),
        ],
    )
    .map(drop)
}
