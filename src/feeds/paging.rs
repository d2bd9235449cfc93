//! What stands in a feed itself and what in the pages of its archive (RFC 5005, 4).
//!
//! A page is cut once and never again: the ledger of pages says which posts stand in it. A post that was changed since it
//! was put into a page is in no page as it is now, so it comes back into the feed until the next page is cut; of two
//! versions of an entry readers take the newer. So the feed and its pages together hold every post as it is now.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};

use super::select::Feed;
use crate::archive::Post;
use crate::archive::pages::{Page, Pages};
use crate::config::Config;

/// The most posts that a page holds.
const FULL_PAGE: usize = 100;

/// A feed, divided. Posts are indices into the archive's, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    /// What stands in the feed itself.
    pub(super) current: Vec<usize>,
    /// Of these, the posts that stand in no page as they are now, so that no budget may leave them out.
    pub(super) loose: Vec<usize>,
    /// Whether that is all there is.
    pub(super) is_complete: bool,
    /// The pages, oldest first.
    pub(super) pages: Vec<(u32, Vec<usize>)>,
}

/// Divides `feed`; pages that are cut now are appended to `pages`. `by_id` finds the archive's posts.
pub(super) fn divide(
    feed: &Feed,
    posts: &[Post],
    by_id: &HashMap<&str, usize>,
    pages: &mut Pages,
    config: &Config,
) -> Paging {
    let folder = feed.folder.as_str();
    let limit = match config.feeds.entries {
        0 => usize::MAX,
        entries => entries,
    };
    let has_archive = config.feeds.archive && limit != usize::MAX;
    let mut loose = if has_archive { loose(feed, posts, pages) } else { Vec::new() };
    if has_archive && feed.posts.len() > limit && loose.len() >= limit {
        for page in cut(&mut loose, posts, limit, config.feeds.budget.get()) {
            pages.append(folder, page);
        }
    }
    let mut current: Vec<usize> = feed.posts.iter().copied().take(limit).collect();
    current.extend(&loose);
    current.sort_unstable();
    current.dedup();
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
    let loose = if pages.is_empty() { current.clone() } else { loose };
    Paging { current, loose, is_complete, pages }
}

/// The posts of `feed` that stand in no page as they are now, newest first.
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

/// Takes so many posts off `loose` that half of `limit` is left, those first that have not changed for longest, and makes
/// pages of them. What would be a page of few waits for more.
fn cut(loose: &mut Vec<usize>, posts: &[Post], limit: usize, budget: usize) -> Vec<Page> {
    let least = (limit - limit / 2).min(FULL_PAGE);
    let mut oldest = loose.clone();
    oldest.sort_by(|a, b| {
        let key = |at: &usize| (changed(&posts[*at]), posts[*at].published);
        key(a).cmp(&key(b)).then_with(|| posts[*a].id.cmp(&posts[*b].id))
    });
    oldest.truncate(loose.len() - limit / 2);
    let mut cut = Vec::new();
    let (mut page, mut bytes) = (Vec::new(), 0);
    for at in oldest {
        let length = posts[at].body.as_str().len();
        let is_full = page.len() == FULL_PAGE || (budget > 0 && bytes + length > budget);
        if is_full && !page.is_empty() {
            cut.push(std::mem::take(&mut page));
            bytes = 0;
        }
        bytes += length;
        page.push(at);
    }
    if page.len() >= least || cut.is_empty() {
        cut.push(page);
    }
    let mut gone: Vec<usize> = cut.iter().flatten().copied().collect();
    gone.sort_unstable();
    loose.retain(|at| gone.binary_search(at).is_err());
    let as_page =
        |page: Vec<usize>| page.iter().map(|at| (posts[*at].id.clone(), changed(&posts[*at]))).collect();
    cut.into_iter().map(as_page).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::{select, specimen};

    /// `count` posts, an hour apart, newest first.
    fn posts(count: usize) -> Vec<Post> {
        let post = |number: usize| {
            let mut post = specimen::post(1, "글");
            post.id = format!("urn:x:{number}");
            post.published += TimeDelta::hours(i64::try_from(number).unwrap());
            post.updated = post.published;
            post
        };
        (0..count).rev().map(post).collect()
    }

    fn config(entries: usize) -> Config {
        let mut config = specimen::config("");
        config.feeds.entries = entries;
        config.feeds.by.clear();
        config
    }

    fn divided(posts: &[Post], pages: &mut Pages, config: &Config) -> Paging {
        let by_id = posts.iter().enumerate().map(|(at, post)| (post.id.as_str(), at)).collect();
        divide(&select::feeds(posts, config)[0], posts, &by_id, pages, config)
    }

    #[test]
    fn a_small_feed_is_complete_and_has_no_pages() {
        let mut pages = Pages::default();
        let paging = divided(&posts(20), &mut pages, &config(20));
        assert!(paging.is_complete && paging.pages.is_empty() && pages.is_empty());
        assert_eq!(paging.current.len(), 20);
    }

    #[test]
    fn a_growing_feed_cuts_a_page_now_and_then_and_never_the_same_twice() {
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
    fn an_old_archive_is_cut_into_full_pages_at_once() {
        let mut pages = Pages::default();
        divided(&posts(1000), &mut pages, &config(20));
        let lengths: Vec<_> = pages.of("").map(|(_, page)| page.len()).collect();
        assert_eq!(lengths, [[100; 9].as_slice(), &[90]].concat());
    }

    #[test]
    fn a_changed_old_post_comes_back_until_the_next_page_is_cut() {
        let (mut pages, config, mut posts) = (Pages::default(), config(4), posts(10));
        let before = divided(&posts, &mut pages, &config);
        assert_eq!(before.current, [0, 1, 2, 3]);
        posts[9].updated += TimeDelta::days(900);
        let paging = divided(&posts, &mut pages, &config);
        assert_eq!(paging.current, [0, 1, 2, 3, 9]);
        assert_eq!(paging.pages, before.pages, "the pages stay");
    }

    proptest! {
        #[test]
        fn a_feed_and_its_pages_hold_every_post_as_it_is_now(
            steps in proptest::collection::vec((1usize..9, proptest::collection::vec(0usize..60, 0..4)), 1..12),
            entries in 1usize..8,
        ) {
            let (mut pages, config) = (Pages::default(), config(entries));
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
                prop_assert_eq!(&divided(&posts, &mut pages.clone(), &config), &paging, "a second look changes nothing");
                old = pages.clone();
            }
        }
    }
}
