//! Words that a store remembers about itself: its name, its epoch, the digest of a list.

use super::{StoreError, Tx, args};

pub(in crate::store) fn recall(tx: &mut dyn Tx, key: &str) -> Result<Option<String>, StoreError> {
    tx.one("SELECT value FROM meta WHERE key = ?1", args![key], |row| row.get(0))
}

pub(in crate::store) fn remember(tx: &mut dyn Tx, key: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        args![key, value],
    )
    .map(drop)
}

/// Remembers `value` unless something stands there already; returns what stands.
pub(in crate::store) fn remember_first(
    tx: &mut dyn Tx,
    key: &str,
    value: &str,
) -> Result<String, StoreError> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
        args![key, value],
    )?;
    Ok(recall(tx, key)?.unwrap_or_else(|| value.to_owned()))
}
