//! Tests the moments and posts of the digest, also in weeks with problems.

use camino::Utf8Path;
use chrono_tz::Asia::Seoul;
use chrono_tz::Europe::Berlin;
use proptest::prelude::*;

use super::super::tests::plan;
use super::super::tests::post_of;
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn newsletter(extra: &str) -> Newsletter {
    let text = format!("[site]\ntitle = \"T\"\nurl = \"https://example.com\"\n[newsletter]\n{extra}");
    crate::config::parse(&text, "config.toml", Utf8Path::new(".")).unwrap().newsletter
}

fn archive(mut posts: Vec<Post>) -> Archive {
    posts.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    Archive { posts, ..Archive::default() }
}

fn begun(text: &str) -> DigestHistory {
    DigestHistory {
        begun: at(text),
        latest: None,
        weeks: HashSet::new(),
        resolved: HashSet::new(),
        mailed: HashMap::new(),
    }
}

impl DigestHistory {
    /// Records a week, as the store does when it is frozen.
    fn record_week(&mut self, digest: &Digest<'_>) {
        self.latest = Some(digest.moment);
        assert!(self.weeks.insert(digest.week.clone()), "{} was due twice", digest.week);
        for post in &digest.posts {
            assert!(self.resolved.insert(post.id.clone()), "{} was included twice", post.id);
        }
    }
}

fn ids(digest: &Digest<'_>) -> Vec<String> {
    digest.posts.iter().map(|post| post.id.clone()).collect()
}

#[test]
fn the_moment_is_in_the_zone_of_the_site_and_once_a_week() {
    let friday = Weekly::parse("fri 09:00").unwrap();
    let now = at("2026-11-25T13:00:00Z");
    assert_eq!(latest_moment(friday, Seoul, now), at("2026-11-20T00:00:00Z"));
    assert_eq!(next_moment(friday, Seoul, now), at("2026-11-27T00:00:00Z"));
    let moment = at("2026-11-27T00:00:00Z");
    assert_eq!(latest_moment(friday, Seoul, moment), moment);
    assert_eq!(next_moment(friday, Seoul, moment), at("2026-12-04T00:00:00Z"));
    assert_eq!(week(moment, Seoul), "2026-W48");
    assert_eq!(week(at("2027-01-03T15:00:00Z"), Seoul), "2027-W01", "the week is that of the local day");
}

#[test]
fn a_skipped_local_time_is_an_hour_later_and_a_repeated_one_counts_once() {
    let night = Weekly::parse("sun 02:30").unwrap();
    assert_eq!(next_moment(night, Berlin, at("2026-03-28T12:00:00Z")), at("2026-03-29T01:30:00Z"));
    let autumn = at("2026-10-25T00:30:00Z");
    assert_eq!(latest_moment(night, Berlin, at("2026-10-25T01:45:00Z")), autumn);
    assert_eq!(next_moment(night, Berlin, autumn), at("2026-11-01T01:30:00Z"));
}

#[test]
fn a_week_includes_its_posts_oldest_first_and_nothing_before_the_ledger_began() {
    let posts = archive(vec![
        post_of("monday", at("2026-11-23T01:00:00Z")),
        post_of("friday-too-young", at("2026-11-26T23:55:00Z")),
        post_of("thursday", at("2026-11-26T01:00:00Z")),
        Post { newsletter: false, ..post_of("opted-out", at("2026-11-24T01:00:00Z")) },
        post_of("given-up", at("2026-11-24T02:00:00Z")),
    ]);
    let settings = newsletter("");
    let mut record = begun("2026-11-20T00:00:00Z");
    record.resolved.insert("given-up".to_owned());
    let before = forecast(&posts, &record, (&settings, Seoul), at("2026-11-26T23:50:00Z"));
    assert!(before.due.is_none(), "last Friday's moment was not after the beginning");
    assert_eq!((before.next.week.as_str(), ids(&before.next).len()), ("2026-W48", 2));
    let due = forecast(&posts, &record, (&settings, Seoul), at("2026-11-27T00:00:00Z"));
    assert_eq!(ids(due.due.as_ref().unwrap()), ["monday", "thursday"]);
    assert_eq!(ids(&due.next), ["friday-too-young"], "a due post is not repeated");
    record.record_week(&due.due.unwrap());
    assert!(forecast(&posts, &record, (&settings, Seoul), at("2026-11-28T00:00:00Z")).due.is_none());
}

#[test]
fn a_moment_missed_for_longer_than_max_age_is_skipped_and_its_posts_are_kept() {
    let posts = archive(vec![post_of("early", at("2026-11-21T01:00:00Z"))]);
    let (settings, record) = (newsletter("max_age = \"2d\""), begun("2026-11-12T00:00:00Z"));
    let record = DigestHistory { latest: Some(at("2026-11-20T00:00:00Z")), ..record };
    let late = forecast(&posts, &record, (&settings, Seoul), at("2026-11-30T00:00:00Z"));
    assert!(late.due.is_none());
    assert_eq!(ids(&late.next), ["early"], "it is not lost");
}

#[test]
fn a_post_mailed_by_hand_is_included_whatever_its_date_and_front_matter() {
    let posts = archive(vec![
        post_of("old", at("2020-01-01T00:00:00Z")),
        Post { newsletter: false, ..post_of("by-hand", at("2020-01-02T00:00:00Z")) },
        post_of("long-ago", at("2020-01-03T00:00:00Z")),
    ]);
    let mut record =
        DigestHistory { latest: Some(at("2026-11-20T00:00:00Z")), ..begun("2026-11-01T00:00:00Z") };
    record.mailed.insert("by-hand".to_owned(), at("2026-11-25T00:00:00Z"));
    record.mailed.insert("long-ago".to_owned(), at("2026-11-05T00:00:00Z"));
    let due = forecast(&posts, &record, (&newsletter(""), Seoul), at("2026-11-27T00:00:00Z")).due.unwrap();
    assert_eq!(ids(&due), ["by-hand"]);
}

#[test]
fn changing_the_day_within_a_week_makes_no_second_digest() {
    let posts =
        archive(vec![post_of("a", at("2026-11-22T01:00:00Z")), post_of("b", at("2026-11-24T01:00:00Z"))]);
    let mut record = begun("2026-11-01T00:00:00Z");
    let monday = newsletter("digest = \"mon 09:00\"");
    let first = forecast(&posts, &record, (&monday, Seoul), at("2026-11-23T09:00:00Z"));
    record.record_week(&first.due.unwrap());
    let friday = newsletter("digest = \"fri 09:00\"");
    let again = forecast(&posts, &record, (&friday, Seoul), at("2026-11-27T09:00:00Z"));
    assert!(again.due.is_none());
    assert_eq!(ids(&again.next), ["b"], "it appears a week later");
}

#[test]
fn posts_that_do_not_fit_are_in_the_next_digest() {
    let posts =
        (0..50).map(|n| post_of(&format!("{n:02}"), at("2026-11-25T00:00:00Z") + TimeDelta::minutes(n)));
    let posts = archive(posts.collect());
    let mut record = begun("2026-11-01T00:00:00Z");
    let first = forecast(&posts, &record, (&newsletter(""), Seoul), at("2026-11-27T00:00:00Z"));
    assert_eq!((first.due.as_ref().unwrap().posts.len(), first.next.posts.len()), (MOST_POSTS, 10));
    record.record_week(&first.due.unwrap());
    let second = forecast(&posts, &record, (&newsletter(""), Seoul), at("2026-12-04T00:00:00Z"));
    assert_eq!(second.due.unwrap().posts.len(), 10);
}

#[derive(Debug, Clone)]
struct Draft {
    /// When the file appears, in minutes from the beginning.
    appears: i64,
    /// How far it is backdated.
    back: i64,
    opted_out: bool,
}

const WEEK: i64 = 7 * 24 * 60;

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let draft = (0..6 * WEEK, prop_oneof![Just(0), 0..WEEK], prop::bool::weighted(0.1))
        .prop_map(|(appears, back, opted_out)| Draft { appears, back, opted_out });
    prop::collection::vec(draft, 0..30)
}

fn moments() -> impl Strategy<Value = String> {
    (0_u8..7, 0_u32..24)
        .prop_map(|(day, hour)| format!("{} {hour:02}:00", chrono::Weekday::try_from(day).unwrap()))
}

proptest! {
    #[test]
    fn every_mailable_post_is_included_in_exactly_one_week(
        drafts in drafts(),
        gaps in prop::collection::vec(1_i64..6 * 24 * 60, 60..120),
        (max_age, delay) in (6_i64..12, 0_i64..60),
        moment in moments(),
    ) {
        let start = at("2026-09-28T00:00:00Z");
        let settings = newsletter(&format!("digest = \"{moment}\"\nmax_age = \"{max_age}d\"\ndelay = \"{delay}m\""));
        let mut record = begun("2026-09-28T00:00:00Z");
        let mut now = start;
        let posts: Vec<Post> = drafts.iter().enumerate().map(|(n, draft)| {
            let dated = draft.appears - draft.back.min(max_age * 24 * 60 - 1);
            Post { newsletter: !draft.opted_out, ..post_of(&n.to_string(), start + TimeDelta::minutes(dated)) }
        }).collect();
        // In the end, regular runs follow.
        for gap in gaps.into_iter().chain([24 * 60; 70]) {
            now += TimeDelta::minutes(gap);
            let visible = drafts.iter().zip(&posts).filter(|(draft, _)| start + TimeDelta::minutes(draft.appears) <= now);
            let archive = archive(visible.map(|(_, post)| post.clone()).collect());
            // Each run mails one post on its own, before or after the digest includes it.
            let known: HashSet<String> = record.mailed.keys().cloned().collect();
            if let Some(post) = plan(&archive, Some(&known), &settings, now).due.first() {
                record.mailed.insert(post.id.clone(), now);
            }
            let forecast = forecast(&archive, &record, (&settings, Seoul), now);
            prop_assert!(forecast.next.moment > now && forecast.next.moment - now <= TimeDelta::weeks(1));
            if let Some(due) = forecast.due {
                record.record_week(&due);
            }
        }
        let expected = drafts.iter().enumerate().filter(|(_, draft)| !draft.opted_out);
        let expected: HashSet<String> = expected.map(|(n, _)| n.to_string()).collect();
        prop_assert_eq!(record.resolved, expected);
    }
}
