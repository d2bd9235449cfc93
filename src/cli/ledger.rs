//! `letterpress ledger`: verify the ledger, accept a restored copy, reconcile deliveries with the relay's log.

use std::sync::Arc;

use clap::{ArgGroup, Args as ClapArgs, Subcommand};
use serde_json::json;

use super::Outcome;
use super::printer::{Printer, count};
use super::view::restored;
use crate::address::EmailAddress;
use crate::pipeline::operations::{RelayRecord, accept_restored, compact, reconcile};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::subscribers::AddressKey;

/// How many problems are printed; more of them add no information.
const MOST_FLAWS: usize = 100;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check the consistency of the ledger: decisions, audiences, states, database file.
    Verify(Verify),
    /// Accept a ledger restored from a backup; pending deliveries get the state "unknown outcome".
    AdoptRestored(AdoptRestored),
    /// Record deliveries as sent if the relay's log proves it.
    Reconcile(Reconcile),
    /// Remove what is no longer needed, and make the database smaller.
    Compact(Compact),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress ledger verify

Exit code 0 if the ledger is consistent. Otherwise it is 1, and each problem is printed on a line.")]
pub(super) struct Verify {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress ledger adopt-restored --reason \"restored the backup of Monday\" --dry-run
  letterpress ledger adopt-restored --reason \"restored the backup of Monday\"
  letterpress ledger adopt-restored --moved --reason \"new server, the old one is switched off\"

A restored ledger does not know what was sent after the backup. So every pending delivery gets
the state \"unknown outcome\", and every published post that the ledger does not know is recorded
as mailed. Nothing is mailed twice; send what is missing by hand.")]
pub(super) struct AdoptRestored {
    /// Reason, recorded in the ledger.
    #[arg(long, alias = "why", value_name = "TEXT")]
    reason: String,
    /// This is the original ledger, moved here permanently without its fence file; no outcome is unknown.
    #[arg(long)]
    moved: bool,
    /// Show what would change, and change nothing.
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

In a Postfix log, a line of the queue manager proves that a message was accepted; a message-id
alone is logged earlier and proves nothing. A list of Message-IDs must contain only accepted
messages. A delivery that is missing from a file stays unchanged.")]
pub(super) struct Reconcile {
    /// Postfix log files, oldest first; - is standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., group = "evidence")]
    postfix_log: Vec<String>,
    /// Message-IDs that the relay accepted, one per line, or a CSV file with a column of them.
    #[arg(long, value_name = "FILE", num_args = 1.., group = "evidence")]
    message_ids: Vec<String>,
    /// Show what would be recorded, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress ledger compact

Each run of publish or send does a part of this. With store.keep_details, issues that were finished
longer ago keep who got them, when and with which outcome; names, replies and attempts are removed.
An SQLite file becomes smaller; that needs as much free space as the file has.")]
pub(super) struct Compact {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(
    command: &Command,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    match command {
        Command::Verify(args) => verify(args, context, printer).await,
        Command::AdoptRestored(args) => adopt_restored(args, context, printer).await,
        Command::Reconcile(args) => settle(args, context, printer).await,
        Command::Compact(args) => compact_ledger(args, context, printer).await,
    }
}

async fn verify(args: &Verify, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let session = LedgerSession::open_existing(&context.config, context.clock.as_ref()).await?;
    let keys = Arc::clone(&session.keys);
    let mut flaws = session.store.verify().await?;
    let key_of = move |address: &EmailAddress| AddressKey(keys.address_key(address));
    flaws.extend(session.store.verify_addresses(key_of).await?);
    if let Some(mismatch) = session.mismatch().await? {
        flaws.push(session.refusal(&mismatch, &context.config));
    }
    if args.json {
        printer.json(&json!({ "flaws": flaws, "problems": flaws }))?;
    } else {
        flaws.iter().take(MOST_FLAWS).for_each(|flaw| printer.stdout(flaw));
        if flaws.len() > MOST_FLAWS {
            printer.stdout(format!("… and {} more (--json lists all)", flaws.len() - MOST_FLAWS));
        }
        if flaws.is_empty() {
            printer.info("the ledger is consistent");
        }
    }
    Ok(if flaws.is_empty() { Outcome::Done } else { Outcome::UserError })
}

async fn adopt_restored(
    args: &AdoptRestored,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    if args.reason.trim().is_empty() {
        return Err(RunError::user(
            "--reason is empty",
            "describe in a few words what was restored, and why",
        ));
    }
    let done = accept_restored(context, args.moved, args.dry_run, &args.reason).await?;
    restored::report(&done, args.moved, args.dry_run, printer);
    Ok(Outcome::Done)
}

async fn compact_ledger(args: &Compact, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let done = compact(context).await?;
    if args.json {
        printer.json(&done)?;
        return Ok(Outcome::Done);
    }
    let size = |bytes: u64| format!("{} kB", bytes.div_ceil(1_000));
    if let (Some(before), Some(after)) = (done.bytes_before, done.bytes_after) {
        printer.info(format!("the ledger has {} (before: {})", size(after), size(before)));
    }
    if done.derived > 0 {
        printer.info(format!("{} of an earlier version shortened", count(done.derived, "delivery")));
    }
    if done.issues > 0 {
        printer.info(format!("details of {} removed", count(done.issues, "issue")));
    }
    Ok(Outcome::Done)
}

async fn settle(args: &Reconcile, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let (evidence, files) = if args.postfix_log.is_empty() {
        (RelayRecord::MessageIds, &args.message_ids)
    } else {
        (RelayRecord::PostfixLog, &args.postfix_log)
    };
    let done = reconcile(context, evidence, files, args.dry_run).await?;
    let left = done.unknown - done.proven.min(done.unknown);
    let recorded = if args.dry_run { "would be recorded" } else { "recorded" };
    printer.info(format!(
        "{} with unknown outcome: {} proven and {recorded} as sent, {left} still unknown",
        count(done.unknown, "delivery"),
        done.proven
    ));
    Ok(if left == 0 || args.dry_run { Outcome::Done } else { Outcome::Partly })
}
