//! `letterpress approve POST`: what waits for its writer may be mailed.

use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::pipeline::{RunError, World, approve};

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress approve 2026-11-29-hello")]
pub(super) struct Args {
    /// The post: its id, slug or file; or a weekly digest: 2026-W47.
    post: String,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let Some(approved) = approve(world, &args.post).await? else {
        return Err(RunError::user(
            format!("nothing about {} waits for approval", args.post),
            "`letterpress status` says what comes next; the run that finds a post due asks first (newsletter.approve)",
        ));
    };
    let as_new = if approved.as_new { " as a new post" } else { "" };
    printer.answer(format!(
        "approved{as_new}: {} is mailed with the next run that finds it due",
        approved.title
    ));
    Ok(Outcome::Done)
}
