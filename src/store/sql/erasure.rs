//! A person's data: export and erasure. An erasure keeps the keyed hash of the address in `suppression`, the
//! ledger's rows without personal data, and the chain of events, which never contains any.

use chrono::{DateTime, Utc};

use super::deliveries::{self, Scope, TO_SUBSCRIBER};
use super::events::{self, Entry};
use super::{Cell, Row, Store, StoreError, args};
use crate::store::subscriber_store::{Erased, PersonalData, PersonalDataTable};
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::{ERASED, REMOVED};

/// Replaces an erased address: `.invalid` is never a real host (RFC 2606), and the subscriber is suppressed.
pub(super) const NOBODY: &str = "erased@erased.invalid";

/// A table, its name for people, and the columns that are meaningful to the person.
const TABLES: [(&str, &str, &[&str]); 5] = [
    (
        "subscriber",
        "reader",
        &[
            "email",
            "name",
            "language",
            "status",
            "source",
            "frequency",
            "topics",
            "consented_at",
            "asked_at",
            "unsubscribed_at",
            "added_at",
            "changed_at",
        ],
    ),
    ("consent", "what you agreed to", &["at", "action", "form", "network"]),
    (
        "delivery",
        "letters",
        &["issue", "address", "name", "state", "attempts", "reason", "last_reply", "changed_at"],
    ),
    ("inbound_report", "what came back by mail", &["at", "kind", "class", "status", "diagnostic"]),
    (
        "transactional_email",
        "answers to your forms",
        &["address", "language", "kind", "state", "created_at", "last_reply", "changed_at"],
    ),
];

/// Columns that contain a time.
fn is_time(column: &str) -> bool {
    column == "at" || column.ends_with("_at")
}

impl Store {
    /// Everything that is stored about one person.
    pub async fn personal_data(&self, key: AddressKey) -> Result<PersonalData, StoreError> {
        self.read("collecting personal data", move |tx| {
            let mut tables = Vec::new();
            for (table, name, columns) in TABLES {
                let of_subscriber = if table == "delivery" { TO_SUBSCRIBER } else { "addr_key = ?1" };
                let sql = format!("SELECT {} FROM {table} WHERE {of_subscriber}", columns.join(", "));
                let rows = tx.all(&sql, args![&key.0], |row| {
                    columns
                        .iter()
                        .enumerate()
                        .map(|(at, column)| Ok((*column, text_of(row, at, is_time(column))?)))
                        .collect()
                })?;
                tables.push(PersonalDataTable { name, rows });
            }
            let sql = "SELECT reason, since FROM suppression WHERE addr_key = ?1";
            let barred = tx.all(sql, args![&key.0], |row| {
                Ok(vec![("reason", text_of(row, 0, false)?), ("since", text_of(row, 1, true)?)])
            })?;
            tables.push(PersonalDataTable { name: "why you are not written to", rows: barred });
            Ok(PersonalData { tables })
        })
        .await
    }

    /// Deletes all personal data about one person. The keyed hash of the address stays, so that it is not mailed
    /// again.
    pub async fn erase(
        &self,
        key: AddressKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<Erased, StoreError> {
        let actor = actor.to_owned();
        self.write("erasing a subscriber", now, move |tx, now| {
            deliveries::skip_waiting(tx, Scope::Subscriber(key), ERASED, now)?;
            // A complaint or a bounce keeps its reason. A removal becomes an erasure: from now on only the owner of
            // the address may bring it back.
            tx.execute(
                "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (addr_key) DO UPDATE SET reason = ?2, source = ?3 WHERE suppression.reason = ?5",
                args![&key.0, ERASED, &actor, now, REMOVED],
            )?;
            // Servers often repeat the address in their replies.
            for attempts in ["attempt", "old_attempt"] {
                let sql = format!(
                    "UPDATE {attempts} SET reply = NULL
                     WHERE reply IS NOT NULL AND delivery IN (SELECT id FROM delivery WHERE {TO_SUBSCRIBER})"
                );
                tx.execute(&sql, args![&key.0])?;
            }
            let sql = format!(
                "UPDATE delivery SET address = ?2, name = NULL, last_reply = NULL, domain = NULL WHERE {TO_SUBSCRIBER}"
            );
            let deliveries = tx.execute(&sql, args![&key.0, NOBODY])?;
            tx.execute("UPDATE inbound_report SET diagnostic = NULL WHERE addr_key = ?1", args![&key.0])?;
            for table in ["consent", "transactional_email"] {
                tx.execute(&format!("DELETE FROM {table} WHERE addr_key = ?1"), args![&key.0])?;
            }
            let was_subscriber = tx.execute("DELETE FROM subscriber WHERE addr_key = ?1", args![&key.0])? > 0;
            if was_subscriber || deliveries > 0 {
                events::append(tx, &Entry::about(key, "erase", &actor), now)?;
            }
            Ok(Erased { subscriber: was_subscriber, deliveries })
        })
        .await
    }
}

fn text_of(row: &dyn Row, at: usize, is_time: bool) -> Result<Option<String>, StoreError> {
    Ok(match row.cell(at)? {
        Cell::Int(millis) if is_time => {
            DateTime::from_timestamp_millis(millis).map(|time: DateTime<Utc>| time.to_rfc3339())
        }
        Cell::Int(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text.trim().to_owned()),
        Cell::Null | Cell::Blob(_) => None,
    })
}
