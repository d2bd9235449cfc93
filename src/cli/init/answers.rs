//! What `init` asks, one question at a time; what an option says is not asked.

use std::io::BufRead as _;

use super::Args;
use super::providers::{self, Login, Provider};
use crate::address::Mailbox;
use crate::cli::printer::Printer;
use crate::config::{SiteUrl, environment, is_language_tag, suggested_language};
use crate::pipeline::session::RunError;
use crate::text::shell_quoted;

/// A new site, as its writer describes it.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) title: String,
    pub(super) url: String,
    pub(super) from: String,
    pub(super) relay: Option<Relay>,
    /// The CSV file of the subscribers.
    pub(super) list: String,
    pub(super) language: String,
}

/// The mail server and its account.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) provider: Provider,
    pub(super) user: Option<String>,
}

/// Where answers come from.
pub(super) struct Questions {
    /// Nobody is asked: the defaults count.
    pub(super) takes_defaults: bool,
    pub(super) printer: Printer,
}

impl Questions {
    /// The value of an option, else an answer; it is asked for again until `check` accepts it.
    fn answer<T>(
        &self,
        (option, given): (&str, Option<&str>),
        (question, default): (&str, &str),
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, RunError> {
        let wrong = |message: String| RunError::user(message, "`letterpress init --help` lists the options");
        if let Some(given) = given {
            return check(given)
                .map_err(|message| wrong(format!("{option} {}: {message}", shell_quoted(given))));
        }
        if self.takes_defaults {
            return check(default).map_err(wrong);
        }
        loop {
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            self.printer.ask(&format!("{question}{shown}: "));
            let line = line()?.ok_or_else(|| wrong("the answers ended before the questions".to_owned()))?;
            match check(if line.is_empty() { default } else { &line }) {
                Ok(value) => return Ok(value),
                Err(message) => self.printer.note(format!("  {message}")),
            }
        }
    }

    /// Whether the answer is yes; nobody is asked without a terminal.
    pub(super) fn confirms(&self, question: &str) -> Result<bool, RunError> {
        if self.takes_defaults {
            return Ok(false);
        }
        self.answer(("", None), (question, "no"), |answer| match answer.to_lowercase().as_str() {
            "y" | "yes" | "예" | "네" => Ok(true),
            "n" | "no" | "아니오" | "아니요" => Ok(false),
            _ => Err("answer yes or no".to_owned()),
        })
    }

    /// A password, not shown while it is typed; `None` if nothing was typed.
    pub(super) fn password(&self, what: &str) -> Result<Option<String>, RunError> {
        if self.takes_defaults {
            return Ok(None);
        }
        self.printer.ask(&format!("Password: {what} (not shown; Enter: later): "));
        let typed =
            rpassword::read_password().map_err(|error| RunError::io("reading the password", error))?;
        Ok(Some(typed).filter(|typed| !typed.trim().is_empty()))
    }
}

/// A line of standard input; `None` at its end.
fn line() -> Result<Option<String>, RunError> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| RunError::io("reading the answer", error))?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Asks the six questions.
pub(super) fn ask(args: &Args, questions: &Questions) -> Result<Answers, RunError> {
    let plain = |answer: &str| {
        let is_clean = !answer.is_empty() && !answer.chars().any(char::is_control);
        if is_clean { Ok(answer.to_owned()) } else { Err("write a text in one line".to_owned()) }
    };
    let title = questions.answer(
        ("--title", args.title.as_deref()),
        ("Title of the newsletter", "My letters"),
        plain,
    )?;
    let url = questions.answer(
        ("--url", args.url.as_deref()),
        ("Address of the site", "https://example.com/"),
        |answer| {
            let full = if answer.contains("://") { answer.to_owned() } else { format!("https://{answer}") };
            SiteUrl::parse(&full).map(|url| url.as_str().to_owned())
        },
    )?;
    let sender = format!("{title} <letters@{}>", host(&url));
    let sender = if Mailbox::parse(&sender).is_ok() { sender } else { format!("letters@{}", host(&url)) };
    let from =
        questions.answer(("--from", args.from.as_deref()), ("Sender of the emails", &sender), |answer| {
            Mailbox::parse(answer).map(|_| answer.to_owned()).map_err(|error| error.to_string())
        })?;
    let relay = relay(args, questions, &from)?;
    let list = questions.answer(
        ("--list", args.list.as_deref()),
        ("Subscribers, a CSV file", "subscribers.csv"),
        plain,
    )?;
    let language = questions.answer(
        ("--language", args.language.as_deref()),
        ("Language", &own_language()),
        |answer| match suggested_language(answer) {
            Some(meant) => Err(format!("it is not a language tag; write {meant}")),
            None if is_language_tag(answer) => Ok(answer.to_owned()),
            None => Err("write a tag such as ko, ja or en-GB".to_owned()),
        },
    )?;
    Ok(Answers { title, url, from, relay, list, language })
}

fn relay(args: &Args, questions: &Questions, from: &str) -> Result<Option<Relay>, RunError> {
    let question = format!("Mail server: a host name, none, or {}", providers::names());
    let provider = questions.answer(("--relay", args.relay.as_deref()), (&question, "none"), |answer| {
        if answer.eq_ignore_ascii_case("none") { Ok(None) } else { providers::find(answer).map(Some) }
    })?;
    let Some(provider) = provider else { return Ok(None) };
    if provider.login == Login::None && args.user.is_none() {
        return Ok(Some(Relay { provider, user: None }));
    }
    let own = Mailbox::parse(from).map(|mailbox| mailbox.address.to_string()).unwrap_or_default();
    let user = questions.answer(("--user", args.user.as_deref()), ("User name there", &own), |answer| {
        Ok(answer.to_owned())
    })?;
    Ok(Some(Relay { provider, user: Some(user) }))
}

fn host(url: &str) -> String {
    let host = SiteUrl::parse(url).ok().and_then(|url| url.as_url().host_str().map(str::to_owned));
    let host = host.unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(&host).to_owned()
}

/// The language of this system, such as `ko` for `ko_KR.UTF-8`.
fn own_language() -> String {
    let locale =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(environment).find(|value| !value.is_empty());
    let tag = locale.unwrap_or_default();
    let tag = tag.split(['_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
    if tag.len() == 2 && is_language_tag(&tag) { tag } else { "en".to_owned() }
}
