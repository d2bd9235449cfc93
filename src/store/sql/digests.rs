//! Weekly letters as rows: what is on record of earlier weeks, who gets which part, and the freeze (T0) of a week.
//!
//! A week has a row of its own among the issues, named after it, in the state `baseline`: it lists what the week carried
//! and is never sent. That name is unique, so a week is frozen once, whoever else tries. Its letters are issues like any
//! other.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::issues::{self, Fresh};
use super::{Access, Backend, SqlStore, StoreError, Tx, args, nonsense};
use crate::address::EmailAddress;
use crate::schedule::digest::Record;
use crate::store::Addressee;
use crate::store::digest::{DigestPost, Digests, NewDigest, PREFIX, Share};
use crate::subscribers::{AddressKey, Topics};

/// Who gets weekly letters.
const AUDIENCE: &str = "FROM subscriber WHERE standing = 'active' AND cadence = 'weekly'
     AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";

/// A copy in any other state arrived, may have arrived, or is on its way.
const NOT_TO_COME: &str = "('failed', 'skipped')";

/// So many readers are looked at at a time.
const PAGE: usize = 1_000;

#[async_trait]
impl<B: Backend> Digests for SqlStore<B> {
    async fn digest_record(&self) -> Result<Option<Record>, StoreError> {
        self.look("reading the weekly digests", record).await
    }

    async fn shares(&self, posts: Vec<DigestPost>) -> Result<BTreeMap<Share, u64>, StoreError> {
        self.look("counting the weekly subscribers", move |tx| {
            let mut counts = BTreeMap::new();
            each_page(tx, &posts, &mut |_, page| {
                for reader in page {
                    *counts.entry(reader.share).or_default() += 1;
                }
                Ok(())
            })?;
            Ok(counts)
        })
        .await
    }

    async fn freeze_digest(&self, digest: NewDigest, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.run(Access::Freeze, "freezing the weekly digest", move |tx| {
            let now = tx.now(now)?;
            freeze(tx, &digest, now)
        })
        .await
    }
}

fn record(tx: &mut dyn Tx) -> Result<Option<Record>, StoreError> {
    let Some(begun) = issues::begun(tx)? else { return Ok(None) };
    let mut record = Record {
        begun,
        latest: None,
        weeks: HashSet::new(),
        settled: HashSet::new(),
        mailed: HashMap::new(),
    };
    tx.each(
        "SELECT post, state, frozen_at, series, label FROM issue WHERE series IS NULL OR state = 'baseline'",
        &[],
        &mut |row| {
            let (post, state): (String, String) = (row.get(0)?, row.get(1)?);
            let series: Option<String> = row.get(3)?;
            match (series, state.as_str()) {
                (Some(week), _) => {
                    let moment: String = row.get(4)?;
                    let moment = DateTime::parse_from_rfc3339(&moment)
                        .map_err(|_| nonsense(format!("the digest time {moment:?}")))?;
                    record.latest = record.latest.max(Some(moment.to_utc()));
                    record.weeks.insert(week);
                }
                (None, "baseline" | "cancelled") => drop(record.settled.insert(post)),
                (None, _) => drop(record.mailed.insert(post, row.get(2)?)),
            }
            Ok(())
        },
    )?;
    tx.each("SELECT DISTINCT post FROM issue_post", &[], &mut |row| {
        record.settled.insert(row.get(0)?);
        Ok(())
    })?;
    Ok(Some(record))
}

/// A weekly reader, and what they get.
struct Wisher {
    id: i64,
    key: AddressKey,
    email: String,
    name: Option<String>,
    share: Share,
}

/// Takes a page of readers.
type Visit<'a> = dyn FnMut(&mut dyn Tx, Vec<Wisher>) -> Result<(), StoreError> + 'a;

/// Shows every weekly reader with their part of the week, a page at a time.
fn each_page(tx: &mut dyn Tx, posts: &[DigestPost], visit: &mut Visit<'_>) -> Result<(), StoreError> {
    let carriers = carriers(tx, posts)?;
    let sql = format!("SELECT id, addr_key, email, name, topics {AUDIENCE} AND id > ?1 ORDER BY id LIMIT ?2");
    let mut after = 0_i64;
    loop {
        let mut page = tx.all(&sql, args![after, PAGE], |row| {
            let topics = Topics::from_lines(row.get::<Option<String>>(4)?.as_deref());
            let share = wanted(&topics, posts);
            let key = AddressKey(row.get(1)?);
            Ok(Wisher { id: row.get(0)?, key, email: row.get(2)?, name: row.get(3)?, share })
        })?;
        let Some(last) = page.last().map(|reader| reader.id) else { return Ok(()) };
        take_what_they_have(tx, &mut page, &carriers, (after, last))?;
        after = last;
        visit(tx, page)?;
    }
}

fn wanted(topics: &Topics, posts: &[DigestPost]) -> Share {
    posts.iter().enumerate().fold(Share::default(), |share, (n, post)| {
        let wants = topics.want(post.categories.iter().map(crate::text::HeaderText::as_str));
        if wants { share.and(n) } else { share }
    })
}

/// The issues that carry some of these posts, each with which of them: a post's own, and letters of other weeks.
fn carriers(tx: &mut dyn Tx, posts: &[DigestPost]) -> Result<BTreeMap<i64, Share>, StoreError> {
    let mut carriers: BTreeMap<i64, Share> = BTreeMap::new();
    for (n, post) in posts.iter().enumerate() {
        let found: Vec<i64> = tx.all(
            "SELECT id FROM issue WHERE post = ?1 AND state <> 'baseline'
             UNION SELECT issue.id FROM issue_post JOIN issue ON issue.id = issue_post.issue
             WHERE issue_post.post = ?1 AND issue.state <> 'baseline'",
            args![&post.id],
            |row| row.get(0),
        )?;
        for issue in found {
            let share = carriers.entry(issue).or_default();
            *share = share.and(n);
        }
    }
    Ok(carriers)
}

/// Somebody who had a post by itself before they chose one letter a week does not get it again.
fn take_what_they_have(
    tx: &mut dyn Tx,
    page: &mut [Wisher],
    carriers: &BTreeMap<i64, Share>,
    (after, last): (i64, i64),
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT subscriber.id FROM subscriber
         JOIN delivery ON delivery.issue = ?1 AND delivery.addr_key = subscriber.addr_key
         WHERE subscriber.id > ?2 AND subscriber.id <= ?3 AND cadence = 'weekly' AND state NOT IN {NOT_TO_COME}"
    );
    for (issue, carried) in carriers {
        let had: Vec<i64> = tx.all(&sql, args![*issue, after, last], |row| row.get(0))?;
        for id in had {
            if let Ok(at) = page.binary_search_by_key(&id, |reader| reader.id) {
                page[at].share.0 &= !carried.0;
            }
        }
    }
    Ok(())
}

fn freeze(tx: &mut dyn Tx, digest: &NewDigest, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let ids: Vec<&str> = digest.posts.iter().map(|post| post.id.as_str()).collect();
    if !remember(tx, (&digest.week, digest.moment), &ids, "publish", now)? {
        return Err(StoreError::AlreadyIssued(format!("{PREFIX}{}", digest.week)));
    }
    let name = format!("{PREFIX}{}", digest.week);
    tx.execute("UPDATE issue SET rehearsal = ?2 WHERE post = ?1", args![&name, digest.rehearsal])?;
    let counted: u64 =
        tx.one(&format!("SELECT count(*) {AUDIENCE}"), &[], |row| row.get(0))?.unwrap_or_default();
    let mut numbers = issues::last_number(tx)?;
    // Each part's issue, and how many copies it has so far.
    let mut open: BTreeMap<Share, (i64, u64)> = BTreeMap::new();
    let mut seen = 0;
    each_page(tx, &digest.posts, &mut |tx, page| {
        seen += page.len() as u64;
        let mut copies: BTreeMap<Share, Vec<Fresh>> = BTreeMap::new();
        for reader in page.into_iter().filter(|reader| !reader.share.is_empty()) {
            let letter = digest.letters.get(&reader.share).ok_or(StoreError::Unforeseen)?;
            let address = EmailAddress::parse(&reader.email)
                .map_err(|error| nonsense(format!("an address: {error}")))?;
            numbers += 1;
            let (key, number) = (reader.key, numbers);
            let addressee = Addressee { post: &letter.issue.post, address: &address, key, number };
            let fixed = (letter.imprint)(&addressee);
            let copy = Fresh { number, key, email: reader.email, name: reader.name, fixed };
            copies.entry(reader.share).or_default().push(copy);
        }
        for (share, copies) in copies {
            let (issue, frozen) = match open.get(&share) {
                Some(open) => *open,
                None => (begin(tx, digest, share, now)?, 0),
            };
            issues::insert(tx, issue, &copies, now)?;
            open.insert(share, (issue, frozen + copies.len() as u64));
        }
        Ok(())
    })?;
    if seen != counted {
        return Err(StoreError::Miscounted { counted, frozen: seen });
    }
    if open.is_empty() && !digest.posts.is_empty() {
        return Err(StoreError::NoAudience(name));
    }
    for (share, (issue, frozen)) in &open {
        let name = digest.letters.get(share).map(|letter| letter.issue.post.as_str()).unwrap_or_default();
        issues::count(tx, *issue, name, *frozen, now)?;
    }
    issues::settle_in(tx)?;
    Ok(open.values().map(|(_, frozen)| frozen).sum())
}

/// Opens the issue of one part.
fn begin(tx: &mut dyn Tx, digest: &NewDigest, share: Share, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let letter = digest.letters.get(&share).ok_or(StoreError::Unforeseen)?;
    let issue = issues::begin(tx, &letter.issue, now)?;
    tx.execute("UPDATE issue SET series = ?2 WHERE id = ?1", args![issue, &digest.week])?;
    carry(tx, issue, share.of(&digest.posts).map(|post| post.id.as_str()))?;
    Ok(issue)
}

fn carry<'a>(
    tx: &mut dyn Tx,
    issue: i64,
    posts: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    for post in posts {
        tx.execute("INSERT INTO issue_post (issue, post) VALUES (?1, ?2)", args![issue, post])?;
    }
    Ok(())
}

/// Puts a week on record, with what it carried; `false` if it is there already.
pub(super) fn remember(
    tx: &mut dyn Tx,
    (week, moment): (&str, DateTime<Utc>),
    posts: &[&str],
    actor: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let number: Option<i64> = tx.one(
        "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, series)
         VALUES (?1, 'baseline', ?2, ?3, '', ?4, ?5, 0, ?2) ON CONFLICT (post) DO NOTHING RETURNING id",
        args![&format!("{PREFIX}{week}"), week, &moment.to_rfc3339(), &[], now],
        |row| row.get(0),
    )?;
    let Some(number) = number else { return Ok(false) };
    carry(tx, number, posts.iter().copied())?;
    let detail = format!("{week}: {} posts", posts.len());
    let entry = Entry { kind: "digest", issue: Some(number), subject: None, actor, detail: &detail };
    events::append(tx, &entry, now)?;
    Ok(true)
}
