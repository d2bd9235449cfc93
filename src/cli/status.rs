//! `letterpress status`: issues with delivery counts, deliveries with unknown outcome, and the history of a subscriber.

mod delivery_list;
mod explain;

use std::fmt;

use clap::{Args as ClapArgs, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{issue_ids, parse};
use super::completions;
use super::printer::{Printer, count, when};
use super::view::{blockers, newsletter};
use crate::archive::{Archive, SkipReason, folder};
use crate::config::Span;
use crate::finding::Finding;
use crate::ledger::{IssueState, IssueSummary, RESTORED, State};
use crate::pipeline::newsletter::{digest_forecast, hold_reason, unrecognised};
use crate::pipeline::operations::kept_readers;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::pipeline::status::{Blocker, Health, find_blockers, health};
use crate::schedule::digest::Digest;
use crate::schedule::{LedgerKnowledge, NotDue, plan};
use crate::store::{DeliveryView, Filter};
use crate::text::{clipped, shell_quoted};
use delivery_list::DeliveryList;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress status
  letterpress status recipients 2026-11-23-hello
  letterpress status explain kim@example.com
  letterpress status --max-age 1h                  # for a health check or a monitor")]
pub(super) struct Args {
    /// Say only whether the last publish ended well, at most this long ago; exit code 0 or 1.
    #[arg(long, value_name = "AGE", value_parser = Span::parse, conflicts_with = "json")]
    max_age: Option<Span>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    question: Option<StatusQuery>,
}

#[derive(Subcommand)]
enum StatusQuery {
    /// List the deliveries of an issue.
    #[command(alias = "who-got", after_help = "Example:\n  letterpress status recipients 2026-W47")]
    Recipients {
        /// Id, slug or file of the post, or a week such as 2026-W47 [default: the newest issue].
        #[arg(add = completions::issues())]
        issue: Option<String>,
    },
    /// List the deliveries to an address.
    #[command(alias = "what-got", after_help = "Example:\n  letterpress status history kim@example.com")]
    History {
        /// Email address.
        address: String,
    },
    /// Explain why an address gets emails or not.
    #[command(alias = "why-not", after_help = "Example:\n  letterpress status explain kim@example.com")]
    Explain {
        /// Email address.
        address: String,
    },
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    if let Some(max_age) = args.max_age {
        return Ok(report_health(max_age, context, printer));
    }
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    match &args.question {
        None => overview(args.json, context, &session, printer).await,
        Some(StatusQuery::Recipients { issue }) => {
            let mut list = DeliveryList::begin(args.json, printer);
            for post in issue_ids(&session, issue.as_deref()).await? {
                let mut pages = session.store.delivery_pages(&post);
                while let Some(page) = pages.next().await? {
                    if !list.print(&page, &session, &context.config)? {
                        return Ok(Outcome::Done);
                    }
                }
            }
            list.end()
        }
        Some(StatusQuery::History { address }) => {
            let subscriber = Some(session.key_of(&parse(address)?));
            let views = session.store.deliveries(Filter { subscriber, ..Filter::default() }).await?;
            if views.is_empty() && !args.json {
                printer.stdout(format!("no issue was sent to {address}"));
            }
            let mut list = DeliveryList::begin(args.json, printer);
            list.print(&views, &session, &context.config)?;
            list.end()
        }
        Some(StatusQuery::Explain { address }) => {
            explain::explain(address, args.json, (context, &session), printer).await
        }
    }
}

/// One line for a monitor.
fn report_health(max_age: Span, context: &RunContext, printer: Printer) -> Outcome {
    let at = |time| when(time, &context.config);
    let bad = match health(&context.config, max_age, context.clock.now()) {
        Health::Good(time, open) => {
            let open = if open.is_empty() {
                String::new()
            } else {
                format!("; `letterpress status` shows {}", open.join(" and "))
            };
            printer.info(format!("healthy: the last run ended well at {}{open}", at(time)));
            return Outcome::Done;
        }
        Health::Running => {
            printer.info("healthy: a run is in progress");
            return Outcome::Done;
        }
        Health::NoRun => "no run of `publish` has ended yet".to_owned(),
        Health::Late(time) => format!("the last run ended at {}; none in the last {max_age}", at(time)),
        Health::Failed(time, code, why) => {
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            format!("the run that ended at {} failed with exit code {code}{why}", at(time))
        }
    };
    printer.warn(format!("unhealthy: {bad}"));
    Outcome::UserError
}

async fn overview(
    as_json: bool,
    context: &RunContext,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let issues = session.store.issues().await?;
    let states = [State::Unknown, State::FailedUncertain];
    let mut unknown =
        session.store.deliveries(Filter { states: states.to_vec(), ..Filter::default() }).await?;
    unknown.retain(|view| view.row.needs_decision());
    let archive = folder::read(&context.config, context.clock.now()).map(|reading| reading.archive);
    let week = match &archive {
        Ok(archive) => next_digest(context, session, archive).await?,
        Err(_) => None,
    };
    let next = next(context, session, archive).await?;
    let refusal = ledger_refusal(context, session, printer).await?;
    let reasons = find_blockers(context, session, &issues).await?;
    let unread = unrecognised(&session.store).await?;
    let feed_readers = kept_readers(context, session).await?.latest();
    let outcome = match (refusal.is_some(), unknown.is_empty()) {
        (true, _) => Outcome::UserError,
        (false, false) => Outcome::Partly,
        (false, true) => Outcome::Done,
    };
    if as_json {
        let issues: Vec<Value> = issues
            .iter()
            .map(|issue| {
                json!({ "id": issue.id, "subject": issue.subject, "state": issue.state, "frozen_at": issue.frozen_at,
                        "audience": issue.audience, "counts": issue.counts, "next_at": issue.next_at,
                        "because": issue.paused_because, "reason": issue.paused_because, "rehearsal": issue.rehearsal })
            })
            .collect();
        let blockers: Vec<Value> = reasons.iter().map(blocker).collect();
        printer.json(&json!({ "issues": issues, "waiting": reasons, "blockers": blockers, "next": next,
                              "weekly": week, "barred": refusal, "blocked": refusal,
                              "unrecognised_emails": unread, "feed_readers": feed_readers }))?;
        return Ok(outcome);
    }
    if issues.is_empty() {
        printer.stdout("no issue has been sent yet");
    }
    for issue in &issues {
        print_issue(issue, context, printer);
    }
    print_unknown(&unknown, printer);
    for reason in &reasons {
        printer.stdout(blockers::sentence(reason, &context.config));
    }
    if unread > 0 {
        printer.stdout(format!(
            "{} to the bounce address not understood: unread in the mailbox; `letterpress inbox --dry-run --json` (with --recheck \
             for --imap) lists them as \"other\"",
            count(unread, "email")
        ));
    }
    for line in next.as_array().into_iter().flatten() {
        printer.stdout(format!(
            "next: {} ({})",
            line["title"].as_str().unwrap_or(""),
            line["why"].as_str().unwrap_or("")
        ));
    }
    if let Some(week) = &week {
        printer.stdout(format!("next: {week}"));
    }
    if let Some(latest) = feed_readers {
        printer.stdout(format!("feeds: {} on {}", count(latest.readers, "reader"), latest.day));
    }
    Ok(outcome)
}

/// Prints the deliveries with unknown outcome.
fn print_unknown(unknown: &[DeliveryView], printer: Printer) {
    if unknown.is_empty() {
        return;
    }
    printer.stdout("unknown outcome (may or may not have arrived; settle with `letterpress resolve`):");
    for view in unknown {
        let details = match (&view.row.last, view.row.reason.as_deref()) {
            (_, Some(RESTORED)) => "the ledger was restored from a backup".to_owned(),
            (Some(last), _) => format!("at {}: {}", last.phase, clipped(&last.text)),
            (None, _) => "the run was interrupted while the message was being sent".to_owned(),
        };
        printer.stdout(format!("    {}  \"{}\"  {}  {details}", view.address, view.subject, view.row.state));
    }
}

/// A reason why nothing is sent, with standard keys. `waiting` contains the same with older keys, for existing scripts.
fn blocker(reason: &Blocker) -> Value {
    match reason {
        Blocker::SwitchedOff { key } => json!({ "reason": "newsletter_off", "key": key }),
        Blocker::AnotherRun { waiting, until } => {
            json!({ "reason": "run_in_progress", "pending": waiting, "until": until })
        }
        Blocker::RelayRests { until, said, waiting } => {
            json!({ "reason": "throttled", "pending": waiting, "until": until, "reply": said })
        }
        Blocker::Paused { issue, subject, why, waiting } => {
            json!({ "reason": "paused", "issue": issue, "subject": subject, "pending": waiting, "message": why })
        }
        Blocker::Retries { issue, subject, readers, until } => {
            json!({ "reason": "retrying", "issue": issue, "subject": subject, "pending": readers, "until": until })
        }
        Blocker::NextRun { issue, subject, waiting, until } => {
            json!({ "reason": "next_run", "issue": issue, "subject": subject, "pending": waiting, "until": until })
        }
    }
}

/// Prints an issue in three lines.
fn print_issue(issue: &IssueSummary, context: &RunContext, printer: Printer) {
    let state = match issue.state {
        _ if issue.rehearsal => " [rehearsal]".to_owned(),
        IssueState::Done => String::new(),
        state => format!(" [{}]", state.as_str()),
    };
    printer.stdout(format!("{}  \"{}\"{state}", when(issue.frozen_at, &context.config), issue.subject));
    printer.stdout(format!("    {}: {}", count(issue.audience, "subscriber"), newsletter::counts(issue)));
    printer.stdout(format!("    {}", issue.id));
}

/// The next weekly digest, if a subscriber chose it.
#[derive(Serialize)]
struct NextWeek {
    week: String,
    /// `None`: with the next run.
    at: Option<String>,
    posts: usize,
    /// The same number as `subscribers`; scripts may rely on it.
    readers: u64,
    subscribers: u64,
}

impl fmt::Display for NextWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_ref().map_or("with the next run".to_owned(), |at| format!("on {at}"));
        let (posts, subscribers) = (count(self.posts as u64, "post"), count(self.readers, "subscriber"));
        write!(f, "weekly digest {at} with {posts}, for {subscribers}")
    }
}

async fn next_digest(
    context: &RunContext,
    session: &LedgerSession,
    archive: &Archive,
) -> Result<Option<NextWeek>, RunError> {
    let subscribers = session.store.weekly_subscribers().await?;
    let Some(forecast) = digest_forecast(context, session, archive).await?.filter(|_| subscribers > 0) else {
        return Ok(None);
    };
    let due = forecast.due.filter(|due| !due.posts.is_empty());
    let at = if due.is_some() { None } else { Some(when(forecast.next.moment, &context.config)) };
    let Digest { week, posts, .. } = due.unwrap_or(forecast.next);
    Ok(Some(NextWeek { week, at, posts: posts.len(), readers: subscribers, subscribers }))
}

/// Why nothing may be sent from this ledger. Printed at once; the contents of the ledger follow.
async fn ledger_refusal(
    context: &RunContext,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Option<String>, RunError> {
    let Some(mismatch) = session.mismatch().await? else { return Ok(None) };
    let why = session.refusal(&mismatch, &context.config);
    printer.warn(format!("error: {why}\n    help: {}", mismatch.help()));
    Ok(Some(why))
}

/// Posts that were not mailed yet, each with what it waits for. If the archive cannot be read, the ledger is shown anyway.
async fn next(
    context: &RunContext,
    session: &LedgerSession,
    archive: Result<Archive, Vec<Finding>>,
) -> Result<Value, RunError> {
    let archive = match archive {
        Ok(archive) => archive,
        Err(findings) => {
            let first = findings.first().map(ToString::to_string);
            return Ok(json!([{ "title": "the posts cannot be read", "why": first, "reason": first }]));
        }
    };
    let known = session.store.mailed_posts().await?;
    let seen = session.store.waiting().await?;
    let known = LedgerKnowledge { posts: known.as_ref(), seen: &seen };
    let plan = plan(&archive, &known, &context.config.newsletter, context.clock.now());
    let entry = |post: &crate::archive::Post, why: String| json!({ "id": post.id, "title": post.title, "why": why, "reason": why });
    let mut held = hold_reason(context, session, &archive, &plan.due).await?;
    let due = plan.due.iter().map(|post| {
        let why = held.remove(post.id.as_str()).unwrap_or_else(|| "due with the next run".to_owned());
        entry(post, why)
    });
    let waiting = plan.waiting.iter().map(|(post, why)| {
        entry(
            post,
            match why {
                NotDue::OptedOut => {
                    "newsletter = false in its front matter, or a mistake that `letterpress check` reports"
                        .to_owned()
                }
                NotDue::TooYoung(until) => format!("due at {}", when(*until, &context.config)),
                NotDue::TooOld => {
                    format!(
                        "older than newsletter.max_age; `letterpress send --post {}` mails it anyway",
                        shell_quoted(&post.slug)
                    )
                }
            },
        )
    });
    let left_out = archive.skipped.iter().filter_map(|skipped| {
        let why = match &skipped.reason {
            SkipReason::Draft => "a draft".to_owned(),
            why @ (SkipReason::HeldBack(_) | SkipReason::HeldUp(_)) => why.describe()?,
            SkipReason::Future(date) => format!("dated {}", when(date.to_utc(), &context.config)),
            SkipReason::Broken => {
                let findings = archive.findings.iter();
                let mut own = findings.filter(|finding| finding.file.as_str() == skipped.source.as_str());
                own.next().map_or_else(|| "cannot be read".to_owned(), |finding| finding.message.clone())
            }
            _ => return None,
        };
        Some(json!({ "id": null, "title": skipped.source, "why": why, "reason": why }))
    });
    Ok(due.chain(waiting).chain(left_out).collect())
}
