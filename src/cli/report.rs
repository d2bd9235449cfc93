//! `letterpress report`: subscribers, issues, failures and readers as one page, JSON or CSV.

use std::fs::File;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::NaiveDate;
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::Printer;
use crate::config::Span;
use crate::durable::{self, Mode};
use crate::pipeline::operations::{days_ago, make_report, report_csv, report_page};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress report
  letterpress report --since 90d 2026-autumn.html
  letterpress report --csv > report.csv

Counts only: no opens, no clicks, no addresses. It reads the ledger and changes nothing, also while
a run is in progress.")]
pub(super) struct Args {
    /// HTML file to write; - is standard output.
    #[arg(default_value = "report.html", conflicts_with_all = ["json", "csv"])]
    file: Utf8PathBuf,
    /// Only what happened since then: a day such as 2026-11-23, or a span such as 90d.
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Print CSV, with one number in a row.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let since = args.since.as_deref().map(|since| first_day(since, context)).transpose()?;
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    let report = make_report(context, &session, since).await?;
    if args.json {
        printer.json(&report)?;
    } else if args.csv {
        printer.raw(report_csv(&report, context).as_bytes())?;
    } else {
        write(&args.file, &report_page(&report, context)?, printer)?;
    }
    Ok(Outcome::Done)
}

/// The day that an argument names.
fn first_day(since: &str, context: &RunContext) -> Result<NaiveDate, RunError> {
    if let Ok(day) = since.parse() {
        if day > days_ago(context, 0) {
            return Err(RunError::user(format!("{day} is in the future"), "write a day that has begun"));
        }
        return Ok(day);
    }
    let span = Span::parse(since).map_err(|_| {
        RunError::user(
            format!("invalid day or span {since:?}"),
            "write a day like 2026-11-23, or a span like 90d",
        )
    })?;
    Ok(days_ago(context, u64::try_from(span.delta().num_days()).unwrap_or_default()))
}

fn write(file: &Utf8Path, page: &str, printer: Printer) -> Result<(), RunError> {
    if file == "-" {
        return printer.raw(page.as_bytes());
    }
    if is_taken(file) {
        return Err(RunError::user(
            format!("{file} exists and is not a report"),
            "give another name; only an earlier report is replaced",
        ));
    }
    if let Some(folder) = file.parent().filter(|folder| *folder != "" && !folder.is_dir()) {
        return Err(RunError::user(
            format!("{folder} is not a folder"),
            "create it, or name a file in a folder that exists",
        ));
    }
    durable::replace(file, page.as_bytes(), Mode::Umask)
        .map_err(|error| RunError::io(format!("writing {file}"), error))?;
    printer.info(format!("report: {file}"));
    Ok(())
}

/// What every report has near its beginning.
const MARK: &str = "<meta name=\"generator\" content=\"Letterpress report\">";

/// Whether there is a file that is not an earlier report: a wrong name must not cost a ledger or a post.
fn is_taken(file: &Utf8Path) -> bool {
    let Ok(file) = File::open(file) else { return false };
    let mut head = Vec::new();
    let is_read = file.take(1024).read_to_end(&mut head).is_ok();
    is_read && !head.is_empty() && !String::from_utf8_lossy(&head).contains(MARK)
}
