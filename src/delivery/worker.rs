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

use super::breaker::{Breaker, Stop};
use super::claims::{Claims, Held, give_back};
use super::group_commit::GroupCommit;
use super::verdict::{Verdict, is_dead_address, judge};
use super::watch::{Tick, Why};
use super::{Channel, Composed, Heard, Job, Reply};
use crate::crash;
use crate::ledger::transition::{Event, Refusal};
use crate::ledger::{LETTER_REFUSED, LastWord, NO_MAILBOX, State};
use crate::store::{Claimed, Move, StoreError};

/// How often and how long a full disk is waited for before what was heard is left to the recovery.
const STORE_TRIES: u32 = 30;
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long the fate of a copy waits for the arm of the next one, to share its commit.
const FATE_WAIT: Duration = Duration::from_millis(200);
/// The first wait before a connection is tried again; it doubles each time.
const RECONNECT: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// So long a connection may lie idle: Postfix under load gives up after ten seconds.
const LONGEST_IDLE: Duration = Duration::from_secs(5);
/// A copy whose lease has no more than this left is not begun.
const NEARLY_OVER: Duration = Duration::from_secs(60);

/// What all workers of a run share.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) job: Arc<Job>,
    pub(super) claims: Claims,
    pub(super) ledger: GroupCommit,
    pub(super) breaker: Arc<Breaker>,
    /// Workers that have not left the work to the others; never less than one.
    pub(super) live: Arc<AtomicUsize>,
}

/// A copy in hand, composed.
struct Hand {
    claimed: Claimed,
    composed: Composed,
}

/// How far a copy got before its dot.
enum Reached {
    /// The arm is durable: the dot may be written.
    Armed,
    /// Somebody else has the row, or the reader left: no dot.
    Barred,
    /// The server, the network or the message said no.
    Refused(Heard),
}

impl Worker {
    /// Works until nothing is left or the run stops. Without a `channel` it opens one for its first copy.
    pub(super) async fn run(self, channel: Option<Box<dyn Channel>>) -> Result<(), StoreError> {
        let ended = self.serve(channel).await;
        if ended.is_err() {
            // No further dots in this process: what the disk keeps is no longer certain.
            self.breaker.stop(Stop::Relay("a database error".to_owned()));
        }
        ended
    }

    async fn serve(&self, mut channel: Option<Box<dyn Channel>>) -> Result<(), StoreError> {
        let (mut hand, mut fate) = (self.next_hand().await?, None);
        while let Some(copy) = hand.take() {
            let mut open = match channel.take() {
                Some(open) => open,
                None => match self.open().await {
                    Some(open) => open,
                    None => return self.release(Some(copy)).await,
                },
            };
            let span = delivery_span(&copy.claimed);
            match self.up_to_the_dot(open.as_mut(), &copy, &mut fate).instrument(span.clone()).await? {
                Reached::Armed => {
                    hand = self.ready_hand().await?;
                    crash::point("armed");
                    let next = hand.as_ref().map(|next| &next.composed.envelope);
                    let heard = open.dot(next).instrument(span.clone()).await;
                    crash::point("dot-answered");
                    fate = Some(span.in_scope(|| self.fate(&copy, &heard)));
                    channel = Some(open);
                }
                Reached::Refused(heard) => {
                    fate = Some(span.in_scope(|| self.fate(&copy, &heard)));
                    channel = Some(open);
                }
                // The body stands on the wire without its dot: only closing the connection takes it back.
                Reached::Barred => drop(open),
            }
            channel = channel.filter(|open| open.usable());
            if self.breaker.stopped().is_some() {
                break;
            }
            if hand.is_none() {
                hand = self.ready_hand().await?;
            }
            // Whatever makes the next arm wait must not make what is known wait with it.
            if channel.is_none() || hand.is_none() {
                self.record(fate.take()).await?;
            }
            if hand.is_none() {
                (hand, channel) = self.next_hand_within(channel).await?;
            }
        }
        self.record(fate).await?;
        self.release(hand).await?;
        if let Some(channel) = channel {
            crash::point("before-quit");
            channel.quit().await;
        }
        Ok(())
    }

    /// Envelope, body, arm. The fate of the copy before travels in the same commit as the arm.
    async fn up_to_the_dot(
        &self,
        channel: &mut dyn Channel,
        copy: &Hand,
        fate: &mut Option<Move>,
    ) -> Result<Reached, StoreError> {
        let mut writing = std::pin::pin!(async {
            channel.offer(&copy.composed.envelope).await?;
            channel.body(&copy.composed.message).await
        });
        let written = if let Ok(written) = tokio::time::timeout(FATE_WAIT, &mut writing).await {
            written
        } else {
            // The relay takes its time; what is known of the copy before does not wait for it.
            self.record(fate.take()).await?;
            writing.await
        };
        if let Err(heard) = written {
            self.record(fate.take()).await?;
            return Ok(Reached::Refused(heard));
        }
        crash::point("body-written");
        let bytes = copy.composed.digest();
        let arm =
            Move { number: copy.claimed.number, event: Event::Arm { token: copy.claimed.token, bytes } };
        let known = fate.take();
        match self.ledger.commit(known.iter().cloned().chain([arm]).collect()).await {
            Ok(outcomes) => {
                if known.is_some() {
                    self.watch(outcomes[0]);
                }
                match outcomes.last() {
                    Some(Ok(State::Armed)) => Ok(Reached::Armed),
                    // It may have arrived once and cannot be sent again as it was: it stays in doubt, and final.
                    Some(Err(Refusal::OtherBytes)) => {
                        let last = Some(LastWord {
                            phase: "the arm".to_owned(),
                            text: Refusal::OtherBytes.to_string(),
                        });
                        let event = Event::Reject { token: copy.claimed.token, reason: "other_bytes", last };
                        self.record(Some(Move { number: copy.claimed.number, event })).await?;
                        Ok(Reached::Barred)
                    }
                    Some(Err(Refusal::NotNow)) => {
                        self.record(Some(give_back(&copy.claimed))).await?;
                        Ok(Reached::Barred)
                    }
                    _ => Ok(Reached::Barred),
                }
            }
            Err(error) => {
                self.record(known).await?;
                Err(error)
            }
        }
    }

    /// What was heard becomes an event; the breaker hears it too.
    fn fate(&self, copy: &Hand, heard: &Heard) -> Move {
        let verdict = judge(heard);
        self.breaker.note(heard, verdict);
        let token = copy.claimed.token;
        let last = Some(last_word(heard));
        let event = match verdict {
            Verdict::Sent => Event::Accept { token: Some(token), last },
            Verdict::Unknown => Event::Lose { token, last },
            Verdict::Failed { policy } => {
                let reason = match (policy, is_dead_address(heard)) {
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
        log_outcome(heard, &event);
        Move { number: copy.claimed.number, event }
    }

    /// Makes the fate of a copy durable. After the dot a full disk is waited for: what was heard must not be lost.
    async fn record(&self, fate: Option<Move>) -> Result<(), StoreError> {
        let Some(fate) = fate else { return Ok(()) };
        let mut tries = 0;
        loop {
            match self.ledger.commit(vec![fate.clone()]).await {
                Ok(outcomes) => {
                    for outcome in outcomes {
                        self.watch(outcome);
                    }
                    return Ok(());
                }
                Err(error) if error.may_pass() && tries < STORE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn watch(&self, outcome: Result<State, Refusal>) {
        if let Ok(state) = outcome {
            (self.job.watch)(Tick::Reached(state));
        }
    }

    /// Opens a channel, with patience, unless the run has stopped. Where other channels are open, a server that
    /// refuses one more is believed at once.
    pub(super) async fn open(&self) -> Option<Box<dyn Channel>> {
        let mut pause = RECONNECT;
        while self.breaker.stopped().is_none() {
            match self.job.wire.connect().await {
                Ok(channel) => {
                    self.breaker.connected();
                    return Some(channel);
                }
                Err(_) if self.retire() => return None,
                Err(heard) => {
                    self.breaker.note(&heard, judge(&heard));
                    if self.breaker.stopped().is_none() {
                        tracing::warn!(error = heard.said(), wait = ?pause, "no connection; trying again");
                        (self.job.watch)(Tick::Wait(pause, Why::Reconnect(heard.said())));
                    }
                    self.breaker.rest(pause).await;
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

    async fn release(&self, hand: Option<Hand>) -> Result<(), StoreError> {
        self.record(hand.map(|hand| give_back(&hand.claimed))).await
    }

    async fn next_hand(&self) -> Result<Option<Hand>, StoreError> {
        while let Some(held) = self.claims.next().await {
            if let Some(hand) = self.compose(held).await? {
                return Ok(Some(hand));
            }
        }
        Ok(None)
    }

    /// The next copy. A relay is not kept waiting for it: it would hang up, and the copy be lost with the connection.
    async fn next_hand_within(
        &self,
        channel: Option<Box<dyn Channel>>,
    ) -> Result<(Option<Hand>, Option<Box<dyn Channel>>), StoreError> {
        let Some(open) = channel else { return Ok((self.next_hand().await?, None)) };
        match tokio::time::timeout(LONGEST_IDLE, self.claims.next()).await {
            Ok(None) => Ok((None, Some(open))),
            Ok(Some(held)) => match self.compose(held).await? {
                Some(hand) => Ok((Some(hand), Some(open))),
                None => Ok((self.next_hand().await?, Some(open))),
            },
            Err(_) => {
                open.quit().await;
                Ok((self.next_hand().await?, None))
            }
        }
    }

    async fn ready_hand(&self) -> Result<Option<Hand>, StoreError> {
        while let Some(held) = self.claims.ready() {
            if let Some(hand) = self.compose(held).await? {
                return Ok(Some(hand));
            }
        }
        Ok(None)
    }

    /// A copy that cannot be composed is that reader's failure, not the end of the run.
    async fn compose(&self, held: Held) -> Result<Option<Hand>, StoreError> {
        let Held { copy: claimed, until } = held;
        // A claim that is about to end would be refused at its arm, after its body was written.
        if until <= Instant::now() + NEARLY_OVER {
            self.record(Some(give_back(&claimed))).await?;
            return Ok(None);
        }
        let composed = catch_unwind(AssertUnwindSafe(|| (self.job.compose)(&claimed)));
        let why = match composed {
            Ok(Ok(composed)) => return Ok(Some(Hand { claimed, composed })),
            Ok(Err(why)) => Some(LastWord { phase: "composing".to_owned(), text: why }),
            Err(_) => None,
        };
        let event = Event::Reject { token: claimed.token, reason: "render", last: why };
        self.record(Some(Move { number: claimed.number, event })).await?;
        Ok(None)
    }
}

/// The handle of a delivery in the log: its number, and the local part of its Message-ID.
fn delivery_span(claimed: &Claimed) -> tracing::Span {
    let message_id = claimed.imprint.message_id.split('@').next().unwrap_or_default();
    tracing::info_span!(
        "delivery",
        number = claimed.number.0,
        message_id,
        attempt = claimed.attempts,
        connection = tracing::field::Empty
    )
}

fn log_outcome(heard: &Heard, event: &Event) {
    let outcome = match event {
        Event::Accept { .. } => "accepted",
        Event::Lose { .. } => "unknown",
        Event::Defer { .. } => "deferred",
        Event::Reject { reason, .. } => reason,
        _ => "other",
    };
    let reply = heard.what.as_ref().ok();
    let enhanced =
        reply.and_then(Reply::enhanced).map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"));
    let code = reply.map(|reply| reply.code);
    let error = heard.what.as_ref().err().map(ToString::to_string);
    tracing::info!(outcome, phase = %heard.phase, code, enhanced, error, "delivery ended");
    if let Event::Defer { retry, .. } = event {
        let in_seconds = retry.as_ref().map(|retry| retry.wait.num_seconds());
        tracing::info!(in_seconds, "retry planned");
    }
}

fn last_word(heard: &Heard) -> LastWord {
    LastWord { phase: heard.phase.to_string(), text: heard.said().chars().take(1_000).collect() }
}
