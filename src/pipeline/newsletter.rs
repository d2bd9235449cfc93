//! The newsletter half of a run: who reads, what is due, freeze, deliver.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};

use super::digest::{self, FrozenWeek, WeekDraft};
use super::rest::Rest;
use super::signing::signer;
use super::unsubscribing::demand_unsubscribing;
use super::way_out::{no_sender, wire};
use super::{Built, Edition, Office, RunError, World, deliver_open, site};
use crate::address::EmailAddress;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::delivery::verdict::{Verdict, judge};
use crate::delivery::{Composed, Stop};
use crate::finding::{Finding, Severity};
use crate::importers::readers;
use crate::ledger::{IssueSummary, Token};
use crate::letters::{self, Letter, Templates};
use crate::schedule::{self, digest::next_moment};
use crate::store::{Addressee, Claimed, DeliveryNumber, NewIssue, StoreError};
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
}

/// The whole half, after the feeds were built.
pub(super) async fn mail(world: &World, office: &Office, built: &Built) -> Result<Mailing, RunError> {
    let (enrolled, rejected) = enrol_list(world, office).await?;
    let mut mailing = if settled(world, office, built).await? {
        deliver_open(world, office).await?
    } else {
        let read;
        let archive = if let Some(archive) = &built.archive {
            archive
        } else {
            read = site::read(world)?;
            &read
        };
        let draft = draft(world, office, archive, None).await?;
        let until = draft.until;
        let mailing = freeze(world, office, draft).await?;
        let until = until.map_or_else(String::new, |until| until.to_rfc3339());
        office.store.remember(SETTLED, &format!("{} {until}", built.inputs)).await?;
        mailing
    };
    mailing.enrolled = enrolled;
    mailing.rejected = rejected;
    Ok(mailing)
}

/// The note that the schedule has nothing more to say of these inputs before a time. It is written only after a run has
/// done what was due, so that a build, or a run that was cut off, leaves nothing unsaid.
const SETTLED: &str = "settled";

async fn settled(world: &World, office: &Office, built: &Built) -> Result<bool, RunError> {
    if built.archive.is_some() {
        return Ok(false);
    }
    let note = office.store.recall(SETTLED).await?.unwrap_or_default();
    let Some(until) = note.strip_prefix(built.inputs.as_str()).map(str::trim) else { return Ok(false) };
    let holds = DateTime::parse_from_rfc3339(until).is_ok_and(|until| world.clock.now() < until.to_utc());
    Ok(until.is_empty() || holds)
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
    let seen = format!("{} {confirmed}", hex(digest(&SHA256, &bytes).as_ref()));
    // Rows without consent may gain it by the mere passing of time (a date that was still to come): a day is enough.
    let note = format!("{seen} {}", world.clock.now().date_naive());
    if office.store.recall("list").await?.as_deref() == Some(&note) {
        return Ok((None, Vec::new()));
    }
    let options = readers::Options { confirmed, ..readers::Options::new(list.as_str(), world.clock.now()) };
    let ReaderList { readers: rows, findings: rejected, .. } = read_readers(&bytes, options, office)?;
    let enrolled = office.store.enrol(rows, world.clock.now()).await?;
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
    pub until: Option<DateTime<Utc>>,
}

/// Plans and composes, and writes nothing. With `wanted` it is that post alone. A letter with an error is refused here, before the ledger knows of it.
pub async fn draft<'a>(
    world: &World,
    office: &Office,
    archive: &'a Archive,
    wanted: Option<&str>,
) -> Result<Draft<'a>, RunError> {
    let known = office.store.known_posts().await?;
    let plan = schedule::plan(archive, known.as_ref(), &world.config.newsletter, world.clock.now());
    let mut baseline: Vec<_> =
        plan.baseline.iter().map(|post| (post.id.clone(), post.title.clone())).collect();
    let post = match wanted {
        None => plan.due,
        Some(wanted) => {
            let post = find(archive, wanted)?;
            if office.store.issues().await?.iter().any(|issue| issue.id == post.id) {
                return Err(StoreError::AlreadyIssued(post.id.clone()).into());
            }
            Some(post)
        }
    };
    if let Some(post) = post {
        baseline.retain(|(id, _)| *id != post.id);
    }
    let (edition, mut findings) = match post {
        Some(post) => {
            let (edition, findings) = compose(&world.config, post)?;
            (Some(edition), findings)
        }
        None => (None, Vec::new()),
    };
    let due = match wanted {
        None => digest::outlook_of_the_week(world, office, archive).await?.and_then(|week| week.due),
        Some(_) => None,
    };
    let week = match due {
        Some(due) => {
            let (week, warnings) = digest::draft(world, office, due).await?;
            findings.extend(warnings);
            Some(week)
        }
        None => None,
    };
    let (newsletter, zone) = (&world.config.newsletter, world.config.site.timezone);
    let moment = next_moment(newsletter.digest, zone, world.clock.now());
    let until = Some(schedule::wakes_at(&plan, archive).map_or(moment, |at| at.min(moment)));
    Ok(Draft { post, edition, week, findings, baseline, more: plan.more, until })
}

/// The post that a person means by an id, a slug or a file name.
pub(crate) fn find<'a>(archive: &'a Archive, wanted: &str) -> Result<&'a Post, RunError> {
    let named = |post: &&Post| post.id == wanted || post.slug == wanted || post.source == wanted;
    archive.posts.iter().find(named).ok_or_else(|| {
        RunError::user(format!("there is no published post {wanted:?}"), "name its id, its slug or its file")
    })
}

/// Composes and lints the letter of a post.
pub fn compose(config: &Config, post: &Post) -> Result<(Edition, Vec<Finding>), RunError> {
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
pub async fn freeze(world: &World, office: &Office, draft: Draft<'_>) -> Result<Mailing, RunError> {
    let now = world.clock.now();
    let baseline = draft.baseline.len();
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
    let mut frozen = None;
    if let (Some(post), Some(edition)) = (draft.post, draft.edition) {
        let subject = edition.letter().subject.clone();
        let letter =
            serde_json::to_string(&edition).map_err(|error| RunError::user(error.to_string(), ""))?;
        let issue = NewIssue {
            post: post.id.clone(),
            subject: subject.clone(),
            label: label(post),
            letter,
            categories: post.categories.clone(),
            baseline: draft.baseline,
        };
        let keys = Arc::clone(&office.keys);
        let imprint = move |addressee: &Addressee<'_>| edition.imprint(&keys, addressee);
        frozen = match office.store.freeze(issue, Box::new(imprint), now).await {
            Ok(audience) => Some((subject, audience)),
            // Another machine froze it since this one planned: its copies are delivered together.
            Err(StoreError::AlreadyIssued(_)) => None,
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
    mailing.frozen = frozen;
    mailing.week = week;
    mailing.findings = draft.findings;
    mailing.findings.extend(unsubscribing);
    mailing.more = draft.more;
    Ok(mailing)
}

fn label(post: &Post) -> String {
    format!("{}-{}", post.published.date_naive(), post.slug)
}

/// Sends one copy of `post` to `address` and records nothing: no issue, no reader, no delivery.
pub async fn send_test(world: &World, post: &Post, address: EmailAddress) -> Result<String, RunError> {
    let (edition, _) = compose(&world.config, post)?;
    let random = hex(&world.clock.random());
    let mut claimed = specimen(&world.config)?;
    claimed.address = address;
    claimed.name = None;
    claimed.imprint.message_id = format!("{random}@{}", claimed.address.domain());
    claimed.imprint.boundary_seed = random;
    claimed.dated = world.clock.now();
    let composed = signed(&edition, &claimed, &world.config)?;
    let wire = wire(&world.config, "test")?;
    let failed = |heard: crate::delivery::Heard| {
        let what = format!("{} did not take the copy at {}: {}", wire.name(), heard.phase, heard.said());
        let help = "nothing was recorded; if it is the server's address that is wrong, look at host, port and tls below [smtp]";
        RunError::user(what, help)
    };
    let mut channel = wire.connect().await.map_err(failed)?;
    channel.offer(&composed.envelope).await.map_err(failed)?;
    channel.body(&composed.message).await.map_err(failed)?;
    let heard = channel.dot(None).await;
    channel.quit().await;
    if judge(&heard) == Verdict::Sent { Ok(wire.name()) } else { Err(failed(heard)) }
}
