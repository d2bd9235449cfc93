//! Readers and suppressions.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::events::{self, Entry};
use super::{failed, millis, time};
use crate::address::EmailAddress;
use crate::store::StoreError;
use crate::subscribers::lifecycle::{Enrolled, Standing, enrol as judge};
use crate::subscribers::{AddressKey, Enrolment, Enrolments, Subscriber};
use crate::text::HeaderText;

const COLUMNS: &str = "id, addr_key, email, name, language, standing, source, consented_at, added_at";

pub(super) fn enrol(
    tx: &Transaction<'_>,
    readers: &[Enrolment],
    now: DateTime<Utc>,
) -> Result<Enrolments, StoreError> {
    let doing = failed("adding readers");
    let mut counts = Enrolments::default();
    let mut insert = tx
        .prepare(
            "INSERT INTO subscriber (addr_key, email, name, language, standing, source, consented_at, added_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        )
        .map_err(&doing)?;
    let mut change = tx
        .prepare(
            "UPDATE subscriber SET standing = ?2, consented_at = coalesce(?3, consented_at), changed_at = ?4
             WHERE addr_key = ?1",
        )
        .map_err(&doing)?;
    for reader in readers {
        let (standing, outcome) = judge(standing(tx, reader.key)?, reader.standing);
        let consented_at = reader.consented_at.map(millis);
        match outcome {
            Enrolled::Added => {
                insert
                    .execute(params![
                        reader.key.0,
                        reader.email.as_str(),
                        reader.name.as_ref().map(HeaderText::as_str),
                        reader.language,
                        standing.as_str(),
                        reader.source,
                        consented_at,
                        millis(now)
                    ])
                    .map_err(&doing)?;
            }
            Enrolled::Changed => {
                change
                    .execute(params![reader.key.0, standing.as_str(), consented_at, millis(now)])
                    .map_err(&doing)?;
            }
            Enrolled::Known | Enrolled::KeptOut => {}
        }
        counts.count(outcome);
    }
    Ok(counts)
}

/// What is known of an address; a suppression outlives the reader's own row.
pub(super) fn standing(tx: &Transaction<'_>, key: AddressKey) -> Result<Option<Standing>, StoreError> {
    let doing = failed("looking up a reader");
    let suppressed = tx
        .prepare_cached("SELECT 1 FROM suppression WHERE addr_key = ?1")
        .and_then(|mut statement| statement.exists([key.0]))
        .map_err(&doing)?;
    if suppressed {
        return Ok(Some(Standing::Suppressed));
    }
    let word: Option<String> = tx
        .prepare_cached("SELECT standing FROM subscriber WHERE addr_key = ?1")
        .and_then(|mut statement| statement.query_row([key.0], |row| row.get(0)).optional())
        .map_err(&doing)?;
    word.map(|word| standing_from(&word)).transpose()
}

fn standing_from(word: &str) -> Result<Standing, StoreError> {
    Standing::from_word(word).ok_or_else(|| StoreError::Nonsense(format!("the standing {word:?}")))
}

pub(super) fn page(
    tx: &Transaction<'_>,
    after: i64,
    most: usize,
) -> Result<Vec<(i64, Subscriber)>, StoreError> {
    let doing = failed("reading the readers");
    let sql = format!("SELECT {COLUMNS} FROM subscriber WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut statement = tx.prepare_cached(&sql).map_err(&doing)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, most]).map_err(&doing)?;
    let mut page = Vec::new();
    while let Some(row) = rows.next().map_err(&doing)? {
        page.push((row.get(0).map_err(&doing)?, subscriber(row)?));
    }
    Ok(page)
}

pub(super) fn find(tx: &Transaction<'_>, key: AddressKey) -> Result<Option<Subscriber>, StoreError> {
    let doing = failed("looking up a reader");
    let sql = format!("SELECT {COLUMNS} FROM subscriber WHERE addr_key = ?1");
    let mut statement = tx.prepare_cached(&sql).map_err(&doing)?;
    let mut rows = statement.query([key.0]).map_err(&doing)?;
    rows.next().map_err(&doing)?.map(subscriber).transpose()
}

fn subscriber(row: &Row<'_>) -> Result<Subscriber, StoreError> {
    let doing = failed("reading a reader");
    let email: String = row.get(2).map_err(&doing)?;
    let standing: String = row.get(5).map_err(&doing)?;
    let consented_at: Option<i64> = row.get(7).map_err(&doing)?;
    Ok(Subscriber {
        key: AddressKey(row.get(1).map_err(&doing)?),
        email: EmailAddress::parse(&email)
            .map_err(|error| StoreError::Nonsense(format!("an address: {error}")))?,
        name: row.get::<_, Option<String>>(3).map_err(&doing)?.and_then(|name| HeaderText::lossy(&name)),
        language: row.get(4).map_err(&doing)?,
        standing: standing_from(&standing)?,
        source: row.get(6).map_err(&doing)?,
        consented_at: consented_at.map(time).transpose()?,
        added_at: time(row.get(8).map_err(&doing)?)?,
    })
}

pub(super) fn unsubscribe(
    tx: &Transaction<'_>,
    key: AddressKey,
    source: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE subscriber SET standing = 'unsubscribed', changed_at = ?2
             WHERE addr_key = ?1 AND standing IN ('active', 'unconfirmed')",
            params![key.0, millis(now)],
        )
        .map_err(failed("taking a reader off the list"))?;
    if changed > 0 {
        let subject = Some(key.to_string());
        events::append(
            tx,
            &Entry { kind: "unsubscribe", issue: None, subject, actor: source, detail: "" },
            now,
        )?;
    }
    Ok(standing(tx, key)?.is_some())
}

pub(super) fn suppress(
    tx: &Transaction<'_>,
    key: AddressKey,
    reason: &str,
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let doing = failed("suppressing an address");
    let added = tx
        .execute(
            "INSERT INTO suppression (addr_key, reason, source, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (addr_key) DO NOTHING",
            params![key.0, reason, source, millis(now)],
        )
        .map_err(&doing)?;
    tx.execute(
        "UPDATE subscriber SET standing = 'suppressed', changed_at = ?2 WHERE addr_key = ?1",
        params![key.0, millis(now)],
    )
    .map_err(&doing)?;
    if added > 0 {
        let subject = Some(key.to_string());
        events::append(
            tx,
            &Entry { kind: "suppress", issue: None, subject, actor: source, detail: reason },
            now,
        )?;
    }
    Ok(())
}
