//! `letterpress approve POST`: approve a post or a digest for mailing.

use clap::Args as ClapArgs;

use super::Outcome;
use super::completions;
use super::printer::Printer;
use crate::pipeline::newsletter::approve;
use crate::pipeline::session::{RunContext, RunError};

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress approve 2026-11-29-hello")]
pub(super) struct Args {
    /// Id, slug or file of the post, or a weekly digest such as 2026-W47.
    #[arg(add = completions::posts())]
    post: String,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let Some(approved) = approve(context, &args.post).await? else {
        return Err(RunError::user(
            format!("{} is not waiting for approval", args.post),
            "`letterpress status` shows what is due; with newsletter.approve, a run asks for approval when a post is due",
        ));
    };
    let as_new = if approved.as_new { " as a new post" } else { "" };
    printer.stdout(format!(
        "approved{as_new}: {} will be mailed by the next run once it is due",
        approved.title
    ));
    Ok(Outcome::Done)
}
