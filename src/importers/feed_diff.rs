//! What subscribers of a feed would see if another feed replaced it: new and changed posts, known posts under
//! another id, and missing posts.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::feed::{Entry, Feed};
use super::matching::{MatchKey, candidate_hosts, match_entries};

/// The differences, as ids in the order of the feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// New posts.
    pub new: Vec<String>,
    /// Changed posts.
    pub updated: Vec<String>,
    /// Known posts under another id: the known post, and its new id.
    pub redelivered: Vec<(Lost, String)>,
    /// Missing posts.
    pub lost: Vec<Lost>,
}

/// A missing post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The known id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its page.
    pub link: Option<String>,
}

/// Compares the published feed with its replacement. `published` contains the ids of all posts of the site: a post
/// that is only too old for the feed is not missing.
pub fn compare(old: &Feed, new: &Feed, published: &BTreeSet<&str>, site: &Url) -> Diff {
    let ids = |feed: &'_ Feed| -> BTreeMap<String, usize> {
        feed.entries.iter().enumerate().filter_map(|(at, entry)| Some((entry.id.clone()?, at))).collect()
    };
    let (before, after) = (ids(old), ids(new));
    let mut diff = Diff::default();
    let mut fresh: Vec<&Entry> = Vec::new();
    for entry in &new.entries {
        let Some(id) = &entry.id else { continue };
        match before.get(id).and_then(|at| old.entries.get(*at)) {
            Some(known) if !is_same_content(known, entry) => diff.updated.push(id.clone()),
            Some(_) => {}
            None => fresh.push(entry),
        }
    }
    // A post that is still published under its id has no new id.
    let missing: Vec<&Entry> = old
        .entries
        .iter()
        .filter(|entry| {
            entry.id.as_ref().is_some_and(|id| !after.contains_key(id) && !published.contains(id.as_str()))
        })
        .collect();
    let mut home = None;
    let hosts = candidate_hosts(&old.about, site, &mut home);
    let keys = |entries: &[&Entry]| -> Vec<MatchKey> {
        entries.iter().map(|entry| MatchKey::of_entry(entry, &hosts)).collect()
    };
    let found = match_entries(&keys(&fresh), &keys(&missing));
    let mut again = BTreeSet::new();
    for (entry, at) in fresh.iter().zip(found) {
        let id = entry.id.clone().unwrap_or_default();
        match at {
            Some(at) => {
                again.insert(at);
                diff.redelivered.push((lost(missing[at]), id));
            }
            None => diff.new.push(id),
        }
    }
    let oldest = new.entries.iter().filter_map(|entry| entry.published).min();
    let rest = missing.iter().enumerate().filter(|(at, _)| !again.contains(at));
    for entry in rest.map(|(_, entry)| entry) {
        let is_beyond = entry.published.zip(oldest).is_some_and(|(published, oldest)| published < oldest);
        let dropped_off = is_beyond && !diff.new.is_empty() && new.entries.len() >= old.entries.len();
        if !dropped_off {
            diff.lost.push(lost(entry));
        }
    }
    diff
}

fn lost(entry: &Entry) -> Lost {
    Lost { id: entry.id.clone().unwrap_or_default(), title: entry.title.clone(), link: entry.link.clone() }
}

fn is_same_content(one: &Entry, other: &Entry) -> bool {
    one.title == other.title
        && one.content == other.content
        && one.summary == other.summary
        && one.link == other.link
        && one.updated == other.updated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::importers::feed::About;

    fn entry(id: &str, day: u32) -> Entry {
        Entry {
            id: Some(id.to_owned()),
            link: Some(format!("https://a.example/{day}/")),
            title: format!("글 {day}"),
            published: chrono::DateTime::parse_from_rfc3339(&format!("2024-05-{day:02}T09:00:00+09:00")).ok(),
            content: Some("<p>글</p>".to_owned()),
            ..Entry::default()
        }
    }

    fn feed(entries: Vec<Entry>) -> Feed {
        Feed { about: About::default(), entries }
    }

    fn diff(old: Vec<Entry>, new: Vec<Entry>, published: &[&str]) -> Diff {
        let site = Url::parse("https://a.example/").unwrap();
        compare(&feed(old), &feed(new), &published.iter().copied().collect(), &site)
    }

    #[test]
    fn new_and_changed_posts_are_counted() {
        let changed = Entry { content: Some("<p>다른 글</p>".to_owned()), ..entry("a", 1) };
        let seen = diff(vec![entry("a", 1)], vec![entry("b", 2), changed], &["a", "b"]);
        assert_eq!((seen.new, seen.updated), (vec!["b".to_owned()], vec!["a".to_owned()]));
        assert!(seen.redelivered.is_empty() && seen.lost.is_empty());
    }

    #[test]
    fn the_same_post_under_another_id_is_a_redelivery_and_not_a_loss() {
        let seen = diff(vec![entry("a", 1), entry("b", 2)], vec![entry("x", 1), entry("b", 2)], &["x", "b"]);
        let [(known, id)] = &seen.redelivered[..] else { panic!("{seen:?}") };
        assert_eq!((known.id.as_str(), known.title.as_str(), id.as_str()), ("a", "글 1", "x"));
        assert!(seen.new.is_empty() && seen.lost.is_empty());
    }

    #[test]
    fn a_missing_post_is_lost_unless_it_is_only_too_old_for_the_feed() {
        let lost =
            |old: Vec<Entry>, new: Vec<Entry>, published: &[&str]| diff(old, new, published).lost.len();
        assert_eq!(lost(vec![entry("b", 2), entry("a", 1)], vec![entry("b", 2)], &["b"]), 1, "deleted");
        assert_eq!(
            lost(vec![entry("b", 2), entry("a", 1)], vec![entry("b", 2)], &["a", "b"]),
            0,
            "still published"
        );
        let (old, new) = (vec![entry("b", 2), entry("a", 1)], vec![entry("c", 3), entry("b", 2)]);
        assert_eq!(lost(old, new, &["b", "c"]), 0, "dropped off the end");
        let (old, new) = (vec![entry("c", 3), entry("b", 2)], vec![entry("d", 4), entry("b", 2)]);
        assert_eq!(lost(old, new, &["b", "d"]), 1, "another one came, but this was not the oldest");
    }

    #[test]
    fn a_feed_has_no_differences_from_itself() {
        let entries = || vec![entry("a", 1), entry("b", 2)];
        assert_eq!(diff(entries(), entries(), &["a", "b"]), Diff::default());
    }
}
