//! The command line: one file per command. Commands return an [`Outcome`]; nothing here decides about mail.

mod adopt;
mod approve;
mod backup;
mod build;
mod check;
mod dkim;
mod ending;
mod foreign_feed;
mod headers;
mod import;
mod inbox;
mod ledger;
mod new;
mod new_subscribers;
mod notify;
mod outcome;
mod post;
mod printer;
mod progress;
mod publish;
mod read_online;
mod resolve;
mod retract;
mod send;
mod serve;
mod standstill;
mod status;
mod subscribers;
mod wishes;

use std::process::ExitCode;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::DateTime;
use clap::{ArgAction, Args, Parser, Subcommand};

pub use outcome::Outcome;
use printer::Printer;

use crate::clock::{Clock, StoppedClock, SystemClock};
use crate::config::{ConfigError, Found, environment, find, load};
use crate::delivery::{Breaker, Stop};
use crate::logging;
use crate::pipeline::{RunError, World, notify_start};
use crate::store::LockError;

/// Posts become feeds and a letter; each reader gets it once; the ledger remembers.
#[derive(Parser)]
#[command(name = "letterpress", version, max_term_width = 100)]
#[command(after_help = "\
Exit codes:
  0  done, also if there was nothing to do
  1  you can put it right
  2  Letterpress or its surroundings failed
  3  partly delivered or in doubt
  4  another run is at work
  75 only `inbox --stdin`: the mail server should try again later")]
struct Cli {
    /// The configuration file; without it config.toml here, or in the nearest folder above.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// Say nothing unless something needs attention: for cron.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Log to standard error: -v what happens, -vv details, -vvv also the SMTP conversation; addresses are masked.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the feeds and send what is due: the cron line.
    Publish(Sending<build::Arguments>),
    /// Build the feeds.
    Build(build::Arguments),
    /// Print what your web server should say of the feeds.
    Headers(headers::Args),
    /// Send what is due, without building the feeds.
    Send(Sending<send::Args>),
    /// Answer readers over HTTP: sign-up, farewell, letters, feeds.
    Serve(Sending<serve::Args>),
    /// Let a post be mailed that waits for your approval.
    Approve(approve::Args),
    /// Show issues, counts, and what is in doubt.
    Status(status::Args),
    /// Settle what is in doubt; go on with a paused issue.
    Resolve(resolve::Args),
    /// Put a restored ledger to use, verify it, settle doubts by the relay's own log.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Copy the ledger and its keys to a file, also while a run is at work.
    Backup(backup::Args),
    /// List, add, import, export, unsubscribe, suppress readers; choose for them.
    #[command(subcommand)]
    Subscribers(subscribers::Command),
    /// Take in what came back: bounces, complaints, unsubscribe mails.
    Inbox(inbox::Args),
    /// Bring an existing archive.
    #[command(subcommand)]
    Import(import::Command),
    /// Take over the ids that readers of an old feed know.
    Adopt(adopt::Args),
    /// Take one post back: out of the feeds, whether its file is there or not.
    Retract(retract::Args),
    /// Find what would hurt later: configuration, posts, feeds, the letter.
    Check(Sending<check::Args>),
    /// Make a key to sign letters with; print its DNS record.
    #[command(subcommand)]
    Dkim(dkim::Command),
    /// Begin a new post.
    #[command(subcommand)]
    Post(post::Command),
    /// Make a site that can publish at once.
    New(new::Args),
}

/// The arguments of a command that talks to the relay.
#[derive(Args)]
struct Sending<A: Args> {
    #[command(flatten)]
    args: A,
    /// Write the SMTP conversation to this file, with addresses masked and without passwords and messages.
    #[arg(long, value_name = "FILE")]
    smtp_trace: Option<Utf8PathBuf>,
}

/// Runs the command line; the whole program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // clap's own code for a mistyped command is 2, which here means that something is broken.
            let outcome = if usage.use_stderr() { Outcome::UserError } else { Outcome::Done };
            let _ = usage.print();
            return outcome.into();
        }
    };
    let repeated = cli.command.repeated();
    let printer = Printer::new(cli.quiet, repeated.is_some(), cli.command.is_one_object());
    if let Err(error) = start_logs(&cli) {
        report(&error, printer);
        return Outcome::of(&error).into();
    }
    // A new site has no configuration yet, and `check` looks for it only if it needs it.
    let file = match &cli.command {
        Command::New(_) | Command::Check(_) => Utf8PathBuf::new(),
        _ => configuration(cli.config.clone(), printer),
    };
    let from_pipe = matches!(&cli.command, Command::Inbox(args) if args.stdin);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command, (&file, cli.config), printer)),
        Err(error) => Err(RunError::io("starting", error)),
    };
    let outcome = ended.unwrap_or_else(|error| {
        report(&error, printer);
        Outcome::of(&error)
    });
    if let (Some(command), Ok(clock)) = (repeated, clock()) {
        ending::conclude((command, &file), outcome, clock.as_ref(), printer);
    }
    match outcome {
        Outcome::Done => outcome,
        // Whatever went wrong, the mail server must keep the mail.
        _ if from_pipe => Outcome::TryLater,
        _ => outcome,
    }
    .into()
}

impl Command {
    /// The name of a command that cron repeats, whose failures are told once.
    fn repeated(&self) -> Option<&'static str> {
        match self {
            Self::Publish(_) => Some("publish"),
            Self::Build(_) => Some("build"),
            Self::Send(sending) if sending.args.is_in_earnest() => Some("send"),
            Self::Inbox(args) if !args.stdin && !args.dry_run => Some("inbox"),
            _ => None,
        }
    }

    /// Whether it prints one object of JSON and nothing else, also when it fails.
    fn is_one_object(&self) -> bool {
        match self {
            Self::Publish(sending) => sending.args.json,
            Self::Build(args) => args.json,
            _ => false,
        }
    }

    /// Where the SMTP conversation is written.
    fn smtp_trace(&self) -> Option<&Utf8Path> {
        match self {
            Self::Publish(sending) => sending.smtp_trace.as_deref(),
            Self::Send(sending) => sending.smtp_trace.as_deref(),
            Self::Serve(sending) => sending.smtp_trace.as_deref(),
            Self::Check(sending) => sending.smtp_trace.as_deref(),
            _ => None,
        }
    }
}

/// Starts the logs that were asked for.
fn start_logs(cli: &Cli) -> Result<(), RunError> {
    let trace = cli.command.smtp_trace();
    logging::start(cli.verbose, trace, &clock()?).map_err(|error| {
        let file = trace.map_or("the log", Utf8Path::as_str);
        RunError::user(
            format!("cannot write {file}: {error}"),
            "name a file in a folder that you may write to",
        )
    })
}

fn report(error: &RunError, printer: Printer) {
    if printer.is_json() && !printer.has_answered() {
        // There is nowhere left to complain to if even this fails.
        let _ = printer.json(&publish::failed(error, printer));
    }
    match error {
        // A finding says itself whether it is an error.
        RunError::Findings(_) | RunError::Config(ConfigError::Wrong(_)) => {
            printer.complain(error.to_string());
        }
        // A long issue outlives many ticks of cron, and each of them would become a mail to the owner.
        RunError::Lock(LockError::Held(_)) => printer.remark(error.to_string()),
        _ => printer.complain(format!("error: {error}")),
    }
}

async fn run(
    command: Command,
    (file, named): (&Utf8Path, Option<Utf8PathBuf>),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let clock = clock()?;
    match command {
        Command::New(args) => return new::run(&args, clock.as_ref(), printer),
        Command::Check(sending) => return check::run(&sending.args, named, clock, printer).await,
        _ => {}
    }
    let progress = progress::Progress::start(printer);
    let breaker = Arc::new(Breaker::default());
    let world = World { config: Arc::new(load(file)?), clock, watch: progress.watch(), breaker };
    stop_on_signal(Arc::clone(&world.breaker));
    if command.repeated().is_some_and(notify::is_about) {
        let config = Arc::clone(&world.config);
        tokio::spawn(async move { notify_start(&config).await });
    }
    let outcome = match command {
        Command::Headers(args) => headers::run(&args, &world, printer),
        Command::Publish(sending) => publish::run(&sending.args, &world, printer).await,
        Command::Build(args) => build::run(&args, &world, printer).await,
        Command::Send(sending) => send::run(&sending.args, &world, printer).await,
        Command::Approve(args) => approve::run(&args, &world, printer).await,
        Command::Serve(sending) => serve::run(&sending.args, &world, printer).await,
        Command::Status(args) => status::run(&args, &world, printer).await,
        Command::Resolve(args) => resolve::run(&args, &world, printer).await,
        Command::Ledger(command) => ledger::run(&command, &world, printer).await,
        Command::Backup(args) => backup::run(&args, &world, printer).await,
        Command::Subscribers(command) => subscribers::run(command, &world, printer).await,
        Command::Inbox(args) => inbox::run(&args, &world, printer).await,
        Command::Import(command) => import::run(&command, &world, printer).await,
        Command::Adopt(args) => adopt::run(&args, &world, printer).await,
        Command::Retract(args) => retract::run(&args, &world, printer).await,
        Command::Dkim(command) => dkim::run(command, &world, printer),
        Command::Post(command) => post::run(&command, &world, printer),
        Command::Check(_) | Command::New(_) => Ok(Outcome::Done),
    };
    progress.end();
    outcome
}

/// The file that is named, else the one of this folder or of the nearest above: then it is said which.
fn configuration(named: Option<Utf8PathBuf>, printer: Printer) -> Utf8PathBuf {
    named.unwrap_or_else(|| {
        let Found { path, is_above } = find(Utf8Path::new("."));
        if is_above {
            printer.remark(format!("configuration: {path}"));
        }
        path
    })
}

/// The system's clock; or, for transcripts and demonstrations, one that stands at `LETTERPRESS_FROZEN_AT`.
fn clock() -> Result<Arc<dyn Clock>, RunError> {
    let Some(frozen) = environment("LETTERPRESS_FROZEN_AT") else { return Ok(Arc::new(SystemClock)) };
    let at = DateTime::parse_from_rfc3339(&frozen).map_err(|error| {
        RunError::user(
            format!("LETTERPRESS_FROZEN_AT is {frozen:?}: {error}"),
            "write it like 2026-11-23T09:00:00Z",
        )
    })?;
    Ok(Arc::new(StoppedClock(at.to_utc())))
}

/// The first signal stops claiming and lets what is on the wire finish; the second one ends the process.
fn stop_on_signal(breaker: Arc<Breaker>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if asked {
                // What is on the wire is found by the next run's recovery, as after any other death.
                std::process::abort();
            }
            asked = true;
            breaker.stop(Stop::Asked);
        }
    });
}
