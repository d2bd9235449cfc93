//! Explains a failure of the relay or the mailbox to the user: applies [`diagnose`] to the settings of this site, and returns a
//! finding with the line of the configuration.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, LoginSource, SuspectCharacter};
use crate::delivery::diagnosis::{Blame, Diagnosis, Settings, diagnose, login_refused};
use crate::delivery::{SmtpOutcome, StopReason};
use crate::finding::Finding;
use crate::inbox::imap::{ImapError, Mailbox};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::credential::password;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::session::transport::open_transport;

/// Why a mail server rejects us, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureExplanation {
    /// The finding to show.
    pub finding: Finding,
    /// Whether the user can fix it.
    pub blame: Blame,
}

impl From<FailureExplanation> for RunError {
    fn from(explained: FailureExplanation) -> Self {
        match explained.blame {
            Blame::Settings => Self::Findings(vec![explained.finding]),
            Blame::Surroundings => Self::OutOfOrder(Box::new(explained.finding)),
        }
    }
}

/// Explains a failure of the relay of `[smtp]`.
pub(crate) fn of_relay(config: &Config, outcome: &SmtpOutcome) -> Option<FailureExplanation> {
    let smtp = config.smtp.as_ref()?;
    let settings = Settings::of_smtp(smtp, password_finding(config, "smtp", smtp.login()));
    diagnose(outcome, &settings).map(|diagnosis| diagnosis_for(config, diagnosis))
}

/// Explains what stopped this run, if the cause is known.
pub(crate) fn of_run(context: &RunContext, stopped: Option<&StopReason>) -> Option<FailureExplanation> {
    match stopped {
        Some(StopReason::Requested | StopReason::Message(_)) => None,
        Some(StopReason::Relay(_) | StopReason::Throttled(_)) => {
            of_relay(&context.config, &context.breaker.cause()?)
        }
        // A relay that rejects the only subscriber because it requires a login does not stop the run.
        None if context.breaker.has_sent() => None,
        None => of_relay(&context.config, &context.breaker.refusal()?),
    }
}

/// The error for a command that failed at the relay. `what` is the message if the cause is not known.
pub(crate) fn relay_error(config: &Config, outcome: &SmtpOutcome, what: impl Into<String>) -> RunError {
    match of_relay(config, outcome) {
        Some(explained) => explained.into(),
        None => RunError::user(what, "nothing was recorded; check the section [smtp] of config.toml"),
    }
}

/// Connects to the relay and logs in without sending; returns what is wrong.
pub async fn try_relay(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Option<FailureExplanation>, RunError> {
    if config.smtp.is_none() {
        return Ok(None);
    }
    match open_transport(config, clock, "check")?.connect().await {
        Ok(connection) => {
            connection.quit().await;
            Ok(None)
        }
        Err(outcome) => Ok(Some(relay_failure(config, &outcome))),
    }
}

/// Explains a failure of the relay, or repeats it if the cause is not known.
pub(crate) fn relay_failure(config: &Config, outcome: &SmtpOutcome) -> FailureExplanation {
    of_relay(config, outcome).unwrap_or_else(|| {
        let message = format!("cannot connect to the relay (at {}): {}", outcome.phase, outcome.reply_text());
        let finding = Finding::error("relay", config.file.as_str(), message);
        FailureExplanation { finding, blame: Blame::Surroundings }
    })
}

/// Logs in to the mailbox of `[inbox]`, and reads no email; returns what is wrong.
pub(crate) async fn try_mailbox(config: &Config, mailbox: &Mailbox) -> Option<FailureExplanation> {
    let error = mailbox.try_login().await.err()?;
    Some(of_mailbox(config, &error).unwrap_or_else(|| {
        let finding = Finding::error("inbox", config.file.as_str(), error.to_string());
        FailureExplanation { finding, blame: Blame::Surroundings }
    }))
}

/// Explains a failure of the mailbox of `[inbox]`, if the cause is known.
pub(crate) fn of_mailbox(config: &Config, error: &ImapError) -> Option<FailureExplanation> {
    let inbox = config.inbox.as_ref()?;
    let settings = Settings::of_inbox(inbox, password_finding(config, "inbox", inbox.login()));
    let diagnosis = match error {
        ImapError::Unusable(outcome) => diagnose(outcome, &settings),
        ImapError::LoginRefused(reply) => Some(login_refused(reply, &settings)),
        _ => None,
    };
    diagnosis.map(|diagnosis| diagnosis_for(config, diagnosis))
}

fn password_finding(
    config: &Config,
    section: &str,
    source: Option<LoginSource<'_>>,
) -> Option<SuspectCharacter> {
    let (file, variable) = match source? {
        LoginSource::PasswordFile(file) => (Some(file), None),
        LoginSource::PasswordEnv(variable) => (None, Some(variable)),
        LoginSource::TokenCommand(_) | LoginSource::Oauth(_) => return None,
    };
    password(config, section, (file, variable)).ok().flatten().and_then(|secret| secret.suspect_character())
}

fn diagnosis_for(config: &Config, diagnosis: Diagnosis) -> FailureExplanation {
    let Diagnosis { rule, key, title, hint, blame } = diagnosis;
    let finding = Finding::error(rule, config.file.as_str(), title).hint(hint);
    let finding = match config.line_of(&key) {
        Some(line) => finding.at(line),
        None => finding,
    };
    FailureExplanation { finding, blame }
}
