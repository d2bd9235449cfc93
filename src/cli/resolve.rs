//! `letterpress resolve`: settle deliveries with unknown outcome, retry rejected ones, resume or cancel a paused issue.
//! Each decision is recorded in the ledger.

use clap::Args as ClapArgs;

use super::Outcome;
use super::args::{issue_id, parse};
use super::completions;
use super::printer::{Printer, count};
use crate::ledger::transition::Event;
use crate::ledger::{EVIDENCE, IssueState, LETTER_REFUSED, LastReply, NO_MAILBOX, State};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::store::Filter;
use crate::subscribers::AddressKey;
use crate::text::hex;

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
    /// Id or slug of the issue [default: the newest issue].
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
            (false, true) => format!("{post} is not paused"),
            (false, false) => format!("{post} is already cancelled"),
            (true, true) => format!("resumed {post}: the next run continues"),
            (true, false) => format!("cancelled {post}: pending deliveries will not be sent"),
        });
        return Ok(Outcome::Done);
    }
    let subscriber =
        args.subscriber.as_deref().map(parse).transpose()?.map(|address| session.key_of(&address));
    if args.retry {
        return retry(&session, (post, subscriber), &args.reason, context, printer).await;
    }
    // A failed delivery whose earlier attempt may have arrived can be recorded as sent, but not be sent again.
    let states =
        if args.resend { vec![State::Unknown] } else { vec![State::Unknown, State::FailedUncertain] };
    let views = session.store.deliveries(Filter { post: Some(post), subscriber, states }).await?;
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
        (0, _) => "no delivery has an unknown outcome".to_owned(),
        (_, false) if args.acknowledge => {
            format!("acknowledged {} with unknown outcome", count(settled, "delivery"))
        }
        (_, true) => format!("the next run sends {} again", count(settled, "delivery")),
        (_, false) => format!("recorded {} as sent", count(settled, "delivery")),
    });
    Ok(Outcome::Done)
}

/// Retries rejected deliveries (transition T16). Subscribers who are suppressed by now are not retried.
async fn retry(
    session: &LedgerSession,
    (post, subscriber): (String, Option<AddressKey>),
    why: &str,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let now = context.clock.now();
    let filter = Filter { post: Some(post.clone()), subscriber, states: vec![State::Failed] };
    let mut retried = 0;
    for view in session.store.deliveries(filter).await? {
        let reason = view.row.reason.as_deref();
        if subscriber.is_none() && !matches!(reason, Some(LETTER_REFUSED | NO_MAILBOX)) {
            continue;
        }
        let address = parse(&view.address)?;
        if session
            .store
            .status(session.key_of(&address))
            .await?
            .is_none_or(|status| status.exclusion_reason().is_some())
        {
            continue;
        }
        retried += u64::from(session.store.resolve(view.id, Event::Retry, why, now).await?.is_ok());
    }
    let resumed = retried > 0 && session.store.set_issue(&post, IssueState::Sending, why, now).await?;
    let resumed = if resumed { format!("; {post} is resumed") } else { String::new() };
    printer.stdout(match retried {
        0 => "there is no rejected delivery that can be retried".to_owned(),
        _ => format!("the next run retries {}{resumed}", count(retried, "delivery")),
    });
    Ok(Outcome::Done)
}
