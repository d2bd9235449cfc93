//! Readers and suppressions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Dialect, Row, StoreError, Tx, args, desk, nonsense};
use crate::address::EmailAddress;
use crate::subscribers::lifecycle::{Enrolled, REMOVED, Standing, enrol as judge};
use crate::subscribers::{AddressKey, Cadence, Enrolment, Enrolments, Subscriber, Topics, Wishes};
use crate::text::HeaderText;

const COLUMNS: &str =
    "subscriber.id, subscriber.addr_key, email, name, language, standing, subscriber.source, consented_at,
     added_at, suppression.reason, cadence, topics, coalesce(suppression.since, changed_at)";

/// A suppression outlives the reader's own row and knows why.
const TABLES: &str = "subscriber LEFT JOIN suppression ON suppression.addr_key = subscriber.addr_key";

/// Why an address is suppressed, where a list says only that it is.
const LISTED: &str = "suppressed in a list that was imported";

/// So many readers are looked up and added at a time.
const PAGE: usize = 1_000;

pub(super) fn enrol(
    tx: &mut dyn Tx,
    readers: &[Enrolment],
    now: DateTime<Utc>,
) -> Result<Enrolments, StoreError> {
    let mut counts = Enrolments::default();
    for page in readers.chunks(PAGE) {
        let keys: Vec<AddressKey> = page.iter().map(|reader| reader.key).collect();
        let mut known = standings(tx, &keys, false)?;
        let (mut added, mut suppressed) = (Vec::new(), Vec::new());
        for reader in page {
            let (standing, outcome) = judge(known.get(&reader.key.0).copied(), reader.standing);
            match outcome {
                Enrolled::Added => {
                    known.insert(reader.key.0, standing);
                    added.push((reader, standing));
                }
                Enrolled::Changed => {
                    known.insert(reader.key.0, standing);
                    // The same reader may stand twice on one page.
                    add(tx, &std::mem::take(&mut added), now)?;
                    tx.execute(
                        "UPDATE subscriber SET standing = ?2, consented_at = coalesce(?3, consented_at), changed_at = ?4,
                             asked_at = NULL, generation = generation + ?5
                         WHERE addr_key = ?1",
                        args![
                            &reader.key.0,
                            standing.as_str(),
                            reader.consented_at,
                            now,
                            // A farewell that a list brings voids what was asked for, like any other.
                            standing > Standing::Unconfirmed
                        ],
                    )?;
                }
                Enrolled::Known | Enrolled::KeptOut => {}
            }
            if standing == Standing::Suppressed && matches!(outcome, Enrolled::Added | Enrolled::Changed) {
                suppressed.push(reader);
            }
            counts.count(outcome, reader);
        }
        add(tx, &added, now)?;
        for reader in suppressed {
            let reason = reader.suppressed_because.as_deref().unwrap_or(LISTED);
            suppress(tx, reader.key, reason, &reader.source, now)?;
        }
    }
    Ok(counts)
}

fn add(tx: &mut dyn Tx, added: &[(&Enrolment, Standing)], now: DateTime<Utc>) -> Result<(), StoreError> {
    if added.is_empty() {
        return Ok(());
    }
    if tx.dialect() == Dialect::Postgres {
        return add_together(tx, added, now);
    }
    for (reader, standing) in added {
        tx.execute(
            "INSERT INTO subscriber (addr_key, email, name, language, standing, source, consented_at, added_at,
                                     changed_at, cadence, topics)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            args![
                &reader.key.0,
                reader.email.as_str(),
                reader.name.as_ref().map(HeaderText::as_str),
                reader.language.as_deref(),
                standing.as_str(),
                &reader.source,
                reader.consented_at,
                first_seen(reader, now),
                now,
                reader.wishes.cadence.as_str(),
                reader.wishes.topics.to_lines().as_deref()
            ],
        )?;
    }
    Ok(())
}

/// When a reader who is new here was first seen: what their list says counts, unless it is still to come.
fn first_seen(reader: &Enrolment, now: DateTime<Utc>) -> DateTime<Utc> {
    reader.added_at.map_or(now, |at| at.min(now))
}

/// Of two machines that read the same list at once, one adds a reader and the other finds them there.
fn add_together(
    tx: &mut dyn Tx,
    added: &[(&Enrolment, Standing)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let keys: Vec<_> = added.iter().map(|(reader, _)| Some(reader.key.0.as_slice())).collect();
    let emails: Vec<_> = added.iter().map(|(reader, _)| Some(reader.email.as_str())).collect();
    let names: Vec<_> =
        added.iter().map(|(reader, _)| reader.name.as_ref().map(HeaderText::as_str)).collect();
    let languages: Vec<_> = added.iter().map(|(reader, _)| reader.language.as_deref()).collect();
    let standings: Vec<_> = added.iter().map(|(_, standing)| Some(standing.as_str())).collect();
    let sources: Vec<_> = added.iter().map(|(reader, _)| Some(reader.source.as_str())).collect();
    let consents: Vec<_> =
        added.iter().map(|(reader, _)| reader.consented_at.map(|at| at.timestamp_millis())).collect();
    let cadences: Vec<_> = added.iter().map(|(reader, _)| Some(reader.wishes.cadence.as_str())).collect();
    let lines: Vec<_> = added.iter().map(|(reader, _)| reader.wishes.topics.to_lines()).collect();
    let topics: Vec<_> = lines.iter().map(Option::as_deref).collect();
    let seen: Vec<_> =
        added.iter().map(|(reader, _)| Some(first_seen(reader, now).timestamp_millis())).collect();
    tx.execute(
        "INSERT INTO subscriber (addr_key, email, name, language, standing, source, consented_at, added_at, changed_at,
                                 cadence, topics)
         SELECT addr_key, email, name, language, standing, source, consented_at, added_at, ?11, cadence, topics
         FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             AS added (addr_key, email, name, language, standing, source, consented_at, added_at, cadence, topics)
         ON CONFLICT (addr_key) DO NOTHING",
        args![
            keys.as_slice(),
            emails.as_slice(),
            names.as_slice(),
            languages.as_slice(),
            standings.as_slice(),
            sources.as_slice(),
            consents.as_slice(),
            seen.as_slice(),
            cadences.as_slice(),
            topics.as_slice(),
            now
        ],
    )
    .map(drop)
}

/// What is known of an address; a suppression outlives the reader's own row.
pub(super) fn standing(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Standing>, StoreError> {
    let own = tx.one("SELECT standing FROM subscriber WHERE addr_key = ?1", args![&key.0], |row| {
        standing_from(&row.get::<String>(0)?)
    })?;
    let suppressed = tx.one("SELECT 1 FROM suppression WHERE addr_key = ?1", args![&key.0], |_| Ok(()))?;
    Ok(if suppressed.is_some() { Some(Standing::Suppressed) } else { own })
}

/// The same for many; an address of which nothing is known is left out. With `kept` it stays so until this transaction
/// ends: an arm and a farewell cannot pass each other unseen.
pub(super) fn standings(
    tx: &mut dyn Tx,
    keys: &[AddressKey],
    kept: bool,
) -> Result<HashMap<[u8; 16], Standing>, StoreError> {
    let mut standings = HashMap::with_capacity(keys.len());
    if tx.dialect() == Dialect::Sqlite {
        for key in keys {
            standing(tx, *key)?.map(|standing| standings.insert(key.0, standing));
        }
        return Ok(standings);
    }
    let wanted: Vec<_> = keys.iter().map(|key| Some(key.0.as_slice())).collect();
    // A suppression changes the reader's row too, so whoever has that row need not fear one that is on its way.
    let sql = format!(
        "SELECT addr_key, standing FROM subscriber WHERE addr_key = ANY(?1) ORDER BY addr_key {}",
        if kept { "FOR SHARE" } else { "" }
    );
    tx.each(&sql, args![wanted.as_slice()], &mut |row| {
        standings.insert(row.get(0)?, standing_from(&row.get::<String>(1)?)?);
        Ok(())
    })?;
    tx.each(
        "SELECT addr_key FROM suppression WHERE addr_key = ANY(?1)",
        args![wanted.as_slice()],
        &mut |row| {
            standings.insert(row.get(0)?, Standing::Suppressed);
            Ok(())
        },
    )?;
    Ok(standings)
}

pub(super) fn standing_from(word: &str) -> Result<Standing, StoreError> {
    Standing::from_word(word).ok_or_else(|| nonsense(format!("the standing {word:?}")))
}

pub(super) fn page(tx: &mut dyn Tx, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM {TABLES} WHERE subscriber.id > ?1 ORDER BY subscriber.id LIMIT ?2");
    tx.all(&sql, args![after, most], |row| Ok((row.get(0)?, subscriber(row)?)))
}

pub(super) fn find(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE subscriber.addr_key = ?1");
    tx.one(&sql, args![&key.0], subscriber)
}

fn subscriber(row: &dyn Row) -> Result<Subscriber, StoreError> {
    Ok(Subscriber {
        key: AddressKey(row.get(1)?),
        email: EmailAddress::parse(&row.get::<String>(2)?)
            .map_err(|error| nonsense(format!("an address: {error}")))?,
        name: row.get::<Option<String>>(3)?.and_then(|name| HeaderText::lossy(&name)),
        language: row.get(4)?,
        standing: standing_from(&row.get::<String>(5)?)?,
        source: row.get(6)?,
        wishes: Wishes {
            cadence: row.get::<String>(10).map(|word| Cadence::from_word(&word).unwrap_or_default())?,
            topics: Topics::from_lines(row.get::<Option<String>>(11)?.as_deref()),
        },
        consented_at: row.get(7)?,
        added_at: row.get(8)?,
        standing_since: row.get(12)?,
        suppressed_because: row.get(9)?,
    })
}

/// How many suppressed addresses are known by their keyed hash alone.
pub(super) fn nameless(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    let nameless = tx.one(
        "SELECT count(*) FROM suppression
         WHERE NOT EXISTS (SELECT 1 FROM subscriber WHERE subscriber.addr_key = suppression.addr_key)",
        &[],
        |row| row.get(0),
    )?;
    Ok(nameless.unwrap_or(0))
}

pub(super) fn unsubscribe(
    tx: &mut dyn Tx,
    key: AddressKey,
    source: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(desk::farewell(tx, key, source, now)?.is_some())
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
        // The writer can take back a removal of theirs, and neither a bounce nor a complaint.
        args![&key.0, reason, source, now, REMOVED],
    )?;
    tx.execute(
        "UPDATE subscriber SET standing = 'suppressed', changed_at = ?2, asked_at = NULL, generation = generation + 1
         WHERE addr_key = ?1 AND standing <> 'suppressed'",
        args![&key.0, now],
    )?;
    if added > 0 {
        let subject = Some(key.to_string());
        let entry = Entry { kind: "suppress", issue: None, subject, actor: source, detail: reason };
        events::append(tx, &entry, now)?;
    }
    Ok(())
}
