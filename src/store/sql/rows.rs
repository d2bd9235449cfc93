//! Rows of the delivery table in batches: read and locked, judged, written back.
//!
//! Rows are locked in the order of their numbers, so that two batches do not wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::counts::{self, CountChanges};
use super::many::execute_together;
use super::{Dialect, Row, StoreError, Tx, Value, args, issue_rows, subscribers};
use crate::ledger::transition::{Event, Rejection, TransitionContext, apply};
use crate::ledger::{Delivery, EVIDENCE, LastReply, State, Token, queue_id};
use crate::store::{MessageFields, StateChange};
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::SubscriptionStatus;

/// Replaces an erased address: `.invalid` is never a real host (RFC 2606), and the subscriber is suppressed.
pub(super) const NOBODY: &str = "erased@erased.invalid";

/// What [`delivery`] reads, in its order.
pub(super) const COLUMNS: &str =
    "delivery.state, token, attempts, lease_until, next_at, resends, had_unknown,
    bytes_sha256, dated, reason, last_phase, last_reply";
/// The number of these columns.
pub(super) const WIDTH: usize = 12;

const INSERT_ATTEMPTS: &str = "INSERT INTO attempt (issue, delivery, n, epoch, armed_at, token)
     SELECT new.issue, new.delivery,
            1 + coalesce((SELECT max(n) FROM attempt WHERE issue = new.issue AND delivery = new.delivery), 0),
            (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'), new.armed_at, new.token
     FROM {new}";

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
        state: counts::state(&word)?,
        token: row.get::<Option<[u8; 16]>>(1)?.map(Token),
        attempts: row.get(2)?,
        lease_until: row.get(3)?,
        next_at: row.get(4)?,
        resends: row.get(5)?,
        had_unknown: row.get(6)?,
        bytes: row.get(7)?,
        dated: row.get(8)?,
        reason: row.get(9)?,
        last: last_phase.clone().or_else(|| last_reply.clone()).map(|_| LastReply {
            phase: last_phase.unwrap_or_default(),
            text: last_reply.unwrap_or_default(),
        }),
    })
}

/// What an earlier version stored in the four columns from `first`.
pub(super) fn stored_fields(row: &dyn Row, first: usize) -> Result<Option<MessageFields>, StoreError> {
    let message_id: String = row.get(first)?;
    if message_id.is_empty() {
        return Ok(None);
    }
    let (boundary_seed, unsubscribe, bounce) =
        (row.get(first + 1)?, row.get(first + 2)?, row.get(first + 3)?);
    Ok(Some(MessageFields { message_id, boundary_seed, unsubscribe, bounce }))
}

/// Deliveries that are locked until this transaction ends, and their changes.
pub(super) struct Batch {
    found: BTreeMap<i64, DeliveryContext>,
    /// The rows that were judged; a claim also sets the owner.
    changed: BTreeMap<i64, Option<String>>,
    armed: Vec<(Token, i64, i64)>,
    ended: BTreeMap<[u8; 16], EndedAttempt>,
    /// A finished issue opens again if one of its deliveries does: an unknown delivery was decided, or a sender whose lease
    /// was over reported a temporary rejection. Without this, the delivery would wait for ever.
    counts: CountChanges,
    now: DateTime<Utc>,
}

impl Batch {
    /// Reads and locks these deliveries of each issue.
    pub(super) fn read(
        tx: &mut dyn Tx,
        wanted: &BTreeMap<i64, BTreeSet<i64>>,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut batch = Self::of(BTreeMap::new(), now);
        // The issue is not locked: a pause must not wait, and a batch that was judged before the pause counts as
        // earlier.
        let sql = format!(
            "SELECT {COLUMNS}, delivery.id, addr_key, issue.state, issue
             FROM delivery JOIN issue ON issue.id = delivery.issue WHERE delivery.issue = ?1 AND delivery.id"
        );
        let mut take = |row: &dyn Row| {
            let (number, found) = found(row, now)?;
            batch.found.insert(number, found);
            Ok(())
        };
        for (issue, numbers) in wanted {
            match tx.dialect() {
                Dialect::Sqlite => {
                    let sql = format!("{sql} = ?2");
                    for number in numbers {
                        tx.each(&sql, args![*issue, *number], &mut take)?;
                    }
                }
                Dialect::Postgres => {
                    let wanted: Vec<Option<i64>> = numbers.iter().copied().map(Some).collect();
                    let sql = format!("{sql} = ANY(?2) ORDER BY delivery.id FOR UPDATE OF delivery");
                    tx.each(&sql, args![*issue, wanted.as_slice()], &mut take)?;
                }
            }
        }
        Ok(batch)
    }

    /// Rows that were read and locked already.
    pub(super) fn of(found: BTreeMap<i64, DeliveryContext>, now: DateTime<Utc>) -> Self {
        Self {
            found,
            changed: BTreeMap::new(),
            armed: Vec::new(),
            ended: BTreeMap::new(),
            counts: CountChanges::default(),
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
        let number = step.delivery.number.0;
        let found = self.found.get_mut(&number).ok_or(Rejection::NoSuchTransition)?;
        let next = apply(&found.row, &step.event, &found.around)?;
        // A late acceptance belongs to the attempt that received it, even if another process has claimed the row since.
        let heard_by = if let Event::Accept { token, .. } = &step.event { *token } else { None };
        if let Some(token) = heard_by.or(found.row.token) {
            if next.state == State::Armed {
                self.armed.push((token, found.issue, number));
            } else if heard_by.is_some() || found.row.state == State::Armed {
                let reply = next.last.as_ref().map(|last| last.text.clone());
                let ended = EndedAttempt { issue: found.issue, delivery: number, state: next.state, reply };
                self.ended.insert(token.0, ended);
            }
        }
        self.counts.moved(found.issue, found.row.state, next.state);
        let state = next.state;
        found.row = next;
        let owner = owner.map(str::to_owned);
        self.changed.entry(number).and_modify(|kept| *kept = owner.clone().or(kept.take())).or_insert(owner);
        Ok(state)
    }

    /// Writes all rows that were judged.
    pub(super) fn write(self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        // A delivery may have been erased while its message was on its way; the server's reply repeats the address.
        let update_rows = format!(
            "UPDATE delivery SET state = new.state, token = new.token, attempts = new.attempts,
                    lease_until = new.lease_until, next_at = new.next_at, resends = new.resends,
                    had_unknown = new.had_unknown, bytes_sha256 = new.bytes, dated = new.dated, reason = new.reason,
                    last_phase = new.last_phase,
                    last_reply = CASE WHEN delivery.address <> '{NOBODY}' THEN new.last_reply END,
                    owner = CASE WHEN new.lease_until IS NOT NULL THEN coalesce(new.owner, delivery.owner) END,
                    changed_at = new.changed_at
             FROM {{new}} WHERE delivery.issue = new.issue AND delivery.id = new.id"
        );
        let end_attempts = format!(
            "UPDATE attempt SET ended_at = new.ended_at, result = new.result, token = new.kept,
                    reply = CASE WHEN new.reply IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM delivery
                        WHERE issue = new.issue AND id = new.delivery AND address = '{NOBODY}') THEN new.reply END
             FROM {{new}}
             WHERE attempt.issue = new.issue AND attempt.delivery = new.delivery AND attempt.token = new.token"
        );
        execute_together(
            tx,
            &[
                (&update_rows, &self.changed_rows()),
                (INSERT_ATTEMPTS, &self.armed_attempts()),
                (&end_attempts, &self.ended_attempts()),
            ],
        )?;
        self.counts.write(tx, self.now)
    }

    fn changed_rows(&self) -> Vec<Vec<Value<'_>>> {
        let mut changed = Vec::with_capacity(self.changed.len());
        for (number, owner) in &self.changed {
            let Some(DeliveryContext { row, issue, .. }) = self.found.get(number) else { continue };
            let stored = Stored::of(row);
            let values = args![
                row.state.as_str(),
                row.token.as_ref().map(|token| &token.0),
                row.attempts,
                row.lease_until,
                stored.next_at,
                row.resends,
                row.had_unknown,
                row.bytes.as_ref(),
                row.dated,
                row.reason.as_deref(),
                stored.phase,
                stored.reply,
                owner.as_deref().filter(|_| row.lease_until.is_some()),
                self.now,
                *issue,
                *number
            ];
            changed.push(values.to_vec());
        }
        changed
    }

    fn armed_attempts(&self) -> Vec<Vec<Value<'_>>> {
        let armed = self.armed.iter();
        armed.map(|(token, issue, delivery)| args![*issue, *delivery, self.now, &token.0].to_vec()).collect()
    }

    fn ended_attempts(&self) -> Vec<Vec<Value<'_>>> {
        let ended = self.ended.iter().map(|(token, EndedAttempt { issue, delivery, state, reply })| {
            // The reply to a message that was sent is kept with its delivery, and no later event names its token.
            let is_open_end = *state != State::Sent;
            let (kept, reply) = (is_open_end.then_some(token), reply.as_deref().filter(|_| is_open_end));
            args![self.now, state.as_str(), kept, reply, *issue, *delivery, token].to_vec()
        });
        ended.collect()
    }
}

/// The end of an attempt.
struct EndedAttempt {
    issue: i64,
    delivery: i64,
    state: State,
    reply: Option<String>,
}

/// What the table keeps of the time and the reply of a row. Of a message that was sent that is only the name that the
/// relay gave it, except where the reply is the evidence.
struct Stored<'a> {
    next_at: DateTime<Utc>,
    phase: Option<&'a str>,
    reply: Option<&'a str>,
}

impl<'a> Stored<'a> {
    fn of(row: &'a Delivery) -> Self {
        let (phase, reply) = row.last.as_ref().map(|last| (last.phase.as_str(), last.text.as_str())).unzip();
        if row.state != State::Sent {
            return Self { next_at: row.next_at, phase, reply };
        }
        let next_at = DateTime::UNIX_EPOCH;
        if phase == Some(EVIDENCE) {
            return Self { next_at, phase, reply };
        }
        Self { next_at, phase: None, reply: reply.and_then(queue_id) }
    }
}

/// Reads [`COLUMNS`], the number, the subscriber's key, the issue's state and its number.
pub(super) fn found(row: &dyn Row, now: DateTime<Utc>) -> Result<(i64, DeliveryContext), StoreError> {
    let issue = issue_rows::state(&row.get::<String>(WIDTH + 2)?)?;
    let around = TransitionContext { now, issue, exclusion: None, is_exclusive: false };
    let found = DeliveryContext {
        row: delivery(row)?,
        issue: row.get(WIDTH + 3)?,
        key: AddressKey(row.get(WIDTH + 1)?),
        around,
    };
    Ok((row.get(WIDTH)?, found))
}
