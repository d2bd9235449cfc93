//! What a store remembers about itself, by key: its name, its epoch, the hash of a list.

use super::{Dialect, Store, StoreError, TransactionMode, Tx, args};

/// The note with the number of emails that were ever armed.
pub(super) const ARMED: &str = "armed";

impl Store {
    /// A remembered value, such as the hash of the list that was imported last.
    pub async fn get_meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.read("reading an entry", move |tx| recall(tx, &key)).await
    }

    /// Remembers a value.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(TransactionMode::Write, "writing an entry", move |tx| remember(tx, &key, &value)).await
    }

    /// Remembers a value unless there is one already; returns the stored value. Of two concurrent callers, one
    /// wins.
    pub async fn set_meta_once(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(TransactionMode::Write, "writing an entry", move |tx| {
            tx.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
                args![&key, &value],
            )?;
            Ok(recall(tx, &key)?.unwrap_or_else(|| value.clone()))
        })
        .await
    }
}

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

/// Counts emails that are armed in this transaction; returns how many there were ever. A database server counts nothing:
/// all senders would wait for this row.
pub(super) fn count_armed(tx: &mut dyn Tx, armed: u64) -> Result<Option<u64>, StoreError> {
    if armed == 0 || tx.dialect() == Dialect::Postgres {
        return Ok(None);
    }
    tx.one(
        "INSERT INTO meta (key, value) VALUES (?1, CAST(?2 AS TEXT))
         ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + ?2 AS TEXT)
         RETURNING CAST(value AS BIGINT)",
        args![ARMED, armed],
        |row| row.get(0),
    )
}
