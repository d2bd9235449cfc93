//! The writer takes somebody off the list, and may take that back. Past deliveries stay as they are.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{StoreError, Tx, args, deliveries, errands, readers};
use crate::ledger::transition::Event;
use crate::store::desk::Removed;
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::{REMOVED, after_removal};

/// Why a delivery is skipped that waited for them.
const SKIPPED: &str = "removed";

pub(super) fn remove(
    tx: &mut dyn Tx,
    key: AddressKey,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Option<Removed>, StoreError> {
    let Some(subscriber) = readers::find(tx, key)? else { return Ok(None) };
    let waiting: Vec<i64> = tx.all(
        "SELECT id FROM delivery WHERE addr_key = ?1 AND state IN ('pending', 'claimed') ORDER BY id",
        args![&key.0],
        |row| row.get(0),
    )?;
    deliveries::to_each(tx, &waiting, &Event::Skip { reason: SKIPPED }, now)?;
    // Without it, the list that is read at each run would bring the address back.
    tx.execute(
        "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (addr_key) DO NOTHING",
        args![&key.0, after_removal(subscriber.standing), actor, now],
    )?;
    errands::void(tx, key, now)?;
    tx.execute("DELETE FROM subscriber WHERE addr_key = ?1", args![&key.0])?;
    let subject = Some(key.to_string());
    events::append(tx, &Entry { kind: "remove", issue: None, subject, actor, detail: "" }, now)?;
    let sent = tx.one(
        "SELECT count(*) FROM delivery WHERE addr_key = ?1 AND state = 'sent'",
        args![&key.0],
        |row| row.get(0),
    )?;
    Ok(Some(Removed { status: subscriber.standing, sent: sent.unwrap_or_default() }))
}

pub(super) fn readmit(
    tx: &mut dyn Tx,
    key: AddressKey,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let lifted = tx
        .execute("DELETE FROM suppression WHERE addr_key = ?1 AND reason = ?2", args![&key.0, REMOVED])?
        > 0;
    if lifted {
        let subject = Some(key.to_string());
        events::append(tx, &Entry { kind: "readmit", issue: None, subject, actor, detail: "" }, now)?;
    }
    Ok(lifted)
}
