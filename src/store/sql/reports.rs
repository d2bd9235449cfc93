//! Reports that come back by mail (table `inbound_report`): each is recorded once, in one transaction with its consequences.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::rows::NOBODY;
use super::{Store, StoreError, Tx, Value, args, deliveries, feedback, issues, sign_ups, subscribers};
use crate::address::EmailAddress;
use crate::ledger::health::Health;
use crate::ledger::transition::Event;
use crate::ledger::{EVIDENCE, IssueState, LastReply, State};
use crate::store::{
    DeliveryId, DeliveryNumber, DeliveryReport, InboundReport, IssueNumber, RecordOutcome, ReportKind,
    ReportSubject, StateChange,
};
use crate::subscribers::bounces::{BounceClass, BounceHistory, classify, should_suppress};
use crate::subscribers::token::TokenKeys;
use crate::subscribers::{AddressKey, SubscriptionStatus};

/// The actor in the record of decisions.
const ACTOR: &str = "inbox";
/// How many of a subscriber's newest issues count for a suppression.
const HISTORY: u32 = 50;
/// After the first ten bounces of an issue, its health is judged at every tenth only.
const FEW: u64 = 10;

/// The subscriber that a report is about, and the delivery if it is known.
struct NamedDelivery {
    key: AddressKey,
    delivery: Option<DeliveryRow>,
}

/// The delivery that a report is about.
struct DeliveryRow {
    id: DeliveryId,
    address: String,
    sent: bool,
}

/// How a report is classified.
struct Judged {
    fault: BounceClass,
    /// The report names a different address from the one that the message was sent to.
    elsewhere: bool,
}

impl Store {
    /// Records a report that came back by mail, with its consequences: T12 for its delivery, and for the subscriber the
    /// rules of [`crate::subscribers::bounces`]. The same report is recorded once.
    pub async fn record_report(
        &self,
        report: InboundReport,
        keys: Arc<TokenKeys>,
        now: DateTime<Utc>,
    ) -> Result<RecordOutcome, StoreError> {
        self.write("recording inbound reports", now, move |tx, now| {
            let Some(named) = find(tx, &report.subject, &keys)? else {
                return Ok(RecordOutcome::UnknownToken);
            };
            let delivery = named.delivery.as_ref();
            let bounce = if let ReportKind::Delivery(bounce) = &report.kind { Some(bounce) } else { None };
            let fault = bounce.map_or(BounceClass::Unclear, |bounce| {
                classify(bounce.action, bounce.status, &bounce.diagnostic)
            });
            let elsewhere = bounce.is_some_and(|bounce| names_another(bounce, delivery));
            if !record(tx, &report, &named, fault, now)? {
                return Ok(RecordOutcome::Duplicate);
            }
            note(tx, &report, &named, &Judged { fault, elsewhere }, now)?;
            // The unsubscribe token is in every email to this subscriber, so it proves nothing about one delivery.
            let settled = match delivery {
                Some(delivery) if report.kind != ReportKind::Unsubscribed => {
                    accept(tx, delivery, report.kind.as_str(), named.key, now)?
                }
                _ => false,
            };
            let before = subscribers::status(tx, named.key)?;
            match (&report.kind, fault) {
                (ReportKind::Unsubscribed, _) => {
                    sign_ups::unsubscribe(tx, named.key, ACTOR, None, now)?;
                }
                (ReportKind::Complained, _) => subscribers::suppress(tx, named.key, "complaint", ACTOR, now)?,
                (ReportKind::Delivery(_), BounceClass::Hard | BounceClass::Soft) => {
                    let because = if fault == BounceClass::Hard {
                        Some("no such mailbox".to_owned())
                    } else {
                        should_suppress(&history(tx, named.key)?, now)
                    };
                    if let Some(because) = because {
                        subscribers::suppress(tx, named.key, &because, ACTOR, now)?;
                    }
                }
                (ReportKind::Delivery(_), BounceClass::Policy | BounceClass::Unclear) => {}
            }
            let after = subscribers::status(tx, named.key)?;
            let paused = match delivery {
                Some(delivery) if fault == BounceClass::Hard || report.kind == ReportKind::Complained => {
                    pause_if_too_many(tx, delivery.id.issue.0, now)?
                }
                _ => false,
            };
            let status = after.filter(|_| before != after);
            Ok(RecordOutcome::Recorded { settled, status, elsewhere, paused })
        })
        .await
    }
}

fn find(
    tx: &mut dyn Tx,
    about: &ReportSubject,
    keys: &TokenKeys,
) -> Result<Option<NamedDelivery>, StoreError> {
    let number = match about {
        ReportSubject::Delivery(number) => Some(*number),
        ReportSubject::Subscriber { key, message_id: Some(id) } => by_message_id(tx, *key, id, keys)?,
        ReportSubject::Subscriber { message_id: None, .. } => None,
    };
    if let Some(number) = number {
        // The token in a bounce address names the delivery, and not its issue.
        let named = tx.one(
            "SELECT addr_key, issue, address, state FROM delivery WHERE id = ?1",
            args![number.0],
            |row| {
                let sent = row.get::<String>(3)? == State::Sent.as_str();
                let id = DeliveryId { issue: IssueNumber(row.get(1)?), number };
                let delivery = DeliveryRow { id, address: row.get(2)?, sent };
                Ok(NamedDelivery { key: AddressKey(row.get(0)?), delivery: Some(delivery) })
            },
        )?;
        return Ok(named);
    }
    let ReportSubject::Subscriber { key, .. } = about else { return Ok(None) };
    Ok(subscribers::status(tx, *key)?
        .map(|_: SubscriptionStatus| NamedDelivery { key: *key, delivery: None }))
}

/// The delivery to a subscriber with this `Message-ID`, among all that they got.
fn by_message_id(
    tx: &mut dyn Tx,
    key: AddressKey,
    id: &str,
    keys: &TokenKeys,
) -> Result<Option<DeliveryNumber>, StoreError> {
    // By the issues, of which there are few: deliveries have no index by subscriber.
    let got = tx.all(
        "SELECT delivery.id, post, address, message_id, message_domain
         FROM issue CROSS JOIN delivery WHERE delivery.issue = issue.id AND delivery.addr_key = ?1",
        args![&key.0],
        |row| {
            let (post, address, stored): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let id = if stored.is_empty() {
                keys.message_id(&post, &address, &row.get::<String>(4)?)
            } else {
                Some(stored)
            };
            Ok((DeliveryNumber(row.get(0)?), id))
        },
    )?;
    Ok(got.into_iter().find(|(_, own)| own.as_deref() == Some(id)).map(|(number, _)| number))
}

/// Inserts the report; `false` if it is there already.
fn record(
    tx: &mut dyn Tx,
    report: &InboundReport,
    named: &NamedDelivery,
    fault: BounceClass,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (status, diagnostic) = match &report.kind {
        ReportKind::Delivery(bounce) => {
            // A bounce may come after the erasure, and servers repeat the address in it.
            let is_erased = named.delivery.as_ref().is_some_and(|delivery| delivery.address == NOBODY);
            let diagnostic = (!is_erased).then_some(bounce.diagnostic.as_str());
            (bounce.status.map(|status| status.to_string()), diagnostic)
        }
        ReportKind::Complained | ReportKind::Unsubscribed => (None, None),
    };
    let added = tx.execute(
        "INSERT INTO inbound_report (fingerprint, at, addr_key, delivery, issue, kind, class, status, diagnostic)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (fingerprint) DO NOTHING",
        args![
            &report.fingerprint,
            now,
            &named.key.0,
            Value::Int(named.delivery.as_ref().map(|delivery| delivery.id.number.0)),
            Value::Int(named.delivery.as_ref().map(|delivery| delivery.id.issue.0)),
            report.kind.as_str(),
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
    report: &InboundReport,
    named: &NamedDelivery,
    judged: &Judged,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut detail = Vec::new();
    if let ReportKind::Delivery(bounce) = &report.kind {
        detail.extend(bounce.status.map(|status| status.to_string()));
        detail.extend((judged.fault != BounceClass::Unclear).then(|| judged.fault.as_str().to_owned()));
        detail.extend(judged.elsewhere.then(|| "(the report names another address)".to_owned()));
    }
    let entry = Entry {
        kind: report.kind.as_str(),
        issue: named.delivery.as_ref().map(|delivery| delivery.id.issue.0),
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
    kind: &str,
    key: AddressKey,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if delivery.sent {
        return Ok(false);
    }
    let last = LastReply { phase: EVIDENCE.to_owned(), text: format!("a mail came back: {kind}") };
    let event = Event::Accept { token: None, last: Some(last) };
    if deliveries::step(tx, &StateChange { delivery: delivery.id, event }, now)?.is_err() {
        return Ok(false);
    }
    let subject = Some(key.to_string());
    let entry =
        Entry { kind: "evidence", issue: Some(delivery.id.issue.0), subject, actor: ACTOR, detail: kind };
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
    let back =
        "SELECT count(*) FROM inbound_report WHERE issue = ?1 AND (class = 'dead' OR kind = 'complaint')";
    let back: u64 = tx.one(back, args![issue], |row| row.get(0))?.unwrap_or_default();
    // Counting costs as much as the issue has left to do, so it is not done for each bounce.
    if back > FEW && !back.is_multiple_of(FEW) {
        return Ok(false);
    }
    match feedback::count(tx, IssueNumber(issue))?.health() {
        Health::Critical(because) => issues::set(tx, &post, IssueState::Paused, &because, now),
        Health::Ok | Health::Warning(_) => Ok(false),
    }
}

/// Whether the report names a different address from the one that the message was sent to.
fn names_another(report: &DeliveryReport, delivery: Option<&DeliveryRow>) -> bool {
    let parse = |raw: &str| EmailAddress::parse(raw).ok();
    let named = report.recipient.as_deref().and_then(parse);
    let sent_to = delivery.and_then(|delivery| parse(&delivery.address));
    matches!((named, sent_to), (Some(named), Some(sent_to)) if named.normalised() != sent_to.normalised())
}

/// The outcome of a subscriber's latest issues, newest first.
fn history(tx: &mut dyn Tx, key: AddressKey) -> Result<Vec<BounceHistory>, StoreError> {
    tx.all(
        "SELECT issue.frozen_at, delivery.state, delivery.reason,
                (SELECT min(CASE class WHEN 'dead' THEN 1 WHEN 'soft' THEN 2 WHEN 'sender' THEN 3 END)
                 FROM inbound_report WHERE inbound_report.delivery = delivery.id)
         FROM issue CROSS JOIN delivery
         WHERE delivery.issue = issue.id AND delivery.addr_key = ?1 AND delivery.state IN ('sent', 'failed')
         ORDER BY issue.frozen_at DESC, issue.id DESC LIMIT ?2",
        args![&key.0, HISTORY],
        |row| {
            let (state, reason): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            let fault = match (row.get::<Option<u32>>(3)?, state.as_str(), reason.as_deref()) {
                (Some(1), ..) => BounceClass::Hard,
                // A delivery that was deferred until it expired counts as a soft bounce.
                (Some(2), ..) | (None, "failed", Some("expired")) => BounceClass::Soft,
                (Some(_), ..) | (None, "failed", _) => BounceClass::Policy,
                (None, ..) => BounceClass::Unclear,
            };
            Ok(BounceHistory { at: row.get(0)?, fault })
        },
    )
}
