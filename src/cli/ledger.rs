//! `letterpress ledger`: put a restored ledger to use, verify it, settle doubts by what the relay wrote down.

use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use serde_json::json;

use super::Outcome;
use super::printer::{Printer, count};
use crate::pipeline::{Evidence, Office, Restored, RunError, World, adopt, reconcile};

/// So many flaws are named; more of them say nothing new.
const MOST_FLAWS: usize = 100;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Whether the ledger adds up: its record of decisions, its audiences, its states, its file.
    Verify(Verify),
    /// Go on with a ledger that was put back from a copy: whatever it does not know becomes a doubt.
    AdoptRestored(AdoptRestored),
    /// Settle doubts by what the relay wrote down.
    Reconcile(Reconcile),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Exit code 0 if all is well, 1 if anything is not: then a line for each row that cannot be.")]
pub(super) struct Verify {
    /// For scripts.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress ledger adopt-restored --why \"restored the backup of Monday\" --dry-run
  letterpress ledger adopt-restored --why \"restored the backup of Monday\"
  letterpress ledger adopt-restored --moved --why \"new server, the old one is switched off\"

A ledger that was put back does not know what was sent since. So every copy that it would still send becomes a doubt, and
every published post that it does not know counts as mailed. Nothing is mailed twice; what is missing you can send by hand.")]
pub(super) struct AdoptRestored {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// It is the original, moved here for good, and only its fence file did not come along: nothing is in doubt.
    #[arg(long)]
    moved: bool,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(ClapArgs)]
#[command(group(ArgGroup::new("evidence").required(true)))]
#[command(after_help = "\
Examples:
  letterpress ledger reconcile --postfix-log /var/log/mail.log
  zcat /var/log/mail.log.2.gz | letterpress ledger reconcile --postfix-log - --dry-run
  letterpress ledger reconcile --message-ids accepted.csv

A Postfix took a message when its queue manager names it; a message-id alone is logged before that. In a list, name only
messages that the relay accepted. That a message is not in a file proves nothing, and changes nothing.")]
pub(super) struct Reconcile {
    /// The log of a Postfix, oldest first if there are several; - is standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., group = "evidence")]
    postfix_log: Vec<String>,
    /// Message-IDs that the relay accepted, one in each line, or a table with a column of them.
    #[arg(long, value_name = "FILE", num_args = 1.., group = "evidence")]
    message_ids: Vec<String>,
    /// Say what would be settled, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: &Command, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    match command {
        Command::Verify(args) => verify(args, world, printer).await,
        Command::AdoptRestored(args) => adopt_restored(args, world, printer).await,
        Command::Reconcile(args) => settle(args, world, printer).await,
    }
}

async fn verify(args: &Verify, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let office = Office::open_begun(&world.config, world.clock.as_ref()).await?;
    let mut flaws = office.store.verify().await?;
    if let Some(mismatch) = office.mismatch().await? {
        flaws.push(office.barred(&mismatch, &world.config));
    }
    if args.json {
        printer.json(&json!({ "flaws": flaws }))?;
    } else {
        flaws.iter().take(MOST_FLAWS).for_each(|flaw| printer.answer(flaw));
        if flaws.len() > MOST_FLAWS {
            printer.answer(format!("… and {} more (--json names them all)", flaws.len() - MOST_FLAWS));
        }
        if flaws.is_empty() {
            printer.say("the ledger adds up");
        }
    }
    Ok(if flaws.is_empty() { Outcome::Done } else { Outcome::UserError })
}

async fn adopt_restored(args: &AdoptRestored, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    if args.why.trim().is_empty() {
        return Err(RunError::user("--why is empty", "say in a few words what was restored, and why"));
    }
    let Restored { barred, adopted } = adopt(world, args.moved, args.dry_run, &args.why).await?;
    match barred {
        Some(mismatch) => printer.say(format!("before: {mismatch}")),
        None => printer.say("before: nothing barred this ledger"),
    }
    let would = if args.dry_run { "would be " } else { "" };
    if args.moved {
        printer.say(format!("the ledger {would}adopted as the original, with a new fence"));
    } else {
        printer.say(match adopted.in_doubt {
            0 => "no copy was waiting to be sent".to_owned(),
            copies => format!("{} {would}in doubt: each may have been sent", count(copies, "more copy")),
        });
        printer.say(match adopted.baseline {
            0 => "it knows every published post".to_owned(),
            posts => {
                format!("{} {would}recorded as mailed: each may have been", count(posts, "published post"))
            }
        });
    }
    if args.dry_run {
        printer.say("nothing was changed");
        return Ok(Outcome::Done);
    }
    if !args.moved {
        printer.say(
            "next:\n  letterpress ledger reconcile --postfix-log FILE    settles what the relay's log proves\n  \
             letterpress resolve --sent | --resend | --leave    decides the rest\n  \
             letterpress send --post SLUG                       mails a post that nobody got",
        );
        printer.say(
            "who left since the copy was made is on the list again: take them off before the next letter",
        );
    }
    Ok(Outcome::Done)
}

/// What follows a restore.
pub(super) async fn put_to_use(why: &str, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let args = AdoptRestored { why: why.to_owned(), moved: false, dry_run: false };
    adopt_restored(&args, world, printer).await
}

async fn settle(args: &Reconcile, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let (evidence, files) = if args.postfix_log.is_empty() {
        (Evidence::MessageIds, &args.message_ids)
    } else {
        (Evidence::PostfixLog, &args.postfix_log)
    };
    let done = reconcile(world, evidence, files, args.dry_run).await?;
    let left = done.in_doubt - done.proven.min(done.in_doubt);
    let recorded = if args.dry_run { "would be recorded" } else { "recorded" };
    printer.say(format!(
        "{} in doubt: {} proven and {recorded} as sent, {left} still in doubt",
        count(done.in_doubt, "copy"),
        done.proven
    ));
    Ok(if left == 0 || args.dry_run { Outcome::Done } else { Outcome::Partly })
}
