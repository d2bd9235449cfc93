//! Posts that are due but not mailed in this run: a possible duplicate of a mailed post, a post without recipients, a post
//! that is not approved. Each is reported when it is new, and checked again by every run.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use super::newsletter::compose;
use super::{Edition, Office, RunError, World, approval};
use crate::archive::{Archive, Post};
use crate::schedule::identity::{Lookalike, lookalikes, unremembered};
use crate::store::posts::{Approval, Audience};
use crate::subscribers::Standing;
use crate::text::{HeaderText, hex};

/// Posts that are due and held back.
#[derive(Debug, Default)]
pub struct Held {
    /// Posts that look like one in the ledger.
    pub lookalikes: Vec<Lookalike>,
    /// Posts without recipients.
    pub nobody: Vec<NobodyGets>,
    /// Issues that wait for approval.
    pub unapproved: Vec<Unapproved>,
    /// Whether an earlier run held back the same.
    pub is_known: bool,
}

/// A post without recipients.
#[derive(Debug, Clone)]
pub struct NobodyGets {
    /// The post's id.
    pub post: String,
    /// Its title.
    pub title: HeaderText,
    /// Its file.
    pub source: String,
    /// The active subscribers, by why they do not get it.
    pub audience: Audience,
    /// The other subscribers, by status.
    pub others: BTreeMap<&'static str, u64>,
}

impl NobodyGets {
    /// Whether subscribers get it with the weekly digest.
    pub fn comes_with_the_digest(&self) -> bool {
        self.audience.weekly > 0
    }
}

impl NobodyGets {
    /// What to do.
    pub fn help(&self) -> &'static str {
        if self.others.contains_key(Standing::Unconfirmed.as_str()) {
            "`letterpress subscribers import FILE --confirmed` confirms that all of them agreed elsewhere; or add a column \
             `consented` with the date of consent to the list"
        } else {
            "add subscribers with `letterpress subscribers add ADDRESS`; the post stays due until it is older than newsletter.max_age"
        }
    }
}

impl fmt::Display for NobodyGets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({}) is not mailed, because it has no recipients: ", self.title, self.source)?;
        let mut left_out: Vec<String> =
            self.others.iter().map(|(status, n)| format!("{n} {status}")).collect();
        if self.audience.others > 0 {
            left_out.push(format!("{} active with other topics", self.audience.others));
        }
        if left_out.is_empty() {
            left_out.push("there are no subscribers".to_owned());
        }
        f.write_str(&left_out.join(", "))
    }
}

/// An issue that waits for approval.
#[derive(Debug)]
pub struct Unapproved {
    /// The post's id, or the digest's name.
    pub subject: String,
    /// The email's subject.
    pub title: HeaderText,
    /// Fingerprint of what is to be approved.
    pub content: String,
    /// Whether the request for approval was sent.
    pub asked: bool,
    /// The email shown for approval.
    pub(super) sample: Edition,
}

/// Marks an approval that confirms a post as new, instead of approving a text.
pub(super) const IS_NEW: &str = "a new post";

/// The database entry with the fingerprint of what was held back last.
const HELD: &str = "held";

impl Held {
    /// Whether nothing needs attention.
    pub fn is_empty(&self) -> bool {
        self.lookalikes.is_empty()
            && self.unapproved.is_empty()
            && self.nobody.iter().all(NobodyGets::comes_with_the_digest)
    }

    /// Records what is held back, so that it is reported once.
    pub(super) async fn note(&mut self, office: &Office) -> Result<(), RunError> {
        let lookalikes =
            self.lookalikes.iter().map(|held| format!("{} is like {}", held.post, held.known.post));
        let nobody = self.nobody.iter().filter(|held| !held.comes_with_the_digest());
        let nobody = nobody.map(|held| format!("{} {:?}", held.post, held.others));
        let unapproved = self.unapproved.iter().map(|held| format!("{} {}", held.subject, held.content));
        let all: Vec<String> = lookalikes.chain(nobody).chain(unapproved).collect();
        let note = if all.is_empty() { String::new() } else { fingerprint(all.join("\n").as_bytes()) };
        let before = office.store.recall(HELD).await?.unwrap_or_default();
        self.is_known = before == note;
        if !self.is_known {
            office.store.remember(HELD, &note).await?;
        }
        Ok(())
    }
}

/// 128 bits of a SHA-256 hash, in hexadecimal digits.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    hex(&digest(&SHA256, bytes).as_ref()[..16])
}

/// Posts that look like one that the ledger knows under another id, and were not approved as new.
pub(super) async fn alike<'p>(
    office: &Office,
    archive: &Archive,
    posts: impl IntoIterator<Item = &'p Post>,
) -> Result<Vec<Lookalike>, RunError> {
    let present: HashSet<&str> = archive.posts.iter().map(|post| post.id.as_str()).collect();
    let remembered = office.store.identities().await?;
    let mut found = Vec::new();
    for lookalike in lookalikes(posts, &present, &remembered) {
        if office.store.approval(&lookalike.post, IS_NEW).await? != Approval::Given {
            found.push(lookalike);
        }
    }
    Ok(found)
}

/// Records the identity of each post in the ledger, to recognise it under another id.
pub(super) async fn remember(world: &World, office: &Office, archive: &Archive) -> Result<(), RunError> {
    let Some(known) = office.store.known_posts().await? else { return Ok(()) };
    let fresh = unremembered(&archive.posts, &known, &office.store.identities().await?);
    if !fresh.is_empty() {
        office.store.remember_identities(fresh, world.clock.now()).await?;
    }
    Ok(())
}

/// The report about a post without recipients.
pub(super) async fn nobody(office: &Office, post: &Post, audience: Audience) -> Result<NobodyGets, RunError> {
    let mut others = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = office.store.subscribers(after, 1_000).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, subscriber) in &page {
            if subscriber.profile.standing != Standing::Active {
                *others.entry(subscriber.profile.standing.as_str()).or_default() += 1;
            }
        }
    }
    Ok(NobodyGets {
        post: post.id.clone(),
        title: post.title.clone(),
        source: post.source.to_string(),
        audience,
        others,
    })
}

/// Why posts that are due are not mailed by the next run, for `status`. Writes nothing.
pub async fn why_held<'p>(
    world: &World,
    office: &Office,
    archive: &Archive,
    due: &[&'p Post],
) -> Result<HashMap<&'p str, String>, RunError> {
    let mut reasons = HashMap::new();
    let alike = alike(office, archive, due.iter().copied()).await?;
    for post in due {
        let reason = if let Some(lookalike) = alike.iter().find(|lookalike| lookalike.post == post.id) {
            format!("held back: it looks like \"{}\", which is already in the ledger", lookalike.known.title)
        } else if let Audience { each: 0, weekly, .. } =
            office.store.audience(&post.id, post.categories.clone()).await?
        {
            if weekly > 0 {
                "no subscriber gets every post; it is part of the weekly digest".to_owned()
            } else {
                "held back: it has no recipients".to_owned()
            }
        } else if let Ok((edition, _)) = compose(&world.config, post)
            && approval::missing(world, office, &post.id, &[&edition]).await?.is_some()
        {
            "waiting for approval".to_owned()
        } else {
            continue;
        };
        reasons.insert(post.id.as_str(), reason);
    }
    Ok(reasons)
}
