//! Which post is which, as the ledger remembers it: by id, file, title, date and text, in every form that it has had.
//!
//! Pure. Ids are kept in `posts/ids.txt`; where that file is lost, or the posts are checked out anew and published from
//! another address, an old post would come with a new id and be mailed to everybody again. The ledger's own memory
//! prevents that. It never decides that two posts are one: it only says that one looks like the other, and somebody
//! decides.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

use chrono::{DateTime, Utc};

use crate::archive::Post;
use crate::archive::ids::Fingerprint;
use crate::text::shell_quoted;

/// One form in which a post of the ledger was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredPost {
    /// The permanent id, as the ledger has it.
    pub post: String,
    /// The file, as the user would type it; empty where only the title is known.
    pub path: String,
    /// The title.
    pub title: String,
    /// When it was published; for a title alone, when the ledger took note of it.
    pub published: DateTime<Utc>,
    /// Of its title and text ([`Fingerprint`]); empty where only the title is known.
    pub fingerprint: String,
}

impl StoredPost {
    /// What makes `post` itself now.
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

/// A post that would be mailed as new and looks like one that the ledger knows under another id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// The id of the post that would be mailed.
    pub post: String,
    /// Its file.
    pub source: String,
    /// What it looks like.
    pub known: StoredPost,
    /// In what.
    pub why: Likeness,
}

/// In what two posts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Title and text are the same.
    Same,
    /// The texts are alike, in per cent.
    Text(u8),
    /// The title is the same, and more is not on record of the post that had it.
    Title,
}

impl Lookalike {
    /// What helps, whichever of the two it is.
    pub fn help(&self) -> String {
        let Self { post, known, source, .. } = self;
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

/// From this similarity on, somebody is asked. A post that is kept back by mistake costs a word; one that is mailed by
/// mistake cannot be taken back.
const ALIKE: f64 = Fingerprint::SAME_UNDER_ONE_TITLE;

/// The posts of `due` that look like one of the `remembered`. A post that is still there under its own id is looked like
/// only by its exact copy: two posts of a series may share much of their text. One that is gone may have been renamed.
pub(crate) fn lookalikes<'p>(
    due: impl IntoIterator<Item = &'p Post>,
    present: &HashSet<&str, impl BuildHasher>,
    remembered: &[StoredPost],
) -> Vec<Lookalike> {
    let parsed: Vec<(&StoredPost, Option<Fingerprint>)> =
        remembered.iter().map(|known| (known, known.fingerprint.parse().ok())).collect();
    let found = |post: &'p Post| {
        let candidates = parsed.iter().filter(|(known, _)| known.post != post.id);
        let alike = candidates.filter_map(|(known, fingerprint)| {
            let is_there = present.contains(known.post.as_str());
            likeness(post, (known, fingerprint.as_ref()), is_there).map(|why| (why, *known))
        });
        let (why, known) = alike.min()?;
        Some(Lookalike { post: post.id.clone(), source: post.source.to_string(), known: known.clone(), why })
    };
    due.into_iter().filter_map(found).collect()
}

fn likeness(
    post: &Post,
    (known, fingerprint): (&StoredPost, Option<&Fingerprint>),
    is_there: bool,
) -> Option<Likeness> {
    let has_title = known.title == post.title.as_str();
    if has_title && fingerprint.is_some_and(|fingerprint| *fingerprint == post.fingerprint) {
        return Some(Likeness::Same);
    }
    if is_there {
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

/// What the ledger does not remember yet of the posts that it knows.
pub(crate) fn not_recorded(
    posts: &[Post],
    known: &HashSet<String, impl BuildHasher>,
    remembered: &[StoredPost],
) -> Vec<StoredPost> {
    let mut by_post: BTreeMap<&str, Vec<&StoredPost>> = BTreeMap::new();
    for identity in remembered {
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

    fn why(due: &Post, present: &[&str], remembered: &[StoredPost]) -> Option<Likeness> {
        let present: HashSet<&str> = present.iter().copied().collect();
        lookalikes([due], &present, remembered).pop().map(|found| found.why)
    }

    #[test]
    fn a_post_that_lost_its_id_is_known_again_by_its_text_whatever_else_changed() {
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
    fn a_series_whose_posts_are_all_there_is_asked_about_only_for_an_exact_copy() {
        let old = [StoredPost::of(&post("old", "편지", TEXT))];
        let edited = post("new", "편지", &TEXT.replace("맑다", "흐리다"));
        assert_eq!(why(&edited, &["old", "new"], &old), None);
        assert_eq!(why(&post("new", "편지", TEXT), &["old", "new"], &old), Some(Likeness::Same));
    }

    #[test]
    fn of_a_ledger_of_an_earlier_version_the_titles_are_known() {
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
    fn each_form_of_a_post_is_remembered_once() {
        let first = post("a", "편지", TEXT);
        let known = HashSet::from(["a".to_owned()]);
        let remembered = not_recorded(std::slice::from_ref(&first), &known, &[]);
        assert_eq!(remembered.len(), 1);
        assert_eq!(not_recorded(std::slice::from_ref(&first), &known, &remembered), []);
        let edited = post("a", "편지 2", TEXT);
        assert_eq!(not_recorded(&[edited, post("b", "아직", TEXT)], &known, &remembered).len(), 1);
    }
}
