//! Posts that are due but not mailed in this run: a possible duplicate of a mailed post, a post without recipients, a post
//! that is not approved. Each is reported when it is new, and checked again by every run.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::source_guids;
use crate::schedule::identity::{Lookalike, SourceGuids, lookalikes, not_recorded};
use crate::store::posts::{Approval, Audience};
use crate::subscribers::SubscriptionStatus;
use crate::text::{HeaderText, hex};

/// Posts that are due and held back.
#[derive(Debug, Default)]
pub struct HeldPosts {
    /// Posts that look like one in the ledger.
    pub lookalikes: Vec<Lookalike>,
    /// Posts without recipients.
    pub without_audience: Vec<NoAudience>,
    /// Issues that wait for approval.
    pub unapproved: Vec<Unapproved>,
    /// Whether an earlier run found the same posts without recipients or approval. A lookalike is a failure that lasts.
    pub is_known: bool,
}

/// A post without recipients.
#[derive(Debug, Clone)]
pub struct NoAudience {
    /// The post's id.
    pub post: String,
    /// Its title.
    pub title: HeaderText,
    /// Its file.
    pub source: String,
    /// Whether its front matter has an `audience`.
    pub has_segment: bool,
    /// The active subscribers, by why they do not get it.
    pub audience: Audience,
    /// The other subscribers, by status.
    pub others: BTreeMap<&'static str, u64>,
}

impl NoAudience {
    /// Whether subscribers get it with the weekly digest.
    pub fn comes_with_the_digest(&self) -> bool {
        self.audience.weekly > 0
    }
}

impl NoAudience {
    /// What to do.
    pub fn help(&self) -> &'static str {
        if self.others.contains_key(SubscriptionStatus::Unconfirmed.as_str()) {
            "`letterpress subscribers import FILE --confirmed` confirms that all of them agreed elsewhere; or add a column \
             `consented` with the date of consent to the list"
        } else {
            "add subscribers with `letterpress subscribers add ADDRESS`; the post stays due until it is older than newsletter.max_age"
        }
    }
}

impl fmt::Display for NoAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({}) is not mailed, because it has no recipients: ", self.title, self.source)?;
        let mut left_out: Vec<String> =
            self.others.iter().map(|(status, n)| format!("{n} {status}")).collect();
        if self.audience.others > 0 {
            let why = if self.has_segment { "outside its audience" } else { "with other topics" };
            left_out.push(format!("{} active {why}", self.audience.others));
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
    pub(crate) sample: IssueRenderer,
}

/// Marks an approval that confirms a post as new, instead of approving a text.
pub(crate) const IS_NEW: &str = "a new post";

/// The database entry with the fingerprint of what was held back last.
const HELD: &str = "held";

impl HeldPosts {
    /// Whether nothing needs attention.
    pub fn is_empty(&self) -> bool {
        self.lookalikes.is_empty()
            && self.unapproved.is_empty()
            && self.without_audience.iter().all(NoAudience::comes_with_the_digest)
    }

    /// Records what is held back, so that it is reported once.
    pub(crate) async fn note(&mut self, session: &LedgerSession) -> Result<(), RunError> {
        let without_audience = self.without_audience.iter().filter(|held| !held.comes_with_the_digest());
        let without_audience = without_audience.map(|held| format!("{} {:?}", held.post, held.others));
        let unapproved = self.unapproved.iter().map(|held| format!("{} {}", held.subject, held.content));
        let all: Vec<String> = without_audience.chain(unapproved).collect();
        let note = if all.is_empty() { String::new() } else { fingerprint(all.join("\n").as_bytes()) };
        let before = session.store.get_meta(HELD).await?.unwrap_or_default();
        self.is_known = before == note;
        if !self.is_known {
            session.store.set_meta(HELD, &note).await?;
        }
        Ok(())
    }
}

/// 128 bits of a SHA-256 hash, in hexadecimal digits.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    hex(&digest(&SHA256, bytes).as_ref()[..16])
}

/// Posts that look like one that the ledger knows under another id, and were not approved as new.
pub(crate) async fn alike<'p>(
    config: &Config,
    session: &LedgerSession,
    archive: &Archive,
    posts: impl IntoIterator<Item = &'p Post>,
) -> Result<Vec<Lookalike>, RunError> {
    let present: HashSet<&str> = archive.posts.iter().map(|post| post.id.as_str()).collect();
    let remembered = session.store.identities().await?;
    let guids = SourceGuids {
        retracted: archive.tombstones.iter().map(|gone| (gone.id.clone(), gone.at.to_utc())).collect(),
        ..source_guids(config)
    };
    let mut found = Vec::new();
    for lookalike in lookalikes(posts, &present, &remembered, &guids) {
        if session.store.approval(&lookalike.post, IS_NEW).await? != Approval::Given {
            found.push(lookalike);
        }
    }
    Ok(found)
}

/// Records the identity of each post in the ledger, to recognise it under another id.
pub(crate) async fn record(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
) -> Result<(), RunError> {
    let Some(known) = session.store.mailed_posts().await? else { return Ok(()) };
    let fresh = not_recorded(&archive.posts, &known, &session.store.identities().await?);
    if !fresh.is_empty() {
        session.store.store_identities(fresh, context.clock.now()).await?;
    }
    Ok(())
}

/// The report about a post without recipients.
pub(crate) async fn without_audience(
    session: &LedgerSession,
    post: &Post,
    audience: Audience,
) -> Result<NoAudience, RunError> {
    let mut others = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = session.store.subscribers(after, 1_000).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, subscriber) in &page {
            if subscriber.profile.status != SubscriptionStatus::Active {
                *others.entry(subscriber.profile.status.as_str()).or_default() += 1;
            }
        }
    }
    Ok(NoAudience {
        post: post.id.clone(),
        title: post.title.clone(),
        source: post.source.to_string(),
        has_segment: !post.segment.is_everybody(),
        audience,
        others,
    })
}
