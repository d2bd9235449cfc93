//! The queue of transactional emails (table `transactional_email`), each with at most one final dot.
//!
//! States: `waiting` → (claim) → `armed` → `sent`, `failed`, `waiting` again, or `unknown`; `void` after an
//! unsubscribe. An email whose sender died after the arm stays `unknown`: the person can ask again, and gets no
//! duplicate.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dialect, Row, Store, StoreError, Tx, address, args, corrupt_data};
use crate::store::subscriber_store::{TransactionalKind, TransactionalMessage, TransactionalOutcome};
use crate::subscribers::AddressKey;

/// Old rows are deleted when no limit counts them any more.
const KEPT_FOR: TimeDelta = TimeDelta::days(31);
/// The most answers to sign-ups for one mailbox within a time.
const MAILBOX_LIMITS: [(TimeDelta, u64); 2] = [(TimeDelta::hours(24), 1), (TimeDelta::days(30), 3)];
/// The most emails with a link to the person's data.
const DATA_LIMIT: (TimeDelta, u64) = (TimeDelta::hours(24), 3);
/// An email that could not be sent for this long is given up.
const STALE_AFTER: TimeDelta = TimeDelta::hours(24);

impl Store {
    /// What became of the confirmation email of a subscriber who has not confirmed yet: since when, and its state if it is
    /// still recorded.
    pub async fn confirmation(
        &self,
        key: AddressKey,
    ) -> Result<Option<(DateTime<Utc>, Option<String>)>, StoreError> {
        self.read("looking up a sign-up", move |tx| {
            let sql = "SELECT asked_at FROM subscriber WHERE addr_key = ?1 AND status = 'unconfirmed'";
            let asked: Option<Option<DateTime<Utc>>> = tx.one(sql, args![&key.0], |row| row.get(0))?;
            let Some(asked_at) = asked.flatten() else { return Ok(None) };
            let sql = "SELECT state, changed_at FROM transactional_email WHERE addr_key = ?1 AND kind = 'confirm' ORDER BY id DESC";
            let email = tx.one(sql, args![&key.0], |row| {
                Ok((row.get::<DateTime<Utc>>(1)?, Some(row.get::<String>(0)?)))
            })?;
            Ok(Some(email.unwrap_or((asked_at, None))))
        })
        .await
    }

    /// Claims the next transactional email for the time `lease`.
    pub async fn claim_transactional(
        &self,
        owner: &str,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<TransactionalMessage>, StoreError> {
        let owner = owner.to_owned();
        self.write("claiming a transactional email", now, move |tx, now| {
            // Its sender died after the arm: it may have arrived.
            tx.execute(
                "UPDATE transactional_email SET state = 'unknown', owner = NULL, changed_at = ?1
                 WHERE state = 'armed' AND lease_until < ?1",
                args![now],
            )?;
            tx.execute(
                "UPDATE transactional_email SET state = 'failed', changed_at = ?1 WHERE state = 'waiting' AND created_at < ?2",
                args![now, now - STALE_AFTER],
            )?;
            let lock = match tx.dialect() {
                Dialect::Sqlite => "",
                Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
            };
            let next = tx.one(
                &format!(
                    "SELECT id, kind, addr_key, address, language, generation, created_at, attempts FROM transactional_email
                     WHERE state = 'waiting' AND next_at <= ?1 AND (lease_until IS NULL OR lease_until < ?1)
                     ORDER BY next_at, id LIMIT 1 {lock}"
                ),
                args![now],
                message,
            )?;
            if let Some(message) = &next {
                tx.execute(
                    "UPDATE transactional_email SET owner = ?2, lease_until = ?3, attempts = ?4, changed_at = ?5 WHERE id = ?1",
                    args![message.number, &owner, now + lease, message.attempts, now],
                )?;
            }
            Ok(next)
        })
        .await
    }

    /// Whether the final dot of a transactional email may be written now; `false` if the recipient unsubscribed since
    /// the claim, or another process has claimed it. When this returns, the arm is on the disk.
    pub async fn arm_transactional(
        &self,
        number: i64,
        owner: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let owner = owner.to_owned();
        self.write("arming a transactional email", now, move |tx, now| {
            // An unsubscribe since the claim voided it; a suppressed address gets no mail of this kind either.
            let armed = tx.execute(
                "UPDATE transactional_email SET state = 'armed', changed_at = ?3
                 WHERE id = ?1 AND owner = ?2 AND state = 'waiting' AND lease_until >= ?3
                 AND NOT EXISTS (SELECT 1 FROM suppression
                                 WHERE suppression.addr_key = transactional_email.addr_key AND reason <> 'erased')",
                args![number, &owner, now],
            )?;
            Ok(armed > 0)
        })
        .await
    }

    /// Records how an attempt ended, and the server's reply.
    pub async fn finish_transactional(
        &self,
        number: i64,
        owner: &str,
        end: TransactionalOutcome,
        reply: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (owner, reply) = (owner.to_owned(), reply.to_owned());
        self.write("recording a transactional email", now, move |tx, now| {
            let (state, next_at) = match end {
                TransactionalOutcome::Sent => ("sent", now),
                TransactionalOutcome::Failed => ("failed", now),
                TransactionalOutcome::Later(pause) => ("waiting", now + pause),
                TransactionalOutcome::Unknown => ("unknown", now),
            };
            tx.execute(
                "UPDATE transactional_email SET state = ?3, next_at = ?4, last_reply = ?5, owner = NULL, lease_until = NULL,
                                   changed_at = ?6
                 WHERE id = ?1 AND owner = ?2 AND state IN ('waiting', 'armed')",
                args![number, &owner, state, next_at, &reply, now],
            )
            .map(drop)
        })
        .await
    }
}

fn message(row: &dyn Row) -> Result<TransactionalMessage, StoreError> {
    let kind: String = row.get(1)?;
    Ok(TransactionalMessage {
        number: row.get(0)?,
        kind: TransactionalKind::from_code(&kind)
            .ok_or_else(|| corrupt_data(format!("the transactional_email {kind:?}")))?,
        key: AddressKey(row.get(2)?),
        address: address(&row.get::<String>(3)?)?,
        language: row.get(4)?,
        generation: row.get(5)?,
        created_at: row.get(6)?,
        attempts: row.get::<u32>(7)?.saturating_add(1),
    })
}

/// The recipient of a transactional email.
pub(super) struct MessageRecipient<'a> {
    pub(super) key: AddressKey,
    pub(super) mailbox: AddressKey,
    pub(super) address: &'a str,
    pub(super) language: Option<&'a str>,
}

pub(super) fn write(
    tx: &mut dyn Tx,
    to: &MessageRecipient<'_>,
    kind: TransactionalKind,
    generation: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO transactional_email (addr_key, mailbox, address, language, kind, generation, state, created_at, next_at,
                             changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7, ?7)",
        args![&to.key.0, &to.mailbox.0, to.address, to.language, kind.as_str(), generation, now],
    )
    .map(drop)
}

/// Whether a mailbox has reached its limit.
pub(super) fn too_many(tx: &mut dyn Tx, mailbox: AddressKey, now: DateTime<Utc>) -> Result<bool, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        // Of two forms for one mailbox at once, the second must count the row of the first.
        let lock = i64::from_be_bytes(mailbox.0[..8].try_into().unwrap_or_default());
        tx.execute("SELECT pg_advisory_xact_lock(?1)", args![lock])?;
    }
    for (within, most) in MAILBOX_LIMITS {
        let count: Option<u64> = tx.one(
            "SELECT count(*) FROM transactional_email WHERE mailbox = ?1 AND created_at > ?2 AND kind IN ('confirm', 'known')",
            args![&mailbox.0, now - within],
            |row| row.get(0),
        )?;
        if count.unwrap_or_default() >= most {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a subscriber has reached the daily limit for one kind of email.
pub(super) fn too_many_of(
    tx: &mut dyn Tx,
    key: AddressKey,
    kind: TransactionalKind,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (within, most) = DATA_LIMIT;
    let count: Option<u64> = tx.one(
        "SELECT count(*) FROM transactional_email WHERE mailbox = ?1 AND created_at > ?2 AND kind = ?3",
        args![&key.0, now - within, kind.as_str()],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or_default() >= most)
}

/// Cancels what is still waiting for a person who unsubscribed.
pub(super) fn cancel(tx: &mut dyn Tx, key: AddressKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE transactional_email SET state = 'void', owner = NULL, lease_until = NULL, changed_at = ?2
         WHERE addr_key = ?1 AND state = 'waiting' AND kind <> 'data'",
        args![&key.0, now],
    )
    .map(drop)
}

pub(super) fn forget(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM transactional_email WHERE created_at < ?1 AND state <> 'armed'",
        args![now - KEPT_FOR],
    )
}
