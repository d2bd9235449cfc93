//! Sign-up, farewell and choice: the reader's course as rows. The moves are [`crate::subscribers::lifecycle`]'s.

use chrono::{DateTime, TimeDelta, Utc};

use super::errands::{self, Addressed};
use super::events::{self, Entry};
use super::{Dialect, StoreError, Tx, args, nonsense, pace, readers};
use crate::ledger::pace::Rate;
use crate::store::desk::{
    Circumstances, ErrandKind, Figures, PublishedIssue, SignUp, SignUpLimits, SignedUp,
};
use crate::subscribers::lifecycle::{self, Answer, Confirmed, Course, REMOVED, REMOVED_AFTER_LEAVING};
use crate::subscribers::{AddressKey, Wishes};
use crate::text::HeaderText;

/// Who decided, in the record.
const ACTOR: &str = "web";
/// A sign-up that nobody confirmed is forgotten after this long.
const UNCONFIRMED_FOR: TimeDelta = TimeDelta::days(30);
/// And so is the network that a consent came from.
const NETWORK_FOR: TimeDelta = TimeDelta::days(30);

/// A reader's course, and whether an erasure or a removal alone bars their address.
struct Found {
    course: Option<Course>,
    erased: bool,
}

/// Reads a course and keeps it as it is until this transaction ends.
fn find(tx: &mut dyn Tx, key: AddressKey) -> Result<Found, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    let own = tx.one(
        &format!("SELECT standing, generation, asked_at, left_at FROM subscriber WHERE addr_key = ?1 {lock}"),
        args![&key.0],
        |row| {
            Ok(Course {
                standing: readers::standing_from(&row.get::<String>(0)?)?,
                generation: row.get(1)?,
                asked_at: row.get(2)?,
                left_at: row.get(3)?,
            })
        },
    )?;
    let reason: Option<String> =
        tx.one("SELECT reason FROM suppression WHERE addr_key = ?1", args![&key.0], |row| row.get(0))?;
    let erased = reason.as_deref().is_some_and(lifecycle::may_sign_up_again);
    let course = match (own, reason.is_some()) {
        (Some(course), true) => Some(Course { standing: lifecycle::Standing::Suppressed, ..course }),
        (None, true) => Some(Course { standing: lifecycle::Standing::Suppressed, ..Course::STRANGER }),
        (own, false) => own,
    };
    Ok(Found { course, erased })
}

fn keep(tx: &mut dyn Tx, key: AddressKey, course: Course, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE subscriber SET standing = ?2, generation = ?3, asked_at = ?4, left_at = ?5, changed_at = ?6
         WHERE addr_key = ?1",
        args![&key.0, course.standing.as_str(), course.generation, course.asked_at, course.left_at, now],
    )
    .map(drop)
}

pub(super) fn sign_up(tx: &mut dyn Tx, form: &SignUp, now: DateTime<Utc>) -> Result<SignedUp, StoreError> {
    let Found { course, erased } = find(tx, form.key)?;
    let (asked, answer) = lifecycle::sign_up(course, erased, now);
    if answer == Answer::Silence {
        return Ok(SignedUp::Suppressed);
    }
    if errands::too_many(tx, form.mailbox, now)? {
        return Ok(SignedUp::MailboxLimit);
    }
    // Last, so that a form that mails nobody uses up nobody's permit.
    let network = form.circumstances.network.as_deref();
    if !admitted(tx, &form.limits, network, form.email.domain(), now)? {
        return Ok(SignedUp::Limit);
    }
    if answer == Answer::Confirm {
        write_down(tx, form, asked, now)?;
        record(tx, form.key, "asked", &form.circumstances, now)?;
    }
    let kind = if answer == Answer::Known { ErrandKind::Known } else { ErrandKind::Confirm };
    let to = Addressed {
        key: form.key,
        mailbox: form.mailbox,
        address: form.email.as_str(),
        language: form.language.as_deref(),
    };
    errands::write(tx, &to, kind, asked.generation, now)?;
    Ok(answer.into())
}

/// The reader's row with what the form says. It counts for nothing before the confirmation, and nothing that a reader
/// who reads has chosen is ever touched from here.
fn write_down(tx: &mut dyn Tx, form: &SignUp, asked: Course, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO subscriber (addr_key, email, name, language, standing, source, added_at, changed_at, generation,
                                 asked_at, cadence, topics)
         VALUES (?1, ?2, ?3, ?4, ?5, 'web', ?6, ?6, ?7, ?6, ?8, ?9)
         ON CONFLICT (addr_key) DO UPDATE SET email = ?2, name = coalesce(?3, subscriber.name),
             language = coalesce(?4, subscriber.language), asked_at = ?6, cadence = ?8, topics = ?9",
        args![
            &form.key.0,
            form.email.as_str(),
            form.name.as_ref().map(HeaderText::as_str),
            form.language.as_deref(),
            asked.standing.as_str(),
            now,
            asked.generation,
            form.wishes.cadence.as_str(),
            form.wishes.topics.to_lines().as_deref()
        ],
    )
    .map(drop)
}

pub(super) fn confirm(
    tx: &mut dyn Tx,
    key: AddressKey,
    generation: u32,
    circumstances: &Circumstances,
    now: DateTime<Utc>,
) -> Result<Confirmed, StoreError> {
    let Found { course: Some(course), erased } = find(tx, key)? else { return Ok(Confirmed::Stale) };
    let (next, outcome) = lifecycle::confirm(course, generation, erased, now);
    if outcome == Confirmed::Now {
        if erased {
            tx.execute("DELETE FROM suppression WHERE addr_key = ?1", args![&key.0])?;
        }
        keep(tx, key, next, now)?;
        tx.execute("UPDATE subscriber SET consented_at = ?2 WHERE addr_key = ?1", args![&key.0, now])?;
        record(tx, key, "confirmed", circumstances, now)?;
        note(tx, "confirm", key, now)?;
    }
    Ok(outcome)
}

pub(super) fn leave(
    tx: &mut dyn Tx,
    key: AddressKey,
    circumstances: &Circumstances,
    now: DateTime<Utc>,
) -> Result<Option<Course>, StoreError> {
    let Some(left) = farewell(tx, key, ACTOR, now)? else { return Ok(None) };
    if left.1 {
        record(tx, key, "left", circumstances, now)?;
    }
    Ok(Some(left.0))
}

/// Takes a reader off the list; returns where they stand, and whether this moved them.
pub(super) fn farewell(
    tx: &mut dyn Tx,
    key: AddressKey,
    source: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Course, bool)>, StoreError> {
    let Found { course: Some(course), .. } = find(tx, key)? else { return Ok(None) };
    // Somebody whom the writer removed follows the link of an old email: now only they can come back.
    tx.execute(
        "UPDATE suppression SET reason = ?2 WHERE addr_key = ?1 AND reason = ?3",
        args![&key.0, REMOVED_AFTER_LEAVING, REMOVED],
    )?;
    let left = lifecycle::leave(course, now);
    let moved = left != course;
    if moved {
        keep(tx, key, left, now)?;
        errands::void(tx, key, now)?;
        let subject = Some(key.to_string());
        let entry = Entry { kind: "unsubscribe", issue: None, subject, actor: source, detail: "" };
        events::append(tx, &entry, now)?;
    }
    Ok(Some((left, moved)))
}

pub(super) fn undo(
    tx: &mut dyn Tx,
    key: AddressKey,
    generation: u32,
    circumstances: &Circumstances,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Found { course: Some(course), .. } = find(tx, key)? else { return Ok(false) };
    let Some(next) = lifecycle::undo(course, generation, now) else { return Ok(false) };
    keep(tx, key, next, now)?;
    record(tx, key, "undone", circumstances, now)?;
    note(tx, "undo", key, now)?;
    Ok(true)
}

pub(super) fn choose(
    tx: &mut dyn Tx,
    key: AddressKey,
    wishes: &Wishes,
    circumstances: &Circumstances,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let chosen = tx.execute(
        "UPDATE subscriber SET cadence = ?2, topics = ?3, changed_at = ?4 WHERE addr_key = ?1 AND standing = 'active'",
        args![&key.0, wishes.cadence.as_str(), wishes.topics.to_lines().as_deref(), now],
    )?;
    if chosen > 0 {
        record(tx, key, "chose", circumstances, now)?;
    }
    Ok(chosen > 0)
}

pub(super) fn ask_for_data(
    tx: &mut dyn Tx,
    key: AddressKey,
    limits: &SignUpLimits,
    network: Option<&str>,
    now: DateTime<Utc>,
) -> Result<SignedUp, StoreError> {
    let Some(reader) = readers::find(tx, key)? else { return Ok(SignedUp::Suppressed) };
    // Its own limit: whoever signed up today may still ask for their data.
    if errands::too_many_of(tx, key, ErrandKind::Data, now)? {
        return Ok(SignedUp::MailboxLimit);
    }
    if !admitted(tx, limits, network, reader.email.domain(), now)? {
        return Ok(SignedUp::Limit);
    }
    let language = reader.language.as_deref();
    let to = Addressed { key, mailbox: key, address: reader.email.as_str(), language };
    errands::write(tx, &to, ErrandKind::Data, 0, now)?;
    Ok(SignedUp::Known)
}

/// Takes a permit from every meter, or from none.
fn admitted(
    tx: &mut dyn Tx,
    limits: &SignUpLimits,
    network: Option<&str>,
    domain: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut lanes: Vec<(String, Rate)> = vec![("web".to_owned(), limits.all)];
    lanes.extend(network.map(|network| (format!("web from {network}"), limits.each_network)));
    lanes.push((format!("web to {}", domain.to_ascii_lowercase()), limits.each_domain));
    // In one order everywhere: two forms do not wait for each other.
    lanes.sort();
    pace::take_one_of_each(tx, &lanes, now)
}

fn record(
    tx: &mut dyn Tx,
    key: AddressKey,
    word: &str,
    circumstances: &Circumstances,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO consent (addr_key, at, word, form, wording, network) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        args![
            &key.0,
            now,
            word,
            &circumstances.form,
            &circumstances.wording,
            circumstances.network.as_deref()
        ],
    )
    .map(drop)
}

fn note(tx: &mut dyn Tx, kind: &str, key: AddressKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    let entry = Entry { kind, issue: None, subject: Some(key.to_string()), actor: ACTOR, detail: "" };
    events::append(tx, &entry, now)
}

/// What is kept for a while only.
pub(super) fn forget(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    // Nobody confirmed: as if they had never asked. One who was erased and asked again has a suppression besides.
    const FORGOTTEN: &str =
        "FROM subscriber WHERE standing IN ('unconfirmed', 'suppressed') AND source = 'web'
         AND consented_at IS NULL AND asked_at < ?1";
    let old = now - UNCONFIRMED_FOR;
    let mut gone = 0;
    gone += tx.execute(
        &format!("DELETE FROM consent WHERE addr_key IN (SELECT addr_key {FORGOTTEN})"),
        args![old],
    )?;
    gone += tx.execute(&format!("DELETE {FORGOTTEN}"), args![old])?;
    gone += tx.execute("UPDATE subscriber SET asked_at = NULL WHERE asked_at < ?1", args![old])?;
    gone += tx.execute(
        "UPDATE consent SET network = NULL WHERE network IS NOT NULL AND at < ?1",
        args![now - NETWORK_FOR],
    )?;
    gone += pace::forget(tx, "web ", now - TimeDelta::days(1))?;
    gone += errands::forget(tx, now)?;
    Ok(gone)
}

pub(super) fn published(tx: &mut dyn Tx) -> Result<Vec<PublishedIssue>, StoreError> {
    tx.all(
        "SELECT post, subject, label, frozen_at FROM issue
         WHERE state IN ('sending', 'paused', 'done') AND letter <> '' AND series IS NULL
         ORDER BY frozen_at DESC, id DESC",
        &[],
        |row| {
            Ok(PublishedIssue {
                post: row.get(0)?,
                subject: HeaderText::parse(&row.get::<String>(1)?).map_err(nonsense)?,
                label: row.get(2)?,
                frozen_at: row.get(3)?,
            })
        },
    )
}

pub(super) fn edition(tx: &mut dyn Tx, label: &str) -> Result<Option<String>, StoreError> {
    tx.one(
        "SELECT letter FROM issue
         WHERE label = ?1 AND state IN ('sending', 'paused', 'done') AND letter <> '' AND series IS NULL
         ORDER BY id DESC",
        args![label],
        |row| row.get(0),
    )
}

pub(super) fn figures(tx: &mut dyn Tx) -> Result<Figures, StoreError> {
    Ok(Figures {
        readers: tx.all(
            "SELECT standing, count(*) FROM subscriber GROUP BY standing ORDER BY standing",
            &[],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?,
        errands: tx.all("SELECT state, count(*) FROM errand GROUP BY state ORDER BY state", &[], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?,
    })
}
