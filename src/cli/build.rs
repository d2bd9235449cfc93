//! `letterpress build`: build and upload the feeds without mailing anything.

use super::Outcome;
use super::args::BuildArgs;
use super::printer::Printer;
use super::view::{deploy as deployed_view, feeds, json};
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::{add_issue_pages, build, deploy, fetch_posts};

pub(super) async fn run(
    args: &BuildArgs,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let refreshed = fetch_posts(context).await?;
    printer.lasting_findings(&refreshed.findings);
    if let Some(changes) = refreshed.changes() {
        printer.info(changes);
    }
    let mut built = build(context, args.allowed())?;
    add_issue_pages(context, None, &mut built).await?;
    feeds::report(&built, context, printer);
    let deployed = deploy(context, &built).await?;
    deployed_view::report(&deployed, context, printer);
    let outcome = match refreshed.is_stale {
        _ if built.has_errors() => Outcome::UserError,
        true => Outcome::Partly,
        false => Outcome::Done,
    };
    let outcome = deployed_view::outcome(&deployed, outcome);
    if args.json {
        printer.json(&json::of_build(&refreshed, (&built, &deployed), outcome, context, printer))?;
    }
    Ok(outcome)
}
