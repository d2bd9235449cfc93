//! The weekly letter: when its moment is, and which posts it carries.
//!
//! Pure. Which posts come is decided by the ledger's record of what earlier weeks carried, and not by the clock alone:
//! a run that was late, a day changed in `config.toml` or a post that was dated back neither loses nor repeats one.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::archive::{Archive, Post};
use crate::config::{Newsletter, Weekly};

/// So many posts at most are carried by one weekly letter; what is left over comes with the next.
pub(crate) const MOST_POSTS: usize = 40;

/// After a longer silence the first weekly letter does not look further back.
const LONGEST_SILENCE: TimeDelta = TimeDelta::weeks(4);

/// What the ledger knows of weekly letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestHistory {
    /// When the ledger began. No moment before it counts.
    pub begun: DateTime<Utc>,
    /// The latest moment on record.
    pub latest: Option<DateTime<Utc>>,
    /// The weeks on record: `2026-W47`.
    pub weeks: HashSet<String>,
    /// Posts that no weekly letter carries any more: an earlier one did, they are older than the ledger, or their own
    /// issue was given up.
    pub resolved: HashSet<String>,
    /// Posts with an issue of their own, and when it was frozen.
    pub mailed: HashMap<String, DateTime<Utc>>,
}

/// The posts of one week.
#[derive(Debug, Clone)]
pub struct Digest<'a> {
    /// The ISO week: `2026-W47`. It names the series of issues, and nobody gets two of one series.
    pub week: String,
    /// When it is due.
    pub moment: DateTime<Utc>,
    /// What it carries, oldest first.
    pub posts: Vec<&'a Post>,
}

/// What is due of the weekly letter, and what comes next.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// The moment that has passed and is not on record. It is put there even if it carries nothing or has no reader.
    pub due: Option<Digest<'a>>,
    /// The next moment, with what would come then if nothing else were published.
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

/// Whether a post that no weekly letter has carried comes with the one of `moment`.
fn belongs(post: &Post, record: &DigestHistory, newsletter: &Newsletter, moment: DateTime<Utc>) -> bool {
    let published = post.published.to_utc();
    let ripe = published + newsletter.delay.delta();
    let mailed = record.mailed.get(&post.id).copied();
    if mailed.map_or(ripe, |mailed| mailed.min(ripe)) > moment {
        return false;
    }
    let since = record.latest.unwrap_or(record.begun).max(moment - LONGEST_SILENCE);
    // As far back as a post could be dated since then and still be mailed by itself.
    let from = since - newsletter.delay.delta() - newsletter.max_age.delta();
    // What its writer mailed by hand comes too, whatever its date and front matter say.
    mailed.is_some_and(|mailed| mailed >= since) || post.newsletter && published > from
}

/// The ISO week of a moment, as it is in `zone`.
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

/// The moment on a day, if it has one. A time that the clocks leave out in spring is an hour later; of one that they
/// show twice in autumn, the first counts.
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
