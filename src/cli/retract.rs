//! `letterpress retract`: remove one post from the feeds on purpose.

use clap::Args as ClapArgs;

use super::Outcome;
use super::completions;
use super::printer::{Printer, count};
use super::view::kept;
use crate::ledger::{IssueState, IssueSummary, State};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::pipeline::site_build::{Retraction, retract};
use crate::text::shell_quoted;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress retract posts/2026-11-23-hello.md
  letterpress retract hello
  letterpress retract tag:example.com,2026-11-23:hello

The next build removes the post from the feeds and marks it as deleted in Atom feeds. Its file is
not changed, and the post stays unpublished until --undo. Sent emails cannot be recalled.")]
pub(super) struct Args {
    /// File, slug or id of the post.
    #[arg(add = completions::posts())]
    post: String,
    /// Publish the post again.
    #[arg(long)]
    undo: bool,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let done = retract(context, &args.post, args.undo)?;
    let name =
        done.title.as_ref().map_or_else(|| done.id.clone(), |title| format!("{title:?} ({})", done.id));
    printer.stdout(match (args.undo, done.is_new) {
        (false, true) => format!("retracted {name}: the next build removes it from the feeds"),
        (false, false) => format!("{name} is already retracted"),
        (true, true) => format!("{name} is no longer retracted: the next build publishes it again"),
        (true, false) => format!("{name} is not retracted"),
    });
    if !args.undo {
        report_file(&done, printer);
        match issue_of(&done.id, context).await {
            Ok(issue) => issue.iter().for_each(|issue| report_issue(issue, printer)),
            Err(error) => {
                printer.warn(format!("warning: cannot check whether its issue is being sent: {error}"));
            }
        }
    }
    if done.is_new {
        let ids = context.config.archive.ids_file();
        printer.info(format!("  {}", kept::updated(&ids, &context.config)));
    }
    Ok(Outcome::Done)
}

fn report_file(done: &Retraction, printer: Printer) {
    if let Some(file) = &done.file {
        let undo = shell_quoted(file.as_str());
        printer.info(format!(
            "  {file} was not changed and is no longer published (`letterpress retract --undo {undo}` publishes it again)"
        ));
    }
}

/// The issue of a post, if there is one.
async fn issue_of(id: &str, context: &RunContext) -> Result<Option<IssueSummary>, RunError> {
    let session = match LedgerSession::open_existing(&context.config, context.clock.as_ref()).await {
        Ok(session) => session,
        // Without a ledger there is no issue.
        Err(RunError::User { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(session.store.issues().await?.into_iter().find(|issue| issue.id == id))
}

fn report_issue(issue: &IssueSummary, printer: Printer) {
    let sent = count(issue.counts.count(State::Sent), "subscriber");
    match issue.state {
        IssueState::Sending | IssueState::Paused => printer.warn(format!(
            "  its issue is not finished, {sent} have received it; `letterpress resolve {} --cancel` stops the rest",
            shell_quoted(&issue.id)
        )),
        IssueState::Done | IssueState::Cancelled => {
            printer.info(format!("  it was mailed to {sent}; sent emails cannot be recalled"));
        }
        IssueState::Baseline | IssueState::Rehearsal => {}
    }
}
