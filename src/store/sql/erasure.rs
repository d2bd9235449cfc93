//! What is kept about one person, and taking it out. What stays is the keyed hash of the address in the suppressions,
//! the ledger's rows without a word that names anybody, and the chain of events, which never held one.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Cell, Row, StoreError, Tx, args, deliveries};
use crate::ledger::transition::Event;
use crate::store::desk::{Dossier, DossierTable, Erased};
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::{ERASED, REMOVED};

/// Stands where an address was: `.invalid` is never a real host (RFC 2606), and its reader is suppressed.
const NOBODY: &str = "erased@erased.invalid";

/// A table, the words for it, and its columns that say something to its person.
const TABLES: [(&str, &str, &[&str]); 5] = [
    (
        "subscriber",
        "reader",
        &[
            "email",
            "name",
            "language",
            "standing",
            "source",
            "cadence",
            "topics",
            "consented_at",
            "asked_at",
            "left_at",
            "added_at",
            "changed_at",
        ],
    ),
    ("consent", "what you agreed to", &["at", "word", "form", "network"]),
    (
        "delivery",
        "letters",
        &[
            "issue",
            "address",
            "name",
            "message_id",
            "state",
            "attempts",
            "reason",
            "last_reply",
            "changed_at",
        ],
    ),
    ("notice", "what came back by mail", &["at", "kind", "fault", "status", "diagnostic"]),
    (
        "errand",
        "answers to your forms",
        &["address", "language", "kind", "state", "created_at", "last_reply", "changed_at"],
    ),
];

/// Columns that hold a time.
fn is_time(column: &str) -> bool {
    column == "at" || column.ends_with("_at")
}

pub(super) fn dossier(tx: &mut dyn Tx, key: AddressKey) -> Result<Dossier, StoreError> {
    let mut tables = Vec::new();
    for (table, name, columns) in TABLES {
        let sql = format!("SELECT {} FROM {table} WHERE addr_key = ?1", columns.join(", "));
        let rows = tx.all(&sql, args![&key.0], |row| {
            columns
                .iter()
                .enumerate()
                .map(|(at, column)| Ok((*column, word(row, at, is_time(column))?)))
                .collect()
        })?;
        tables.push(DossierTable { name, rows });
    }
    let barred =
        tx.all("SELECT reason, since FROM suppression WHERE addr_key = ?1", args![&key.0], |row| {
            Ok(vec![("reason", word(row, 0, false)?), ("since", word(row, 1, true)?)])
        })?;
    tables.push(DossierTable { name: "why you are not written to", rows: barred });
    Ok(Dossier { tables })
}

fn word(row: &dyn Row, at: usize, is_time: bool) -> Result<Option<String>, StoreError> {
    Ok(match row.cell(at)? {
        Cell::Int(millis) if is_time => {
            DateTime::from_timestamp_millis(millis).map(|time: DateTime<Utc>| time.to_rfc3339())
        }
        Cell::Int(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text.trim().to_owned()),
        Cell::Null | Cell::Blob(_) => None,
    })
}

pub(super) fn erase(
    tx: &mut dyn Tx,
    key: AddressKey,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Erased, StoreError> {
    let waiting: Vec<i64> = tx.all(
        "SELECT id FROM delivery WHERE addr_key = ?1 AND state IN ('pending', 'claimed') ORDER BY id",
        args![&key.0],
        |row| row.get(0),
    )?;
    deliveries::to_each(tx, &waiting, &Event::Skip { reason: ERASED }, now)?;
    // A complaint or a dead mailbox stays what it is; an erasure only adds that nobody may bring the address back.
    tx.execute(
        "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (addr_key) DO UPDATE SET reason = ?2, source = ?3 WHERE suppression.reason = ?5",
        args![&key.0, ERASED, actor, now, REMOVED],
    )?;
    // What a server said about an address often repeats it.
    tx.execute(
        "UPDATE attempt SET reply = NULL WHERE delivery IN (SELECT id FROM delivery WHERE addr_key = ?1)",
        args![&key.0],
    )?;
    let copies = tx.execute(
        "UPDATE delivery SET address = ?2, name = NULL, last_reply = NULL, lane = NULL WHERE addr_key = ?1",
        args![&key.0, NOBODY],
    )?;
    tx.execute("UPDATE notice SET diagnostic = NULL WHERE addr_key = ?1", args![&key.0])?;
    for table in ["consent", "errand"] {
        tx.execute(&format!("DELETE FROM {table} WHERE addr_key = ?1"), args![&key.0])?;
    }
    let reader = tx.execute("DELETE FROM subscriber WHERE addr_key = ?1", args![&key.0])? > 0;
    if reader || copies > 0 {
        let entry = Entry { kind: "erase", issue: None, subject: Some(key.to_string()), actor, detail: "" };
        events::append(tx, &entry, now)?;
    }
    Ok(Erased { reader, copies })
}
