//! `letterpress inbox`: take in what came back. Prints counts; nothing is ever answered.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;

use super::Outcome;
use super::printer::{Printer, count};
use crate::config::Config;
use crate::inbox::imap::{self, Mailbox};
use crate::inbox::{Desk, InboxError, Tally, maildir};
use crate::pipeline::{Office, RunError, World, note_inbox, of_mailbox, password};

#[derive(ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap sees that one is set"
)]
#[command(group(clap::ArgGroup::new("from").required(true)))]
pub(super) struct Args {
    /// Take the mails of a Maildir.
    #[arg(long, group = "from", value_name = "DIR")]
    maildir: Option<Utf8PathBuf>,
    /// Take the mails of the IMAP mailbox in [inbox] of the configuration.
    #[arg(long, group = "from")]
    imap: bool,
    /// Take one mail from standard input; ends with 75 if the mail server should keep it and try again.
    #[arg(long, group = "from")]
    pub(super) stdin: bool,
    /// With --imap: look again at unseen mails that were left alone before.
    #[arg(long, requires = "imap")]
    again: bool,
    /// Show what would be taken, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    // What can be wrong with the configuration is said before the store is opened, and made, for nothing.
    let mailbox = if args.imap { Some(mailbox(&world.config)?) } else { None };
    let office = Office::open(&world.config, world.clock.as_ref()).await?;
    if !args.dry_run {
        note_inbox(&office).await?;
    }
    let breaker = Arc::clone(&world.breaker);
    let desk = Desk {
        store: office.store,
        keys: office.keys,
        clock: Arc::clone(&world.clock),
        rehearsal: args.dry_run,
        stop: Box::new(move || breaker.stopped().is_some()),
    };
    let mut tally = Tally::default();
    let ended = match (&args.maildir, mailbox) {
        (Some(maildir), _) => maildir::sweep(&desk, maildir, &mut tally).await,
        (None, Some(mailbox)) => imap::sweep(&desk, &mailbox, args.again, &mut tally).await,
        (None, None) => desk.take_from(std::io::stdin().lock(), &mut tally).await,
    };
    // What was taken before a failure stands, so it is told too.
    if ended.is_ok() || tally.mails > 0 {
        report(&tally, args, printer)?;
    }
    ended.map_err(|error| failed(error, world, args))?;
    Ok(Outcome::Done)
}

/// The mailbox of `[inbox]`.
pub(super) fn mailbox(config: &Config) -> Result<Mailbox, RunError> {
    const SECTION: &str = "look at the section [inbox] of config.toml";
    let Some(inbox) = &config.inbox else {
        return Err(RunError::user(
            "there is no section [inbox] in config.toml, which names the IMAP mailbox",
            "`letterpress check --defaults` shows its keys; --maildir and --stdin need none",
        ));
    };
    let source = (inbox.password_file.as_deref(), inbox.password_env.as_deref());
    let secret = password(config, "inbox", source)?
        .ok_or_else(|| RunError::user("[inbox] names no password", SECTION))?;
    let mut inbox = inbox.clone();
    inbox.ca_file = inbox.ca_file.map(|file| config.resolve(file));
    Mailbox::new(&inbox, secret).map_err(|error| RunError::user(error.to_string(), SECTION))
}

fn failed(error: InboxError, world: &World, args: &Args) -> RunError {
    if let InboxError::Imap(error) = &error
        && let Some(explained) = of_mailbox(&world.config, error)
    {
        return explained.into();
    }
    match error {
        InboxError::Store(error) => error.into(),
        InboxError::NoMaildir(_) => RunError::user(
            error.to_string(),
            "name the folder that your mail server delivers to, such as /home/kim/Maildir",
        ),
        InboxError::Io { what, source } => RunError::io(what, source),
        InboxError::Imap(error) if error.is_users() => {
            RunError::user(error.to_string(), "look at the section [inbox] of config.toml")
        }
        InboxError::Imap(error) => {
            debug_assert!(args.imap);
            RunError::io("reading the mailbox", std::io::Error::other(error))
        }
    }
}

fn report(tally: &Tally, args: &Args, printer: Printer) -> Result<(), RunError> {
    if args.json {
        return printer.json(tally);
    }
    for line in lines(tally, args.dry_run) {
        printer.say(line);
    }
    if tally.paused > 0 {
        printer.event(
            "an issue is paused: too many of its copies came back; `letterpress status` says which\n    help: look at \
             the list and at the relay, then `letterpress resolve --resume` or `--cancel`",
        );
    }
    Ok(())
}

/// The counts in words; what is zero is left out.
fn lines(tally: &Tally, rehearsal: bool) -> Vec<String> {
    let listed = |numbers: &[(u64, &str)]| {
        let words: Vec<String> = numbers
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| what.replacen('#', &number.to_string(), 1))
            .collect();
        words.join(", ")
    };
    let taken = listed(&[
        (tally.bounces, "# bounced"),
        (tally.reports, "# reported no failure"),
        (tally.complaints, "# complained"),
        (tally.farewells, "# asked to leave"),
    ]);
    let again = listed(&[
        (tally.again, "# known already"),
        (tally.strangers, "# about copies that this ledger does not know"),
        (tally.elsewhere, "# naming another address than their copy's"),
    ]);
    let readers =
        listed(&[(tally.suppressed, "# never mailed again"), (tally.unsubscribed, "# taken off the list")]);
    let other = listed(&[
        (tally.foreign, "# not ours"),
        (tally.prose, "# to a bounce address but no report: have a look"),
        (tally.unverified, "# without a genuine token"),
        (tally.unreadable, "# with too many parts"),
        (tally.automatic, "# automatic answers"),
    ]);
    let mut lines = vec![format!("inbox: {}", count(tally.mails, "mail"))];
    let label = if rehearsal { "would take" } else { "taken" };
    let parts = [(label, taken), ("of these", again), ("readers", readers), ("ignored", other)];
    lines.extend(
        parts
            .into_iter()
            .filter(|(_, what)| !what.is_empty())
            .map(|(label, what)| format!("  {label}: {what}")),
    );
    if tally.settled > 0 {
        lines.push(format!("  ledger: {} in doubt had been accepted", count(tally.settled, "copy")));
    }
    lines
}
