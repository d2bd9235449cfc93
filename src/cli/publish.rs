//! `letterpress publish`: the command that cron runs; with `--every`, `repeat` runs it.

use chrono::TimeDelta;
use clap::Args as ClapArgs;

use super::Outcome;
use super::args::BuildArgs;
use super::printer::{Printer, count};
use super::view::{deploy, feeds, json, newsletter};
use crate::config::Span;
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::WebSubReport;
use crate::pipeline::{PublishReport, publish};

#[derive(ClapArgs, Clone)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) build: BuildArgs,
    /// Stay, and run at once and then again after each interval, such as 10m; instead of cron, for a container.
    #[arg(long, value_name = "INTERVAL", value_parser = interval)]
    pub(super) every: Option<Span>,
}

/// A relay and a source of posts are not asked more often than once a second.
fn interval(text: &str) -> Result<Span, String> {
    match Span::parse(text)? {
        none if none == Span::seconds(0) => Err("the shortest interval is 1s".to_owned()),
        every => Ok(every),
    }
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let summary = publish(context, args.build.allowed()).await?;
    if !args.build.json {
        return report(summary, context, printer);
    }
    let facts = json::Facts::of(&summary, context).await?;
    let ended = report(summary, context, printer);
    printer.json(&facts.object(&ended, printer))?;
    ended
}

/// Reports what the run did, and decides the outcome.
fn report(summary: PublishReport, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let mut has_errors = false;
    printer.lasting_findings(&summary.refreshed.findings);
    if let Some(changes) = summary.refreshed.changes() {
        printer.info(changes);
    }
    if let Some(built) = &summary.built {
        feeds::report(built, context, printer);
        has_errors = built.has_errors();
    }
    deploy::report(&summary.deployed, context, printer);
    if let Some(notified) = summary.websub {
        report_hubs(notified, context, printer);
    }
    let Some(mailed) = summary.newsletter else {
        let key = if context.config.newsletter.enabled { "from is not set" } else { "enabled is false" };
        printer.info(format!("newsletter: off (newsletter.{key})"));
        let outcome = or_partly(Outcome::Done, summary.refreshed.is_stale);
        return Ok(or_wrong(deploy::outcome(&summary.deployed, outcome), has_errors));
    };
    let outcome = or_partly(newsletter::report(&mailed?, context, printer), summary.refreshed.is_stale);
    Ok(or_wrong(deploy::outcome(&summary.deployed, outcome), has_errors))
}

/// The run skipped posts because of an unknown setting. The rest is done, but the user must fix the setting.
fn or_wrong(outcome: Outcome, has_errors: bool) -> Outcome {
    if has_errors && outcome == Outcome::Done { Outcome::UserError } else { outcome }
}

/// The run used an old copy of the source feed. The exit code tells a monitoring script.
fn or_partly(outcome: Outcome, is_stale: bool) -> Outcome {
    if is_stale && outcome == Outcome::Done { Outcome::Partly } else { outcome }
}

/// How long a hub may fail before that becomes a warning. Feed readers poll anyway, so a short failure does no harm.
const WARN_AFTER: TimeDelta = TimeDelta::hours(24);

fn report_hubs(notified: Result<WebSubReport, RunError>, context: &RunContext, printer: Printer) {
    let WebSubReport { done, waiting_since } = match notified {
        Ok(report) => report,
        Err(error) => {
            return printer.warn(format!("warning: WebSub: the hubs were not notified: {error}"));
        }
    };
    if done.notified > 0 {
        printer.info(format!("WebSub: hubs notified of {}", count(done.notified as u64, "feed")));
    }
    if !done.not_live.is_empty() {
        let waiting = count(done.not_live.len() as u64, "feed");
        printer
            .info(format!("WebSub: {waiting} not yet served by the web server; the next run checks again"));
    }
    let is_late = waiting_since.is_some_and(|since| context.clock.now() - since > WARN_AFTER);
    for error in done.problems {
        let line = format!("WebSub: {error}; the next run tries again");
        if is_late { printer.warn(format!("warning: {line}")) } else { printer.info(line) }
    }
}
