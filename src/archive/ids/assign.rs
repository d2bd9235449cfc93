//! Which post has which id. A post is looked for by what is most its own first: its `id`, then its text, its file and its
//! title; see [`kinship`]. Only a post that is found nowhere gets a new id.

mod kinship;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};

use self::kinship::{is_named, keeps_its_file, says_the_same};
use super::{Gone, Ledger, Line, RETIRED, Sighting, canonical_uri, is_uri, slug_of, tag};
use crate::archive::links;
use crate::finding::Finding;

/// What a post is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its id.
    pub id: String,
    /// When its text last changed; never before it was published.
    pub updated: DateTime<FixedOffset>,
    /// Since when it is retracted, and not to be published.
    pub retracted: Option<DateTime<FixedOffset>>,
}

/// The result: what each post is given, in the order in which the posts came, and the new ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// One for each post.
    pub given: Vec<Given>,
    /// To be written if it differs from the old one.
    pub ledger: Ledger,
}

/// The files that exist and are not published, relative to the folder of posts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Drafts and the like: whoever has seen their posts is told that they are taken back.
    pub unpublished: BTreeSet<String>,
    /// What cannot be read at the moment: nobody knows what has become of their posts, so nothing is said of them.
    pub unread: BTreeSet<String>,
}

impl HeldBack {
    fn contains(&self, path: &str) -> bool {
        self.unpublished.contains(path) || self.unread.contains(path)
    }
}

/// Finds or makes the id of every post. Lines of files that are `held_back` are not up for adoption. `host` goes into new ids; `now`, in whole seconds, becomes the `updated` of a post
/// whose text changed. The order of `posts` does not matter.
pub fn assign(
    ledger: &Ledger,
    posts: &[Sighting],
    held_back: &HeldBack,
    host: &str,
    now: DateTime<FixedOffset>,
) -> Result<Assignment, Vec<Finding>> {
    let mut search = Search::new(ledger, posts, held_back);
    search.by_own_id();
    search.by_file(|post, line| line.hash == post.hash);
    search.by_hash();
    search.by_file(says_the_same);
    search.by_likeness();
    search.by_file(keeps_its_file);
    search.by_day_and_title();
    search.by_day_and_slug();
    search.mint(host);
    let ids = search.finish()?;
    let mut ledger = ledger.clone();
    retire(&mut ledger, posts, &ids, now);
    take_back(&mut ledger, &ids, held_back, now);
    let given = posts.iter().zip(ids).map(|(post, id)| {
        let retracted = ledger.retracted(&id);
        let returned = retracted.is_none() && ledger.taken_back.remove(&id).is_some();
        let updated = updated(post, ledger.get(&id), now, returned);
        let line = Line {
            path: post.path.clone(),
            published: post.published,
            hash: post.hash.clone(),
            updated,
            fingerprint: Some(post.fingerprint),
        };
        ledger.record(id.clone(), line);
        Given { id, updated, retracted }
    });
    Ok(Assignment { given: given.collect(), ledger })
}

/// A line whose file is another post's now must not find that post by its file again. Either its post has given up the id
/// for another one, or another post took its place; then it is taken back.
fn retire(ledger: &mut Ledger, posts: &[Sighting], ids: &[String], now: DateTime<FixedOffset>) {
    let current: BTreeMap<&str, usize> =
        posts.iter().enumerate().map(|(at, post)| (post.path.as_str(), at)).collect();
    let published: BTreeSet<&String> = ids.iter().collect();
    let gone = Gone { since: now, is_retracted: false };
    for (id, line) in &mut ledger.lines {
        let Some(at) = current.get(line.path.as_str()).copied().filter(|at| ids[*at] != *id) else {
            continue;
        };
        let is_given_up = posts[at].id.is_some() && keeps_its_file(&posts[at], line);
        if !published.contains(id) && !is_given_up {
            ledger.taken_back.entry(id.clone()).or_insert(gone);
        }
        RETIRED.clone_into(&mut line.path);
    }
}

/// Whatever has a line and no post any more was taken back: its file is gone and no rename accounts for it, or it is a
/// draft again, or has expired. An id that was given up for another is no post.
fn take_back(ledger: &mut Ledger, ids: &[String], held_back: &HeldBack, now: DateTime<FixedOffset>) {
    let published: BTreeSet<&String> = ids.iter().collect();
    for (id, line) in &ledger.lines {
        let is_gone = line.path != RETIRED && !held_back.unread.contains(&line.path);
        if is_gone && !published.contains(id) {
            let gone = Gone { since: now, is_retracted: false };
            ledger.taken_back.entry(id.clone()).or_insert(gone);
        }
    }
}

/// The front matter wins; else the time stands still as long as the text does.
fn updated(
    post: &Sighting,
    line: Option<&Line>,
    now: DateTime<FixedOffset>,
    returned: bool,
) -> DateTime<FixedOffset> {
    let updated = match (post.updated, line) {
        // Readers were told that it is gone, and believe in its return only if that is newer.
        (None, _) if returned => now,
        (Some(updated), _) => updated,
        (None, None) => post.published,
        (None, Some(line)) if line.hash == post.hash => line.updated,
        // A clock that was set back must not take an update back.
        (None, Some(line)) => now.max(line.updated),
    };
    updated.max(post.published)
}

/// `id` in the front matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OwnId {
    /// Used as it is.
    Uri(String),
    /// Takes the place of the slug in a new id.
    Key(String),
}

impl OwnId {
    fn of(post: &Sighting) -> Option<Self> {
        let raw = post.id.as_ref()?.value.trim();
        Some(if is_uri(raw) { Self::Uri(canonical_uri(raw)) } else { Self::Key(links::segment(raw)) })
    }
}

struct Search<'s> {
    ledger: &'s Ledger,
    posts: &'s [Sighting],
    own: Vec<Option<OwnId>>,
    /// Indices of the posts in an order that does not depend on how they came.
    order: Vec<usize>,
    /// The files of the posts.
    files: BTreeSet<&'s str>,
    /// Lines that nobody has taken yet: of files that are published, that are gone, or that another post took over.
    free: BTreeSet<&'s str>,
    found: Vec<Option<String>>,
    owners: BTreeMap<String, usize>,
    findings: Vec<Finding>,
}

impl<'s> Search<'s> {
    fn new(ledger: &'s Ledger, posts: &'s [Sighting], held_back: &HeldBack) -> Self {
        let mut order: Vec<usize> = (0..posts.len()).collect();
        order.sort_by(|a, b| {
            (posts[*a].published, &posts[*a].path).cmp(&(posts[*b].published, &posts[*b].path))
        });
        let is_free = |(id, line): &(&str, &Line)| match line.path.as_str() {
            // An id that was given up for another is nobody's; one whose post was taken back may come again.
            RETIRED => ledger.taken_back.contains_key(*id),
            path => !held_back.contains(path),
        };
        let free = ledger.iter().filter(is_free).map(|(id, _)| id).collect();
        Self {
            ledger,
            posts,
            own: posts.iter().map(OwnId::of).collect(),
            order,
            files: posts.iter().map(|post| post.path.as_str()).collect(),
            free,
            found: vec![None; posts.len()],
            owners: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Gives `id` to the post at `at`; two posts with one id are an error that names both.
    fn give(&mut self, at: usize, id: String) {
        self.free.remove(id.as_str());
        if let Some(other) = self.owners.get(&id) {
            self.collide(*other, at, &id);
        }
        self.owners.insert(id.clone(), at);
        self.found[at] = Some(id);
    }

    fn collide(&mut self, first: usize, second: usize, id: &str) {
        let (first, second) = (&self.posts[first], &self.posts[second]);
        // The line of the post that names the id itself, if one does.
        let (named, other) = if second.id.is_some() { (second, first) } else { (first, second) };
        let finding = Finding::error(
            "post-id",
            named.source.as_str(),
            format!("{} has the same id, {id}", other.source),
        );
        let finding = match &named.id {
            Some(own) => finding.at(own.line),
            None => finding,
        };
        self.findings.push(finding.hint("remove `id` from the copy: a new post gets an id of its own"));
    }

    /// Posts without an id so far, in order.
    fn lost(&self) -> Vec<usize> {
        self.order.iter().copied().filter(|at| self.found[*at].is_none()).collect()
    }

    fn by_own_id(&mut self) {
        let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, _) in self.ledger.iter() {
            lines.entry(slug_of(id).unwrap_or_default()).or_default().push(id);
        }
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for at in self.order.clone() {
            match self.own[at].clone() {
                Some(OwnId::Uri(id)) => self.give(at, id),
                Some(OwnId::Key(key)) => {
                    let id = lines.get(key.as_str()).and_then(|ids| self.line_with_key(at, ids));
                    if let Some(other) = keys.get(&key) {
                        self.collide(*other, at, &key);
                    } else if let Some(id) = id {
                        self.give(at, id);
                    }
                    keys.insert(key, at);
                }
                None => {}
            }
        }
    }

    /// Of the lines that were made from the post's key: its own first, else one whose file is gone.
    fn line_with_key(&self, at: usize, ids: &[&str]) -> Option<String> {
        let post = &self.posts[at];
        let rank = |id: &str| {
            let line = self.ledger.get(id)?;
            let is_own = line.path == post.path;
            let is_gone = self.free.contains(id) && !self.files.contains(line.path.as_str());
            (is_own && !self.owners.contains_key(id) || is_gone).then_some((!is_own, line.hash != post.hash))
        };
        ids.iter().filter_map(|id| Some((rank(id)?, *id))).min().map(|(_, id)| id.to_owned())
    }

    /// Gives each lost post the line with its file, if it `is_same`.
    fn by_file(&mut self, is_same: impl Fn(&Sighting, &Line) -> bool) {
        let lines: BTreeMap<&str, (&str, &Line)> = self
            .ledger
            .iter()
            .filter(|(_, line)| line.path != RETIRED)
            .map(|(id, line)| (line.path.as_str(), (id, line)))
            .collect();
        for at in self.lost() {
            let post = &self.posts[at];
            if let Some((id, line)) = lines.get(post.path.as_str())
                // What another post has by its own `id` is an error that names both; what it has by its text is not.
                && (self.free.contains(id) || self.owners.get(*id).is_some_and(|owner| self.own[*owner].is_some()))
                && is_same(post, line)
            {
                self.give(at, (*id).to_owned());
            }
        }
    }

    /// Renamed or moved: the text is the same.
    fn by_hash(&mut self) {
        self.adopt(|_, line| Some(line.hash.as_str()), |post| Some(post.hash.as_str()));
    }

    /// Renamed or moved and edited: of all pairs that say the same, those that are most alike come first.
    fn by_likeness(&mut self) {
        let mut pairs = Vec::new();
        for at in self.lost() {
            let post = &self.posts[at];
            for id in &self.free {
                let line = self.ledger.get(id);
                let Some((line, known)) = line.and_then(|line| Some((line, line.fingerprint?))) else {
                    continue;
                };
                if known.matches(&post.fingerprint) {
                    let likeness =
                        (known.similarity(&post.fingerprint), known.has_title_of(&post.fingerprint));
                    pairs.push((likeness, line.published == post.published, has_slug(id, post), at, *id));
                }
            }
        }
        let key = |at: usize| (self.posts[at].published, &self.posts[at].path);
        pairs.sort_by(|a, b| {
            let ((a_share, a_title), (b_share, b_title)) = (a.0, b.0);
            b_share
                .total_cmp(&a_share)
                .then_with(|| (b_title, b.1, b.2).cmp(&(a_title, a.1, a.2)))
                .then_with(|| a.4.cmp(b.4))
                .then_with(|| key(a.3).cmp(&key(b.3)))
        });
        for (.., at, id) in pairs {
            if self.found[at].is_none() && self.free.contains(id) {
                self.give(at, id.to_owned());
            }
        }
    }

    /// Renamed and written anew: the title and the day are the same.
    fn by_day_and_title(&mut self) {
        self.adopt(
            |_, line| Some((line.published.date_naive(), line.fingerprint?.title())),
            |post| Some((post.published.date_naive(), post.fingerprint.title())),
        );
    }

    /// Renamed and edited since a version that kept no fingerprints: the day and the slug are the same, and the slug is more
    /// than a day.
    fn by_day_and_slug(&mut self) {
        self.adopt(
            |id, line| {
                let slug = slug_of(id).filter(|_| line.fingerprint.is_none())?;
                Some((line.published.date_naive(), slug.to_owned()))
            },
            |post| is_named(&post.slug).then(|| (post.published.date_naive(), links::segment(&post.slug))),
        );
    }

    /// Gives each lost post the free line with its key; of several the one with its instant, with its slug, with the
    /// smallest id.
    fn adopt<K: Ord>(
        &mut self,
        key_of_line: impl Fn(&'s str, &'s Line) -> Option<K>,
        key_of_post: impl Fn(&'s Sighting) -> Option<K>,
    ) {
        let mut free: BTreeMap<K, Vec<(&str, &Line)>> = BTreeMap::new();
        for id in &self.free {
            let Some(line) = self.ledger.get(id) else { continue };
            if let Some(key) = key_of_line(id, line) {
                free.entry(key).or_default().push((id, line));
            }
        }
        for at in self.lost() {
            let post = &self.posts[at];
            let candidates = key_of_post(post).and_then(|key| free.get(&key));
            let best = candidates
                .into_iter()
                .flatten()
                .filter(|(id, _)| self.free.contains(id))
                .min_by_key(|(id, line)| (line.published != post.published, !has_slug(id, post), *id));
            if let Some((id, _)) = best {
                self.give(at, (*id).to_owned());
            }
        }
    }

    fn mint(&mut self, host: &str) {
        for at in self.lost() {
            let post = &self.posts[at];
            let slug = match &self.own[at] {
                Some(OwnId::Key(key)) => key.clone(),
                _ => links::segment(&post.slug),
            };
            let first = tag(host, post.published, &slug);
            let is_taken = |id: &String| self.ledger.get(id).is_some() || self.owners.contains_key(id);
            let id = std::iter::once(first.clone())
                .chain((2..=usize::MAX).map(|number| format!("{first}-{number}")))
                .find(|id| !is_taken(id))
                .unwrap_or(first);
            self.give(at, id);
        }
    }

    fn finish(self) -> Result<Vec<String>, Vec<Finding>> {
        if !self.findings.is_empty() {
            return Err(self.findings);
        }
        Ok(self.found.into_iter().flatten().collect())
    }
}

fn has_slug(id: &str, post: &Sighting) -> bool {
    slug_of(id) == Some(links::segment(&post.slug).as_str())
}

#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;
