//! One worker, one channel, one copy after another.
//!
//! The order is the promise: the body is written, **then** the arm is committed, **then** the dot is written. The fate
//! of a copy is committed together with the arm of the next one, so each message costs one share of one fsync; until
//! that commit at most one copy of each channel can be in doubt.

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
use super::verdict::{Verdict, classify, is_invalid_mailbox};
use super::{Connection, DeliveryJob, OutgoingMessage, Reply, SmtpOutcome};
use crate::crash;
use crate::ledger::transition::{Event, Rejection};
use crate::ledger::{LETTER_REFUSED, LastReply, NO_MAILBOX, State};
use crate::store::{Claimed, StateChange, StoreError};

/// How often and how long a full disk is waited for before what was heard is left to the recovery.
const STORE_TRIES: u32 = 30;
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long the fate of a copy waits for the arm of the next one, to share its commit.
const RECORD_WAIT: Duration = Duration::from_millis(200);
/// The first wait before a connection is tried again; it doubles each time.
const RECONNECT: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// So long a connection may lie idle: Postfix under load gives up after ten seconds.
const MAX_IDLE: Duration = Duration::from_secs(5);
/// A copy whose lease has no more than this left is not begun.
const NEARLY_OVER: Duration = Duration::from_secs(60);

/// What all workers of a run share.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) job: Arc<DeliveryJob>,
    pub(super) claims: Claims,
    pub(super) ledger: GroupCommit,
    pub(super) breaker: Arc<Breaker>,
    /// Workers that have not left the work to the others; never less than one.
    pub(super) live: Arc<AtomicUsize>,
}

/// A copy in hand, composed.
struct InFlight {
    claimed: Claimed,
    message: OutgoingMessage,
}

/// How far a copy got before its dot.
enum StageResult {
    /// The arm is durable: the dot may be written.
    Armed,
    /// Somebody else has the row, or the reader left: no dot.
    Withdrawn,
    /// The server, the network or the message said no.
    Refused(SmtpOutcome),
}

impl Worker {
    /// Works until nothing is left or the run stops. Without a `channel` it opens one for its first copy.
    pub(super) async fn run(self, channel: Option<Box<dyn Connection>>) -> Result<(), StoreError> {
        let ended = self.serve(channel).await;
        if ended.is_err() {
            // No further dots in this process: what the disk keeps is no longer certain.
            self.breaker.stop(StopReason::Relay("a database error".to_owned()));
        }
        ended
    }

    async fn serve(&self, mut connection: Option<Box<dyn Connection>>) -> Result<(), StoreError> {
        let (mut message, mut unrecorded) = (self.next_message().await?, None);
        while let Some(current) = message.take() {
            let mut open = match connection.take() {
                Some(open) => open,
                None => match self.open().await {
                    Some(open) => open,
                    None => return self.release(Some(current)).await,
                },
            };
            let span = delivery_span(&current.claimed);
            match self
                .send_until_final_dot(open.as_mut(), &current, &mut unrecorded)
                .instrument(span.clone())
                .await?
            {
                StageResult::Armed => {
                    message = self.ready_message().await?;
                    crash::point("armed");
                    let next = message.as_ref().map(|next| &next.message.envelope);
                    let outcome = open.final_dot(next).instrument(span.clone()).await;
                    crash::point("dot-answered");
                    unrecorded = Some(span.in_scope(|| self.outcome(&current, &outcome)));
                    connection = Some(open);
                }
                StageResult::Refused(outcome) => {
                    unrecorded = Some(span.in_scope(|| self.outcome(&current, &outcome)));
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

    /// Envelope, body, arm. The fate of the copy before travels in the same commit as the arm.
    async fn send_until_final_dot(
        &self,
        channel: &mut dyn Connection,
        copy: &InFlight,
        unrecorded: &mut Option<StateChange>,
    ) -> Result<StageResult, StoreError> {
        let mut writing = std::pin::pin!(async {
            channel.offer(&copy.message.envelope).await?;
            channel.body(&copy.message.message).await
        });
        let written = if let Ok(written) = tokio::time::timeout(RECORD_WAIT, &mut writing).await {
            written
        } else {
            // The relay takes its time; what is known of the copy before does not wait for it.
            self.record(unrecorded.take()).await?;
            writing.await
        };
        if let Err(outcome) = written {
            self.record(unrecorded.take()).await?;
            return Ok(StageResult::Refused(outcome));
        }
        crash::point("body-written");
        let bytes = copy.message.digest();
        let arm = StateChange {
            number: copy.claimed.number,
            event: Event::Arm { token: copy.claimed.token, bytes },
        };
        let known = unrecorded.take();
        match self.ledger.commit(known.iter().cloned().chain([arm]).collect()).await {
            Ok(outcomes) => {
                if known.is_some() {
                    self.report(outcomes[0]);
                }
                match outcomes.last() {
                    Some(Ok(State::Armed)) => Ok(StageResult::Armed),
                    // It may have arrived once and cannot be sent again as it was: it stays in doubt, and final.
                    Some(Err(Rejection::MessageDiffers)) => {
                        let last = Some(LastReply {
                            phase: "the arm".to_owned(),
                            text: Rejection::MessageDiffers.to_string(),
                        });
                        let event = Event::Reject { token: copy.claimed.token, reason: "other_bytes", last };
                        self.record(Some(StateChange { number: copy.claimed.number, event })).await?;
                        Ok(StageResult::Withdrawn)
                    }
                    Some(Err(Rejection::PreconditionFailed)) => {
                        self.record(Some(release(&copy.claimed))).await?;
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

    /// What was heard becomes an event; the breaker hears it too.
    fn outcome(&self, copy: &InFlight, outcome: &SmtpOutcome) -> StateChange {
        let verdict = classify(outcome);
        self.breaker.record(outcome, verdict);
        let token = copy.claimed.token;
        let last = Some(last_reply(outcome));
        let event = match verdict {
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
            // Nobody waits longer for what is the sender's to put right.
            Verdict::Sender => Event::Defer { token, retry: None, last },
            Verdict::Deferred { .. } | Verdict::Throttled => {
                let (attempts, chance) = (copy.claimed.attempts, self.job.clock.random());
                match self.job.retry.next(attempts, self.job.frozen_at, chance) {
                    retry @ Some(_) => Event::Defer { token, retry, last },
                    None => Event::Reject { token, reason: "expired", last },
                }
            }
        };
        log_outcome(outcome, &event);
        StateChange { number: copy.claimed.number, event }
    }

    /// Makes the fate of a copy durable. After the dot a full disk is waited for: what was heard must not be lost.
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

    /// Opens a channel, with patience, unless the run has stopped. Where other channels are open, a server that
    /// refuses one more is believed at once.
    pub(super) async fn open(&self) -> Option<Box<dyn Connection>> {
        let mut pause = RECONNECT;
        while self.breaker.stop_reason().is_none() {
            match self.job.transport.connect().await {
                Ok(channel) => {
                    self.breaker.connected();
                    return Some(channel);
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

    /// Leaves the work to the others, unless there are none.
    fn retire(&self) -> bool {
        let one_less = |live: usize| (live > 1).then(|| live - 1);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    async fn release(&self, hand: Option<InFlight>) -> Result<(), StoreError> {
        self.record(hand.map(|hand| release(&hand.claimed))).await
    }

    async fn next_message(&self) -> Result<Option<InFlight>, StoreError> {
        while let Some(held) = self.claims.next().await {
            if let Some(hand) = self.render(held).await? {
                return Ok(Some(hand));
            }
        }
        Ok(None)
    }

    /// The next copy. A relay is not kept waiting for it: it would hang up, and the copy be lost with the connection.
    async fn next_message_before_timeout(
        &self,
        channel: Option<Box<dyn Connection>>,
    ) -> Result<(Option<InFlight>, Option<Box<dyn Connection>>), StoreError> {
        let Some(open) = channel else { return Ok((self.next_message().await?, None)) };
        match tokio::time::timeout(MAX_IDLE, self.claims.next()).await {
            Ok(None) => Ok((None, Some(open))),
            Ok(Some(held)) => match self.render(held).await? {
                Some(hand) => Ok((Some(hand), Some(open))),
                None => Ok((self.next_message().await?, Some(open))),
            },
            Err(_) => {
                open.quit().await;
                Ok((self.next_message().await?, None))
            }
        }
    }

    async fn ready_message(&self) -> Result<Option<InFlight>, StoreError> {
        while let Some(held) = self.claims.ready() {
            if let Some(hand) = self.render(held).await? {
                return Ok(Some(hand));
            }
        }
        Ok(None)
    }

    /// A copy that cannot be composed is that reader's failure, not the end of the run.
    async fn render(&self, held: ClaimedDelivery) -> Result<Option<InFlight>, StoreError> {
        let ClaimedDelivery { claimed, until } = held;
        // A claim that is about to end would be refused at its arm, after its body was written.
        if until <= Instant::now() + NEARLY_OVER {
            self.record(Some(release(&claimed))).await?;
            return Ok(None);
        }
        let composed = catch_unwind(AssertUnwindSafe(|| (self.job.render)(&claimed)));
        let why = match composed {
            Ok(Ok(composed)) => return Ok(Some(InFlight { claimed, message: composed })),
            Ok(Err(why)) => Some(LastReply { phase: "composing".to_owned(), text: why }),
            Err(_) => None,
        };
        let event = Event::Reject { token: claimed.token, reason: "render", last: why };
        self.record(Some(StateChange { number: claimed.number, event })).await?;
        Ok(None)
    }
}

/// The handle of a delivery in the log: its number, and the local part of its Message-ID.
fn delivery_span(claimed: &Claimed) -> tracing::Span {
    let message_id = claimed.fields.message_id.split('@').next().unwrap_or_default();
    tracing::info_span!(
        "delivery",
        number = claimed.number.0,
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

fn last_reply(outcome: &SmtpOutcome) -> LastReply {
    LastReply { phase: outcome.phase.to_string(), text: outcome.reply_text().chars().take(1_000).collect() }
}
