//! Delivery: claim, send, arm, dot, record. The promise: nobody gets an issue twice without a recorded decision,
//! and `sent` always means that a 2yz reply was read.
//!
//! The seam to the outside is [`Wire`]: SMTP, the outbox folder, or a script in the tests. A wire reports facts
//! (phase, reply or trouble); what they mean is decided in [`verdict`] alone.

mod breaker;
mod claims;
pub mod diagnosis;
mod group_commit;
pub mod outbox;
mod outcome;
pub mod progress;
mod rate_limited_claims;
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

/// The envelope of one copy (RFC 5321, 2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where bounces go.
    pub from: EmailAddress,
    /// The one recipient.
    pub to: EmailAddress,
    /// Bytes of the message before dot-stuffing, for SIZE (RFC 1870).
    pub size: usize,
}

/// A way for messages to leave.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Opens one channel, ready for its first envelope; on failure says in which phase and why.
    async fn connect(&self) -> Result<Box<dyn Connection>, SmtpOutcome>;
    /// How many channels may be open at once.
    fn max_connections(&self) -> usize;
    /// For people: `mail.example.com:465` or `outbox/`.
    fn name(&self) -> String;
}

/// One connection. The caller goes through [`Channel::offer`], [`Channel::body`], [`Channel::dot`] in this order,
/// for one copy after another.
#[async_trait]
pub trait Connection: Send {
    /// Hands over the envelope and asks for permission to send (MAIL, RCPT, DATA). `Ok` means that 354 was read.
    /// If this envelope already travelled with the last dot, only its replies are read. After an orderly refusal
    /// the channel stays usable.
    async fn offer(&mut self, envelope: &Envelope) -> Result<(), SmtpOutcome>;

    /// Writes the message, dot-stuffed, but **not** the final dot: until [`Channel::dot`] the server cannot accept it.
    async fn body(&mut self, message: &[u8]) -> Result<(), SmtpOutcome>;

    /// Writes the final dot and reads its reply. Where the server pipelines, `next` travels in the same write, and
    /// the following [`Channel::offer`] must be for that same envelope. Called only after the arm is durable.
    async fn final_dot(&mut self, next: Option<&Envelope>) -> SmtpOutcome;

    /// Whether another copy may go over this channel: it is in step with the server and below the server's limits.
    fn is_usable(&self) -> bool;

    /// Says goodbye, as far as that is possible in a second or two.
    async fn quit(self: Box<Self>);
}

/// One copy, ready for the wire.
#[derive(Debug, Clone)]
pub struct OutgoingMessage {
    /// The envelope.
    pub envelope: Envelope,
    /// The message, CRLF, before dot-stuffing.
    pub message: Vec<u8>,
}

impl OutgoingMessage {
    /// SHA-256 of the message: what the ledger compares when a copy is sent again.
    fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.message).as_ref());
        bytes
    }
}

/// Makes a reader's copy; must give the same bytes for the same claim, always. Why it cannot is for people.
pub type Renderer = dyn Fn(&Claimed) -> Result<OutgoingMessage, String> + Send + Sync;

/// Everything that a run over one issue needs.
pub struct DeliveryJob {
    /// Where the states are kept.
    pub store: Arc<dyn DeliveryStore>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// The issue.
    pub issue: IssueNumber,
    /// When it was frozen: the retry horizon begins here.
    pub frozen_at: DateTime<Utc>,
    /// Makes a reader's copy.
    pub render: Box<Renderer>,
    /// The rates to stay within; `None` if nothing is limited.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// When a deferred copy is tried again.
    pub retry: RetrySchedule,
    /// How long a claim lasts: longer than all phases of a message together.
    pub lease: Duration,
    /// A name that no other process has.
    pub owner: String,
    /// Told of each message that reached a state and of each wait, for progress.
    pub on_progress: Arc<ProgressCallback>,
}

/// Sends what is due of one issue. Returns when nothing is left that could be sent now, or when the breaker stopped
/// the run; the ledger has the counts.
///
/// # Errors
///
/// The store failed. No dot was written after that, and whatever was in flight is found by the next run's recovery.
pub async fn deliver(job: DeliveryJob, breaker: Arc<Breaker>) -> Result<Option<StopReason>, StoreError> {
    let job = Arc::new(job);
    let ledger = GroupCommit::start(Arc::clone(&job.store), Arc::clone(&job.clock));
    let (claims, feeder) = Claims::start(&job, &breaker, &ledger);
    let live = Arc::new(AtomicUsize::new(1));
    let worker =
        Worker { job: Arc::clone(&job), claims: claims.clone(), ledger: ledger.clone(), breaker, live };
    let breaker = Arc::clone(&worker.breaker);
    let mut workers = JoinSet::new();
    // One connection first: if the relay refuses us, it is asked once and not fifty times.
    if let Some(channel) = worker.open().await {
        worker.live.store(job.transport.max_connections(), Ordering::Relaxed);
        workers.spawn(worker.clone().run(Some(channel)));
        for _ in 1..job.transport.max_connections() {
            workers.spawn(worker.clone().run(None));
        }
    }
    drop(worker);
    let mut ended = Ok(());
    while let Some(joined) = workers.join_next().await {
        match joined {
            Ok(outcome) => ended = ended.and(outcome),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    if ended.is_ok() {
        claims.drain(&ledger).await?;
        ended = match feeder.await {
            Ok(fed) => fed,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
    }
    ended.map(|()| breaker.stop_reason())
}
