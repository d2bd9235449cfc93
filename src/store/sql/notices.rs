//! Reports that come back by mail (table `notice`): each is recorded once, in one transaction with its consequences.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Store, StoreError, Tx, Value, args, deliveries, desk, issues, readers, toll};
use crate::address::EmailAddress;
use crate::ledger::health::Health;
use crate::ledger::transition::Event;
use crate::ledger::{IssueState, LastWord, State};
use crate::store::{About, DeliveryNumber, IssueNumber, Move, Notice, Reported, Taken, Word};
use crate::subscribers::bounces::{Fault, Past, blame, judge};
use crate::subscribers::{AddressKey, Standing};

/// The actor in the record of decisions.
const ACTOR: &str = "inbox";
/// How many of a subscriber's newest issues count for a suppression.
const HISTORY: u32 = 50;
/// After the first ten bounces of an issue, its health is judged at every tenth only.
const FEW: u64 = 10;

/// Whom a report is about.
struct Named {
    key: AddressKey,
    delivery: Option<DeliveryRow>,
}

/// The delivery that a report is about.
struct DeliveryRow {
    number: DeliveryNumber,
    issue: i64,
    address: String,
    sent: bool,
}

/// What a report means.
struct Judged {
    fault: Fault,
    /// The report names another address than the message was sent to.
    elsewhere: bool,
}

impl Store {
    /// Records a report that came back by mail, with its consequences: T12 for its delivery, and for the subscriber the
    /// rules of [`crate::subscribers::bounces`]. The same report is recorded once.
    pub async fn take_notice(&self, notice: Notice, now: DateTime<Utc>) -> Result<Taken, StoreError> {
        self.change("recording inbound reports", now, move |tx, now| {
            let Some(named) = find(tx, &notice.about)? else { return Ok(Taken::Stranger) };
            let delivery = named.delivery.as_ref();
            let report = if let Word::Reported(report) = &notice.word { Some(report) } else { None };
            let fault = report
                .map_or(Fault::Nobody, |report| blame(report.action, report.status, &report.diagnostic));
            let elsewhere = report.is_some_and(|report| names_another(report, delivery));
            if !record(tx, &notice, &named, fault, now)? {
                return Ok(Taken::Again);
            }
            note(tx, &notice, &named, &Judged { fault, elsewhere }, now)?;
            // The unsubscribe token is in every email to this subscriber, so it proves nothing about one delivery.
            let settled = match delivery {
                Some(delivery) if notice.word != Word::Unsubscribed => {
                    accept(tx, delivery, notice.word.as_str(), named.key, now)?
                }
                _ => false,
            };
            let before = readers::standing(tx, named.key)?;
            match (&notice.word, fault) {
                (Word::Unsubscribed, _) => drop(desk::unsubscribe(tx, named.key, ACTOR, None, now)?),
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
            let paused = match delivery {
                Some(delivery) if fault == Fault::Dead || notice.word == Word::Complained => {
                    pause_if_too_many(tx, delivery.issue, now)?
                }
                _ => false,
            };
            let standing = after.filter(|_| before != after);
            Ok(Taken::Recorded { settled, standing, elsewhere, paused })
        })
        .await
    }
}

fn find(tx: &mut dyn Tx, about: &About) -> Result<Option<Named>, StoreError> {
    let number = match about {
        About::Copy(number) => Some(*number),
        // By the issues, of which there are few: deliveries have no index by subscriber.
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
                let delivery = DeliveryRow { number, issue: row.get(1)?, address: row.get(2)?, sent };
                Ok(Named { key: AddressKey(row.get(0)?), delivery: Some(delivery) })
            },
        )?;
        return Ok(named);
    }
    let About::Reader { key, .. } = about else { return Ok(None) };
    Ok(readers::standing(tx, *key)?.map(|_: Standing| Named { key: *key, delivery: None }))
}

/// Inserts the report; `false` if it is there already.
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
        Word::Complained | Word::Unsubscribed => (None, None),
    };
    let added = tx.execute(
        "INSERT INTO notice (fingerprint, at, addr_key, delivery, issue, kind, fault, status, diagnostic)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (fingerprint) DO NOTHING",
        args![
            &notice.fingerprint,
            now,
            &named.key.0,
            Value::Int(named.delivery.as_ref().map(|delivery| delivery.number.0)),
            Value::Int(named.delivery.as_ref().map(|delivery| delivery.issue)),
            notice.word.as_str(),
            fault.as_str(),
            status.as_deref(),
            diagnostic
        ],
    )?;
    Ok(added > 0)
}

/// Appends to the record of decisions, without personal data: its rows can never be deleted.
fn note(
    tx: &mut dyn Tx,
    notice: &Notice,
    named: &Named,
    judged: &Judged,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut detail = Vec::new();
    if let Word::Reported(report) = &notice.word {
        detail.extend(report.status.map(|status| status.to_string()));
        detail.extend((judged.fault != Fault::Nobody).then(|| judged.fault.as_str().to_owned()));
        detail.extend(judged.elsewhere.then(|| "(the report names another address)".to_owned()));
    }
    let entry = Entry {
        kind: notice.word.as_str(),
        issue: named.delivery.as_ref().map(|delivery| delivery.issue),
        subject: Some(named.key.to_string()),
        actor: ACTOR,
        detail: &detail.join(" "),
    };
    events::append(tx, &entry, now)
}

/// T12: only a message that was accepted can have caused the report.
fn accept(
    tx: &mut dyn Tx,
    delivery: &DeliveryRow,
    word: &str,
    key: AddressKey,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if delivery.sent {
        return Ok(false);
    }
    let last = LastWord { phase: "evidence".to_owned(), text: format!("a mail came back: {word}") };
    let event = Event::Accept { token: None, last: Some(last) };
    if deliveries::step(tx, &Move { number: delivery.number, event }, now)?.is_err() {
        return Ok(false);
    }
    let subject = Some(key.to_string());
    let entry = Entry { kind: "evidence", issue: Some(delivery.issue), subject, actor: ACTOR, detail: word };
    events::append(tx, &entry, now)?;
    Ok(true)
}

/// A relay may accept every message and return it later, which the sending run cannot see. An issue that a person has
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
    // Counting reads all deliveries of the issue, so it is not done for each bounce.
    if back > FEW && !back.is_multiple_of(FEW) {
        return Ok(false);
    }
    match toll::count(tx, IssueNumber(issue))?.health() {
        Health::Sick(because) => issues::set(tx, &post, IssueState::Paused, &because, now),
        Health::Well | Health::Warn(_) => Ok(false),
    }
}

/// Whether the report names another address than the message was sent to.
fn names_another(report: &Reported, delivery: Option<&DeliveryRow>) -> bool {
    let parse = |raw: &str| EmailAddress::parse(raw).ok();
    let named = report.recipient.as_deref().and_then(parse);
    let sent_to = delivery.and_then(|delivery| parse(&delivery.address));
    matches!((named, sent_to), (Some(named), Some(sent_to)) if named.normalised() != sent_to.normalised())
}

/// The outcome of a subscriber's latest issues, newest first.
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
                // A delivery that was deferred until it expired counts as a soft bounce.
                (Some(2), ..) | (None, "failed", Some("expired")) => Fault::Soft,
                (Some(_), ..) | (None, "failed", _) => Fault::Sender,
                (None, ..) => Fault::Nobody,
            };
            Ok(Past { at: row.get(0)?, fault })
        },
    )
}
