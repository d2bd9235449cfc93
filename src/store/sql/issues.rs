//! Issues: the baseline, the freeze (T0), and what is open.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::audience::Selection;
use super::events::{self, Entry};
use super::{Dialect, StoreError, Tx, Value, args, deliveries, nonsense, notes};
use crate::address::EmailAddress;
use crate::ledger::{IssueState, IssueSummary, State, Tally};
use crate::store::{Addressee, Imprint, ImprintMaker, IssueNumber, NewIssue, OpenIssue};
use crate::subscribers::AddressKey;
use crate::text::HeaderText;

/// The note that says that the ledger has begun: an empty archive has an empty baseline.
const BEGUN: &str = "begun";

/// So many readers are frozen at a time: a million of them need no memory.
const PAGE: usize = 1_000;

/// Keeps an issue's state as it is until this transaction ends; returns it.
pub(super) fn hold(tx: &mut dyn Tx, issue: i64) -> Result<Option<String>, StoreError> {
    let lock = match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    tx.one(&format!("SELECT state FROM issue WHERE id = ?1 {lock}"), args![issue], |row| row.get(0))
}

/// When the ledger began.
pub(super) fn begun(tx: &mut dyn Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(note) = notes::recall(tx, BEGUN)? else { return Ok(None) };
    let begun =
        DateTime::parse_from_rfc3339(&note).map_err(|_| nonsense(format!("the start date {note:?}")))?;
    Ok(Some(begun.to_utc()))
}

pub(super) fn known(tx: &mut dyn Tx) -> Result<Option<HashSet<String>>, StoreError> {
    if notes::recall(tx, BEGUN)?.is_none() {
        return Ok(None);
    }
    let posts = tx.all("SELECT post FROM issue", &[], |row| row.get(0))?;
    Ok(Some(posts.into_iter().collect()))
}

/// Returns how many of the posts were not known before.
pub(super) fn baseline(
    tx: &mut dyn Tx,
    posts: &[(String, HeaderText)],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut added = 0;
    for (post, title) in posts {
        added += tx.execute(
            "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience)
             VALUES (?1, 'baseline', ?2, '', '', ?3, ?4, 0) ON CONFLICT (post) DO NOTHING",
            args![post, title.as_str(), &[], now],
        )?;
    }
    if notes::recall(tx, BEGUN)?.is_none() {
        notes::remember(tx, BEGUN, &now.to_rfc3339())?;
        let detail = format!("{} posts were published before the ledger began", posts.len());
        let entry = Entry { kind: "baseline", issue: None, subject: None, actor: "publish", detail: &detail };
        events::append(tx, &entry, now)?;
    }
    Ok(added)
}

pub(super) fn freeze(
    tx: &mut dyn Tx,
    issue: &NewIssue,
    imprint: &ImprintMaker,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    baseline(tx, &issue.baseline, now)?;
    let number = begin(tx, issue, now)?;
    let selection = Selection::new(tx.dialect(), &issue.post, &issue.categories);
    let counted = selection.count(tx)?;
    if counted == 0 {
        return Err(StoreError::NoAudience(issue.post.clone()));
    }
    let frozen = address_copies(tx, (number, &issue.post), &selection, imprint, now)?;
    if frozen != counted {
        return Err(StoreError::Miscounted { counted, frozen });
    }
    count(tx, number, &issue.post, frozen, now)?;
    settle_in(tx)?;
    Ok(frozen)
}

/// Opens an issue that has no copies yet.
pub(super) fn begin(tx: &mut dyn Tx, issue: &NewIssue, now: DateTime<Utc>) -> Result<i64, StoreError> {
    // A post of the baseline can still be mailed, if its writer says so; any other issue is final.
    let number: Option<i64> = tx.one(
        "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, rehearsal)
         VALUES (?1, 'sending', ?2, ?3, ?4, ?5, ?6, 0, ?7)
         ON CONFLICT (post) DO UPDATE SET state = 'sending', subject = ?2, label = ?3, letter = ?4,
             letter_sha256 = ?5, frozen_at = ?6, rehearsal = ?7 WHERE issue.state = 'baseline'
         RETURNING id",
        args![
            &issue.post,
            issue.subject.as_str(),
            &issue.label,
            &issue.letter,
            digest(&SHA256, issue.letter.as_bytes()).as_ref(),
            now,
            issue.rehearsal
        ],
        |row| row.get(0),
    )?;
    number.ok_or_else(|| StoreError::AlreadyIssued(issue.post.clone()))
}

/// Records the audience of an issue whose copies are all there.
pub(super) fn count(
    tx: &mut dyn Tx,
    number: i64,
    post: &str,
    frozen: u64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute("UPDATE issue SET audience = ?2 WHERE id = ?1", args![number, frozen])?;
    let detail = format!("{post}: {frozen} readers");
    let entry =
        Entry { kind: "freeze", issue: Some(number), subject: None, actor: "publish", detail: &detail };
    events::append(tx, &entry, now)
}

/// Tells the planner of the new copies: it thinks of the table as it was, and the first claims would read all of it.
pub(super) fn settle_in(tx: &mut dyn Tx) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Postgres {
        tx.execute("ANALYZE delivery", &[])?;
    }
    Ok(())
}

/// The number of the last copy: what a copy's own is counted on from.
pub(super) fn last_number(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    Ok(tx.one("SELECT coalesce(max(id), 0) FROM delivery", &[], |row| row.get(0))?.unwrap_or_default())
}

/// Inserts one waiting copy for each reader of the audience.
pub(super) fn address_copies(
    tx: &mut dyn Tx,
    (issue, post): (i64, &str),
    selection: &Selection<'_>,
    imprint: &ImprintMaker,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    // The number is part of what the copy says (its bounce token), so it is chosen here and not by the database.
    let last = last_number(tx)?;
    let values = selection.values();
    let sql = format!(
        "SELECT id, addr_key, email, name {} AND id > ?{} ORDER BY id LIMIT ?{}",
        selection.sql(),
        values.len() + 1,
        values.len() + 2
    );
    let (mut after, mut frozen) = (0_i64, 0_u64);
    loop {
        let mut values = values.clone();
        values.extend([Value::from(after), Value::from(PAGE)]);
        let page = tx
            .all(&sql, &values, |row| Ok((row.get(0)?, AddressKey(row.get(1)?), row.get(2)?, row.get(3)?)))?;
        if page.is_empty() {
            return Ok(frozen);
        }
        let mut copies = Vec::with_capacity(page.len());
        for (reader, key, email, name) in page {
            let (email, name): (String, Option<String>) = (email, name);
            let address =
                EmailAddress::parse(&email).map_err(|error| nonsense(format!("an address: {error}")))?;
            (after, frozen) = (reader, frozen + 1);
            let number = last + frozen;
            let fixed = imprint(&Addressee { post, address: &address, key, number });
            copies.push(Fresh { number, key, email, name, fixed });
        }
        insert(tx, issue, &copies, now)?;
    }
}

/// A copy as the freeze inserts it.
pub(super) struct Fresh {
    pub(super) number: u64,
    pub(super) key: AddressKey,
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) fixed: Imprint,
}

pub(super) fn insert(
    tx: &mut dyn Tx,
    issue: i64,
    copies: &[Fresh],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Postgres {
        return insert_together(tx, issue, copies, now);
    }
    for Fresh { number, key, email, name, fixed } in copies {
        tx.execute(
            "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe,
                                   bounce, state, next_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'pending', ?10, ?10)",
            args![
                *number,
                issue,
                &key.0,
                email,
                name.as_deref(),
                &fixed.message_id,
                &fixed.boundary_seed,
                &fixed.unsubscribe,
                &fixed.bounce,
                now
            ],
        )?;
    }
    Ok(())
}

fn insert_together(
    tx: &mut dyn Tx,
    issue: i64,
    copies: &[Fresh],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let texts =
        |of: fn(&Fresh) -> &str| copies.iter().map(|copy| Some(of(copy))).collect::<Vec<Option<&str>>>();
    let numbers: Vec<_> = copies.iter().map(|copy| i64::try_from(copy.number).ok()).collect();
    let keys: Vec<_> = copies.iter().map(|copy| Some(copy.key.0.as_slice())).collect();
    let names: Vec<_> = copies.iter().map(|copy| copy.name.as_deref()).collect();
    tx.execute(
        "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce,
                               state, next_at, changed_at)
         SELECT id, ?9, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce, 'pending', ?10, ?10
         FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             AS fresh (id, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce)",
        args![
            numbers.as_slice(),
            keys.as_slice(),
            texts(|copy| &copy.email).as_slice(),
            names.as_slice(),
            texts(|copy| &copy.fixed.message_id).as_slice(),
            texts(|copy| &copy.fixed.boundary_seed).as_slice(),
            texts(|copy| &copy.fixed.unsubscribe).as_slice(),
            texts(|copy| &copy.fixed.bounce).as_slice(),
            issue,
            now
        ],
    )
    .map(drop)
}

pub(super) fn open(tx: &mut dyn Tx) -> Result<Vec<OpenIssue>, StoreError> {
    tx.all(
        "SELECT id, post, subject, label, letter, coalesce(extended_at, frozen_at),
                (SELECT min(next_at) FROM delivery WHERE issue = issue.id AND state = 'pending'),
                CASE WHEN paused_because IS NULL THEN 0 ELSE 1 END
         FROM issue WHERE state = 'sending' ORDER BY id",
        &[],
        |row| {
            Ok(OpenIssue {
                number: IssueNumber(row.get(0)?),
                post: row.get(1)?,
                subject: subject(&row.get::<String>(2)?)?,
                label: row.get(3)?,
                letter: row.get(4)?,
                frozen_at: row.get(5)?,
                next_at: row.get(6)?,
                resumed: row.get(7)?,
            })
        },
    )
}

pub(super) fn subject(text: &str) -> Result<HeaderText, StoreError> {
    HeaderText::parse(text).map_err(|error| nonsense(format!("a subject: {error}")))
}

/// Reads the word for where an issue stands.
pub(super) fn state(word: &str) -> Result<IssueState, StoreError> {
    IssueState::from_word(word).ok_or_else(|| nonsense(format!("the issue state {word:?}")))
}

pub(super) fn all(tx: &mut dyn Tx) -> Result<Vec<IssueSummary>, StoreError> {
    let mut counts: HashMap<i64, (Tally, Option<DateTime<Utc>>, u64)> = HashMap::new();
    tx.each(
        "SELECT issue, state, count(*), min(CASE WHEN state = 'pending' THEN next_at END),
                count(CASE WHEN state = 'pending' AND attempts > 0 THEN 1 END)
         FROM delivery GROUP BY issue, state",
        &[],
        &mut |row| {
            let word: String = row.get(1)?;
            let state = State::from_word(&word).ok_or_else(|| nonsense(format!("the state {word:?}")))?;
            let entry = counts.entry(row.get(0)?).or_default();
            entry.0.add(state, row.get(2)?);
            entry.1 = entry.1.or(row.get(3)?);
            entry.2 += row.get::<u64>(4)?;
            Ok(())
        },
    )?;
    let issues = tx.all(
        "SELECT id, post, subject, state, frozen_at, audience, paused_because, rehearsal FROM issue
         WHERE state <> 'baseline' ORDER BY id DESC",
        &[],
        |row| {
            let word: String = row.get(3)?;
            let summary = IssueSummary {
                id: row.get(1)?,
                subject: subject(&row.get::<String>(2)?)?,
                state: state(&word)?,
                frozen_at: row.get(4)?,
                audience: row.get(5)?,
                tally: Tally::default(),
                next_at: None,
                retrying: 0,
                because: row.get(6)?,
                rehearsal: row.get(7)?,
            };
            Ok((row.get::<i64>(0)?, summary))
        },
    )?;
    let with_counts = |(number, summary)| {
        let (tally, next_at, retrying) = counts.remove(&number).unwrap_or_default();
        IssueSummary { tally, next_at, retrying, ..summary }
    };
    Ok(issues.into_iter().map(with_counts).collect())
}

pub(super) fn set(
    tx: &mut dyn Tx,
    post: &str,
    state: IssueState,
    because: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let number: Option<i64> = tx.one(
        "UPDATE issue SET state = ?2, paused_because = ?3 WHERE post = ?1 AND state <> ?2
         AND (?2 <> 'sending' OR state = 'paused') RETURNING id",
        args![post, state.as_str(), because],
        |row| row.get(0),
    )?;
    let Some(number) = number else { return Ok(false) };
    if state == IssueState::Cancelled {
        deliveries::skip_waiting(tx, number, "cancelled", now)?;
    }
    let entry = Entry {
        kind: state.as_str(),
        issue: Some(number),
        subject: None,
        actor: "letterpress",
        detail: because,
    };
    events::append(tx, &entry, now)?;
    Ok(true)
}

pub(super) fn close_finished(tx: &mut dyn Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Postgres {
        // Whoever puts a copy back to waiting holds its issue meanwhile, and the next statement sees what they did.
        tx.execute("SELECT 1 FROM issue WHERE state = 'sending' ORDER BY id FOR UPDATE", &[])?;
    }
    let done: Vec<i64> = tx.all(
        "UPDATE issue SET state = 'done' WHERE state = 'sending' AND NOT EXISTS (
             SELECT 1 FROM delivery WHERE issue = issue.id AND state IN ('pending', 'claimed', 'armed'))
         RETURNING id",
        &[],
        |row| row.get(0),
    )?;
    for number in done {
        let entry = Entry {
            kind: "done",
            issue: Some(number),
            subject: None,
            actor: "letterpress",
            detail: "nothing is open",
        };
        events::append(tx, &entry, now)?;
    }
    Ok(())
}
