//! `letterpress readers`: how many read the feeds, from the access logs of the web server.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::Outcome;
use super::printer::{Printer, count};
use crate::config::Config;
use crate::finding::Finding;
use crate::pipeline::operations::{KeptReaders, count_readers, kept_readers};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::readership::{FeedProblem, LogReport, ProblemKind};

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress readers /var/log/nginx/access.log*
  journalctl -u caddy -o cat | letterpress readers -
  letterpress readers

Logs of nginx, Apache (common and combined), Caddy (JSON) and CloudFront, also as .gz. Reading a log
again changes nothing. Only numbers are kept, no addresses.")]
pub(super) struct Args {
    /// Access logs; - is standard input. Without any, the numbers of the last days are shown.
    #[arg(value_name = "LOG")]
    logs: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The readers of one feed by day and program.
type Days<'k> = BTreeMap<NaiveDate, Vec<(&'k str, u64)>>;

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let read = if args.logs.is_empty() { None } else { Some(count_readers(context, &args.logs).await?) };
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    let kept = kept_readers(context, &session).await?;
    let outcome = match &read {
        Some((log, findings)) if !findings.is_empty() || is_no_log(log) => Outcome::UserError,
        _ => Outcome::Done,
    };
    if args.json {
        let log = read.as_ref().map(|(log, findings)| json!({ "report": log, "findings": findings }));
        printer.json(&as_json(&kept, log.as_ref(), &context.config))?;
        return Ok(outcome);
    }
    // Under cron nobody asks for the numbers.
    if read.is_none() || !printer.is_quiet() {
        print_feeds(&kept, &context.config, printer);
    }
    if let Some((log, findings)) = &read {
        print_log(log, findings, printer);
    }
    Ok(outcome)
}

/// The counts by feed.
fn by_feed(kept: &KeptReaders) -> BTreeMap<&str, Days<'_>> {
    let mut feeds: BTreeMap<&str, Days<'_>> = BTreeMap::new();
    for count in &kept.counts {
        let days = feeds.entry(&count.feed).or_default();
        days.entry(count.day).or_default().push((&count.agent, count.readers));
    }
    feeds
}

fn total(agents: &[(&str, u64)]) -> u64 {
    agents.iter().map(|(_, readers)| readers).sum()
}

fn as_json(kept: &KeptReaders, log: Option<&Value>, config: &Config) -> Value {
    let feeds = by_feed(kept).into_iter().map(|(feed, days)| {
        let days: Vec<Value> = days
            .into_iter()
            .map(|(day, agents)| {
                let readers = total(&agents);
                let agents: BTreeMap<&str, u64> = agents.into_iter().collect();
                json!({ "day": day, "readers": readers, "agents": agents, "is_over": day < kept.today })
            })
            .collect();
        json!({ "url": config.site.url.join(feed), "days": days })
    });
    json!({ "latest": kept.latest(), "feeds": feeds.collect::<Vec<_>>(), "log": log })
}

fn print_feeds(kept: &KeptReaders, config: &Config, printer: Printer) {
    for (feed, days) in by_feed(kept) {
        printer.stdout(config.site.url.join(feed));
        for (day, mut agents) in days {
            agents.sort_by_key(|(name, readers)| (std::cmp::Reverse(*readers), *name));
            let so_far = if day < kept.today { "" } else { " so far" };
            let readers = count(total(&agents), "reader");
            let agents: Vec<String> =
                agents.into_iter().map(|(name, readers)| format!("{name} {readers}")).collect();
            printer.stdout(format!("    {day}  {readers}{so_far}: {}", agents.join(", ")));
        }
    }
    match kept.latest() {
        Some(latest) => {
            printer.stdout(format!("{} of all feeds on {}", count(latest.readers, "reader"), latest.day));
        }
        None if kept.counts.is_empty() => {
            printer.stdout("no readers were counted yet; name the access logs of the web server");
        }
        None => {}
    }
}

/// Whether nothing in the files is a request.
fn is_no_log(log: &LogReport) -> bool {
    log.lines > 0 && log.unknown_lines == log.lines
}

fn print_log(log: &LogReport, findings: &[Finding], printer: Printer) {
    printer.info(format!(
        "{} read: {} of readers for feeds, {} of robots; {} not understood",
        count(log.lines, "line"),
        count(log.requests, "request"),
        log.robots,
        count(log.unknown_lines, "line"),
    ));
    if is_no_log(log) {
        printer.warn(
            "error: these are no access logs that are understood\n    help: write them in the combined format, or as JSON by Caddy",
        );
    }
    if log.other_hosts > 0 {
        printer.info(format!("{} for feeds of other hosts", count(log.other_hosts, "request")));
    }
    if log.uncounted > 0 {
        printer.warn(format!(
            "{} were not counted: a day has too many readers",
            count(log.uncounted, "request")
        ));
    }
    for day in &log.split_days {
        printer.warn(format!(
            "{day} is in several places of the logs, and was counted in parts; its count may be too low"
        ));
    }
    printer.findings(findings);
    if !log.problems.is_empty() {
        printer.info("what feed readers met:");
    }
    for problem in &log.problems {
        print_problem(problem, printer);
    }
}

fn print_problem(problem: &FeedProblem, printer: Printer) {
    let what = match problem.kind {
        ProblemKind::FeedMissing | ProblemKind::OldAddress => "not found",
        ProblemKind::FeedRedirects => "redirected",
        ProblemKind::TemporaryRedirect => "redirected for now",
        ProblemKind::Unconditional => "fetches the whole feed each time",
    };
    let mut amount = count(problem.requests, "request");
    if problem.bytes > 0 {
        amount = format!("{amount}, {} kB", problem.bytes.div_ceil(1_000));
    }
    let agents: Vec<&str> = problem.agents.iter().copied().collect();
    printer.info(format!("    {}  {what} ({amount}; {})", problem.subject, agents.join(", ")));
    printer.info(format!("        {}", problem.help));
}
