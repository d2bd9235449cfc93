//! The record of decisions: append-only; each row is hashed together with the hash of the row before it.

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};

use super::{Dialect, StoreError, Tx, args, corrupt_data, meta};
use crate::subscribers::AddressKey;
use crate::text::hex;

/// The note with the length and the last hash of the chain: it shows if rows at the end were deleted.
const HEAD: &str = "event_head";

/// One decision or milestone.
pub(in crate::store) struct Entry<'a> {
    /// `freeze`, `resend`, `unsubscribe`, ….
    pub(in crate::store) kind: &'a str,
    /// The issue's number, if it is about one.
    pub(in crate::store) issue: Option<i64>,
    /// The subscriber's key in hex, if it is about one.
    pub(in crate::store) subject: Option<String>,
    /// Who decided: a command or a rule.
    pub(in crate::store) actor: &'a str,
    /// The rest, in words.
    pub(in crate::store) detail: &'a str,
}

impl<'a> Entry<'a> {
    /// An entry about a person, without details.
    pub(super) fn about(key: AddressKey, kind: &'a str, actor: &'a str) -> Self {
        Self { kind, issue: None, subject: Some(key.to_string()), actor, detail: "" }
    }

    /// An entry about an issue.
    pub(super) fn of_issue(issue: i64, kind: &'a str, actor: &'a str, detail: &'a str) -> Self {
        Self { kind, issue: Some(issue), subject: None, actor, detail }
    }
}

/// Appends `entry` to the chain.
pub(in crate::store) fn append(
    tx: &mut dyn Tx,
    entry: &Entry<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Postgres {
        // Two rows after the same row would be a fork.
        tx.execute("LOCK TABLE event IN EXCLUSIVE MODE", &[])?;
    }
    let before: Option<Vec<u8>> =
        tx.one("SELECT hash FROM event ORDER BY id DESC LIMIT 1", &[], |row| row.get(0))?;
    let subject = entry.subject.as_deref();
    let hash = link(&before.unwrap_or_default(), entry, now.timestamp_millis());
    tx.execute(
        "INSERT INTO event (at, kind, issue, subject, actor, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        args![
            now,
            entry.kind,
            super::Value::Int(entry.issue),
            subject,
            entry.actor,
            entry.detail,
            hash.as_slice()
        ],
    )?;
    match head(tx)? {
        Some((length, _)) => meta::remember(tx, HEAD, &format!("{} {}", length + 1, hex(&hash))),
        None => seal(tx),
    }
}

/// Writes the head of a chain that has none: in a new store, or one of an earlier version.
pub(super) fn seal(tx: &mut dyn Tx) -> Result<(), StoreError> {
    if head(tx)?.is_some() {
        return Ok(());
    }
    if tx.dialect() == Dialect::Postgres {
        tx.execute("LOCK TABLE event IN EXCLUSIVE MODE", &[])?;
        if head(tx)?.is_some() {
            return Ok(());
        }
    }
    let length: u64 = tx.one("SELECT count(*) FROM event", &[], |row| row.get(0))?.unwrap_or_default();
    let last: Option<Vec<u8>> =
        tx.one("SELECT hash FROM event ORDER BY id DESC LIMIT 1", &[], |row| row.get(0))?;
    meta::remember(tx, HEAD, &format!("{length} {}", hex(&last.unwrap_or_default())))
}

/// How many links the chain has, and the hash of the last.
pub(super) fn head(tx: &mut dyn Tx) -> Result<Option<(u64, String)>, StoreError> {
    let Some(note) = meta::recall(tx, HEAD)? else { return Ok(None) };
    let parts = note.split_once(' ').and_then(|(length, hash)| Some((length.parse().ok()?, hash.to_owned())));
    parts.map(Some).ok_or_else(|| corrupt_data(format!("the head of the event log {note:?}")))
}

/// The hash of one link: its fields and the hash before it.
pub(super) fn link(before: &[u8], entry: &Entry<'_>, at: i64) -> Vec<u8> {
    let mut chain = Context::new(&SHA256);
    chain.update(before);
    let fields = [
        at.to_string(),
        entry.kind.to_owned(),
        entry.issue.unwrap_or_default().to_string(),
        entry.subject.clone().unwrap_or_default(),
        entry.actor.to_owned(),
        entry.detail.to_owned(),
    ];
    for field in &fields {
        // The length distinguishes "ab" + "c" from "a" + "bc".
        chain.update(&(field.len() as u64).to_be_bytes());
        chain.update(field.as_bytes());
    }
    chain.finish().as_ref().to_vec()
}
