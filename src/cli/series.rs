//! `letterpress series`: list the series and who is in them, begin one for subscribers, end one for a subscriber.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

use super::Outcome;
use super::args::parse;
use super::completions;
use super::printer::{Printer, count};
use crate::archive::folder::{Series, WELCOME, read_series};
use crate::config::{SeriesStart, Span};
use crate::pipeline::newsletter::plan_of;
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::store::series::SeriesCount;
use crate::subscribers::AddressKey;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the series, their emails and how many subscribers are in them.
    List(List),
    /// Begin a series for subscribers; the next run of `publish` sends what is due.
    Start(Start),
    /// End a series for a subscriber.
    Stop(Stop),
}

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress series list")]
pub(super) struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress series start course kim@example.com
  letterpress series start welcome kim@example.com lee@example.com

Whoever is in the series already begins again, and gets no email of it a second time.")]
pub(super) struct Start {
    /// The series: a name from newsletter.series, or welcome.
    #[arg(add = completions::series())]
    series: String,
    /// Addresses of subscribers.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
}

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress series stop course kim@example.com")]
pub(super) struct Stop {
    /// The series.
    #[arg(add = completions::series())]
    series: String,
    /// The address of a subscriber.
    address: String,
}

pub(super) async fn run(
    command: &Command,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let all = read_series(&context.config, context.clock.now()).map_err(RunError::Findings)?;
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    match command {
        Command::List(args) => list(args, &all, &session, printer).await,
        Command::Start(args) => start(args, &all, (context, &session), printer).await,
        Command::Stop(args) => stop(args, (context, &session), printer).await,
    }
}

async fn list(
    args: &List,
    all: &[Series],
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let counts = session.store.series_counts().await?;
    let count_of = |series: &Series| counts.get(&series.name).cloned().unwrap_or_default();
    if args.json {
        let objects: Vec<Value> = all.iter().map(|series| as_json(series, &count_of(series))).collect();
        printer.json(&json!({ "series": objects }))?;
        return Ok(Outcome::Done);
    }
    if all.is_empty() {
        printer.stdout("no series: set newsletter.welcome or newsletter.series in config.toml");
    }
    for series in all {
        let SeriesCount { waiting, finished } = count_of(series);
        let waiting = count(waiting, "subscriber");
        printer.stdout(format!(
            "{} ({}): {waiting} in it, {finished} finished",
            series.name,
            begins(&series.start)
        ));
        for step in &series.steps {
            let after = Span::seconds(u32::try_from(step.after.num_seconds()).unwrap_or(u32::MAX));
            printer.stdout(format!("  {after:>4}  {}", step.source));
        }
    }
    Ok(Outcome::Done)
}

fn begins(start: &SeriesStart) -> String {
    match start {
        SeriesStart::SignUp => "begins with the sign-up".to_owned(),
        SeriesStart::Topic(topic) => format!("begins with the topic \"{topic}\""),
        SeriesStart::Hand => "begun by hand".to_owned(),
    }
}

fn as_json(series: &Series, count: &SeriesCount) -> Value {
    let steps: Vec<Value> = series
        .steps
        .iter()
        .map(|step| json!({ "name": step.name, "source": step.source, "after_seconds": step.after.num_seconds() }))
        .collect();
    json!({ "name": series.name, "start": series.start.to_string(), "waiting": count.waiting,
            "finished": count.finished, "steps": steps })
}

async fn start(
    args: &Start,
    all: &[Series],
    (context, session): (&RunContext, &LedgerSession),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let Some(series) = all.iter().find(|series| series.name == args.series) else {
        let names: Vec<&str> = all.iter().map(|series| series.name.as_str()).collect();
        let help = match names.as_slice() {
            [] => "set newsletter.welcome or newsletter.series in config.toml".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        return Err(RunError::user(format!("there is no series \"{}\"", args.series), help));
    };
    let keys: Vec<AddressKey> = args
        .addresses
        .iter()
        .map(|address| Ok(session.key_of(&parse(address)?)))
        .collect::<Result<_, RunError>>()?;
    let asked = keys.len() as u64;
    let started = session.store.start_series(plan_of(series), keys, context.clock.now()).await?;
    if started > 0 {
        printer.info(format!("{} begins for {}", series.name, count(started, "subscriber")));
    }
    if started < asked {
        let others = match asked {
            1 => "this address".to_owned(),
            _ => format!("{} of {asked} addresses", asked - started),
        };
        return Err(RunError::user(
            format!("{} does not begin for {others}: only active subscribers get emails", series.name),
            "`letterpress status explain ADDRESS` says why; `letterpress subscribers add` adds a subscriber",
        ));
    }
    Ok(Outcome::Done)
}

async fn stop(
    args: &Stop,
    (context, session): (&RunContext, &LedgerSession),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = session.key_of(&parse(&args.address)?);
    if session.store.stop_series(&args.series, key, context.clock.now()).await? {
        printer.info(format!("{} ends for {}", args.series, args.address));
        return Ok(Outcome::Done);
    }
    Err(RunError::user(
        format!("{} is not in the series \"{}\"", args.address, args.series),
        format!("`letterpress series list` shows the series; the email after a sign-up is \"{WELCOME}\""),
    ))
}
