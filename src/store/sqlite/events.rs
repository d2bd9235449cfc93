//! The record of decisions: append only, each row carrying the hash of the one before it.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{failed, millis};
use crate::store::StoreError;

/// One decision or milestone.
pub(super) struct Entry<'a> {
    /// `freeze`, `resend`, `unsubscribe`, ….
    pub(super) kind: &'a str,
    /// The issue's number, where it is about one.
    pub(super) issue: Option<i64>,
    /// The reader's key in hex, where it is about one.
    pub(super) subject: Option<String>,
    /// Who decided: a command or a rule.
    pub(super) actor: &'a str,
    /// The rest, in words.
    pub(super) detail: &'a str,
}

/// Appends `entry` to the chain.
pub(super) fn append(tx: &Transaction<'_>, entry: &Entry<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let doing = failed("recording a decision");
    let before: Option<Vec<u8>> = tx
        .query_row("SELECT hash FROM event ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(&doing)?;
    let mut chain = Context::new(&SHA256);
    chain.update(&before.unwrap_or_default());
    let fields = [
        millis(now).to_string(),
        entry.kind.to_owned(),
        entry.issue.unwrap_or_default().to_string(),
        entry.subject.clone().unwrap_or_default(),
        entry.actor.to_owned(),
        entry.detail.to_owned(),
    ];
    for field in &fields {
        // The length keeps "ab" + "c" apart from "a" + "bc".
        chain.update(&(field.len() as u64).to_be_bytes());
        chain.update(field.as_bytes());
    }
    tx.execute(
        "INSERT INTO event (at, kind, issue, subject, actor, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            millis(now),
            entry.kind,
            entry.issue,
            entry.subject,
            entry.actor,
            entry.detail,
            chain.finish().as_ref()
        ],
    )
    .map_err(doing)?;
    Ok(())
}
