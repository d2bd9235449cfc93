//! Makes history small: removes what an earlier version stored and this one derives, and, if the operator wants that, the
//! details of old issues. Each method is one short transaction and can be repeated, so an interrupted compaction loses
//! nothing and continues later.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::many::execute_many;
use super::{
    Dialect, Row, Store, StoreError, TransactionMode, Tx, Value, args, blocking, corrupt_data, counts,
    deliveries, meta, rows,
};
use crate::ledger::{EVIDENCE, queue_id};
use crate::store::{DeliveryNumber, DerivedDelivery, IssueNumber, StoredDelivery};
use crate::subscribers::AddressKey;

/// The note with the number of the last delivery that may still store what can be derived.
const DERIVE_UNTIL: &str = "derive_until";

/// The note with the issue that is being compacted, and its last delivery without details.
const COMPACTING: &str = "compacting";

/// The note with the number of the last delivery when the file was written anew.
const PACKED: &str = "packed";

/// How many rows are changed in one transaction.
const PAGE: u32 = 1_000;

/// Deliveries that are not packed before so many have come, nor while they are less than a fifth of all.
const FEW: i64 = 1_000;
/// A larger file would be locked for too long; `ledger compact` packs it.
const MOST: i64 = 3_000_000;

impl Store {
    /// Moves attempts of an earlier version to their place in the order of the deliveries. Returns whether there are
    /// more.
    pub async fn move_old_attempts(&self) -> Result<bool, StoreError> {
        self.run(TransactionMode::Write, "moving attempts of an earlier version", move_attempts).await
    }

    /// The next deliveries that may store what can be derived, the newest first; `None` if there is none.
    pub async fn stored_deliveries(&self) -> Result<Option<Vec<StoredDelivery>>, StoreError> {
        self.read("reading deliveries of an earlier version", |tx| {
            let Some(until) = meta::recall(tx, DERIVE_UNTIL)? else { return Ok(None) };
            let until: i64 = until.parse().unwrap_or_default();
            let sql =
                "SELECT delivery.issue, delivery.id, addr_key, post, address, message_domain, delivery.state,
                              message_id, boundary_seed, unsubscribe, bounce
                       FROM delivery JOIN issue ON issue.id = delivery.issue
                       WHERE delivery.id <= ?1 ORDER BY delivery.id DESC LIMIT ?2";
            tx.all(sql, args![until, PAGE], stored_delivery).map(Some)
        })
        .await
    }

    /// Removes from these deliveries what can be derived, and what nobody needs after a message was sent. `next` is the
    /// number of the next delivery to look at, or `None` after the last.
    pub async fn derive(
        &self,
        derived: Vec<DerivedDelivery>,
        next: Option<DeliveryNumber>,
    ) -> Result<(), StoreError> {
        self.run(TransactionMode::Write, "shortening deliveries of an earlier version", move |tx| {
            derive(tx, &derived)?;
            match next {
                Some(next) => meta::remember(tx, DERIVE_UNTIL, &next.0.to_string()),
                None => tx.execute("DELETE FROM meta WHERE key = ?1", args![DERIVE_UNTIL]).map(drop),
            }
        })
        .await
    }

    /// Begins, or continues, to remove the details of a finished issue that was frozen before `before`. Returns its
    /// deliveries that may have details, in order; `None` if there is no such issue.
    pub async fn begin_compaction(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<(IssueNumber, Vec<DeliveryNumber>)>, StoreError> {
        self.write("choosing an old issue", now, move |tx, now| {
            let (issue, after) = match interrupted(tx)? {
                Some(interrupted) => interrupted,
                None => match choose(tx, before, now)? {
                    Some(issue) => (issue, 0),
                    None => return Ok(None),
                },
            };
            let sql = "SELECT id FROM delivery WHERE issue = ?1 AND id > ?2";
            let mut found = tx.all(sql, args![issue.0, after], |row| Ok(DeliveryNumber(row.get(0)?)))?;
            found.sort_unstable();
            Ok(Some((issue, found)))
        })
        .await
    }

    /// Removes the details of some deliveries of an issue, in order: names, replies and attempts. Deliveries with unknown
    /// outcome keep them.
    pub async fn remove_details(
        &self,
        issue: IssueNumber,
        page: Vec<DeliveryNumber>,
    ) -> Result<(), StoreError> {
        self.run(TransactionMode::Write, "removing details", move |tx| {
            let Some(last) = page.last() else { return Ok(()) };
            meta::remember(tx, COMPACTING, &format!("{} {}", issue.0, last.0))?;
            let rows: Vec<Vec<Value<'_>>> =
                page.iter().map(|number| args![issue.0, number.0].to_vec()).collect();
            execute_many(
                tx,
                "DELETE FROM attempt WHERE (issue, delivery) IN (SELECT new.issue, new.id FROM {new})
                 AND EXISTS (SELECT 1 FROM delivery WHERE delivery.issue = attempt.issue
                             AND delivery.id = attempt.delivery AND delivery.state IN ('sent', 'failed', 'skipped'))",
                &rows,
            )?;
            execute_many(
                tx,
                "UPDATE delivery SET name = NULL, token = NULL, bytes_sha256 = NULL, dated = NULL, owner = NULL,
                        last_phase = NULL, last_reply = NULL, next_at = 0, message_id = '', boundary_seed = '',
                        unsubscribe = '', bounce = '', domain = NULL
                 FROM {new} WHERE delivery.issue = new.issue AND delivery.id = new.id
                 AND delivery.state IN ('sent', 'failed', 'skipped')",
                &rows,
            )
        })
        .await
    }

    /// Ends the compaction of an issue with the reports about it.
    pub async fn end_compaction(&self, issue: IssueNumber) -> Result<(), StoreError> {
        self.run(TransactionMode::Write, "removing the details of reports", move |tx| {
            tx.execute(
                "UPDATE inbound_report SET diagnostic = NULL WHERE issue = ?1 AND diagnostic IS NOT NULL",
                args![issue.0],
            )?;
            tx.execute("DELETE FROM meta WHERE key = ?1", args![COMPACTING]).map(drop)
        })
        .await
    }

    /// Packs the deliveries of finished issues, which leave more than half of each page empty: a delivery is longer while
    /// it is being sent. The whole file is written anew, so this waits until it is worth it.
    pub async fn pack(&self) -> Result<(), StoreError> {
        let Some(newest) = self.read("looking for loose pages", loose_until).await? else { return Ok(()) };
        if newest > MOST || !self.scrub().await? {
            return Ok(());
        }
        self.set_meta(PACKED, &newest.to_string()).await
    }

    /// Gives the space of removed rows back to the file system, as far as the database allows it.
    pub async fn shrink(&self) -> Result<(), StoreError> {
        let newest = self.read("looking for loose pages", loose_until).await?;
        let backend = Arc::clone(&self.backend);
        blocking(move || backend.shrink(newest.is_some())).await?;
        match newest {
            Some(newest) => self.set_meta(PACKED, &newest.to_string()).await,
            None => Ok(()),
        }
    }
}

/// The last delivery, if no issue is open and many deliveries came since the file was written anew.
fn loose_until(tx: &mut dyn Tx) -> Result<Option<i64>, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        return Ok(None);
    }
    let is_open = "SELECT 1 FROM issue WHERE finished_at IS NULL LIMIT 1";
    if tx.one(is_open, args![], |row| row.get::<i64>(0))?.is_some() {
        return Ok(None);
    }
    let newest = tx.one("SELECT max(id) FROM delivery", args![], |row| row.get::<Option<i64>>(0))?;
    let newest = newest.flatten().unwrap_or_default();
    let packed: i64 = meta::recall(tx, PACKED)?.and_then(|note| note.parse().ok()).unwrap_or_default();
    let loose = newest - packed;
    Ok((loose >= FEW && loose.saturating_mul(5) >= newest).then_some(newest))
}

/// The issue whose compaction was interrupted, and its last delivery without details.
fn interrupted(tx: &mut dyn Tx) -> Result<Option<(IssueNumber, i64)>, StoreError> {
    let Some(note) = meta::recall(tx, COMPACTING)? else { return Ok(None) };
    let read = note.split_once(' ').and_then(|(issue, last)| Some((issue.parse().ok()?, last.parse().ok()?)));
    let (issue, last) = read.ok_or_else(|| corrupt_data(format!("the compaction {note:?}")))?;
    Ok(Some((IssueNumber(issue), last)))
}

/// Chooses an issue. It is marked first: from then on its deliveries need no attempts as evidence.
fn choose(
    tx: &mut dyn Tx,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<IssueNumber>, StoreError> {
    let issue: Option<i64> = tx.one(
        "UPDATE issue SET compacted_at = ?2 WHERE id = (
             SELECT min(id) FROM issue WHERE finished_at IS NOT NULL AND compacted_at IS NULL AND audience > 0
             AND coalesce(extended_at, frozen_at) < ?1)
         RETURNING id",
        args![before, now],
        |row| row.get(0),
    )?;
    let Some(issue) = issue else { return Ok(None) };
    meta::remember(tx, COMPACTING, &format!("{issue} 0"))?;
    events::append(tx, &Entry::of_issue(issue, "compact", "letterpress", "the details are removed"), now)?;
    Ok(Some(IssueNumber(issue)))
}

fn move_attempts(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    let sql = "SELECT token FROM (SELECT token FROM old_attempt ORDER BY token LIMIT ?1) AS page
               ORDER BY token DESC LIMIT 1";
    let Some(last) = tx.one(sql, args![PAGE], |row| row.get::<Vec<u8>>(0))? else { return Ok(false) };
    // Of an attempt that ended with `sent` neither the token nor the reply is needed.
    tx.execute(
        "INSERT INTO attempt (issue, delivery, n, epoch, armed_at, ended_at, result)
         SELECT delivery.issue, delivery, row_number() OVER (PARTITION BY delivery ORDER BY armed_at, old_attempt.token)
                    + coalesce((SELECT max(n) FROM attempt AS moved
                                WHERE moved.issue = delivery.issue AND moved.delivery = delivery.id), 0),
                epoch, armed_at, ended_at, result
         FROM old_attempt JOIN delivery ON delivery.id = delivery WHERE old_attempt.token <= ?1",
        args![last.as_slice()],
    )?;
    tx.execute("DELETE FROM old_attempt WHERE token <= ?1", args![last.as_slice()])?;
    Ok(true)
}

fn stored_delivery(row: &dyn Row) -> Result<StoredDelivery, StoreError> {
    Ok(StoredDelivery {
        id: deliveries::found_delivery(row)?,
        key: AddressKey(row.get(2)?),
        post: row.get(3)?,
        address: row.get(4)?,
        message_domain: row.get(5)?,
        state: counts::state(&row.get::<String>(6)?)?,
        fields: rows::stored_fields(row, 7)?,
    })
}

fn derive(tx: &mut dyn Tx, derived: &[DerivedDelivery]) -> Result<(), StoreError> {
    for DerivedDelivery { id, message_domain } in derived {
        let sql = "UPDATE issue SET message_domain = ?2 WHERE id = ?1 AND message_domain = ''";
        tx.execute(sql, args![id.issue.0, message_domain])?;
        let sql =
            "SELECT last_phase, last_reply FROM delivery WHERE issue = ?1 AND id = ?2 AND state = 'sent'";
        let sent = tx.one(sql, args![id.issue.0, id.number.0], |row| {
            Ok((row.get::<Option<String>>(0)?, row.get::<Option<String>>(1)?))
        })?;
        tx.execute(
            "UPDATE delivery SET message_id = '', boundary_seed = '', unsubscribe = '', bounce = ''
             WHERE issue = ?1 AND id = ?2",
            args![id.issue.0, id.number.0],
        )?;
        let Some((_, reply)) = sent.filter(|(phase, _)| phase.as_deref() != Some(EVIDENCE)) else { continue };
        tx.execute(
            "UPDATE delivery SET token = NULL, bytes_sha256 = NULL, dated = NULL, owner = NULL, next_at = 0,
                    last_phase = NULL, last_reply = ?3
             WHERE issue = ?1 AND id = ?2",
            args![id.issue.0, id.number.0, reply.as_deref().and_then(queue_id)],
        )?;
    }
    Ok(())
}
