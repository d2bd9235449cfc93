//! Issues: the baseline, the freeze (T0), and their states.

use std::collections::{BTreeMap, HashSet};

use aws_lc_rs::digest::{Context, SHA256, digest};
use chrono::{DateTime, Utc};

use super::audience::Selection;
use super::deliveries::{self, Scope};
use super::events::{self, Entry};
use super::issue_rows::{state, subject};
use super::many::execute_many;
use super::{Store, StoreError, Tx, Value, args, corrupt_data, counts, meta, update_statistics};
use crate::ledger::{IssueState, IssueSummary, StateCounts};
use crate::store::digest::{ADOPTED, PREFIX};
use crate::store::subscriber_store::PublishedIssue;
use crate::store::{IssueNumber, NewIssue, OpenIssue};
use crate::subscribers::AddressKey;
use crate::text::{HeaderText, hex};

/// The note that the ledger has begun: an empty archive has an empty baseline.
const BEGUN: &str = "begun";

/// The issues that the web pages show.
const PUBLISHED: &str = "state IN ('sending', 'paused', 'done') AND letter <> '' AND series IS NULL";

impl Store {
    /// The posts that have an issue or are part of the baseline; `None` before the first run.
    pub async fn mailed_posts(&self) -> Result<Option<HashSet<String>>, StoreError> {
        self.read("reading the issues", |tx| {
            if meta::recall(tx, BEGUN)?.is_none() {
                return Ok(None);
            }
            let posts = tx.all("SELECT post FROM issue", &[], |row| row.get(0))?;
            Ok(Some(posts.into_iter().collect()))
        })
        .await
    }

    /// Records posts as published before the ledger began, and that the ledger has begun.
    pub async fn baseline(
        &self,
        posts: Vec<(String, HeaderText)>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write("recording the baseline", now, move |tx, now| baseline(tx, &posts, now).map(drop)).await
    }

    /// T0: inserts the issue, and a waiting delivery for each active subscriber who gets every post, wants one of
    /// its categories and has not got it in a weekly digest. Returns the size of the audience. An empty audience is
    /// an error, and then nothing is frozen.
    pub async fn schedule_issue(&self, issue: NewIssue, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.freezing("freezing the issue", now, move |tx, now| {
            baseline(tx, &issue.baseline, now)?;
            let number = begin(tx, &issue, now)?;
            if may_be_mailed(tx, &issue.post)? {
                let detail = "it may have been mailed before the ledger was restored";
                events::append(tx, &Entry::of_issue(number, "resend", "send", detail), now)?;
            }
            let selection = Selection::new(tx.dialect(), &issue.post, &issue.segment);
            let counted = selection.count(tx)?;
            if counted == 0 {
                return Err(StoreError::NoAudience(issue.post.clone()));
            }
            let frozen = add_deliveries(tx, number, &selection, now)?;
            if frozen != counted {
                return Err(StoreError::AudienceMismatch { counted, frozen });
            }
            count(tx, number, &issue.post, frozen, now)?;
            update_statistics(tx, "delivery")?;
            Ok(frozen)
        })
        .await
    }

    /// The issues that are being sent, oldest first.
    pub async fn open_issues(&self) -> Result<Vec<OpenIssue>, StoreError> {
        self.read("reading the open issues", |tx| {
            tx.all(
                "SELECT id, post, subject, label, letter, coalesce(extended_at, frozen_at),
                        (SELECT min(next_at) FROM delivery WHERE issue = issue.id AND open = 1 AND state = 'pending'),
                        CASE WHEN paused_because IS NULL THEN 0 ELSE 1 END
                 FROM issue WHERE finished_at IS NULL AND state = 'sending' ORDER BY id",
                &[],
                |row| {
                    Ok(OpenIssue {
                        number: IssueNumber(row.get(0)?),
                        post: row.get(1)?,
                        subject: subject(&row.get::<String>(2)?)?,
                        label: row.get(3)?,
                        message: row.get(4)?,
                        frozen_at: row.get(5)?,
                        next_at: row.get(6)?,
                        resumed: row.get(7)?,
                    })
                },
            )
        })
        .await
    }

    /// Every issue with its counts, newest first, without the baseline.
    pub async fn issues(&self) -> Result<Vec<IssueSummary>, StoreError> {
        self.read("reading the issues", |tx| summaries(tx, "true", &[])).await
    }

    /// The same for the issues that are not finished, and for those of `posts`.
    pub async fn unfinished_issues(&self, posts: Vec<String>) -> Result<Vec<IssueSummary>, StoreError> {
        self.read("reading the unfinished issues", move |tx| {
            let unfinished = std::iter::once("finished_at IS NULL".to_owned());
            let named = (1..=posts.len()).map(|place| format!("post = ?{place}"));
            let condition = format!("({})", unfinished.chain(named).collect::<Vec<_>>().join(" OR "));
            let posts: Vec<Value<'_>> = posts.iter().map(Value::from).collect();
            summaries(tx, &condition, &posts)
        })
        .await
    }

    /// Changes the state of an issue, and records why; `false` if it is not possible.
    pub async fn set_issue(
        &self,
        post: &str,
        state: IssueState,
        because: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (post, because) = (post.to_owned(), because.to_owned());
        self.write("changing an issue", now, move |tx, now| set(tx, &post, state, &because, now)).await
    }

    /// Marks issues without open deliveries as done, and writes their counts.
    pub async fn close_finished(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        while self.write("closing finished issues", now, counts::finish).await? {}
        Ok(())
    }

    /// The issues that were sent or are being sent, newest first.
    pub async fn published(&self) -> Result<Vec<PublishedIssue>, StoreError> {
        self.read("reading the issues", |tx| {
            let sql = format!(
                "SELECT post, subject, label, frozen_at FROM issue WHERE {PUBLISHED} ORDER BY frozen_at DESC, id DESC"
            );
            tx.all(&sql, &[], |row| {
                Ok(PublishedIssue {
                    post: row.get(0)?,
                    subject: subject(&row.get::<String>(1)?)?,
                    label: row.get(2)?,
                    frozen_at: row.get(3)?,
                })
            })
        })
        .await
    }

    /// The frozen email of one of them, as JSON.
    pub async fn issue_message(&self, label: &str) -> Result<Option<String>, StoreError> {
        let label = label.to_owned();
        self.read("reading an issue", move |tx| {
            let sql = format!("SELECT letter FROM issue WHERE label = ?1 AND {PUBLISHED} ORDER BY id DESC");
            tx.one(&sql, args![&label], |row| row.get(0))
        })
        .await
    }
}

/// When the ledger began.
pub(super) fn begun(tx: &mut dyn Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(note) = meta::recall(tx, BEGUN)? else { return Ok(None) };
    let begun =
        DateTime::parse_from_rfc3339(&note).map_err(|_| corrupt_data(format!("the start date {note:?}")))?;
    Ok(Some(begun.to_utc()))
}

/// Whether a post was published when the ledger was restored, so that a run that the ledger does not know may have mailed it.
pub(super) fn may_be_mailed(tx: &mut dyn Tx, post: &str) -> Result<bool, StoreError> {
    let sql = "SELECT issue.id FROM issue_post JOIN issue ON issue.id = issue_post.issue
               WHERE issue_post.post = ?1 AND issue.post LIKE ?2";
    let restored = format!("{PREFIX}{ADOPTED}%");
    let found: Option<i64> = tx.one(sql, args![post, &restored], |row| row.get(0))?;
    Ok(found.is_some())
}

/// Adds posts to the baseline; returns the titles of those that were not known before.
pub(super) fn baseline(
    tx: &mut dyn Tx,
    posts: &[(String, HeaderText)],
    now: DateTime<Utc>,
) -> Result<Vec<HeaderText>, StoreError> {
    let mut added = Vec::new();
    for (post, title) in posts {
        let inserted = tx.execute(
            "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, finished_at)
             VALUES (?1, 'baseline', ?2, '', '', ?3, ?4, 0, ?4) ON CONFLICT (post) DO NOTHING",
            args![post, title.as_str(), &[], now],
        )?;
        if inserted > 0 {
            added.push(title.clone());
        }
    }
    if meta::recall(tx, BEGUN)?.is_none() {
        meta::remember(tx, BEGUN, &now.to_rfc3339())?;
        let detail = format!("{} posts were published before the ledger began", posts.len());
        let entry = Entry { kind: "baseline", issue: None, subject: None, actor: "publish", detail: &detail };
        events::append(tx, &entry, now)?;
    }
    Ok(added)
}

/// Opens an issue that has no deliveries yet.
pub(super) fn begin(tx: &mut dyn Tx, issue: &NewIssue, now: DateTime<Utc>) -> Result<i64, StoreError> {
    // The writer can still decide to mail a post of the baseline; any other issue is final.
    let number: Option<i64> = tx.one(
        "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, rehearsal,
                            message_domain)
         VALUES (?1, 'sending', ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)
         ON CONFLICT (post) DO UPDATE SET state = 'sending', subject = ?2, label = ?3, letter = ?4,
             letter_sha256 = ?5, frozen_at = ?6, rehearsal = ?7, message_domain = ?8, finished_at = NULL
             WHERE issue.state = 'baseline'
         RETURNING id",
        args![
            &issue.post,
            issue.subject.as_str(),
            &issue.label,
            &issue.message,
            digest(&SHA256, issue.message.as_bytes()).as_ref(),
            now,
            issue.rehearsal,
            &issue.message_domain
        ],
        |row| row.get(0),
    )?;
    number.ok_or_else(|| StoreError::AlreadyIssued(issue.post.clone()))
}

/// Records which posts an issue contains, if it is not named after its only post.
pub(super) fn carry<'a>(
    tx: &mut dyn Tx,
    issue: i64,
    posts: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    for post in posts {
        tx.execute("INSERT INTO issue_post (issue, post) VALUES (?1, ?2)", args![issue, post])?;
    }
    Ok(())
}

/// Opens an issue again for more subscribers. The retry horizon starts anew, and never earlier than it did: the clock may be
/// wrong now.
pub(super) fn extend(tx: &mut dyn Tx, number: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    counts::reopen(tx, number, now)?;
    let sql = "UPDATE issue SET extended_at = ?2 WHERE id = ?1 AND coalesce(extended_at, frozen_at) < ?2";
    tx.execute(sql, args![number, now]).map(drop)
}

/// Records the audience of an issue when all its deliveries are inserted.
pub(super) fn count(
    tx: &mut dyn Tx,
    number: i64,
    post: &str,
    frozen: u64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute("UPDATE issue SET audience = ?2 WHERE id = ?1", args![number, frozen])?;
    let content = content_hash(tx, number)?.unwrap_or_default();
    let detail = format!("{post}: {frozen} readers, content {content}");
    events::append(tx, &Entry::of_issue(number, "freeze", "publish", &detail), now)
}

/// A hash of what is the same in all emails of an issue; the record of decisions contains it.
pub(super) fn content_hash(tx: &mut dyn Tx, number: i64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT subject, label, message_domain, letter_sha256 FROM issue WHERE id = ?1";
    tx.one(sql, args![number], |row| {
        let mut all = Context::new(&SHA256);
        for column in 0..3 {
            let text: String = row.get(column)?;
            all.update(&(text.len() as u64).to_be_bytes());
            all.update(text.as_bytes());
        }
        all.update(&row.get::<Vec<u8>>(3)?);
        Ok(hex(&all.finish().as_ref()[..16]))
    })
}

/// The number of the last delivery; the next one has the following number.
pub(super) fn last_number(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    Ok(tx.one("SELECT coalesce(max(id), 0) FROM delivery", &[], |row| row.get(0))?.unwrap_or_default())
}

/// Inserts a waiting delivery for each subscriber in the audience; returns how many.
pub(super) fn add_deliveries(
    tx: &mut dyn Tx,
    issue: i64,
    selection: &Selection,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let last = last_number(tx)?;
    let mut values = selection.values();
    let own = values.len();
    values.extend([Value::from(last), Value::from(issue), Value::from(now)]);
    let [last, issue, now] = [own + 1, own + 2, own + 3];
    let sql = format!(
        "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce, state,
                               next_at, changed_at)
         SELECT ?{last} + row_number() OVER (ORDER BY id), ?{issue}, addr_key, email, name, '', '', '', '', 'pending',
                ?{now}, ?{now} {}
         ORDER BY id",
        selection.sql()
    );
    tx.execute(&sql, &values)
}

/// A delivery as the freeze of a digest inserts it.
pub(super) struct NewDelivery {
    pub(super) number: u64,
    pub(super) key: AddressKey,
    pub(super) email: String,
    pub(super) name: Option<String>,
}

pub(super) fn insert(
    tx: &mut dyn Tx,
    issue: i64,
    deliveries: &[NewDelivery],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows: Vec<Vec<Value<'_>>> = deliveries
        .iter()
        .map(|NewDelivery { number, key, email, name }| {
            args![*number, issue, &key.0, email, name.as_deref(), now].to_vec()
        })
        .collect();
    execute_many(
        tx,
        "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce, state,
                               next_at, changed_at)
         SELECT new.id, new.issue, new.addr_key, new.address, new.name, '', '', '', '', 'pending', new.now, new.now
         FROM {new}",
        &rows,
    )
}

/// Every issue that `condition` selects, with its counts, newest first.
pub(super) fn summaries(
    tx: &mut dyn Tx,
    condition: &str,
    values: &[Value<'_>],
) -> Result<Vec<IssueSummary>, StoreError> {
    let sql = format!(
        "SELECT id, post, subject, state, frozen_at, audience, paused_because, rehearsal, finished_at
         FROM issue WHERE state <> 'baseline' AND {condition} ORDER BY id DESC"
    );
    let mut issues = tx.all(&sql, values, |row| {
        let summary = IssueSummary {
            id: row.get(1)?,
            subject: subject(&row.get::<String>(2)?)?,
            state: state(&row.get::<String>(3)?)?,
            frozen_at: row.get(4)?,
            audience: row.get(5)?,
            counts: StateCounts::default(),
            next_at: None,
            retrying: 0,
            paused_because: row.get(6)?,
            rehearsal: row.get(7)?,
        };
        let is_finished = row.get::<Option<i64>>(8)?.is_some();
        Ok((row.get::<i64>(0)?, is_finished, summary))
    })?;
    let has_finished = issues.iter().any(|(_, is_finished, _)| *is_finished);
    let mut finished = if has_finished { counts::of_finished(tx)? } else { BTreeMap::new() };
    for (number, is_finished, summary) in &mut issues {
        if *is_finished {
            summary.counts = finished.remove(number).unwrap_or_default();
        } else {
            summary.counts = counts::of_unfinished(tx, *number, summary.audience)?;
            (summary.next_at, summary.retrying) = counts::retries(tx, *number, summary.frozen_at)?;
        }
    }
    Ok(issues.into_iter().map(|(_, _, summary)| summary).collect())
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
    match state {
        IssueState::Cancelled => deliveries::skip_waiting(tx, Scope::Issue(number), "cancelled", now)?,
        _ => counts::reopen(tx, number, now)?,
    }
    events::append(tx, &Entry::of_issue(number, state.as_str(), "letterpress", because), now)?;
    Ok(true)
}
