//! `letterpress build`: build the feeds without mailing anything.

use super::Outcome;
use super::args::Arguments;
use super::printer::Printer;
use super::view::{feeds, json};
use crate::pipeline::{RunError, World, build, refresh};

pub(super) async fn run(args: &Arguments, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let refreshed = refresh(world).await?;
    printer.troubles(&refreshed.findings);
    let built = build(world, args.gate.allowed())?;
    feeds::report(&built, world, printer);
    let outcome = match refreshed.is_stale {
        _ if built.has_errors() => Outcome::UserError,
        true => Outcome::Partly,
        false => Outcome::Done,
    };
    if args.json {
        printer.json(&json::of_build(&refreshed, &built, outcome, world, printer))?;
    }
    Ok(outcome)
}
