//! The weekly digest: when it is due, and which posts it contains.
//!
//! Pure. The ledger's record of earlier weeks decides which posts are included, not the clock alone: a late run, a day
//! changed in `config.toml` or a backdated post neither loses nor repeats a post.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::archive::{Archive, Post};
use crate::config::{Newsletter, Weekly};

/// The most posts in one digest; the rest is left for the next.
pub(crate) const MOST_POSTS: usize = 40;

/// A digest looks back at most this far, even after a longer pause.
const LONGEST_SILENCE: TimeDelta = TimeDelta::weeks(4);

/// The ledger's record of digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestHistory {
    /// When the ledger began. Earlier moments do not count.
    pub begun: DateTime<Utc>,
    /// The latest moment that is recorded.
    pub latest: Option<DateTime<Utc>>,
    /// The weeks that are recorded: `2026-W47`.
    pub weeks: HashSet<String>,
    /// Posts that no digest may include any more: an earlier one did, they are older than the ledger, or their own
    /// issue was cancelled.
    pub resolved: HashSet<String>,
    /// Posts with an issue of their own, and when it was frozen.
    pub mailed: HashMap<String, DateTime<Utc>>,
}

/// The posts of one week.
#[derive(Debug, Clone)]
pub struct Digest<'a> {
    /// The ISO week: `2026-W47`. It identifies the series of issues; no subscriber gets two issues of one series.
    pub week: String,
    /// When it is due.
    pub moment: DateTime<Utc>,
    /// The posts, oldest first.
    pub posts: Vec<&'a Post>,
}

/// The digest that is due, and the next one.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// The digest whose moment has passed without being recorded. It is recorded even if it has no posts or recipients.
    pub due: Option<Digest<'a>>,
    /// The next digest, as it would be if nothing else were published.
    pub next: Digest<'a>,
}

/// Decides what is due.
pub(crate) fn forecast<'a>(
    archive: &'a Archive,
    record: &DigestHistory,
    (newsletter, zone): (&Newsletter, Tz),
    now: DateTime<Utc>,
) -> Forecast<'a> {
    let last = latest_moment(newsletter.digest, zone, now);
    let due =
        is_due(last, record, newsletter, zone, now).then(|| digest(archive, record, newsletter, zone, last));
    let mut then = record.clone();
    if let Some(due) = &due {
        then.latest = Some(due.moment);
        then.resolved.extend(due.posts.iter().map(|post| post.id.clone()));
    }
    let next = digest(archive, &then, newsletter, zone, next_moment(newsletter.digest, zone, now));
    Forecast { due, next }
}

fn is_due(
    moment: DateTime<Utc>,
    record: &DigestHistory,
    newsletter: &Newsletter,
    zone: Tz,
    now: DateTime<Utc>,
) -> bool {
    let is_new = moment > record.begun && record.latest.is_none_or(|latest| moment > latest);
    is_new && now - moment <= newsletter.max_age.delta() && !record.weeks.contains(&week(moment, zone))
}

fn digest<'a>(
    archive: &'a Archive,
    record: &DigestHistory,
    newsletter: &Newsletter,
    zone: Tz,
    moment: DateTime<Utc>,
) -> Digest<'a> {
    let belongs =
        |post: &&Post| !record.resolved.contains(&post.id) && belongs(post, record, newsletter, moment);
    // The archive is newest first.
    let mut posts: Vec<&Post> = archive.posts.iter().rev().filter(belongs).collect();
    posts.truncate(MOST_POSTS);
    Digest { week: week(moment, zone), moment, posts }
}

/// Whether a post that was in no digest belongs to the one of `moment`.
fn belongs(post: &Post, record: &DigestHistory, newsletter: &Newsletter, moment: DateTime<Utc>) -> bool {
    let published = post.published.to_utc();
    let ready = published + newsletter.delay.delta();
    let mailed = record.mailed.get(&post.id).copied();
    if mailed.map_or(ready, |mailed| mailed.min(ready)) > moment {
        return false;
    }
    let since = record.latest.unwrap_or(record.begun).max(moment - LONGEST_SILENCE);
    // Include posts that were backdated since then, as far as they would still have been mailed on their own.
    let from = since - newsletter.delay.delta() - newsletter.max_age.delta();
    // Posts that were mailed by hand are included whatever their date and front matter.
    mailed.is_some_and(|mailed| mailed >= since) || post.newsletter && published > from
}

/// The ISO week of a moment in `zone`.
fn week(moment: DateTime<Utc>, zone: Tz) -> String {
    let week = moment.with_timezone(&zone).iso_week();
    format!("{}-W{:02}", week.year(), week.week())
}

/// The latest moment that is not after `now`.
pub(crate) fn latest_moment(weekly: Weekly, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
    let day = now.with_timezone(&zone).date_naive();
    let found = (0..9)
        .filter_map(|back| moment_on(day.checked_sub_days(Days::new(back))?, weekly, zone))
        .find(|at| *at <= now);
    found.unwrap_or(now)
}

/// The earliest moment after `now`.
pub(crate) fn next_moment(weekly: Weekly, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
    let day = now.with_timezone(&zone).date_naive();
    let found = (0..9)
        .filter_map(|ahead| moment_on(day.checked_add_days(Days::new(ahead))?, weekly, zone))
        .find(|at| *at > now);
    found.unwrap_or(now + TimeDelta::weeks(1))
}

/// The moment on a day, if it has one. A time that is skipped in spring is an hour later; of a time that occurs twice
/// in autumn, the first counts.
fn moment_on(day: NaiveDate, weekly: Weekly, zone: Tz) -> Option<DateTime<Utc>> {
    if day.weekday() != weekly.day {
        return None;
    }
    let local = day.and_time(weekly.time);
    let at = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at),
        LocalResult::None => zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest(),
    };
    at.map(|at| at.to_utc())
}

#[cfg(test)]
mod tests;
