//! How many deliveries of an issue are in each state.
//!
//! When nothing of an issue is open any more, its counts are written once (table `issue_count`), and every later change of
//! one of its deliveries changes them in the same transaction. Of an unfinished issue only what is not sent is
//! counted, with the index `delivery_unsent`; the rest of its audience is sent. `ledger verify` counts everything.
//!
//! The column `open` is 1 for a delivery that may still be sent, 0 for one that ended without being sent, and NULL for one
//! that is sent. The database derives it from the state. A claim and an arm do not change it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Dialect, StoreError, Tx, args, corrupt_data, issue_rows};
use crate::ledger::{IssueState, State, StateCounts};

/// How many issues are counted in one transaction.
const AT_ONCE: u32 = 20;

/// Finishes issues without open deliveries: writes their counts, and closes those that were being sent. Returns whether
/// there may be more.
pub(super) fn finish(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        // A transaction that puts a delivery back to waiting locks its issue, so the next statement sees the result.
        Dialect::Postgres => "FOR UPDATE",
    };
    let sql = format!(
        "SELECT id, state FROM issue WHERE finished_at IS NULL AND state <> 'paused' AND NOT EXISTS (
             SELECT 1 FROM delivery WHERE issue = issue.id AND open = 1)
         ORDER BY id LIMIT ?1 {lock}"
    );
    let found: Vec<(i64, String)> = tx.all(&sql, args![AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (issue, state) in &found {
        // With the lock on the issue, and a new snapshot: a delivery may have been put back meanwhile.
        let finished = tx.execute(
            "UPDATE issue SET finished_at = ?2, state = CASE state WHEN 'sending' THEN 'done' ELSE state END
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE issue = ?1 AND open = 1)",
            args![*issue, now],
        )?;
        if finished == 0 {
            continue;
        }
        tx.execute("DELETE FROM issue_count WHERE issue = ?1", args![*issue])?;
        tx.execute(
            "INSERT INTO issue_count (issue, state, deliveries)
             SELECT ?1, state, count(*) FROM delivery WHERE issue = ?1 GROUP BY state",
            args![*issue],
        )?;
        if state == IssueState::Sending.as_str() {
            events::append(tx, &Entry::of_issue(*issue, "done", "letterpress", "nothing is open"), now)?;
        }
    }
    Ok(found.len() == AT_ONCE as usize)
}

/// Removes the counts of an issue that has open deliveries again, and opens it if it was done. The record says so:
/// `ledger verify` finds an issue that was opened otherwise.
pub(super) fn reopen(tx: &mut dyn Tx, issue: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute("DELETE FROM issue_count WHERE issue = ?1", args![issue])?;
    tx.execute("UPDATE issue SET finished_at = NULL WHERE id = ?1", args![issue])?;
    let opened =
        tx.execute("UPDATE issue SET state = 'sending' WHERE id = ?1 AND state = 'done'", args![issue])?;
    if opened == 0 {
        return Ok(());
    }
    events::append(tx, &Entry::of_issue(issue, "reopen", "letterpress", "a delivery is open again"), now)
}

/// How the counts of issues change; only deliveries that were not open before can belong to a finished issue.
#[derive(Default)]
pub(super) struct CountChanges(BTreeMap<i64, BTreeMap<State, i64>>);

impl CountChanges {
    pub(super) fn moved(&mut self, issue: i64, from: State, to: State) {
        if !from.is_open() {
            let changes = self.0.entry(issue).or_default();
            *changes.entry(from).or_default() -= 1;
            *changes.entry(to).or_default() += 1;
        }
    }

    /// Writes them. Locks the issues, so that none of them is finished at the same time.
    pub(super) fn write(&self, tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
        for (issue, changes) in &self.0 {
            issue_rows::hold_lock(tx, *issue)?;
            if changes.keys().any(|state| state.is_open()) {
                reopen(tx, *issue, now)?;
                continue;
            }
            let sql = "SELECT 1 FROM issue WHERE id = ?1 AND finished_at IS NOT NULL";
            if tx.one(sql, args![*issue], |row| row.get::<i64>(0))?.is_none() {
                continue;
            }
            for (state, change) in changes.iter().filter(|(_, change)| **change != 0) {
                tx.execute(
                    "INSERT INTO issue_count (issue, state, deliveries) VALUES (?1, ?2, ?3)
                     ON CONFLICT (issue, state) DO UPDATE SET deliveries = issue_count.deliveries + excluded.deliveries",
                    args![*issue, state.as_str(), *change],
                )?;
            }
        }
        Ok(())
    }
}

/// The counts of all finished issues.
pub(super) fn of_finished(tx: &mut dyn Tx) -> Result<BTreeMap<i64, StateCounts>, StoreError> {
    let mut counts: BTreeMap<i64, StateCounts> = BTreeMap::new();
    tx.each("SELECT issue, state, deliveries FROM issue_count WHERE deliveries > 0", &[], &mut |row| {
        counts.entry(row.get(0)?).or_default().add(state(&row.get::<String>(1)?)?, row.get(2)?);
        Ok(())
    })?;
    Ok(counts)
}

/// The counts of an issue that is not finished, with `audience` deliveries in total.
pub(super) fn of_unfinished(tx: &mut dyn Tx, issue: i64, audience: u64) -> Result<StateCounts, StoreError> {
    let mut counts = StateCounts::default();
    let sql = "SELECT state, count(*) FROM delivery WHERE issue = ?1 AND open IS NOT NULL GROUP BY state";
    tx.each(sql, args![issue], &mut |row| {
        counts.add(state(&row.get::<String>(0)?)?, row.get(1)?);
        Ok(())
    })?;
    counts.add(State::Sent, audience.saturating_sub(counts.total()));
    Ok(counts)
}

/// When the next of its pending deliveries may go out, and how many of them were tried before.
pub(super) fn retries(
    tx: &mut dyn Tx,
    issue: i64,
    frozen_at: DateTime<Utc>,
) -> Result<(Option<DateTime<Utc>>, u64), StoreError> {
    let next_at = tx.one(
        "SELECT min(next_at) FROM delivery WHERE issue = ?1 AND open = 1 AND state = 'pending'",
        args![issue],
        |row| row.get(0),
    )?;
    // Before its first attempt a delivery is due since the freeze.
    let retrying = tx.one(
        "SELECT count(*) FROM delivery
         WHERE issue = ?1 AND open = 1 AND state = 'pending' AND next_at > ?2 AND attempts > 0",
        args![issue, frozen_at],
        |row| row.get(0),
    )?;
    Ok((next_at.flatten(), retrying.unwrap_or_default()))
}

/// Reads a stored state of a delivery.
pub(super) fn state(code: &str) -> Result<State, StoreError> {
    State::from_code(code).ok_or_else(|| corrupt_data(format!("the state {code:?}")))
}
