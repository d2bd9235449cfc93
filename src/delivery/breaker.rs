//! When to stop a run: the relay is the problem and not the reader, or it asks for patience.
//!
//! Nothing here is durable. A stopped run leaves its readers waiting, and the next run goes on; whether it should wait
//! before it does is the pipeline's to remember.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::verdict::{Verdict, is_invalid_mailbox};
use super::{Phase, SmtpOutcome};
use crate::ledger::health::{FeedbackCounts, Health};

/// So many connections that came to nothing in a row mean that the relay is not there.
const MOST_FAILURES: u32 = 5;
/// So many copies lost on the way without one that arrived mean that the next one would be lost too.
const MOST_LOSSES: u32 = 5;
/// So many refusals of the letter itself in a row mean that the next reader's copy would be refused too.
const MOST_REFUSALS: u32 = 5;
/// Of so many copies it is counted how many went to readers who do not exist.
const WINDOW: usize = 200;

/// How often somebody who rests looks whether the run is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Why a run stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked: a signal.
    Requested,
    /// The relay is not there, or refuses the sender. The next run tries again.
    Relay(String),
    /// The relay asks for patience. Who runs next waits a while before it tries again.
    Throttled(String),
    /// The relay refuses the letter, or too many readers do not exist or complain. The issue is paused until somebody looks at it.
    Message(String),
}

#[derive(Default)]
struct Counts {
    stop: Option<StopReason>,
    /// What was heard when the run was stopped.
    cause: Option<SmtpOutcome>,
    /// The latest refusal that was not about its subscriber.
    refusal: Option<SmtpOutcome>,
    failures: u32,
    losses: u32,
    refusals: u32,
    sent: u64,
    /// Of the latest copies, whether each went to nobody.
    invalid: VecDeque<bool>,
    /// Somebody has found that many readers do not exist, and goes on.
    expects_invalid: bool,
}

impl Counts {
    /// One more copy that was taken, or refused because its reader does not exist.
    fn count(&mut self, is_dead: bool, said: &str) {
        let window = &mut self.invalid;
        if window.len() == WINDOW {
            window.pop_front();
        }
        window.push_back(is_dead);
        let hard = window.iter().filter(|dead| **dead).count() as u64;
        let feedback = FeedbackCounts { sent: window.len() as u64 - hard, hard, complaints: 0 };
        let Health::Critical(why) = feedback.health() else { return };
        if !self.expects_invalid || feedback.is_extreme() {
            self.stop.get_or_insert(StopReason::Message(format!("{why}, the last with: {said}")));
        }
    }
}

/// The breaker of one run, shared by its workers.
#[derive(Default)]
pub struct Breaker(Mutex<Counts>);

impl Breaker {
    /// Stops the run; the first reason stays.
    pub fn stop(&self, why: StopReason) {
        tracing::info!(reason = ?why, "asked to stop");
        self.with(|counts| {
            counts.stop.get_or_insert(why);
        });
    }

    /// Why the run is to stop, if it is.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.with(|counts| counts.stop.clone())
    }

    /// What was heard that stopped the run, if that was it.
    pub fn cause(&self) -> Option<SmtpOutcome> {
        self.with(|counts| counts.cause.clone())
    }

    /// The latest refusal that was about the sender or the letter and not about its subscriber.
    pub fn refusal(&self) -> Option<SmtpOutcome> {
        self.with(|counts| counts.refusal.clone())
    }

    /// A new issue begins: what the relay thought of another letter says nothing about this one.
    pub fn begin_issue(&self) {
        self.with(|counts| {
            (counts.losses, counts.refusals) = (0, 0);
            (counts.invalid, counts.expects_invalid) = (VecDeque::new(), false);
        });
    }

    /// Somebody has looked, and goes on: readers who do not exist stop the run only if they are nearly everybody.
    pub fn expect_bounces(&self) {
        self.with(|counts| counts.expects_invalid = true);
    }

    /// Whether any copy was taken in this run.
    pub fn has_sent(&self) -> bool {
        self.with(|counts| counts.sent > 0)
    }

    /// How many copies were taken in this run.
    pub fn sent(&self) -> u64 {
        self.with(|counts| counts.sent)
    }

    /// Waits, but not longer than the run lasts.
    pub(super) async fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while self.stop_reason().is_none() && Instant::now() < until {
            tokio::time::sleep_until(until.min(Instant::now() + GLANCE)).await;
        }
    }

    /// A channel was opened. Copies that were lost stay counted: a relay that takes calls and hangs up at each dot would
    /// otherwise put every reader in doubt.
    pub(super) fn connected(&self) {
        self.with(|counts| counts.failures = 0);
    }

    /// Takes note of what was heard about one copy, or while connecting.
    pub(super) fn record(&self, outcome: &SmtpOutcome, verdict: Verdict) {
        let said = outcome.reply_text();
        self.with(|counts| {
            let goes_on = counts.stop.is_none();
            if verdict.counts_towards_pause() {
                counts.refusal = Some(outcome.clone());
            }
            match verdict {
                Verdict::Sent => {
                    (counts.losses, counts.refusals, counts.sent) = (0, 0, counts.sent + 1);
                    counts.count(false, &said);
                }
                Verdict::Failed { .. } if is_invalid_mailbox(outcome) => counts.count(true, &said),
                _ if verdict.counts_towards_pause() => counts.refusals += 1,
                Verdict::Unknown => counts.losses += 1,
                // Before MAIL no copy is at stake: whatever was said, there is no channel.
                Verdict::Deferred { .. } if outcome.phase < Phase::Mail => counts.failures += 1,
                Verdict::Deferred { .. } if outcome.result.is_err() => counts.losses += 1,
                Verdict::Deferred { .. } | Verdict::Failed { .. } => {}
                Verdict::Sender => {
                    let why = format!(
                        "the relay does not accept mail from this machine (at {}): {said}",
                        outcome.phase
                    );
                    counts.stop.get_or_insert(StopReason::Relay(why));
                }
                Verdict::Throttled => {
                    let why = format!("the relay is throttling us (at {}): {said}", outcome.phase);
                    counts.stop.get_or_insert(StopReason::Throttled(why));
                }
            }
            if counts.refusals >= MOST_REFUSALS {
                let why = format!("{MOST_REFUSALS} messages in a row were rejected, the last with: {said}");
                counts.stop.get_or_insert(StopReason::Message(why));
            }
            if counts.failures >= MOST_FAILURES || counts.losses >= MOST_LOSSES {
                let why = format!("{MOST_FAILURES} failures in a row, the last at {}: {said}", outcome.phase);
                counts.stop.get_or_insert(StopReason::Relay(why));
            }
            if goes_on && counts.stop.is_some() {
                tracing::warn!(reason = ?counts.stop, "breaker stopped the run");
                counts.cause = Some(outcome.clone());
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reply;
    use super::super::verdict::classify;
    use super::*;

    fn hear(breaker: &Breaker, phase: Phase, code: u16, text: &str, times: usize) {
        let outcome = SmtpOutcome { phase, result: Ok(Reply { code, text: text.to_owned() }) };
        (0..times).for_each(|_| breaker.record(&outcome, classify(&outcome)));
    }

    fn sent(breaker: &Breaker, times: usize) {
        hear(breaker, Phase::Dot, 250, "2.0.0 ok", times);
    }

    fn dead(breaker: &Breaker, times: usize) {
        hear(breaker, Phase::Rcpt, 550, "5.1.1 no such user", times);
    }

    #[test]
    fn f53_more_than_a_twentieth_of_the_latest_two_hundred_copies_stops_the_issue() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        sent(&breaker, 1_000);
        dead(&breaker, 10);
        assert_eq!(breaker.stop_reason(), None);
        sent(&breaker, 190);
        dead(&breaker, 1);
        assert_eq!(breaker.stop_reason(), None, "one went out of sight as another came in");
        dead(&breaker, 10);
        assert!(
            matches!(breaker.stop_reason(), Some(StopReason::Message(why)) if why.contains("do not exist"))
        );
    }

    #[test]
    fn once_somebody_has_looked_only_a_relay_that_knows_nobody_stops_the_issue() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        breaker.expect_bounces();
        for _ in 0..40 {
            sent(&breaker, 1);
            dead(&breaker, 1);
        }
        assert_eq!(breaker.stop_reason(), None);
        breaker.begin_issue();
        breaker.expect_bounces();
        dead(&breaker, 9);
        assert_eq!(breaker.stop_reason(), None);
        dead(&breaker, 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Message(_))));
    }

    #[test]
    fn f41_a_relay_that_asks_for_patience_is_told_from_one_that_is_not_there() {
        let breaker = Breaker::default();
        hear(&breaker, Phase::Rcpt, 451, "4.7.650 slower", 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Throttled(_))));
        let breaker = Breaker::default();
        let gone = SmtpOutcome { phase: Phase::Connect, result: Err(super::super::TransportError::Closed) };
        (0..MOST_FAILURES).for_each(|_| breaker.record(&gone, classify(&gone)));
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Relay(_))));
    }

    #[test]
    fn f42_f51_five_refusals_of_the_letter_in_a_row_stop_it_and_four_do_not() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            hear(&breaker, Phase::Dot, 554, "5.7.1 spam", 4);
            sent(&breaker, 1);
        }
        assert_eq!(breaker.stop_reason(), None);
        hear(&breaker, Phase::Dot, 554, "5.7.1 spam", 4);
        dead(&breaker, 1);
        hear(&breaker, Phase::Rcpt, 550, "5.7.26 unauthenticated", 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Message(_))));
    }
}
