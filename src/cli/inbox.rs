//! `letterpress inbox`: process bounces, complaints and unsubscribe emails. Prints counts and never replies to an email.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args as ClapArgs;

use serde_json::json;

use super::Outcome;

use super::printer::{Printer, count};
use crate::inbox::{InboxError, InboxProcessor, InboxReport, imap, maildir};
use crate::pipeline::newsletter::{
    email_sign_ups, record_inbox_run, remember_unrecognised, send_confirmations,
};
use crate::pipeline::session::{LedgerSession, RunContext, RunError, mailbox};
use crate::pipeline::status::of_mailbox;

#[derive(ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap sees that one is set"
)]
#[command(group(clap::ArgGroup::new("from").required(true)))]
#[command(after_help = "\
Examples:
  letterpress inbox --imap
  letterpress inbox --maildir /home/kim/Maildir --dry-run")]
pub(super) struct Args {
    /// Process the emails in a Maildir.
    #[arg(long, group = "from", value_name = "DIR")]
    maildir: Option<Utf8PathBuf>,
    /// Process the emails in the IMAP mailbox configured in [inbox].
    #[arg(long, group = "from")]
    imap: bool,
    /// Process one email from standard input; exit code 75 tells the mail server to try again later.
    #[arg(long, group = "from")]
    pub(super) stdin: bool,
    /// With --imap: also process unread emails that an earlier run ignored.
    #[arg(long, alias = "again", requires = "imap")]
    recheck: bool,
    /// Show what would be processed, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the counts as JSON; with --dry-run, one object per email.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    // Report configuration errors before the database is opened or created.
    let mailbox = if args.imap { Some(mailbox(&context.config, &context.clock)?) } else { None };
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    if !args.dry_run {
        record_inbox_run(&session).await?;
    }
    let breaker = Arc::clone(&context.breaker);
    let store = Arc::clone(&session.store);
    let sign_ups = email_sign_ups(&context.config)?;
    let answers = sign_ups.is_some() && !args.dry_run;
    let processor = InboxProcessor {
        store: Arc::clone(&session.store),
        keys: Arc::clone(&session.keys),
        sign_ups,
        clock: Arc::clone(&context.clock),
        rehearsal: args.dry_run,
        on_mail: if args.dry_run && args.json {
            Box::new(move |mail| printer.json_line(mail))
        } else {
            Box::new(|_| ())
        },
        stop: Box::new(move || breaker.stop_reason().is_some()),
    };
    let mut counts = InboxReport::default();
    let ended = match (&args.maildir, mailbox) {
        (Some(maildir), _) => maildir::sweep(&processor, maildir, &mut counts).await,
        (None, Some(mailbox)) => imap::sweep(&processor, &mailbox, args.recheck, &mut counts).await,
        (None, None) => processor.take_from(std::io::stdin().lock(), &mut counts).await,
    };
    // Emails processed before a failure stay processed, so they are reported too.
    if ended.is_ok() || counts.mails > 0 {
        report(&counts, args, printer)?;
    }
    if !args.dry_run && !args.stdin && ended.is_ok() {
        remember_unrecognised(&store, counts.prose, args.maildir.is_some() || args.recheck).await?;
    }
    if answers && let Some(blocker) = send_confirmations(context, &session).await? {
        printer.warn(format!("warning: {blocker}"));
    }
    ended.map_err(|error| failed(error, context, args))?;
    Ok(Outcome::Done)
}

fn failed(error: InboxError, context: &RunContext, args: &Args) -> RunError {
    if let InboxError::Imap(error) = &error
        && let Some(explained) = of_mailbox(&context.config, error)
    {
        return explained.into();
    }
    match error {
        InboxError::Store(error) => error.into(),
        InboxError::NoMaildir(_) => RunError::user(
            error.to_string(),
            "give the folder that your mail server delivers to, such as /home/kim/Maildir",
        ),
        InboxError::Io { what, source } => RunError::io(what, source),
        InboxError::Imap(error) if error.is_users() => {
            RunError::user(error.to_string(), "check the section [inbox] of config.toml")
        }
        InboxError::Imap(error) => {
            debug_assert!(args.imap);
            RunError::io("reading the mailbox", std::io::Error::other(error))
        }
    }
}

fn report(counts: &InboxReport, args: &Args, printer: Printer) -> Result<(), RunError> {
    if args.json && args.dry_run {
        return Ok(());
    }
    if args.json {
        return printer.json(&as_json(counts));
    }
    for line in lines(counts, args.dry_run) {
        printer.info(line);
    }
    if counts.paused > 0 {
        printer.event(
            "an issue is paused: too many of its messages bounced; `letterpress status` shows which\n    help: check \
             the list and the relay, then run `letterpress resolve --resume` or `--cancel`",
        );
    }
    Ok(())
}

/// The counts as an object. Scripts rely on the keys; where an older one is not a standard word, the standard one is added.
fn as_json(counts: &InboxReport) -> serde_json::Value {
    let mut object = json!(counts);
    for (key, number) in [
        ("emails", counts.mails),
        ("unsubscribe_requests", counts.unsubscribes),
        ("already_processed", counts.duplicates),
        ("unknown_message", counts.unknown_tokens),
        ("other_address", counts.elsewhere),
        ("unrelated", counts.foreign),
        ("unrecognised", counts.prose),
        ("invalid_token", counts.unverified),
        ("automatic_replies", counts.automatic),
    ] {
        object[key] = json!(number);
    }
    object
}

/// The counts in words, without those that are zero.
fn lines(counts: &InboxReport, rehearsal: bool) -> Vec<String> {
    let listed = |numbers: &[(u64, &str)]| {
        let words: Vec<String> = numbers
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| what.replacen('#', &number.to_string(), 1))
            .collect();
        words.join(", ")
    };
    let taken = listed(&[
        (counts.bounces, "# bounces"),
        (counts.reports, "# delivery reports without a failure"),
        (counts.complaints, "# complaints"),
        (counts.unsubscribes, "# unsubscribe requests"),
        (counts.sign_ups, "# sign-ups"),
        (counts.confirmations, "# confirmations of sign-ups"),
    ]);
    let again = listed(&[
        (counts.duplicates, "# already processed"),
        (counts.unknown_tokens, "# about messages that this ledger does not know"),
        (counts.elsewhere, "# for another address than the message was sent to"),
    ]);
    let subscribers = listed(&[
        (counts.asked, "# asked to confirm"),
        (counts.confirmed, "# subscribed"),
        (counts.suppressed, "# suppressed"),
        (counts.unsubscribed, "# unsubscribed"),
    ]);
    let other = listed(&[
        (counts.foreign, "# unrelated"),
        (counts.prose, "# sent to a bounce address, but not a bounce: please look at them"),
        (counts.unverified, "# without a valid token"),
        (counts.unreadable, "# with too many MIME parts"),
        (counts.automatic, "# automatic replies"),
    ]);
    let mut lines = vec![format!("inbox: {}", count(counts.mails, "email"))];
    let label = if rehearsal { "would process" } else { "processed" };
    let parts = [(label, taken), ("of these", again), ("subscribers", subscribers), ("ignored", other)];
    lines.extend(
        parts
            .into_iter()
            .filter(|(_, what)| !what.is_empty())
            .map(|(label, what)| format!("  {label}: {what}")),
    );
    if counts.resolved > 0 {
        lines.push(format!(
            "  ledger: {} with unknown outcome proved to be accepted",
            count(counts.resolved, "delivery")
        ));
    }
    lines
}
