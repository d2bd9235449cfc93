//! The command line: one file per command. Commands return an [`Outcome`]. Shared arguments are in `args`, shared output
//! in `view`; a command does not import another command.

mod adopt;
mod approve;
mod args;
mod availability;
mod backup;
mod bug_report;
mod build;
mod check;
mod completions;
mod dkim;
mod doctor;
mod headers;
#[cfg(feature = "importers")]
mod import;
mod inbox;
mod init;
mod ledger;
#[cfg(not(all(feature = "importers", feature = "serve")))]
mod left_out;
mod login;
mod manual;
mod new;
mod notify;
mod outcome;
mod post;
#[cfg(feature = "serve")]
mod preview;
mod printer;
mod progress;
mod publish;
mod readers;
mod repeat;
mod report;
mod resolve;
mod retract;
mod run_outcome;
mod send;
mod series;
#[cfg(feature = "serve")]
mod serve;
mod signals;
mod site_files;
mod status;
mod subscribers;
mod view;

use std::process::ExitCode;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::DateTime;
use clap::{ArgAction, Args, Parser, Subcommand};

use availability::needs_no_ledger;
#[cfg(not(feature = "serve"))]
use left_out::{self as preview, self as serve};
pub(crate) use outcome::Outcome;
use printer::Printer;

use crate::clock::{Clock, StoppedClock, SystemClock};
use crate::config::{ConfigError, Found, environment, find, load};
use crate::delivery::Breaker;
use crate::logging;
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::status::notify_start;
use crate::store::{LockError, ensure_kept};

/// Publish a folder of posts as feeds (RSS, Atom, JSON Feed) and as an email newsletter.
#[derive(Parser)]
#[command(name = "letterpress", version, max_term_width = 100)]
#[command(after_help = "\
Example:
  letterpress new my-letters && cd my-letters && letterpress check

Exit codes:
  0   success, or nothing to do
  1   a problem that you can fix: configuration, posts, arguments
  2   an internal error, or a failure of the disk, the network or the mail server
  3   partly delivered, or deliveries with unknown outcome
  4   another run is in progress
  75  inbox --stdin only: temporary failure, the mail server should try again later")]
struct Cli {
    /// Configuration file [default: config.toml here or in a parent folder].
    #[arg(long, short, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<Utf8PathBuf>,
    /// Print only what needs attention; for cron.
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Log to standard error: -v what happens, -vv details, -vvv also the SMTP conversation; addresses are masked.
    #[arg(long, short, global = true, action = ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the feeds and send what is due; run this from cron.
    #[command(after_help = "\
Example, as a line of crontab -e:
  */10 * * * * letterpress --quiet --config /srv/letters/config.toml publish

Where there is no cron, for example in a container:
  letterpress publish --every 10m")]
    Publish(Sending<publish::Args>),
    /// Build the feeds without sending email.
    #[command(after_help = "Example:\n  letterpress build --json")]
    Build(args::BuildArgs),
    /// Print the HTTP headers for the feeds as web server configuration.
    Headers(headers::Args),
    /// Send what is due without building the feeds; send a test email.
    Send(Sending<send::Args>),
    /// Show posts and emails as they will arrive, live while you write, on a page of this machine.
    Preview(preview::Args),
    /// Serve the sign-up, unsubscribe and issue pages, and the feeds.
    Serve(Sending<serve::Args>),
    /// Approve a post or a weekly digest for mailing.
    Approve(approve::Args),
    /// Show issues, delivery counts, and deliveries with unknown outcome.
    Status(status::Args),
    /// Settle deliveries with unknown outcome; resume or cancel a paused issue.
    Resolve(resolve::Args),
    /// Verify the ledger, accept a restored copy, reconcile deliveries with the relay's log.
    #[command(subcommand, after_help = "Example:\n  letterpress ledger verify")]
    Ledger(ledger::Command),
    /// Back up the ledger and its keys, also while a run is in progress; restore a backup.
    Backup(backup::Args),
    /// List, add, import, export, unsubscribe, suppress and erase subscribers.
    #[command(subcommand, after_help = "Example:\n  letterpress subscribers add kim@example.com")]
    Subscribers(subscribers::Command),
    /// List series of emails, begin and end them for subscribers.
    #[command(subcommand, after_help = "Example:\n  letterpress series list")]
    Series(series::Command),
    /// Process bounces, complaints and unsubscribe emails.
    Inbox(inbox::Args),
    /// Count the readers of the feeds from the access logs of the web server.
    Readers(readers::Args),
    /// Write a report about subscribers, issues and failures: a page with plots, JSON or CSV.
    Report(report::Args),
    /// Log in to a mail provider with OAuth, instead of a password.
    Login(login::Login),
    /// Remove the tokens of `login`, and revoke them where the provider can.
    Logout(login::Logout),
    /// Import posts from WordPress, Ghost, a feed or a text page.
    #[cfg(feature = "importers")]
    #[command(subcommand, after_help = "Example:\n  letterpress import wordpress export.xml --dry-run")]
    Import(import::Command),
    /// Import posts (not in this program).
    #[cfg(not(feature = "importers"))]
    Import(left_out::Args),
    /// Adopt the entry ids of an old feed, so that its posts do not appear as new.
    Adopt(adopt::Args),
    /// Remove one post from the feeds, whether its file exists or not.
    Retract(retract::Args),
    /// Check configuration, posts, feeds and the email for problems.
    Check(Sending<check::Args>),
    /// Ask the mail server, the web and this machine whether emails and feeds can arrive.
    Doctor(doctor::Args),
    /// Create a DKIM key and print its DNS record.
    #[command(subcommand, after_help = "Example:\n  letterpress dkim new")]
    Dkim(dkim::Command),
    /// Create the file of a new post.
    #[command(subcommand, after_help = "Example:\n  letterpress post new \"My first post\"")]
    Post(post::Command),
    /// Create a new site from the answers to six questions.
    Init(init::Args),
    /// Create a new site, or a config.toml for an existing one.
    New(new::Args),
    /// Print the script that lets a shell complete commands, options, posts and topics.
    Completions(completions::Args),
    /// Write the manual pages.
    Man(manual::Args),
    /// Print what somebody needs to know who looks for a mistake; without secrets and addresses.
    BugReport(bug_report::Args),
}

/// The arguments of a command that talks to the relay.
#[derive(Args, Clone)]
struct Sending<A: Args> {
    #[command(flatten)]
    args: A,
    /// Write the SMTP conversation to this file, with addresses masked and without passwords and messages.
    #[arg(long, value_name = "FILE")]
    smtp_trace: Option<Utf8PathBuf>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    if completions::answered::<Cli>() {
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // clap exits with 2 for a usage error, but here 2 means an internal or system failure.
            let outcome = if usage.use_stderr() { Outcome::UserError } else { Outcome::Done };
            let _ = usage.print();
            return outcome.into();
        }
    };
    let repeated = cli.command.repeated();
    let printer = Printer::new(cli.quiet, repeated.is_some(), cli.command.is_one_object());
    let ready = if needs_no_ledger(&cli.command) { Ok(()) } else { ensure_kept().map_err(RunError::from) };
    if let Err(error) = ready.and_then(|()| start_logs(&cli)) {
        print_error(&error, printer);
        return Outcome::of(&error).into();
    }
    // A new site has no configuration yet, and `check` looks for it only if it needs it.
    let file = match &cli.command {
        Command::New(_)
        | Command::Init(_)
        | Command::Check(_)
        | Command::Completions(_)
        | Command::Man(_) => Utf8PathBuf::new(),
        _ => configuration(cli.config.clone(), printer),
    };
    if let Command::Publish(sending) = &cli.command
        && let Some(every) = sending.args.every
    {
        return repeat::publish(sending, every, &file, printer).into();
    }
    let from_pipe = matches!(&cli.command, Command::Inbox(args) if args.stdin);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            // A name server that does not answer must not hold back a command that has given it up.
            let is_hurried = matches!(&cli.command, Command::Doctor(_));
            let ended = runtime.block_on(run(cli.command, (&file, cli.config), printer));
            if is_hurried {
                runtime.shutdown_background();
            }
            ended
        }
        Err(error) => Err(RunError::io("starting the runtime", error)),
    };
    match conclude(ended, (repeated, &file), printer) {
        Outcome::Done => Outcome::Done,
        // After any failure the mail server must keep the email.
        _ if from_pipe => Outcome::TryLater,
        outcome => outcome,
    }
    .into()
}

/// Reports how a command ended.
fn conclude(
    ended: Result<Outcome, RunError>,
    (repeated, file): (Option<&'static str>, &Utf8Path),
    printer: Printer,
) -> Outcome {
    let outcome = ended.unwrap_or_else(|error| {
        print_error(&error, printer);
        Outcome::of(&error)
    });
    if let (Some(command), Ok(clock)) = (repeated, clock()) {
        run_outcome::conclude((command, file), outcome, &clock, printer);
    }
    outcome
}

impl Command {
    /// The name of a command that cron repeats; `--quiet` reports a lasting failure only once.
    fn repeated(&self) -> Option<&'static str> {
        match self {
            Self::Publish(_) => Some("publish"),
            Self::Build(_) => Some("build"),
            Self::Send(sending) if sending.args.is_real() && !sending.args.is_by_hand() => Some("send"),
            Self::Inbox(args) if !args.stdin && !args.dry_run => Some("inbox"),
            _ => None,
        }
    }

    /// Whether the command prints one JSON object and nothing else, also if it fails.
    fn is_one_object(&self) -> bool {
        match self {
            Self::Publish(sending) => sending.args.build.json,
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

fn print_error(error: &RunError, printer: Printer) {
    if printer.is_json() && !printer.has_answered() {
        // A failure to print cannot be reported anywhere.
        let _ = printer.json(&view::json::failed(error, printer));
    }
    match error {
        // A finding starts with its own severity.
        RunError::Findings(_) | RunError::Config(ConfigError::Wrong(_)) => {
            printer.warn(error.to_string());
        }
        // Sending a large issue outlasts many cron intervals; cron would mail this line each time.
        RunError::Lock(LockError::Held(_)) => printer.note(error.to_string()),
        _ => printer.warn(format!("error: {error}")),
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
        Command::Init(args) => return init::run(&args, clock, printer).await,
        Command::Completions(args) => return completions::run(&args, printer),
        Command::Man(args) => return manual::run::<Cli>(&args, printer),
        _ => {}
    }
    let progress = progress::Progress::start(printer);
    let breaker = Arc::new(Breaker::default());
    let context = RunContext { config: Arc::new(load(file)?), clock, on_progress: progress.watch(), breaker };
    let signals = signals::stop_on_signal(Arc::clone(&context.breaker));
    if command.repeated().is_some_and(notify::is_about) {
        let config = Arc::clone(&context.config);
        tokio::spawn(async move { notify_start(&config).await });
    }
    let outcome = match command {
        Command::Headers(args) => headers::run(&args, &context, printer),
        Command::Publish(sending) => publish::run(&sending.args, &context, printer).await,
        Command::Build(args) => build::run(&args, &context, printer).await,
        Command::Send(sending) => send::run(&sending.args, &context, printer).await,
        Command::Preview(args) => preview::run(&args, &context, printer).await,
        Command::Approve(args) => approve::run(&args, &context, printer).await,
        Command::Serve(sending) => serve::run(&sending.args, &context, printer).await,
        Command::Status(args) => status::run(&args, &context, printer).await,
        Command::Resolve(args) => resolve::run(&args, &context, printer).await,
        Command::Ledger(command) => ledger::run(&command, &context, printer).await,
        Command::Backup(args) => backup::run(&args, &context, printer).await,
        Command::Subscribers(command) => subscribers::run(command, &context, printer).await,
        Command::Series(command) => series::run(&command, &context, printer).await,
        Command::Inbox(args) => inbox::run(&args, &context, printer).await,
        Command::Readers(args) => readers::run(&args, &context, printer).await,
        Command::Report(args) => report::run(&args, &context, printer).await,
        #[cfg(feature = "importers")]
        Command::Import(command) => import::run(&command, &context, printer).await,
        #[cfg(not(feature = "importers"))]
        Command::Import(args) => left_out::run(&args, &context, printer).await,
        Command::Adopt(args) => adopt::run(&args, &context, printer).await,
        Command::Retract(args) => retract::run(&args, &context, printer).await,
        Command::Login(args) => login::log_in(&args, &context, printer).await,
        Command::Logout(args) => login::log_out(&args, &context, printer).await,
        Command::Doctor(args) => Box::pin(doctor::run(&args, &context, printer)).await,
        Command::Dkim(command) => dkim::run(command, &context, printer),
        Command::Post(command) => post::run(&command, &context, printer),
        Command::BugReport(_) => bug_report::run(&context, printer).await,
        Command::Check(_)
        | Command::New(_)
        | Command::Init(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(Outcome::Done),
    };
    progress.end();
    signals.abort();
    outcome
}

/// The configuration file: `--config`, or the one found here or in a parent folder, whose site is then named first, as the
/// command may mail its subscribers.
fn configuration(named: Option<Utf8PathBuf>, printer: Printer) -> Utf8PathBuf {
    named.unwrap_or_else(|| {
        let Found { path, is_above } = find(Utf8Path::new("."));
        if is_above && !printer.is_json() {
            let whole = path.canonicalize_utf8().unwrap_or_else(|_| path.clone());
            let site = whole.parent().unwrap_or(&whole);
            printer.progress(&format!("the site is in {site} (config.toml above this folder)"));
        }
        path
    })
}

/// The system clock; for tests and demonstrations, a clock frozen at `LETTERPRESS_FROZEN_AT`.
fn clock() -> Result<Arc<dyn Clock>, RunError> {
    let Some(frozen) = environment("LETTERPRESS_FROZEN_AT") else { return Ok(Arc::new(SystemClock)) };
    let at = DateTime::parse_from_rfc3339(&frozen).map_err(|error| {
        RunError::user(
            format!("invalid LETTERPRESS_FROZEN_AT {frozen:?}: {error}"),
            "write it like 2026-11-23T09:00:00Z",
        )
    })?;
    Ok(Arc::new(StoppedClock(at.to_utc())))
}
