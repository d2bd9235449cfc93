//! Readers and suppressions.

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Dialect, Row, StoreError, Tx, args, nonsense};
use crate::address::EmailAddress;
use crate::subscribers::lifecycle::{Enrolled, Standing, enrol as judge};
use crate::subscribers::{AddressKey, Enrolment, Enrolments, Subscriber};
use crate::text::HeaderText;

const COLUMNS: &str = "id, addr_key, email, name, language, standing, source, consented_at, added_at";

pub(super) fn enrol(
    tx: &mut dyn Tx,
    readers: &[Enrolment],
    now: DateTime<Utc>,
) -> Result<Enrolments, StoreError> {
    let mut counts = Enrolments::default();
    for reader in readers {
        let (standing, outcome) = judge(standing(tx, reader.key)?, reader.standing);
        match outcome {
            Enrolled::Added => {
                tx.execute(
                    "INSERT INTO subscriber (addr_key, email, name, language, standing, source, consented_at, added_at,
                                             changed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
                    args![
                        &reader.key.0,
                        reader.email.as_str(),
                        reader.name.as_ref().map(HeaderText::as_str),
                        reader.language.as_deref(),
                        standing.as_str(),
                        &reader.source,
                        reader.consented_at,
                        now
                    ],
                )?;
            }
            Enrolled::Changed => {
                tx.execute(
                    "UPDATE subscriber SET standing = ?2, consented_at = coalesce(?3, consented_at), changed_at = ?4
                     WHERE addr_key = ?1",
                    args![&reader.key.0, standing.as_str(), reader.consented_at, now],
                )?;
            }
            Enrolled::Known | Enrolled::KeptOut => {}
        }
        counts.count(outcome);
    }
    Ok(counts)
}

/// What is known of an address; a suppression outlives the reader's own row.
pub(super) fn standing(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Standing>, StoreError> {
    read_standing(tx, key, "")
}

/// The same, and it stays so until this transaction ends: an arm and a farewell cannot pass each other unseen.
pub(super) fn standing_kept(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Standing>, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR SHARE",
    };
    read_standing(tx, key, lock)
}

fn read_standing(tx: &mut dyn Tx, key: AddressKey, lock: &str) -> Result<Option<Standing>, StoreError> {
    // The reader's row first: once it is locked, no suppression of this reader can be on its way.
    let sql = format!("SELECT standing FROM subscriber WHERE addr_key = ?1 {lock}");
    let own = tx.one(&sql, args![&key.0], |row| standing_from(&row.get::<String>(0)?))?;
    let suppressed = tx.one("SELECT 1 FROM suppression WHERE addr_key = ?1", args![&key.0], |_| Ok(()))?;
    Ok(if suppressed.is_some() { Some(Standing::Suppressed) } else { own })
}

fn standing_from(word: &str) -> Result<Standing, StoreError> {
    Standing::from_word(word).ok_or_else(|| nonsense(format!("the standing {word:?}")))
}

pub(super) fn page(tx: &mut dyn Tx, after: i64, most: usize) -> Result<Vec<(i64, Subscriber)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM subscriber WHERE id > ?1 ORDER BY id LIMIT ?2");
    tx.all(&sql, args![after, most], |row| Ok((row.get(0)?, subscriber(row)?)))
}

pub(super) fn find(tx: &mut dyn Tx, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM subscriber WHERE addr_key = ?1");
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
        consented_at: row.get(7)?,
        added_at: row.get(8)?,
    })
}

pub(super) fn unsubscribe(
    tx: &mut dyn Tx,
    key: AddressKey,
    source: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE subscriber SET standing = 'unsubscribed', changed_at = ?2
         WHERE addr_key = ?1 AND standing IN ('active', 'unconfirmed')",
        args![&key.0, now],
    )?;
    if changed > 0 {
        let subject = Some(key.to_string());
        let entry = Entry { kind: "unsubscribe", issue: None, subject, actor: source, detail: "" };
        events::append(tx, &entry, now)?;
    }
    Ok(standing(tx, key)?.is_some())
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
         ON CONFLICT (addr_key) DO NOTHING",
        args![&key.0, reason, source, now],
    )?;
    tx.execute(
        "UPDATE subscriber SET standing = 'suppressed', changed_at = ?2 WHERE addr_key = ?1",
        args![&key.0, now],
    )?;
    if added > 0 {
        let subject = Some(key.to_string());
        let entry = Entry { kind: "suppress", issue: None, subject, actor: source, detail: reason };
        events::append(tx, &entry, now)?;
    }
    Ok(())
}
