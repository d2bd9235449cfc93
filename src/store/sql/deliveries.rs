//! Deliveries: rows in and out of the transition table.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Dialect, Row, StoreError, Tx, Value, args, issues, nonsense, readers};
use crate::address::EmailAddress;
use crate::ledger::transition::{Around, Event, Refusal, apply};
use crate::ledger::{Delivery, IssueState, LastWord, State, Token};
use crate::store::{Claim, Claimed, Decision, DeliveryNumber, DeliveryView, Filter, Imprint, Move};
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::Standing;
use crate::text::HeaderText;

const COLUMNS: &str =
    "state, token, attempts, lease_until, next_at, resends, had_unknown, bytes_sha256, dated, reason,
                       last_phase, last_reply";

/// One row, and what else the transition table must know to judge it.
struct Found {
    row: Delivery,
    issue: i64,
    key: AddressKey,
    around: Around,
}

/// Reads a row to judge it: nobody else may change it, its issue or its reader before this transaction ends.
fn find(tx: &mut dyn Tx, number: DeliveryNumber, now: DateTime<Utc>) -> Result<Option<Found>, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE OF delivery FOR SHARE OF issue",
    };
    let sql = format!(
        "SELECT delivery.{COLUMNS}, issue, addr_key, issue.state FROM delivery JOIN issue ON issue.id = delivery.issue
         WHERE delivery.id = ?1 {lock}"
    );
    let found = tx.one(&sql, args![number.0], |row| {
        Ok((delivery(row)?, row.get(12)?, AddressKey(row.get(13)?), row.get::<String>(14)?))
    })?;
    let Some((row, issue, key, word)) = found else { return Ok(None) };
    // A reader whose row is gone was erased, and an erased reader is not mailed.
    let barred = readers::standing_kept(tx, key)?.map_or(Some("unsubscribed"), Standing::barred);
    let stands = issues::state(&word)?;
    Ok(Some(Found { row, issue, key, around: Around { now, issue: stands, barred, alone: false } }))
}

fn delivery(row: &dyn Row) -> Result<Delivery, StoreError> {
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

fn write(
    tx: &mut dyn Tx,
    number: DeliveryNumber,
    row: &Delivery,
    owner: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE delivery SET state = ?2, token = ?3, attempts = ?4, lease_until = ?5, next_at = ?6, resends = ?7,
                had_unknown = ?8, bytes_sha256 = ?9, dated = ?10, reason = ?11, last_phase = ?12, last_reply = ?13,
                owner = coalesce(?14, owner), changed_at = ?15
         WHERE id = ?1",
        args![
            number.0,
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
            owner,
            now
        ],
    )
    .map(drop)
}

/// One event to one delivery: read, judge, write. The transaction keeps everybody else out.
pub(super) fn step(
    tx: &mut dyn Tx,
    step: &Move,
    now: DateTime<Utc>,
) -> Result<Result<State, Refusal>, StoreError> {
    let Some(found) = find(tx, step.number, now)? else { return Ok(Err(Refusal::NoSuchEdge)) };
    let next = match apply(&found.row, &step.event, &found.around) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    write(tx, step.number, &next, None, now)?;
    note_attempt(tx, step, &found.row, &next, now)?;
    if next.state == State::Pending && found.around.issue == IssueState::Done {
        reopen(tx, found.issue)?;
    }
    Ok(Ok(next.state))
}

/// A finished issue has something to send again: a doubt was decided, or a sender that was given up for dead came back
/// with a "not now". Left as it is, the copy would wait unseen for ever.
fn reopen(tx: &mut dyn Tx, issue: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE issue SET state = 'sending' WHERE id = ?1 AND state = 'done'", args![issue]).map(drop)
}

/// The attempts table: a line when a copy is armed, completed when its fate is known.
fn note_attempt(
    tx: &mut dyn Tx,
    step: &Move,
    before: &Delivery,
    after: &Delivery,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // A late yes belongs to the attempt that heard it, whoever holds the row now.
    let heard_by = if let Event::Accept { token, .. } = &step.event { *token } else { None };
    // An adoption takes the token away, but the attempt that it ends is still named by it.
    let Some(token) = heard_by.or(after.token).or(before.token) else { return Ok(()) };
    if after.state == State::Armed {
        tx.execute(
            "INSERT INTO attempt (token, delivery, n, epoch, armed_at)
             VALUES (?1, ?2, ?3, (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'epoch'), ?4)",
            args![&token.0, step.number.0, after.attempts, now],
        )?;
    } else if heard_by.is_some() || before.state == State::Armed {
        let reply = after.last.as_ref().map(|last| last.text.as_str());
        tx.execute(
            "UPDATE attempt SET ended_at = ?2, result = ?3, reply = ?4 WHERE token = ?1",
            args![&token.0, now, after.state.as_str(), reply],
        )?;
    }
    Ok(())
}

pub(super) fn claim(
    tx: &mut dyn Tx,
    claim: &Claim,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    claim_from(tx, claim, None, tokens, now)
}

/// Claims up to `claim.most` copies, of one domain if a `lane` is named.
pub(super) fn claim_from(
    tx: &mut dyn Tx,
    claim: &Claim,
    lane: Option<&str>,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    // Whoever claims at the same time takes other rows.
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let of_lane = if lane.is_some() { "AND lane = ?4" } else { "" };
    let waiting = format!(
        "SELECT id FROM delivery WHERE issue = ?1 AND state = 'pending' AND next_at <= ?2 {of_lane}
         ORDER BY id LIMIT ?3 {lock}"
    );
    let mut tokens = tokens.iter().take(claim.most);
    let mut claimed = Vec::with_capacity(tokens.len());
    // A batch of readers who have all left is skipped and claims nothing, but others may wait behind it.
    loop {
        let mut values = args![claim.issue.0, now, tokens.len()].to_vec();
        values.extend(lane.map(Value::from));
        let numbers: Vec<i64> = tx.all(&waiting, &values, |row| row.get(0))?;
        let mut moved = false;
        for number in numbers.into_iter().map(DeliveryNumber) {
            let (Some(found), Some(token)) = (find(tx, number, now)?, tokens.next()) else { continue };
            let event = Event::Claim { token: *token, lease: claim.lease };
            let Ok(next) = apply(&found.row, &event, &found.around) else { continue };
            write(tx, number, &next, Some(&claim.owner), now)?;
            moved = true;
            if next.state == State::Claimed {
                claimed.push(read_claimed(tx, number, found.key, *token, &next)?);
            }
        }
        if !moved || !claimed.is_empty() || tokens.len() == 0 {
            return Ok(claimed);
        }
    }
}

fn read_claimed(
    tx: &mut dyn Tx,
    number: DeliveryNumber,
    key: AddressKey,
    token: Token,
    row: &Delivery,
) -> Result<Claimed, StoreError> {
    let (attempts, dated) = (row.attempts, row.dated.unwrap_or(row.next_at));
    tx.one(
        "SELECT address, name, message_id, boundary_seed, unsubscribe, bounce FROM delivery WHERE id = ?1",
        args![number.0],
        |row| {
            Ok(Claimed {
                number,
                key,
                address: EmailAddress::parse(&row.get::<String>(0)?)
                    .map_err(|error| nonsense(format!("an address: {error}")))?,
                name: row.get::<Option<String>>(1)?.and_then(|name| HeaderText::lossy(&name)),
                imprint: Imprint {
                    message_id: row.get(2)?,
                    boundary_seed: row.get(3)?,
                    unsubscribe: row.get(4)?,
                    bounce: row.get(5)?,
                },
                token,
                attempts,
                dated,
            })
        },
    )?
    .ok_or_else(|| nonsense(format!("no delivery {} any more", number.0)))
}

pub(super) fn recover(
    tx: &mut dyn Tx,
    owner: &str,
    alone: bool,
    now: DateTime<Utc>,
) -> Result<(u64, u64), StoreError> {
    let held: Vec<i64> = tx.all(
        "SELECT id FROM delivery WHERE state IN ('claimed', 'armed') AND (owner IS NULL OR owner <> ?1) ORDER BY id",
        args![owner],
        |row| row.get(0),
    )?;
    let (mut waiting, mut in_doubt) = (0, 0);
    for number in held.into_iter().map(DeliveryNumber) {
        let Some(found) = find(tx, number, now)? else { continue };
        let around = Around { alone, ..found.around };
        let Ok(next) = apply(&found.row, &Event::Recover, &around) else { continue };
        write(tx, number, &next, None, now)?;
        note_attempt(tx, &Move { number, event: Event::Recover }, &found.row, &next, now)?;
        *(if next.state == State::Unknown { &mut in_doubt } else { &mut waiting }) += 1;
    }
    Ok((waiting, in_doubt))
}

/// T13 for every copy of an issue that is not armed yet.
pub(super) fn skip_waiting(
    tx: &mut dyn Tx,
    issue: i64,
    reason: &'static str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let waiting: Vec<i64> = tx.all(
        "SELECT id FROM delivery WHERE issue = ?1 AND state IN ('pending', 'claimed') ORDER BY id",
        args![issue],
        |row| row.get(0),
    )?;
    for number in waiting.into_iter().map(DeliveryNumber) {
        // A refusal is a row that somebody else moved on.
        let _ = step(tx, &Move { number, event: Event::Skip { reason } }, now)?;
    }
    Ok(())
}

pub(super) fn list(tx: &mut dyn Tx, filter: &Filter) -> Result<Vec<DeliveryView>, StoreError> {
    let (mut wanted, mut values) = (vec!["1 = 1".to_owned()], Vec::new());
    if let Some(post) = &filter.post {
        values.push(Value::from(post));
        wanted.push(format!("post = ?{}", values.len()));
    }
    if let Some(reader) = &filter.reader {
        values.push(Value::from(&reader.0));
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

/// A decision of a person: the move, the reopening of a finished issue, and the record of who and why.
pub(super) fn decide(
    tx: &mut dyn Tx,
    number: DeliveryNumber,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Result<State, Refusal>, StoreError> {
    let Some(found) = find(tx, number, now)? else { return Ok(Err(Refusal::NoSuchEdge)) };
    // An issue that was given up sends nothing: a copy put back to waiting there would wait unseen for ever.
    if matches!(decision.event, Event::Resend | Event::Retry) && found.around.issue == IssueState::Cancelled {
        return Ok(Err(Refusal::NoSuchEdge));
    }
    let outcome = step(tx, &Move { number, event: decision.event.clone() }, now)?;
    if outcome.is_err() {
        return Ok(outcome);
    }
    let kind = match decision.event {
        Event::Resend => "resend",
        Event::Leave => "leave",
        Event::Retry => "retry",
        _ => "evidence",
    };
    let entry = Entry {
        kind,
        issue: Some(found.issue),
        subject: Some(found.key.to_string()),
        actor: decision.actor,
        detail: &decision.why,
    };
    events::append(tx, &entry, now)?;
    Ok(outcome)
}
