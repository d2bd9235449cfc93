//! The writer removes a subscriber, and may undo that. Past deliveries stay as they are.

use chrono::{DateTime, Utc};

use super::deliveries::{self, Scope, TO_SUBSCRIBER};
use super::events::{self, Entry};
use super::{Store, StoreError, args, series, subscribers, transactional};
use crate::store::subscriber_store::Removed;
use crate::subscribers::AddressKey;
use crate::subscribers::lifecycle::{REMOVED, after_removal};

/// The reason of a delivery that is skipped after a removal.
const SKIPPED: &str = "removed";

impl Store {
    /// The writer takes an address off the list: its row is deleted, past deliveries stay, and no import adds it
    /// again. `None` if it has no row.
    pub async fn remove(
        &self,
        key: AddressKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Removed>, StoreError> {
        let actor = actor.to_owned();
        self.write("removing a subscriber", now, move |tx, now| {
            let Some(subscriber) = subscribers::find(tx, key)? else { return Ok(None) };
            let status = subscriber.profile.status;
            deliveries::skip_waiting(tx, Scope::Subscriber(key), SKIPPED, now)?;
            // Without it, the list that is read at each run would add the address again.
            tx.execute(
                "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (addr_key) DO NOTHING",
                args![&key.0, after_removal(status), &actor, now],
            )?;
            transactional::cancel(tx, key, now)?;
            series::forget(tx, key)?;
            tx.execute("DELETE FROM subscriber WHERE addr_key = ?1", args![&key.0])?;
            events::append(tx, &Entry::about(key, "remove", &actor), now)?;
            let sql = format!("SELECT count(*) FROM delivery WHERE {TO_SUBSCRIBER} AND state = 'sent'");
            let sent = tx.one(&sql, args![&key.0], |row| row.get(0))?;
            Ok(Some(Removed { status, sent: sent.unwrap_or_default() }))
        })
        .await
    }

    /// Why an address must not be mailed, if it must not.
    pub async fn suppression_reason(&self, key: AddressKey) -> Result<Option<String>, StoreError> {
        self.read("reading a suppression", move |tx| {
            tx.one("SELECT reason FROM suppression WHERE addr_key = ?1", args![&key.0], |row| row.get(0))
        })
        .await
    }

    /// The writer undoes a removal, so that the address can be added again; `false` if it was not removed, or if
    /// only its owner can undo that.
    pub async fn readmit(
        &self,
        key: AddressKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let actor = actor.to_owned();
        self.write("readmitting a subscriber", now, move |tx, now| {
            let sql = "DELETE FROM suppression WHERE addr_key = ?1 AND reason = ?2";
            let lifted = tx.execute(sql, args![&key.0, REMOVED])? > 0;
            if lifted {
                events::append(tx, &Entry::about(key, "readmit", &actor), now)?;
            }
            Ok(lifted)
        })
        .await
    }
}
