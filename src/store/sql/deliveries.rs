//! Deliveries: rows in and out of the transition table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::events::{self, Entry};
use super::rows::{self, Batch, COLUMNS, DeliveryContext};
use super::{Dialect, Row, Store, StoreError, Tx, Value, address, args, issue_rows, meta, rate_limit};
use crate::address::EmailAddress;
use crate::ledger::transition::{Event, Rejection};
use crate::ledger::{State, Token};
use crate::store::{
    Claimed, Decision, DeliveryId, DeliveryNumber, DeliveryStore, IssueNumber, LeaseClaim, MessageFields,
    PermitGrant, RateLimitedClaim, StateChange, owner,
};
use crate::subscribers::AddressKey;
use crate::text::HeaderText;

#[async_trait]
impl DeliveryStore for Store {
    async fn claim(
        &self,
        claim: LeaseClaim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.repeated("claiming deliveries", now, move |tx, now| claim_from(tx, &claim, None, &tokens, now))
            .await
    }

    async fn due_domains(&self, issue: IssueNumber, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        self.write("looking for domains", now, move |tx, now| rate_limit::due_domains(tx, issue, now)).await
    }

    async fn claim_within_limits(
        &self,
        limited: RateLimitedClaim,
        claim: LeaseClaim,
        tokens: Vec<Token>,
        now: DateTime<Utc>,
    ) -> Result<PermitGrant, StoreError> {
        self.repeated("claiming deliveries", now, move |tx, now| {
            rate_limit::claim(tx, &limited, &claim, &tokens, now)
        })
        .await
    }

    async fn commit(
        &self,
        moves: Vec<StateChange>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Rejection>>, StoreError> {
        let (outcomes, armed) = self
            .repeated("recording outcomes", now, move |tx, now| {
                let outcomes = commit(tx, &moves, now)?;
                let armed = meta::count_armed(tx, newly_armed(&moves, &outcomes))?;
                Ok((outcomes, armed))
            })
            .await?;
        if let Some(armed) = armed {
            self.note_armed(armed)?;
        }
        Ok(outcomes)
    }
}

fn newly_armed(moves: &[StateChange], outcomes: &[Result<State, Rejection>]) -> u64 {
    let arms = moves
        .iter()
        .zip(outcomes)
        .filter(|(step, outcome)| matches!(step.event, Event::Arm { .. }) && **outcome == Ok(State::Armed));
    arms.count() as u64
}

impl Store {
    /// T9 and T10 for every delivery that another process has claimed, or whose lease is over. Returns how many are
    /// waiting again, and how many are unknown now.
    pub async fn recover(
        &self,
        owner: &str,
        alone: bool,
        now: DateTime<Utc>,
    ) -> Result<(u64, u64), StoreError> {
        let owner = owner.to_owned();
        self.write("recovering after a crash", now, move |tx, now| recover(tx, &owner, alone, now)).await
    }

    /// Makes deliveries due that a clock has made wait which was ahead: a first attempt is never later than now, and a later
    /// one not by more than the longest wait of the schedule. Returns how many.
    pub async fn pull_forward(&self, longest: TimeDelta, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write("looking for deliveries that wait too long", now, move |tx, now| {
            tx.execute(
                "UPDATE delivery SET next_at = ?1
                 WHERE issue IN (SELECT id FROM issue WHERE finished_at IS NULL) AND open = 1 AND state = 'pending'
                 AND next_at > ?1 AND (attempts = 0 OR next_at > ?2)",
                args![now, now + longest],
            )
        })
        .await
    }

    /// T11, T12, T15 or T16, recorded with who decided and why.
    pub async fn resolve(
        &self,
        delivery: DeliveryId,
        event: Event,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Rejection>, StoreError> {
        let decision = Decision { event, actor: "resolve", why: why.to_owned() };
        self.write("recording a decision", now, move |tx, now| decide(tx, delivery, &decision, now)).await
    }

    /// The same decision about many deliveries, in one transaction. Returns for how many it was possible.
    pub async fn decide_all(
        &self,
        deliveries: Vec<DeliveryId>,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write("recording a decision", now, move |tx, now| {
            let mut settled = 0;
            for delivery in &deliveries {
                settled += u64::from(decide(tx, *delivery, &decision, now)?.is_ok());
            }
            Ok(settled)
        })
        .await
    }
}

/// Applies one event to each of many deliveries: read, judge, write. The rows stay locked until the transaction ends.
pub(super) fn commit(
    tx: &mut dyn Tx,
    moves: &[StateChange],
    now: DateTime<Utc>,
) -> Result<Vec<Result<State, Rejection>>, StoreError> {
    let mut batch = Batch::read(tx, &by_issue(moves.iter().map(|step| step.delivery)), now)?;
    let arms = moves.iter().filter(|step| matches!(step.event, Event::Arm { .. }));
    let mut arms: Vec<i64> = arms.map(|step| step.delivery.number.0).collect();
    arms.sort_unstable();
    batch.load_exclusions(tx, &arms, true)?;
    let outcomes = moves.iter().map(|step| batch.apply(step, None)).collect();
    batch.write(tx)?;
    Ok(outcomes)
}

/// Applies one event to one delivery.
pub(super) fn step(
    tx: &mut dyn Tx,
    step: &StateChange,
    now: DateTime<Utc>,
) -> Result<Result<State, Rejection>, StoreError> {
    let outcome = commit(tx, std::slice::from_ref(step), now)?.pop();
    Ok(outcome.unwrap_or(Err(Rejection::NoSuchTransition)))
}

/// Deliveries by issue, each once and in order.
pub(super) fn by_issue(deliveries: impl Iterator<Item = DeliveryId>) -> BTreeMap<i64, BTreeSet<i64>> {
    let mut issues: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for delivery in deliveries {
        issues.entry(delivery.issue.0).or_default().insert(delivery.number.0);
    }
    issues
}

/// Claims up to `claim.limit` deliveries; only to `domain`, if there is one.
pub(super) fn claim_from(
    tx: &mut dyn Tx,
    claim: &LeaseClaim,
    domain: Option<&str>,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    // Processes that claim at the same time get different rows.
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE OF delivery SKIP LOCKED",
    };
    // The attempts are counted, because of EXISTS the server would make a table of all attempts of the issue for each claim.
    let in_domain = if domain.is_some() { "AND domain = ?4" } else { "" };
    let waiting = format!(
        "SELECT {COLUMNS}, delivery.id, addr_key, issue.state, issue, address, name, message_id, boundary_seed,
                unsubscribe, bounce, (
                    SELECT count(*) FROM attempt
                    WHERE attempt.issue = ?1 AND attempt.delivery = delivery.id AND result = 'sent')
         FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE issue = ?1 AND open = 1 AND delivery.state = 'pending' AND next_at <= ?2 {in_domain}
         ORDER BY next_at, delivery.id LIMIT ?3 {lock}"
    );
    let mut tokens = &tokens[..tokens.len().min(claim.limit)];
    let mut claimed = Vec::with_capacity(tokens.len());
    // If all subscribers of a batch have unsubscribed, it claims nothing, but others may wait behind it.
    loop {
        let (mut rows, mut due) = (BTreeMap::new(), Vec::new());
        let mut values = args![claim.issue.0, now, tokens.len()].to_vec();
        values.extend(domain.map(Value::from));
        tx.each(&waiting, &values, &mut |row| {
            let (number, found) = rows::found(row, now)?;
            due.push((number, DeliveryRow::read(row)?));
            rows.insert(number, found);
            Ok(())
        })?;
        let numbers: Vec<i64> = rows.keys().copied().collect();
        let mut batch = Batch::of(rows, now);
        batch.load_exclusions(tx, &numbers, false)?;
        let mut moved = false;
        for (number, row) in due {
            let Some((token, others)) = tokens.split_first() else { break };
            // A damaged or edited ledger may say that it is waiting, although a relay took it.
            let event = if row.is_accepted {
                Event::Accept { token: None, last: None }
            } else {
                Event::Claim { token: *token, lease: claim.lease }
            };
            let delivery = DeliveryId { issue: claim.issue, number: DeliveryNumber(number) };
            let step = StateChange { delivery, event };
            let Ok(state) = batch.apply(&step, Some(&claim.owner)) else { continue };
            moved = true;
            if let (State::Claimed, Some(found)) = (state, batch.get(number)) {
                claimed.push(row.claimed(&step, *token, found));
                tokens = others;
            }
        }
        batch.write(tx)?;
        if !moved || !claimed.is_empty() || tokens.is_empty() {
            return Ok(claimed);
        }
    }
}

/// What was fixed at the freeze.
struct DeliveryRow {
    address: EmailAddress,
    name: Option<HeaderText>,
    fields: Option<MessageFields>,
    /// Whether one of its attempts was accepted.
    is_accepted: bool,
}

impl DeliveryRow {
    fn read(row: &dyn Row) -> Result<Self, StoreError> {
        const FIRST: usize = rows::WIDTH + 4;
        Ok(Self {
            address: address(&row.get::<String>(FIRST)?)?,
            name: row.get::<Option<String>>(FIRST + 1)?.and_then(|name| HeaderText::lossy(&name)),
            fields: rows::stored_fields(row, FIRST + 2)?,
            is_accepted: row.get::<u64>(FIRST + 6)? > 0,
        })
    }

    fn claimed(self, step: &StateChange, token: Token, found: &DeliveryContext) -> Claimed {
        Claimed {
            id: step.delivery,
            key: found.key,
            address: self.address,
            name: self.name,
            fields: self.fields,
            token,
            attempts: found.row.attempts,
            dated: found.row.dated.unwrap_or(found.row.next_at),
        }
    }
}

/// A delivery that a process has claimed.
struct Held {
    id: DeliveryId,
    owner: Option<String>,
    token: Option<[u8; 16]>,
}

fn recover(tx: &mut dyn Tx, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
    let held: Vec<Held> = tx.all(
        "SELECT issue, delivery.id, owner, token FROM issue CROSS JOIN delivery
         WHERE finished_at IS NULL AND issue = issue.id AND open = 1 AND delivery.state IN ('claimed', 'armed')
         AND (owner IS NULL OR owner <> ?1) ORDER BY issue, delivery.id",
        args![owner],
        |row| Ok(Held { id: found_delivery(row)?, owner: row.get(2)?, token: row.get(3)? }),
    )?;
    let mut gone: HashMap<Option<String>, bool> = HashMap::new();
    let (mut waiting, mut unknown) = (0, 0);
    for page in held.chunks(rows::PAGE) {
        let mut batch = Batch::read(tx, &by_issue(page.iter().map(|held| held.id)), now)?;
        for Held { id, owner, token } in page {
            let is_gone =
                *gone.entry(owner.clone()).or_insert_with(|| owner.as_deref().is_some_and(owner::is_gone));
            if let Some(found) = batch.get_mut(id.number.0) {
                // A row that was claimed again since the query belongs to another process.
                let same = found.row.token.map(|held| held.0) == *token;
                found.around.is_exclusive = alone || (is_gone && same);
            }
            let step = StateChange { delivery: *id, event: Event::Recover };
            let Ok(state) = batch.apply(&step, None) else { continue };
            *(if state == State::Unknown { &mut unknown } else { &mut waiting }) += 1;
        }
        batch.write(tx)?;
    }
    Ok((waiting, unknown))
}

/// Applies the same event to each of many deliveries; returns how many it moved.
pub(in crate::store) fn to_each(
    tx: &mut dyn Tx,
    deliveries: &[DeliveryId],
    event: &Event,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut moved = 0;
    for page in deliveries.chunks(rows::PAGE) {
        let moves: Vec<StateChange> =
            page.iter().map(|delivery| StateChange { delivery: *delivery, event: event.clone() }).collect();
        // A refused row was moved by another process meanwhile.
        moved += commit(tx, &moves, now)?.iter().filter(|outcome| outcome.is_ok()).count() as u64;
    }
    Ok(moved)
}

/// Which deliveries an event is for.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Issue(i64),
    Subscriber(AddressKey),
}

/// T13 for every delivery in `scope` that is not armed yet.
pub(super) fn skip_waiting(
    tx: &mut dyn Tx,
    scope: Scope,
    reason: &'static str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (condition, value) = match &scope {
        Scope::Issue(issue) => ("issue.id = ?1", Value::from(*issue)),
        // No delivery of a finished issue is waiting.
        Scope::Subscriber(key) => ("issue.finished_at IS NULL AND addr_key = ?1", Value::from(&key.0)),
    };
    let sql = format!(
        "SELECT delivery.issue, delivery.id FROM issue CROSS JOIN delivery
         WHERE delivery.issue = issue.id AND {condition} AND open = 1 AND delivery.state IN ('pending', 'claimed')
         ORDER BY delivery.issue, delivery.id"
    );
    let waiting = tx.all(&sql, &[value], found_delivery)?;
    to_each(tx, &waiting, &Event::Skip { reason }, now).map(drop)
}

/// The deliveries to one subscriber, whose key is `?1`. Deliveries have an index by issue and subscriber, and there are
/// few issues.
pub(super) const TO_SUBSCRIBER: &str = "issue IN (SELECT id FROM issue) AND addr_key = ?1";

/// Reads an issue and a delivery of it.
pub(in crate::store) fn found_delivery(row: &dyn Row) -> Result<DeliveryId, StoreError> {
    Ok(DeliveryId { issue: IssueNumber(row.get(0)?), number: DeliveryNumber(row.get(1)?) })
}

/// A decision of a person: the move, the record of who decided and why, and if needed the reopening of the issue.
fn decide(
    tx: &mut dyn Tx,
    delivery: DeliveryId,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Result<State, Rejection>, StoreError> {
    // A cancelled issue sends nothing: a delivery that is put back to waiting there would wait for ever.
    let state = issue_rows::hold_lock(tx, delivery.issue.0)?;
    if matches!(decision.event, Event::Resend | Event::Retry) && state.as_deref() == Some("cancelled") {
        return Ok(Err(Rejection::NoSuchTransition));
    }
    let (number, step) = (delivery.number.0, StateChange { delivery, event: decision.event.clone() });
    let mut batch = Batch::read(tx, &by_issue(std::iter::once(delivery)), now)?;
    let Some(key) = batch.get(number).map(|found| found.key) else {
        return Ok(Err(Rejection::NoSuchTransition));
    };
    batch.load_exclusions(tx, &[number], true)?;
    let outcome = batch.apply(&step, None);
    if outcome.is_err() {
        return Ok(outcome);
    }
    batch.write(tx)?;
    let kind = match decision.event {
        Event::Resend => "resend",
        Event::Acknowledge => "leave",
        Event::Retry => "retry",
        _ => "evidence",
    };
    let entry = Entry {
        issue: Some(delivery.issue.0),
        detail: &decision.why,
        ..Entry::about(key, kind, decision.actor)
    };
    events::append(tx, &entry, now)?;
    Ok(outcome)
}
