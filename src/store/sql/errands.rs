//! Errands: small letters, each with at most one final dot. Their states are few enough to stand here.
//!
//! `waiting` → (claim) → `armed` → `sent`, `failed`, `waiting` again, or `unknown`; `void` when the reader left. An
//! errand whose sender died after the arm stays `unknown`: the reader can ask again, and nobody gets it twice.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dialect, StoreError, Tx, args, nonsense};
use crate::address::EmailAddress;
use crate::store::desk::{Errand, ErrandEnd, ErrandKind};
use crate::subscribers::AddressKey;

/// An errand is forgotten when no limit looks at it any more.
const KEPT_FOR: TimeDelta = TimeDelta::days(31);
/// One mailbox gets so many letters that answer a sign-up in so long.
const MAILBOX_LIMITS: [(TimeDelta, u64); 2] = [(TimeDelta::hours(24), 1), (TimeDelta::days(30), 3)];
/// And so many with a link to the reader's data.
const DATA_LIMIT: (TimeDelta, u64) = (TimeDelta::hours(24), 3);
/// A letter that could not leave for so long answers nobody any more.
const STALE_AFTER: TimeDelta = TimeDelta::hours(24);

/// Whom a small letter goes to.
pub(super) struct Addressed<'a> {
    pub(super) key: AddressKey,
    pub(super) mailbox: AddressKey,
    pub(super) address: &'a str,
    pub(super) language: Option<&'a str>,
}

pub(super) fn write(
    tx: &mut dyn Tx,
    to: &Addressed<'_>,
    kind: ErrandKind,
    generation: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO errand (addr_key, mailbox, address, language, kind, generation, state, created_at, next_at,
                             changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7, ?7)",
        args![&to.key.0, &to.mailbox.0, to.address, to.language, kind.as_str(), generation, now],
    )
    .map(drop)
}

/// Whether a mailbox was answered often enough.
pub(super) fn too_many(tx: &mut dyn Tx, mailbox: AddressKey, now: DateTime<Utc>) -> Result<bool, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        // Two forms for one mailbox at once: the second counts what the first wrote.
        let lock = i64::from_be_bytes(mailbox.0[..8].try_into().unwrap_or_default());
        tx.execute("SELECT pg_advisory_xact_lock(?1)", args![lock])?;
    }
    for (within, most) in MAILBOX_LIMITS {
        let count: Option<u64> = tx.one(
            "SELECT count(*) FROM errand WHERE mailbox = ?1 AND created_at > ?2 AND kind IN ('confirm', 'known')",
            args![&mailbox.0, now - within],
            |row| row.get(0),
        )?;
        if count.unwrap_or_default() >= most {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a reader was sent enough letters of one kind today.
pub(super) fn too_many_of(
    tx: &mut dyn Tx,
    key: AddressKey,
    kind: ErrandKind,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (within, most) = DATA_LIMIT;
    let count: Option<u64> = tx.one(
        "SELECT count(*) FROM errand WHERE mailbox = ?1 AND created_at > ?2 AND kind = ?3",
        args![&key.0, now - within, kind.as_str()],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or_default() >= most)
}

/// A reader who left is not answered any more.
pub(super) fn void(tx: &mut dyn Tx, key: AddressKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE errand SET state = 'void', owner = NULL, lease_until = NULL, changed_at = ?2
         WHERE addr_key = ?1 AND state = 'waiting' AND kind <> 'data'",
        args![&key.0, now],
    )
    .map(drop)
}

pub(super) fn claim(
    tx: &mut dyn Tx,
    owner: &str,
    lease: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Option<Errand>, StoreError> {
    // An arm whose owner did not come back: it may have arrived.
    tx.execute(
        "UPDATE errand SET state = 'unknown', owner = NULL, changed_at = ?1 WHERE state = 'armed' AND lease_until < ?1",
        args![now],
    )?;
    tx.execute(
        "UPDATE errand SET state = 'failed', changed_at = ?1 WHERE state = 'waiting' AND created_at < ?2",
        args![now, now - STALE_AFTER],
    )?;
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let next = tx.one(
        &format!(
            "SELECT id, kind, addr_key, address, language, generation, created_at, attempts FROM errand
             WHERE state = 'waiting' AND next_at <= ?1 AND (lease_until IS NULL OR lease_until < ?1)
             ORDER BY next_at, id LIMIT 1 {lock}"
        ),
        args![now],
        |row| {
            let kind: String = row.get(1)?;
            Ok(Errand {
                number: row.get(0)?,
                kind: ErrandKind::from_word(&kind)
                    .ok_or_else(|| nonsense(format!("the transactional email kind {kind:?}")))?,
                key: AddressKey(row.get(2)?),
                address: EmailAddress::parse(&row.get::<String>(3)?)
                    .map_err(|error| nonsense(format!("an address: {error}")))?,
                language: row.get(4)?,
                generation: row.get(5)?,
                created_at: row.get(6)?,
                attempts: row.get::<u32>(7)?.saturating_add(1),
            })
        },
    )?;
    if let Some(errand) = &next {
        tx.execute(
            "UPDATE errand SET owner = ?2, lease_until = ?3, attempts = ?4, changed_at = ?5 WHERE id = ?1",
            args![errand.number, owner, now + lease, errand.attempts, now],
        )?;
    }
    Ok(next)
}

pub(super) fn arm(tx: &mut dyn Tx, number: i64, owner: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    // A farewell since the claim made it void; whoever must not be mailed at all is not mailed this either.
    let armed = tx.execute(
        "UPDATE errand SET state = 'armed', changed_at = ?3
         WHERE id = ?1 AND owner = ?2 AND state = 'waiting' AND lease_until >= ?3
         AND NOT EXISTS (SELECT 1 FROM suppression
                         WHERE suppression.addr_key = errand.addr_key AND reason <> 'erased')",
        args![number, owner, now],
    )?;
    Ok(armed > 0)
}

pub(super) fn end(
    tx: &mut dyn Tx,
    number: i64,
    owner: &str,
    (end, said): (&ErrandEnd, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (state, next_at) = match end {
        ErrandEnd::Sent => ("sent", now),
        ErrandEnd::Failed => ("failed", now),
        ErrandEnd::Later(pause) => ("waiting", now + *pause),
        ErrandEnd::Unknown => ("unknown", now),
    };
    tx.execute(
        "UPDATE errand SET state = ?3, next_at = ?4, last_reply = ?5, owner = NULL, lease_until = NULL, changed_at = ?6
         WHERE id = ?1 AND owner = ?2 AND state IN ('waiting', 'armed')",
        args![number, owner, state, next_at, said, now],
    )
    .map(drop)
}

pub(super) fn forget(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM errand WHERE created_at < ?1 AND state <> 'armed'", args![now - KEPT_FOR])
}
