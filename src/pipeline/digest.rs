//! The weekly digest in a run: one issue for each selection of topics that subscribers chose, all frozen together.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::newsletter::{linted, templates};
use super::{Edition, Office, RunError, World};
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::finding::Finding;
use crate::letters::{self, Week};
use crate::schedule::digest::{Digest, Forecast, forecast};
use crate::store::{
    Addressee, DigestIssue, DigestPost, NewDigest, NewIssue, Share, StoreError, digest as stored,
};
use crate::text::hex;

/// How often to retry if preferences change between drafting and freezing.
const TRIES: usize = 5;

/// A digest that is due, its issues composed and checked.
pub struct WeekDraft<'a> {
    /// The week.
    pub digest: Digest<'a>,
    /// Its issues, each for the subscribers who get the same posts.
    pub letters: Vec<WeekLetter<'a>>,
}

/// One issue of a digest.
pub struct WeekLetter<'a> {
    /// Which posts of the week.
    share: Share,
    /// Its posts.
    pub posts: Vec<&'a Post>,
    /// Number of recipients.
    pub readers: u64,
    /// The composed email.
    pub edition: Edition,
}

/// A digest that was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenWeek {
    /// The ISO week.
    pub week: String,
    /// Number of posts.
    pub posts: usize,
    /// Number of recipients.
    pub audience: u64,
}

/// The digest that is due, and the next one; `None` before the first run.
pub async fn outlook_of_the_week<'a>(
    world: &World,
    office: &Office,
    archive: &'a Archive,
) -> Result<Option<Forecast<'a>>, RunError> {
    let Some(record) = office.store.digest_record().await? else { return Ok(None) };
    let how = (&world.config.newsletter, world.config.site.timezone);
    Ok(Some(forecast(archive, &record, how, world.clock.now())))
}

/// How many subscribers chose the weekly digest.
pub async fn weekly_readers(office: &Office) -> Result<u64, RunError> {
    Ok(office.store.shares(Vec::new()).await?.values().sum())
}

/// Composes an issue for each selection of posts that has recipients. Writes nothing.
pub(super) async fn draft<'a>(
    world: &World,
    office: &Office,
    digest: Digest<'a>,
) -> Result<(WeekDraft<'a>, Vec<Finding>), RunError> {
    let mut letters = Vec::new();
    let mut findings = Vec::new();
    for (share, readers) in office.store.shares(posts_of(&digest)).await? {
        if share.is_empty() {
            continue;
        }
        let posts: Vec<&Post> = share.of(&digest.posts).copied().collect();
        let part = Digest { week: digest.week.clone(), moment: digest.moment, posts };
        let (edition, warnings) = compose_week(&world.config, &part)?;
        for warning in warnings {
            // A post can be in several issues.
            if !findings.contains(&warning) {
                findings.push(warning);
            }
        }
        letters.push(WeekLetter { share, posts: part.posts, readers, edition });
    }
    Ok((WeekDraft { digest, letters }, findings))
}

fn posts_of(digest: &Digest<'_>) -> Vec<DigestPost> {
    let post = |post: &&Post| DigestPost { id: post.id.clone(), categories: post.categories.clone() };
    digest.posts.iter().map(post).collect()
}

/// Composes and checks the email of a digest, or of a part of it.
pub fn compose_week(config: &Config, digest: &Digest<'_>) -> Result<(Edition, Vec<Finding>), RunError> {
    let moment = digest.moment.with_timezone(&config.site.timezone).fixed_offset();
    let week = Week { name: &digest.week, moment, posts: &digest.posts };
    let letter = letters::compose_week(&week, config, &templates(config)?).map_err(RunError::Findings)?;
    linted(letter, config, &format!("weekly digest {}", digest.week))
}

/// Freezes the digest. `None` if another machine has frozen it meanwhile, or it has no recipients any more.
pub(super) async fn freeze(
    world: &World,
    office: &Office,
    mut draft: WeekDraft<'_>,
    now: DateTime<Utc>,
) -> Result<Option<FrozenWeek>, RunError> {
    let mut tries = 0;
    loop {
        let WeekDraft { digest, letters } = draft;
        let (week, posts) = (digest.week.clone(), digest.posts.len());
        let rehearsal = world.config.smtp.is_none();
        match office.store.freeze_digest(whole(office, &digest, letters, rehearsal)?, now).await {
            Ok(audience) => {
                tracing::info!(week, posts, audience, "weekly issue scheduled");
                return Ok(Some(FrozenWeek { week, posts, audience }));
            }
            Err(StoreError::AlreadyIssued(_) | StoreError::NoAudience(_)) => return Ok(None),
            // A subscriber changed preferences meanwhile.
            Err(StoreError::Unforeseen) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        draft = self::draft(world, office, digest).await?.0;
    }
}

fn whole(
    office: &Office,
    digest: &Digest<'_>,
    letters: Vec<WeekLetter<'_>>,
    rehearsal: bool,
) -> Result<NewDigest, RunError> {
    let mut issues = BTreeMap::new();
    for letter in letters {
        let frozen = serde_json::to_string(&letter.edition).map_err(RunError::internal)?;
        let name = format!("{}:{}", digest.week, short_hash(&letter.posts));
        let issue = NewIssue {
            post: format!("{}{name}", stored::PREFIX),
            subject: letter.edition.letter().subject.clone(),
            label: format!("{}{name}", stored::PREFIX).replace(':', "-"),
            letter: frozen,
            categories: Vec::new(),
            baseline: Vec::new(),
            rehearsal,
        };
        let (keys, edition) = (Arc::clone(&office.keys), letter.edition);
        let imprint = Box::new(move |addressee: &Addressee<'_>| edition.imprint(&keys, addressee));
        issues.insert(letter.share, DigestIssue { issue, imprint });
    }
    Ok(NewDigest {
        week: digest.week.clone(),
        moment: digest.moment,
        posts: posts_of(digest),
        letters: issues,
        rehearsal,
    })
}

/// Distinguishes the issues of one week; the same posts always give the same hash.
fn short_hash(posts: &[&Post]) -> String {
    let ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    hex(&digest(&SHA256, ids.join("\n").as_bytes()).as_ref()[..4])
}
