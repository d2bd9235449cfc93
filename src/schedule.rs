//! Decides which posts are due to be mailed, and why the others are not: the rules of `docs/ledger.md`, section "When".
//!
//! Pure: takes the archive, the ledger's knowledge and the time, and returns a plan.

pub(crate) mod digest;
pub(crate) mod identity;

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, Utc};

use crate::archive::{Archive, Post};
use crate::config::{FirstRun, Newsletter};

/// The plan for the newsletter of a run.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// The posts that are due, oldest first. Each run mails the first of them that has recipients.
    pub due: Vec<&'a Post>,
    /// Posts to record as published before the ledger began.
    pub baseline: Vec<&'a Post>,
    /// New posts that are not due.
    pub waiting: Vec<(&'a Post, NotDue)>,
}

/// Why a post that was never mailed is not mailed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDue {
    /// Its front matter has `newsletter = false`, or it has no text or a doubtful key, as `check` reports.
    OptedOut,
    /// It is still within `newsletter.delay`; due at this time.
    TooYoung(DateTime<Utc>),
    /// It is older than `newsletter.max_age`, and mailed only on request.
    TooOld,
}

/// The ledger's knowledge of posts.
pub(crate) struct LedgerKnowledge<'a, S> {
    /// The posts that have an issue or are in the baseline; `None` if the ledger has not begun.
    pub posts: Option<&'a HashSet<String, S>>,
    /// When each other post was first seen published. A post that is missing here is seen now for the first time.
    pub seen: &'a HashMap<String, DateTime<Utc>, S>,
}

/// Decides what is due.
pub(crate) fn plan<'a>(
    archive: &'a Archive,
    known: &LedgerKnowledge<'_, impl BuildHasher>,
    newsletter: &Newsletter,
    now: DateTime<Utc>,
) -> Plan<'a> {
    let mut plan = Plan::default();
    let since = |post: &Post| {
        known
            .seen
            .get(&post.id)
            .copied()
            .unwrap_or_else(|| if known.posts.is_none() { first_seen(post, now) } else { now })
    };
    let Some(posts) = known.posts else {
        return first(archive, newsletter, (since, now), plan);
    };
    // The archive is newest first. The oldest due post is mailed first, so that the order is kept.
    for post in archive.posts.iter().rev().filter(|post| !posts.contains(&post.id)) {
        match not_due_reason(post, newsletter, (since(post), now)) {
            None => plan.due.push(post),
            Some(why) => plan.waiting.push((post, why)),
        }
    }
    plan.waiting.reverse();
    plan
}

/// When a post that the first run finds counts as published: its date. But a date without a time may be up to a day
/// old even if the post was just written.
pub(crate) fn first_seen(post: &Post, now: DateTime<Utc>) -> DateTime<Utc> {
    let published = post.published.to_utc();
    let is_day_only = DateTime::<FixedOffset>::time(&post.published) == NaiveTime::MIN;
    if is_day_only && now - published < TimeDelta::days(1) { now } else { published.min(now) }
}

/// The first run: everything is baseline, except the newest post if so configured. A post that is still within its
/// delay is left for a later run.
fn first<'a>(
    archive: &'a Archive,
    newsletter: &Newsletter,
    (since, now): (impl Fn(&Post) -> DateTime<Utc>, DateTime<Utc>),
    mut plan: Plan<'a>,
) -> Plan<'a> {
    for post in &archive.posts {
        let why = not_due_reason(post, newsletter, (since(post), now));
        let mailable = why.is_none_or(|why| why == NotDue::TooOld);
        match why {
            Some(young @ NotDue::TooYoung(_)) => plan.waiting.push((post, young)),
            _ if newsletter.first_run == FirstRun::Newest && plan.due.is_empty() && mailable => {
                plan.due.push(post);
            }
            _ => plan.baseline.push(post),
        }
    }
    plan
}

fn not_due_reason(
    post: &Post,
    newsletter: &Newsletter,
    (since, now): (DateTime<Utc>, DateTime<Utc>),
) -> Option<NotDue> {
    let until = since + newsletter.delay.delta();
    if !post.newsletter {
        Some(NotDue::OptedOut)
    } else if now - post.published.to_utc() > newsletter.max_age.delta() {
        Some(NotDue::TooOld)
    } else if now < until {
        Some(NotDue::TooYoung(until))
    } else {
        None
    }
}

fn waiting_posts(plan: &Plan<'_>) -> impl Iterator<Item = DateTime<Utc>> {
    plan.waiting.iter().filter_map(|(_, why)| match why {
        NotDue::TooYoung(until) => Some(*until),
        _ => None,
    })
}

fn future(archive: &Archive) -> impl Iterator<Item = DateTime<Utc>> {
    archive.skipped.iter().filter_map(|skipped| match skipped.reason {
        crate::archive::SkipReason::Future(date) => Some(date.to_utc()),
        _ => None,
    })
}

/// The earliest time at which the plan could change without any change of files.
pub(crate) fn next_due_at(plan: &Plan<'_>, archive: &Archive) -> Option<DateTime<Utc>> {
    let more = (plan.due.len() > 1).then_some(DateTime::<Utc>::MIN_UTC + TimeDelta::days(1));
    waiting_posts(plan).chain(future(archive)).chain(more).min()
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    /// The plan of a run that has seen every post since its date.
    pub(super) fn plan<'a>(
        archive: &'a Archive,
        known: Option<&HashSet<String>>,
        newsletter: &Newsletter,
        now: DateTime<Utc>,
    ) -> Plan<'a> {
        let seen = archive.posts.iter().map(|post| (post.id.clone(), post.published.to_utc())).collect();
        super::plan(archive, &LedgerKnowledge { posts: known, seen: &seen }, newsletter, now)
    }
    use crate::archive::ids::Fingerprint;
    use crate::text::{HeaderText, XmlText};

    fn post(id: &str, hours_old: i64) -> Post {
        post_of(id, now() - TimeDelta::hours(hours_old))
    }

    pub(super) fn post_of(id: &str, published: DateTime<Utc>) -> Post {
        let published = published.fixed_offset();
        Post {
            sections: Vec::new(),
            source: format!("posts/{id}.md").into(),
            body_line: 1,
            id: id.to_owned(),
            url: url::Url::parse("https://example.com/").unwrap(),
            slug: id.to_owned(),
            title: HeaderText::parse(id).unwrap(),
            marked_title: None,
            fingerprint: Fingerprint::of(id, ""),
            published,
            updated: published,
            authors: Vec::new(),
            categories: Vec::new(),
            tags: Vec::new(),
            summary: None,
            subject: None,
            preheader: None,
            segment: crate::archive::Segment::default(),
            language: None,
            image: None,
            image_info: crate::archive::ImageInfo::default(),
            enclosures: Vec::new(),
            via: Vec::new(),
            in_reply_to: Vec::new(),
            aliases: Vec::new(),
            newsletter: true,
            strings: crate::i18n::Languages::default().of("en").clone(),
            embeds: crate::archive::embeds::usual(),
            dialect: crate::archive::MarkdownDialect::default(),
            page: crate::archive::PostPage::default(),
            body: XmlText::default(),
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn newsletter(extra: &str) -> Newsletter {
        let text = format!("[site]\ntitle = \"T\"\nurl = \"https://example.com\"\n[newsletter]\n{extra}");
        crate::config::parse(&text, "config.toml", Utf8Path::new(".")).unwrap().newsletter
    }

    fn archive(posts: Vec<Post>) -> Archive {
        Archive { posts, ..Archive::default() }
    }

    fn ids<'a>(posts: impl IntoIterator<Item = &'a &'a Post>) -> Vec<&'a str> {
        posts.into_iter().map(|post| post.id.as_str()).collect()
    }

    #[test]
    fn a_first_run_mails_no_existing_post() {
        let archive = archive(vec![post("new", 1), post("old", 24)]);
        let plan = plan(&archive, None, &newsletter(""), now());
        assert!(plan.due.is_empty());
        assert_eq!(ids(&plan.baseline), ["new", "old"]);
    }

    #[test]
    fn a_first_run_mails_only_the_newest_post_if_so_configured_however_old() {
        let archive = archive(vec![post("new", 24 * 400), post("old", 24 * 500)]);
        let plan = plan(&archive, None, &newsletter("first_run = \"newest\""), now());
        assert_eq!(plan.due[0].id, "new");
        assert_eq!(ids(&plan.baseline), ["old"]);
    }

    #[test]
    fn of_two_new_posts_the_older_is_mailed_first_and_the_other_by_the_next_run() {
        let archive = archive(vec![post("b", 1), post("a", 2), post("known", 3)]);
        let known = HashSet::from(["known".to_owned()]);
        let plan = plan(&archive, Some(&known), &newsletter(""), now());
        assert_eq!(ids(&plan.due), ["a", "b"]);
        assert!(next_due_at(&plan, &archive).is_some_and(|at| at < now()));
    }

    #[test]
    fn a_post_waits_out_its_delay_and_is_not_mailed_past_its_age() {
        let mut opted_out = post("quiet", 5);
        opted_out.newsletter = false;
        let archive = archive(vec![post("young", 0), opted_out, post("ancient", 24 * 8)]);
        let known = HashSet::new();
        let plan = plan(&archive, Some(&known), &newsletter(""), now());
        assert!(plan.due.is_empty());
        let reasons: Vec<_> = plan.waiting.iter().map(|(_, why)| *why).collect();
        let until = now() + TimeDelta::minutes(10);
        assert_eq!(reasons, [NotDue::TooYoung(until), NotDue::OptedOut, NotDue::TooOld]);
        assert_eq!(next_due_at(&plan, &archive), Some(until));
    }

    #[test]
    fn the_delay_starts_at_the_run_that_first_saw_the_post_and_not_at_midnight() {
        let archive = archive(vec![post("dated at midnight", 15)]);
        let (known, newsletter) = (HashSet::new(), newsletter(""));
        let at = |seen: &HashMap<String, DateTime<Utc>>, now| {
            super::plan(&archive, &LedgerKnowledge { posts: Some(&known), seen }, &newsletter, now).due.len()
        };
        let seen = HashMap::from([("dated at midnight".to_owned(), now())]);
        assert_eq!(at(&HashMap::new(), now()), 0, "it is seen for the first time");
        assert_eq!(at(&seen, now() + TimeDelta::minutes(9)), 0);
        assert_eq!(at(&seen, now() + TimeDelta::minutes(10)), 1);
    }

    #[test]
    fn a_first_run_uses_a_date_with_a_time_and_treats_todays_date_as_now() {
        let written = post("written at nine", 2);
        assert_eq!(first_seen(&written, now()), written.published.to_utc());
        let mut bare = post("a day", 8);
        bare.published = bare.published.date_naive().and_time(NaiveTime::MIN).and_utc().fixed_offset();
        assert_eq!(first_seen(&bare, now()), now());
        let week_old = post_of("old", bare.published.to_utc() - TimeDelta::days(7));
        assert_eq!(first_seen(&week_old, now()), week_old.published.to_utc());
    }

    #[test]
    fn what_the_ledger_knows_is_never_due_again_whatever_its_date_becomes() {
        let archive = archive(vec![post("again", 1)]);
        let known = HashSet::from(["again".to_owned()]);
        let plan = plan(&archive, Some(&known), &newsletter("max_age = \"520w\""), now());
        assert!(plan.due.is_empty() && plan.waiting.is_empty());
    }
}
