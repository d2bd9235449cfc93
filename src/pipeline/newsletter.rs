//! The newsletter half of a run: read the subscriber list, find what is due, freeze it, deliver it.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::diagnosis::{Explained, relay_error};
use super::digest::{self, FrozenWeek};
use super::lookup::find;
use super::next::{self, Upcoming};
use super::planning::{Draft, draft};
use super::rest::Rest;
use super::signing::signer;
use super::subscriber_list::enrol_list;
use super::unsubscribing::demand_unsubscribing;
use super::way_out::{no_sender, wire};
use super::{
    Built, Edition, Held, Office, RunError, World, approval, deliver_open, held, rehearsal, settled, site,
};
use crate::address::EmailAddress;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::delivery::verdict::{Verdict, judge};
use crate::delivery::{Composed, Stop};
use crate::finding::{Finding, Severity};
use crate::ledger::{IssueState, IssueSummary, Token};
use crate::letters::{self, Letter, Templates};
use crate::store::{Addressee, Claimed, DeliveryNumber, NewIssue, StoreError};
use crate::subscribers::{AddressKey, Enrolments};
use crate::text::{HeaderText, hex};

/// What the newsletter half did.
#[derive(Debug, Default)]
pub struct Mailing {
    /// What `newsletter.list` changed.
    pub enrolled: Option<Enrolments>,
    /// Rejected rows of the list.
    pub rejected: Vec<Finding>,
    /// Number of posts recorded as older than the ledger.
    pub baseline: usize,
    /// The issue frozen in this run: subject and number of recipients.
    pub frozen: Option<(HeaderText, u64)>,
    /// The post of that issue.
    pub frozen_id: Option<String>,
    /// The weekly digest frozen in this run.
    pub week: Option<FrozenWeek>,
    /// Warnings about the emails.
    pub findings: Vec<Finding>,
    /// The issues that this run worked on, with their current state.
    pub issues: Vec<IssueSummary>,
    /// The transport of each issue, by its post: `mail.example.com:465` or `outbox/…`.
    pub through: HashMap<String, String>,
    /// Deliveries recovered from an interrupted run: pending again, and with unknown outcome.
    pub recovered: (u64, u64),
    /// After a database failover: number of deliveries with unknown outcome.
    pub failed_over: Option<u64>,
    /// Why the run stopped early.
    pub stopped: Option<Stop>,
    /// Explanation of that, if the cause is known.
    pub explained: Option<Explained>,
    /// How many messages the relay accepted in this run.
    pub sent: u64,
    /// When the next deferred delivery is retried.
    pub retry_at: Option<DateTime<Utc>>,
    /// What will be due if no file changes.
    pub next: Vec<Upcoming>,
    /// The back-off from a throttling relay.
    pub rest: Option<Rest>,
    /// Warnings that do not stop an issue.
    pub warnings: Vec<String>,
    /// Number of addresses suppressed because their mailbox does not exist.
    pub buried: u64,
    /// Paused issues: the post's id, and the reason.
    pub paused: Vec<(String, String)>,
    /// How many more posts are due; each run mails one.
    pub more: usize,
    /// What is due but held back.
    pub held: Held,
    /// Number of rehearsals that ended because a relay is configured now.
    pub rehearsed: u64,
    /// Whether the id file was written, by a command that builds no feeds.
    pub ids_changed: bool,
    /// Subscribers added to an issue that was mailed before.
    pub extended: Option<(HeaderText, u64)>,
}

/// Runs the newsletter half, after the feeds were built.
pub(super) async fn mail(world: &World, office: &Office, built: &Built) -> Result<Mailing, RunError> {
    let rehearsed = rehearsal::settle(world, office).await?;
    let jump = settled::clock_jump(world, office).await?;
    let (enrolled, rejected) = enrol_list(world, office).await?;
    let is_settled = rehearsed == 0 && enrolled.is_none();
    // After the clock was set back, nothing new is frozen: it may jump again.
    let mut mailing = if jump.is_some() || is_settled && settled::holds(world, office, built).await? {
        let mut mailing = deliver_open(world, office).await?;
        mailing.next = next::recall(office, world.clock.now()).await?;
        mailing
    } else {
        let read;
        let archive = if let Some(archive) = &built.archive {
            archive
        } else {
            read = site::on_record(world, built.allowed)?.0;
            &read
        };
        let draft = draft(world, office, archive, None, true).await?;
        let until = draft.until;
        let mailing = freeze(world, office, draft).await?;
        held::remember(world, office, archive).await?;
        // Held posts are mailed as soon as somebody subscribes or approves them, without any change of files.
        if mailing.held.is_empty() && mailing.held.nobody.is_empty() {
            settled::note(world, office, &built.inputs, until).await?;
        }
        next::remember(office, &mailing.next).await?;
        mailing
    };
    mailing.enrolled = enrolled;
    mailing.rejected = rejected;
    mailing.rehearsed = rehearsed;
    mailing.warnings.extend(jump);
    Ok(mailing)
}

/// Composes and checks the email of a post.
pub fn compose(config: &Config, post: &Post) -> Result<(Edition, Vec<Finding>), RunError> {
    super::pages::refuse_dead_pictures(config, post)?;
    let letter = letters::compose(post, config, &templates(config)?).map_err(RunError::Findings)?;
    linted(letter, config, post.source.as_str())
}

/// The renderer of an email without errors; its findings name `source`.
pub(super) fn linted(
    letter: Letter,
    config: &Config,
    source: &str,
) -> Result<(Edition, Vec<Finding>), RunError> {
    let edition = Edition::new(letter, config).ok_or_else(no_sender)?;
    let specimen = signed(&edition, &specimen(config)?, config)?;
    let (errors, findings): (Vec<_>, Vec<_>) = letters::lint(edition.letter(), &specimen.message, source)
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok((edition, findings)) } else { Err(RunError::Findings(errors)) }
}

/// One message, signed as in a real run.
fn signed(edition: &Edition, copy: &Claimed, config: &Config) -> Result<Composed, RunError> {
    edition.compose(copy, signer(config)?.as_deref()).map_err(|error| {
        RunError::user(error.to_string(), "nothing was sent; `letterpress dkim new` creates another key")
    })
}

/// The user's own templates over the built-in ones.
pub fn templates(config: &Config) -> Result<Templates, RunError> {
    let folder = config.resolve(&config.newsletter.templates);
    let read = |name: &str| match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunError::io(format!("reading {}", folder.join(name)), error)),
    };
    let digest = [read("digest/subject.txt")?, read("digest/body.txt")?, read("digest/body.html")?];
    Ok(Templates::new(read("subject.txt")?, read("body.txt")?, read("body.html")?).with_digest(digest))
}

/// A sample delivery with values of maximum length, for the checks.
fn specimen(config: &Config) -> Result<Claimed, RunError> {
    let address = config.newsletter.from.as_ref().map(|from| from.address.clone());
    let address = match address {
        Some(address) => address,
        None => EmailAddress::parse("reader@example.com").map_err(RunError::internal)?,
    };
    Ok(Claimed {
        number: DeliveryNumber(0),
        key: AddressKey([0; 16]),
        address,
        name: HeaderText::lossy("김민준 Reader"),
        imprint: crate::store::Imprint {
            message_id: "0123456789abcdef0123456789abcdef@example.com".to_owned(),
            boundary_seed: "0123456789abcdef0123456789abcdef".to_owned(),
            unsubscribe: "v1.k1.u.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            bounce: String::new(),
        },
        token: Token([0; 16]),
        attempts: 1,
        dated: DateTime::UNIX_EPOCH,
    })
}

/// Freezes the draft, first the post and then the digest, and delivers all open issues. After a crash in between, the next
/// run freezes the digest.
pub async fn freeze(world: &World, office: &Office, mut draft: Draft<'_>) -> Result<Mailing, RunError> {
    let now = world.clock.now();
    let asked = approval::ask(world, office, &mut draft.held).await;
    draft.held.note(office).await?;
    let baseline = draft.baseline.len();
    let (mut frozen, frozen_id) = (None, draft.post.map(|post| post.id.clone()));
    let unsubscribing = match (&draft.post, &draft.week) {
        (None, None) => None,
        _ => match demand_unsubscribing(world, office).await {
            Err(refused @ RunError::Findings(_)) => {
                // Issues that were started before continue.
                deliver_open(world, office).await?;
                return Err(refused);
            }
            judged => judged?,
        },
    };
    if let (Some(post), Some(edition)) = (draft.post, draft.edition) {
        let subject = edition.letter().subject.clone();
        let letter = serde_json::to_string(&edition).map_err(RunError::internal)?;
        let issue = NewIssue {
            post: post.id.clone(),
            subject: subject.clone(),
            label: post.label(),
            letter,
            categories: post.categories.clone(),
            baseline: draft.baseline,
            rehearsal: world.config.smtp.is_none(),
        };
        let keys = Arc::clone(&office.keys);
        let imprint = move |addressee: &Addressee<'_>| edition.imprint(&keys, addressee);
        frozen = match office.store.freeze(issue, Box::new(imprint), now).await {
            Ok(audience) => {
                tracing::info!(post = post.id, audience, "issue scheduled");
                Some((subject, audience))
            }
            // Another machine froze it meanwhile, and both deliver it together; or the last recipient unsubscribed.
            Err(StoreError::AlreadyIssued(_) | StoreError::NoAudience(_)) => None,
            Err(error) => return Err(error.into()),
        };
    } else {
        office.store.baseline(draft.baseline, now).await?;
    }
    let week = match draft.week {
        Some(week) => digest::freeze(world, office, week, now).await?,
        None => None,
    };
    let mut mailing = deliver_open(world, office).await?;
    mailing.baseline = baseline;
    mailing.frozen_id = frozen_id.filter(|_| frozen.is_some());
    mailing.frozen = frozen;
    mailing.week = week;
    mailing.findings = draft.findings;
    mailing.findings.extend(unsubscribing);
    mailing.more = draft.more;
    mailing.held = draft.held;
    // A failed request for approval does not stop other issues; the next run sends it again.
    if let Err(error) = asked {
        mailing.warnings.push(format!("the request for approval was not sent: {error}"));
    }
    mailing.next = draft.next;
    Ok(mailing)
}

/// Sends an issue to current subscribers who match its audience and have not received it.
pub(super) async fn send_missing(
    world: &World,
    office: &Office,
    archive: &Archive,
    wanted: &str,
) -> Result<Mailing, RunError> {
    let post = find(&world.config, archive, wanted)?;
    let issue = office.store.frozen(&post.id).await?;
    let issue = issue.filter(|issue| matches!(issue.state, IssueState::Sending | IssueState::Done));
    let issue = issue.ok_or_else(|| {
        RunError::user(
            format!("\"{}\" was not mailed yet", post.title),
            "omit --missing to mail it now; `letterpress status` shows all issues, also paused ones",
        )
    })?;
    let edition: Edition = serde_json::from_str(&issue.letter).map_err(|error| {
        RunError::user(
            format!("cannot read the frozen issue of {}: {error}", post.id),
            "update Letterpress if a newer version froze this issue",
        )
    })?;
    let subject = edition.letter().subject.clone();
    let keys = Arc::clone(&office.keys);
    let imprint = move |addressee: &Addressee<'_>| edition.imprint(&keys, addressee);
    let now = world.clock.now();
    let added = office.store.extend(&post.id, post.categories.clone(), Box::new(imprint), now).await?;
    let mut mailing = deliver_open(world, office).await?;
    mailing.extended = Some((subject, added));
    Ok(mailing)
}

/// Sends one message outside of any issue.
pub(super) async fn transmit_test(
    world: &World,
    edition: &Edition,
    address: EmailAddress,
) -> Result<String, RunError> {
    let random = hex(&world.clock.random());
    let mut claimed = specimen(&world.config)?;
    claimed.address = address;
    claimed.name = None;
    claimed.imprint.message_id = format!("{random}@{}", claimed.address.domain());
    claimed.imprint.boundary_seed = random;
    claimed.dated = world.clock.now();
    let composed = signed(edition, &claimed, &world.config)?;
    let wire = wire(&world.config, "test")?;
    let failed = |heard: crate::delivery::Heard| {
        let what = format!("{} rejected the message at {}: {}", wire.name(), heard.phase, heard.said());
        relay_error(&world.config, &heard, what)
    };
    let mut channel = wire.connect().await.map_err(failed)?;
    channel.offer(&composed.envelope).await.map_err(failed)?;
    channel.body(&composed.message).await.map_err(failed)?;
    let heard = channel.dot(None).await;
    channel.quit().await;
    if judge(&heard) == Verdict::Sent { Ok(wire.name()) } else { Err(failed(heard)) }
}
