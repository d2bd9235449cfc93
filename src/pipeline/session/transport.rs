//! The mail transport, relay or outbox folder, and what must be configured before a run can send.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Config, Smtp};
use crate::delivery::Transport;
use crate::delivery::outbox::OutboxTransport;
use crate::delivery::smtp::SmtpTransport;
use crate::ledger::RetrySchedule;
use crate::ledger::rate_limit::{Rate, RateLimits};
use crate::pipeline::session::credential::credential;
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::run_error::{RunError, no_sender};

/// Whether the newsletter is configured and enabled.
pub(crate) fn is_on(config: &Config) -> bool {
    config.newsletter.enabled && config.newsletter.from.is_some()
}

/// Fails if a setting, the password or login of the relay, or a DKIM key is missing: a run that cannot succeed must not start.
pub(crate) fn ensure_can_send(config: &Config, clock: &Arc<dyn Clock>) -> Result<(), RunError> {
    ensure_is_configured(config)?;
    signer(config)?;
    open_transport(config, clock, "").map(drop)
}

/// The same without secrets, for a command that only says what would be sent.
pub(crate) fn ensure_is_configured(config: &Config) -> Result<(), RunError> {
    if !config.newsletter.enabled {
        return Err(RunError::user(
            "the newsletter is disabled (newsletter.enabled is false)",
            "set enabled = true in [newsletter] in config.toml",
        ));
    }
    if config.newsletter.from.is_none() {
        return Err(no_sender());
    }
    let placeholders = config.smtp.as_ref().map(|_| config.placeholder_errors()).unwrap_or_default();
    if placeholders.is_empty() { Ok(()) } else { Err(RunError::Findings(placeholders)) }
}

/// The transport: the relay, or the outbox folder if no relay is configured. With placeholder addresses nothing is sent to
/// a relay on another machine.
pub fn open_transport(
    config: &Config,
    clock: &Arc<dyn Clock>,
    label: &str,
) -> Result<Arc<dyn Transport>, RunError> {
    let Some(smtp) = &config.smtp else {
        let folder = config.resolve(&config.output.outbox);
        return Ok(Arc::new(OutboxTransport::new(folder, label)));
    };
    Ok(Arc::new(relay_transport(config, smtp.clone(), clock)?))
}

/// The relay, with settings that may differ from those of the configuration in their deadlines.
pub(crate) fn relay_transport(
    config: &Config,
    mut smtp: Smtp,
    clock: &Arc<dyn Clock>,
) -> Result<SmtpTransport, RunError> {
    let placeholders = config.placeholder_errors();
    if !placeholders.is_empty() {
        return Err(RunError::Findings(placeholders));
    }
    smtp.ca_file = smtp.ca_file.map(|file| config.resolve(file));
    let login = match (&smtp.user, smtp.login()) {
        (Some(user), Some(source)) => Some(credential(config, ("smtp", user), source, clock)?),
        _ => None,
    };
    SmtpTransport::new(&smtp, login)
        .map_err(|error| RunError::user(error.to_string(), "check the section [smtp] of config.toml"))
}

/// The retry schedule, and how long a claim lasts: longer than all phases of one message together.
pub(crate) fn retry_schedule(config: &Config) -> (RetrySchedule, Duration) {
    let smtp = config.smtp.as_ref();
    let deadlines = smtp.map(|smtp| smtp.deadlines).unwrap_or_default();
    let lease = 4 * deadlines.command.duration() + 2 * deadlines.data.duration() + deadlines.dot.duration();
    let waits = smtp.map_or_else(
        || vec![chrono::TimeDelta::minutes(5)],
        |smtp| smtp.retry.iter().map(|wait| wait.delta()).collect(),
    );
    let give_up = smtp.map_or(chrono::TimeDelta::hours(48), |smtp| smtp.give_up.delta());
    (RetrySchedule { waits, give_up }, lease + Duration::from_secs(5 * 60))
}

/// The configured rate limits; `None` without any.
pub(crate) fn rate_limits(config: &Config) -> Option<Arc<RateLimits>> {
    let smtp = config.smtp.as_ref()?;
    let rate = |number: u32| Rate::per_minute(number);
    let named = |(domain, number): (&String, &u32)| {
        Some((idna::domain_to_ascii(domain).ok()?.to_ascii_lowercase(), rate(*number)?))
    };
    let limits = RateLimits {
        all: smtp.per_minute.and_then(rate),
        per_domain: smtp.per_domain_per_minute.and_then(rate),
        domains: smtp.domains.iter().filter_map(named).collect(),
    };
    (!limits.is_none()).then(|| Arc::new(limits))
}
