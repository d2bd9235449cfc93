//! A worker sends one message after another over one connection.
//!
//! The order carries the guarantee: the body is written, **then** the arm is committed, **then** the final dot is
//! written. The outcome of a message is committed together with the arm of the next one, so each message costs one
//! share of one fsync. Until that commit, at most one message of each connection can become unknown.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use super::breaker::{Breaker, StopReason};
use super::claims::{ClaimedDelivery, Claims, release};
use super::group_commit::GroupCommit;
use super::progress::{ProgressEvent, WaitReason};
use super::refusals::Refusals;
use super::verdict::{Verdict, classify, is_invalid_mailbox};
use super::{Connection, DeliveryJob, OutgoingMessage, Phase, Reply, SmtpOutcome};
use crate::crash;
use crate::ledger::transition::{Event, Rejection};
use crate::ledger::{LETTER_REFUSED, LastReply, NO_MAILBOX, State};
use crate::store::{Claimed, StateChange, StoreError};

/// How often and how long to retry on a full disk before an outcome is left to the recovery.
const STORE_TRIES: u32 = 30;
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long an outcome waits for the arm of the next message, to share its commit.
const RECORD_WAIT: Duration = Duration::from_millis(200);
/// The first wait before reconnecting; it doubles each time.
const RECONNECT: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long a connection may be idle: Postfix under load disconnects after ten seconds.
const MAX_IDLE: Duration = Duration::from_secs(5);
/// A delivery with less of its lease left than this is not started.
const NEARLY_OVER: Duration = Duration::from_secs(60);

/// The state that all workers of a run share.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) job: Arc<DeliveryJob>,
    pub(super) claims: Claims,
    pub(super) ledger: GroupCommit,
    pub(super) breaker: Arc<Breaker>,
    pub(super) refusals: Arc<Refusals>,
    /// How many messages the relay takes over one connection, as far as this run has learned.
    pub(super) session_limit: Arc<AtomicUsize>,
    /// The workers that have not retired; at least one.
    pub(super) live: Arc<AtomicUsize>,
}

/// A claimed delivery with its rendered message.
struct InFlight {
    claimed: Claimed,
    message: OutgoingMessage,
}

/// The result of all steps before the final dot.
enum StageResult {
    /// The arm is durable: the final dot may be written.
    Armed,
    /// Another attempt holds the row, or the subscriber has unsubscribed: no final dot.
    Withdrawn,
    /// The server rejected it, or the network or the message made sending impossible.
    Refused(SmtpOutcome),
}

impl Worker {
    /// Works until nothing is left or the run stops. Without a connection it opens one for its first message.
    pub(super) async fn run(self, connection: Option<Box<dyn Connection>>) -> Result<(), StoreError> {
        let ended = self.serve(connection).await;
        if ended.is_err() {
            // Write no further final dots in this process: the disk may no longer store what is committed.
            self.breaker.stop(StopReason::Relay("a database error".to_owned()));
        }
        ended
    }

    async fn serve(&self, mut connection: Option<Box<dyn Connection>>) -> Result<(), StoreError> {
        let (mut message, mut unrecorded) = (self.next_message().await?, None);
        // The messages that this connection has taken.
        let mut taken = 0;
        while let Some(current) = message.take() {
            let mut open = if let Some(open) = connection.take() {
                open
            } else {
                taken = 0;
                let Some(open) = self.open().await else { return self.release(Some(current)).await };
                open
            };
            let span = delivery_span(&current);
            match self
                .send_until_final_dot(open.as_mut(), &current, &mut unrecorded)
                .instrument(span.clone())
                .await?
            {
                StageResult::Armed => {
                    message = self.ready_message().await?;
                    crash::point("armed");
                    taken += 1;
                    let is_last = taken >= self.session_limit.load(Ordering::Relaxed);
                    let next = message.as_ref().filter(|_| !is_last).map(|next| &next.message.envelope);
                    let outcome = open.final_dot(next).instrument(span.clone()).await;
                    crash::point("dot-answered");
                    unrecorded = span.in_scope(|| self.outcome(&current, &outcome));
                    connection = if is_last { end(open).await } else { Some(open) };
                    self.record_all(self.refusals.clear()).await?;
                }
                StageResult::Refused(outcome) if taken > 0 && outcome.ends_session() => {
                    tracing::info!(taken, "the relay takes no more over one connection; opening another");
                    self.session_limit.fetch_min(taken, Ordering::Relaxed);
                    message = Some(current);
                    continue;
                }
                StageResult::Refused(outcome) => {
                    unrecorded = span.in_scope(|| self.outcome(&current, &outcome));
                    connection = Some(open);
                }
                // The message was sent without its final dot. Closing the connection discards it.
                StageResult::Withdrawn => drop(open),
            }
            connection = connection.filter(|open| open.is_usable());
            if self.breaker.stop_reason().is_some() {
                break;
            }
            if message.is_none() {
                message = self.ready_message().await?;
            }
            // Record a known outcome even while the next message is delayed.
            if connection.is_none() || message.is_none() {
                self.record(unrecorded.take()).await?;
            }
            if message.is_none() {
                (message, connection) = self.next_message_before_timeout(connection).await?;
            }
        }
        self.record(unrecorded).await?;
        self.release(message).await?;
        if let Some(connection) = connection {
            crash::point("before-quit");
            connection.quit().await;
        }
        Ok(())
    }

    /// Envelope, body, arm. The outcome of the previous message is in the same commit as the arm.
    async fn send_until_final_dot(
        &self,
        connection: &mut dyn Connection,
        in_flight: &InFlight,
        unrecorded: &mut Option<StateChange>,
    ) -> Result<StageResult, StoreError> {
        let mut writing = std::pin::pin!(async {
            connection.offer(&in_flight.message.envelope).await?;
            connection.body(&in_flight.message.message).await
        });
        let written = if let Ok(written) = tokio::time::timeout(RECORD_WAIT, &mut writing).await {
            written
        } else {
            // The relay is slow; record the previous outcome without waiting for it.
            self.record(unrecorded.take()).await?;
            writing.await
        };
        if let Err(outcome) = written {
            self.record(unrecorded.take()).await?;
            return Ok(StageResult::Refused(outcome));
        }
        crash::point("body-written");
        let bytes = in_flight.message.digest();
        let arm = StateChange {
            delivery: in_flight.claimed.id,
            event: Event::Arm { token: in_flight.claimed.token, bytes },
        };
        let known = unrecorded.take();
        match self.ledger.commit(known.iter().cloned().chain([arm]).collect()).await {
            Ok(outcomes) => {
                if known.is_some() {
                    self.report(outcomes[0]);
                }
                match outcomes.last() {
                    Some(Ok(State::Armed)) => Ok(StageResult::Armed),
                    // An earlier attempt may have arrived, and its bytes cannot be sent again: the delivery stays
                    // uncertain.
                    Some(Err(Rejection::MessageDiffers)) => {
                        let last = Some(LastReply {
                            phase: "the arm".to_owned(),
                            text: Rejection::MessageDiffers.to_string(),
                        });
                        let event =
                            Event::Reject { token: in_flight.claimed.token, reason: "other_bytes", last };
                        self.record(Some(StateChange { delivery: in_flight.claimed.id, event })).await?;
                        Ok(StageResult::Withdrawn)
                    }
                    Some(Err(Rejection::PreconditionFailed)) => {
                        self.record(Some(release(&in_flight.claimed))).await?;
                        Ok(StageResult::Withdrawn)
                    }
                    _ => Ok(StageResult::Withdrawn),
                }
            }
            Err(error) => {
                self.record(known).await?;
                Err(error)
            }
        }
    }

    /// Converts an outcome into an event, and reports it to the breaker. `None` if the fate of other recipients decides it.
    fn outcome(&self, in_flight: &InFlight, outcome: &SmtpOutcome) -> Option<StateChange> {
        let verdict = classify(outcome);
        self.breaker.record(outcome, verdict);
        let delivery = in_flight.claimed.id;
        let token = in_flight.claimed.token;
        let last = Some(outcome.last_reply());
        let event = self.event(in_flight, outcome, verdict);
        log_outcome(outcome, &event);
        match verdict {
            Verdict::Sent => self.refusals.accepted(),
            Verdict::Deferred { policy: true } if outcome.phase == Phase::Rcpt => {
                self.refusals.refused(delivery, token, last, event);
                return None;
            }
            _ => {}
        }
        Some(StateChange { delivery, event })
    }

    fn event(&self, in_flight: &InFlight, outcome: &SmtpOutcome, verdict: Verdict) -> Event {
        let token = in_flight.claimed.token;
        let last = Some(outcome.last_reply());
        match verdict {
            Verdict::Sent => Event::Accept { token: Some(token), last },
            Verdict::Unknown => Event::LoseReply { token, last },
            Verdict::Failed { policy } => {
                let reason = match (policy, is_invalid_mailbox(outcome)) {
                    (true, _) => LETTER_REFUSED,
                    (false, true) => NO_MAILBOX,
                    (false, false) => "rejected",
                };
                Event::Reject { token, reason, last }
            }
            // Sender-side failures do not advance the retry schedule of the delivery.
            Verdict::Sender => Event::Defer { token, retry: None, last },
            Verdict::Deferred { .. } | Verdict::Throttled => {
                let (attempts, chance) = (in_flight.claimed.attempts, self.job.clock.random());
                match self.job.retry.next(attempts, self.job.frozen_at, chance) {
                    retry @ Some(_) => Event::Defer { token, retry, last },
                    None => Event::Reject { token, reason: "expired", last },
                }
            }
        }
    }

    /// Makes an outcome durable. Retries on a full disk, because an outcome after the final dot must not be lost.
    async fn record(&self, outcome: Option<StateChange>) -> Result<(), StoreError> {
        let Some(outcome) = outcome else { return Ok(()) };
        let mut tries = 0;
        loop {
            match self.ledger.commit(vec![outcome.clone()]).await {
                Ok(outcomes) => {
                    for outcome in outcomes {
                        self.report(outcome);
                    }
                    return Ok(());
                }
                Err(error) if error.is_transient() && tries < STORE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn report(&self, outcome: Result<State, Rejection>) {
        if let Ok(state) = outcome {
            (self.job.on_progress)(ProgressEvent::Reached(state));
        }
    }

    /// Opens a connection, with retries, unless the run has stopped. If other workers are connected, a failure makes
    /// this one retire at once.
    pub(super) async fn open(&self) -> Option<Box<dyn Connection>> {
        let mut pause = RECONNECT;
        while self.breaker.stop_reason().is_none() {
            match self.job.transport.connect().await {
                Ok(connection) => {
                    self.breaker.connected();
                    return Some(connection);
                }
                Err(_) if self.retire() => return None,
                Err(outcome) => {
                    self.breaker.record(&outcome, classify(&outcome));
                    if self.breaker.stop_reason().is_none() {
                        tracing::warn!(error = outcome.reply_text(), wait = ?pause, "no connection; trying again");
                        (self.job.on_progress)(ProgressEvent::Wait(
                            pause,
                            WaitReason::Reconnect(outcome.reply_text()),
                        ));
                    }
                    self.breaker.pause(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        None
    }

    /// Retires this worker, unless it is the last one.
    fn retire(&self) -> bool {
        let one_less = |live: usize| (live > 1).then(|| live - 1);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// Records the fate of the recipients that wait for it, at the end of the run.
    pub(super) async fn decide_refusals(&self) -> Result<(), StoreError> {
        self.record_all(self.refusals.rest(self.breaker.stop_reason().is_some())).await
    }

    async fn record_all(&self, outcomes: Vec<StateChange>) -> Result<(), StoreError> {
        for outcome in outcomes {
            self.record(Some(outcome)).await?;
        }
        Ok(())
    }

    async fn release(&self, in_flight: Option<InFlight>) -> Result<(), StoreError> {
        self.record(in_flight.map(|in_flight| release(&in_flight.claimed))).await
    }

    async fn next_message(&self) -> Result<Option<InFlight>, StoreError> {
        while let Some(claim) = self.claims.next().await {
            if let Some(in_flight) = self.render(claim).await? {
                return Ok(Some(in_flight));
            }
        }
        Ok(None)
    }

    /// The next message. An idle connection is closed after a timeout: the relay would disconnect, and the message
    /// would be lost with it.
    async fn next_message_before_timeout(
        &self,
        connection: Option<Box<dyn Connection>>,
    ) -> Result<(Option<InFlight>, Option<Box<dyn Connection>>), StoreError> {
        let Some(open) = connection else { return Ok((self.next_message().await?, None)) };
        match tokio::time::timeout(MAX_IDLE, self.claims.next()).await {
            Ok(None) => Ok((None, Some(open))),
            Ok(Some(claim)) => match self.render(claim).await? {
                Some(in_flight) => Ok((Some(in_flight), Some(open))),
                None => Ok((self.next_message().await?, Some(open))),
            },
            Err(_) => {
                open.quit().await;
                Ok((self.next_message().await?, None))
            }
        }
    }

    async fn ready_message(&self) -> Result<Option<InFlight>, StoreError> {
        while let Some(claim) = self.claims.ready() {
            if let Some(in_flight) = self.render(claim).await? {
                return Ok(Some(in_flight));
            }
        }
        Ok(None)
    }

    /// A message that cannot be rendered fails this delivery and does not end the run.
    async fn render(&self, claim: ClaimedDelivery) -> Result<Option<InFlight>, StoreError> {
        let ClaimedDelivery { claimed, until } = claim;
        // The arm would be rejected if the lease ended before it, after the body was written.
        if until <= Instant::now() + NEARLY_OVER {
            self.record(Some(release(&claimed))).await?;
            return Ok(None);
        }
        let rendered = catch_unwind(AssertUnwindSafe(|| (self.job.render)(&claimed)));
        let last = match rendered {
            Ok(Ok(rendered)) => return Ok(Some(InFlight { claimed, message: rendered })),
            Ok(Err(error)) => Some(LastReply { phase: "composing".to_owned(), text: error }),
            Err(_) => None,
        };
        let event = Event::Reject { token: claimed.token, reason: "render", last };
        self.record(Some(StateChange { delivery: claimed.id, event })).await?;
        Ok(None)
    }
}

/// The handle of a delivery in the log: its number, and the local part of its Message-ID.
fn delivery_span(InFlight { claimed, message }: &InFlight) -> tracing::Span {
    let message_id = message.message_id.split('@').next().unwrap_or_default();
    tracing::info_span!(
        "delivery",
        number = claimed.id.number.0,
        message_id,
        attempt = claimed.attempts,
        connection = tracing::field::Empty
    )
}

fn log_outcome(outcome: &SmtpOutcome, event: &Event) {
    let result = match event {
        Event::Accept { .. } => "accepted",
        Event::LoseReply { .. } => "unknown",
        Event::Defer { .. } => "deferred",
        Event::Reject { reason, .. } => reason,
        _ => "other",
    };
    let reply = outcome.result.as_ref().ok();
    let enhanced =
        reply.and_then(Reply::enhanced).map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"));
    let code = reply.map(|reply| reply.code);
    let error = outcome.result.as_ref().err().map(ToString::to_string);
    tracing::info!(outcome = result, phase = %outcome.phase, code, enhanced, error, "delivery ended");
    if let Event::Defer { retry, .. } = event {
        let in_seconds = retry.as_ref().map(|retry| retry.wait.num_seconds());
        tracing::info!(in_seconds, "retry planned");
    }
}

async fn end(connection: Box<dyn Connection>) -> Option<Box<dyn Connection>> {
    connection.quit().await;
    None
}
