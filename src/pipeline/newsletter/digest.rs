//! The weekly digest in a run: one issue for each selection of topics that subscribers chose, all frozen together.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use crate::archive::{Archive, Post, Segment};
use crate::config::Config;
use crate::email::{self, DigestContent, Origin};
use crate::finding::Finding;
use crate::pipeline::newsletter::compose::{lint_message, templates};
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::schedule::digest::{Digest, Forecast, forecast};
use crate::store::{DigestPart, DigestPost, NewDigest, NewIssue, StoreError, digest as stored};
use crate::subscribers::token::TokenKeys;
use crate::text::hex;

/// How often to retry if preferences change between drafting and freezing.
const TRIES: usize = 5;

/// A digest that is due, its issues composed and checked.
pub struct DigestDraft<'a> {
    /// The week.
    pub digest: Digest<'a>,
    /// Its issues, each for the subscribers who get the same posts.
    pub letters: Vec<DigestVariant<'a>>,
}

/// One issue of a digest.
pub struct DigestVariant<'a> {
    /// Which posts of the week.
    categories: DigestPart,
    /// Its posts.
    pub posts: Vec<&'a Post>,
    /// Number of recipients.
    pub recipients: u64,
    /// The composed email.
    pub renderer: IssueRenderer,
}

/// A digest that was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledDigest {
    /// The ISO week.
    pub week: String,
    /// Number of posts.
    pub posts: usize,
    /// Number of recipients.
    pub audience: u64,
}

/// The digest that is due, and the next one; `None` before the first run.
pub async fn digest_forecast<'a>(
    context: &RunContext,
    session: &LedgerSession,
    archive: &'a Archive,
) -> Result<Option<Forecast<'a>>, RunError> {
    let Some(record) = session.store.digest_history().await? else { return Ok(None) };
    let how = (&context.config.newsletter, context.config.site.timezone);
    Ok(Some(forecast(archive, &record, how, context.clock.now())))
}

/// Composes an issue for each selection of posts that has recipients. Writes nothing.
pub(crate) async fn draft<'a>(
    context: &RunContext,
    session: &LedgerSession,
    digest: Digest<'a>,
) -> Result<(DigestDraft<'a>, Vec<Finding>), RunError> {
    let mut variants = Vec::new();
    let mut findings = Vec::new();
    for (share, recipients) in session.store.digest_parts(posts_of(&digest)).await? {
        if share.is_empty() {
            continue;
        }
        let posts: Vec<&Post> = share.of(&digest.posts).copied().collect();
        let part = Digest { week: digest.week.clone(), moment: digest.moment, posts };
        let (renderer, warnings) = compose_digest(&context.config, &part)?;
        for warning in warnings {
            // A post can be in several issues.
            if !findings.contains(&warning) {
                findings.push(warning);
            }
        }
        variants.push(DigestVariant { categories: share, posts: part.posts, recipients, renderer });
    }
    Ok((DigestDraft { digest, letters: variants }, findings))
}

fn posts_of(digest: &Digest<'_>) -> Vec<DigestPost> {
    let post = |post: &&Post| DigestPost { id: post.id.clone(), segment: post.audience() };
    digest.posts.iter().map(post).collect()
}

/// Composes and checks the email of a digest, or of a part of it.
pub fn compose_digest(
    config: &Config,
    digest: &Digest<'_>,
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let moment = digest.moment.with_timezone(&config.site.timezone).fixed_offset();
    let week = DigestContent { name: &digest.week, moment, posts: &digest.posts };
    let own = templates(config)?;
    let template = email::compose_digest(&week, config, &own).map_err(RunError::Findings)?;
    let name = format!("weekly digest {}", digest.week);
    let origin = Origin::new(&name).with_templates(own.html_of_digest(config.newsletter.templates.as_str()));
    lint_message(template, config, &origin)
}

/// Freezes the digest. `None` if another machine has frozen it meanwhile, or it has no recipients any more.
pub(crate) async fn freeze(
    context: &RunContext,
    session: &LedgerSession,
    mut draft: DigestDraft<'_>,
    now: DateTime<Utc>,
) -> Result<Option<ScheduledDigest>, RunError> {
    session.store.check().await?;
    let mut tries = 0;
    loop {
        let DigestDraft { digest, letters: variants } = draft;
        let (week, posts) = (digest.week.clone(), digest.posts.len());
        let rehearsal = context.config.smtp.is_none();
        match session
            .store
            .schedule_digest(complete_issue(&session.keys, &digest, variants, rehearsal)?, now)
            .await
        {
            Ok(audience) => {
                tracing::info!(week, posts, audience, "weekly issue scheduled");
                return Ok(Some(ScheduledDigest { week, posts, audience }));
            }
            Err(StoreError::AlreadyIssued(_) | StoreError::NoAudience(_)) => return Ok(None),
            // A subscriber changed preferences meanwhile.
            Err(StoreError::PreferencesChanged) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        draft = self::draft(context, session, digest).await?.0;
    }
}

fn complete_issue(
    keys: &TokenKeys,
    digest: &Digest<'_>,
    variants: Vec<DigestVariant<'_>>,
    rehearsal: bool,
) -> Result<NewDigest, RunError> {
    let mut issues = BTreeMap::new();
    for mut variant in variants {
        let frozen = variant.renderer.freeze(keys).map_err(RunError::internal)?;
        let name = format!("{}:{}", digest.week, short_hash(&variant.posts));
        let issue = NewIssue {
            post: format!("{}{name}", stored::PREFIX),
            subject: variant.renderer.template().subject.clone(),
            label: format!("{}{name}", stored::PREFIX).replace(':', "-"),
            message: frozen,
            segment: Segment::default(),
            baseline: Vec::new(),
            rehearsal,
            message_domain: variant.renderer.message_domain().to_owned(),
        };
        issues.insert(variant.categories, issue);
    }
    Ok(NewDigest {
        week: digest.week.clone(),
        moment: digest.moment,
        posts: posts_of(digest),
        issues,
        rehearsal,
    })
}

/// Distinguishes the issues of one week; the same posts always give the same hash.
fn short_hash(posts: &[&Post]) -> String {
    let ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    hex(&digest(&SHA256, ids.join("\n").as_bytes()).as_ref()[..4])
}
