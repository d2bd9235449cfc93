//! Sends transactional emails (confirmation, "already subscribed", data export) one by one while `letterpress serve` runs.
//!
//! Each email is sent at most once: it is armed in the database before the final dot is written, and not sent again if the
//! reply is lost; the subscriber can request it again. The rate limits of `[smtp]` do not apply, because the limits of the
//! forms are stricter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::Instrument as _;

use crate::address::{EmailAddress, Mailbox};
use crate::config::{Config, SiteUrl};
use crate::delivery::verdict::{Verdict, classify};
use crate::delivery::{Connection, Envelope, Phase, SmtpOutcome, Transport};
use crate::email::dkim::Signer;
use crate::email::{self, Recipient, Unsubscribe};
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::ledger_session::{FenceGuard, LedgerSession};
use crate::pipeline::session::run_error::{RunError, no_sender};
use crate::pipeline::session::transport::{self, open_transport};
use crate::pipeline::status::diagnosis::of_relay;
use crate::store::Store;
use crate::store::subscriber_store::{TransactionalKind, TransactionalMessage, TransactionalOutcome};
use crate::subscribers::token::{Purpose, Subject, TokenKeys};
use crate::text::hex;

/// Polling interval.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after the relay rejected us.
const PAUSE: Duration = Duration::from_secs(60);
/// Delay before a deferred email is retried, multiplied by the number of attempts.
const RETRY_DELAY: TimeDelta = TimeDelta::minutes(5);
/// Maximum number of attempts.
const MAX_ATTEMPTS: u32 = 8;

/// The result of one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollOutcome {
    /// No email was waiting.
    Idle,
    /// One email was handled, successfully or not.
    Sent,
    /// The relay throttles or rejects our emails; [`TransactionalSender::run`] reports why.
    BackOff,
}

/// Sends transactional emails.
pub struct TransactionalSender {
    context: RunContext,
    store: Arc<Store>,
    keys: Arc<TokenKeys>,
    /// A ledger restored while the server runs must not send before it is accepted.
    guard: FenceGuard,
    transport: Arc<dyn Transport>,
    signer: Option<Arc<Signer>>,
    /// Base URL of the pages that the emails link to; without it a sign-up is confirmed by email.
    pages: Option<SiteUrl>,
    /// A unique name of this process.
    owner: String,
    /// The last reply with which the relay rejected us.
    last_problem: Mutex<Option<SmtpOutcome>>,
}

impl TransactionalSender {
    /// A sender for this ledger, whose emails link to `pages` if there are any; fails if a setting needed for sending is missing.
    pub fn new(
        context: &RunContext,
        session: &LedgerSession,
        pages: Option<SiteUrl>,
    ) -> Result<Self, RunError> {
        let config = &context.config;
        transport::ensure_can_send(config, &context.clock)?;
        Ok(Self {
            context: context.clone(),
            store: Arc::clone(&session.store),
            keys: Arc::clone(&session.keys),
            guard: session.guard(),
            transport: open_transport(config, &context.clock, "answers")?,
            signer: signer(config)?,
            pages,
            owner: hex(&context.clock.random()),
            last_problem: Mutex::new(None),
        })
    }

    /// Runs until it is dropped. Calls `report` when the database or the relay starts to fail, fails in another way, and works
    /// again.
    pub async fn run(&self, report: impl Fn(String)) {
        let mut reported: Option<String> = None;
        loop {
            let (pause, failure) = match self.poll().await {
                Ok(PollOutcome::Sent) => {
                    if reported.take().is_some() {
                        report("transactional email is sent again".to_owned());
                    }
                    continue;
                }
                Ok(PollOutcome::Idle) => (POLL_INTERVAL, None),
                Ok(PollOutcome::BackOff) => (PAUSE, Some(self.blocker())),
                Err(error) => (PAUSE, Some(error.to_string())),
            };
            if failure.is_some() && failure != reported {
                failure.iter().cloned().for_each(&report);
                reported = failure;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Why transactional emails are not sent, and what to do about it.
    pub(super) fn blocker(&self) -> String {
        let outcome = self.last_problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why =
            outcome.map_or_else(String::new, |outcome| match of_relay(&self.context.config, &outcome) {
                Some(explained) => format!("\n{}", explained.finding),
                None => format!(": {}", outcome.reply_text()),
            });
        format!("transactional email cannot be sent through {}{why}", self.transport.name())
    }

    /// The new state of an email after a reply, and the text to record.
    fn ended(
        &self,
        outcome: &SmtpOutcome,
        message: &TransactionalMessage,
    ) -> (TransactionalOutcome, String, PollOutcome) {
        let (end, reply, polled) = ended(outcome, message);
        let code = outcome.result.as_ref().ok().map(|reply| reply.code);
        tracing::info!(outcome = ?end, phase = %outcome.phase, code, "delivery ended");
        // A failed connection shows a problem of the relay, as a rejection does.
        let is_stuck = polled == PollOutcome::BackOff
            || outcome.phase < Phase::Mail && matches!(end, TransactionalOutcome::Later(_));
        let mut last_problem = self.last_problem.lock().unwrap_or_else(PoisonError::into_inner);
        *last_problem = is_stuck.then(|| outcome.clone());
        (end, reply, if is_stuck { PollOutcome::BackOff } else { polled })
    }

    /// Sends one transactional email, if one is waiting.
    pub async fn poll(&self) -> Result<PollOutcome, RunError> {
        let (_, lease) = transport::retry_schedule(&self.context.config);
        let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::hours(1));
        if let Some(mismatch) = self.guard.mismatch().await? {
            return Err(RunError::user(
                format!("transactional email cannot be sent: {mismatch}"),
                mismatch.help(),
            ));
        }
        let Some(message) = self.store.claim_transactional(&self.owner, lease, self.now()).await? else {
            return Ok(PollOutcome::Idle);
        };
        let span =
            tracing::info_span!("transactional", number = message.number, connection = tracing::field::Empty);
        let (end, reply, polled) = self.send(&message).instrument(span).await?;
        self.store.finish_transactional(message.number, &self.owner, end, &reply, self.now()).await?;
        Ok(polled)
    }

    async fn send(
        &self,
        message: &TransactionalMessage,
    ) -> Result<(TransactionalOutcome, String, PollOutcome), RunError> {
        let bytes = self.compose(message)?;
        let envelope = Envelope { from: self.return_path()?, to: message.address.clone(), size: bytes.len() };
        let mut connection = match self.transport.connect().await {
            Ok(connection) => connection,
            Err(outcome) => return Ok(self.ended(&outcome, message)),
        };
        let outcome = match transmit(connection.as_mut(), &envelope, &bytes).await {
            Err(outcome) => Some(outcome),
            Ok(()) if self.store.arm_transactional(message.number, &self.owner, self.now()).await? => {
                Some(connection.final_dot(None).await)
            }
            // The subscriber unsubscribed meanwhile. Without the final dot the server discards the message.
            Ok(()) => None,
        };
        let Some(outcome) = outcome else {
            return Ok((TransactionalOutcome::Failed, String::new(), PollOutcome::Sent));
        };
        connection.quit().await;
        Ok(self.ended(&outcome, message))
    }

    /// The message; only its date differs between attempts.
    fn compose(&self, message: &TransactionalMessage) -> Result<Vec<u8>, RunError> {
        let config = &self.context.config;
        let from = &config.newsletter.from.as_ref().ok_or_else(no_sender)?.address;
        let language = message.language.as_deref().unwrap_or(&config.site.language);
        let template = email::compose_transactional(message.kind, language, &self.link(message), config)
            .map_err(RunError::Findings)?;
        let local = self.keys.message_id_local(&format!("errand {}", message.number), &message.address);
        let token = self.keys.sign(Purpose::Unsubscribe, &Subject::from(message.key.0), 1);
        let now = self.now();
        let unsigned = template.render_for(&Recipient {
            to: Mailbox { name: None, address: message.address.clone() },
            message_id: format!("{local}@{}", from.domain()),
            date: now.with_timezone(&config.site.timezone).fixed_offset(),
            boundary_seed: local,
            unsubscribe: Unsubscribe {
                mailbox: config.newsletter.unsubscribe_address().ok_or_else(no_sender)?.clone(),
                page: self.pages.as_ref().map(|pages| pages.join(&format!("u/{token}"))),
                human: self.pages.as_ref().map(|pages| pages.join(&format!("leave/{token}"))),
                token,
            },
        });
        match &self.signer {
            None => Ok(unsigned),
            Some(signer) => signer.sign(&unsigned, now).map_err(|error| {
                RunError::user(error.to_string(), "`letterpress dkim new` creates another key")
            }),
        }
    }

    /// The link in the email. Opening it changes nothing; the page has a button.
    fn link(&self, message: &TransactionalMessage) -> String {
        let subscriber = Subject::from(message.key.0);
        let mailbox = self.context.config.newsletter.unsubscribe_address();
        let page = match message.kind {
            TransactionalKind::Confirm => {
                let token = self.keys.sign(Purpose::Confirm, &subscriber, message.generation);
                if let (None, Some(mailbox)) = (&self.pages, mailbox) {
                    return email::mailto(mailbox, &format!("confirm {token}"));
                }
                format!("confirm/{token}")
            }
            TransactionalKind::Known => format!("choose/{}", self.keys.sign(Purpose::Manage, &subscriber, 1)),
            TransactionalKind::Data => {
                let minute = u32::try_from(self.now().timestamp() / 60).unwrap_or(u32::MAX);
                format!("data/{}", self.keys.sign(Purpose::Data, &subscriber, minute))
            }
        };
        // Only the forms of `serve` lead to the other two, and it has pages.
        self.pages.as_ref().unwrap_or(&self.context.config.site.url).join(&page)
    }

    fn return_path(&self) -> Result<EmailAddress, RunError> {
        let newsletter = &self.context.config.newsletter;
        let from = newsletter.from.as_ref().map(|from| &from.address);
        newsletter.bounces.as_ref().or(from).cloned().ok_or_else(no_sender)
    }

    fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }
}

/// A transactional email in the language of the site, with a link that leads nowhere, to look at.
pub fn compose_sample(config: &Config, kind: TransactionalKind) -> Result<IssueRenderer, RunError> {
    let page = match kind {
        TransactionalKind::Confirm => "confirm",
        TransactionalKind::Known => "choose",
        TransactionalKind::Data => "data",
    };
    let pages = config.web.url.as_ref().unwrap_or(&config.site.url);
    let link =
        pages.join(&format!("{page}/v1.k1.{page}.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    let template = email::compose_transactional(kind, &config.site.language, &link, config);
    IssueRenderer::new(template.map_err(RunError::Findings)?, config).ok_or_else(no_sender)
}

/// Sends envelope and message, without the final dot.
async fn transmit(
    connection: &mut dyn Connection,
    envelope: &Envelope,
    message: &[u8],
) -> Result<(), SmtpOutcome> {
    connection.offer(envelope).await?;
    connection.body(message).await
}

/// The new state of an email after a reply.
fn ended(
    outcome: &SmtpOutcome,
    message: &TransactionalMessage,
) -> (TransactionalOutcome, String, PollOutcome) {
    let again = || match message.attempts {
        MAX_ATTEMPTS.. => TransactionalOutcome::Failed,
        attempts => TransactionalOutcome::Later(RETRY_DELAY * i32::try_from(attempts).unwrap_or(1)),
    };
    let (end, polled) = match classify(outcome) {
        Verdict::Sent => (TransactionalOutcome::Sent, PollOutcome::Sent),
        Verdict::Unknown => (TransactionalOutcome::Unknown, PollOutcome::Sent),
        Verdict::Failed { .. } => (TransactionalOutcome::Failed, PollOutcome::Sent),
        Verdict::Deferred { .. } => (again(), PollOutcome::Sent),
        // Not the fault of this email: it does not count as an attempt, and the relay gets a pause.
        Verdict::Throttled | Verdict::Sender => {
            (TransactionalOutcome::Later(RETRY_DELAY), PollOutcome::BackOff)
        }
    };
    (end, outcome.reply_text(), polled)
}
