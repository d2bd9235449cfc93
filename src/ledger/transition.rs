//! The transition table: the only place that changes the state of a delivery.
//!
//! Numbers T1 to T16 are the rows of the table in `docs/ledger.md`. The store calls [`apply`] inside one transaction
//! and writes what it returns; whatever it refuses is not written. No I/O, no clock: times come with the events.
//!
//! Two rules carry the promise. A *negative* result counts only for the attempt that holds the row, so that a worker
//! that was given up for dead cannot undo what came after it. *Positive* evidence always counts.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ACKNOWLEDGED, Delivery, IssueState, LastReply, RESTORED, Retry, State, Token};

/// What happened, or what somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// T1: take it in hand. Durable before MAIL FROM.
    Claim {
        /// A token that was never given out before.
        token: Token,
        /// How long the claim lasts.
        lease: TimeDelta,
    },
    /// T2 before the dot, T6 after a 4yz to it: definitely not accepted, to be tried again.
    Defer {
        /// The attempt that heard it.
        token: Token,
        /// When it is tried again; past the horizon it is given up (`expired`). `None`: it need not wait. That is not
        /// the same as "now": a clock that is ten years ahead would put the copy off for ten years.
        retry: Option<Retry>,
        /// What was heard; `None` when the run stopped for reasons of its own.
        last: Option<LastReply>,
    },
    /// T3 before the dot, T7 after a 5yz to it: definitely not accepted, not to be tried again.
    Reject {
        /// The attempt that heard it.
        token: Token,
        /// A short word: `rejected`, `no_mailbox`, `letter_refused`, `expired`, `render`.
        reason: &'static str,
        /// What was heard.
        last: Option<LastReply>,
    },
    /// T4: the body is written, the dot comes next. Durable before the dot.
    Arm {
        /// The attempt that is about to write the dot.
        token: Token,
        /// SHA-256 of the message.
        bytes: [u8; 32],
    },
    /// T5, T12: a 2yz to the dot of any attempt at this row, or evidence that it was accepted.
    Accept {
        /// The attempt that heard it; `None` for evidence that names no attempt.
        token: Option<Token>,
        /// What was heard, or what the evidence is.
        last: Option<LastReply>,
    },
    /// T8: the dot was written and no whole reply came.
    LoseReply {
        /// The attempt that wrote the dot.
        token: Token,
        /// What came instead.
        last: Option<LastReply>,
    },
    /// T9, T10: whoever held it is gone.
    Recover,
    /// T11: a recorded decision to send it again although it may have arrived.
    Resend,
    /// T16: a recorded decision to try again whom a server definitely refused.
    Retry,
    /// T13: the reader left, was suppressed, or the issue was cancelled.
    Skip {
        /// A short word: `unsubscribed`, `suppressed`, `cancelled`.
        reason: &'static str,
    },
    /// T14: the ledger was put back from a copy, and what became of this row since is lost.
    MarkRestored,
    /// T15: a recorded decision to leave the doubt as it is.
    Acknowledge,
}

/// What else is true in the transaction in which the event is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionContext {
    /// The time.
    pub now: DateTime<Utc>,
    /// Where the issue stands.
    pub issue: IssueState,
    /// Why the reader must not get it, if so: `unsubscribed` or `suppressed`.
    pub exclusion: Option<&'static str>,
    /// Every other owner is known to be dead: this process holds the lock.
    pub is_exclusive: bool,
}

/// Why an event does not apply. The row stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another attempt holds the row: whoever asked must stop, without sending anything further.
    #[error("the delivery belongs to another attempt")]
    WrongToken,
    /// The guard is not met: too early, paused, the lease is past.
    #[error("not possible at this time")]
    PreconditionFailed,
    /// The table has no such edge.
    #[error("the state of the delivery does not allow that")]
    NoSuchTransition,
    /// An earlier attempt armed other bytes: a resend must be the same message to the byte.
    #[error("the message differs from the one that was armed before")]
    MessageDiffers,
}

/// Judges `event` against `row`; returns the row as it must be written.
pub fn apply(row: &Delivery, event: &Event, around: &TransitionContext) -> Result<Delivery, Rejection> {
    use State::{Armed, Claimed, Failed, FailedUncertain, Pending, Sent, Skipped, Unknown};

    let mut next = row.clone();
    match (row.state, event) {
        // T1, T13
        (Pending, Event::Claim { token, lease }) => {
            claim(&mut next, around)?;
            if next.state == Claimed {
                next.token = Some(*token);
                next.lease_until = Some(around.now + *lease);
            }
        }
        // T2, T6
        (Claimed | Armed | Unknown, Event::Defer { token, retry, last }) => {
            check_token(row, *token)?;
            defer(&mut next, *retry, around.now);
            if last.is_none() {
                // Nothing was heard: the run gave the row back, and its schedule does not advance.
                next.attempts = row.attempts.saturating_sub(1);
            }
            record_reply(&mut next, last.as_ref());
        }
        // T3, T7
        (Claimed | Armed | Unknown, Event::Reject { token, reason, last }) => {
            check_token(row, *token)?;
            give_up(&mut next, reason);
            record_reply(&mut next, last.as_ref());
        }
        // T4, T13
        (Claimed, Event::Arm { token, bytes }) => {
            check_token(row, *token)?;
            arm(&mut next, bytes, around)?;
        }
        // T5, T12
        (Sent, Event::Accept { .. }) => {}
        (
            Pending | Claimed | Armed | Failed | Skipped | Unknown | FailedUncertain,
            Event::Accept { last, .. },
        ) => {
            next.state = Sent;
            next.reason = None;
            record_reply(&mut next, last.as_ref());
        }
        // T8
        (Armed, Event::LoseReply { token, last }) => {
            check_token(row, *token)?;
            next.state = Unknown;
            record_reply(&mut next, last.as_ref());
        }
        // T9, T10
        (Claimed | Armed, Event::Recover) => recover(&mut next, around)?,
        // T11
        (Unknown, Event::Resend) => resend(&mut next),
        // T16
        (Failed, Event::Retry) => retry(&mut next, around)?,
        // T13
        (Pending | Claimed, Event::Skip { reason }) => skip(&mut next, Some(reason)),
        // T14
        (Pending | Claimed | Armed | Unknown | Failed, Event::MarkRestored) => mark_restored(&mut next),
        // T15
        (Unknown | FailedUncertain, Event::Acknowledge) => next.reason = Some(ACKNOWLEDGED.to_owned()),
        // The holder is told apart from a stranger, so that a worker knows that its row was taken over.
        (
            _,
            Event::Arm { token, .. }
            | Event::Defer { token, .. }
            | Event::Reject { token, .. }
            | Event::LoseReply { token, .. },
        ) => {
            check_token(row, *token)?;
            return Err(Rejection::NoSuchTransition);
        }
        _ => return Err(Rejection::NoSuchTransition),
    }
    // T13: in an issue that was given up a copy would wait for ever.
    if next.state == Pending && around.issue == IssueState::Cancelled {
        skip(&mut next, Some("cancelled"));
    }
    if next.state != Claimed && next.state != Armed {
        next.lease_until = None;
    }
    Ok(next)
}

/// Never straight back to the queue for a copy that may be on its way.
fn recover(row: &mut Delivery, around: &TransitionContext) -> Result<(), Rejection> {
    if !around.is_exclusive && row.lease_until.is_some_and(|until| until > around.now) {
        return Err(Rejection::PreconditionFailed);
    }
    row.state = if row.state == State::Claimed { State::Pending } else { State::Unknown };
    Ok(())
}

/// A row whose earlier attempt may have arrived is `failed_uncertain`, and stays.
fn retry(row: &mut Delivery, around: &TransitionContext) -> Result<(), Rejection> {
    if row.had_unknown {
        return Err(Rejection::NoSuchTransition);
    }
    *row = Delivery { state: State::Pending, next_at: around.now, attempts: 0, reason: None, ..row.clone() };
    Ok(())
}

/// A reader who left while the copy waited is skipped instead.
fn claim(row: &mut Delivery, around: &TransitionContext) -> Result<(), Rejection> {
    if around.exclusion.is_some() {
        skip(row, around.exclusion);
        return Ok(());
    }
    if around.issue != IssueState::Sending || row.next_at > around.now {
        return Err(Rejection::PreconditionFailed);
    }
    let dated = row.date_for(around.now);
    if row.dated != Some(dated) {
        row.bytes = None;
    }
    row.dated = Some(dated);
    row.state = State::Claimed;
    row.attempts += 1;
    Ok(())
}

/// A reader who left since the claim is skipped instead: the last moment at which that can count.
fn arm(row: &mut Delivery, bytes: &[u8; 32], around: &TransitionContext) -> Result<(), Rejection> {
    if around.exclusion.is_some() {
        skip(row, around.exclusion);
        return Ok(());
    }
    if around.issue != IssueState::Sending || row.lease_until.is_none_or(|until| until <= around.now) {
        return Err(Rejection::PreconditionFailed);
    }
    // After a definite refusal nobody has the earlier message, and a new one does no harm.
    if row.had_unknown && row.bytes.is_some_and(|armed| armed != *bytes) {
        return Err(Rejection::MessageDiffers);
    }
    row.state = State::Armed;
    row.bytes = Some(*bytes);
    Ok(())
}

/// A doubt that comes after this one is a new one, so its reason goes. Its time had come when it was claimed, and that
/// is still so if the clock has jumped since.
fn resend(row: &mut Delivery) {
    row.state = State::Pending;
    row.had_unknown = true;
    row.resends += 1;
    row.reason = None;
}

/// A refusal heard by an attempt of before says nothing of the attempts that were forgotten, so no token holds the row.
fn mark_restored(row: &mut Delivery) {
    row.token = None;
    if row.state == State::Failed {
        // It may have been tried again since (T16), and have arrived. That is rare: nobody is asked about each of them.
        row.state = State::FailedUncertain;
        row.reason = Some(ACKNOWLEDGED.to_owned());
        return;
    }
    row.state = State::Unknown;
    row.reason.get_or_insert_with(|| RESTORED.to_owned());
}

fn check_token(row: &Delivery, token: Token) -> Result<(), Rejection> {
    if row.token == Some(token) { Ok(()) } else { Err(Rejection::WrongToken) }
}

/// Back into the queue, unless the horizon lies before the next attempt.
fn defer(row: &mut Delivery, retry: Option<Retry>, now: DateTime<Utc>) {
    match retry.map_or(Some(row.next_at), |retry| retry.at(now)) {
        Some(next_at) => (row.state, row.next_at) = (State::Pending, next_at),
        None => give_up(row, "expired"),
    }
}

/// A reader who may already have a copy has not "failed": the doubt stays on record.
fn give_up(row: &mut Delivery, reason: &str) {
    row.state = if row.had_unknown { State::FailedUncertain } else { State::Failed };
    row.reason = Some(reason.to_owned());
}

/// A reader who may already have a copy is not "skipped": the doubt stays on record.
fn skip(row: &mut Delivery, reason: Option<&'static str>) {
    row.state = if row.had_unknown { State::FailedUncertain } else { State::Skipped };
    row.reason = reason.map(str::to_owned);
}

fn record_reply(row: &mut Delivery, last: Option<&LastReply>) {
    if let Some(last) = last {
        row.last = Some(last.clone());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(state: State) -> Delivery {
        let lease = Some(DateTime::UNIX_EPOCH + TimeDelta::minutes(30));
        Delivery { state, token: Some(token(1)), lease_until: lease, ..Delivery::new(DateTime::UNIX_EPOCH) }
    }

    fn token(number: u8) -> Token {
        Token([number; 16])
    }

    fn around() -> TransitionContext {
        TransitionContext {
            now: DateTime::UNIX_EPOCH,
            issue: IssueState::Sending,
            exclusion: None,
            is_exclusive: false,
        }
    }

    fn arm(number: u8) -> Event {
        Event::Arm { token: token(number), bytes: [7; 32] }
    }

    fn claim(number: u8) -> Event {
        Event::Claim { token: token(number), lease: TimeDelta::minutes(30) }
    }

    fn said(text: &str) -> LastReply {
        LastReply { phase: "RCPT TO".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_claim_gives_the_row_a_holder_a_lease_a_date_and_one_attempt_more() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let waiting = Delivery { attempts: 2, ..Delivery::new(DateTime::UNIX_EPOCH) };
        let claimed = apply(&waiting, &claim(1), &TransitionContext { now, ..around() }).unwrap();
        assert_eq!((claimed.state, claimed.token, claimed.attempts), (State::Claimed, Some(token(1)), 3));
        assert_eq!((claimed.lease_until, claimed.dated), (Some(now + TimeDelta::minutes(30)), Some(now)));
    }

    #[test]
    fn nothing_is_claimed_before_its_time_or_while_the_issue_is_paused() {
        let now = DateTime::UNIX_EPOCH;
        let later = Delivery::new(now + TimeDelta::microseconds(1));
        assert_eq!(apply(&later, &claim(1), &around()), Err(Rejection::PreconditionFailed));
        let paused = TransitionContext { issue: IssueState::Paused, ..around() };
        assert_eq!(apply(&Delivery::new(now), &claim(1), &paused), Err(Rejection::PreconditionFailed));
        assert!(apply(&Delivery::new(now), &claim(1), &around()).is_ok(), "at its time it is");
    }

    #[test]
    fn a_reader_who_leaves_while_the_copy_waits_is_skipped_and_nobody_holds_it() {
        let left = TransitionContext { exclusion: Some("suppressed"), ..around() };
        let row = apply(&Delivery::new(DateTime::UNIX_EPOCH), &claim(1), &left).unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("suppressed")));
        assert_eq!((row.token, row.lease_until, row.attempts), (None, None, 0));
    }

    #[test]
    fn what_is_waiting_or_in_hand_can_be_skipped_and_nothing_else() {
        for state in State::ALL {
            let skipped = apply(&row(state), &Event::Skip { reason: "cancelled" }, &around());
            if matches!(state, State::Pending | State::Claimed) {
                let skipped = skipped.unwrap();
                assert_eq!((skipped.state, skipped.reason.as_deref()), (State::Skipped, Some("cancelled")));
            } else {
                assert_eq!(skipped, Err(Rejection::NoSuchTransition), "{state}");
            }
        }
    }

    #[test]
    fn an_attempt_that_heard_something_counts_and_one_that_was_given_back_does_not() {
        let second = Delivery { attempts: 2, ..row(State::Claimed) };
        let defer = |last| Event::Defer { token: token(1), retry: None, last };
        let attempts = |event| apply(&second, &event, &around()).unwrap().attempts;
        assert_eq!((attempts(defer(Some(said("450 later")))), attempts(defer(None))), (2, 1));
    }

    #[test]
    fn what_was_heard_last_stays_until_something_else_is_heard() {
        let refused = Event::Reject { token: token(1), reason: "rejected", last: Some(said("550 no")) };
        let row = apply(&row(State::Claimed), &refused, &around()).unwrap();
        assert_eq!(row.last, Some(said("550 no")));
        let evidence = Event::Accept { token: None, last: None };
        assert_eq!(apply(&row, &evidence, &around()).unwrap().last, Some(said("550 no")));
    }

    #[test]
    fn a_dot_without_an_answer_is_a_doubt_that_says_what_came_instead() {
        let lose = Event::LoseReply { token: token(1), last: Some(said("the connection was closed")) };
        let lost = apply(&row(State::Armed), &lose, &around()).unwrap();
        assert_eq!((lost.state, lost.last), (State::Unknown, Some(said("the connection was closed"))));
        assert_eq!(apply(&row(State::Claimed), &lose, &around()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn only_a_copy_in_hand_has_a_lease() {
        let lease = row(State::Claimed).lease_until;
        assert_eq!(apply(&row(State::Claimed), &arm(1), &around()).unwrap().lease_until, lease);
        let lose = Event::LoseReply { token: token(1), last: None };
        for (state, event) in [(State::Armed, lose), (State::Claimed, Event::Skip { reason: "cancelled" })] {
            assert_eq!(apply(&row(state), &event, &around()).unwrap().lease_until, None, "{state}");
        }
    }

    #[test]
    fn a_lease_ends_at_its_time_for_the_holder_and_for_whoever_recovers_the_row() {
        let at_its_end = TransitionContext { now: DateTime::UNIX_EPOCH + TimeDelta::minutes(30), ..around() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &at_its_end), Err(Rejection::PreconditionFailed));
        let recovered = apply(&row(State::Claimed), &Event::Recover, &at_its_end).unwrap();
        assert_eq!(recovered.state, State::Pending);
    }

    #[test]
    fn a_second_chance_begins_at_once_and_from_the_first_attempt() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let failed = Delivery { attempts: 5, reason: Some("no_mailbox".to_owned()), ..row(State::Failed) };
        let again = apply(&failed, &Event::Retry, &TransitionContext { now, ..around() }).unwrap();
        assert_eq!(
            (again.state, again.next_at, again.attempts, again.reason),
            (State::Pending, now, 0, None)
        );
    }

    #[test]
    fn a_new_date_forgets_the_old_bytes_and_the_same_date_keeps_them() {
        let start = DateTime::UNIX_EPOCH;
        let armed_before = Delivery { dated: Some(start), bytes: Some([8; 32]), ..Delivery::new(start) };
        for (hours, bytes) in [(2, Some([8; 32])), (4, None)] {
            let now = start + TimeDelta::hours(hours);
            let claimed = apply(&armed_before, &claim(1), &TransitionContext { now, ..around() }).unwrap();
            assert_eq!(claimed.bytes, bytes, "after {hours} hours");
        }
    }

    #[test]
    fn each_decision_to_send_again_is_counted() {
        let resent =
            apply(&Delivery { resends: 1, ..row(State::Unknown) }, &Event::Resend, &around()).unwrap();
        assert_eq!((resent.state, resent.resends, resent.had_unknown), (State::Pending, 2, true));
    }

    #[test]
    fn a_reader_who_leaves_between_claim_and_arm_is_skipped_and_not_armed() {
        let left = TransitionContext { exclusion: Some("unsubscribed"), ..around() };
        let row = apply(&row(State::Claimed), &arm(1), &left).unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("unsubscribed")));
    }

    #[test]
    fn a_worker_whose_row_was_taken_over_is_told_so() {
        let taken = row(State::Claimed);
        assert_eq!(apply(&taken, &arm(2), &around()), Err(Rejection::WrongToken));
        let lose = Event::LoseReply { token: token(2), last: None };
        assert_eq!(apply(&row(State::Armed), &lose, &around()), Err(Rejection::WrongToken));
    }

    #[test]
    fn nothing_is_armed_after_its_lease_or_while_the_issue_is_paused() {
        let late = TransitionContext { now: DateTime::UNIX_EPOCH + TimeDelta::hours(1), ..around() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &late), Err(Rejection::PreconditionFailed));
        let paused = TransitionContext { issue: IssueState::Paused, ..around() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &paused), Err(Rejection::PreconditionFailed));
    }

    #[test]
    fn a_resend_must_be_the_same_message_to_the_byte() {
        let resent = Delivery { bytes: Some([8; 32]), had_unknown: true, ..row(State::Claimed) };
        assert_eq!(apply(&resent, &arm(1), &around()), Err(Rejection::MessageDiffers));
        let same = Delivery { bytes: Some([7; 32]), ..resent.clone() };
        assert_eq!(apply(&same, &arm(1), &around()).unwrap().state, State::Armed);
        let refused = Delivery { had_unknown: false, ..resent };
        assert_eq!(
            apply(&refused, &arm(1), &around()).unwrap().bytes,
            Some([7; 32]),
            "nobody has the earlier one"
        );
    }

    #[test]
    fn a_refusal_after_a_resend_stays_in_doubt() {
        let resent = Delivery { had_unknown: true, ..row(State::Claimed) };
        let reject = Event::Reject { token: token(1), reason: "rejected", last: None };
        assert_eq!(apply(&resent, &reject, &around()).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn only_a_definite_refusal_can_be_tried_again() {
        for state in State::ALL {
            let retried = apply(&row(state), &Event::Retry, &around());
            assert_eq!(
                retried.is_ok_and(|row| row.state == State::Pending),
                state == State::Failed,
                "{state}"
            );
        }
        let doubtful = Delivery { had_unknown: true, ..row(State::Failed) };
        assert_eq!(apply(&doubtful, &Event::Retry, &around()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn a_reply_that_says_yes_counts_whoever_holds_the_row_now() {
        for state in State::ALL {
            assert_eq!(
                apply(&row(state), &Event::Accept { token: None, last: None }, &around()).unwrap().state,
                State::Sent
            );
        }
    }

    #[test]
    fn recovery_never_puts_an_armed_copy_back_into_the_queue() {
        let alone = TransitionContext { is_exclusive: true, ..around() };
        assert_eq!(apply(&row(State::Armed), &Event::Recover, &alone).unwrap().state, State::Unknown);
        assert_eq!(apply(&row(State::Claimed), &Event::Recover, &alone).unwrap().state, State::Pending);
        assert_eq!(apply(&row(State::Armed), &Event::Recover, &around()), Err(Rejection::PreconditionFailed));
    }

    #[test]
    fn a_copy_that_is_refused_for_now_after_its_issue_was_cancelled_does_not_wait_for_ever() {
        let cancelled = TransitionContext { issue: IssueState::Cancelled, ..around() };
        let later = Event::Defer { token: token(1), retry: None, last: None };
        for state in [State::Claimed, State::Armed, State::Unknown] {
            let row = apply(&row(state), &later, &cancelled).unwrap();
            assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("cancelled")));
        }
        let resent = Delivery { had_unknown: true, ..row(State::Armed) };
        assert_eq!(apply(&resent, &later, &cancelled).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn the_horizon_is_judged_by_the_store_s_clock_and_a_doubt_outlives_it() {
        let retry = |hours| {
            let wait = chrono::TimeDelta::hours(hours);
            let give_up_at = DateTime::UNIX_EPOCH + TimeDelta::hours(48);
            Event::Defer { token: token(1), retry: Some(Retry { wait, give_up_at }), last: None }
        };
        let later = apply(&row(State::Armed), &retry(48), &around()).unwrap();
        assert_eq!((later.state, later.next_at.timestamp()), (State::Pending, 48 * 3_600));
        let expired = apply(&row(State::Armed), &retry(49), &around()).unwrap();
        assert_eq!((expired.state, expired.reason.as_deref()), (State::Failed, Some("expired")));
        let resent = Delivery { had_unknown: true, ..row(State::Claimed) };
        assert_eq!(apply(&resent, &retry(49), &around()).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn a_copy_that_is_given_back_or_sent_again_keeps_its_time_whatever_the_clock_says() {
        let ahead = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(3_650);
        let astray = TransitionContext { now: ahead, ..around() };
        let back = Event::Defer { token: token(1), retry: None, last: None };
        for (state, event) in [(State::Claimed, back), (State::Unknown, Event::Resend)] {
            let row = apply(&row(state), &event, &astray).unwrap();
            assert_eq!((row.state, row.next_at), (State::Pending, DateTime::UNIX_EPOCH));
        }
    }

    #[test]
    fn after_a_restore_whatever_is_not_final_is_in_doubt_and_only_a_yes_still_counts() {
        for state in [State::Pending, State::Claimed, State::Armed, State::Unknown] {
            let adopted = apply(&row(state), &Event::MarkRestored, &around()).unwrap();
            assert_eq!((adopted.state, adopted.reason.as_deref()), (State::Unknown, Some(RESTORED)));
            let defer = Event::Defer { token: token(1), retry: None, last: None };
            for event in [arm(1), defer] {
                assert_eq!(apply(&adopted, &event, &around()), Err(Rejection::WrongToken));
            }
            let yes = Event::Accept { token: Some(token(1)), last: None };
            assert_eq!(apply(&adopted, &yes, &around()).unwrap().state, State::Sent);
        }
        for state in [State::Sent, State::Skipped, State::FailedUncertain] {
            assert_eq!(apply(&row(state), &Event::MarkRestored, &around()), Err(Rejection::NoSuchTransition));
        }
    }

    #[test]
    fn after_a_restore_a_refusal_is_not_certain_any_more_and_cannot_be_tried_again() {
        let adopted = apply(&row(State::Failed), &Event::MarkRestored, &around()).unwrap();
        assert!(adopted.state == State::FailedUncertain && !adopted.needs_decision(), "{adopted:?}");
        assert_eq!(apply(&adopted, &Event::Retry, &around()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn a_doubt_that_is_left_stays_a_doubt_is_reported_no_more_and_can_still_be_settled() {
        let left = apply(&row(State::Unknown), &Event::Acknowledge, &around()).unwrap();
        assert!(left.state == State::Unknown && !left.needs_decision());
        let resent = apply(&left, &Event::Resend, &around()).unwrap();
        let again = Delivery { state: State::Unknown, ..resent };
        assert!(again.needs_decision(), "a new doubt is reported anew");
        assert_eq!(
            apply(&row(State::Sent), &Event::Acknowledge, &around()),
            Err(Rejection::NoSuchTransition)
        );
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let holder = (1u8..3).prop_map(token);
        prop_oneof![
            holder.clone().prop_map(|token| Event::Claim { token, lease: TimeDelta::minutes(30) }),
            holder.clone().prop_map(|token| Event::Defer { token, retry: None, last: None }),
            holder.clone().prop_map(|token| Event::Reject { token, reason: "rejected", last: None }),
            holder.clone().prop_map(|token| Event::Arm { token, bytes: [7; 32] }),
            holder.prop_map(|token| Event::LoseReply { token, last: None }),
            Just(Event::Accept { token: None, last: None }),
            Just(Event::Recover),
            Just(Event::Resend),
            Just(Event::Retry),
            Just(Event::Skip { reason: "suppressed" }),
            Just(Event::MarkRestored),
            Just(Event::Acknowledge),
        ]
    }

    proptest! {
        #[test]
        fn only_the_arm_arms_only_yes_sends_and_nothing_leaves_sent(
            state in prop::sample::select(State::ALL.to_vec()),
            event in any_event(),
            had_unknown in any::<bool>(),
            is_exclusive in any::<bool>(),
        ) {
            let before = Delivery { had_unknown, ..row(state) };
            let Ok(after) = apply(&before, &event, &TransitionContext { is_exclusive, ..around() }) else { return Ok(()) };
            let (arms, accepts) = (matches!(event, Event::Arm { .. }), matches!(event, Event::Accept { .. }));
            prop_assert!(arms || after.state != State::Armed);
            prop_assert!(accepts || before.state == State::Sent || after.state != State::Sent);
            prop_assert!(before.state != State::Sent || after.state == State::Sent);
            let doubt = before.state.is_unknown() || before.state == State::Armed;
            let definite = accepts || matches!(event, Event::Defer { .. } | Event::Reject { .. });
            prop_assert!(!doubt || definite || after.state.is_unknown() || after.had_unknown);
            prop_assert!(after.had_unknown || !before.had_unknown);
        }
    }
}
