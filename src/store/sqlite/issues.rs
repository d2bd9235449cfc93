//! Issues: the baseline, the freeze (T0), and what is open.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::events::{self, Entry};
use super::{deliveries, failed, millis, open as notes, time};
use crate::address::EmailAddress;
use crate::ledger::{IssueState, IssueSummary, State, Tally};
use crate::store::{Addressee, Imprint, ImprintMaker, IssueNumber, NewIssue, OpenIssue, StoreError};
use crate::subscribers::AddressKey;
use crate::text::HeaderText;

/// The note that says that the ledger has begun: an empty archive has an empty baseline.
const BEGUN: &str = "begun";

pub(super) fn known(tx: &Transaction<'_>) -> Result<Option<HashSet<String>>, StoreError> {
    if notes::recall(tx, BEGUN)?.is_none() {
        return Ok(None);
    }
    let doing = failed("reading the issues");
    let mut statement = tx.prepare("SELECT post FROM issue").map_err(&doing)?;
    let posts = statement.query_map([], |row| row.get(0)).map_err(&doing)?;
    posts.collect::<Result<_, _>>().map(Some).map_err(doing)
}

pub(super) fn baseline(
    tx: &Transaction<'_>,
    posts: &[(String, HeaderText)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let doing = failed("recording the baseline");
    let mut insert = tx
        .prepare(
            "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience)
             VALUES (?1, 'baseline', ?2, '', '', x'', ?3, 0) ON CONFLICT (post) DO NOTHING",
        )
        .map_err(&doing)?;
    for (post, title) in posts {
        insert.execute(params![post, title.as_str(), millis(now)]).map_err(&doing)?;
    }
    if notes::recall(tx, BEGUN)?.is_none() {
        notes::remember(tx, BEGUN, &now.to_rfc3339())?;
        let detail = format!("{} posts were published before the ledger began", posts.len());
        events::append(
            tx,
            &Entry { kind: "baseline", issue: None, subject: None, actor: "publish", detail: &detail },
            now,
        )?;
    }
    Ok(())
}

pub(super) fn freeze(
    tx: &Transaction<'_>,
    issue: &NewIssue,
    imprint: &ImprintMaker,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let doing = failed("freezing the issue");
    baseline(tx, &issue.baseline, now)?;
    // A post of the baseline can still be mailed, if its writer says so; any other issue is final.
    let number: Option<i64> = tx
        .query_row(
            "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience)
             VALUES (?1, 'sending', ?2, ?3, ?4, ?5, ?6, 0)
             ON CONFLICT (post) DO UPDATE SET state = 'sending', subject = ?2, label = ?3, letter = ?4,
                 letter_sha256 = ?5, frozen_at = ?6 WHERE issue.state = 'baseline'
             RETURNING id",
            params![
                issue.post,
                issue.subject.as_str(),
                issue.label,
                issue.letter,
                digest(&SHA256, issue.letter.as_bytes()).as_ref(),
                millis(now)
            ],
            |row| row.get(0),
        )
        .optional()
        .map_err(&doing)?;
    let number = number.ok_or_else(|| StoreError::AlreadyIssued(issue.post.clone()))?;
    let audience = "FROM subscriber WHERE standing = 'active'
                    AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";
    let counted: u64 =
        tx.query_row(&format!("SELECT count(*) {audience}"), [], |row| row.get(0)).map_err(&doing)?;
    let frozen = address_copies(
        tx,
        number,
        audience,
        &|key, address, number| imprint(&Addressee { post: &issue.post, address, key, number }),
        now,
    )?;
    if frozen != counted {
        return Err(StoreError::Miscounted { counted, frozen });
    }
    let audience = i64::try_from(frozen).unwrap_or(i64::MAX);
    tx.execute("UPDATE issue SET audience = ?2 WHERE id = ?1", params![number, audience]).map_err(&doing)?;
    let detail = format!("{}: {frozen} readers", issue.post);
    let entry =
        Entry { kind: "freeze", issue: Some(number), subject: None, actor: "publish", detail: &detail };
    events::append(tx, &entry, now)?;
    Ok(frozen)
}

/// Inserts one waiting copy for each reader, row by row, so that a million of them need no memory.
fn address_copies(
    tx: &Transaction<'_>,
    number: i64,
    audience: &str,
    imprint: &dyn Fn(AddressKey, &EmailAddress, u64) -> Imprint,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let doing = failed("freezing the issue");
    let mut readers =
        tx.prepare(&format!("SELECT addr_key, email, name {audience} ORDER BY id")).map_err(&doing)?;
    let mut insert = tx
        .prepare(
            "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce,
                                   state, next_at, changed_at)
             VALUES (?10, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9, ?9)",
        )
        .map_err(&doing)?;
    let mut rows = readers.query([]).map_err(&doing)?;
    // The number is part of what the copy says (its bounce token), so it is chosen here and not by the database.
    let last: u64 =
        tx.query_row("SELECT coalesce(max(id), 0) FROM delivery", [], |row| row.get(0)).map_err(&doing)?;
    let mut frozen = 0;
    while let Some(row) = rows.next().map_err(&doing)? {
        let key = AddressKey(row.get(0).map_err(&doing)?);
        let (email, name): (String, Option<String>) =
            (row.get(1).map_err(&doing)?, row.get(2).map_err(&doing)?);
        frozen += 1;
        let address = EmailAddress::parse(&email)
            .map_err(|error| StoreError::Nonsense(format!("an address: {error}")))?;
        let fixed = imprint(key, &address, last + frozen);
        insert
            .execute(params![
                number,
                key.0,
                email,
                name,
                fixed.message_id,
                fixed.boundary_seed,
                fixed.unsubscribe,
                fixed.bounce,
                millis(now),
                last + frozen
            ])
            .map_err(&doing)?;
    }
    Ok(frozen)
}

pub(super) fn open(tx: &Transaction<'_>) -> Result<Vec<OpenIssue>, StoreError> {
    let doing = failed("reading the open issues");
    let mut statement = tx
        .prepare(
            "SELECT id, post, subject, label, letter, frozen_at,
                    (SELECT min(next_at) FROM delivery WHERE issue = issue.id AND state = 'pending'),
                    paused_because IS NOT NULL
             FROM issue WHERE state = 'sending' ORDER BY id",
        )
        .map_err(&doing)?;
    let mut rows = statement.query([]).map_err(&doing)?;
    let mut issues = Vec::new();
    while let Some(row) = rows.next().map_err(&doing)? {
        let next_at: Option<i64> = row.get(6).map_err(&doing)?;
        issues.push(OpenIssue {
            number: IssueNumber(row.get(0).map_err(&doing)?),
            post: row.get(1).map_err(&doing)?,
            subject: subject(&row.get::<_, String>(2).map_err(&doing)?)?,
            label: row.get(3).map_err(&doing)?,
            letter: row.get(4).map_err(&doing)?,
            frozen_at: time(row.get(5).map_err(&doing)?)?,
            next_at: next_at.map(time).transpose()?,
            resumed: row.get(7).map_err(&doing)?,
        });
    }
    Ok(issues)
}

pub(super) fn subject(text: &str) -> Result<HeaderText, StoreError> {
    HeaderText::parse(text).map_err(|error| StoreError::Nonsense(format!("a subject: {error}")))
}

pub(super) fn all(tx: &Transaction<'_>) -> Result<Vec<IssueSummary>, StoreError> {
    let doing = failed("reading the issues");
    let mut counts: HashMap<i64, (Tally, Option<i64>)> = HashMap::new();
    let mut statement = tx
        .prepare(
            "SELECT issue, state, count(*), min(CASE WHEN state = 'pending' THEN next_at END)
             FROM delivery GROUP BY issue, state",
        )
        .map_err(&doing)?;
    let mut rows = statement.query([]).map_err(&doing)?;
    while let Some(row) = rows.next().map_err(&doing)? {
        let word: String = row.get(1).map_err(&doing)?;
        let state =
            State::from_word(&word).ok_or_else(|| StoreError::Nonsense(format!("the state {word:?}")))?;
        let entry = counts.entry(row.get(0).map_err(&doing)?).or_default();
        entry.0.add(state, row.get(2).map_err(&doing)?);
        entry.1 = entry.1.or(row.get(3).map_err(&doing)?);
    }
    let mut statement = tx
        .prepare(
            "SELECT id, post, subject, state, frozen_at, audience FROM issue WHERE state <> 'baseline' ORDER BY id DESC",
        )
        .map_err(&doing)?;
    let mut rows = statement.query([]).map_err(&doing)?;
    let mut issues = Vec::new();
    while let Some(row) = rows.next().map_err(&doing)? {
        let (tally, next_at) = counts.remove(&row.get(0).map_err(&doing)?).unwrap_or_default();
        let word: String = row.get(3).map_err(&doing)?;
        issues.push(IssueSummary {
            id: row.get(1).map_err(&doing)?,
            subject: subject(&row.get::<_, String>(2).map_err(&doing)?)?,
            state: IssueState::from_word(&word)
                .ok_or_else(|| StoreError::Nonsense(format!("the issue state {word:?}")))?,
            frozen_at: time(row.get(4).map_err(&doing)?)?,
            audience: row.get(5).map_err(&doing)?,
            tally,
            next_at: next_at.map(time).transpose()?,
        });
    }
    Ok(issues)
}

pub(super) fn set(
    tx: &Transaction<'_>,
    post: &str,
    state: IssueState,
    because: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let doing = failed("changing an issue");
    let number: Option<i64> = tx
        .query_row(
            "UPDATE issue SET state = ?2, paused_because = ?3 WHERE post = ?1 AND state <> ?2
             AND (?2 <> 'sending' OR state = 'paused') RETURNING id",
            params![post, state.as_str(), because],
            |row| row.get(0),
        )
        .optional()
        .map_err(&doing)?;
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

pub(super) fn close_finished(tx: &Transaction<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let doing = failed("closing finished issues");
    let mut statement = tx
        .prepare(
            "UPDATE issue SET state = 'done' WHERE state = 'sending' AND NOT EXISTS (
                 SELECT 1 FROM delivery WHERE issue = issue.id AND state IN ('pending', 'claimed', 'armed'))
             RETURNING id",
        )
        .map_err(&doing)?;
    let done: Vec<i64> =
        statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(&doing)?;
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
