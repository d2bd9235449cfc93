//! Matches the entries of a feed with posts: by link, then by title and day. Pure.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, FixedOffset, TimeDelta};
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::feed::{About, Entry};
use crate::archive::{Post, links};

/// Dates may differ by a day: feeds write them in other zones, or without a time of day.
const SAME_DAY: TimeDelta = TimeDelta::hours(24);

/// The properties by which an entry and a post are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchKey {
    /// The normalised address of the page.
    page: Option<String>,
    title: String,
    published: Option<DateTime<FixedOffset>>,
}

impl MatchKey {
    /// A post of the site at `home`.
    pub fn of_post(post: &Post, home: &Url) -> Self {
        Self {
            page: page(post.url.as_str(), &[home]),
            title: words(post.title.as_str()),
            published: Some(post.published),
        }
    }

    /// An entry of a feed whose site was at one of `hosts`.
    pub fn of_entry(entry: &Entry, hosts: &[&Url]) -> Self {
        Self {
            page: entry.link.as_deref().and_then(|link| page(link, hosts)),
            title: words(&entry.title),
            published: entry.published,
        }
    }
}

impl MatchKey {
    /// Whether both have the same page.
    pub fn shares_page(&self, other: &Self) -> bool {
        self.page.is_some() && self.page == other.page
    }
}

/// The pages that exactly one of several keys has.
pub struct UniquePages<'k>(HashMap<&'k str, usize>);

impl<'k> UniquePages<'k> {
    /// Counts the pages of `keys`.
    pub fn of(keys: impl Iterator<Item = &'k MatchKey>) -> Self {
        let mut counts = HashMap::new();
        for page in keys.filter_map(|key| key.page.as_deref()) {
            *counts.entry(page).or_default() += 1;
        }
        Self(counts)
    }

    /// Whether one of them has the page of `key`.
    pub fn contains(&self, key: &MatchKey) -> bool {
        key.page.as_deref().is_some_and(|page| self.0.get(page) == Some(&1))
    }
}

/// The addresses of the old and the new site: two pages are the same if they have the same path below either.
pub fn candidate_hosts<'a>(about: &About, site: &'a Url, old: &'a mut Option<Url>) -> Vec<&'a Url> {
    *old = about.home.as_deref().and_then(|home| Url::parse(home).ok());
    std::iter::once(site).chain(old.as_ref()).collect()
}

/// The match of each of `wanted` among `known`; none of `known` is used twice.
pub fn match_entries(wanted: &[MatchKey], known: &[MatchKey]) -> Vec<Option<usize>> {
    let mut found = vec![None; wanted.len()];
    let mut taken = BTreeSet::new();
    let mut pages: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, key) in known.iter().enumerate() {
        if let Some(page) = &key.page {
            pages.entry(page).or_default().push(at);
        }
    }
    for (slot, key) in found.iter_mut().zip(wanted) {
        let at = key.page.as_deref().and_then(|page| pages.get(page)).map(Vec::as_slice);
        // If two posts share an address, it does not identify either.
        if let Some(&[at]) = at
            && taken.insert(at)
        {
            *slot = Some(at);
        }
    }
    let mut dates: HashMap<&str, BTreeSet<(DateTime<FixedOffset>, usize)>> = HashMap::new();
    for (at, key) in known.iter().enumerate().filter(|(at, key)| !taken.contains(at) && !key.title.is_empty())
    {
        dates.entry(&key.title).or_default().extend(key.published.map(|date| (date, at)));
    }
    for (slot, key) in found.iter_mut().zip(wanted).filter(|(slot, _)| slot.is_none()) {
        let (Some(dates), Some(published)) = (dates.get_mut(key.title.as_str()), key.published) else {
            continue;
        };
        // The two nearest are among two on either side.
        let before = dates.range(..(published, 0)).rev().take(2);
        let near = before.chain(dates.range((published, 0)..).take(2)).filter_map(|&(date, at)| {
            let apart = (published - date).abs();
            (apart <= SAME_DAY).then_some((apart, at, date))
        });
        let mut near: Vec<_> = near.collect();
        near.sort_unstable();
        let nearest = match near[..] {
            // If two are equally near, neither is chosen.
            [(first, at, date), (second, ..), ..] if first < second => (date, at),
            [(_, at, date)] => (date, at),
            _ => continue,
        };
        dates.remove(&nearest);
        *slot = Some(nearest.1);
    }
    found
}

/// The address of a page for comparison: without scheme, `www.`, fragment, campaign parameters and trailing slash,
/// and relative to the site.
fn page(link: &str, hosts: &[&Url]) -> Option<String> {
    let url = Url::parse(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let bare = |url: &Url| {
        let host = url.host_str().unwrap_or_default().trim_start_matches("www.").to_owned();
        let path = links::readable(url.path());
        let path = path.trim_end_matches('/').trim_end_matches("/index.html").to_owned();
        (host, path)
    };
    let (host, path) = bare(&url);
    let place = hosts.iter().find_map(|home| {
        let (home_host, home_path) = bare(home);
        let below = path.strip_prefix(&home_path).filter(|below| below.is_empty() || below.starts_with('/'));
        below.filter(|_| home_host == host).map(str::to_owned)
    });
    let mut page = place.unwrap_or_else(|| format!("//{host}{path}"));
    let query = url.query_pairs().filter(|(key, _)| !key.starts_with("utm_"));
    for (key, value) in query {
        page.extend(["?", &key, "=", &value]);
    }
    // The home page does not identify a post.
    (!page.is_empty()).then_some(page)
}

/// A title for comparison.
fn words(title: &str) -> String {
    let folded: String = title.nfkc().flat_map(char::to_lowercase).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(link: &str, title: &str, day: u32) -> MatchKey {
        let entry = Entry {
            link: (!link.is_empty()).then(|| link.to_owned()),
            title: title.to_owned(),
            published: DateTime::parse_from_rfc3339(&format!("2024-05-{day:02}T09:00:00+09:00")).ok(),
            ..Entry::default()
        };
        let (old, new) =
            (Url::parse("http://old.example/blog/").unwrap(), Url::parse("https://new.example/").unwrap());
        MatchKey::of_entry(&entry, &[&new, &old])
    }

    #[test]
    fn a_page_is_the_same_in_every_spelling_of_its_address() {
        let same = key("https://new.example/2024/글/", "", 1);
        for link in [
            "http://www.new.example/2024/%ea%b8%80",
            "https://new.example/2024/%EA%B8%80/index.html#top",
            "http://old.example/blog/2024/글/?utm_source=rss",
        ] {
            assert_eq!(key(link, "", 1).page, same.page, "{link}");
        }
        for link in
            ["https://new.example/2024/", "https://else.example/2024/글/", "https://new.example/2024/글/?p=1"]
        {
            assert_ne!(key(link, "", 1).page, same.page, "{link}");
        }
        assert_eq!(key("https://new.example/", "", 1).page, None);
    }

    #[test]
    fn without_a_common_link_title_and_day_decide_unless_two_are_equal() {
        let known = [
            key("https://new.example/a/", "하나", 1),
            key("https://new.example/b/", "둘", 2),
            key("https://new.example/c/", "둘", 3),
        ];
        let wanted = [
            key("https://new.example/b/", "다른 제목", 20),
            key("https://new.example/z/", " 하나 ", 2),
            key("https://new.example/y/", "하나", 9),
        ];
        assert_eq!(match_entries(&wanted, &known), [Some(1), Some(0), None]);
        let equals = [key("", "둘", 1), key("", "둘", 3)];
        assert_eq!(match_entries(&[key("", "둘", 2)], &equals), [None]);
    }

    proptest! {
        #[test]
        fn nothing_is_matched_twice_and_everything_matches_itself(days in prop::collection::vec((0..6u32, "[ab]", 1..9u32), 0..8)) {
            let keys: Vec<MatchKey> =
                days.iter().map(|(n, title, day)| key(&format!("https://new.example/{n}/"), title, *day)).collect();
            let found = match_entries(&keys, &keys);
            let given: Vec<usize> = found.iter().flatten().copied().collect();
            prop_assert_eq!(given.len(), given.iter().collect::<BTreeSet<_>>().len());
            for (at, key) in keys.iter().enumerate() {
                if keys.iter().filter(|other| other.page == key.page).count() == 1 {
                    prop_assert_eq!(found[at], Some(at));
                }
            }
        }
    }
}
