//! Rows of the delivery table, many at a time: read and locked, judged, written back.
//!
//! `SQLite` goes row by row over cached statements, which costs it no round trips; `PostgreSQL` takes the whole batch
//! in one statement. Rows are locked in the order of their numbers, so that two batches do not wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Dialect, Row, StoreError, Tx, Value, args, issues, nonsense, readers};
use crate::ledger::transition::{Around, Event, Refusal, apply};
use crate::ledger::{Delivery, LastWord, State, Token};
use crate::store::Move;
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::Standing;

/// What [`delivery`] reads, in its order.
pub(super) const COLUMNS: &str =
    "delivery.state, token, attempts, lease_until, next_at, resends, had_unknown,
    bytes_sha256, dated, reason, last_phase, last_reply";
/// How many columns those are.
pub(super) const WIDTH: usize = 12;

/// So many rows are judged and written together when an event happens to all of an issue.
pub(super) const PAGE: usize = 1_000;

/// One row, and what else the transition table must know to judge it.
pub(super) struct Found {
    pub(super) row: Delivery,
    issue: i64,
    pub(super) key: AddressKey,
    pub(super) around: Around,
}

/// A row as the transition table sees it.
pub(super) fn delivery(row: &dyn Row) -> Result<Delivery, StoreError> {
    let word: String = row.get(0)?;
    let (last_phase, last_reply): (Option<String>, Option<String>) = (row.get(10)?, row.get(11)?);
    Ok(Delivery {
        state: State::from_word(&word).ok_or_else(|| nonsense(format!("the state {word:?}")))?,
        token: row.get::<Option<[u8; 16]>>(1)?.map(Token),
        attempts: row.get(2)?,
        lease_until: row.get(3)?,
        next_at: row.get(4)?,
        resends: row.get(5)?,
        had_unknown: row.get(6)?,
        bytes: row.get(7)?,
        dated: row.get(8)?,
        reason: row.get(9)?,
        last: last_phase.map(|phase| LastWord { phase, text: last_reply.unwrap_or_default() }),
    })
}

/// Deliveries that nobody else may change before this transaction ends, and what is to become of them.
pub(super) struct Batch {
    found: BTreeMap<i64, Found>,
    /// The rows that were judged, with the owner that a claim gives them.
    changed: BTreeMap<i64, Option<String>>,
    armed: Vec<(Token, i64, u32)>,
    ended: BTreeMap<[u8; 16], (State, Option<String>)>,
    /// Issues that have something to send again: a doubt was decided, or a sender that was given up for dead came back
    /// with a "not now". If such an issue was finished, the copy would wait unseen for ever.
    reopened: BTreeSet<i64>,
    now: DateTime<Utc>,
}

impl Batch {
    /// Reads and locks the deliveries with these numbers.
    pub(super) fn read(tx: &mut dyn Tx, numbers: &[i64], now: DateTime<Utc>) -> Result<Self, StoreError> {
        let mut batch = Self::of(BTreeMap::new(), now);
        // The issue is only looked at: who pauses it waits for nobody, and a batch that was judged before that counts
        // as having been before it.
        let sql = format!(
            "SELECT {COLUMNS}, delivery.id, addr_key, issue.state, issue
             FROM delivery JOIN issue ON issue.id = delivery.issue WHERE delivery.id"
        );
        let mut take = |row: &dyn Row| {
            let (number, found) = found(row, now)?;
            batch.found.insert(number, found);
            Ok(())
        };
        match tx.dialect() {
            Dialect::Sqlite => {
                let sql = format!("{sql} = ?1");
                for number in numbers {
                    tx.each(&sql, args![*number], &mut take)?;
                }
            }
            Dialect::Postgres => {
                let wanted: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
                let sql = format!("{sql} = ANY(?1) ORDER BY delivery.id FOR UPDATE OF delivery");
                tx.each(&sql, args![wanted.as_slice()], &mut take)?;
            }
        }
        Ok(batch)
    }

    /// Rows that were read and locked already.
    pub(super) const fn of(found: BTreeMap<i64, Found>, now: DateTime<Utc>) -> Self {
        Self {
            found,
            changed: BTreeMap::new(),
            armed: Vec::new(),
            ended: BTreeMap::new(),
            reopened: BTreeSet::new(),
            now,
        }
    }

    /// A row, as it stands after the events so far.
    pub(super) fn get(&self, number: i64) -> Option<&Found> {
        self.found.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: i64) -> Option<&mut Found> {
        self.found.get_mut(&number)
    }

    /// Finds out which of these rows' readers must not be mailed: only a claim and an arm ask. With `kept` it stays so
    /// until this transaction ends.
    pub(super) fn look_at_readers(
        &mut self,
        tx: &mut dyn Tx,
        numbers: &[i64],
        kept: bool,
    ) -> Result<(), StoreError> {
        let keys: Vec<AddressKey> =
            numbers.iter().filter_map(|number| self.found.get(number)).map(|found| found.key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let standings = readers::standings(tx, &keys, kept)?;
        for number in numbers {
            if let Some(found) = self.found.get_mut(number) {
                // A reader whose row is gone was erased, and an erased reader is not mailed.
                found.around.barred = standings
                    .get(&found.key.0)
                    .map_or(Some("unsubscribed"), |standing| Standing::barred(*standing));
            }
        }
        Ok(())
    }

    /// One event to one delivery; `owner` is who claims it.
    pub(super) fn judge(&mut self, step: &Move, owner: Option<&str>) -> Result<State, Refusal> {
        let number = step.number.0;
        let found = self.found.get_mut(&number).ok_or(Refusal::NoSuchEdge)?;
        let next = apply(&found.row, &step.event, &found.around)?;
        // A late yes belongs to the attempt that heard it, whoever holds the row now.
        let heard_by = if let Event::Accept { token, .. } = &step.event { *token } else { None };
        if let Some(token) = heard_by.or(found.row.token) {
            if next.state == State::Armed {
                self.armed.push((token, number, next.attempts));
            } else if heard_by.is_some() || found.row.state == State::Armed {
                let reply = next.last.as_ref().map(|last| last.text.clone());
                self.ended.insert(token.0, (next.state, reply));
            }
        }
        if next.state == State::Pending && !found.row.state.is_open() {
            self.reopened.insert(found.issue);
        }
        let state = next.state;
        found.row = next;
        let owner = owner.map(str::to_owned);
        self.changed.entry(number).and_modify(|kept| *kept = owner.clone().or(kept.take())).or_insert(owner);
        Ok(state)
    }

    /// Writes whatever was judged.
    pub(super) fn write(self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        match tx.dialect() {
            Dialect::Sqlite => self.write_each(tx)?,
            Dialect::Postgres => self.write_together(tx)?,
        }
        for issue in &self.reopened {
            // Whoever closes the issue now does so before this, or sees the copy that waits.
            issues::hold(tx, *issue)?;
            tx.execute("UPDATE issue SET state = 'sending' WHERE id = ?1 AND state = 'done'", args![*issue])?;
        }
        Ok(())
    }

    fn write_each(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for (number, owner) in &self.changed {
            let Some(Found { row, .. }) = self.found.get(number) else { continue };
            tx.execute(
                "UPDATE delivery SET state = ?2, token = ?3, attempts = ?4, lease_until = ?5, next_at = ?6,
                        resends = ?7, had_unknown = ?8, bytes_sha256 = ?9, dated = ?10, reason = ?11,
                        last_phase = ?12, last_reply = ?13, owner = coalesce(?14, owner), changed_at = ?15
                 WHERE id = ?1",
                args![
                    *number,
                    row.state.as_str(),
                    row.token.as_ref().map(|token| &token.0),
                    row.attempts,
                    row.lease_until,
                    row.next_at,
                    row.resends,
                    row.had_unknown,
                    row.bytes.as_ref(),
                    row.dated,
                    row.reason.as_deref(),
                    row.last.as_ref().map(|last| last.phase.as_str()),
                    row.last.as_ref().map(|last| last.text.as_str()),
                    owner.as_deref(),
                    self.now
                ],
            )?;
        }
        for (token, number, attempts) in &self.armed {
            tx.execute(
                "INSERT INTO attempt (token, delivery, n, epoch, armed_at)
                 VALUES (?1, ?2, ?3, (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'), ?4)",
                args![&token.0, *number, *attempts, self.now],
            )?;
        }
        for (token, (state, reply)) in &self.ended {
            tx.execute(
                "UPDATE attempt SET ended_at = ?2, result = ?3, reply = ?4 WHERE token = ?1",
                args![token, self.now, state.as_str(), reply.as_deref()],
            )?;
        }
        Ok(())
    }

    /// The same in one statement for each table.
    fn write_together(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let mut table = Columns::default();
        for (number, owner) in &self.changed {
            let Some(Found { row, .. }) = self.found.get(number) else { continue };
            table.push(*number, row, owner.as_deref());
        }
        table.update(tx, self.now)?;
        if !self.armed.is_empty() {
            let tokens: Vec<_> = self.armed.iter().map(|(token, ..)| Some(token.0.as_slice())).collect();
            let numbers: Vec<_> = self.armed.iter().map(|(_, number, _)| Some(*number)).collect();
            let attempts: Vec<_> = self.armed.iter().map(|(.., n)| Some(i64::from(*n))).collect();
            tx.execute(
                "INSERT INTO attempt (token, delivery, n, epoch, armed_at)
                 SELECT token, delivery, n, (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'), ?4
                 FROM unnest(?1, ?2, ?3) AS armed (token, delivery, n)",
                args![tokens.as_slice(), numbers.as_slice(), attempts.as_slice(), self.now],
            )?;
        }
        if !self.ended.is_empty() {
            let tokens: Vec<_> = self.ended.keys().map(|token| Some(token.as_slice())).collect();
            let states: Vec<_> = self.ended.values().map(|(state, _)| Some(state.as_str())).collect();
            let replies: Vec<_> = self.ended.values().map(|(_, reply)| reply.as_deref()).collect();
            tx.execute(
                "UPDATE attempt SET ended_at = ?4, result = ended.result, reply = ended.reply
                 FROM unnest(?1, ?2, ?3) AS ended (token, result, reply) WHERE attempt.token = ended.token",
                args![tokens.as_slice(), states.as_slice(), replies.as_slice(), self.now],
            )?;
        }
        Ok(())
    }
}

/// Reads [`COLUMNS`], the number, the reader's key, the issue's state and its number.
pub(super) fn found(row: &dyn Row, now: DateTime<Utc>) -> Result<(i64, Found), StoreError> {
    let issue = issues::state(&row.get::<String>(WIDTH + 2)?)?;
    let around = Around { now, issue, barred: None, alone: false };
    let found = Found {
        row: delivery(row)?,
        issue: row.get(WIDTH + 3)?,
        key: AddressKey(row.get(WIDTH + 1)?),
        around,
    };
    Ok((row.get(WIDTH)?, found))
}

/// The rows to be written, turned on their side: one array for each column.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<Option<i64>>,
    state: Vec<Option<&'a str>>,
    token: Vec<Option<&'a [u8]>>,
    attempts: Vec<Option<i64>>,
    lease_until: Vec<Option<i64>>,
    next_at: Vec<Option<i64>>,
    resends: Vec<Option<i64>>,
    had_unknown: Vec<Option<i64>>,
    bytes: Vec<Option<&'a [u8]>>,
    dated: Vec<Option<i64>>,
    reason: Vec<Option<&'a str>>,
    last_phase: Vec<Option<&'a str>>,
    last_reply: Vec<Option<&'a str>>,
    owner: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, number: i64, row: &'a Delivery, owner: Option<&'a str>) {
        let millis = |time: DateTime<Utc>| time.timestamp_millis();
        self.id.push(Some(number));
        self.state.push(Some(row.state.as_str()));
        self.token.push(row.token.as_ref().map(|token| token.0.as_slice()));
        self.attempts.push(Some(i64::from(row.attempts)));
        self.lease_until.push(row.lease_until.map(millis));
        self.next_at.push(Some(millis(row.next_at)));
        self.resends.push(Some(i64::from(row.resends)));
        self.had_unknown.push(Some(i64::from(row.had_unknown)));
        self.bytes.push(row.bytes.as_ref().map(<[u8; 32]>::as_slice));
        self.dated.push(row.dated.map(millis));
        self.reason.push(row.reason.as_deref());
        self.last_phase.push(row.last.as_ref().map(|last| last.phase.as_str()));
        self.last_reply.push(row.last.as_ref().map(|last| last.text.as_str()));
        self.owner.push(owner);
    }

    fn update(&self, tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
        tx.execute(
            "UPDATE delivery SET state = new.state, token = new.token, attempts = new.attempts,
                    lease_until = new.lease_until, next_at = new.next_at, resends = new.resends,
                    had_unknown = new.had_unknown, bytes_sha256 = new.bytes, dated = new.dated, reason = new.reason,
                    last_phase = new.last_phase, last_reply = new.last_reply,
                    owner = coalesce(new.owner, delivery.owner), changed_at = ?15
             FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 AS new (id, state, token, attempts, lease_until, next_at, resends, had_unknown, bytes, dated, reason,
                         last_phase, last_reply, owner)
             WHERE delivery.id = new.id",
            &[
                Value::Ints(&self.id),
                Value::Texts(&self.state),
                Value::Blobs(&self.token),
                Value::Ints(&self.attempts),
                Value::Ints(&self.lease_until),
                Value::Ints(&self.next_at),
                Value::Ints(&self.resends),
                Value::Ints(&self.had_unknown),
                Value::Blobs(&self.bytes),
                Value::Ints(&self.dated),
                Value::Texts(&self.reason),
                Value::Texts(&self.last_phase),
                Value::Texts(&self.last_reply),
                Value::Texts(&self.owner),
                Value::from(now),
            ],
        )
        .map(drop)
    }
}
