//! `letterpress login` and `logout`: the tokens by which `[smtp]` and `[inbox]` log in without a password. No token is printed.

use std::io::BufRead as _;
use std::time::Duration;

use chrono::SecondsFormat;
use clap::Args as ClapArgs;
use serde_json::json;
use tokio::sync::mpsc;

use super::Outcome;
use super::printer::{Printer, when};
use crate::config::{Config, Grant};
use crate::oauth::browser::Pending;
use crate::oauth::endpoint::Issued;
use crate::oauth::stored::{Account, Login as StoredLogin};
use crate::oauth::{TokenError, device};
use crate::pipeline::session::{RunContext, RunError, account, token_error};

/// How often a waiting log-in looks for a signal.
const GLANCE: Duration = Duration::from_millis(100);

#[derive(ClapArgs)]
pub(super) struct Which {
    /// Name of the section [oauth.NAME] [default: the one that [smtp] or [inbox] names].
    name: Option<String>,
    /// Account to log in, if [smtp] and [inbox] have different ones.
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<String>,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress login microsoft
  letterpress login --status")]
pub(super) struct Login {
    #[command(flatten)]
    which: Which,
    /// Print who is logged in and until when; change nothing.
    #[arg(long)]
    status: bool,
    /// Print one JSON object for each event; with --status, one for each account.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "Example:\n  letterpress logout microsoft")]
pub(super) struct Logout {
    #[command(flatten)]
    which: Which,
}

impl Which {
    /// The accounts of `[smtp]` and `[inbox]` that log in with OAuth and are meant, each once.
    fn accounts<'c>(&self, config: &'c Config) -> Vec<(&'c str, &'c str)> {
        let smtp =
            config.smtp.as_ref().and_then(|smtp| Some((smtp.oauth.as_deref()?, smtp.user.as_deref()?)));
        let inbox =
            config.inbox.as_ref().and_then(|inbox| Some((inbox.oauth.as_deref()?, inbox.user.as_str())));
        let is_meant = |(name, user): &(&str, &str)| {
            self.name.as_deref().is_none_or(|meant| meant == *name)
                && self.user.as_deref().is_none_or(|meant| meant == *user)
        };
        let mut accounts: Vec<_> = smtp.into_iter().chain(inbox).filter(is_meant).collect();
        accounts.dedup();
        accounts
    }

    /// The one account that is meant.
    fn account(&self, config: &Config) -> Result<Account, RunError> {
        match self.accounts(config).as_slice() {
            [(name, user)] => account(config, name, user),
            [] => {
                let name = self.name.as_deref().unwrap_or("microsoft");
                let who =
                    self.user.as_ref().map_or_else(String::new, |user| format!(" for the user {user:?}"));
                Err(RunError::user(
                    format!("neither [smtp] nor [inbox] of config.toml has oauth = \"{name}\"{who}"),
                    format!("write it there instead of the password, and [oauth.{name}] with the client_id"),
                ))
            }
            several => {
                let names: Vec<_> =
                    several.iter().map(|(name, user)| format!("`login {name} --user {user}`")).collect();
                Err(RunError::user(
                    "[smtp] and [inbox] log in with different accounts",
                    format!("log in with one after the other: {}", names.join(" and ")),
                ))
            }
        }
    }
}

pub(super) async fn log_in(
    args: &Login,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    if args.status {
        return status(args, context, printer);
    }
    let account = args.which.account(&context.config)?;
    let approved = tokio::select! {
        approved = approve(&account, args.json, context, printer) => approved.map_err(token_error)?,
        () = stopped(context) => return Err(RunError::user("stopped before the log-in was approved", "nothing was changed")),
    };
    let (section, user) = (&account.client.name, &account.user);
    let missing: Vec<String> = missing_scopes(&account, &approved);
    let login = StoredLogin::begin(approved, &account.client, context.clock.now()).ok_or_else(|| {
        RunError::user(
            "the provider issued no refresh token, so the log-in would last an hour",
            format!("add its scope for offline access to scope in [oauth.{section}], often offline_access"),
        )
    })?;
    store(&account, Some(login.clone())).await.map_err(token_error)?;
    if args.json {
        printer.json_line(&json!({
            "event": "logged_in", "provider": section, "user": user, "scope": login.scope, "expires_at": expiry(&login),
        }));
    } else {
        printer.stdout(format!(
            "logged in: the tokens of {user} are in {}, readable only by this user",
            account.file.path()
        ));
        printer.stdout("`letterpress check --live` tries them");
    }
    for scope in missing {
        printer.event(format!(
            "warning: {scope} was not granted; if the mail server refuses the token, log in again and approve everything"
        ));
    }
    Ok(Outcome::Done)
}

/// Has a person approve the log-in, by the way that the provider offers.
async fn approve(
    account: &Account,
    as_json: bool,
    context: &RunContext,
    printer: Printer,
) -> Result<Issued, TokenError> {
    let client = &account.client;
    match &client.provider.grant {
        Grant::Device(endpoint) => {
            let verification = device::begin(client, endpoint).await?;
            let (url, code) = (&verification.page, &verification.user_code);
            if as_json {
                printer.json_line(&json!({
                    "event": "verification", "verification_uri": url, "user_code": code,
                    "verification_uri_complete": verification.page_with_code, "expires_in": verification.expires_in,
                }));
            } else {
                printer.stdout(format!("open {url} in any browser, and log in as {}", account.user));
                printer.stdout(format!("code: {code}"));
                printer.stdout(format!(
                    "waiting; the code is valid for {} minutes",
                    verification.expires_in / 60
                ));
            }
            device::wait(client, &verification).await
        }
        Grant::Code(page) => {
            let pending = Pending::begin(client, page, &account.user, context.clock.as_ref()).await?;
            if as_json {
                printer.json_line(&json!({ "event": "authorization", "authorization_uri": pending.page }));
            } else {
                printer.stdout(format!("open this address in a browser, and log in as {}:", account.user));
                printer.stdout(pending.page.as_str());
                printer.stdout(
                    "waiting; if the browser is on another machine, it ends at an address that it cannot open: paste that address here",
                );
            }
            let unrelated = || printer.note("this is not the address at which the browser ended");
            pending.wait(client, &mut pasted_lines(), unrelated).await
        }
    }
}

/// The lines of standard input. The thread ends with the process: nothing else can interrupt a read.
fn pasted_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn stopped(context: &RunContext) {
    while context.breaker.stop_reason().is_none() {
        tokio::time::sleep(GLANCE).await;
    }
}

/// The scopes that were asked for and not granted, if the provider says what it granted.
fn missing_scopes(account: &Account, issued: &Issued) -> Vec<String> {
    let Some(granted) = &issued.scope else { return Vec::new() };
    let is_granted = |wanted: &&str| granted.split(' ').any(|scope| scope.eq_ignore_ascii_case(wanted));
    // It is about the refresh token, and Microsoft does not list it.
    let wanted = account.client.provider.scope.split_whitespace().filter(|scope| *scope != "offline_access");
    wanted.filter(|scope| !is_granted(scope)).map(str::to_owned).collect()
}

/// Replaces or removes the login of the account; returns the one before.
async fn store(account: &Account, login: Option<StoredLogin>) -> Result<Option<StoredLogin>, TokenError> {
    let locked = account.file.lock().await?;
    let mut logins = locked.read()?;
    let (section, user) = (&account.client.name, &account.user);
    let before = logins.remove(section, user);
    if before.is_some() || login.is_some() {
        if let Some(login) = login {
            logins.insert(section, user, login);
        }
        locked.write(&logins)?;
    }
    Ok(before)
}

pub(super) async fn log_out(
    args: &Logout,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let account = args.which.account(&context.config)?;
    let (section, user) = (&account.client.name, &account.user);
    let Some(login) = store(&account, None).await.map_err(token_error)? else {
        printer.stdout(format!("{user} was not logged in with [oauth.{section}]"));
        return Ok(Outcome::Done);
    };
    printer.stdout(format!("logged out: the tokens of {user} are removed"));
    match account.client.revoke(&login.refresh_token).await {
        Ok(true) => printer.stdout("the provider has revoked them"),
        Ok(false) => printer.stdout(
            "to revoke them too, remove the application from the account on the website of the provider",
        ),
        Err(error) => printer.event(format!("warning: {}\n    help: {}", error.what, error.help)),
    }
    Ok(Outcome::Done)
}

/// Prints who is logged in.
fn status(args: &Login, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let config = &context.config;
    let accounts = args.which.accounts(config);
    if accounts.is_empty() && !args.json {
        printer.stdout("neither [smtp] nor [inbox] of config.toml logs in with OAuth");
    }
    for (name, user) in accounts {
        let account = account(config, name, user)?;
        let logins = account.file.read().map_err(token_error)?;
        let login = logins.get(name, user);
        if args.json {
            let expires_at = login.and_then(expiry);
            let logged_in_at =
                login.map(|login| login.logged_in_at.to_rfc3339_opts(SecondsFormat::Secs, true));
            printer.json_line(&json!({
                "provider": name, "user": user, "logged_in": login.is_some(), "logged_in_at": logged_in_at,
                "expires_at": expires_at, "scope": login.map(|login| &login.scope),
            }));
            continue;
        }
        printer.stdout(match login {
            None => format!("{name}: {user} is not logged in; run `letterpress login {name}`"),
            Some(login) => {
                let until = login.expires_at.map_or_else(String::new, |at| {
                    format!("; the access token is valid until {} and then refreshed", when(at, config))
                });
                format!("{name}: {user} logged in at {}{until}", when(login.logged_in_at, config))
            }
        });
    }
    Ok(Outcome::Done)
}

fn expiry(login: &StoredLogin) -> Option<String> {
    login.expires_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
