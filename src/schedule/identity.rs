//! Which post is which, as the ledger remembers it: by id, file, title, date and text, in every form that it has had.
//!
//! Pure. Ids are kept in `posts/ids.txt`; where that file is lost, or the posts are checked out anew and published from
//! another address, an old post would come with a new id and be mailed to everybody again. The ledger's own memory
//! prevents that. It never decides that two posts are one: it only says that one looks like the other, and somebody
//! decides.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use crate::archive::Post;
use crate::archive::ids::Fingerprint;

/// One form in which a post of the ledger was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostIdentity {
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

impl PostIdentity {
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
    pub known: PostIdentity,
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
    /// The title is the same, and the post that had it is gone.
    Title,
}

/// The posts of `due` that look like one of the `remembered`. A post that is still there under its own id is looked like
/// only by its exact copy: two posts of a series may share much of their text. One that is gone may have been renamed.
pub fn lookalikes<'p>(
    due: impl IntoIterator<Item = &'p Post>,
    present: &HashSet<&str>,
    remembered: &[PostIdentity],
) -> Vec<Lookalike> {
    let parsed: Vec<(&PostIdentity, Option<Fingerprint>)> =
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
    (known, fingerprint): (&PostIdentity, Option<&Fingerprint>),
    is_there: bool,
) -> Option<Likeness> {
    let has_title = known.title == post.title.as_str();
    if has_title && fingerprint.is_some_and(|fingerprint| *fingerprint == post.fingerprint) {
        return Some(Likeness::Same);
    }
    if is_there {
        return None;
    }
    let similarity = fingerprint.map_or(0, |fingerprint| fingerprint.similarity(&post.fingerprint));
    if similarity >= Fingerprint::THRESHOLD {
        return Some(Likeness::Text(similarity));
    }
    has_title.then_some(Likeness::Title)
}

/// What the ledger does not remember yet of the posts that it knows.
pub fn unremembered(posts: &[Post], known: &HashSet<String>, remembered: &[PostIdentity]) -> Vec<PostIdentity> {
    let mut by_post: BTreeMap<&str, Vec<&PostIdentity>> = BTreeMap::new();
    for identity in remembered {
        by_post.entry(&identity.post).or_default().push(identity);
    }
    let is_new = |identity: &PostIdentity| {
        by_post.get(identity.post.as_str()).is_none_or(|seen| !seen.contains(&identity))
    };
    let of_known = posts.iter().filter(|post| known.contains(&post.id)).map(PostIdentity::of);
    of_known.filter(is_new).collect()
}
