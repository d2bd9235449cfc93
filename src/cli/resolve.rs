//! `letterpress resolve`: settle what is in doubt, try again whom a server refused, and go on with or give up a paused
//! issue. Each decision is recorded.

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::{Printer, count};
use super::status::{issue_id, parse};
use crate::ledger::transition::Event;
use crate::ledger::{IssueState, LETTER_REFUSED, LastWord, NO_MAILBOX, State};
use crate::pipeline::{Office, RunError, World};
use crate::store::Filter;
use crate::subscribers::AddressKey;
use crate::text::hex;

#[derive(ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap sees that one is set"
)]
#[command(group(clap::ArgGroup::new("decision").required(true)))]
pub(super) struct Args {
    /// The issue: its id or slug; without it, the newest.
    issue: Option<String>,
    /// Only this reader.
    #[arg(long, value_name = "ADDRESS")]
    reader: Option<String>,
    /// The copies in doubt did arrive (the relay's log says so).
    #[arg(long, group = "decision")]
    sent: bool,
    /// Send the copies in doubt once more, the same to the byte; some readers may get it twice.
    #[arg(long, group = "decision")]
    resend: bool,
    /// Leave the copies in doubt as they are, and do not report them any more.
    #[arg(long, group = "decision")]
    leave: bool,
    /// Try those again whom the relay refused for the letter's sake, or did not know without being believed; with
    /// --reader, this one, whatever the refusal was. If the issue is paused, it goes on.
    #[arg(long, group = "decision")]
    retry: bool,
    /// Go on with a paused issue.
    #[arg(long, group = "decision", conflicts_with = "reader")]
    resume: bool,
    /// Give an issue up: nobody who waits gets it any more.
    #[arg(long, group = "decision", conflicts_with = "reader")]
    cancel: bool,
    /// Why, for the record.
    #[arg(long, default_value = "decided at the command line")]
    why: String,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let office = Office::open_to_send(&world.config, world.clock.as_ref()).await?;
    let post = issue_id(&office, args.issue.as_deref()).await?;
    let now = world.clock.now();
    // What a run that was cut off left behind is part of what is in doubt; a sender that shares the database may be at work.
    office.store.recover(&hex(&world.clock.random()), office.lock.is_some(), now).await?;
    if args.resume || args.cancel {
        let state = if args.resume { IssueState::Sending } else { IssueState::Cancelled };
        let changed = office.store.set_issue(&post, state, &args.why, now).await?;
        printer.answer(match (changed, args.resume) {
            (false, true) => format!("{post} is not paused"),
            (false, false) => format!("{post} was given up already"),
            (true, true) => format!("{post} goes on with the next run"),
            (true, false) => format!("{post} is given up; whoever has it keeps it"),
        });
        return Ok(Outcome::Done);
    }
    let reader = args.reader.as_deref().map(parse).transpose()?.map(|address| office.key_of(&address));
    if args.retry {
        return retry(&office, (post, reader), &args.why, world, printer).await;
    }
    // A copy that was refused after an earlier one may have arrived can be called sent, but not be sent again.
    let states =
        if args.resend { vec![State::Unknown] } else { vec![State::Unknown, State::FailedUncertain] };
    let views = office.store.deliveries(Filter { post: Some(post), reader, states }).await?;
    let mut settled = 0;
    // What was left already is not left again; it can still be settled.
    for view in views.iter().filter(|view| !args.leave || view.row.asks()) {
        let event = if args.resend {
            Event::Resend
        } else if args.leave {
            Event::Leave
        } else {
            Event::Accept {
                token: None,
                last: Some(LastWord { phase: "evidence".to_owned(), text: args.why.clone() }),
            }
        };
        settled += u64::from(office.store.resolve(view.number, event, &args.why, now).await?.is_ok());
    }
    printer.answer(match (settled, args.resend) {
        (0, _) => "nothing is in doubt".to_owned(),
        (_, false) if args.leave => format!("{} left in doubt, and reported no more", count(settled, "copy")),
        (_, true) => format!("{} to be sent once more with the next run", count(settled, "copy")),
        (_, false) => format!("{} recorded as sent", count(settled, "copy")),
    });
    Ok(Outcome::Done)
}

/// T16 for readers who were definitely refused. Nobody who is suppressed is put back: that decision stands.
async fn retry(
    office: &Office,
    (post, reader): (String, Option<AddressKey>),
    why: &str,
    world: &World,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let now = world.clock.now();
    let filter = Filter { post: Some(post.clone()), reader, states: vec![State::Failed] };
    let mut retried = 0;
    for view in office.store.deliveries(filter).await? {
        let reason = view.row.reason.as_deref();
        if reader.is_none() && !matches!(reason, Some(LETTER_REFUSED | NO_MAILBOX)) {
            continue;
        }
        let address = parse(&view.address)?;
        if office
            .store
            .standing(office.key_of(&address))
            .await?
            .is_none_or(|standing| standing.barred().is_some())
        {
            continue;
        }
        retried += u64::from(office.store.resolve(view.number, Event::Retry, why, now).await?.is_ok());
    }
    let resumed = retried > 0 && office.store.set_issue(&post, IssueState::Sending, why, now).await?;
    let goes_on = if resumed { format!("; {post} goes on") } else { String::new() };
    printer.answer(match retried {
        0 => "nobody was refused who could be tried again".to_owned(),
        _ => format!("{} to be tried again with the next run{goes_on}", count(retried, "reader")),
    });
    Ok(Outcome::Done)
}
