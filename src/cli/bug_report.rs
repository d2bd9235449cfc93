//! `letterpress bug-report`: what somebody who looks for a mistake needs to know, without secrets, addresses and texts.

mod settings;

use std::fmt::Write as _;

use camino::Utf8Path;
use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::{Printer, count};
use crate::archive::folder;
use crate::config::Config;
use crate::finding::Finding;
use crate::logging::masked;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::pipeline::status::incident::{self, Incident};
use crate::text::for_terminal;

/// The most issues and findings.
const MOST: usize = 10;

#[derive(ClapArgs)]
#[command(after_help = "\
Example:
  letterpress bug-report > report.txt

Read it before you send it to anybody. It has the configuration without secrets and addresses,
counts of posts, subscribers and deliveries, and the messages of runs that failed.")]
pub(super) struct Args {}

pub(super) async fn run(context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let mut report = program();
    let _ = writeln!(report, "\n== Configuration ({})", context.config.file);
    report.push_str(&configuration(&context.config));
    report.push_str("\n== Posts\n");
    report.push_str(&posts(context));
    report.push_str("\n== Ledger\n");
    match LedgerSession::open_for_reading(&context.config, context.clock.as_ref()).await {
        Ok(Some(session)) => report.push_str(&ledger(context, &session).await?),
        Ok(None) => report.push_str("none yet\n"),
        Err(error) => {
            let _ = writeln!(report, "cannot be opened: {}", masked(&error.to_string()));
        }
    }
    report.push_str("\n== Runs that failed\n");
    report.push_str(&failures(&context.config));
    report.push_str("\n== Failures that are over\n");
    report.push_str(&past_failures(&context.config));
    let lines: Vec<_> = report.lines().map(for_terminal).collect();
    printer.raw(format!("{}\n", lines.join("\n")).as_bytes())?;
    Ok(Outcome::Done)
}

fn program() -> String {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let parts = [
        (cfg!(feature = "importers"), "importers"),
        (cfg!(feature = "object-store"), "object-store"),
        (cfg!(feature = "postgres"), "postgres"),
        (cfg!(feature = "serve"), "serve"),
    ];
    let missing: Vec<_> = parts.iter().filter(|(is_there, _)| !is_there).map(|(_, part)| *part).collect();
    let missing =
        if missing.is_empty() { String::new() } else { format!(", without {}", missing.join(", ")) };
    format!(
        "letterpress {}{missing}\n{} {}, {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        name.unwrap_or("unknown system").trim_matches('"')
    )
}

fn configuration(config: &Config) -> String {
    let path = config.resolve(Utf8Path::new(&config.file).file_name().unwrap_or("config.toml"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    settings::without_secrets(&text).unwrap_or_else(|| "it is no TOML\n".to_owned())
}

/// How many posts there are, and which rules they break; a message may quote a post.
fn posts(context: &RunContext) -> String {
    match folder::read(&context.config, context.clock.now()) {
        Ok(reading) => {
            let archive = &reading.archive;
            let counts = format!("{} published, {} left out\n", archive.posts.len(), archive.skipped.len());
            counts + &rules(&archive.findings)
        }
        Err(findings) => format!("cannot be read\n{}", rules(&findings)),
    }
}

fn rules(findings: &[Finding]) -> String {
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for finding in findings {
        *counts.entry((finding.severity, finding.rule)).or_default() += 1;
    }
    let mut text = String::new();
    for ((severity, rule), count) in counts.into_iter().rev().take(MOST) {
        let _ = writeln!(text, "{severity} {rule}: {count}");
    }
    text
}

async fn ledger(context: &RunContext, session: &LedgerSession) -> Result<String, RunError> {
    let kind = if context.config.store.sqlite_path().is_some() { "SQLite" } else { "PostgreSQL" };
    let mut text = format!("{kind}\n");
    for (status, number) in session.store.metrics().await?.subscribers {
        let _ = writeln!(text, "subscribers {status}: {number}");
    }
    if let Some(mismatch) = session.mismatch().await? {
        let _ = writeln!(text, "fence: {}", masked(&session.refusal(&mismatch, &context.config)));
    }
    for issue in session.store.issues().await?.iter().take(MOST) {
        let counts = &issue.counts;
        let _ = writeln!(
            text,
            "issue of {}: {}, audience {}, sent {}, open {}, failed {}, unknown {}",
            issue.frozen_at.format("%Y-%m-%d %H:%M UTC"),
            issue.state.as_str(),
            issue.audience,
            counts.count(crate::ledger::State::Sent),
            counts.open(),
            counts.count(crate::ledger::State::Failed),
            counts.unknown()
        );
    }
    Ok(text)
}

fn failures(config: &Config) -> String {
    let mut text = String::new();
    for (command, incident) in incident::all(&incident::file(&config.root)) {
        describe(&command, &incident, None, &mut text);
    }
    if text.is_empty() { "none\n".to_owned() } else { text }
}

fn past_failures(config: &Config) -> String {
    let mut text = String::new();
    for past in incident::past(&config.root).iter().rev() {
        describe(&past.command, &past.incident, Some(past.until), &mut text);
    }
    if text.is_empty() { "none\n".to_owned() } else { text }
}

fn describe(command: &str, incident: &Incident, until: Option<DateTime<Utc>>, text: &mut String) {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC");
    let until = until.map_or_else(String::new, |until| format!(" until {}", time(until)));
    let since = time(incident.since);
    let runs = count(incident.runs, "run");
    let _ = writeln!(text, "{command}: {runs} since {since}{until}, exit code {}", incident.code);
    for line in incident.text.lines() {
        let _ = writeln!(text, "  {}", masked(line));
    }
}
