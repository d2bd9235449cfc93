//! The newsletter half of a run: who reads, what is due, freeze, deliver.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::diagnosis::{Explained, relay_error};
use super::digest::{self, FrozenWeek, WeekDraft};
use super::lookup::find;
use super::next::{self, Upcoming};
use super::rest::Rest;
use super::signing::signer;
use super::unsubscribing::demand_unsubscribing;
use super::way_out::{no_sender, wire};
use super::{
    Built, Edition, Held, Office, RunError, World, approval, deliver_open, held, rehearsal, settled, site,
};
use crate::address::EmailAddress;
use crate::archive::{Archive, Post};
use crate::config::{Config, DateOrder};
use crate::delivery::verdict::{Verdict, judge};
use crate::delivery::watch::Tick;
use crate::delivery::{Composed, Stop};
use crate::finding::{Finding, Severity};
use crate::importers::readers;
use crate::ledger::{IssueState, IssueSummary, Token};
use crate::letters::{self, Letter, Templates};
use crate::schedule::{self, digest::next_moment};
use crate::store::posts::Waiting;
use crate::store::{Addressee, Claimed, DeliveryNumber, NewIssue, StoreError, digest as stored};
use crate::subscribers::{AddressKey, Enrolment, Enrolments};
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
    /// When the next post will be due.
    pub next_due: Option<DateTime<Utc>>,
}

/// The whole half, after the feeds were built.
pub(super) async fn mail(world: &World, office: &Office, built: &Built) -> Result<Mailing, RunError> {
    let rehearsed = rehearsal::settle(world, office).await?;
    let jump = settled::clock_jump(world, office).await?;
    let (enrolled, rejected) = enrol_list(world, office).await?;
    let is_settled = rehearsed == 0 && enrolled.is_none();
    let mut mailing = if is_settled && settled::holds(world, office, built).await? {
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

/// Reads `newsletter.list`, if there is one and it changed; it only ever adds.
pub async fn enrol_list(
    world: &World,
    office: &Office,
) -> Result<(Option<Enrolments>, Vec<Finding>), RunError> {
    let config = &world.config;
    let Some(list) = &config.newsletter.list else { return Ok((None, Vec::new())) };
    let path = config.resolve(list);
    let bytes = std::fs::read(&path).map_err(|error| {
        RunError::user(
            format!("cannot read newsletter.list, {path}: {error}"),
            "make the file, with a first line that says email,name,consented; or take the line out of config.toml",
        )
    })?;
    let confirmed = config.newsletter.list_confirmed;
    let dates = config.newsletter.list_dates;
    let order = dates.map_or("", DateOrder::as_str);
    let seen = format!("{} {confirmed}{order}", hex(digest(&SHA256, &bytes).as_ref()));
    // Rows without consent may gain it by the mere passing of time (a date that was still to come): a day is enough.
    let note = format!("{seen} {}", world.clock.now().date_naive());
    if office.store.recall("list").await?.as_deref() == Some(&note) {
        return Ok((None, Vec::new()));
    }
    let options =
        readers::Options { confirmed, dates, ..readers::Options::new(list.as_str(), world.clock.now()) };
    let ReaderList { readers: rows, findings: rejected, .. } = read_readers(&bytes, options, office)?;
    (world.watch)(Tick::Begin { what: format!("taking {list}"), unit: "row", total: None });
    let enrolled = office.store.enrol(rows, world.clock.now()).await?;
    (world.watch)(Tick::End);
    if rejected.iter().all(|finding| finding.severity < Severity::Error) {
        office.store.remember("list", &note).await?;
    }
    Ok((Some(enrolled), rejected))
}

/// A list as readers.
pub(crate) struct ReaderList {
    /// The readers.
    pub(crate) readers: Vec<Enrolment>,
    /// Rows that cannot be taken, as errors; and what should be looked at.
    pub(crate) findings: Vec<Finding>,
    /// Who wrote the list, where that is known.
    pub(crate) service: Option<readers::Service>,
    /// Columns that were not read.
    pub(crate) ignored: Vec<String>,
}

/// Rows of a list as readers, and findings about those that cannot be taken.
pub(crate) fn read_readers(
    bytes: &[u8],
    options: readers::Options<'_>,
    office: &Office,
) -> Result<ReaderList, RunError> {
    let file = options.file;
    let import = readers::read(bytes, options).map_err(|finding| RunError::Findings(vec![finding]))?;
    let rejected = import.rejected.iter().map(|row| {
        Finding::error("readers-row", file, format!("this row was left out: {}", row.reason)).at(row.line)
    });
    let findings = rejected.chain(import.warnings).collect();
    // Cleaned as a column would be, so that an export leads back to it.
    let origin = readers::clean_source(&match import.service {
        Some(service) if service != readers::Service::Letterpress => format!("{file} ({service})"),
        _ => file.to_owned(),
    });
    let enrolment = |row: readers::Row| Enrolment {
        key: office.key_of(&row.email),
        email: row.email,
        name: row.name,
        language: row.language,
        standing: row.state,
        source: row.source.unwrap_or_else(|| origin.clone()),
        wishes: row.wishes,
        consented_at: row.consented_at,
        added_at: row.added_at,
        standing_since: row.state_since,
        suppressed_because: row.reason,
        unproven: row.unproven,
    };
    let readers = import.rows.into_iter().map(enrolment).collect();
    Ok(ReaderList { readers, findings, service: import.service, ignored: import.ignored })
}

/// An issue that could be frozen now, fully composed and linted.
pub struct Draft<'a> {
    /// The post; `None` if nothing is due.
    pub post: Option<&'a Post>,
    /// Its edition.
    pub edition: Option<Edition>,
    /// The week that is due.
    pub week: Option<WeekDraft<'a>>,
    /// Warnings about the letters.
    pub findings: Vec<Finding>,
    /// Posts that become the baseline.
    pub baseline: Vec<(String, HeaderText)>,
    /// How many more are due.
    pub more: usize,
    /// When the schedule must be asked again although nothing changed.
    pub until: DateTime<Utc>,
    /// What will be due when no file changes.
    pub next: Vec<Upcoming>,
    /// What is due and is not mailed.
    pub held: Held,
}

/// Plans and composes; with `wanted` that post alone. An email with an error is refused here, before the ledger knows of
/// it. Only a run that is `recording` notes since when the posts wait; nothing else is written.
pub async fn draft<'a>(
    world: &World,
    office: &Office,
    archive: &'a Archive,
    wanted: Option<&str>,
    recording: bool,
) -> Result<Draft<'a>, RunError> {
    let now = world.clock.now();
    let known = office.store.known_posts().await?;
    let seen = seen((world, now), office, archive, known.as_ref(), recording).await?;
    let known = schedule::Known { posts: known.as_ref(), seen: &seen };
    let plan = schedule::plan(archive, &known, &world.config.newsletter, now);
    let mut choice = match wanted {
        None => choose(world, office, archive, &plan.due).await?,
        Some(wanted) => wanted_post(world, office, archive, wanted).await?,
    };
    let mut baseline: Vec<_> =
        plan.baseline.iter().map(|post| (post.id.clone(), post.title.clone())).collect();
    if let Some((post, _)) = &choice.chosen {
        baseline.retain(|(id, _)| *id != post.id);
    }
    let week = match wanted {
        None => week(world, office, archive, &mut choice).await?,
        Some(_) => None,
    };
    let (newsletter, zone) = (&world.config.newsletter, world.config.site.timezone);
    let moment = next_moment(newsletter.digest, zone, now);
    let until = schedule::wakes_at(&plan, archive).map_or(moment, |at| at.min(moment));
    let next = next::look_ahead(world, office, (&plan, archive)).await?;
    let Choice { chosen, findings, held, more } = choice;
    let (post, edition) = chosen.unzip();
    Ok(Draft { post, edition, week, findings, baseline, more, until, next, held })
}

/// Which of the posts that are due is mailed, and what is to be said of the others.
#[derive(Default)]
struct Choice<'a> {
    chosen: Option<(&'a Post, Edition)>,
    findings: Vec<Finding>,
    held: Held,
    more: usize,
}

/// The oldest post that is due and that somebody gets. One that is held back keeps no other back.
async fn choose<'a>(
    world: &World,
    office: &Office,
    archive: &Archive,
    due: &[&'a Post],
) -> Result<Choice<'a>, RunError> {
    let mut choice = Choice::default();
    if due.is_empty() {
        return Ok(choice);
    }
    choice.held.lookalikes = held::alike(office, archive, due.iter().copied()).await?;
    let alike: HashSet<String> = choice.held.lookalikes.iter().map(|held| held.post.clone()).collect();
    for post in due.iter().filter(|post| !alike.contains(&post.id)) {
        let audience = office.store.audience(&post.id, post.categories.clone()).await?;
        if audience.each == 0 {
            choice.held.nobody.push(held::nobody(office, post, audience).await?);
        } else if choice.chosen.is_some() {
            choice.more += 1;
        } else {
            let (edition, findings) = compose(&world.config, post)?;
            match approval::missing(world, office, &post.id, &[&edition]).await? {
                Some(unapproved) => choice.held.unapproved.push(unapproved),
                None => (choice.chosen, choice.findings) = (Some((*post, edition)), findings),
            }
        }
    }
    Ok(choice)
}

/// The post that somebody asks for by name: that is its approval, but it makes no old post new.
async fn wanted_post<'a>(
    world: &World,
    office: &Office,
    archive: &'a Archive,
    wanted: &str,
) -> Result<Choice<'a>, RunError> {
    let post = find(&world.config, archive, wanted)?;
    let issued = office.store.frozen(&post.id).await?;
    if issued.is_some_and(|issue| issue.state != IssueState::Baseline) {
        return Err(StoreError::AlreadyIssued(post.id.clone()).into());
    }
    if let Some(lookalike) = held::alike(office, archive, [post]).await?.pop() {
        return Err(RunError::user(lookalike.to_string(), lookalike.help()));
    }
    let audience = office.store.audience(&post.id, post.categories.clone()).await?;
    if audience.each == 0 {
        let nobody = held::nobody(office, post, audience).await?;
        return Err(RunError::user(nobody.to_string(), nobody.help()));
    }
    let (edition, findings) = compose(&world.config, post)?;
    Ok(Choice { chosen: Some((post, edition)), findings, ..Choice::default() })
}

/// The week that is due, without the posts that are held back; `None` too if nobody would get anything of it.
async fn week<'a>(
    world: &World,
    office: &Office,
    archive: &'a Archive,
    choice: &mut Choice<'a>,
) -> Result<Option<WeekDraft<'a>>, RunError> {
    let forecast = digest::outlook_of_the_week(world, office, archive).await?;
    let Some(mut due) = forecast.and_then(|forecast| forecast.due) else { return Ok(None) };
    let known = office.store.known_posts().await?.unwrap_or_default();
    let unknown = due.posts.iter().copied().filter(|post| !known.contains(&post.id));
    let alike = held::alike(office, archive, unknown).await?;
    due.posts.retain(|post| alike.iter().all(|held| held.post != post.id));
    let fresh: Vec<_> = alike.into_iter().filter(|held| !choice.held.lookalikes.contains(held)).collect();
    choice.held.lookalikes.extend(fresh);
    let (week, warnings) = digest::draft(world, office, due).await?;
    choice.findings.extend(warnings);
    if !week.digest.posts.is_empty() && week.letters.is_empty() {
        return Ok(None);
    }
    let editions: Vec<&Edition> = week.letters.iter().map(|letter| &letter.edition).collect();
    let subject = format!("{}{}", stored::PREFIX, week.digest.week);
    match approval::missing(world, office, &subject, &editions).await? {
        Some(unapproved) if !editions.is_empty() => {
            choice.held.unapproved.push(unapproved);
            Ok(None)
        }
        _ => Ok(Some(week)),
    }
}

/// Since when each post that could be mailed has been published, as far as runs have seen it.
async fn seen(
    (world, now): (&World, DateTime<Utc>),
    office: &Office,
    archive: &Archive,
    known: Option<&HashSet<String>>,
    recording: bool,
) -> Result<HashMap<String, DateTime<Utc>>, RunError> {
    if !recording {
        return Ok(office.store.waiting().await?);
    }
    let newsletter = &world.config.newsletter;
    let waits = |post: &&Post| {
        let is_known = known.is_some_and(|known| known.contains(&post.id));
        !is_known && post.newsletter && now - post.published.to_utc() <= newsletter.max_age.delta()
    };
    let waiting = archive.posts.iter().filter(waits).map(|post| Waiting {
        post: post.id.clone(),
        text: held::fingerprint(format!("{}\n{}", post.title, post.body).as_bytes()),
        since: if known.is_none() { schedule::first_seen(post, now) } else { now },
    });
    Ok(office.store.waiting_since(waiting.collect(), newsletter.delay_restarts, now).await?)
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
        None => EmailAddress::parse("reader@example.com")
            .map_err(|error| RunError::user(error.to_string(), ""))?,
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
    approval::ask(world, office, &mut draft.held).await?;
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
        let letter =
            serde_json::to_string(&edition).map_err(|error| RunError::user(error.to_string(), ""))?;
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
