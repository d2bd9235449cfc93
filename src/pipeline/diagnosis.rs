//! Explains a failure of the relay or the mailbox to the user: applies [`diagnose`] to the settings of this site, and returns a
//! finding with the line of the configuration.

use super::way_out::{password, wire};
use super::{RunError, World};
use crate::config::{Blemish, Config};
use crate::delivery::diagnosis::{Blame, Diagnosis, Settings, diagnose, login_refused};
use crate::delivery::{Heard, Stop};
use crate::finding::Finding;
use crate::inbox::imap::ImapError;

/// Why a mail server rejects us, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The finding to show.
    pub finding: Finding,
    /// Whether the user can fix it.
    pub blame: Blame,
}

impl From<Explained> for RunError {
    fn from(explained: Explained) -> Self {
        match explained.blame {
            Blame::Settings => Self::Findings(vec![explained.finding]),
            Blame::Surroundings => Self::OutOfOrder(Box::new(explained.finding)),
        }
    }
}

/// Explains a failure of the relay of `[smtp]`.
pub(super) fn of_relay(config: &Config, heard: &Heard) -> Option<Explained> {
    let smtp = config.smtp.as_ref()?;
    let source = (smtp.password_file.as_deref(), smtp.password_env.as_deref());
    let settings = Settings::of_smtp(smtp, blemish(config, "smtp", source));
    diagnose(heard, &settings).map(|diagnosis| explained(config, diagnosis))
}

/// Explains what stopped this run, if the cause is known.
pub(super) fn of_run(world: &World, stopped: Option<&Stop>) -> Option<Explained> {
    match stopped {
        Some(Stop::Asked | Stop::Letter(_)) => None,
        Some(Stop::Relay(_) | Stop::Throttled(_)) => of_relay(&world.config, &world.breaker.cause()?),
        // A relay that rejects the only subscriber because it requires a login does not stop the run.
        None if world.breaker.has_sent() => None,
        None => of_relay(&world.config, &world.breaker.refusal()?),
    }
}

/// The error for a command that failed at the relay. `what` is the message if the cause is not known.
pub(super) fn relay_error(config: &Config, heard: &Heard, what: impl Into<String>) -> RunError {
    match of_relay(config, heard) {
        Some(explained) => explained.into(),
        None => RunError::user(what, "nothing was recorded; check the section [smtp] of config.toml"),
    }
}

/// Connects to the relay and logs in without sending; returns what is wrong.
pub async fn try_relay(config: &Config) -> Result<Option<Explained>, RunError> {
    if config.smtp.is_none() {
        return Ok(None);
    }
    match wire(config, "check")?.connect().await {
        Ok(channel) => {
            channel.quit().await;
            Ok(None)
        }
        Err(heard) => {
            let unknown = || {
                let message = format!("cannot connect to the relay (at {}): {}", heard.phase, heard.said());
                let finding = Finding::error("relay", config.file.as_str(), message);
                Explained { finding, blame: Blame::Surroundings }
            };
            Ok(Some(of_relay(config, &heard).unwrap_or_else(unknown)))
        }
    }
}

/// Explains a failure of the mailbox of `[inbox]`, if the cause is known.
pub(crate) fn of_mailbox(config: &Config, error: &ImapError) -> Option<Explained> {
    let inbox = config.inbox.as_ref()?;
    let source = (inbox.password_file.as_deref(), inbox.password_env.as_deref());
    let settings = Settings::of_inbox(inbox, blemish(config, "inbox", source));
    let diagnosis = match error {
        ImapError::Unusable(heard) => diagnose(heard, &settings),
        ImapError::LoginRefused(said) => Some(login_refused(said, &settings)),
        _ => None,
    };
    diagnosis.map(|diagnosis| explained(config, diagnosis))
}

fn blemish(
    config: &Config,
    section: &str,
    source: (Option<&camino::Utf8Path>, Option<&str>),
) -> Option<Blemish> {
    password(config, section, source).ok().flatten().and_then(|secret| secret.blemish())
}

fn explained(config: &Config, diagnosis: Diagnosis) -> Explained {
    let Diagnosis { rule, key, title, hint, blame } = diagnosis;
    let finding = Finding::error(rule, config.file.as_str(), title).hint(hint);
    let finding = match config.line_of(&key) {
        Some(line) => finding.at(line),
        None => finding,
    };
    Explained { finding, blame }
}
