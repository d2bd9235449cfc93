//! Subscribers and suppressions.

use std::collections::HashMap;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, iter, thread};

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::many::insert_many;
use super::{Dialect, Row, Store, StoreError, Tx, Value, address, args, corrupt_data, update_statistics};
use crate::store::subscriber_store::SubscriberSource;
use crate::subscribers::lifecycle::{ImportDecision, REMOVED, SubscriptionStatus, decide_import as judge};
use crate::subscribers::{
    AddressKey, Frequency, ImportCounts, NewSubscriber, Preferences, Profile, Subscriber, Topics,
};
use crate::text::HeaderText;

/// The columns that [`subscriber`] reads, in its order. A suppression has the reason, and stays after the
/// subscriber's row is deleted.
const SUBSCRIBER: &str =
    "SELECT subscriber.id, subscriber.addr_key, email, name, language, status, subscriber.source, consented_at,
            added_at, suppression.reason, frequency, topics, coalesce(suppression.since, changed_at)
     FROM subscriber LEFT JOIN suppression ON suppression.addr_key = subscriber.addr_key";

/// The columns that [`add`] writes, in its order.
const ADDED: [&str; 11] = [
    "addr_key",
    "email",
    "name",
    "language",
    "status",
    "source",
    "consented_at",
    "added_at",
    "changed_at",
    "frequency",
    "topics",
];

/// The reason of a suppression, if an imported list gives none.
const LISTED: &str = "suppressed in a list that was imported";

/// How many subscribers are looked up and added at a time.
const PAGE: usize = 1_000;

impl Store {
    /// Adds subscribers by the rule of [`crate::subscribers::lifecycle::decide_import`].
    pub async fn add_subscribers(
        &self,
        list: Vec<NewSubscriber>,
        now: DateTime<Utc>,
    ) -> Result<ImportCounts, StoreError> {
        self.write("adding subscribers", now, move |tx, now| {
            let mut counts = ImportCounts::default();
            for page in list.chunks(PAGE) {
                add_page(tx, page, &mut counts, now)?;
            }
            end_import(tx, &counts)?;
            Ok(counts)
        })
        .await
    }

    /// The same for a list that is read meanwhile. If it cannot be read to its end, nothing of it is added.
    pub async fn import_subscribers(
        &self,
        list: impl SubscriberSource + 'static,
        now: DateTime<Utc>,
    ) -> Result<ImportCounts, StoreError> {
        let list = Mutex::new(list);
        self.write("adding subscribers", now, move |tx, now| {
            let mut counts = ImportCounts::default();
            each_page(&list, |page| add_page(tx, page, &mut counts, now))?;
            end_import(tx, &counts)?;
            Ok(counts)
        })
        .await
    }

    /// What [`Store::import_subscribers`] would do.
    pub async fn preview_import(
        &self,
        list: impl SubscriberSource + 'static,
    ) -> Result<ImportCounts, StoreError> {
        let list = Mutex::new(list);
        self.read("comparing subscribers", move |tx| {
            let mut counts = ImportCounts::default();
            each_page(&list, |page| {
                let known = statuses(tx, &keys(page), false)?;
                for listed in page {
                    let decision = judge(known.get(&listed.key.0).copied(), listed.profile.status).1;
                    counts.count(decision, listed);
                }
                Ok(())
            })?;
            Ok(counts)
        })
        .await
    }

    /// Subscribers in the order in which they were added, at most `most`, after the one with the number `after`.
    pub async fn subscribers(&self, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
        self.read("reading the subscribers", move |tx| {
            let sql = format!("{SUBSCRIBER} WHERE subscriber.id > ?1 ORDER BY subscriber.id LIMIT ?2");
            tx.all(&sql, args![after, most], |row| Ok((row.get(0)?, subscriber(row)?)))
        })
        .await
    }

    /// One subscriber.
    pub async fn subscriber(&self, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
        self.read("looking up a subscriber", move |tx| find(tx, key)).await
    }

    /// The status of an address; a suppressed address need not be a subscriber.
    pub async fn status(&self, key: AddressKey) -> Result<Option<SubscriptionStatus>, StoreError> {
        self.read("looking up a subscriber", move |tx| status(tx, key)).await
    }

    /// Suppresses an address for ever; it need not be a subscriber.
    pub async fn suppress(
        &self,
        key: AddressKey,
        reason: &str,
        source: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (reason, source) = (reason.to_owned(), source.to_owned());
        self.write("suppressing an address", now, move |tx, now| suppress(tx, key, &reason, &source, now))
            .await
    }

    /// How many suppressed addresses are known only by their keyed hash.
    pub async fn nameless_suppressions(&self) -> Result<u64, StoreError> {
        self.read("counting suppressions", |tx| {
            let nameless = tx.one(
                "SELECT count(*) FROM suppression
                 WHERE NOT EXISTS (SELECT 1 FROM subscriber WHERE subscriber.addr_key = suppression.addr_key)",
                &[],
                |row| row.get(0),
            )?;
            Ok(nameless.unwrap_or(0))
        })
        .await
    }
}

/// Reads a list from its beginning, in pages; the next ones are read while one is visited.
fn each_page(
    list: &Mutex<impl SubscriberSource>,
    mut visit: impl FnMut(&[NewSubscriber]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let unreadable = |error| StoreError::Unreadable(Arc::new(error));
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    list.rewind().map_err(unreadable)?;
    thread::scope(|scope| {
        let (send, pages) = mpsc::sync_channel(1);
        let list = &mut *list;
        thread::Builder::new().spawn_scoped(scope, move || send_pages(list, &send)).map_err(unreadable)?;
        pages.into_iter().try_for_each(|page| visit(&page.map_err(unreadable)?))
    })
}

/// Sends a list in pages, until it ends or cannot be read, or nobody takes them any more.
fn send_pages(list: &mut impl SubscriberSource, pages: &SyncSender<io::Result<Vec<NewSubscriber>>>) {
    loop {
        let page: io::Result<Vec<_>> = iter::from_fn(|| list.next().transpose()).take(PAGE).collect();
        let is_last = page.as_ref().map_or(true, |page| page.len() < PAGE);
        if pages.send(page).is_err() || is_last {
            return;
        }
    }
}

fn keys(page: &[NewSubscriber]) -> Vec<AddressKey> {
    page.iter().map(|listed| listed.key).collect()
}

fn add_page(
    tx: &mut dyn Tx,
    page: &[NewSubscriber],
    counts: &mut ImportCounts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut known = statuses(tx, &keys(page), false)?;
    let (mut added, mut suppressed) = (Vec::new(), Vec::new());
    for listed in page {
        let (status, outcome) = judge(known.get(&listed.key.0).copied(), listed.profile.status);
        match outcome {
            ImportDecision::Added => {
                known.insert(listed.key.0, status);
                added.push((listed, status));
            }
            ImportDecision::Changed => {
                known.insert(listed.key.0, status);
                // The same subscriber may be twice on one page.
                add(tx, &std::mem::take(&mut added), now)?;
                tx.execute(
                    "UPDATE subscriber SET status = ?2, consented_at = coalesce(?3, consented_at), changed_at = ?4,
                         asked_at = NULL, generation = generation + ?5
                     WHERE addr_key = ?1",
                    args![
                        &listed.key.0,
                        status.as_str(),
                        listed.profile.consented_at,
                        now,
                        // Like any unsubscribe, one from a list voids an earlier sign-up.
                        status > SubscriptionStatus::Unconfirmed
                    ],
                )?;
            }
            ImportDecision::Known | ImportDecision::KeptOut => {}
        }
        if status == SubscriptionStatus::Suppressed
            && matches!(outcome, ImportDecision::Added | ImportDecision::Changed)
        {
            suppressed.push(listed);
        }
        counts.count(outcome, listed);
    }
    add(tx, &added, now)?;
    for listed in suppressed {
        let reason = listed.profile.suppressed_because.as_deref().unwrap_or(LISTED);
        suppress(tx, listed.key, reason, &listed.source, now)?;
        tx.execute(
            "UPDATE suppression SET since = ?2 WHERE addr_key = ?1 AND since > ?2",
            args![&listed.key.0, past(listed.status_since, now)],
        )?;
    }
    Ok(())
}

/// Most of the table may be new after a list of a thousand or more.
fn end_import(tx: &mut dyn Tx, counts: &ImportCounts) -> Result<(), StoreError> {
    if counts.added < PAGE as u64 { Ok(()) } else { update_statistics(tx, "subscriber") }
}

fn add(
    tx: &mut dyn Tx,
    added: &[(&NewSubscriber, SubscriptionStatus)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let topics: Vec<_> =
        added.iter().map(|(listed, _)| listed.profile.preferences.topics.to_lines()).collect();
    let mut rows: Vec<Vec<Value<'_>>> = Vec::with_capacity(added.len());
    for ((listed, status), topics) in added.iter().zip(&topics) {
        let NewSubscriber { key, profile, source, .. } = *listed;
        let row = args![
            &key.0,
            profile.email.as_str(),
            profile.name.as_ref().map(HeaderText::as_str),
            profile.language.as_deref(),
            status.as_str(),
            source,
            profile.consented_at,
            past(listed.added_at, now),
            past(listed.status_since, now),
            profile.preferences.frequency.as_str(),
            topics.as_deref()
        ];
        rows.push(row.to_vec());
    }
    // Two machines may read the same list at once; then one of them adds the row, and the other finds it.
    insert_many(tx, "subscriber", &ADDED, "ON CONFLICT (addr_key) DO NOTHING", &rows)
}

/// The time that a list gives for a new subscriber, if it is not in the future.
fn past(listed: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    listed.map_or(now, |at| at.min(now))
}

/// The status of an address. A suppression stays after the subscriber's row is deleted.
pub(super) fn status(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<SubscriptionStatus>, StoreError> {
    let found = tx.one(
        "SELECT (SELECT status FROM subscriber WHERE addr_key = ?1),
                (SELECT addr_key FROM suppression WHERE addr_key = ?1)",
        args![&key.0],
        |row| Ok((row.get::<Option<String>>(0)?, row.get::<Option<[u8; 16]>>(1)?)),
    )?;
    match found {
        Some((_, Some(_))) => Ok(Some(SubscriptionStatus::Suppressed)),
        Some((Some(word), None)) => status_from(&word).map(Some),
        _ => Ok(None),
    }
}

/// The same for many addresses, without those that are unknown. With `kept` they are locked until this transaction
/// ends: an arm and an unsubscribe then run one after the other.
pub(super) fn statuses(
    tx: &mut dyn Tx,
    keys: &[AddressKey],
    kept: bool,
) -> Result<HashMap<[u8; 16], SubscriptionStatus>, StoreError> {
    let mut statuses = HashMap::with_capacity(keys.len());
    if tx.dialect() == Dialect::Sqlite {
        for key in keys {
            status(tx, *key)?.map(|status| statuses.insert(key.0, status));
        }
        return Ok(statuses);
    }
    let mut wanted: Vec<_> = keys.iter().map(|key| Some(key.0.as_slice())).collect();
    wanted.sort_unstable();
    // OFFSET keeps the server from reading all subscribers where it believes that to be cheaper than some hundred lookups.
    let sql = format!(
        "SELECT found.addr_key, status FROM unnest(?1) AS wanted (addr_key) CROSS JOIN LATERAL (
             SELECT addr_key, status FROM subscriber WHERE subscriber.addr_key = wanted.addr_key OFFSET 0 {}) AS found",
        if kept { "FOR SHARE" } else { "" }
    );
    tx.each(&sql, args![wanted.as_slice()], &mut |row| {
        statuses.insert(row.get(0)?, status_from(&row.get::<String>(1)?)?);
        Ok(())
    })?;
    // A suppression changes the subscriber's row too, so the lock on that row keeps suppressions out as well. Only a
    // statement after the lock sees those that it waited for.
    tx.each(
        "SELECT addr_key FROM suppression WHERE addr_key = ANY(?1)",
        args![wanted.as_slice()],
        &mut |row| {
            statuses.insert(row.get(0)?, SubscriptionStatus::Suppressed);
            Ok(())
        },
    )?;
    Ok(statuses)
}

pub(super) fn status_from(word: &str) -> Result<SubscriptionStatus, StoreError> {
    SubscriptionStatus::from_code(word).ok_or_else(|| corrupt_data(format!("the status {word:?}")))
}

pub(super) fn find(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
    tx.one(&format!("{SUBSCRIBER} WHERE subscriber.addr_key = ?1"), args![&key.0], subscriber)
}

fn subscriber(row: &dyn Row) -> Result<Subscriber, StoreError> {
    Ok(Subscriber {
        key: AddressKey(row.get(1)?),
        profile: Profile {
            email: address(&row.get::<String>(2)?)?,
            name: row.get::<Option<String>>(3)?.and_then(|name| HeaderText::lossy(&name)),
            language: row.get(4)?,
            status: status_from(&row.get::<String>(5)?)?,
            preferences: Preferences {
                frequency: row
                    .get::<String>(10)
                    .map(|word| Frequency::from_code(&word).unwrap_or_default())?,
                topics: Topics::from_lines(row.get::<Option<String>>(11)?.as_deref()),
            },
            consented_at: row.get(7)?,
            suppressed_because: row.get(9)?,
        },
        source: row.get(6)?,
        added_at: row.get(8)?,
        status_since: row.get(12)?,
    })
}

pub(super) fn suppress(
    tx: &mut dyn Tx,
    key: AddressKey,
    reason: &str,
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let added = tx.execute(
        "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (addr_key) DO UPDATE SET reason = ?2, source = ?3 WHERE suppression.reason = ?5",
        // Only a removal can be undone by the writer, so only a removal is replaced by another reason.
        args![&key.0, reason, source, now, REMOVED],
    )?;
    tx.execute(
        "UPDATE subscriber SET status = 'suppressed', changed_at = ?2, asked_at = NULL, generation = generation + 1
         WHERE addr_key = ?1 AND status <> 'suppressed'",
        args![&key.0, now],
    )?;
    if added > 0 {
        let entry = Entry { detail: reason, ..Entry::about(key, "suppress", source) };
        events::append(tx, &entry, now)?;
    }
    Ok(())
}
