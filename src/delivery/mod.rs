//! Delivery: claim, send, arm, final dot, record. No subscriber gets an issue twice without a recorded decision, and
//! `sent` always means that a 2yz reply was read.
//!
//! The interface to the outside is [`Transport`]: SMTP, the outbox folder, or a script in the tests. A transport
//! reports facts (phase, and reply or error); only [`verdict`] decides what they mean.

mod breaker;
mod claims;
pub mod diagnosis;
mod group_commit;
pub mod outbox;
mod outcome;
pub mod progress;
mod rate_limited_claims;
mod refusals;
pub mod smtp;
pub mod verdict;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use tokio::task::JoinSet;

pub use breaker::{Breaker, StopReason};
pub use outcome::{
    MissingCapability, Phase, SmtpOutcome, TlsError, TransportError, Unreachable, WrongProtocol,
};
pub use smtp::reply::Reply;

use crate::address::EmailAddress;
use crate::clock::Clock;
use crate::ledger::RetrySchedule;
use crate::ledger::rate_limit::RateLimits;
use crate::store::{Claimed, DeliveryStore, IssueNumber, StoreError};
use claims::Claims;
use group_commit::GroupCommit;
use progress::ProgressCallback;
use worker::Worker;

/// The envelope of one message (RFC 5321, 2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where bounces go.
    pub from: EmailAddress,
    /// The one recipient.
    pub to: EmailAddress,
    /// Bytes of the message before dot-stuffing, for SIZE (RFC 1870).
    pub size: usize,
}

/// A way to send messages.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Opens one connection, ready for its first envelope; on failure returns the phase and the error.
    async fn connect(&self) -> Result<Box<dyn Connection>, SmtpOutcome>;
    /// How many connections may be open at once.
    fn max_connections(&self) -> usize;
    /// The name to display: `mail.example.com:465` or `outbox/`.
    fn name(&self) -> String;
}

/// One connection. For each message, the caller calls [`Connection::offer`], [`Connection::body`] and
/// [`Connection::final_dot`] in this order.
#[async_trait]
pub trait Connection: Send {
    /// Sends the envelope (MAIL, RCPT, DATA). `Ok` means that 354 was read. If this envelope was pipelined with the
    /// last final dot, only its replies are read. After an orderly rejection the connection stays usable.
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome>;

    /// Writes the message, dot-stuffed, but **not** the final dot: before [`Connection::final_dot`] the server cannot
    /// accept it.
    async fn body(&mut self, message: &[u8]) -> Result<(), SmtpOutcome>;

    /// Writes the final dot and reads its reply. If the server supports pipelining, `next` is sent in the same write,
    /// and the following [`Connection::offer`] must be for that same envelope. Called only after the arm is durable.
    async fn final_dot(&mut self, next: Option<&Envelope>) -> SmtpOutcome;

    /// Whether another message may be sent over this connection: replies are in step, and no limit is reached.
    fn is_usable(&self) -> bool;

    /// Closes the connection with QUIT, within a second or two.
    async fn quit(self: Box<Self>);
}

/// One message, ready to send.
#[derive(Debug, Clone)]
pub struct OutgoingMessage {
    /// Its `Message-ID`, without angle brackets.
    pub message_id: String,
    /// The envelope.
    pub envelope: Envelope,
    /// The message, CRLF, before dot-stuffing.
    pub message: Vec<u8>,
}

impl OutgoingMessage {
    /// SHA-256 of the message; the ledger compares it when a message is sent again.
    fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.message).as_ref());
        bytes
    }
}

/// Renders the message of a claim. Must always return the same bytes for the same claim. The error is for display.
pub type Renderer = dyn Fn(&Claimed) -> Result<OutgoingMessage, String> + Send + Sync;

/// Everything needed to deliver one issue.
pub struct DeliveryJob {
    /// The store of the delivery states.
    pub store: Arc<dyn DeliveryStore>,
    /// The transport.
    pub transport: Arc<dyn Transport>,
    /// The source of time and randomness.
    pub clock: Arc<dyn Clock>,
    /// The issue.
    pub issue: IssueNumber,
    /// When it was frozen: the retry horizon starts here.
    pub frozen_at: DateTime<Utc>,
    /// Renders the messages.
    pub render: Box<Renderer>,
    /// The rate limits; `None` if nothing is limited.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// When a deferred delivery is tried again.
    pub retry: RetrySchedule,
    /// How long a claim lasts: longer than all phases of a message together.
    pub lease: Duration,
    /// The unique name of this process.
    pub owner: String,
    /// Called for each state that a delivery reaches and for each wait.
    pub on_progress: Arc<ProgressCallback>,
}

/// Sends the due deliveries of one issue. Returns when nothing is left to send now, or when the breaker stopped the
/// run; the counts are in the ledger.
///
/// # Errors
///
/// The store failed. No final dot was written after that; the next run's recovery finds what was in flight.
pub async fn deliver(job: DeliveryJob, breaker: Arc<Breaker>) -> Result<Option<StopReason>, StoreError> {
    let job = Arc::new(job);
    let ledger = GroupCommit::start(Arc::clone(&job.store), Arc::clone(&job.clock));
    let (claims, feeder) = Claims::start(&job, &breaker, &ledger);
    let live = Arc::new(AtomicUsize::new(1));
    let worker = Worker {
        job: Arc::clone(&job),
        claims: claims.clone(),
        ledger: ledger.clone(),
        breaker,
        refusals: Arc::default(),
        session_limit: Arc::new(AtomicUsize::new(usize::MAX)),
        live,
    };
    let breaker = Arc::clone(&worker.breaker);
    let mut workers = JoinSet::new();
    // Open one connection first, so that a relay that rejects us is contacted once and not fifty times.
    if let Some(connection) = worker.open().await {
        worker.live.store(job.transport.max_connections(), Ordering::Relaxed);
        workers.spawn(worker.clone().run(Some(connection)));
        for _ in 1..job.transport.max_connections() {
            workers.spawn(worker.clone().run(None));
        }
    }
    let mut ended = Ok(());
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok(outcome) => ended = ended.and(outcome),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    if ended.is_ok() {
        worker.decide_refusals().await?;
        drop(worker);
        claims.drain(&ledger).await?;
        ended = match feeder.await {
            Ok(fed) => fed,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
    }
    ended.map(|()| breaker.stop_reason())
}
