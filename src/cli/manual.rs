//! `letterpress man DIRECTORY`: the manual pages of all commands.

use std::fs;

use camino::Utf8PathBuf;
use clap::{Args as ClapArgs, CommandFactory};

use super::Outcome;
use super::printer::{Printer, count};
use crate::pipeline::session::RunError;

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress man ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Where to write them; it is made if it does not exist.
    directory: Utf8PathBuf,
}

pub(super) fn run<C: CommandFactory>(args: &Args, printer: Printer) -> Result<Outcome, RunError> {
    let directory = &args.directory;
    let failed = |error| RunError::io(format!("writing manual pages to {directory}"), error);
    fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(C::command(), directory).map_err(failed)?;
    let pages = fs::read_dir(directory).map_err(failed)?.filter_map(Result::ok);
    let pages = pages.filter(|page| page.file_name().to_string_lossy().starts_with("letterpress")).count();
    printer.info(format!("{} in {directory}", count(pages as u64, "manual page")));
    Ok(Outcome::Done)
}
