//! What came back by mail: taken once, in one transaction with everything that follows from it.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{StoreError, Tx, Value, args, deliveries, issues, readers, toll};
use crate::address::EmailAddress;
use crate::ledger::health::Health;
use crate::ledger::transition::Event;
use crate::ledger::{IssueState, LastWord, State};
use crate::store::{About, DeliveryNumber, IssueNumber, Move, Notice, Reported, Taken, Word};
use crate::subscribers::bounces::{Fault, Past, blame, judge};
use crate::subscribers::{AddressKey, Standing};

/// Who decided, in the record.
const ACTOR: &str = "inbox";
/// So many of a reader's newest issues are looked at before they are given up.
const HISTORY: u32 = 50;
/// Beyond so many bounces of an issue they are counted in steps of as many.
const FEW: u64 = 10;

/// The reader, and the copy if one was named.
struct Named {
    key: AddressKey,
    copy: Option<Copy>,
}

struct Copy {
    number: DeliveryNumber,
    issue: i64,
    address: String,
    sent: bool,
}

/// Takes a notice: once, however often it comes.
pub(super) fn take(tx: &mut dyn Tx, notice: &Notice, now: DateTime<Utc>) -> Result<Taken, StoreError> {
    let Some(named) = find(tx, &notice.about)? else { return Ok(Taken::Stranger) };
    let report = if let Word::Reported(report) = &notice.word { Some(report) } else { None };
    let fault =
        report.map_or(Fault::Nobody, |report| blame(report.action, report.status, &report.diagnostic));
    if !record(tx, notice, &named, fault, now)? {
        return Ok(Taken::Again);
    }
    let elsewhere = report.is_some_and(|report| names_another(report, named.copy.as_ref()));
    note(tx, notice, &named, (fault, elsewhere), now)?;
    // A farewell proves nothing of a single copy: its token is in every letter to this reader.
    let settled = match &named.copy {
        Some(copy) if notice.word != Word::Left => accept(tx, copy, notice.word.as_str(), named.key, now)?,
        _ => false,
    };
    let before = readers::standing(tx, named.key)?;
    match (&notice.word, fault) {
        (Word::Left, _) => drop(readers::unsubscribe(tx, named.key, ACTOR, now)?),
        (Word::Complained, _) => readers::suppress(tx, named.key, "complaint", ACTOR, now)?,
        (Word::Reported(_), Fault::Dead | Fault::Soft) => {
            let because = if fault == Fault::Dead {
                Some("no such mailbox".to_owned())
            } else {
                judge(&history(tx, named.key)?, now)
            };
            if let Some(because) = because {
                readers::suppress(tx, named.key, &because, ACTOR, now)?;
            }
        }
        (Word::Reported(_), Fault::Sender | Fault::Nobody) => {}
    }
    let after = readers::standing(tx, named.key)?;
    let paused = match &named.copy {
        Some(copy) if fault == Fault::Dead || notice.word == Word::Complained => {
            pause_if_too_many(tx, copy.issue, now)?
        }
        _ => false,
    };
    Ok(Taken::Recorded { settled, standing: after.filter(|_| before != after), elsewhere, paused })
}

fn find(tx: &mut dyn Tx, about: &About) -> Result<Option<Named>, StoreError> {
    let number = match about {
        About::Copy(number) => Some(*number),
        // By the issues, of which there are few: the copies of one reader have no index of their own.
        About::Reader { key, message_id: Some(id) } => tx.one(
            "SELECT delivery.id FROM issue JOIN delivery ON delivery.issue = issue.id
             WHERE delivery.addr_key = ?1 AND delivery.message_id = ?2",
            args![&key.0, id],
            |row| Ok(DeliveryNumber(row.get(0)?)),
        )?,
        About::Reader { message_id: None, .. } => None,
    };
    if let Some(number) = number {
        let named = tx.one(
            "SELECT addr_key, issue, address, state FROM delivery WHERE id = ?1",
            args![number.0],
            |row| {
                let sent = row.get::<String>(3)? == State::Sent.as_str();
                let copy = Copy { number, issue: row.get(1)?, address: row.get(2)?, sent };
                Ok(Named { key: AddressKey(row.get(0)?), copy: Some(copy) })
            },
        )?;
        return Ok(named);
    }
    let About::Reader { key, .. } = about else { return Ok(None) };
    Ok(readers::standing(tx, *key)?.map(|_: Standing| Named { key: *key, copy: None }))
}

/// Writes the notice down; `false` if it stands there already.
fn record(
    tx: &mut dyn Tx,
    notice: &Notice,
    named: &Named,
    fault: Fault,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (status, diagnostic) = match &notice.word {
        Word::Reported(report) => {
            (report.status.map(|status| status.to_string()), Some(report.diagnostic.as_str()))
        }
        Word::Complained | Word::Left => (None, None),
    };
    let added = tx.execute(
        "INSERT INTO notice (fingerprint, at, addr_key, delivery, issue, kind, fault, status, diagnostic)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (fingerprint) DO NOTHING",
        args![
            &notice.fingerprint,
            now,
            &named.key.0,
            Value::Int(named.copy.as_ref().map(|copy| copy.number.0)),
            Value::Int(named.copy.as_ref().map(|copy| copy.issue)),
            notice.word.as_str(),
            fault.as_str(),
            status.as_deref(),
            diagnostic
        ],
    )?;
    Ok(added > 0)
}

/// Into the chain, without anything that could name a person: its links can never be taken out again.
fn note(
    tx: &mut dyn Tx,
    notice: &Notice,
    named: &Named,
    (fault, elsewhere): (Fault, bool),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut detail = Vec::new();
    if let Word::Reported(report) = &notice.word {
        detail.extend(report.status.map(|status| status.to_string()));
        detail.extend((fault != Fault::Nobody).then(|| fault.as_str().to_owned()));
        detail.extend(elsewhere.then(|| "(the report names another address)".to_owned()));
    }
    let entry = Entry {
        kind: notice.word.as_str(),
        issue: named.copy.as_ref().map(|copy| copy.issue),
        subject: Some(named.key.to_string()),
        actor: ACTOR,
        detail: &detail.join(" "),
    };
    events::append(tx, &entry, now)
}

/// T12: something came back that only a copy which was accepted can have caused.
fn accept(
    tx: &mut dyn Tx,
    copy: &Copy,
    word: &str,
    key: AddressKey,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if copy.sent {
        return Ok(false);
    }
    let last = LastWord { phase: "evidence".to_owned(), text: format!("a mail came back: {word}") };
    let event = Event::Accept { token: None, last: Some(last) };
    if deliveries::step(tx, &Move { number: copy.number, event }, now)?.is_err() {
        return Ok(false);
    }
    let subject = Some(key.to_string());
    let entry = Entry { kind: "evidence", issue: Some(copy.issue), subject, actor: ACTOR, detail: word };
    events::append(tx, &entry, now)?;
    Ok(true)
}

/// A relay that takes everything and returns it later is not noticed by the run that sends. An issue that somebody has
/// resumed is not paused again.
fn pause_if_too_many(tx: &mut dyn Tx, issue: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let post: Option<String> = tx.one(
        "SELECT post FROM issue WHERE id = ?1 AND state = 'sending' AND paused_because IS NULL",
        args![issue],
        |row| row.get(0),
    )?;
    let Some(post) = post else { return Ok(false) };
    let back = "SELECT count(*) FROM notice WHERE issue = ?1 AND (fault = 'dead' OR kind = 'complaint')";
    let back: u64 = tx.one(back, args![issue], |row| row.get(0))?.unwrap_or_default();
    // The toll reads all copies of the issue: not for each of a thousand bounces.
    if back > FEW && !back.is_multiple_of(FEW) {
        return Ok(false);
    }
    match toll::count(tx, IssueNumber(issue))?.health() {
        Health::Sick(because) => issues::set(tx, &post, IssueState::Paused, &because, now),
        Health::Well | Health::Warn(_) => Ok(false),
    }
}

/// Whether the report names an address that is not the one that the copy went to.
fn names_another(report: &Reported, copy: Option<&Copy>) -> bool {
    let parse = |raw: &str| EmailAddress::parse(raw).ok();
    let named = report.recipient.as_deref().and_then(parse);
    let sent_to = copy.and_then(|copy| parse(&copy.address));
    matches!((named, sent_to), (Some(named), Some(sent_to)) if named.normalised() != sent_to.normalised())
}

/// What became of a reader's newest issues, newest first.
fn history(tx: &mut dyn Tx, key: AddressKey) -> Result<Vec<Past>, StoreError> {
    tx.all(
        "SELECT issue.frozen_at, delivery.state, delivery.reason,
                (SELECT min(CASE fault WHEN 'dead' THEN 1 WHEN 'soft' THEN 2 WHEN 'sender' THEN 3 END)
                 FROM notice WHERE notice.delivery = delivery.id)
         FROM issue JOIN delivery ON delivery.issue = issue.id
         WHERE delivery.addr_key = ?1 AND delivery.state IN ('sent', 'failed')
         ORDER BY issue.frozen_at DESC, issue.id DESC LIMIT ?2",
        args![&key.0, HISTORY],
        |row| {
            let (state, reason): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            let fault = match (row.get::<Option<u32>>(3)?, state.as_str(), reason.as_deref()) {
                (Some(1), ..) => Fault::Dead,
                // A relay that put a reader off until the end found no open mailbox either.
                (Some(2), ..) | (None, "failed", Some("expired")) => Fault::Soft,
                (Some(_), ..) | (None, "failed", _) => Fault::Sender,
                (None, ..) => Fault::Nobody,
            };
            Ok(Past { at: row.get(0)?, fault })
        },
    )
}
