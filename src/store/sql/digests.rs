//! Weekly digests: the record of earlier weeks, the part for each subscriber, and the freeze (T0) of a week.
//!
//! A week has its own row in `issue`, named after the week, in the state `baseline`: it lists the posts of the week and is
//! never sent. The name is unique, so a week is frozen only once. The digests of the week are issues like any other.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::issues::{self, Fresh};
use super::{Store, StoreError, Tx, address, args, nonsense};
use crate::schedule::digest::Record;
use crate::store::Addressee;
use crate::store::digest::{DigestPost, NewDigest, PREFIX, Share};
use crate::subscribers::{AddressKey, Topics};

/// The subscribers of the weekly digest.
const AUDIENCE: &str = "FROM subscriber WHERE standing = 'active' AND cadence = 'weekly'
     AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";

/// A delivery in any other state arrived, may have arrived, or is being sent.
const NOT_TO_COME: &str = "('failed', 'skipped')";

/// How many subscribers are read at a time.
const PAGE: usize = 1_000;

impl Store {
    /// What the ledger knows of weekly digests; `None` before the first run.
    pub async fn digest_record(&self) -> Result<Option<Record>, StoreError> {
        self.look("reading the weekly digests", record).await
    }

    /// Which parts of a week its subscribers would get now, and how many get each; the empty part is included.
    pub async fn shares(&self, posts: Vec<DigestPost>) -> Result<BTreeMap<Share, u64>, StoreError> {
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

    /// T0 for a week: inserts its record, an issue for each part, and a waiting delivery for each subscriber. Returns the
    /// size of the audience; if there are posts, an empty audience is an error. [`StoreError::Unforeseen`]: a subscriber
    /// gets a part for which there is no email yet; nothing was written.
    pub async fn freeze_digest(&self, digest: NewDigest, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.freezing("freezing the weekly digest", now, move |tx, now| freeze(tx, &digest, now)).await
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

/// A subscriber of the weekly digest, and the part that they get.
struct Wisher {
    id: i64,
    key: AddressKey,
    email: String,
    name: Option<String>,
    share: Share,
}

/// Receives a page of subscribers.
type Visit<'a> = dyn FnMut(&mut dyn Tx, Vec<Wisher>) -> Result<(), StoreError> + 'a;

/// Passes all subscribers of the weekly digest with their part of the week to `visit`, in pages.
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
        remove_known(tx, &mut page, &carriers, after)?;
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

/// The issues that contain some of these posts, each with the posts that it contains: issues of single posts, and
/// digests of other weeks.
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

/// Removes the posts that a subscriber got before, for example before they chose the weekly digest. The page begins after
/// the subscriber with the id `after`.
fn remove_known(
    tx: &mut dyn Tx,
    page: &mut [Wisher],
    carriers: &BTreeMap<i64, Share>,
    after: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT subscriber.id FROM subscriber
         JOIN delivery ON delivery.issue = ?1 AND delivery.addr_key = subscriber.addr_key
         WHERE subscriber.id > ?2 AND subscriber.id <= ?3 AND cadence = 'weekly' AND state NOT IN {NOT_TO_COME}"
    );
    let Some(last) = page.last().map(|reader| reader.id) else { return Ok(()) };
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
    let week = Week { name: &digest.week, moment: digest.moment };
    if !remember(tx, &week, &ids, "publish", now)? {
        return Err(StoreError::AlreadyIssued(format!("{PREFIX}{}", digest.week)));
    }
    let name = format!("{PREFIX}{}", digest.week);
    tx.execute("UPDATE issue SET rehearsal = ?2 WHERE post = ?1", args![&name, digest.rehearsal])?;
    let counted: u64 =
        tx.one(&format!("SELECT count(*) {AUDIENCE}"), &[], |row| row.get(0))?.unwrap_or_default();
    let mut numbers = issues::last_number(tx)?;
    // The issue of each part, and how many deliveries it has so far.
    let mut open: BTreeMap<Share, (i64, u64)> = BTreeMap::new();
    let mut seen = 0;
    each_page(tx, &digest.posts, &mut |tx, page| {
        seen += page.len() as u64;
        let mut copies: BTreeMap<Share, Vec<Fresh>> = BTreeMap::new();
        for reader in page.into_iter().filter(|reader| !reader.share.is_empty()) {
            let letter = digest.letters.get(&reader.share).ok_or(StoreError::Unforeseen)?;
            let address = address(&reader.email)?;
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

/// A week, and when its digest was due.
pub(super) struct Week<'a> {
    pub(super) name: &'a str,
    pub(super) moment: DateTime<Utc>,
}

/// Records a week and its posts; `false` if it is recorded already.
pub(super) fn remember(
    tx: &mut dyn Tx,
    week: &Week<'_>,
    posts: &[&str],
    actor: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let number: Option<i64> = tx.one(
        "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, series)
         VALUES (?1, 'baseline', ?2, ?3, '', ?4, ?5, 0, ?2) ON CONFLICT (post) DO NOTHING RETURNING id",
        args![&format!("{PREFIX}{}", week.name), week.name, &week.moment.to_rfc3339(), &[], now],
        |row| row.get(0),
    )?;
    let Some(number) = number else { return Ok(false) };
    carry(tx, number, posts.iter().copied())?;
    let detail = format!("{}: {} posts", week.name, posts.len());
    events::append(tx, &Entry::of_issue(number, "digest", actor, &detail), now)?;
    Ok(true)
}
