//! Weekly digests: the record of earlier weeks, the selection of posts for each subscriber, and the freeze (T0) of
//! a week.
//!
//! A week has its own row in `issue`, named after the week, in the state `baseline`: it lists the posts of the week
//! and is never sent. The name is unique, so a week is frozen only once. The digests of the week are issues like any
//! other.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::audience::JOINED;
use super::events::{self, Entry};
use super::issues::{self, NewDelivery};
use super::{Store, StoreError, Tx, args, corrupt_data, update_statistics};
use crate::schedule::digest::{DigestHistory, MOST_POSTS};
use crate::store::digest::{DigestPart, DigestPost, NewDigest, PREFIX};
use crate::subscribers::{AddressKey, Topics};
use crate::text::HeaderText;

/// The subscribers of the weekly digest, and those who had it until lately: it brings them the posts of that time.
const AUDIENCE: &str =
    "FROM subscriber WHERE status = 'active' AND (frequency = 'weekly' OR weekly_until IS NOT NULL)
     AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)";

/// A delivery in any other state arrived, may have arrived, or is being sent.
const NOT_TO_COME: &str = "('failed', 'skipped')";

/// How many subscribers are read at a time.
const PAGE: usize = 1_000;

impl Store {
    /// What the ledger knows of weekly digests; `None` before the first run.
    pub async fn digest_history(&self) -> Result<Option<DigestHistory>, StoreError> {
        self.read("reading the weekly digests", record).await
    }

    /// Which selections of a week its subscribers would get now, and how many get each; the empty selection is
    /// included.
    pub async fn digest_parts(
        &self,
        posts: Vec<DigestPost>,
    ) -> Result<BTreeMap<DigestPart, u64>, StoreError> {
        self.read("counting the weekly subscribers", move |tx| {
            let mut counts = BTreeMap::new();
            each_page(tx, &posts, &mut |_, page| {
                for subscriber in page {
                    *counts.entry(subscriber.share).or_default() += 1;
                }
                Ok(())
            })?;
            Ok(counts)
        })
        .await
    }

    /// How many subscribers the weekly digest has.
    pub async fn weekly_subscribers(&self) -> Result<u64, StoreError> {
        self.read("counting the weekly subscribers", |tx| {
            let count = tx.one(&format!("SELECT count(*) {AUDIENCE}"), &[], |row| row.get(0))?;
            Ok(count.unwrap_or(0))
        })
        .await
    }

    /// T0 for a week: inserts its record, an issue for each selection, and a waiting delivery for each subscriber.
    /// Returns the size of the audience; if there are posts, an empty audience is an error. Fails with
    /// [`StoreError::PreferencesChanged`] if a subscriber gets a selection for which there is no email yet; then
    /// nothing was written.
    pub async fn schedule_digest(&self, digest: NewDigest, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.freezing("freezing the weekly digest", now, move |tx, now| freeze(tx, &digest, now)).await
    }
}

fn record(tx: &mut dyn Tx) -> Result<Option<DigestHistory>, StoreError> {
    let Some(begun) = issues::begun(tx)? else { return Ok(None) };
    let mut record = DigestHistory {
        begun,
        latest: None,
        weeks: HashSet::new(),
        resolved: HashSet::new(),
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
                        .map_err(|_| corrupt_data(format!("the digest time {moment:?}")))?;
                    record.latest = record.latest.max(Some(moment.to_utc()));
                    record.weeks.insert(week);
                }
                (None, "baseline" | "cancelled") => drop(record.resolved.insert(post)),
                (None, _) => drop(record.mailed.insert(post, row.get(2)?)),
            }
            Ok(())
        },
    )?;
    tx.each("SELECT DISTINCT post FROM issue_post", &[], &mut |row| {
        record.resolved.insert(row.get(0)?);
        Ok(())
    })?;
    Ok(Some(record))
}

/// A subscriber of the weekly digest, and the posts that they get.
struct DigestSubscriber {
    id: i64,
    key: AddressKey,
    email: String,
    name: Option<String>,
    share: DigestPart,
}

/// Receives a page of subscribers.
type RowVisitor<'a> = dyn FnMut(&mut dyn Tx, Vec<DigestSubscriber>) -> Result<(), StoreError> + 'a;

/// Passes all subscribers of the weekly digest with their selection to `visit`, in pages.
fn each_page(tx: &mut dyn Tx, posts: &[DigestPost], visit: &mut RowVisitor<'_>) -> Result<(), StoreError> {
    let carriers = issues_with_post(tx, posts)?;
    let sql = format!(
        "SELECT id, addr_key, email, name, topics, language, {JOINED} {AUDIENCE} AND id > ?1 ORDER BY id LIMIT ?2"
    );
    let mut after = 0_i64;
    loop {
        let mut page = tx.all(&sql, args![after, PAGE], |row| {
            let topics = Topics::from_lines(row.get::<Option<String>>(4)?.as_deref());
            let language: Option<String> = row.get(5)?;
            let share = wanted_posts((&topics, language.as_deref(), row.get(6)?), posts);
            let key = AddressKey(row.get(1)?);
            Ok(DigestSubscriber { id: row.get(0)?, key, email: row.get(2)?, name: row.get(3)?, share })
        })?;
        let Some(last) = page.last().map(|subscriber| subscriber.id) else { return Ok(()) };
        remove_already_sent(tx, &mut page, &carriers, after)?;
        after = last;
        visit(tx, page)?;
    }
}

/// The posts that somebody with these topics and this language who joined at this time gets.
fn wanted_posts(
    (topics, language, joined): (&Topics, Option<&str>, DateTime<Utc>),
    posts: &[DigestPost],
) -> DigestPart {
    posts.iter().enumerate().fold(DigestPart::default(), |share, (n, DigestPost { segment, .. })| {
        let wants =
            topics.want(segment.topics.iter().map(HeaderText::as_str)) && segment.includes(language, joined);
        if wants { share.and(n) } else { share }
    })
}

/// The issues that contain some of these posts, each with the posts that it contains: issues of single posts, and
/// digests of other weeks.
fn issues_with_post(tx: &mut dyn Tx, posts: &[DigestPost]) -> Result<BTreeMap<i64, DigestPart>, StoreError> {
    let mut carriers: BTreeMap<i64, DigestPart> = BTreeMap::new();
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

/// Removes the posts that a subscriber got before, for example before they chose the weekly digest. The page begins
/// after the subscriber with the id `after`.
fn remove_already_sent(
    tx: &mut dyn Tx,
    page: &mut [DigestSubscriber],
    carriers: &BTreeMap<i64, DigestPart>,
    after: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT subscriber.id FROM subscriber
         JOIN delivery ON delivery.issue = ?1 AND delivery.addr_key = subscriber.addr_key
         WHERE subscriber.id > ?2 AND subscriber.id <= ?3 AND (frequency = 'weekly' OR weekly_until IS NOT NULL)
         AND state NOT IN {NOT_TO_COME}"
    );
    let Some(last) = page.last().map(|subscriber| subscriber.id) else { return Ok(()) };
    for (issue, carried) in carriers {
        let had: Vec<i64> = tx.all(&sql, args![*issue, after, last], |row| row.get(0))?;
        for id in had {
            if let Ok(at) = page.binary_search_by_key(&id, |subscriber| subscriber.id) {
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
    // The issue of each selection, and how many deliveries it has so far.
    let mut open: BTreeMap<DigestPart, (i64, u64)> = BTreeMap::new();
    let mut seen = 0;
    each_page(tx, &digest.posts, &mut |tx, page| {
        seen += page.len() as u64;
        let mut deliveries: BTreeMap<DigestPart, Vec<NewDelivery>> = BTreeMap::new();
        for subscriber in page.into_iter().filter(|subscriber| !subscriber.share.is_empty()) {
            numbers += 1;
            let delivery = NewDelivery {
                number: numbers,
                key: subscriber.key,
                email: subscriber.email,
                name: subscriber.name,
            };
            deliveries.entry(subscriber.share).or_default().push(delivery);
        }
        for (share, deliveries) in deliveries {
            let (issue, frozen) = match open.get(&share) {
                Some(open) => *open,
                None => (begin(tx, digest, share, now)?, 0),
            };
            issues::insert(tx, issue, &deliveries, now)?;
            open.insert(share, (issue, frozen + deliveries.len() as u64));
        }
        Ok(())
    })?;
    if seen != counted {
        return Err(StoreError::AudienceMismatch { counted, frozen: seen });
    }
    if open.is_empty() && !digest.posts.is_empty() {
        return Err(StoreError::NoAudience(name));
    }
    for (share, (issue, frozen)) in &open {
        let name = digest.issues.get(share).map(|issue| issue.post.as_str()).unwrap_or_default();
        issues::count(tx, *issue, name, *frozen, now)?;
    }
    update_statistics(tx, "delivery")?;
    if digest.posts.len() < MOST_POSTS {
        // No post of before this moment is left for a later digest.
        tx.execute(
            "UPDATE subscriber SET weekly_until = NULL WHERE weekly_until <= ?1",
            args![digest.moment],
        )?;
    }
    Ok(open.values().map(|(_, frozen)| frozen).sum())
}

/// Opens the issue of one selection.
fn begin(
    tx: &mut dyn Tx,
    digest: &NewDigest,
    share: DigestPart,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let email = digest.issues.get(&share).ok_or(StoreError::PreferencesChanged)?;
    let issue = issues::begin(tx, email, now)?;
    tx.execute("UPDATE issue SET series = ?2 WHERE id = ?1", args![issue, &digest.week])?;
    issues::carry(tx, issue, share.of(&digest.posts).map(|post| post.id.as_str()))?;
    Ok(issue)
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
        "INSERT INTO issue (post, state, subject, label, letter, letter_sha256, frozen_at, audience, series, finished_at)
         VALUES (?1, 'baseline', ?2, ?3, '', ?4, ?5, 0, ?2, ?5) ON CONFLICT (post) DO NOTHING RETURNING id",
        args![&format!("{PREFIX}{}", week.name), week.name, &week.moment.to_rfc3339(), &[], now],
        |row| row.get(0),
    )?;
    let Some(number) = number else { return Ok(false) };
    issues::carry(tx, number, posts.iter().copied())?;
    let detail = format!("{}: {} posts", week.name, posts.len());
    events::append(tx, &Entry::of_issue(number, "digest", actor, &detail), now)?;
    Ok(true)
}
