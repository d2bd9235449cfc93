//! Rows of the delivery table in batches: read and locked, judged, written back.
//!
//! Rows are locked in the order of their numbers, so that two batches do not wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::many::execute_many;
use super::{Dialect, Row, StoreError, Tx, Value, args, corrupt_data, issues, subscribers};
use crate::ledger::transition::{Event, Rejection, TransitionContext, apply};
use crate::ledger::{Delivery, LastReply, State, Token};
use crate::store::StateChange;
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::SubscriptionStatus;

/// What [`delivery`] reads, in its order.
pub(super) const COLUMNS: &str =
    "delivery.state, token, attempts, lease_until, next_at, resends, had_unknown,
    bytes_sha256, dated, reason, last_phase, last_reply";
/// The number of these columns.
pub(super) const WIDTH: usize = 12;

/// The size of a batch if an event is applied to all deliveries of an issue.
pub(super) const PAGE: usize = 1_000;

/// One row, and the rest that the transition table needs to judge it.
pub(super) struct DeliveryContext {
    pub(super) row: Delivery,
    issue: i64,
    pub(super) key: AddressKey,
    pub(super) around: TransitionContext,
}

/// A row as the transition table sees it.
pub(super) fn delivery(row: &dyn Row) -> Result<Delivery, StoreError> {
    let word: String = row.get(0)?;
    let (last_phase, last_reply): (Option<String>, Option<String>) = (row.get(10)?, row.get(11)?);
    Ok(Delivery {
        state: State::from_code(&word).ok_or_else(|| corrupt_data(format!("the state {word:?}")))?,
        token: row.get::<Option<[u8; 16]>>(1)?.map(Token),
        attempts: row.get(2)?,
        lease_until: row.get(3)?,
        next_at: row.get(4)?,
        resends: row.get(5)?,
        had_unknown: row.get(6)?,
        bytes: row.get(7)?,
        dated: row.get(8)?,
        reason: row.get(9)?,
        last: last_phase.map(|phase| LastReply { phase, text: last_reply.unwrap_or_default() }),
    })
}

/// Deliveries that are locked until this transaction ends, and their changes.
pub(super) struct Batch {
    found: BTreeMap<i64, DeliveryContext>,
    /// The rows that were judged; a claim also sets the owner.
    changed: BTreeMap<i64, Option<String>>,
    armed: Vec<(Token, i64, u32)>,
    ended: BTreeMap<[u8; 16], (State, Option<String>)>,
    /// Issues that have something to send again: an unknown delivery was decided, or a sender whose lease was over
    /// reported a temporary rejection. Without this, a delivery of a finished issue would wait for ever.
    reopened: BTreeSet<i64>,
    now: DateTime<Utc>,
}

impl Batch {
    /// Reads and locks the deliveries with these numbers.
    pub(super) fn read(tx: &mut dyn Tx, numbers: &[i64], now: DateTime<Utc>) -> Result<Self, StoreError> {
        let mut batch = Self::of(BTreeMap::new(), now);
        // The issue is not locked: a pause must not wait, and a batch that was judged before the pause counts as
        // earlier.
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
    pub(super) const fn of(found: BTreeMap<i64, DeliveryContext>, now: DateTime<Utc>) -> Self {
        Self {
            found,
            changed: BTreeMap::new(),
            armed: Vec::new(),
            ended: BTreeMap::new(),
            reopened: BTreeSet::new(),
            now,
        }
    }

    /// A row after the events so far.
    pub(super) fn get(&self, number: i64) -> Option<&DeliveryContext> {
        self.found.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: i64) -> Option<&mut DeliveryContext> {
        self.found.get_mut(&number)
    }

    /// Looks up which subscribers of these rows must not be mailed; needed for a claim and an arm only. With `kept`
    /// their rows are locked until this transaction ends.
    pub(super) fn load_exclusions(
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
        let statuses = subscribers::statuses(tx, &keys, kept)?;
        for number in numbers {
            if let Some(found) = self.found.get_mut(number) {
                // Without a row the subscriber was erased, and must not be mailed.
                found.around.exclusion = statuses
                    .get(&found.key.0)
                    .map_or(Some("unsubscribed"), |status| SubscriptionStatus::exclusion_reason(*status));
            }
        }
        Ok(())
    }

    /// Applies one event to one delivery; `owner` is the process that claims it.
    pub(super) fn apply(&mut self, step: &StateChange, owner: Option<&str>) -> Result<State, Rejection> {
        let number = step.number.0;
        let found = self.found.get_mut(&number).ok_or(Rejection::NoSuchTransition)?;
        let next = apply(&found.row, &step.event, &found.around)?;
        // A late acceptance belongs to the attempt that received it, even if another process has claimed the row since.
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

    /// Writes all rows that were judged.
    pub(super) fn write(self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let (now, mut changed) = (Value::from(self.now), Vec::with_capacity(self.changed.len()));
        for (number, owner) in &self.changed {
            let Some(DeliveryContext { row, .. }) = self.found.get(number) else { continue };
            let values = args![
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
                now,
                *number
            ];
            changed.push(values.to_vec());
        }
        execute_many(
            tx,
            "UPDATE delivery SET state = new.state, token = new.token, attempts = new.attempts,
                    lease_until = new.lease_until, next_at = new.next_at, resends = new.resends,
                    had_unknown = new.had_unknown, bytes_sha256 = new.bytes, dated = new.dated, reason = new.reason,
                    last_phase = new.last_phase, last_reply = new.last_reply,
                    owner = coalesce(new.owner, delivery.owner), changed_at = new.changed_at
             FROM {new} WHERE delivery.id = new.id",
            &changed,
        )?;
        let armed = self.armed.iter().map(|(token, number, n)| args![&token.0, *number, *n, now].to_vec());
        execute_many(
            tx,
            "INSERT INTO attempt (token, delivery, n, epoch, armed_at)
             SELECT new.token, new.delivery, new.n, (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'),
                    new.armed_at
             FROM {new}",
            &armed.collect::<Vec<_>>(),
        )?;
        let ended = self
            .ended
            .iter()
            .map(|(token, (state, reply))| args![now, state.as_str(), reply.as_deref(), token].to_vec());
        execute_many(
            tx,
            "UPDATE attempt SET ended_at = new.ended_at, result = new.result, reply = new.reply
             FROM {new} WHERE attempt.token = new.token",
            &ended.collect::<Vec<_>>(),
        )?;
        for issue in &self.reopened {
            // A transaction that closes the issue either comes first, or sees the waiting delivery.
            issues::hold_lock(tx, *issue)?;
            tx.execute("UPDATE issue SET state = 'sending' WHERE id = ?1 AND state = 'done'", args![*issue])?;
        }
        Ok(())
    }
}

/// Reads [`COLUMNS`], the number, the subscriber's key, the issue's state and its number.
pub(super) fn found(row: &dyn Row, now: DateTime<Utc>) -> Result<(i64, DeliveryContext), StoreError> {
    let issue = issues::state(&row.get::<String>(WIDTH + 2)?)?;
    let around = TransitionContext { now, issue, exclusion: None, is_exclusive: false };
    let found = DeliveryContext {
        row: delivery(row)?,
        issue: row.get(WIDTH + 3)?,
        key: AddressKey(row.get(WIDTH + 1)?),
        around,
    };
    Ok((row.get(WIDTH)?, found))
}
