//! `letterpress backup`: back up the ledger and its keys, also while a run is in progress, and restore a backup.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args as ClapArgs, Subcommand};

use super::Outcome;
use super::printer::Printer;
use super::view::restored;
use crate::pipeline::operations::{accept_restored, back_up, restore_backup};
use crate::pipeline::session::{RunContext, RunError};
use crate::text::shell_quoted;

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  letterpress backup backups/2026-11-23.db
  letterpress backup restore backups/2026-11-23.db --reason \"the disk failed\"

The keys are written to FILE.keys. Neither file is of use without the other, and both are private.
To write a backup to a file named restore, give its path as ./restore.")]
pub(super) struct Args {
    /// New file for the backup; an existing file is never overwritten.
    #[arg(required = true)]
    file: Option<Utf8PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Replace the ledger with a backup; the replaced files are kept under another name.
    Restore(Restore),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress backup restore backups/2026-11-23.db --reason \"the disk failed\"

Stop letterpress serve before. The backup is checked first. Nothing is deleted: the current ledger
is renamed to letterpress.db.before-restore-TIME. If the command is interrupted, run it again.
With --reason, the restored ledger is accepted at once. Without it, run letterpress ledger
adopt-restored next: nothing is sent before.")]
struct Restore {
    /// File created by letterpress backup.
    file: Utf8PathBuf,
    /// Reason, recorded in the ledger; accepts the restored ledger at once.
    #[arg(long, alias = "why", value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    match (&args.command, &args.file) {
        (Some(Command::Restore(args)), _) => restore(args, context, printer).await,
        (None, Some(file)) => copy(file, context, printer).await,
        (None, None) => Err(RunError::user("no file given", "give the path of the new file")),
    }
}

async fn copy(file: &Utf8Path, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let backup = back_up(context, file).await?;
    printer.info(format!("backed up: ledger in {}, keys in {}", backup.store, backup.keys));
    printer.info(format!(
        "  to restore: letterpress backup restore {} --reason \"…\"",
        shell_quoted(backup.store.as_str())
    ));
    Ok(Outcome::Done)
}

async fn restore(args: &Restore, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    if args.reason.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(RunError::user("--reason is empty", "describe in a few words what is restored, and why"));
    }
    let put = restore_backup(context, &args.file)?;
    let copied = put.copied.map(|at| format!(", made at {at}")).unwrap_or_default();
    printer.info(format!("restored {} from {}{copied}", put.store, args.file));
    if let Some(keys) = &put.keys {
        printer.info(format!("restored {keys}, the keys of this ledger"));
    }
    for aside in &put.kept_as {
        printer.info(format!("  replaced file kept as {aside}"));
    }
    if let Some(reason) = &args.reason {
        let done = accept_restored(context, false, false, reason).await?;
        restored::report(&done, false, false, printer);
        return Ok(Outcome::Done);
    }
    printer.info(
        "nothing is sent from this ledger before you accept it:\n  letterpress ledger adopt-restored --reason \"…\"",
    );
    Ok(Outcome::Done)
}
