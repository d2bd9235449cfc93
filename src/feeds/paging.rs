//! Divides posts between a feed and the pages of its archive (RFC 5005, 4).
//!
//! A page is made once and never changes: the page ledger records its posts. A post that changed after that returns to the feed
//! until the next page is made, and feed readers take the newer of two versions of an entry. So the feed and its pages together
//! contain the current version of every post.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};

use super::select::{Feed, FeedScope};
use crate::archive::Post;
use crate::archive::pages::{Page, Pages};
use crate::config::Config;

/// The most posts in a page.
const FULL_PAGE: usize = 100;

/// A divided feed. Posts are indices into those of the archive, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    /// The posts in the feed itself.
    pub(super) current: Vec<usize>,
    /// How many of the newest posts exceed the budget.
    pub(super) left_out: usize,
    /// Whether the feed contains every post.
    pub(super) is_complete: bool,
    /// The pages, oldest first.
    pub(super) pages: Vec<(u32, Vec<usize>)>,
}

/// The size limit of a feed.
pub(super) struct Budget<'b> {
    /// In bytes.
    pub(super) bytes: usize,
    /// The length of a post.
    pub(super) length_of: &'b dyn Fn(usize) -> usize,
}

impl Budget<'_> {
    fn spent(&self, posts: &[usize]) -> usize {
        if self.bytes == usize::MAX {
            return 0;
        }
        posts.iter().fold(0, |spent, at| spent.saturating_add((self.length_of)(*at)))
    }

    fn fits(&self, posts: &[usize]) -> bool {
        self.spent(posts) <= self.bytes
    }

    /// As many of `newest` as fit beside `loose`, and at least one.
    fn fill(&self, newest: &[usize], loose: &[usize]) -> Vec<usize> {
        let mut spent = self.spent(loose);
        let mut current = loose.to_vec();
        for (rank, at) in newest.iter().enumerate().filter(|(_, at)| loose.binary_search(at).is_err()) {
            spent = spent.saturating_add(self.spent(&[*at]));
            if spent > self.bytes && rank > 0 {
                break;
            }
            current.push(*at);
        }
        current.sort_unstable();
        current
    }
}

/// Divides `feed` and appends new pages to `pages`. `by_id` finds the posts of the archive.
pub(super) fn divide(
    feed: &Feed,
    (posts, by_id): (&[Post], &HashMap<&str, usize>),
    pages: &mut Pages,
    budget: &Budget<'_>,
    config: &Config,
) -> Paging {
    let folder = feed.folder.as_str();
    let limit = match config.feeds.entries {
        0 => usize::MAX,
        entries => entries,
    };
    let has_archive = limit != usize::MAX && has_archive(feed, pages, config);
    let mut loose = if has_archive { loose(feed, posts, pages) } else { Vec::new() };
    let is_long = feed.posts.len() > limit && loose.len() >= limit;
    if has_archive && (is_long || loose.len() > 1 && !budget.fits(&loose)) {
        for page in cut(&mut loose, posts, limit, budget) {
            pages.append(folder, page);
        }
    }
    let newest: Vec<usize> = feed.posts.iter().copied().take(limit).collect();
    let current = budget.fill(&newest, &loose);
    let of_page = |page: &Page| {
        let mut posts: Vec<usize> = page.keys().filter_map(|id| by_id.get(id.as_str()).copied()).collect();
        posts.sort_unstable();
        posts
    };
    let pages: Vec<_> = if has_archive {
        pages.of(folder).map(|(number, page)| (number, of_page(page))).collect()
    } else {
        Vec::new()
    };
    let is_complete = pages.is_empty() && current.len() == feed.posts.len();
    let left_out = newest.iter().filter(|at| current.binary_search(at).is_err()).count();
    Paging { current, left_out, is_complete, pages }
}

/// Whether older posts of `feed` stay in pages. Feed readers follow the links to published pages, so a feed that has some
/// keeps them whatever the configuration says about its kind.
fn has_archive(feed: &Feed, pages: &Pages, config: &Config) -> bool {
    let is_asked_for = match feed.kind {
        FeedScope::Site | FeedScope::Podcast => true,
        FeedScope::By(by) => config.feeds.archive_by.contains(&by),
    };
    config.feeds.archive && (is_asked_for || pages.of(feed.folder.as_str()).next().is_some())
}

/// The posts of `feed` whose current version is in no page, newest first.
fn loose(feed: &Feed, posts: &[Post], pages: &Pages) -> Vec<usize> {
    let mut seen: HashMap<&str, i64> = HashMap::new();
    for (id, updated) in pages.of(feed.folder.as_str()).flat_map(|(_, page)| page) {
        let latest = seen.entry(id).or_insert(i64::MIN);
        *latest = updated.timestamp().max(*latest);
    }
    let is_loose = |at: &usize| {
        let post = &posts[*at];
        seen.get(post.id.as_str()).is_none_or(|seen| changed(post).timestamp() > *seen)
    };
    feed.posts.iter().copied().filter(is_loose).collect()
}

fn changed(post: &Post) -> DateTime<FixedOffset> {
    post.updated.max(post.published)
}

/// Moves posts from `loose` into new pages, the longest unchanged first, until half of `limit` and no more than fits into the
/// feed is left. A small page waits for more posts if there is room.
fn cut(loose: &mut Vec<usize>, posts: &[Post], limit: usize, budget: &Budget<'_>) -> Vec<Page> {
    let least = (limit - limit / 2).min(FULL_PAGE);
    let mut oldest = loose.clone();
    oldest.sort_by(|a, b| {
        let key = |at: &usize| (changed(&posts[*at]), posts[*at].published);
        key(a).cmp(&key(b)).then_with(|| posts[*a].id.cmp(&posts[*b].id))
    });
    let stays = oldest.split_off(oldest.len() - staying(&oldest, limit, budget));
    let mut cut = Vec::new();
    let (mut page, mut bytes) = (Vec::new(), 0usize);
    for at in oldest {
        let length = posts[at].body.as_str().len();
        let is_full = page.len() == FULL_PAGE || bytes.saturating_add(length) > budget.bytes;
        if is_full && !page.is_empty() {
            cut.push(std::mem::take(&mut page));
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        page.push(at);
    }
    let waiting = [page.as_slice(), &stays].concat();
    if page.len() >= least || cut.is_empty() || !budget.fits(&waiting) {
        cut.push(page);
    }
    let mut gone: Vec<usize> = cut.iter().flatten().copied().collect();
    gone.sort_unstable();
    loose.retain(|at| gone.binary_search(at).is_err());
    let as_page =
        |page: Vec<usize>| page.iter().map(|at| (posts[*at].id.clone(), changed(&posts[*at]))).collect();
    cut.into_iter().map(as_page).collect()
}

/// How many of the last changed posts stay in the feed: half of `limit`, or what fills half of the budget if these do not fit,
/// so that not every new post makes a page.
fn staying(oldest: &[usize], limit: usize, budget: &Budget<'_>) -> usize {
    let half = (limit / 2).min(oldest.len().saturating_sub(1));
    let newest: Vec<usize> = oldest.iter().rev().copied().take(half).collect();
    if oldest.len() >= limit && budget.fits(&newest) {
        return half;
    }
    let fits = |count: &usize| budget.spent(&newest[..*count]) <= budget.bytes / 2;
    (1..=half).rev().find(fits).unwrap_or(half.min(1))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{ByteSize, GroupBy};
    use crate::feeds::{fixtures, select};

    /// `count` posts, an hour apart, newest first.
    fn posts(count: usize) -> Vec<Post> {
        let post = |number: usize| {
            let mut post = fixtures::post(1, "글");
            post.id = format!("urn:x:{number}");
            post.published += TimeDelta::hours(i64::try_from(number).unwrap());
            post.updated = post.published;
            post
        };
        (0..count).rev().map(post).collect()
    }

    fn config(entries: usize) -> Config {
        let mut config = fixtures::config("");
        config.feeds.entries = entries;
        config.feeds.by.clear();
        config
    }

    fn divided(posts: &[Post], pages: &mut Pages, config: &Config) -> Paging {
        let by_id = posts.iter().enumerate().map(|(at, post)| (post.id.as_str(), at)).collect();
        // The text of a post states its length.
        let length_of = |at: usize| posts[at].body.as_str().len();
        let bytes = match config.feeds.budget.get() {
            0 => usize::MAX,
            bytes => bytes,
        };
        let budget = Budget { bytes, length_of: &length_of };
        divide(&select::feeds(posts, config)[0], (posts, &by_id), pages, &budget, config)
    }

    #[test]
    fn a_small_feed_is_complete_and_has_no_pages() {
        let mut pages = Pages::default();
        let paging = divided(&posts(20), &mut pages, &config(20));
        assert!(paging.is_complete && paging.pages.is_empty() && pages.is_empty());
        assert_eq!(paging.current.len(), 20);
    }

    #[test]
    fn a_growing_feed_makes_a_page_now_and_then_and_never_changes_one() {
        let (mut pages, config) = (Pages::default(), config(4));
        let mut before = Vec::new();
        for count in 1..40 {
            let paging = divided(&posts(count), &mut pages, &config);
            assert_eq!(paging.current.len(), count.min(4), "{count}");
            let now: Vec<_> = pages.of("").map(|(number, page)| (number, page.clone())).collect();
            assert_eq!(now[..before.len()], before, "{count}");
            assert!(now.iter().all(|(_, page)| page.len() == 2 || page.len() == 3), "{now:?}");
            before = now;
        }
        assert!(before.len() > 10);
    }

    #[test]
    fn an_old_archive_becomes_full_pages_at_once() {
        let mut pages = Pages::default();
        divided(&posts(1000), &mut pages, &config(20));
        let lengths: Vec<_> = pages.of("").map(|(_, page)| page.len()).collect();
        assert_eq!(lengths, [[100; 9].as_slice(), &[90]].concat());
    }

    #[test]
    fn a_category_has_pages_if_it_is_asked_for_or_has_some_already() {
        let (mut pages, mut config, mut posts) = (Pages::default(), config(4), posts(10));
        config.feeds.by = vec![GroupBy::Category];
        for post in &mut posts {
            post.categories = fixtures::names(&["기술"]);
        }
        let category = |posts: &[Post], pages: &mut Pages, config: &Config| {
            let by_id = posts.iter().enumerate().map(|(at, post)| (post.id.as_str(), at)).collect();
            let budget = Budget { bytes: usize::MAX, length_of: &|_| 1 };
            divide(&select::feeds(posts, config)[1], (posts, &by_id), pages, &budget, config)
        };
        let without = category(&posts, &mut pages, &config);
        assert!(without.pages.is_empty() && !without.is_complete && pages.is_empty());
        config.feeds.archive_by = vec![GroupBy::Category];
        let with = category(&posts, &mut pages, &config);
        assert_eq!(with.pages.len(), 1);
        config.feeds.archive_by.clear();
        assert_eq!(category(&posts, &mut pages, &config), with, "published pages stay");
        let more = self::posts(20).into_iter().map(|mut post| {
            post.categories = fixtures::names(&["기술"]);
            post
        });
        let later = category(&more.collect::<Vec<_>>(), &mut pages, &config);
        assert_eq!(later.pages.len(), 2, "and the feed goes on with them");
    }

    #[test]
    fn a_changed_old_post_returns_until_the_next_page_is_made() {
        let (mut pages, config, mut posts) = (Pages::default(), config(4), posts(10));
        let before = divided(&posts, &mut pages, &config);
        assert_eq!(before.current, [0, 1, 2, 3]);
        posts[9].updated += TimeDelta::days(900);
        let paging = divided(&posts, &mut pages, &config);
        assert_eq!(paging.current, [0, 1, 2, 3, 9]);
        assert_eq!(paging.pages, before.pages, "the pages stay");
    }

    #[test]
    fn a_feed_over_budget_is_shorter_and_its_pages_contain_the_rest() {
        let (mut pages, mut config) = (Pages::default(), config(20));
        let post = fixtures::post(1, "글").body.as_str().len();
        config.feeds.budget = ByteSize::parse(&(6 * post).to_string()).unwrap();
        for count in 1..40 {
            let paging = divided(&posts(count), &mut pages, &config);
            assert_eq!(
                (paging.current.len(), paging.left_out),
                (count.min(6), count.min(20) - count.min(6)),
                "{count}"
            );
            assert_eq!(paging.is_complete, count <= 6);
        }
        assert!(pages.of("").all(|(_, page)| page.len() > 3), "a page is not cut for each post");
        config.feeds.archive = false;
        let alone = divided(&posts(20), &mut Pages::default(), &config);
        assert_eq!((alone.current.len(), alone.left_out, alone.is_complete), (6, 14, false));
        config.feeds.budget = ByteSize::parse("1").unwrap();
        assert_eq!(divided(&posts(20), &mut Pages::default(), &config).current, [0], "one at least");
    }

    proptest! {
        #[test]
        fn a_feed_and_its_pages_contain_the_current_version_of_every_post(
            steps in proptest::collection::vec((1usize..9, proptest::collection::vec(0usize..60, 0..4)), 1..12),
            entries in 1usize..8,
            budget in proptest::option::of(1usize..9),
        ) {
            let (mut pages, mut config) = (Pages::default(), config(entries));
            let bytes = budget.map_or(0, |posts| posts * fixtures::post(1, "글").body.as_str().len());
            config.feeds.budget = ByteSize::parse(&bytes.to_string()).unwrap();
            let mut edits: HashMap<String, i64> = HashMap::new();
            let (mut count, mut old) = (0, Pages::default());
            for (day, (more, edited)) in steps.into_iter().enumerate() {
                count += more;
                for at in edited {
                    edits.insert(format!("urn:x:{at}"), i64::try_from(day).unwrap() + 100);
                }
                let mut posts = posts(count);
                for post in &mut posts {
                    if let Some(days) = edits.get(&post.id) {
                        post.updated = post.published + TimeDelta::days(*days);
                    }
                }
                let paging = divided(&posts, &mut pages, &config);
                for (number, page) in old.of("") {
                    prop_assert_eq!(pages.of("").find(|(known, _)| *known == number).unwrap().1, page);
                }
                for (at, post) in posts.iter().enumerate() {
                    let is_paged = pages.of("").any(|(_, page)| page.get(&post.id) == Some(&changed(post)));
                    prop_assert!(paging.current.contains(&at) || is_paged, "{} is nowhere", post.id);
                }
                prop_assert!(paging.current.len() < 2 * entries + 1);
                prop_assert_eq!(paging.current[0], 0, "the newest post is always there");
                // A feed full of edited posts still has room for the newest one.
                prop_assert!(budget.is_none_or(|posts| paging.current.len() <= posts + 1), "{:?}", paging);
                prop_assert_eq!(&divided(&posts, &mut pages.clone(), &config), &paging, "a second look changes nothing");
                old = pages.clone();
            }
        }
    }
}
