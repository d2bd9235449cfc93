//! `letterpress resolve`: settle deliveries with unknown outcome, retry rejected ones, resume or cancel a paused issue.
//! Each decision is recorded in the ledger.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use super::Outcome;
use super::args::{issue_id, parse};
use super::completions;
use super::printer::{Printer, count};
use crate::ledger::transition::Event;
use crate::ledger::{EVIDENCE, IssueState, LETTER_REFUSED, LastReply, NO_MAILBOX, State};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::store::{DeliveryView, Filter};
use crate::subscribers::AddressKey;
use crate::text::{hex, shell_quoted};

#[derive(ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap sees that one is set"
)]
#[command(group(clap::ArgGroup::new("decision").required(true)))]
#[command(after_help = "\
Examples:
  letterpress resolve 2026-11-23-hello --resend
  letterpress resolve --sent --subscriber kim@example.com --reason \"Kim has it\"
  letterpress resolve --resume")]
pub(super) struct Args {
    /// Id of the issue, or slug or file of its post [default: the newest issue].
    #[arg(add = completions::issues())]
    issue: Option<String>,
    /// Only the delivery to this subscriber.
    #[arg(long, alias = "reader", value_name = "ADDRESS")]
    subscriber: Option<String>,
    /// Record deliveries with unknown outcome as sent, for example because the relay's log shows it.
    #[arg(long, group = "decision")]
    sent: bool,
    /// Send deliveries with unknown outcome again, byte for byte; some subscribers may get two copies.
    #[arg(long, group = "decision")]
    resend: bool,
    /// Leave deliveries with unknown outcome unchanged, and no longer report them.
    #[arg(long, alias = "leave", group = "decision")]
    acknowledge: bool,
    /// Retry deliveries that were rejected because of their content, or with an untrusted "unknown user". With
    /// --subscriber, retry that delivery whatever the reason. Resumes a paused issue.
    #[arg(long, group = "decision")]
    retry: bool,
    /// Resume a paused issue.
    #[arg(long, group = "decision", conflicts_with = "subscriber")]
    resume: bool,
    /// Cancel an issue: its pending deliveries are not sent.
    #[arg(long, group = "decision", conflicts_with = "subscriber")]
    cancel: bool,
    /// Reason, recorded in the ledger.
    #[arg(long, alias = "why", value_name = "TEXT", default_value = "decided at the command line")]
    reason: String,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let session = LedgerSession::open_for_sending(&context.config, context.clock.as_ref()).await?;
    let post = issue_id(&session, args.issue.as_deref()).await?;
    let now = context.clock.now();
    // Deliveries of an interrupted run may have an unknown outcome too. Another sender may be using the shared database.
    session.store.recover(&hex(&context.clock.random()), session.lock.is_some(), now).await?;
    if args.resume || args.cancel {
        let state = if args.resume { IssueState::Sending } else { IssueState::Cancelled };
        let changed = session.store.set_issue(&post, state, &args.reason, now).await?;
        printer.stdout(match (changed, args.resume) {
            (false, true) => match paused(args, &session).await? {
                Some(other) => format!("{post}, the newest issue, is not paused; {other}"),
                None => format!("{post} is not paused"),
            },
            (false, false) => format!("{post} is already cancelled"),
            (true, true) => format!("resumed {post}: the next run continues"),
            (true, false) => format!("cancelled {post}: pending deliveries will not be sent"),
        });
        return Ok(Outcome::Done);
    }
    let subscriber =
        args.subscriber.as_deref().map(parse).transpose()?.map(|address| session.key_of(&address));
    if args.retry {
        return retry(&session, (post, subscriber), args, context, printer).await;
    }
    // A failed delivery whose earlier attempt may have arrived can be recorded as sent, but not be sent again.
    let states =
        if args.resend { vec![State::Unknown] } else { vec![State::Unknown, State::FailedUncertain] };
    let newest = post.clone();
    let wanted = Filter { post: Some(post), subscriber, states };
    let views = session.store.deliveries(wanted.clone()).await?;
    let mut settled = 0;
    // A delivery that was acknowledged before can still be settled, but not be acknowledged again.
    for view in views.iter().filter(|view| !args.acknowledge || view.row.needs_decision()) {
        let event = if args.resend {
            Event::Resend
        } else if args.acknowledge {
            Event::Acknowledge
        } else {
            Event::Accept {
                token: None,
                last: Some(LastReply { phase: EVIDENCE.to_owned(), text: args.reason.clone() }),
            }
        };
        settled += u64::from(session.store.resolve(view.id, event, &args.reason, now).await?.is_ok());
    }
    printer.stdout(match (settled, args.resend) {
        (0, _) => elsewhere(args, &newest, undecided(&session, wanted))
            .await?
            .unwrap_or_else(|| "no delivery has an unknown outcome".to_owned()),
        (_, false) if args.acknowledge => {
            format!("acknowledged {} with unknown outcome", count(settled, "delivery"))
        }
        (_, true) => format!("the next run sends {} again", count(settled, "delivery")),
        (_, false) => format!("recorded {} as sent", count(settled, "delivery")),
    });
    Ok(Outcome::Done)
}

/// The command again, for another issue.
fn again(args: &Args, post: &str) -> String {
    let decisions = [
        (args.sent, "--sent"),
        (args.resend, "--resend"),
        (args.acknowledge, "--acknowledge"),
        (args.retry, "--retry"),
        (args.resume, "--resume"),
    ];
    let decision = decisions.iter().find(|(is_made, _)| *is_made).map_or("--cancel", |(_, name)| name);
    format!("letterpress resolve {decision} {}", shell_quoted(post))
}

/// If no issue was named: what older ones have and the newest has not, and the command for it.
async fn elsewhere(
    args: &Args,
    newest: &str,
    views: impl Future<Output = Result<Vec<DeliveryView>, RunError>>,
) -> Result<Option<String>, RunError> {
    if args.issue.is_some() {
        return Ok(None);
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for view in views.await?.into_iter().filter(|view| view.post != newest) {
        *found.entry(view.post).or_default() += 1;
    }
    let others: Vec<String> =
        found.iter().map(|(post, number)| format!("{number} in {post}: {}", again(args, post))).collect();
    Ok((!others.is_empty()).then(|| format!("none in the newest issue; {}", others.join("\n  "))))
}

/// The unknown outcomes of all issues.
async fn undecided(session: &LedgerSession, wanted: Filter) -> Result<Vec<DeliveryView>, RunError> {
    let mut views = session.store.deliveries(Filter { post: None, ..wanted }).await?;
    views.retain(|view| view.row.needs_decision());
    Ok(views)
}

/// If no issue was named: the newest one that is paused, and the command for it.
async fn paused(args: &Args, session: &LedgerSession) -> Result<Option<String>, RunError> {
    if args.issue.is_some() {
        return Ok(None);
    }
    let issues = session.store.issues().await?;
    let paused = issues.iter().find(|issue| issue.state == IssueState::Paused);
    Ok(paused.map(|issue| format!("{} is: {}", issue.id, again(args, &issue.id))))
}

/// Whether `--retry` retries this delivery without being told its subscriber.
fn is_retried(view: &DeliveryView) -> bool {
    matches!(view.row.reason.as_deref(), Some(LETTER_REFUSED | NO_MAILBOX))
}

/// The deliveries that `--retry` retries. Subscribers who are suppressed by now are left out.
async fn rejected(session: &LedgerSession, filter: Filter) -> Result<Vec<DeliveryView>, RunError> {
    let is_named = filter.subscriber.is_some();
    let mut found = Vec::new();
    for view in session.store.deliveries(filter).await? {
        if !is_named && !is_retried(&view) {
            continue;
        }
        let status = session.store.status(session.key_of(&parse(&view.address)?)).await?;
        if status.is_some_and(|status| status.exclusion_reason().is_none()) {
            found.push(view);
        }
    }
    Ok(found)
}

/// Retries rejected deliveries (transition T16).
async fn retry(
    session: &LedgerSession,
    (post, subscriber): (String, Option<AddressKey>),
    args: &Args,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let (why, now) = (args.reason.as_str(), context.clock.now());
    let filter = Filter { post: Some(post.clone()), subscriber, states: vec![State::Failed] };
    let mut retried = 0;
    for view in rejected(session, filter.clone()).await? {
        retried += u64::from(session.store.resolve(view.id, Event::Retry, why, now).await?.is_ok());
    }
    let resumed = retried > 0 && session.store.set_issue(&post, IssueState::Sending, why, now).await?;
    let resumed = if resumed { format!("; {post} is resumed") } else { String::new() };
    printer.stdout(match retried {
        0 => elsewhere(args, &post, rejected(session, Filter { post: None, ..filter }))
            .await?
            .unwrap_or_else(|| "there is no rejected delivery that can be retried".to_owned()),
        _ => format!("the next run retries {}{resumed}", count(retried, "delivery")),
    });
    Ok(Outcome::Done)
}
