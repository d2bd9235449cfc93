//! Deliveries: rows in and out of the transition table.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::rows::{self, Batch, COLUMNS, DeliveryContext, delivery};
use super::{Dialect, Row, Store, StoreError, Tx, Value, address, args, issues, rate_limit};
use crate::address::EmailAddress;
use crate::ledger::transition::{Event, Rejection};
use crate::ledger::{State, Token};
use crate::store::{
    Claimed, Decision, DeliveryNumber, DeliveryStore, DeliveryView, Filter, IssueNumber, LeaseClaim,
    MessageFields, PermitGrant, RateLimitedClaim, StateChange, owner,
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
        self.write("claiming deliveries", now, move |tx, now| claim_from(tx, &claim, None, &tokens, now))
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
        self.write("claiming deliveries", now, move |tx, now| {
            rate_limit::claim(tx, &limited, &claim, &tokens, now)
        })
        .await
    }

    async fn commit(
        &self,
        moves: Vec<StateChange>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<State, Rejection>>, StoreError> {
        self.write("recording outcomes", now, move |tx, now| commit(tx, &moves, now)).await
    }
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

    /// The deliveries that `filter` describes, to be shown to people.
    pub async fn deliveries(&self, filter: Filter) -> Result<Vec<DeliveryView>, StoreError> {
        self.read("reading the ledger", move |tx| list(tx, &filter)).await
    }

    /// T11, T12, T15 or T16, recorded with who decided and why.
    pub async fn resolve(
        &self,
        number: DeliveryNumber,
        event: Event,
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<State, Rejection>, StoreError> {
        let decision = Decision { event, actor: "resolve", why: why.to_owned() };
        self.write("recording a decision", now, move |tx, now| decide(tx, number, &decision, now)).await
    }

    /// The same decision about many deliveries, in one transaction. Returns for how many it was possible.
    pub async fn decide_all(
        &self,
        numbers: Vec<DeliveryNumber>,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write("recording a decision", now, move |tx, now| {
            let mut settled = 0;
            for number in &numbers {
                settled += u64::from(decide(tx, *number, &decision, now)?.is_ok());
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
    let mut batch = Batch::read(tx, &numbers(moves), now)?;
    let arms: Vec<StateChange> =
        moves.iter().filter(|step| matches!(step.event, Event::Arm { .. })).cloned().collect();
    batch.load_exclusions(tx, &numbers(&arms), true)?;
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

/// The deliveries in the moves, each once and in order.
fn numbers(moves: &[StateChange]) -> Vec<i64> {
    let mut numbers: Vec<i64> = moves.iter().map(|step| step.number.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
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
    let in_domain = if domain.is_some() { "AND lane = ?4" } else { "" };
    let waiting = format!(
        "SELECT {COLUMNS}, delivery.id, addr_key, issue.state, issue, address, name, message_id, boundary_seed,
                unsubscribe, bounce
         FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE issue = ?1 AND delivery.state = 'pending' AND next_at <= ?2 {in_domain}
         ORDER BY delivery.id LIMIT ?3 {lock}"
    );
    let mut tokens = tokens.iter().take(claim.limit);
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
            let Some(token) = tokens.next() else { break };
            let event = Event::Claim { token: *token, lease: claim.lease };
            let step = StateChange { number: DeliveryNumber(number), event };
            let Ok(state) = batch.apply(&step, Some(&claim.owner)) else { continue };
            moved = true;
            if let (State::Claimed, Some(found)) = (state, batch.get(number)) {
                claimed.push(row.claimed(&step, *token, found));
            }
        }
        batch.write(tx)?;
        if !moved || !claimed.is_empty() || tokens.len() == 0 {
            return Ok(claimed);
        }
    }
}

/// What was fixed at the freeze.
struct DeliveryRow {
    address: EmailAddress,
    name: Option<HeaderText>,
    fields: MessageFields,
}

impl DeliveryRow {
    fn read(row: &dyn Row) -> Result<Self, StoreError> {
        const FIRST: usize = rows::WIDTH + 4;
        Ok(Self {
            address: address(&row.get::<String>(FIRST)?)?,
            name: row.get::<Option<String>>(FIRST + 1)?.and_then(|name| HeaderText::lossy(&name)),
            fields: MessageFields {
                message_id: row.get(FIRST + 2)?,
                boundary_seed: row.get(FIRST + 3)?,
                unsubscribe: row.get(FIRST + 4)?,
                bounce: row.get(FIRST + 5)?,
            },
        })
    }

    fn claimed(self, step: &StateChange, token: Token, found: &DeliveryContext) -> Claimed {
        Claimed {
            number: step.number,
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

fn recover(tx: &mut dyn Tx, owner: &str, alone: bool, now: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
    let held: Vec<(i64, Option<String>, Option<[u8; 16]>)> = tx.all(
        "SELECT id, owner, token FROM delivery WHERE state IN ('claimed', 'armed') AND (owner IS NULL OR owner <> ?1)
         ORDER BY id",
        args![owner],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut gone: HashMap<Option<String>, bool> = HashMap::new();
    let (mut waiting, mut unknown) = (0, 0);
    for page in held.chunks(rows::PAGE) {
        let numbers: Vec<i64> = page.iter().map(|(number, ..)| *number).collect();
        let mut batch = Batch::read(tx, &numbers, now)?;
        for (number, owner, token) in page {
            let is_gone =
                *gone.entry(owner.clone()).or_insert_with(|| owner.as_deref().is_some_and(owner::is_gone));
            if let Some(found) = batch.get_mut(*number) {
                // A row that was claimed again since the query belongs to another process.
                let same = found.row.token.map(|held| held.0) == *token;
                found.around.is_exclusive = alone || (is_gone && same);
            }
            let step = StateChange { number: DeliveryNumber(*number), event: Event::Recover };
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
    numbers: &[i64],
    event: &Event,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut moved = 0;
    for page in numbers.chunks(rows::PAGE) {
        let moves: Vec<StateChange> = page
            .iter()
            .map(|number| StateChange { number: DeliveryNumber(*number), event: event.clone() })
            .collect();
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
    let (column, value) = match &scope {
        Scope::Issue(issue) => ("issue", Value::from(*issue)),
        Scope::Subscriber(key) => ("addr_key", Value::from(&key.0)),
    };
    let sql = format!(
        "SELECT id FROM delivery WHERE {column} = ?1 AND state IN ('pending', 'claimed') ORDER BY id"
    );
    let waiting: Vec<i64> = tx.all(&sql, &[value], |row| row.get(0))?;
    to_each(tx, &waiting, &Event::Skip { reason }, now).map(drop)
}

fn list(tx: &mut dyn Tx, filter: &Filter) -> Result<Vec<DeliveryView>, StoreError> {
    let (mut wanted, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
    if let Some(post) = &filter.post {
        values.push(Value::from(post));
        wanted.push(format!("post = ?{}", values.len()));
    }
    if let Some(subscriber) = &filter.subscriber {
        values.push(Value::from(&subscriber.0));
        wanted.push(format!("addr_key = ?{}", values.len()));
    }
    if !filter.states.is_empty() {
        let first = values.len() + 1;
        values.extend(filter.states.iter().map(|state| Value::from(state.as_str())));
        let places: Vec<String> = (first..=values.len()).map(|place| format!("?{place}")).collect();
        wanted.push(format!("state IN ({})", places.join(", ")));
    }
    let sql = format!(
        "SELECT {COLUMNS}, delivery.id, post, subject, address, message_id, delivery.changed_at
         FROM (SELECT id AS issue_id, post, subject, frozen_at FROM issue) AS issues
         JOIN delivery ON delivery.issue = issue_id WHERE {} ORDER BY issue_id DESC, delivery.id",
        wanted.join(" AND ")
    );
    tx.all(&sql, &values, |row| {
        Ok(DeliveryView {
            number: DeliveryNumber(row.get(12)?),
            post: row.get(13)?,
            subject: issues::subject(&row.get::<String>(14)?)?,
            address: row.get(15)?,
            message_id: row.get(16)?,
            row: delivery(row)?,
            changed_at: row.get(17)?,
        })
    })
}

/// A decision of a person: the move, the record of who decided and why, and if needed the reopening of the issue.
fn decide(
    tx: &mut dyn Tx,
    number: DeliveryNumber,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Result<State, Rejection>, StoreError> {
    let issue: Option<i64> =
        tx.one("SELECT issue FROM delivery WHERE id = ?1", args![number.0], |row| row.get(0))?;
    let Some(issue) = issue else { return Ok(Err(Rejection::NoSuchTransition)) };
    // A cancelled issue sends nothing: a delivery that is put back to waiting there would wait for ever.
    let state = issues::hold_lock(tx, issue)?;
    if matches!(decision.event, Event::Resend | Event::Retry) && state.as_deref() == Some("cancelled") {
        return Ok(Err(Rejection::NoSuchTransition));
    }
    let mut batch = Batch::read(tx, &[number.0], now)?;
    let Some(key) = batch.get(number.0).map(|found| found.key) else {
        return Ok(Err(Rejection::NoSuchTransition));
    };
    batch.load_exclusions(tx, &[number.0], true)?;
    let outcome = batch.apply(&StateChange { number, event: decision.event.clone() }, None);
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
    let entry =
        Entry { issue: Some(issue), detail: &decision.why, ..Entry::about(key, kind, decision.actor) };
    events::append(tx, &entry, now)?;
    Ok(outcome)
}
