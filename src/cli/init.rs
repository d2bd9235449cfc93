//! `letterpress init`: a new site from the answers to six questions. It tries the log-in to the mail server, sends a test email
//! and adds the line for cron, each only if the user agrees.

mod answers;
mod config_text;
mod cron;
mod providers;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args as ClapArgs;

use self::answers::{Answers, Questions, Relay};
use self::config_text::PASSWORD_FILE;
use self::providers::Login;
use super::Outcome;
use super::args::parse;
use super::printer::Printer;
use super::site_files::{files, write};
use crate::address::Mailbox;
use crate::archive::folder;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::delivery::Breaker;
use crate::durable::{self, Mode};
use crate::pipeline::newsletter::send_test;
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::find_with_skipped;
use crate::pipeline::status::try_relay;
use crate::text::shell_quoted;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress init my-letters
  letterpress init my-letters --yes --title \"Kim's notes\" --url https://kim.example/ \\
    --from \"Kim <kim@kim.example>\" --relay fastmail --language ko

On a terminal it asks for what no option says. For an existing site of Hugo, Jekyll and others,
`letterpress new --from` reads its configuration instead.")]
pub(super) struct Args {
    /// Folder of the new site, created if missing.
    #[arg(default_value = ".")]
    directory: Utf8PathBuf,
    /// Title of the newsletter.
    #[arg(long)]
    title: Option<String>,
    /// Address of the site.
    #[arg(long)]
    url: Option<String>,
    /// Sender of the emails: an address, or "Name <address>".
    #[arg(long, value_name = "SENDER")]
    from: Option<String>,
    /// Mail server: a provider such as gmail, a host with an optional port, or none.
    #[arg(long, value_name = "SERVER")]
    relay: Option<String>,
    /// User name at the mail server [default: the sender's address].
    #[arg(long)]
    user: Option<String>,
    /// File with the password; only you may be able to read it [default: smtp-password].
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// CSV file of the subscribers; one with yourself is made if it does not exist.
    #[arg(long, value_name = "FILE")]
    list: Option<String>,
    /// Language of the site, such as ko [default: that of this system].
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Time zone, such as Asia/Seoul [default: that of this system].
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Send a test email to this address.
    #[arg(long, value_name = "ADDRESS")]
    test: Option<String>,
    /// Add the line for cron to your crontab.
    #[arg(long)]
    install_cron: bool,
    /// Ask nothing: what no option says has its default.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: &Args, clock: Arc<dyn Clock>, printer: Printer) -> Result<Outcome, RunError> {
    let file = args.directory.join("config.toml");
    let file = file.strip_prefix("./").unwrap_or(&file).to_owned();
    if file.exists() {
        return Err(RunError::user(
            format!("{file} already exists"),
            "name another folder, or change it: `letterpress check --defaults` prints every key",
        ));
    }
    if !args.yes && !printer.can_ask() {
        return Err(RunError::user(
            "there is no terminal to ask questions",
            "add --yes, and what you know as options: `letterpress init --help`",
        ));
    }
    let questions = Questions { takes_defaults: args.yes, printer };
    let mut answers = answers::ask(args, &questions)?;
    make(args, &mut answers, (&file, clock.as_ref()), printer)?;
    let config = config::load(&file)?;
    let is_open = if let Some(relay) = &answers.relay {
        log_in(args, (relay, &questions), &config, &clock).await?
    } else {
        printer.info("without a mail server, emails are written to outbox/; [smtp] in config.toml names one");
        Some(true)
    };
    if is_open == Some(true) {
        test(args, &answers, (&questions, &config), &clock).await?;
    }
    cron::offer(&file, args.install_cron, &questions)?;
    print_next_steps(&args.directory, printer);
    Ok(if is_open == Some(false) { Outcome::UserError } else { Outcome::Done })
}

/// Writes the files of the site; what is there stays.
fn make(
    args: &Args,
    answers: &mut Answers,
    (file, clock): (&Utf8Path, &dyn Clock),
    printer: Printer,
) -> Result<(), RunError> {
    let zone = args.timezone.clone().or_else(|| iana_time_zone::get_timezone().ok());
    let zone = zone.unwrap_or_else(|| "UTC".to_owned());
    let has_list = place_list(&args.directory, answers);
    let password = args.password_file.as_deref().unwrap_or(PASSWORD_FILE);
    let text = config_text::compose(answers, &zone, password);
    // A mistake is found before anything is written.
    config::parse(&text, file.as_str(), &args.directory)?;
    let [config, post, mut list, ignored] = files(clock.now(), text);
    list.0.clone_from(&answers.list);
    list.1 = own_list(answers, clock);
    let has_posts = args.directory.join("posts").exists();
    let wanted = [Some(config), (!has_posts).then_some(post), (!has_list).then_some(list), Some(ignored)];
    let mut made = Vec::new();
    for (name, text) in wanted.into_iter().flatten() {
        let path = args.directory.join(&name);
        if !path.exists() {
            write(&path, &text)?;
            made.push(name);
        }
    }
    let place = if args.directory == "." { "here".to_owned() } else { format!("in {}", args.directory) };
    printer.info(format!("created {place}: {}", made.join(", ")));
    Ok(())
}

/// Whether the list exists: in the folder of the site, or where the user is; then its whole path is needed.
fn place_list(directory: &Utf8Path, answers: &mut Answers) -> bool {
    if directory.join(&answers.list).exists() {
        return true;
    }
    let elsewhere = Utf8Path::new(&answers.list).canonicalize_utf8().ok();
    elsewhere.map(|path| answers.list = path.into_string()).is_some()
}

/// A list with the writer, who consents to their own emails.
fn own_list(answers: &Answers, clock: &dyn Clock) -> String {
    let own = Mailbox::parse(&answers.from).map(|mailbox| mailbox.address.to_string()).unwrap_or_default();
    format!("email,name,consented\n{own},,{}\n", clock.now().date_naive())
}

/// Tries to log in: whether it worked; `None` if that cannot be tried yet.
async fn log_in(
    args: &Args,
    (relay, questions): (&Relay, &Questions),
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Option<bool>, RunError> {
    let (printer, host) = (questions.printer, &relay.provider.host);
    // A server that needs no log-in as a rule can still have accounts.
    let login = match relay.provider.login {
        Login::None if config.smtp.as_ref().is_some_and(|smtp| smtp.user.is_some()) => {
            Login::Password("the password")
        }
        login => login,
    };
    match login {
        Login::Microsoft => {
            printer.info("Microsoft 365 takes no passwords: register an application (docs/sending.md), enter its client_id,");
            printer.info("  then run `letterpress login microsoft`");
            return Ok(None);
        }
        Login::Password(what) => {
            let path = config.resolve(Utf8Path::new(args.password_file.as_deref().unwrap_or(PASSWORD_FILE)));
            let typed = if args.password_file.is_none() { questions.password(what)? } else { None };
            if let Some(password) = typed {
                durable::replace(&path, password.as_bytes(), Mode::Private)
                    .map_err(|error| RunError::io(format!("writing {path}"), error))?;
            } else if !path.exists() {
                printer.info(format!(
                    "there is no password yet: {path} does not exist. Write {what} to it, so that only you can read it:"
                ));
                printer.info(format!("  (umask 077; cat > {})", shell_quoted(path.as_str())));
                printer.info("  then try it: letterpress check --live");
                return Ok(None);
            }
        }
        Login::None => {}
    }
    match try_relay(config, clock).await? {
        None => printer.info(format!("{host} can be reached, and the log-in works")),
        Some(explained) => {
            printer.warn(explained.finding.to_string());
            return Ok(Some(false));
        }
    }
    Ok(Some(true))
}

/// Sends a test email of the sample post, or of the newest one.
async fn test(
    args: &Args,
    answers: &Answers,
    (questions, config): (&Questions, &Config),
    clock: &Arc<dyn Clock>,
) -> Result<(), RunError> {
    let own = Mailbox::parse(&answers.from).map(|mailbox| mailbox.address.to_string()).unwrap_or_default();
    let wants =
        args.test.is_none() && questions.confirms(&format!("Send a test email to {own}? (yes or no)"))?;
    let Some(address) = args.test.clone().or(wants.then_some(own)) else { return Ok(()) };
    let address = parse(&address)?;
    let context = RunContext {
        config: Arc::new(config.clone()),
        clock: Arc::clone(clock),
        on_progress: Arc::new(|_| {}),
        breaker: Arc::new(Breaker::default()),
    };
    let archive = folder::read(config, clock.now()).map_err(RunError::Findings)?.archive;
    let mut skipped = archive.skipped.iter().map(|skipped| skipped.source.as_str());
    let newest = archive.posts.first().map(|post| post.source.as_str()).or_else(|| skipped.next_back());
    let Some(wanted) = newest else { return Ok(()) };
    let found = find_with_skipped(config, &archive, wanted, clock.now())?;
    let (subject, through) = send_test(&context, (&found, &archive), address.clone()).await?;
    questions.printer.info(format!("sent a test email of \"{subject}\" to {address} via {through}"));
    Ok(())
}

fn print_next_steps(directory: &Utf8Path, printer: Printer) {
    let folder =
        if directory == "." { String::new() } else { format!("cd {}; ", shell_quoted(directory.as_str())) };
    printer.info("next:");
    printer.info(format!(
        "  {folder}letterpress post new \"My first post\"    write it, and delete its draft line"
    ));
    printer.info("  letterpress preview    shows it as email and in feed readers while you write");
    printer.info("  letterpress doctor     checks the mail server, DNS and the web");
    printer.info("  letterpress publish    builds the feeds, and sends the post ten minutes later");
}
