//! The newsletter half of a run: read the subscriber list, find what is due, freeze it, deliver it.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::address::EmailAddress;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::delivery::verdict::{Verdict, classify};
use crate::delivery::{OutgoingMessage, StopReason};
use crate::email::{self, MessageTemplate, Templates};
use crate::finding::{Finding, Severity};
use crate::ledger::{IssueState, IssueSummary, Token};
use crate::pipeline::build::feeds;
use crate::pipeline::build::feeds::BuildReport;
use crate::pipeline::build::lookup::find;
use crate::pipeline::newsletter::approval;
use crate::pipeline::newsletter::deliver::deliver_open;
use crate::pipeline::newsletter::digest;
use crate::pipeline::newsletter::digest::ScheduledDigest;
use crate::pipeline::newsletter::held_posts;
use crate::pipeline::newsletter::held_posts::HeldPosts;
use crate::pipeline::newsletter::idle_shortcut;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::planning::Draft;
use crate::pipeline::newsletter::planning::draft;
use crate::pipeline::newsletter::rehearsal;
use crate::pipeline::newsletter::relay_backoff::RelayBackoff;
use crate::pipeline::newsletter::subscriber_list::import_list;
use crate::pipeline::newsletter::unsubscribe_check::ensure_can_unsubscribe;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::session::transport::no_sender;
use crate::pipeline::session::transport::open_transport;
use crate::pipeline::status::diagnosis::FailureExplanation;
use crate::pipeline::status::diagnosis::relay_error;
use crate::pipeline::status::upcoming;
use crate::pipeline::status::upcoming::Upcoming;
use crate::store::{Claimed, DeliveryNumber, DeliveryRecipient, NewIssue, StoreError};
use crate::subscribers::{AddressKey, ImportCounts};
use crate::text::{HeaderText, hex};

/// What the newsletter half did.
#[derive(Debug, Default)]
pub struct NewsletterReport {
    /// What `newsletter.list` changed.
    pub list_import: Option<ImportCounts>,
    /// Rejected rows of the list.
    pub rejected_rows: Vec<Finding>,
    /// Number of posts recorded as older than the ledger.
    pub baseline: usize,
    /// The issue frozen in this run: subject and number of recipients.
    pub scheduled: Option<(HeaderText, u64)>,
    /// The post of that issue.
    pub scheduled_id: Option<String>,
    /// The weekly digest frozen in this run.
    pub digest: Option<ScheduledDigest>,
    /// Warnings about the emails.
    pub findings: Vec<Finding>,
    /// The issues that this run worked on, with their current state.
    pub issues: Vec<IssueSummary>,
    /// The transport of each issue, by its post: `mail.example.com:465` or `outbox/…`.
    pub delivered: HashMap<String, String>,
    /// Deliveries recovered from an interrupted run: pending again, and with unknown outcome.
    pub recovered: (u64, u64),
    /// After a database failover: number of deliveries with unknown outcome.
    pub failed_over: Option<u64>,
    /// Why the run stopped early.
    pub stop_reason: Option<StopReason>,
    /// Explanation of that, if the cause is known.
    pub diagnosis: Option<FailureExplanation>,
    /// How many messages the relay accepted in this run.
    pub sent: u64,
    /// When the next deferred delivery is retried.
    pub retry_at: Option<DateTime<Utc>>,
    /// What will be due if no file changes.
    pub next: Vec<Upcoming>,
    /// The back-off from a throttling relay.
    pub backoff: Option<RelayBackoff>,
    /// Warnings that do not stop an issue.
    pub warnings: Vec<String>,
    /// Number of addresses suppressed because their mailbox does not exist.
    pub suppressed: u64,
    /// Paused issues: the post's id, and the reason.
    pub paused_issues: Vec<(String, String)>,
    /// How many more posts are due; each run mails one.
    pub more_due: usize,
    /// What is due but held back.
    pub held: HeldPosts,
    /// Number of rehearsals that ended because a relay is configured now.
    pub rehearsed: u64,
    /// Whether the id file was written, by a command that builds no feeds.
    pub ids_changed: bool,
    /// Subscribers added to an issue that was mailed before.
    pub extended: Option<(HeaderText, u64)>,
}

/// Runs the newsletter half, after the feeds were built.
pub(crate) async fn run(
    context: &RunContext,
    session: &LedgerSession,
    built: &BuildReport,
) -> Result<NewsletterReport, RunError> {
    let rehearsed = rehearsal::end_if_relay_configured(context, session).await?;
    let jump = idle_shortcut::clock_jump(context, session).await?;
    let (enrolled, rejected) = import_list(context, session).await?;
    let is_settled = rehearsed == 0 && enrolled.is_none();
    // After the clock was set back, nothing new is frozen: it may jump again.
    let mut report =
        if jump.is_some() || is_settled && idle_shortcut::is_settled(context, session, built).await? {
            let mut report = deliver_open(context, session).await?;
            report.next = upcoming::load(session, context.clock.now()).await?;
            report
        } else {
            let read;
            let archive = if let Some(archive) = &built.archive {
                archive
            } else {
                read = feeds::read_with_ids(context, built.waivers)?.0;
                &read
            };
            let draft = draft(context, session, archive, None, true).await?;
            let until = draft.until;
            let report = schedule_issue(context, session, draft).await?;
            held_posts::record(context, session, archive).await?;
            // Held posts are mailed as soon as somebody subscribes or approves them, without any change of files.
            if report.held.is_empty() && report.held.without_audience.is_empty() {
                idle_shortcut::record_settled(context, session, &built.inputs, until).await?;
            }
            upcoming::store(session, &report.next).await?;
            report
        };
    report.list_import = enrolled;
    report.rejected_rows = rejected;
    report.rehearsed = rehearsed;
    report.warnings.extend(jump);
    Ok(report)
}

/// Composes and checks the email of a post.
pub fn compose(config: &Config, post: &Post) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    crate::pipeline::build::pages::refuse_dead_pictures(config, post)?;
    let letter = email::compose(post, config, &templates(config)?).map_err(RunError::Findings)?;
    lint_message(letter, config, post.source.as_str())
}

/// The renderer of an email without errors; its findings name `source`.
pub(crate) fn lint_message(
    letter: MessageTemplate,
    config: &Config,
    source: &str,
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let renderer = IssueRenderer::new(letter, config).ok_or_else(no_sender)?;
    let fixtures = check_signature(&renderer, &sample_recipient(config)?, config)?;
    let (errors, findings): (Vec<_>, Vec<_>) = email::lint(renderer.letter(), &fixtures.message, source)
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok((renderer, findings)) } else { Err(RunError::Findings(errors)) }
}

/// One message, signed as in a real run.
fn check_signature(
    renderer: &IssueRenderer,
    copy: &Claimed,
    config: &Config,
) -> Result<OutgoingMessage, RunError> {
    renderer.compose(copy, signer(config)?.as_deref()).map_err(|error| {
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
fn sample_recipient(config: &Config) -> Result<Claimed, RunError> {
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
        fields: crate::store::MessageFields {
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
pub async fn schedule_issue(
    context: &RunContext,
    session: &LedgerSession,
    mut draft: Draft<'_>,
) -> Result<NewsletterReport, RunError> {
    let now = context.clock.now();
    let asked = approval::request(context, session, &mut draft.held).await;
    draft.held.note(session).await?;
    let baseline = draft.baseline.len();
    let (mut frozen, frozen_id) = (None, draft.post.map(|post| post.id.clone()));
    let unsubscribing = match (&draft.post, &draft.digest) {
        (None, None) => None,
        _ => match ensure_can_unsubscribe(context, session).await {
            Err(refused @ RunError::Findings(_)) => {
                // Issues that were started before continue.
                deliver_open(context, session).await?;
                return Err(refused);
            }
            judged => judged?,
        },
    };
    if let (Some(post), Some(renderer)) = (draft.post, draft.renderer) {
        let subject = renderer.letter().subject.clone();
        let letter = serde_json::to_string(&renderer).map_err(RunError::internal)?;
        let issue = NewIssue {
            post: post.id.clone(),
            subject: subject.clone(),
            label: post.label(),
            message: letter,
            categories: post.categories.clone(),
            baseline: draft.baseline,
            rehearsal: context.config.smtp.is_none(),
        };
        let keys = Arc::clone(&session.keys);
        let imprint = move |recipient: &DeliveryRecipient<'_>| renderer.message_fields(&keys, recipient);
        frozen = match session.store.schedule_issue(issue, Box::new(imprint), now).await {
            Ok(audience) => {
                tracing::info!(post = post.id, audience, "issue scheduled");
                Some((subject, audience))
            }
            // Another machine froze it meanwhile, and both deliver it together; or the last recipient unsubscribed.
            Err(StoreError::AlreadyIssued(_) | StoreError::NoAudience(_)) => None,
            Err(error) => return Err(error.into()),
        };
    } else {
        session.store.baseline(draft.baseline, now).await?;
    }
    let week = match draft.digest {
        Some(week) => digest::freeze(context, session, week, now).await?,
        None => None,
    };
    let mut report = deliver_open(context, session).await?;
    report.baseline = baseline;
    report.scheduled_id = frozen_id.filter(|_| frozen.is_some());
    report.scheduled = frozen;
    report.digest = week;
    report.findings = draft.findings;
    report.findings.extend(unsubscribing);
    report.more_due = draft.more;
    report.held = draft.held;
    // A failed request for approval does not stop other issues; the next run sends it again.
    if let Err(error) = asked {
        report.warnings.push(format!("the request for approval was not sent: {error}"));
    }
    report.next = draft.next;
    Ok(report)
}

/// Sends an issue to current subscribers who match its audience and have not received it.
pub(crate) async fn send_missing(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
    wanted: &str,
) -> Result<NewsletterReport, RunError> {
    let post = find(&context.config, archive, wanted)?;
    let issue = session.store.frozen(&post.id).await?;
    let issue = issue.filter(|issue| matches!(issue.state, IssueState::Sending | IssueState::Done));
    let issue = issue.ok_or_else(|| {
        RunError::user(
            format!("\"{}\" was not mailed yet", post.title),
            "omit --missing to mail it now; `letterpress status` shows all issues, also paused ones",
        )
    })?;
    let renderer: IssueRenderer = serde_json::from_str(&issue.letter).map_err(|error| {
        RunError::user(
            format!("cannot read the frozen issue of {}: {error}", post.id),
            "update Letterpress if a newer version froze this issue",
        )
    })?;
    let subject = renderer.letter().subject.clone();
    let keys = Arc::clone(&session.keys);
    let imprint = move |recipient: &DeliveryRecipient<'_>| renderer.message_fields(&keys, recipient);
    let now = context.clock.now();
    let added = session.store.extend(&post.id, post.categories.clone(), Box::new(imprint), now).await?;
    let mut report = deliver_open(context, session).await?;
    report.extended = Some((subject, added));
    Ok(report)
}

/// Sends one message outside of any issue.
pub(crate) async fn transmit_test(
    context: &RunContext,
    renderer: &IssueRenderer,
    address: EmailAddress,
) -> Result<String, RunError> {
    let random = hex(&context.clock.random());
    let mut claimed = sample_recipient(&context.config)?;
    claimed.address = address;
    claimed.name = None;
    claimed.fields.message_id = format!("{random}@{}", claimed.address.domain());
    claimed.fields.boundary_seed = random;
    claimed.dated = context.clock.now();
    let composed = check_signature(renderer, &claimed, &context.config)?;
    let transport = open_transport(&context.config, "test")?;
    let failed = |outcome: crate::delivery::SmtpOutcome| {
        let what = format!(
            "{} rejected the message at {}: {}",
            transport.name(),
            outcome.phase,
            outcome.reply_text()
        );
        relay_error(&context.config, &outcome, what)
    };
    let mut channel = transport.connect().await.map_err(failed)?;
    channel.offer(&composed.envelope).await.map_err(failed)?;
    channel.body(&composed.message).await.map_err(failed)?;
    let outcome = channel.final_dot(None).await;
    channel.quit().await;
    if classify(&outcome) == Verdict::Sent { Ok(transport.name()) } else { Err(failed(outcome)) }
}
