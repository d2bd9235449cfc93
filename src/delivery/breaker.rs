//! Decides when a run stops: the relay has failed or is throttling us, or the issue does harm.
//!
//! Nothing here is durable. A stopped run leaves its deliveries pending, and the next run continues. The pipeline
//! decides whether to back off before that run.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::verdict::{Verdict, is_invalid_mailbox};
use super::{Phase, SmtpOutcome};
use crate::ledger::health::{FeedbackCounts, Health};

/// After this many failed connections in a row, the relay counts as down.
const MOST_FAILURES: u32 = 5;
/// After this many messages lost in a row, the next one would probably be lost too.
const MOST_LOSSES: u32 = 5;
/// After this many rejections of the message itself in a row, the next one would be rejected too.
const MOST_REFUSALS: u32 = 5;
/// The relay must accept so many messages for each recipient that it rejects for a reason that may be ours.
const ACCEPTED_FOR_EACH: u64 = 4;
/// The bounce rate is computed over this many of the latest deliveries.
const WINDOW: usize = 200;

/// How often a waiting worker checks whether the run is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Why a run stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A signal asked for it.
    Requested,
    /// The relay is down, or rejects the sender. The next run tries again.
    Relay(String),
    /// The relay is throttling us. The next run waits before it tries again.
    Throttled(String),
    /// The relay rejects the message, or too many addresses are invalid or complain. The issue is paused until it is
    /// resumed by hand.
    Message(String),
}

#[derive(Default)]
struct Counts {
    stop: Option<StopReason>,
    /// The outcome that stopped the run.
    cause: Option<SmtpOutcome>,
    /// The latest rejection that was not about its recipient.
    refusal: Option<SmtpOutcome>,
    failures: u32,
    losses: u32,
    refusals: u32,
    sent: u64,
    /// Of this issue: messages that were accepted, and recipients that were rejected for a reason that may be ours.
    accepted: u64,
    rejected: u64,
    /// For each of the latest deliveries, whether its mailbox was invalid.
    invalid: VecDeque<bool>,
    /// The issue was resumed although many addresses are invalid.
    expects_invalid: bool,
}

impl Counts {
    /// Counts one more message that was accepted, deferred, or rejected, perhaps because its mailbox does not exist.
    fn count(&mut self, is_invalid: bool, reply: &str) {
        let window = &mut self.invalid;
        if window.len() == WINDOW {
            window.pop_front();
        }
        window.push_back(is_invalid);
        let hard = window.iter().filter(|invalid| **invalid).count() as u64;
        let feedback = FeedbackCounts { sent: window.len() as u64 - hard, hard, ..FeedbackCounts::default() };
        let Health::Critical(why) = feedback.health() else { return };
        if !self.expects_invalid || feedback.is_extreme() {
            self.stop.get_or_insert(StopReason::Message(format!("{why}, the last with: {reply}")));
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

    /// The outcome that stopped the run, if it was one.
    pub fn cause(&self) -> Option<SmtpOutcome> {
        self.with(|counts| counts.cause.clone())
    }

    /// The latest rejection that was about the sender or the message and not about its recipient.
    pub fn refusal(&self) -> Option<SmtpOutcome> {
        self.with(|counts| counts.refusal.clone())
    }

    /// A new issue begins. Rejections of another message do not count against it.
    pub fn begin_issue(&self) {
        self.with(|counts| {
            (counts.losses, counts.refusals) = (0, 0);
            (counts.accepted, counts.rejected) = (0, 0);
            (counts.invalid, counts.expects_invalid) = (VecDeque::new(), false);
        });
    }

    /// The issue was resumed by hand: from now on, invalid addresses stop it only if nearly all of them are invalid.
    pub fn expect_bounces(&self) {
        self.with(|counts| counts.expects_invalid = true);
    }

    /// Whether any message was accepted in this run.
    pub fn has_sent(&self) -> bool {
        self.with(|counts| counts.sent > 0)
    }

    /// How many messages were accepted in this run.
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

    /// A connection was opened. The count of lost messages stays: a relay that accepts connections and closes them at
    /// each final dot would otherwise make every delivery unknown.
    pub(super) fn connected(&self) {
        self.with(|counts| counts.failures = 0);
    }

    /// Records the outcome of one delivery, or of a connection attempt.
    pub(super) fn record(&self, outcome: &SmtpOutcome, verdict: Verdict) {
        let reply = outcome.reply_text();
        self.with(|counts| {
            let was_running = counts.stop.is_none();
            if verdict.counts_towards_pause() {
                counts.refusal = Some(outcome.clone());
            }
            match verdict {
                Verdict::Sent => {
                    (counts.losses, counts.refusals, counts.sent) = (0, 0, counts.sent + 1);
                    counts.accepted += 1;
                    counts.count(false, &reply);
                }
                Verdict::Failed { .. } if is_invalid_mailbox(outcome) => counts.count(true, &reply),
                _ if verdict.counts_towards_pause() => {
                    counts.refusals += 1;
                    counts.rejected += u64::from(outcome.phase == Phase::Rcpt);
                }
                Verdict::Unknown => counts.losses += 1,
                // Before MAIL, every failure is a failed connection, whatever the reply was.
                Verdict::Deferred { .. } if outcome.phase < Phase::Mail => counts.failures += 1,
                Verdict::Deferred { .. } if outcome.result.is_err() => counts.losses += 1,
                Verdict::Deferred { .. } | Verdict::Failed { .. } => counts.count(false, &reply),
                Verdict::Sender => {
                    let why = format!(
                        "the relay does not accept mail from this machine (at {}): {reply}",
                        outcome.phase
                    );
                    counts.stop.get_or_insert(StopReason::Relay(why));
                }
                Verdict::Throttled => {
                    let why = format!("the relay is throttling us (at {}): {reply}", outcome.phase);
                    counts.stop.get_or_insert(StopReason::Throttled(why));
                }
            }
            if counts.refusals >= MOST_REFUSALS {
                let why = format!("{MOST_REFUSALS} messages in a row were rejected, the last with: {reply}");
                counts.stop.get_or_insert(StopReason::Message(why));
            }
            let recipients = counts.accepted + counts.rejected;
            if counts.rejected >= u64::from(MOST_REFUSALS)
                && counts.accepted < counts.rejected * ACCEPTED_FOR_EACH
            {
                let why = format!(
                    "{} of {recipients} recipients were rejected, the last with: {reply}",
                    counts.rejected
                );
                counts.stop.get_or_insert(StopReason::Message(why));
            }
            if counts.failures >= MOST_FAILURES || counts.losses >= MOST_LOSSES {
                let why =
                    format!("{MOST_FAILURES} failures in a row, the last at {}: {reply}", outcome.phase);
                counts.stop.get_or_insert(StopReason::Relay(why));
            }
            if was_running && counts.stop.is_some() {
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

    fn record_replies(breaker: &Breaker, phase: Phase, code: u16, text: &str, times: usize) {
        let outcome = SmtpOutcome { phase, result: Ok(Reply { code, text: text.to_owned() }) };
        (0..times).for_each(|_| breaker.record(&outcome, classify(&outcome)));
    }

    fn sent(breaker: &Breaker, times: usize) {
        record_replies(breaker, Phase::Dot, 250, "2.0.0 ok", times);
    }

    fn invalid(breaker: &Breaker, times: usize) {
        record_replies(breaker, Phase::Rcpt, 550, "5.1.1 no such user", times);
    }

    #[test]
    fn f53_surely_more_than_a_twentieth_of_the_latest_two_hundred_messages_stops_the_issue() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        sent(&breaker, 1_000);
        invalid(&breaker, 19);
        assert_eq!(breaker.stop_reason(), None);
        sent(&breaker, 181);
        invalid(&breaker, 1);
        assert_eq!(breaker.stop_reason(), None, "the oldest left the window as this one entered");
        invalid(&breaker, 20);
        assert!(
            matches!(breaker.stop_reason(), Some(StopReason::Message(why)) if why.contains("does not exist"))
        );
    }

    #[test]
    fn deferred_messages_are_messages_too() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        for _ in 0..20 {
            record_replies(&breaker, Phase::Rcpt, 450, "4.2.0 greylisted", 32);
            invalid(&breaker, 1);
        }
        assert_eq!(breaker.stop_reason(), None);
    }

    /// After how many messages a list pauses, of which this share is dead; `None` if it does not.
    fn pause(list: usize, share: f64, seed: u64) -> Option<usize> {
        let breaker = Breaker::default();
        breaker.begin_issue();
        let mut state = seed;
        (1..=list).find(|_| {
            // SplitMix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            #[expect(clippy::cast_precision_loss, reason = "any number below one is as good")]
            let chance = (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64;
            breaker.with(|counts| counts.count(chance < share, "550 5.1.1 no such user"));
            breaker.stop_reason().is_some()
        })
    }

    #[test]
    fn a_clean_list_is_not_paused_by_chance_and_a_bought_one_is_within_two_hundred_messages() {
        const LISTS: u64 = 100;
        let paused = |list, share| {
            let pauses = (0..LISTS).filter_map(move |seed| pause(list, share, seed * 1_000_003));
            pauses.collect::<Vec<_>>()
        };
        for list in [100, 1_000, 10_000] {
            assert!(paused(list, 0.03).len() <= 1, "{list} subscribers");
        }
        for share in [0.2, 0.3] {
            let pauses = paused(1_000, share);
            assert_eq!(
                (pauses.len() as u64, pauses.iter().filter(|at| **at > 200).count()),
                (LISTS, 0),
                "{share}"
            );
        }
    }

    #[test]
    fn after_a_resume_only_a_relay_that_rejects_nearly_every_address_stops_the_issue() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        breaker.expect_bounces();
        for _ in 0..40 {
            sent(&breaker, 1);
            invalid(&breaker, 1);
        }
        assert_eq!(breaker.stop_reason(), None);
        breaker.begin_issue();
        breaker.expect_bounces();
        invalid(&breaker, 9);
        assert_eq!(breaker.stop_reason(), None);
        invalid(&breaker, 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Message(_))));
    }

    #[test]
    fn f41_a_relay_that_asks_for_patience_is_told_from_one_that_is_not_there() {
        let breaker = Breaker::default();
        record_replies(&breaker, Phase::Rcpt, 451, "4.7.650 slower", 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Throttled(_))));
        let breaker = Breaker::default();
        let gone = SmtpOutcome { phase: Phase::Connect, result: Err(super::super::TransportError::Closed) };
        (0..MOST_FAILURES).for_each(|_| breaker.record(&gone, classify(&gone)));
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Relay(_))));
    }

    #[test]
    fn a_relay_that_rejects_every_third_recipient_for_an_unknown_reason_stops_the_issue() {
        let breaker = Breaker::default();
        breaker.begin_issue();
        for _ in 0..4 {
            sent(&breaker, 2);
            record_replies(&breaker, Phase::Rcpt, 550, "5.7.1 rejected", 1);
        }
        assert_eq!(breaker.stop_reason(), None);
        record_replies(&breaker, Phase::Rcpt, 550, "5.7.1 rejected", 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Message(_))));
        let breaker = Breaker::default();
        breaker.begin_issue();
        for _ in 0..10 {
            sent(&breaker, 19);
            record_replies(&breaker, Phase::Rcpt, 550, "5.7.1 rejected", 1);
        }
        assert_eq!(breaker.stop_reason(), None);
    }

    #[test]
    fn f42_f51_five_refusals_of_the_letter_in_a_row_stop_it_and_four_do_not() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            record_replies(&breaker, Phase::Dot, 554, "5.7.1 spam", 4);
            sent(&breaker, 1);
        }
        assert_eq!(breaker.stop_reason(), None);
        record_replies(&breaker, Phase::Dot, 554, "5.7.1 spam", 4);
        invalid(&breaker, 1);
        record_replies(&breaker, Phase::Rcpt, 550, "5.7.26 unauthenticated", 1);
        assert!(matches!(breaker.stop_reason(), Some(StopReason::Message(_))));
    }
}
