//! The epoch of a store, and how to continue with a store that was restored from a backup.

use chrono::{DateTime, Utc};

use super::digests::Week;
use super::events::{self, Entry};
use super::{
    Store, StoreError, TransactionMode, Tx, args, corrupt_data, counts, deliveries, digests, issues, meta,
    series,
};
use crate::ledger::transition::Event;
use crate::store::digest::ADOPTED;
use crate::store::{EpochMark, RestoreOutcome, RestoreRequest, StoreIdentity};

const EPOCH: &str = "epoch";

/// The note that marks a store as a backup: when it was taken.
pub(in crate::store) const COPIED: &str = "copied";

impl Store {
    /// Which store this is, and its epoch.
    pub async fn identity(&self) -> Result<StoreIdentity, StoreError> {
        self.read("reading the epoch", identity).await
    }

    /// Raises the epoch by one, durably; returns it.
    pub async fn raise_epoch(&self) -> Result<u64, StoreError> {
        self.run(TransactionMode::Write, "raising the epoch", |tx| {
            events::seal(tx)?;
            // In one statement: two processes may raise it at once.
            tx.one(
                "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = ?1
                 RETURNING CAST(value AS BIGINT)",
                args![EPOCH],
                |row| row.get(0),
            )?
            .ok_or_else(|| corrupt_data("no epoch"))
        })
        .await
    }

    /// T14: continues with a store that was restored or moved. Each delivery that is not final becomes unknown, and
    /// posts that may have been mailed since the backup become part of the baseline.
    pub async fn accept_restored(
        &self,
        adoption: RestoreRequest,
        now: DateTime<Utc>,
    ) -> Result<RestoreOutcome, StoreError> {
        self.write("adopting it", now, move |tx, now| {
            let before = identity(tx)?.epoch_mark.epoch;
            let mut adopted = RestoreOutcome { unknown: 0, baseline: Vec::new() };
            if let Some(published) = &adoption.published {
                adopted.unknown = mark_unknown(tx, now)?;
                adopted.baseline = issues::baseline(tx, published, now)?;
                // Any of them may have been in a weekly digest that is not in this backup.
                let ids: Vec<&str> = published.iter().map(|(id, _)| id.as_str()).collect();
                let week = Week { name: &format!("{ADOPTED}{}", now.to_rfc3339()), moment: now };
                digests::remember(tx, &week, &ids, "adopt-restored", now)?;
                series::skip_what_was_due(tx, now)?;
                while counts::finish(tx, now)? {}
            }
            tx.execute("DELETE FROM meta WHERE key = ?1", args![COPIED])?;
            let epoch = before.max(adoption.above) + 1;
            meta::remember(tx, EPOCH, &epoch.to_string())?;
            let detail = format!(
                "epoch {before} to {epoch}, {} in doubt, {} posts to the baseline: {}",
                adopted.unknown,
                adopted.baseline.len(),
                adoption.why
            );
            let kind = if adoption.published.is_some() { "adopt" } else { "move" };
            let entry = Entry { kind, issue: None, subject: None, actor: "adopt-restored", detail: &detail };
            events::append(tx, &entry, now)?;
            Ok(adopted)
        })
        .await
    }
}

pub(super) fn identity(tx: &mut dyn Tx) -> Result<StoreIdentity, StoreError> {
    let instance = meta::recall(tx, "instance")?.ok_or_else(|| corrupt_data("no name"))?;
    let epoch = meta::recall(tx, EPOCH)?.unwrap_or_default();
    let epoch = epoch.parse().map_err(|_| corrupt_data(format!("the epoch {epoch:?}")))?;
    let armed = meta::recall(tx, meta::ARMED)?.unwrap_or_else(|| "0".to_owned());
    let armed = armed.parse().map_err(|_| corrupt_data(format!("the count {armed:?}")))?;
    Ok(StoreIdentity { epoch_mark: EpochMark { instance, epoch, armed }, copied: meta::recall(tx, COPIED)? })
}

/// Marks every delivery that may have been sent after the backup as unknown; returns how many were not unknown
/// before.
fn mark_unknown(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut moved = 0;
    for (states, were_in_doubt) in
        [("('unknown', 'failed')", true), ("('pending', 'claimed', 'armed')", false)]
    {
        let sql = format!("SELECT issue, id FROM delivery WHERE state IN {states} ORDER BY issue, id");
        let found = tx.all(&sql, &[], deliveries::found_delivery)?;
        let marked = deliveries::to_each(tx, &found, &Event::MarkRestored, now)?;
        moved += if were_in_doubt { 0 } else { marked };
    }
    Ok(moved)
}
