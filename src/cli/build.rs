//! `letterpress build`: build the feeds without mailing anything.

use super::Outcome;
use super::args::BuildArgs;
use super::printer::Printer;
use super::view::{feeds, json};
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::{build, fetch_posts};

pub(super) async fn run(
    args: &BuildArgs,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let refreshed = fetch_posts(context).await?;
    printer.lasting_findings(&refreshed.findings);
    let built = build(context, args.waivers.allowed())?;
    feeds::report(&built, context, printer);
    let outcome = match refreshed.is_stale {
        _ if built.has_errors() => Outcome::UserError,
        true => Outcome::Partly,
        false => Outcome::Done,
    };
    if args.json {
        printer.json(&json::of_build(&refreshed, &built, outcome, context, printer))?;
    }
    Ok(outcome)
}
