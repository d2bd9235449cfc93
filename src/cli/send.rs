//! `letterpress send`: send what is due without building the feeds; a dry run; a test email.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{WaiverArgs, parse};
use super::completions;
use super::printer::{Printer, count};
use super::view::{held, new_subscribers, newsletter};
use crate::archive::{Post, folder};
use crate::pipeline::newsletter::{
    DigestVariant, Draft, draft, draft_of, ensure_not_mailed_before_restore, import_list, send_test,
};
use crate::pipeline::session::{LedgerSession, RunContext, RunError, ensure_is_configured};
use crate::pipeline::site_build::{FoundPost, find_with_skipped};
use crate::pipeline::{SendRequest, send};
use crate::subscribers::{Frequency, Subscriber, SubscriptionStatus};

#[derive(ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Examples:
  letterpress send --dry-run
  letterpress send --to you@example.com --post 2026-11-23-hello")]
pub(super) struct Args {
    /// Show what would be sent to whom, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Send one test email to this address; it is not recorded.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "dry_run")]
    to: Option<String>,
    /// Mail this post although it is not due: file, slug or id; with --to or --dry-run also a draft.
    #[arg(long, value_name = "POST", add = completions::posts())]
    post: Option<String>,
    /// With --post: send an issue that was already mailed to subscribers who have not received it.
    #[arg(long, requires = "post", conflicts_with_all = ["dry_run", "to"])]
    missing: bool,
    /// With --post: mail a post that was recorded as mailed when the ledger was restored; whoever has it gets it again.
    #[arg(long, requires = "post", conflicts_with = "to")]
    allow_second_email: bool,
    /// Send immediately even if sending is paused because the relay is throttling.
    #[arg(long, conflicts_with_all = ["dry_run", "to"])]
    now: bool,
    /// With --dry-run: print JSON.
    #[arg(long, requires = "dry_run")]
    json: bool,
    #[command(flatten)]
    waivers: WaiverArgs,
}

impl Args {
    /// Whether it mails one post on request. Cron repeats `send` without a post.
    pub(super) fn is_by_hand(&self) -> bool {
        self.post.is_some()
    }

    /// Whether the command sends what is due, and is not a test or a dry run.
    pub(super) fn is_real(&self) -> bool {
        !self.dry_run && self.to.is_none()
    }
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    if let Some(address) = &args.to {
        return test(args, context, printer, address).await;
    }
    if args.dry_run {
        return dry_run(args, context, printer).await;
    }
    let wanted = SendRequest {
        post: args.post.clone(),
        missing: args.missing,
        allow_second_email: args.allow_second_email,
        ignore_backoff: args.now,
        waivers: args.waivers.allowed(),
    };
    Ok(newsletter::report(&send(context, &wanted).await?, context, printer))
}

async fn test(
    args: &Args,
    context: &RunContext,
    printer: Printer,
    address: &str,
) -> Result<Outcome, RunError> {
    let address = parse(address)?;
    let config = context.config.lenient();
    let (archive, wrong) = match folder::read(&context.config, context.clock.now()) {
        Ok(reading) => (reading.archive, Vec::new()),
        Err(wrong) => {
            (folder::read(&config, context.clock.now()).map_err(RunError::Findings)?.archive, wrong)
        }
    };
    let found = match &args.post {
        Some(wanted) => find_with_skipped(&config, &archive, wanted, context.clock.now())?,
        None => FoundPost::Published(archive.posts.iter().find(|post| post.newsletter).ok_or_else(|| {
            RunError::user(
                "there is no published post",
                "`letterpress check` says why; --post also accepts a draft",
            )
        })?),
    };
    let own: Vec<_> = wrong.into_iter().filter(|finding| finding.file == found.post().source).collect();
    if !own.is_empty() {
        return Err(RunError::Findings(own));
    }
    let (subject, through) = send_test(context, (&found, &archive), address.clone()).await?;
    printer
        .info(format!("sent a test email of \"{subject}\" to {address} via {through}; it is not recorded"));
    if let Some(why) = found.skip_reason() {
        printer.info(format!("  {why}"));
    }
    Ok(Outcome::Done)
}

async fn dry_run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    ensure_is_configured(&context.config)?;
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    session.check_fence(&context.config).await?;
    let (imported, rejected) = import_list(context, &session).await?;
    let archive = folder::read(&context.config, context.clock.now()).map_err(RunError::Findings)?.archive;
    let wanted = args.post.as_deref();
    let found = wanted
        .map(|wanted| find_with_skipped(&context.config, &archive, wanted, context.clock.now()))
        .transpose()?;
    let why = found.as_ref().and_then(FoundPost::skip_reason);
    let unpublished = found.as_ref().filter(|found| !matches!(found, FoundPost::Published(_)));
    if let (Some(wanted), None, false) = (wanted, unpublished, args.allow_second_email) {
        ensure_not_mailed_before_restore(context, &session, &archive, wanted).await?;
    }
    let draft = match unpublished {
        Some(found) => draft_of(context, found, &archive)?,
        None => draft(context, &session, &archive, wanted, false).await?,
    };
    let preview = AudiencePreview::of(&session, &draft, args.json).await?;
    if args.json {
        printer.json(&as_json(&draft, &preview, why.as_deref()))?;
        return Ok(Outcome::Done);
    }
    new_subscribers::report(imported, &rejected, printer);
    printer.warnings(&draft.findings);
    held::report(&draft.held, printer);
    report_post(&draft, &preview, printer);
    if let Some(why) = &why {
        printer.stdout(format!("  {why}"));
    }
    for variant in draft.digest.iter().flat_map(|week| &week.letters) {
        printer.stdout(format!(
            "would send the weekly digest \"{}\" ({}) to {}",
            variant.renderer.template().subject,
            count(variant.posts.len() as u64, "post"),
            count(variant.recipients, "subscriber")
        ));
    }
    if preview.others > 0 {
        let others = preview.others;
        printer.stdout(format!("{others} active: not this issue (other topics, or weekly digest)"));
    }
    for (status, number) in
        preview.by_status.iter().filter(|(status, _)| *status != SubscriptionStatus::Active)
    {
        printer.stdout(format!("{} {}: no email", number, status.as_str()));
    }
    Ok(Outcome::Done)
}

fn report_post(draft: &Draft<'_>, preview: &AudiencePreview, printer: Printer) {
    let Some((post, renderer)) = draft.post.zip(draft.renderer.as_ref()) else {
        if draft.digest.as_ref().is_none_or(|week| week.letters.is_empty()) {
            printer.stdout("nothing is due");
        }
        return;
    };
    let AudiencePreview { named, total, .. } = preview;
    let (subject, recipients) = (&renderer.template().subject, count(*total, "subscriber"));
    printer.stdout(format!("would send \"{subject}\" ({}) to {recipients}", post.source));
    for address in named {
        printer.stdout(format!("  {address}"));
    }
    if *total > named.len() as u64 {
        printer.stdout(format!("  … and {} more (--json lists all)", total - named.len() as u64));
    }
}

/// Who would get the post.
#[derive(Default)]
struct AudiencePreview {
    /// Number of subscribers by status.
    by_status: Vec<(SubscriptionStatus, u64)>,
    /// The first recipients of the post, or all of them.
    named: Vec<String>,
    /// Number of recipients.
    total: u64,
    /// Number of active subscribers who do not get the post.
    others: u64,
}

impl AudiencePreview {
    async fn of(session: &LedgerSession, draft: &Draft<'_>, all: bool) -> Result<Self, RunError> {
        let mut preview = Self::default();
        let mut after = 0;
        loop {
            let page = session.store.subscribers(after, 1_000).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, subscriber) in &page {
                preview.count(subscriber, draft.post, all);
            }
        }
        preview.by_status.sort_unstable();
        Ok(preview)
    }

    fn count(&mut self, subscriber: &Subscriber, post: Option<&Post>, all: bool) {
        match self.by_status.iter_mut().find(|(status, _)| *status == subscriber.profile.status) {
            Some((_, number)) => *number += 1,
            None => self.by_status.push((subscriber.profile.status, 1)),
        }
        let wants = post.is_none_or(|post| {
            subscriber.profile.preferences.frequency == Frequency::Immediate
                && subscriber.is_in(&post.audience())
        });
        match (subscriber.profile.status, wants) {
            (SubscriptionStatus::Active, true) => {
                self.total += 1;
                if all || self.named.len() < 5 {
                    self.named.push(subscriber.profile.email.to_string());
                }
            }
            (SubscriptionStatus::Active, false) => self.others += 1,
            _ => {}
        }
    }
}

fn as_json(draft: &Draft<'_>, preview: &AudiencePreview, unpublished: Option<&str>) -> Value {
    let counts: serde_json::Map<_, _> = preview
        .by_status
        .iter()
        .map(|(status, number)| (status.as_str().to_owned(), json!(number)))
        .collect();
    let issue = draft.post.zip(draft.renderer.as_ref()).map(|(post, renderer)| {
        json!({ "id": post.id, "subject": renderer.template().subject, "source": post.source, "url": post.url })
    });
    let variant = |variant: &DigestVariant<'_>| {
        let posts: Vec<&str> = variant.posts.iter().map(|post| post.id.as_str()).collect();
        json!({ "subject": variant.renderer.template().subject, "posts": posts, "readers": variant.recipients,
                "subscribers": variant.recipients })
    };
    let week = draft.digest.as_ref().map(|week| {
        let variants: Vec<Value> = week.letters.iter().map(variant).collect();
        json!({ "week": week.digest.week, "letters": variants, "issues": variants })
    });
    json!({
        "issue": issue, "weekly": week, "readers": counts, "subscribers": counts, "to": preview.named,
        "more": draft.more, "unpublished": unpublished,
    })
}
