//! `letterpress backup`: a copy of the ledger and its keys, also while a run is at work.

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::{RunError, World, back_up};

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress backup backups/2026-11-23.db

The keys go into FILE.keys: one is useless without the other, and both are private (mode 0600).
To restore, put both back in their places, remove the -wal and -shm files of the database that was there, and run
  letterpress ledger adopt-restored --why \"restored the backup of 2026-11-23\"")]
pub(super) struct Args {
    /// The new file; nothing is overwritten.
    file: Utf8PathBuf,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let backup = back_up(world, &args.file).await?;
    let store = &world.config.store;
    let database = store.sqlite_path().unwrap_or_default();
    printer.say(format!("the ledger is in {}, its keys are in {}", backup.store, backup.keys));
    printer.say(format!(
        "  to restore: put them back as {database} and {}, remove {database}-wal and {database}-shm, and run\n    \
         letterpress ledger adopt-restored --why \"restored a backup\"",
        store.keys
    ));
    Ok(Outcome::Done)
}
