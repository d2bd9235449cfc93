//! The list of posts: what is due, what is not published, and all that is, a page at a time. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::archive::PostArchive;
use super::audience::Schedule;
use super::view::{Subject, View};
use crate::archive::SkipReason;

/// How many posts are on a page of the list.
const PAGE: usize = 40;
/// How many unpublished posts are listed without a search.
const UNPUBLISHED: usize = 12;

/// A post that is mailed later than this is not the first one shown.
const SOON: TimeDelta = TimeDelta::days(7);

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) title: String,
    /// A date, or why it is not published.
    pub(super) note: String,
    pub(super) href: String,
    pub(super) is_current: bool,
}

/// The list.
#[derive(Debug, Default, Serialize)]
pub(super) struct List {
    pub(super) due: Vec<Row>,
    pub(super) next: Vec<Row>,
    pub(super) unpublished: Vec<Row>,
    pub(super) posts: Vec<Row>,
    /// How many posts match the search.
    pub(super) found: usize,
    /// The addresses of the pages before and after this one.
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

/// What is shown if nothing is chosen: what is mailed next, if that is soon; else the newest published post; else what is
/// published next; else a draft.
pub(super) fn first(posts: &PostArchive, schedule: &Schedule, now: DateTime<Utc>) -> Option<Subject> {
    let soon = schedule.next.first().filter(|(_, at)| *at - now <= SOON);
    let due = schedule.due.first().or(soon.map(|(source, _)| source)).cloned();
    let newest = || posts.archive.posts.first().map(|post| post.source.to_string());
    let later = || schedule.next.first().map(|(source, _)| source.clone());
    let draft = || posts.unpublished().next_back().map(|left| left.source.to_string());
    due.or_else(newest).or_else(later).or_else(draft).map(|source| Subject::Post(source.into()))
}

/// The rows for `view`.
pub(super) fn list(posts: &PostArchive, schedule: &Schedule, view: &View, zone: chrono_tz::Tz) -> List {
    let row = |title: String, source: &str, note: String| {
        let subject = Subject::Post(source.into());
        let is_current = view.subject.as_ref() == Some(&subject);
        Row { title, note, href: view.href(|view| view.subject = Some(subject)), is_current }
    };
    let title_of = |source: &str| {
        let published = posts.archive.posts.iter().find(|post| post.source == source);
        let known = published.map(|post| post.shown_title().to_owned());
        known
            .or_else(|| posts.titles.get(camino::Utf8Path::new(source)).cloned())
            .unwrap_or_else(|| source.to_owned())
    };
    let needle = folded(&view.search);
    let matches = |title: &str, source: &str| {
        needle.is_empty() || folded(title).contains(&needle) || folded(source).contains(&needle)
    };
    let mut list = List::default();
    if needle.is_empty() {
        list.due = schedule.due.iter().map(|source| row(title_of(source), source, String::new())).collect();
        let at = |at: &DateTime<Utc>| at.with_timezone(&zone).format("%-d %b, %H:%M").to_string();
        list.next = schedule
            .next
            .iter()
            .take(UNPUBLISHED)
            .map(|(source, due)| row(title_of(source), source, at(due)))
            .collect();
    }
    let held = posts
        .unpublished()
        .filter(|left| !matches!(left.reason, SkipReason::Future(_) | SkipReason::Expired(_)));
    list.unpublished = held
        .rev()
        .map(|left| (title_of(left.source.as_str()), left))
        .filter(|(title, left)| matches(title, left.source.as_str()))
        .take(UNPUBLISHED)
        .map(|(title, left)| row(title, left.source.as_str(), reason(&left.reason)))
        .collect();
    let found: Vec<_> =
        posts.archive.posts.iter().filter(|post| matches(post.shown_title(), post.source.as_str())).collect();
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = view.page.min(pages - 1);
    list.posts = found
        .iter()
        .skip(page * PAGE)
        .take(PAGE)
        .map(|post| {
            let day = post.published.format("%Y-%m-%d").to_string();
            row(post.shown_title().to_owned(), post.source.as_str(), day)
        })
        .collect();
    list.found = found.len();
    list.newer = (page > 0).then(|| view.href(|view| view.page = page - 1));
    list.older = (page + 1 < pages).then(|| view.href(|view| view.page = page + 1));
    list
}

fn reason(why: &SkipReason) -> String {
    match why {
        SkipReason::Draft => "draft".to_owned(),
        SkipReason::Broken => "has errors".to_owned(),
        SkipReason::Undated => "no date".to_owned(),
        SkipReason::Retracted(_) => "retracted".to_owned(),
        SkipReason::HeldBack(by) => format!("held back by {by}"),
        _ => "held back".to_owned(),
    }
}

/// A text as it is compared: composed, in lower case.
fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    fn posts(number: usize) -> (tempfile::TempDir, PostArchive) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::create_dir(root.join("posts")).unwrap();
        for number in 1..=number {
            let text = format!("+++\ntitle = \"글 {number}\"\n+++\n글");
            std::fs::write(root.join(format!("posts/2024-01-01-{number:03}.md")), text).unwrap();
        }
        std::fs::write(root.join("posts/idea.md"), "+++\ntitle = \"Ébauche\"\ndraft = true\n+++\nText")
            .unwrap();
        let text = "[site]\ntitle = \"a\"\nurl = \"https://a.example/\"\n";
        let config = crate::config::parse(text, "config.toml", root).unwrap();
        let now = chrono::DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap().to_utc();
        (folder, PostArchive::read(&config, now).unwrap())
    }

    fn listed(posts: &PostArchive, query: &str) -> List {
        list(posts, &Schedule::default(), &View::parse(query), chrono_tz::UTC)
    }

    #[test]
    fn a_long_list_has_pages_and_its_end() {
        let (_folder, posts) = posts(100);
        let first = listed(&posts, "");
        assert_eq!((first.posts.len(), first.found), (40, 100));
        assert_eq!((first.newer, first.older.as_deref()), (None, Some("?page=2")));
        let last = listed(&posts, "page=99");
        assert_eq!((last.posts.len(), last.newer.as_deref(), last.older), (20, Some("?page=2"), None));
    }

    #[test]
    fn a_search_finds_titles_and_files_in_any_case_and_unicode_form() {
        let (_folder, posts) = posts(20);
        assert_eq!(listed(&posts, "q=%EA%B8%80+12").posts[0].title, "글 12");
        assert_eq!(listed(&posts, "q=01-007").found, 1);
        let draft = &listed(&posts, "q=e%CC%81BAUCHE").unpublished;
        assert_eq!((draft.len(), draft[0].note.as_str()), (1, "draft"));
        assert_eq!(listed(&posts, "q=nothing").found, 0);
    }

    #[test]
    fn what_is_mailed_soon_is_shown_first_and_otherwise_the_newest_post() {
        let now = DateTime::UNIX_EPOCH;
        let shown = |number, due: &[&str], next: &[(&str, i64)]| {
            let (_folder, posts) = posts(number);
            let next = next.iter().map(|(source, days)| ((*source).to_owned(), now + TimeDelta::days(*days)));
            let due = due.iter().map(|source| (*source).to_owned()).collect();
            match first(&posts, &Schedule { due, next: next.collect() }, now) {
                Some(Subject::Post(source)) => source.to_string(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(shown(2, &["a.md", "b.md"], &[("c.md", 1)]), "a.md");
        assert_eq!(shown(2, &[], &[("c.md", 1), ("d.md", 400)]), "c.md");
        assert_eq!(shown(2, &[], &[("d.md", 400)]), "posts/2024-01-01-001.md");
        assert_eq!(shown(0, &[], &[("d.md", 400)]), "d.md");
        assert_eq!(shown(0, &[], &[]), "posts/idea.md");
    }

    #[test]
    fn the_shown_post_is_marked_and_a_link_keeps_the_state() {
        let (_folder, posts) = posts(2);
        let list = listed(&posts, "show=post:posts/2024-01-01-002.md&scheme=dark");
        let marked: Vec<_> = list.posts.iter().filter(|row| row.is_current).collect();
        assert_eq!((marked.len(), marked[0].title.as_str()), (1, "글 2"));
        assert!(list.posts.iter().all(|row| row.href.ends_with("&scheme=dark")), "{list:?}");
    }
}
