//! `letterpress doctor`: everything outside that must be right, asked for real.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::Outcome;
use super::printer::{Mark, Printer, count};
use crate::doctor::{Check, Examination, Level, Memory, ReceiverRule, Section, examine};
use crate::pipeline::session::{RunContext, RunError};

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress doctor
  letterpress doctor --offline
As a line of crontab -e, which speaks only when something got worse:
  30 6 * * * letterpress --quiet --config /srv/letters/config.toml doctor

It sends no email and does not change the ledger; it runs beside other runs. Exit code 0 if there
is no fault, otherwise 1.")]
pub(super) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Ask no server; say what was left out.
    #[arg(long)]
    offline: bool,
}

/// The answer of `--json`.
#[derive(Serialize)]
struct Report<'e> {
    checks: &'e [Check],
    receivers: &'e [ReceiverRule],
    counts: Counts,
}

/// How many checks are at each level.
#[derive(Serialize)]
struct Counts {
    good: usize,
    skipped: usize,
    warnings: usize,
    faults: usize,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let config = &context.config;
    let mut memory = Memory::read(config);
    let Examination { checks, receivers } = Box::pin(examine(context, args.offline, &mut memory)).await;
    let is_silent = printer.is_quiet() && !args.json;
    let news = memory.record(&checks, !is_silent, context.clock.now());
    let counts = Counts::of(&checks);
    if args.json {
        printer.json(&Report { checks: &checks, receivers: &receivers, counts })?;
    } else if is_silent {
        print(&news, printer);
    } else {
        print(&checks.iter().collect::<Vec<_>>(), printer);
        printer.stdout("");
        printer.stdout(counts.line());
    }
    if let Err(error) = memory.write(config) {
        printer.warn(format!("warning: cannot remember what was found ({error}), so cron reports it again"));
    }
    let is_faulty = checks.iter().any(|check| check.level == Level::Fault);
    Ok(if is_faulty { Outcome::UserError } else { Outcome::Done })
}

impl Counts {
    fn of(checks: &[Check]) -> Self {
        let number = |level| checks.iter().filter(|check| check.level == level).count();
        Self {
            good: number(Level::Good),
            skipped: number(Level::Skipped),
            warnings: number(Level::Warning),
            faults: number(Level::Fault),
        }
    }

    fn line(&self) -> String {
        let Self { good, skipped, warnings, faults } = self;
        let (warnings, faults) = (count(*warnings as u64, "warning"), count(*faults as u64, "fault"));
        format!("{faults}, {warnings}, {good} good, {skipped} not asked")
    }
}

/// Prints the checks below the headings of their sections.
fn print(checks: &[&Check], printer: Printer) {
    let mut heading: Option<Section> = None;
    let mut subject: Option<&str> = None;
    for check in checks {
        if heading != Some(check.section) {
            if heading.is_some() {
                printer.stdout("");
            }
            printer.stdout(check.section.title());
            (heading, subject) = (Some(check.section), None);
        }
        let (mark, word) = match check.level {
            Level::Good => (Mark::Good, "ok"),
            Level::Skipped => (Mark::Plain, "-"),
            Level::Warning => (Mark::Warning, "warning"),
            Level::Fault => (Mark::Fault, "FAULT"),
        };
        // The host of several lines is named in the first of them.
        let repeated = std::mem::replace(&mut subject, check.subject.as_deref());
        let shown = check
            .subject
            .as_deref()
            .filter(|subject| repeated != Some(subject) && !check.message.contains(subject));
        let shown = shown.map(|subject| format!(" ({subject})")).unwrap_or_default();
        printer.marked(mark, &format!("  {word:<8}"), &format!("{}{shown}", check.message));
        if let Some(next) = &check.next {
            printer.stdout(format!("          next: {next}"));
        }
    }
}
