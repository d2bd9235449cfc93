//! Recognises posts: the ledger records id, file, title, date and text fingerprint of every version of a post.
//!
//! Pure. Ids are kept in `posts/ids.txt`. If that file is lost, or the posts are checked out anew and published under
//! another URL, an old post would get a new id and be mailed to everyone again. The ledger's record prevents that. It
//! never decides that two posts are the same; it only reports that they look alike, and the author decides.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

use chrono::{DateTime, Utc};

use crate::archive::Post;
use crate::archive::ids::Fingerprint;
use crate::text::shell_quoted;

/// One version of a post in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredPost {
    /// The permanent id.
    pub post: String,
    /// The file, as the user would type it; empty if only the title is known.
    pub path: String,
    /// The title.
    pub title: String,
    /// When it was published; if only the title is known, when the ledger recorded it.
    pub published: DateTime<Utc>,
    /// The fingerprint of its title and text ([`Fingerprint`]); empty if only the title is known.
    pub fingerprint: String,
}

impl StoredPost {
    /// The current version of `post`.
    pub fn of(post: &Post) -> Self {
        Self {
            post: post.id.clone(),
            path: post.source.to_string(),
            title: post.title.to_string(),
            published: post.published.to_utc(),
            fingerprint: post.fingerprint.to_string(),
        }
    }
}

/// A new post that looks like one that the ledger knows under another id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// The id of the post that would be mailed.
    pub post: String,
    /// Its file.
    pub source: String,
    /// The known post.
    pub known: StoredPost,
    /// How they are alike.
    pub why: Likeness,
    /// Whether it is an entry of a source feed with a guid of its own. Its file cannot get another id.
    pub has_guid: bool,
}

/// What the source feed says about identity (`archive.feed`); empty without one.
#[derive(Debug, Default)]
pub(crate) struct SourceGuids {
    /// The ids of all entries that have a guid of their own.
    pub all: HashSet<String>,
    /// Those that are in the feed now.
    pub present: HashSet<String>,
    /// Since when posts are retracted.
    pub retracted: HashMap<String, DateTime<Utc>>,
}

impl SourceGuids {
    /// Whether the guids prove that `post` is another post than `known`, which it resembles. A program that makes feeds keeps the
    /// guid of a post, so two guids in one feed are two posts, and a post that was written after another one was removed is
    /// not that one under a new guid, unless nearly all of the text is the same.
    fn differ(&self, post: &Post, known: &StoredPost, why: Likeness) -> bool {
        if !self.all.contains(&post.id) {
            return false;
        }
        let is_younger =
            || self.retracted.get(&known.post).is_some_and(|removed| *removed < post.published.to_utc());
        self.present.contains(&known.post) || matches!(why, Likeness::Text(..REPUBLISHED)) && is_younger()
    }
}

/// How two posts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Title and text are the same.
    Same,
    /// The texts are similar, in per cent.
    Text(u8),
    /// The title is the same, and nothing else is recorded of the known post.
    Title,
}

impl Lookalike {
    /// What to do in either case.
    pub fn help(&self) -> String {
        let Self { post, known, source, has_guid, .. } = self;
        if *has_guid {
            return format!(
                "if it is a new post, run: letterpress approve {}; if the feed has a new guid for the old post, nothing needs to be \
                 done: it is not mailed, and this ends when it is older than newsletter.max_age",
                shell_quoted(post)
            );
        }
        format!(
            "if it is the same post, restore ids.txt, or set id = \"{}\" in the front matter of {source}; if it is a new post, run: \
             letterpress approve {}",
            known.post,
            shell_quoted(post)
        )
    }
}

impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, known, why, .. } = self;
        let why = match why {
            Likeness::Same => "same title and same text".to_owned(),
            Likeness::Text(percent) => format!("{percent} % of the text is the same"),
            Likeness::Title => "same title".to_owned(),
        };
        let path = if known.path.is_empty() { String::new() } else { format!(", {}", known.path) };
        write!(
            f,
            "{source} looks like \"{}\" ({}{path}), which is already in the ledger: {why}; it is not mailed",
            known.title, known.post
        )
    }
}

/// From this similarity on, the author is asked. Holding a post back by mistake costs one command; mailing it by
/// mistake cannot be undone.
const ALIKE: f64 = Fingerprint::SAME_UNDER_ONE_TITLE;

/// From this percentage on, an entry of a source feed may be a post that was deleted and published again.
const REPUBLISHED: u8 = 90;

/// The posts of `due` that look like a recorded one. A recorded post that still exists under its own id matches only an
/// exact copy, because posts of a series may share much of their text. One that is gone may have been renamed.
pub(crate) fn lookalikes<'p>(
    due: impl IntoIterator<Item = &'p Post>,
    present: &HashSet<&str, impl BuildHasher>,
    recorded: &[StoredPost],
    guids: &SourceGuids,
) -> Vec<Lookalike> {
    let parsed: Vec<(&StoredPost, Option<Fingerprint>)> =
        recorded.iter().map(|known| (known, known.fingerprint.parse().ok())).collect();
    let found = |post: &'p Post| {
        let candidates = parsed.iter().filter(|(known, _)| known.post != post.id);
        let alike = candidates.filter_map(|(known, fingerprint)| {
            let exists = present.contains(known.post.as_str());
            let why = likeness(post, (known, fingerprint.as_ref()), exists)?;
            (!guids.differ(post, known, why)).then_some((why, *known))
        });
        let (why, known) = alike.min()?;
        let (source, has_guid) = (post.source.to_string(), guids.all.contains(&post.id));
        Some(Lookalike { post: post.id.clone(), source, known: known.clone(), why, has_guid })
    };
    due.into_iter().filter_map(found).collect()
}

fn likeness(
    post: &Post,
    (known, fingerprint): (&StoredPost, Option<&Fingerprint>),
    exists: bool,
) -> Option<Likeness> {
    let has_title = known.title == post.title.as_str();
    if has_title && fingerprint.is_some_and(|fingerprint| *fingerprint == post.fingerprint) {
        return Some(Likeness::Same);
    }
    if exists {
        return None;
    }
    let Some(fingerprint) = fingerprint else { return has_title.then_some(Likeness::Title) };
    let similarity = fingerprint.similarity(&post.fingerprint);
    (similarity >= ALIKE).then(|| Likeness::Text(percent(similarity)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 100")]
fn percent(share: f64) -> u8 {
    (share * 100.0).round() as u8
}

/// The versions of known posts that the ledger has not recorded yet.
pub(crate) fn not_recorded(
    posts: &[Post],
    known: &HashSet<String, impl BuildHasher>,
    recorded: &[StoredPost],
) -> Vec<StoredPost> {
    let mut by_post: BTreeMap<&str, Vec<&StoredPost>> = BTreeMap::new();
    for identity in recorded {
        by_post.entry(&identity.post).or_default().push(identity);
    }
    let is_new = |identity: &StoredPost| {
        by_post.get(identity.post.as_str()).is_none_or(|seen| !seen.contains(&identity))
    };
    let of_known = posts.iter().filter(|post| known.contains(&post.id)).map(StoredPost::of);
    of_known.filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tests::post_of;

    const TEXT: &str = "천천히 오는 편지를 기다리는 사람들의 이야기를 적는다. 우체통은 비어 있고, 하늘은 맑다. 편지는 내일 온다.";

    fn post(id: &str, title: &str, body: &str) -> Post {
        let mut post = post_of(id, DateTime::UNIX_EPOCH);
        post.title = crate::text::HeaderText::parse(title).unwrap();
        post.fingerprint = Fingerprint::of(title, body);
        post
    }

    fn why(due: &Post, present: &[&str], recorded: &[StoredPost]) -> Option<Likeness> {
        let present: HashSet<&str> = present.iter().copied().collect();
        lookalikes([due], &present, recorded, &SourceGuids::default()).pop().map(|found| found.why)
    }

    #[test]
    fn a_new_guid_in_the_source_feed_is_a_new_post_unless_the_guid_of_a_similar_post_has_just_gone() {
        let footer = "이 편지는 매주 월요일에 온다. 답장은 언제나 환영한다. 그만 받으려면 아래를 누른다. 지난 편지는 집에 있다. 늘 고맙다.";
        let old = [StoredPost::of(&post("old", "첫째", &format!("{footer} 비가 온다.")))];
        let mut new = post("new", "둘째", &format!("{footer} 눈이 온다."));
        let at = |hours| DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hours);
        new.published = at(2).fixed_offset();
        let held = |new: &Post, present: &[&str], retracted: Option<i64>| {
            let guids = SourceGuids {
                all: ["old", "new"].map(str::to_owned).into(),
                present: present.iter().map(|id| (*id).to_owned()).collect(),
                retracted: retracted.map(|hours| ("old".to_owned(), at(hours))).into_iter().collect(),
            };
            lookalikes([new], &HashSet::from(["new"]), &old, &guids).pop()
        };
        let found = held(&new, &["new"], Some(3)).expect("the guid changed when the old one went");
        assert!(matches!(found.why, Likeness::Text(50..REPUBLISHED)), "{:?}", found.why);
        assert!(!found.help().contains("front matter") && found.help().contains("letterpress approve new"));
        assert!(held(&new, &["new"], None).is_some(), "nobody knows when the old one went");
        assert_eq!(held(&new, &["new"], Some(1)), None, "it was written after the old one was removed");
        assert_eq!(held(&new, &["old", "new"], None), None, "both are in the feed");
        let mut again = post("new", "첫째", &format!("{footer} 비가 온다."));
        again.published = new.published;
        assert!(held(&again, &["new"], Some(1)).is_some(), "it was deleted and published again");
    }

    #[test]
    fn a_post_that_lost_its_id_is_recognised_by_its_text() {
        let old = [StoredPost::of(&post("old", "편지", TEXT))];
        assert_eq!(why(&post("new", "편지", TEXT), &["new"], &old), Some(Likeness::Same));
        let renamed = post("new", "다른 제목", TEXT);
        assert!(matches!(why(&renamed, &["new"], &old), Some(Likeness::Text(50..=100))));
        let another = post(
            "new",
            "편지",
            "전혀 다른 글이다. 산에는 눈이 내리고 강은 얼었다. 봄은 아직 멀다. 새는 남쪽으로 날아간다.",
        );
        assert_eq!(why(&another, &["new"], &old), None);
    }

    #[test]
    fn a_post_of_a_series_is_reported_only_as_an_exact_copy() {
        let old = [StoredPost::of(&post("old", "편지", TEXT))];
        let edited = post("new", "편지", &TEXT.replace("맑다", "흐리다"));
        assert_eq!(why(&edited, &["old", "new"], &old), None);
        assert_eq!(why(&post("new", "편지", TEXT), &["old", "new"], &old), Some(Likeness::Same));
    }

    #[test]
    fn titles_recorded_by_an_earlier_version_are_recognised() {
        let old = StoredPost {
            fingerprint: String::new(),
            path: String::new(),
            ..StoredPost::of(&post("old", "편지", TEXT))
        };
        assert_eq!(
            why(&post("new", "편지", TEXT), &["new"], std::slice::from_ref(&old)),
            Some(Likeness::Title)
        );
        assert_eq!(why(&post("old", "편지", TEXT), &["old"], &[old]), None, "it is that post itself");
    }

    #[test]
    fn each_version_of_a_post_is_recorded_once() {
        let first = post("a", "편지", TEXT);
        let known = HashSet::from(["a".to_owned()]);
        let recorded = not_recorded(std::slice::from_ref(&first), &known, &[]);
        assert_eq!(recorded.len(), 1);
        assert_eq!(not_recorded(std::slice::from_ref(&first), &known, &recorded), []);
        let edited = post("a", "편지 2", TEXT);
        assert_eq!(not_recorded(&[edited, post("b", "아직", TEXT)], &known, &recorded).len(), 1);
    }
}
