//! A person's data: export and erasure. An erasure keeps the keyed hash of the address in `suppression`, the
//! ledger's rows without personal data, and the chain of events, which contains none except in reasons that people wrote.
//!
//! Deleted rows stay readable in the write-ahead log and in free parts of pages until the file is scrubbed. The note
//! [`SCRUB_DUE`] is written together with the erasure, so that a scrub that was prevented is not forgotten.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::deliveries::{self, Scope, TO_SUBSCRIBER};
use super::events::{self, Entry};
use super::rows::NOBODY;
use super::{Cell, Row, Store, StoreError, TransactionMode, Tx, args, blocking, meta, rate_limit, series};
use crate::store::subscriber_store::{Erased, PersonalData, PersonalDataTable};
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::{ERASED, REMOVED};

/// The note that the file must be scrubbed: the number of the erasure that asked for it last.
const SCRUB_DUE: &str = "scrub_due";

/// Texts that people write, and that an erasure does not change: the event log is a chain of hashes, and an issue is what
/// was mailed to everybody.
const FREE_TEXTS: [(&str, &str, &str); 2] = [
    ("event", "detail", "the reasons in the record of decisions"),
    ("issue", "letter", "the text of issues"),
];

/// A table, its name for people, and the columns that are meaningful to the person.
const TABLES: [(&str, &str, &[&str]); 6] = [
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
            "weekly_until",
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
    ("series_progress", "series", &["series", "started_at", "next_at"]),
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
            let domains = domains(tx, key)?;
            deliveries::skip_waiting(tx, Scope::Subscriber(key), ERASED, now)?;
            // A complaint or a bounce keeps its reason. A removal becomes an erasure: from now on only the owner of
            // the address may bring it back.
            tx.execute(
                "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (addr_key) DO UPDATE SET reason = ?2, source = ?3 WHERE suppression.reason = ?5",
                args![&key.0, ERASED, &actor, now, REMOVED],
            )?;
            let deliveries = erase_deliveries(tx, key)?;
            tx.execute("UPDATE inbound_report SET diagnostic = NULL WHERE addr_key = ?1", args![&key.0])?;
            rate_limit::forget_networks_of(tx, key)?;
            series::forget(tx, key)?;
            for table in ["consent", "transactional_email"] {
                tx.execute(&format!("DELETE FROM {table} WHERE addr_key = ?1"), args![&key.0])?;
            }
            let was_subscriber = tx.execute("DELETE FROM subscriber WHERE addr_key = ?1", args![&key.0])? > 0;
            for domain in &domains {
                rate_limit::forget_domain(tx, domain)?;
            }
            if was_subscriber || deliveries > 0 {
                events::append(tx, &Entry::about(key, "erase", &actor), now)?;
            }
            let erasures = scrub_due(tx)?.and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
            meta::remember(tx, SCRUB_DUE, &(erasures + 1).to_string())?;
            Ok(Erased { subscriber: was_subscriber, deliveries })
        })
        .await
    }

    /// Whether erased data may still be in the write-ahead log or in free parts of pages.
    pub async fn is_scrub_due(&self) -> Result<bool, StoreError> {
        self.read("looking for erasures", |tx| Ok(scrub_due(tx)?.is_some())).await
    }

    /// Removes erased data from the write-ahead log and from the free parts of pages too; `false` if another process that
    /// uses the file prevents it, and it has to be tried again. It writes the whole file anew.
    pub async fn scrub(&self) -> Result<bool, StoreError> {
        let due = self.read("looking for erasures", scrub_due).await?;
        let backend = Arc::clone(&self.backend);
        if !blocking(move || backend.scrub()).await? {
            return Ok(false);
        }
        // Another process may have erased more since.
        self.run(TransactionMode::Write, "ending an erasure", move |tx| {
            let sql = "DELETE FROM meta WHERE key = ?1 AND value = ?2";
            tx.execute(sql, args![SCRUB_DUE, due.as_deref()])
        })
        .await?;
        Ok(true)
    }

    /// Which texts that people wrote contain an address, after its erasure.
    pub async fn texts_with(&self, address: &str) -> Result<Vec<&'static str>, StoreError> {
        let address = address.to_ascii_lowercase();
        self.read("looking for an address", move |tx| {
            let mut found = Vec::new();
            for (table, column, name) in FREE_TEXTS {
                let at = tx.dialect().position(&format!("lower({column})"), "?1");
                let sql = format!("SELECT 1 FROM {table} WHERE {at} > 0 LIMIT 1");
                found.extend(tx.one(&sql, args![&address], |_| Ok(name))?);
            }
            Ok(found)
        })
        .await
    }
}

fn scrub_due(tx: &mut dyn Tx) -> Result<Option<String>, StoreError> {
    meta::recall(tx, SCRUB_DUE)
}

/// The domains of all addresses that are stored for a person.
fn domains(tx: &mut dyn Tx, key: AddressKey) -> Result<Vec<String>, StoreError> {
    let [email, address] = ["email", "address"].map(|column| rate_limit::domain_of(tx.dialect(), column));
    let sql = format!(
        "SELECT {email} FROM subscriber WHERE addr_key = ?1
         UNION SELECT {address} FROM transactional_email WHERE addr_key = ?1
         UNION SELECT {address} FROM delivery WHERE {TO_SUBSCRIBER}"
    );
    tx.all(&sql, args![&key.0], |row| row.get(0))
}

/// Erases a person from the deliveries; returns how many there are.
fn erase_deliveries(tx: &mut dyn Tx, key: AddressKey) -> Result<u64, StoreError> {
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
    tx.execute(&sql, args![&key.0, NOBODY])
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
