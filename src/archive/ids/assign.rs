//! Assigns an id to each post. A post is matched to a line of the ledger by its `id` first, then by its text, its file and
//! its title; see [`similarity`]. Only a post without a match gets a new id.

mod similarity;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};

use self::similarity::{is_edited_version, is_named, keeps_its_file};
use super::{Gone, IdEntry, IdRegistry, PostIdentity, RETIRED, canonical_uri, is_uri, slug_of, tag};
use crate::archive::links;
use crate::finding::Finding;

/// What the ledger assigns to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedId {
    /// Its id.
    pub id: String,
    /// When it was published, with the time of day that was first seen.
    pub published: DateTime<FixedOffset>,
    /// When its text last changed; never before it was published.
    pub updated: DateTime<FixedOffset>,
    /// Since when it is retracted and must not be published.
    pub retracted: Option<DateTime<FixedOffset>>,
}

/// The result for each post, in the order of the input, and the new ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// One for each post.
    pub given: Vec<AssignedId>,
    /// The new ledger; it is written if it differs from the old one.
    pub registry: IdRegistry,
}

/// Files that exist but are not published, relative to the folder of posts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Drafts and the like: if their posts were published, they are reported as taken back.
    pub unpublished: BTreeSet<String>,
    /// Files that cannot be read at the moment: the state of their posts is unknown and does not change.
    pub unread: BTreeSet<String>,
}

impl Withheld {
    fn contains(&self, path: &str) -> bool {
        self.unpublished.contains(path) || self.unread.contains(path)
    }
}

/// Finds or creates the id of every post. Lines of `held_back` files are not matched to other posts. `host` becomes part of
/// new ids; `now`, in whole seconds, becomes the `updated` of a changed post. The order of `posts` does not matter.
pub fn assign(
    registry: &IdRegistry,
    posts: &[PostIdentity],
    held_back: &Withheld,
    host: &str,
    now: DateTime<FixedOffset>,
) -> Result<Assignment, Vec<Finding>> {
    let mut search = Matcher::new(registry, posts, held_back);
    search.by_own_id();
    search.by_file(|post, line| line.hash == post.hash);
    search.by_hash();
    search.by_file(is_edited_version);
    search.by_likeness();
    search.by_file(keeps_its_file);
    search.by_day_and_title();
    search.by_day_and_slug();
    search.create(host);
    let ids = search.finish()?;
    let mut registry = registry.clone();
    mark_gone(&mut registry, posts, &ids, now);
    retract(&mut registry, &ids, held_back, now);
    let given = posts.iter().zip(ids).map(|(post, id)| {
        let retracted = registry.retracted(&id);
        let returned = retracted.is_none() && registry.gone.remove(&id).is_some();
        let published = published(post, registry.get(&id), now);
        let updated = updated(post, registry.get(&id), now, returned).max(published);
        let line = IdEntry {
            path: post.path.clone(),
            published,
            hash: post.hash.clone(),
            updated,
            fingerprint: Some(post.fingerprint),
        };
        registry.record(id.clone(), line);
        AssignedId { id, published, updated, retracted }
    });
    Ok(Assignment { given: given.collect(), registry })
}

/// Retires lines whose file now belongs to another post, so that they do not match by file again. If another post replaced
/// the old one, the old one is taken back; if the post only changed its id, it is not.
fn mark_gone(registry: &mut IdRegistry, posts: &[PostIdentity], ids: &[String], now: DateTime<FixedOffset>) {
    let current: BTreeMap<&str, usize> =
        posts.iter().enumerate().map(|(at, post)| (post.path.as_str(), at)).collect();
    let published: BTreeSet<&String> = ids.iter().collect();
    let gone = Gone { since: now, is_retracted: false };
    for (id, line) in &mut registry.lines {
        let Some(at) = current.get(line.path.as_str()).copied().filter(|at| ids[*at] != *id) else {
            continue;
        };
        let is_given_up = posts[at].id.is_some() && keeps_its_file(&posts[at], line);
        if !published.contains(id) && !is_given_up {
            registry.gone.entry(id.clone()).or_insert(gone);
        }
        RETIRED.clone_into(&mut line.path);
    }
}

/// Marks lines without a post as taken back: the file is gone and was not renamed, or is a draft again, or has expired.
/// Retired ids have no post and are skipped.
fn retract(registry: &mut IdRegistry, ids: &[String], held_back: &Withheld, now: DateTime<FixedOffset>) {
    let published: BTreeSet<&String> = ids.iter().collect();
    for (id, line) in &registry.lines {
        let is_gone = line.path != RETIRED && !held_back.unread.contains(&line.path);
        if is_gone && !published.contains(id) {
            let gone = Gone { since: now, is_retracted: false };
            registry.gone.entry(id.clone()).or_insert(gone);
        }
    }
}

/// A post with only a day was published at the time of day that the ledger remembers. A new one that is seen on its day was
/// published now, so that it does not sink below the earlier posts of that day.
fn published(
    post: &PostIdentity,
    line: Option<&IdEntry>,
    now: DateTime<FixedOffset>,
) -> DateTime<FixedOffset> {
    let is_on_its_day = |moment: &DateTime<FixedOffset>| moment.date_naive() == post.published.date_naive();
    let seen = line.map_or(now, |line| line.published);
    if post.is_day_only && is_on_its_day(&seen) { seen } else { post.published }
}

/// The front matter wins; otherwise the time changes only when the text does.
fn updated(
    post: &PostIdentity,
    line: Option<&IdEntry>,
    now: DateTime<FixedOffset>,
    returned: bool,
) -> DateTime<FixedOffset> {
    let updated = match (post.updated, line) {
        // The feeds have announced its deletion; its return must be newer than that.
        (None, _) if returned => now,
        (Some(updated), _) => updated,
        (None, None) => post.published,
        (None, Some(line)) if line.hash == post.hash => line.updated,
        // If the clock was set back, the time must not go back.
        (None, Some(line)) => now.max(line.updated),
    };
    updated.max(post.published)
}

/// `id` in the front matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum ExplicitId {
    /// A URI, used unchanged.
    Uri(String),
    /// Replaces the slug in a new id.
    Key(String),
}

impl ExplicitId {
    fn of(post: &PostIdentity) -> Option<Self> {
        let raw = post.id.as_ref()?.value.trim();
        Some(if is_uri(raw) { Self::Uri(canonical_uri(raw)) } else { Self::Key(links::segment(raw)) })
    }
}

struct Matcher<'s> {
    registry: &'s IdRegistry,
    posts: &'s [PostIdentity],
    own: Vec<Option<ExplicitId>>,
    /// Indices of the posts in an order that does not depend on the input order.
    order: Vec<usize>,
    /// The files of the posts.
    files: BTreeSet<&'s str>,
    /// Lines without a post so far: their files are published, gone, or belong to another post.
    free: BTreeSet<&'s str>,
    found: Vec<Option<String>>,
    owners: BTreeMap<String, usize>,
    findings: Vec<Finding>,
}

impl<'s> Matcher<'s> {
    fn new(registry: &'s IdRegistry, posts: &'s [PostIdentity], held_back: &Withheld) -> Self {
        let mut order: Vec<usize> = (0..posts.len()).collect();
        order.sort_by(|a, b| {
            (posts[*a].published, &posts[*a].path).cmp(&(posts[*b].published, &posts[*b].path))
        });
        let is_free = |(id, line): &(&str, &IdEntry)| match line.path.as_str() {
            // A retired id is not reused, but a post that was taken back may return.
            RETIRED => registry.gone.contains_key(*id),
            path => !held_back.contains(path),
        };
        let free = registry.iter().filter(is_free).map(|(id, _)| id).collect();
        Self {
            registry,
            posts,
            own: posts.iter().map(ExplicitId::of).collect(),
            order,
            files: posts.iter().map(|post| post.path.as_str()).collect(),
            free,
            found: vec![None; posts.len()],
            owners: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Assigns `id` to the post at `at`; two posts with the same id are an error that names both.
    fn assign_to(&mut self, at: usize, id: String) {
        self.free.remove(id.as_str());
        if let Some(other) = self.owners.get(&id) {
            self.collide(*other, at, &id);
        }
        self.owners.insert(id.clone(), at);
        self.found[at] = Some(id);
    }

    fn collide(&mut self, first: usize, second: usize, id: &str) {
        let (first, second) = (&self.posts[first], &self.posts[second]);
        // Report at the post that states the id, if one does.
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
        self.findings.push(finding.hint("remove `id` from the copy; it will get a new id"));
    }

    /// Posts without an id so far, in order.
    fn lost(&self) -> Vec<usize> {
        self.order.iter().copied().filter(|at| self.found[*at].is_none()).collect()
    }

    fn by_own_id(&mut self) {
        let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, _) in self.registry.iter() {
            lines.entry(slug_of(id).unwrap_or_default()).or_default().push(id);
        }
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        for at in self.order.clone() {
            match self.own[at].clone() {
                Some(ExplicitId::Uri(id)) => self.assign_to(at, id),
                Some(ExplicitId::Key(key)) => {
                    let id = lines.get(key.as_str()).and_then(|ids| self.line_with_key(at, ids));
                    if let Some(other) = keys.get(&key) {
                        self.collide(*other, at, &key);
                    } else if let Some(id) = id {
                        self.assign_to(at, id);
                    }
                    keys.insert(key, at);
                }
                None => {}
            }
        }
    }

    /// Among the lines made from the post's key: its own line, else one whose file is gone.
    fn line_with_key(&self, at: usize, ids: &[&str]) -> Option<String> {
        let post = &self.posts[at];
        let rank = |id: &str| {
            let line = self.registry.get(id)?;
            let is_own = line.path == post.path;
            let is_gone = self.free.contains(id) && !self.files.contains(line.path.as_str());
            (is_own && !self.owners.contains_key(id) || is_gone).then_some((!is_own, line.hash != post.hash))
        };
        ids.iter().filter_map(|id| Some((rank(id)?, *id))).min().map(|(_, id)| id.to_owned())
    }

    /// Assigns to each unmatched post the line with its file, if it `is_same`.
    fn by_file(&mut self, is_same: impl Fn(&PostIdentity, &IdEntry) -> bool) {
        let lines: BTreeMap<&str, (&str, &IdEntry)> = self
            .registry
            .iter()
            .filter(|(_, line)| line.path != RETIRED)
            .map(|(id, line)| (line.path.as_str(), (id, line)))
            .collect();
        for at in self.lost() {
            let post = &self.posts[at];
            if let Some((id, line)) = lines.get(post.path.as_str())
                // If another post states this id in its front matter, that is an error; if it matched by text, it is not.
                && (self.free.contains(id) || self.owners.get(*id).is_some_and(|owner| self.own[*owner].is_some()))
                && is_same(post, line)
            {
                self.assign_to(at, (*id).to_owned());
            }
        }
    }

    /// Posts that were renamed or moved without an edit.
    fn by_hash(&mut self) {
        self.reuse(|_, line| Some(line.hash.as_str()), |post| Some(post.hash.as_str()));
    }

    /// Posts that were renamed or moved and edited: the most similar pairs first.
    fn by_likeness(&mut self) {
        let mut pairs = Vec::new();
        for at in self.lost() {
            let post = &self.posts[at];
            for id in &self.free {
                let line = self.registry.get(id);
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
                self.assign_to(at, id.to_owned());
            }
        }
    }

    /// Posts that were renamed and rewritten: title and day are the same.
    fn by_day_and_title(&mut self) {
        self.reuse(
            |_, line| Some((line.published.date_naive(), line.fingerprint?.title())),
            |post| Some((post.published.date_naive(), post.fingerprint.title())),
        );
    }

    /// Posts that were renamed and edited, in a ledger without fingerprints: day and slug are the same, and the slug is more
    /// than a date.
    fn by_day_and_slug(&mut self) {
        self.reuse(
            |id, line| {
                let slug = slug_of(id).filter(|_| line.fingerprint.is_none())?;
                Some((line.published.date_naive(), slug.to_owned()))
            },
            |post| is_named(&post.slug).then(|| (post.published.date_naive(), links::segment(&post.slug))),
        );
    }

    /// Assigns to each unmatched post the free line with its key. Of several, prefers the same instant, then the same slug,
    /// then the smallest id.
    fn reuse<K: Ord>(
        &mut self,
        key_of_line: impl Fn(&'s str, &'s IdEntry) -> Option<K>,
        key_of_post: impl Fn(&'s PostIdentity) -> Option<K>,
    ) {
        let mut free: BTreeMap<K, Vec<(&str, &IdEntry)>> = BTreeMap::new();
        for id in &self.free {
            let Some(line) = self.registry.get(id) else { continue };
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
                self.assign_to(at, (*id).to_owned());
            }
        }
    }

    fn create(&mut self, host: &str) {
        for at in self.lost() {
            let post = &self.posts[at];
            let slug = match &self.own[at] {
                Some(ExplicitId::Key(key)) => key.clone(),
                _ => links::segment(&post.slug),
            };
            let first = tag(host, post.published, &slug);
            let is_taken = |id: &String| self.registry.get(id).is_some() || self.owners.contains_key(id);
            let id = std::iter::once(first.clone())
                .chain((2..=usize::MAX).map(|number| format!("{first}-{number}")))
                .find(|id| !is_taken(id))
                .unwrap_or(first);
            self.assign_to(at, id);
        }
    }

    fn finish(self) -> Result<Vec<String>, Vec<Finding>> {
        if !self.findings.is_empty() {
            return Err(self.findings);
        }
        Ok(self.found.into_iter().flatten().collect())
    }
}

fn has_slug(id: &str, post: &PostIdentity) -> bool {
    slug_of(id) == Some(links::segment(&post.slug).as_str())
}

#[cfg(test)]
mod random_edits;
#[cfg(test)]
mod tests;
