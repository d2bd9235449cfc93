//! Failover: the server is not the one that wrote the ledger last, but a promoted standby or a copy.
//!
//! It may lack the last transactions of the old server: claims, arms and even results can be missing, and a
//! delivery that was sent may be waiting here. So every delivery that could have been in flight becomes unknown.

use chrono::{DateTime, Utc};

use super::{For, Postgres, lock};
use crate::ledger::transition::Event;
use crate::store::StoreError;
use crate::store::sql::events::{self, Entry};
use crate::store::sql::{Tx, args, deliveries, meta};

/// The note with the server: its system identifier and its timeline.
const PLACE: &str = "place";

/// Reads the system identifier. With [`TIMELINE`] it is all that only PostgreSQL itself has; databases that speak its
/// protocol have no such log.
pub(super) const SYSTEM: &str = "SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()";
/// The timeline of the server's log, as an expression.
pub(super) const TIMELINE: &str = "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)";

/// Whether two places are the same; an unknown system identifier matches every other.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (Some((system, timeline)), Some((other, now))) = (one.split_once('/'), other.split_once('/')) else {
        return one == other;
    };
    timeline == now && (system == other || system.is_empty() || other.is_empty())
}

/// Notes the current server. If it is another one, every delivery that could have been in flight becomes unknown,
/// once for all processes.
pub(super) fn adopt(postgres: &Postgres, place: &str) -> Result<(), StoreError> {
    const DOING: &str = "checking for data lost in a database failover";
    let moved = postgres.retry_until_known(For::Write, DOING, true, &|tx: &mut dyn Tx| {
        let now = tx.now(DateTime::UNIX_EPOCH)?;
        settle(tx, postgres, place, now)
    })?;
    if let Some(moved) = moved {
        let mut total = lock(&postgres.failed_over);
        *total = Some(total.unwrap_or_default() + moved);
    }
    *lock(&postgres.server_identity) = Some(place.to_owned());
    Ok(())
}

fn settle(
    tx: &mut dyn Tx,
    postgres: &Postgres,
    place: &str,
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let known: Option<String> =
        tx.one("SELECT value FROM meta WHERE key = ?1 FOR UPDATE", args![PLACE], |row| row.get(0))?;
    let Some(known) = known else {
        meta::remember(tx, PLACE, place)?;
        return Ok(None);
    };
    if same(&known, place) {
        return Ok(None);
    }
    // Issues with claimed deliveries, or with recent ones. Any delivery of such an issue that is due may have been
    // claimed, armed and sent in the transactions that were lost; lost claims leave no trace.
    let since = now - postgres.window;
    let under_way: Vec<i64> = tx.all(
        "SELECT id FROM issue WHERE finished_at IS NULL AND state IN ('sending', 'paused') AND (frozen_at > ?1 OR EXISTS (
             SELECT 1 FROM delivery
             WHERE issue = issue.id AND (state IN ('claimed', 'armed') OR changed_at > ?1)))
         ORDER BY id FOR UPDATE",
        args![since],
        |row| row.get(0),
    )?;
    let mut moved = 0;
    for issue in under_way {
        let open = tx.all(
            "SELECT issue, id FROM delivery
             WHERE issue = ?1 AND open = 1 AND (state IN ('claimed', 'armed') OR next_at <= ?2) ORDER BY id",
            args![issue, now],
            deliveries::found_delivery,
        )?;
        moved += deliveries::to_each(tx, &open, &Event::MarkRestored, now)?;
    }
    meta::remember(tx, PLACE, place)?;
    let detail = format!(
        "another database server replies ({known} before, {place} now): {moved} deliveries with unknown outcome"
    );
    let entry = Entry { kind: "failover", issue: None, subject: None, actor: "letterpress", detail: &detail };
    events::append(tx, &entry, now)?;
    Ok(Some(moved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_timeline_or_system_is_another_place_and_an_unknown_system_is_not() {
        assert!(same("7/00000001", "7/00000001"));
        assert!(!same("7/00000001", "7/00000002"));
        assert!(!same("7/00000001", "8/00000001"));
        assert!(same("/00000001", "8/00000001") && same("8/00000001", "/00000001"));
    }
}
