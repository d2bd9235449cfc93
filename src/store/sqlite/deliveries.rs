//! Deliveries: rows in and out of the transition table.

use chrono::{DateTime, Utc};
use rusqlite::types::ToSql;
use rusqlite::{Row, Transaction, params};

use super::events::{self, Entry};
use super::{failed, issues, millis, readers, time};
use crate::address::EmailAddress;
use crate::ledger::transition::{Around, Event, Refusal, apply};
use crate::ledger::{Delivery, IssueState, LastWord, State, Token};
use crate::store::{Claim, Claimed, DeliveryNumber, DeliveryView, Filter, Imprint, Move, StoreError};
use crate::subscribers::AddressKey;
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

fn find(
    tx: &Transaction<'_>,
    number: DeliveryNumber,
    now: DateTime<Utc>,
) -> Result<Option<Found>, StoreError> {
    let doing = failed("reading a delivery");
    let sql = format!(
        "SELECT {COLUMNS}, issue, addr_key, (SELECT state FROM issue WHERE id = delivery.issue)
         FROM delivery WHERE id = ?1"
    );
    let mut statement = tx.prepare_cached(&sql).map_err(&doing)?;
    let mut rows = statement.query([number.0]).map_err(&doing)?;
    let Some(row) = rows.next().map_err(&doing)? else { return Ok(None) };
    let key = AddressKey(row.get(13).map_err(&doing)?);
    let word: String = row.get(14).map_err(&doing)?;
    let stands = IssueState::from_word(&word)
        .ok_or_else(|| StoreError::Nonsense(format!("the issue state {word:?}")))?;
    // A reader whose row is gone was erased, and an erased reader is not mailed.
    let barred = readers::standing(tx, key)?
        .map_or(Some("unsubscribed"), crate::subscribers::lifecycle::Standing::barred);
    let around = Around { now, issue: stands, barred, alone: false };
    Ok(Some(Found { row: delivery(row)?, issue: row.get(12).map_err(&doing)?, key, around }))
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let doing = failed("reading a delivery");
    let moment = |column| -> Result<Option<DateTime<Utc>>, StoreError> {
        row.get::<_, Option<i64>>(column).map_err(failed("reading a delivery"))?.map(time).transpose()
    };
    let word: String = row.get(0).map_err(&doing)?;
    let last_phase: Option<String> = row.get(10).map_err(&doing)?;
    let last_reply: Option<String> = row.get(11).map_err(&doing)?;
    Ok(Delivery {
        state: State::from_word(&word).ok_or_else(|| StoreError::Nonsense(format!("the state {word:?}")))?,
        token: row.get::<_, Option<[u8; 16]>>(1).map_err(&doing)?.map(Token),
        attempts: row.get(2).map_err(&doing)?,
        lease_until: moment(3)?,
        next_at: moment(4)?.unwrap_or_default(),
        resends: row.get(5).map_err(&doing)?,
        had_unknown: row.get(6).map_err(&doing)?,
        bytes: row.get(7).map_err(&doing)?,
        dated: moment(8)?,
        reason: row.get(9).map_err(&doing)?,
        last: last_phase.map(|phase| LastWord { phase, text: last_reply.unwrap_or_default() }),
    })
}

fn write(
    tx: &Transaction<'_>,
    number: DeliveryNumber,
    row: &Delivery,
    owner: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let doing = failed("writing a delivery");
    tx.prepare_cached(
        "UPDATE delivery SET state = ?2, token = ?3, attempts = ?4, lease_until = ?5, next_at = ?6, resends = ?7,
                had_unknown = ?8, bytes_sha256 = ?9, dated = ?10, reason = ?11, last_phase = ?12, last_reply = ?13,
                owner = coalesce(?14, owner), changed_at = ?15
         WHERE id = ?1",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            number.0,
            row.state.as_str(),
            row.token.map(|token| token.0),
            row.attempts,
            row.lease_until.map(millis),
            millis(row.next_at),
            row.resends,
            row.had_unknown,
            row.bytes,
            row.dated.map(millis),
            row.reason,
            row.last.as_ref().map(|last| &last.phase),
            row.last.as_ref().map(|last| &last.text),
            owner,
            millis(now)
        ])
    })
    .map_err(doing)?;
    Ok(())
}

/// One event to one delivery: read, judge, write. The transaction keeps everybody else out.
pub(super) fn step(
    tx: &Transaction<'_>,
    step: &Move,
    now: DateTime<Utc>,
) -> Result<Result<State, Refusal>, StoreError> {
    let Some(found) = find(tx, step.number, now)? else { return Ok(Err(Refusal::NoSuchEdge)) };
    let next = match apply(&found.row, &step.event, &found.around) {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    write(tx, step.number, &next, None, now)?;
    note_attempt(tx, step.number, &found.row, &next, now)?;
    if next.state == State::Pending && found.around.issue == IssueState::Done {
        reopen(tx, found.issue)?;
    }
    Ok(Ok(next.state))
}

/// A finished issue has something to send again: a doubt was decided, or a sender that was given up for dead came back
/// with a "not now". Left as it is, the copy would wait unseen for ever.
fn reopen(tx: &Transaction<'_>, issue: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE issue SET state = 'sending' WHERE id = ?1 AND state = 'done'", [issue])
        .map_err(failed("reopening an issue"))?;
    Ok(())
}

/// The attempts table: a line when a copy is armed, completed when its fate is known.
fn note_attempt(
    tx: &Transaction<'_>,
    number: DeliveryNumber,
    before: &Delivery,
    after: &Delivery,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let doing = failed("recording an attempt");
    let Some(token) = after.token else { return Ok(()) };
    if after.state == State::Armed {
        tx.prepare_cached(
            "INSERT INTO attempt (token, delivery, n, epoch, armed_at)
             VALUES (?1, ?2, ?3, (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch'), ?4)",
        )
        .and_then(|mut insert| insert.execute(params![token.0, number.0, after.attempts, millis(now)]))
        .map_err(doing)?;
    } else if before.state == State::Armed {
        let reply = after.last.as_ref().map(|last| &last.text);
        tx.prepare_cached("UPDATE attempt SET ended_at = ?2, result = ?3, reply = ?4 WHERE token = ?1")
            .and_then(|mut update| update.execute(params![token.0, millis(now), after.state.as_str(), reply]))
            .map_err(doing)?;
    }
    Ok(())
}

pub(super) fn claim(
    tx: &Transaction<'_>,
    claim: &Claim,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, StoreError> {
    let doing = failed("claiming copies");
    let mut statement = tx
        .prepare_cached(
            "SELECT id FROM delivery WHERE issue = ?1 AND state = 'pending' AND next_at <= ?2 ORDER BY id LIMIT ?3",
        )
        .map_err(&doing)?;
    let mut tokens = tokens.iter().take(claim.most);
    let mut claimed = Vec::with_capacity(tokens.len());
    // A batch of readers who have all left is skipped and claims nothing, but others may wait behind it.
    loop {
        let room = i64::try_from(tokens.len()).unwrap_or(i64::MAX);
        let waiting: Vec<i64> = statement
            .query_map(params![claim.issue.0, millis(now), room], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(&doing)?;
        let mut moved = false;
        for number in waiting.into_iter().map(DeliveryNumber) {
            let (Some(found), Some(token)) = (find(tx, number, now)?, tokens.next()) else { continue };
            let event = Event::Claim { token: *token, lease_until: claim.lease_until };
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
    tx: &Transaction<'_>,
    number: DeliveryNumber,
    key: AddressKey,
    token: Token,
    row: &Delivery,
) -> Result<Claimed, StoreError> {
    let doing = failed("claiming copies");
    let mut statement = tx
        .prepare_cached(
            "SELECT address, name, message_id, boundary_seed, unsubscribe, bounce FROM delivery WHERE id = ?1",
        )
        .map_err(&doing)?;
    let (address, name, imprint) = statement
        .query_row([number.0], |row| {
            let imprint = Imprint {
                message_id: row.get(2)?,
                boundary_seed: row.get(3)?,
                unsubscribe: row.get(4)?,
                bounce: row.get(5)?,
            };
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, imprint))
        })
        .map_err(doing)?;
    Ok(Claimed {
        number,
        key,
        address: EmailAddress::parse(&address)
            .map_err(|error| StoreError::Nonsense(format!("an address: {error}")))?,
        name: name.and_then(|name| HeaderText::lossy(&name)),
        imprint,
        token,
        attempts: row.attempts,
        dated: row.dated.unwrap_or(row.next_at),
        lease_until: row.lease_until.unwrap_or(row.next_at),
    })
}

pub(super) fn recover(
    tx: &Transaction<'_>,
    owner: &str,
    alone: bool,
    now: DateTime<Utc>,
) -> Result<(u64, u64), StoreError> {
    let doing = failed("recovering after a crash");
    let mut statement = tx
        .prepare(
            "SELECT id FROM delivery WHERE state IN ('claimed', 'armed') AND (owner IS NULL OR owner <> ?1) ORDER BY id",
        )
        .map_err(&doing)?;
    let held: Vec<i64> =
        statement.query_map([owner], |row| row.get(0)).and_then(Iterator::collect).map_err(&doing)?;
    let (mut waiting, mut in_doubt) = (0, 0);
    for number in held.into_iter().map(DeliveryNumber) {
        let Some(found) = find(tx, number, now)? else { continue };
        let around = Around { alone, ..found.around };
        let Ok(next) = apply(&found.row, &Event::Recover, &around) else { continue };
        write(tx, number, &next, None, now)?;
        note_attempt(tx, number, &found.row, &next, now)?;
        *(if next.state == State::Unknown { &mut in_doubt } else { &mut waiting }) += 1;
    }
    Ok((waiting, in_doubt))
}

/// T13 for every copy of an issue that is not armed yet.
pub(super) fn skip_waiting(
    tx: &Transaction<'_>,
    issue: i64,
    reason: &'static str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut statement = tx
        .prepare("SELECT id FROM delivery WHERE issue = ?1 AND state IN ('pending', 'claimed') ORDER BY id")
        .map_err(failed("cancelling an issue"))?;
    let waiting: Vec<i64> = statement
        .query_map([issue], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(failed("cancelling an issue"))?;
    for number in waiting.into_iter().map(DeliveryNumber) {
        // A refusal would be a row that moved on within this transaction, and there is none.
        let _ = step(tx, &Move { number, event: Event::Skip { reason } }, now)?;
    }
    Ok(())
}

pub(super) fn list(tx: &Transaction<'_>, filter: &Filter) -> Result<Vec<DeliveryView>, StoreError> {
    let doing = failed("reading the ledger");
    let mut sql = format!(
        "SELECT {COLUMNS}, delivery.id, post, subject, address, message_id, delivery.changed_at
         FROM (SELECT id AS issue_id, post, subject, frozen_at FROM issue) JOIN delivery ON delivery.issue = issue_id
         WHERE 1 = 1"
    );
    let mut values: Vec<&dyn ToSql> = Vec::new();
    if let Some(post) = &filter.post {
        values.push(post);
        sql.push_str(" AND post = ?");
    }
    if let Some(reader) = &filter.reader {
        values.push(&reader.0);
        sql.push_str(" AND addr_key = ?");
    }
    let words: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    if !words.is_empty() {
        sql.push_str(" AND state IN (");
        sql.push_str(&vec!["?"; words.len()].join(", "));
        sql.push(')');
        values.extend(words.iter().map(|word| word as &dyn ToSql));
    }
    sql.push_str(" ORDER BY issue_id DESC, delivery.id");
    let mut statement = tx.prepare(&sql).map_err(&doing)?;
    let mut rows = statement.query(values.as_slice()).map_err(&doing)?;
    let mut views = Vec::new();
    while let Some(row) = rows.next().map_err(&doing)? {
        views.push(DeliveryView {
            number: DeliveryNumber(row.get(12).map_err(&doing)?),
            post: row.get(13).map_err(&doing)?,
            subject: issues::subject(&row.get::<_, String>(14).map_err(&doing)?)?,
            address: row.get(15).map_err(&doing)?,
            message_id: row.get(16).map_err(&doing)?,
            row: delivery(row)?,
            changed_at: time(row.get(17).map_err(&doing)?)?,
        });
    }
    Ok(views)
}

/// A decision of a person: the move, the reopening of a finished issue, and the record of who and why.
pub(super) fn resolve(
    tx: &Transaction<'_>,
    number: DeliveryNumber,
    event: &Event,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Result<State, Refusal>, StoreError> {
    let Some(found) = find(tx, number, now)? else { return Ok(Err(Refusal::NoSuchEdge)) };
    // An issue that was given up sends nothing: a copy put back to waiting there would wait unseen for ever.
    if *event == Event::Resend && is_cancelled(tx, found.issue)? {
        return Ok(Err(Refusal::NoSuchEdge));
    }
    let outcome = step(tx, &Move { number, event: event.clone() }, now)?;
    if outcome.is_err() {
        return Ok(outcome);
    }
    let kind = if matches!(event, Event::Resend) { "resend" } else { "evidence" };
    let entry = Entry {
        kind,
        issue: Some(found.issue),
        subject: Some(found.key.to_string()),
        actor: "resolve",
        detail: why,
    };
    events::append(tx, &entry, now)?;
    Ok(outcome)
}

fn is_cancelled(tx: &Transaction<'_>, issue: i64) -> Result<bool, StoreError> {
    tx.query_row("SELECT state = 'cancelled' FROM issue WHERE id = ?1", [issue], |row| row.get(0))
        .map_err(failed("recording a decision"))
}
