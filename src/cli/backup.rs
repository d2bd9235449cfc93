//! `letterpress backup`: a copy of the ledger and its keys, also while a run is at work; and back into its place.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args as ClapArgs, Subcommand};

use super::Outcome;
use super::ledger;
use super::printer::Printer;
use crate::pipeline::{RunError, World, back_up, put_back};

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  letterpress backup backups/2026-11-23.db
  letterpress backup restore backups/2026-11-23.db --why \"the disk failed\"

The keys go into FILE.keys: one is useless without the other, and both are private (mode 0600).
(A new file that is named `restore` is written as ./restore.)")]
pub(super) struct Args {
    /// The new file; nothing is overwritten.
    #[arg(required = true)]
    file: Option<Utf8PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Put a backup in the place of the ledger; what stands there is kept under another name.
    Restore(Restore),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress backup restore backups/2026-11-23.db --why \"the disk failed\"

The backup is checked first. Nothing is deleted: the ledger that stands there becomes letterpress.db.before-restore-TIME.
Stop `letterpress serve` before. If it is interrupted, run it again. With --why it goes on to do what
`letterpress ledger adopt-restored` does; without it, run that next: nothing is sent before.")]
struct Restore {
    /// A file that `letterpress backup` made.
    file: Utf8PathBuf,
    /// Why, for the record: then the ledger is put to use at once.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    match (&args.command, &args.file) {
        (Some(Command::Restore(args)), _) => restore(args, world, printer).await,
        (None, Some(file)) => copy(file, world, printer).await,
        (None, None) => Err(RunError::user("no file is named", "name the new file")),
    }
}

async fn copy(file: &Utf8Path, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let backup = back_up(world, file).await?;
    printer.say(format!("the ledger is in {}, its keys are in {}", backup.store, backup.keys));
    printer.say(format!(
        "  to restore: letterpress backup restore {} --why \"…\"",
        quoted(backup.store.as_str())
    ));
    Ok(Outcome::Done)
}

async fn restore(args: &Restore, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    if args.why.as_deref().is_some_and(|why| why.trim().is_empty()) {
        return Err(RunError::user("--why is empty", "say in a few words what is restored, and why"));
    }
    let put = put_back(world, &args.file)?;
    let copied = put.copied.map(|at| format!(", made at {at}")).unwrap_or_default();
    printer.say(format!("{} is now the copy in {}{copied}", put.store, args.file));
    if let Some(keys) = &put.keys {
        printer.say(format!("{keys} are the keys that belong to it"));
    }
    for aside in &put.aside {
        printer.say(format!("  kept: {aside}"));
    }
    if let Some(why) = &args.why {
        return ledger::put_to_use(why, world, printer).await;
    }
    printer.say(
        "nothing is sent from it before you say what happened:\n  letterpress ledger adopt-restored --why \"…\"",
    );
    Ok(Outcome::Done)
}

/// A name for the shell.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}
