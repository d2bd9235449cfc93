//! The newsletter half of a run: who reads, what is due, freeze, deliver.

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
    /// Readers that the list brought.
    pub enrolled: Option<Enrolments>,
    /// Rows of the list that could not be taken.
    pub rejected: Vec<Finding>,
    /// Posts that were recorded as older than the ledger.
    pub baseline: usize,
    /// The issue that was frozen in this run: its subject and its audience.
    pub frozen: Option<(HeaderText, u64)>,
    /// The post of that issue.
    pub frozen_id: Option<String>,
    /// The week whose letters were frozen in this run.
    pub week: Option<FrozenWeek>,
    /// Warnings about the letter.
    pub findings: Vec<Finding>,
    /// The issues that this run had in hand, as they stand now.
    pub issues: Vec<IssueSummary>,
    /// Where the copies of each issue went, by its post: `mail.example.com:465` or `outbox/…`.
    pub through: HashMap<String, String>,
    /// Copies that an interrupted run left behind: waiting again, and in doubt.
    pub recovered: (u64, u64),
    /// Another database server took over, and so many copies are in doubt for it.
    pub failed_over: Option<u64>,
    /// Why the run stopped before its end.
    pub stopped: Option<Stop>,
    /// What that means and what to do about it, where it is known.
    pub explained: Option<Explained>,
    /// How many messages the relay took in this run.
    pub sent: u64,
    /// When a subscriber who could not be reached is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// What will be due when no file changes.
    pub next: Vec<Upcoming>,
    /// Until when the relay is left alone.
    pub rest: Option<Rest>,
    /// What does not stop an issue and should be looked at.
    pub warnings: Vec<String>,
    /// Readers who are never mailed again, because the relay knows of no such mailbox.
    pub buried: u64,
    /// Issues that wait for somebody's word: the post's id, and why.
    pub paused: Vec<(String, String)>,
    /// How many more posts are due; each run freezes one.
    pub more: usize,
    /// What is due and is not mailed.
    pub held: Held,
    /// Rehearsals that are over since this run: there is a relay now.
    pub rehearsed: u64,
    /// The ids of the posts were written, by a command that builds no feeds.
    pub ids_changed: bool,
    /// Subscribers who were added to an issue that was mailed before.
    pub extended: Option<(HeaderText, u64)>,
}

/// The whole half, after the feeds were built.
pub(super) async fn mail(world: &World, office: &Office, built: &Built) -> Result<Mailing, RunError> {
    let rehearsed = rehearsal::settle(world, office).await?;
    let jump = settled::clock_jump(world, office).await?;
    let (enrolled, rejected) = enrol_list(world, office).await?;
    let is_settled = rehearsed == 0 && enrolled.is_none();
    // Nothing new is frozen by a clock that jumped: it may jump again.
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
        // What is held back may go as soon as somebody subscribes, or approves it.
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

/// Composes and lints the letter of a post.
pub fn compose(config: &Config, post: &Post) -> Result<(Edition, Vec<Finding>), RunError> {
    super::pages::refuse_dead_pictures(config, post)?;
    let letter = letters::compose(post, config, &templates(config)?).map_err(RunError::Findings)?;
    linted(letter, config, post.source.as_str())
}

/// The edition of a letter, if nothing in it would hurt; the findings name `source`.
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

/// One copy, as a run over the issue would send it.
fn signed(edition: &Edition, copy: &Claimed, config: &Config) -> Result<Composed, RunError> {
    edition.compose(copy, signer(config)?.as_deref()).map_err(|error| {
        RunError::user(error.to_string(), "nothing was sent; `letterpress dkim new` makes another key")
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

/// A copy to a reader who does not exist, as long as copies get: for the linter.
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

/// Freezes the draft, the post and then the week, and delivers whatever is open. Who dies in between leaves the week to
/// the next run.
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
                // What was begun goes on.
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
            Ok(audience) => Some((subject, audience)),
            // Another machine froze it since this one planned: its copies are delivered together. Or the last of those who
            // would have got it unsubscribed meanwhile.
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
    // Whoever is being mailed already does not wait for it; the next run asks again.
    if let Err(error) = asked {
        mailing.warnings.push(format!("the request for approval was not sent: {error}"));
    }
    mailing.next = draft.next;
    Ok(mailing)
}

/// Sends an issue to those who are subscribed now, would be in its audience, and never got it.
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
            format!("\"{}\" has no issue that was sent", post.title),
            "leave --missing out to mail it now; `letterpress status` shows the issues, also those that are paused",
        )
    })?;
    let edition: Edition = serde_json::from_str(&issue.letter).map_err(|error| {
        RunError::user(format!("the frozen letter of {}: {error}", post.id), "`letterpress status`")
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

/// Sends one message that belongs to no issue.
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
        let what = format!("{} did not take the message at {}: {}", wire.name(), heard.phase, heard.said());
        relay_error(&world.config, &heard, what)
    };
    let mut channel = wire.connect().await.map_err(failed)?;
    channel.offer(&composed.envelope).await.map_err(failed)?;
    channel.body(&composed.message).await.map_err(failed)?;
    let heard = channel.dot(None).await;
    channel.quit().await;
    if judge(&heard) == Verdict::Sent { Ok(wire.name()) } else { Err(failed(heard)) }
}
