//! The transition table: the only code that changes the state of a delivery.
//!
//! Numbers T1 to T16 are the rows of the table in `docs/ledger.md`. The store calls [`apply`] inside one transaction
//! and writes what it returns; a rejected event writes nothing. No I/O, no clock: times come with the events.
//!
//! Two rules carry the guarantee. A *negative* result counts only for the attempt that holds the row, so that a worker
//! that was presumed dead cannot undo what came after it. *Positive* evidence always counts.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ACKNOWLEDGED, Delivery, IssueState, LastReply, RESTORED, Retry, State, Token};

/// Something that happened, or a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// T1: a worker claims it. Durable before MAIL FROM.
    Claim {
        /// A token that was never used before.
        token: Token,
        /// How long the claim lasts.
        lease: TimeDelta,
    },
    /// T2 before the dot, T6 after a 4yz to it: definitely not accepted, to be tried again.
    Defer {
        /// The attempt that read the reply.
        token: Token,
        /// When it is retried; after the horizon it fails (`expired`). `None`: at once. That is not the same as
        /// "now": a clock that is ten years ahead would delay the delivery for ten years.
        retry: Option<Retry>,
        /// The reply or the error; `None` if the run stopped for a reason on our side.
        last: Option<LastReply>,
    },
    /// T3 before the dot, T7 after a 5yz to it: definitely not accepted, not to be retried.
    Reject {
        /// The attempt that read the reply.
        token: Token,
        /// A short code: `rejected`, `no_mailbox`, `letter_refused`, `expired`, `render`.
        reason: &'static str,
        /// The reply or the error.
        last: Option<LastReply>,
    },
    /// T4: the body is written, the final dot is next. Durable before the dot.
    Arm {
        /// The attempt that is about to write the dot.
        token: Token,
        /// SHA-256 of the message.
        bytes: [u8; 32],
    },
    /// T5, T12: a 2yz to the dot of any attempt at this row, or evidence that it was accepted.
    Accept {
        /// The attempt that read the reply; `None` for evidence that names no attempt.
        token: Option<Token>,
        /// The reply, or the evidence.
        last: Option<LastReply>,
    },
    /// T8: the final dot was written and no complete reply came.
    LoseReply {
        /// The attempt that wrote the dot.
        token: Token,
        /// The error.
        last: Option<LastReply>,
    },
    /// T9, T10: its holder is gone.
    Recover,
    /// T11: a recorded decision to send it again although it may have arrived.
    Resend,
    /// T16: a recorded decision to retry after a definite rejection.
    Retry,
    /// T13: the subscriber unsubscribed or was suppressed, or the issue was cancelled.
    Skip {
        /// A short code: `unsubscribed`, `suppressed`, `cancelled`.
        reason: &'static str,
    },
    /// T14: the ledger was restored from a backup, and later events of this row are lost.
    MarkRestored,
    /// T15: a recorded decision to leave it unknown.
    Acknowledge,
}

/// Further facts at the time of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionContext {
    /// The time.
    pub now: DateTime<Utc>,
    /// The state of the issue.
    pub issue: IssueState,
    /// Why the subscriber must not get it, if so: `unsubscribed` or `suppressed`.
    pub exclusion: Option<&'static str>,
    /// Whether every other owner is known to be dead, because this process holds the lock.
    pub is_exclusive: bool,
}

/// Why an event does not apply. The row stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another attempt holds the row: the caller must stop without sending anything further.
    #[error("the delivery belongs to another attempt")]
    WrongToken,
    /// A condition is not met: too early, paused, or the lease has expired.
    #[error("not possible at this time")]
    PreconditionFailed,
    /// The table has no such edge.
    #[error("the state of the delivery does not allow that")]
    NoSuchTransition,
    /// An earlier attempt armed other bytes: a resend must be identical.
    #[error("the message differs from the one that was armed before")]
    MessageDiffers,
}

/// Applies `event` to `row`; returns the row to write.
pub fn apply(row: &Delivery, event: &Event, context: &TransitionContext) -> Result<Delivery, Rejection> {
    use State::{Armed, Claimed, Failed, FailedUncertain, Pending, Sent, Skipped, Unknown};

    let mut next = row.clone();
    match (row.state, event) {
        // T1, T13
        (Pending, Event::Claim { token, lease }) => {
            claim(&mut next, context)?;
            if next.state == Claimed {
                next.token = Some(*token);
                next.lease_until = Some(context.now + *lease);
            }
        }
        // T2, T6
        (Claimed | Armed | Unknown, Event::Defer { token, retry, last }) => {
            check_token(row, *token)?;
            defer(&mut next, *retry, context.now);
            if last.is_none() {
                // There was no reply: the run released the row, and its schedule does not advance.
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
            arm(&mut next, bytes, context)?;
        }
        // T5, T12
        (Sent, Event::Accept { .. }) => {}
        (
            Pending | Claimed | Armed | Failed | Skipped | Unknown | FailedUncertain,
            Event::Accept { last, .. },
        ) => {
            accept(&mut next);
            record_reply(&mut next, last.as_ref());
        }
        // T8
        (Armed, Event::LoseReply { token, last }) => {
            check_token(row, *token)?;
            next.state = Unknown;
            record_reply(&mut next, last.as_ref());
        }
        // T9, T10
        (Claimed | Armed, Event::Recover) => recover(&mut next, context)?,
        // T11
        (Unknown, Event::Resend) => resend(&mut next),
        // T16
        (Failed, Event::Retry) => retry(&mut next, context)?,
        // T13
        (Pending | Claimed, Event::Skip { reason }) => skip(&mut next, Some(reason)),
        // T14
        (Pending | Claimed | Armed | Unknown | Failed, Event::MarkRestored) => mark_restored(&mut next),
        // T15
        (Unknown | FailedUncertain, Event::Acknowledge) => next.reason = Some(ACKNOWLEDGED.to_owned()),
        // Check the token first, so that a worker learns that its row was taken over.
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
    // T13: in a cancelled issue a delivery would stay pending forever.
    if next.state == Pending && context.issue == IssueState::Cancelled {
        skip(&mut next, Some("cancelled"));
    }
    if next.state != Claimed && next.state != Armed {
        next.lease_until = None;
    }
    Ok(next)
}

/// Nothing follows, so what only a further attempt needs is dropped.
fn accept(row: &mut Delivery) {
    row.state = State::Sent;
    row.reason = None;
    row.token = None;
    row.bytes = None;
    row.dated = None;
}

/// An armed delivery never returns directly to the queue, because it may have been sent.
fn recover(row: &mut Delivery, context: &TransitionContext) -> Result<(), Rejection> {
    if !context.is_exclusive && row.lease_until.is_some_and(|until| until > context.now) {
        return Err(Rejection::PreconditionFailed);
    }
    row.state = if row.state == State::Claimed { State::Pending } else { State::Unknown };
    Ok(())
}

/// A row whose earlier attempt may have arrived is `failed_uncertain` and cannot be retried.
fn retry(row: &mut Delivery, context: &TransitionContext) -> Result<(), Rejection> {
    if row.had_unknown {
        return Err(Rejection::NoSuchTransition);
    }
    *row = Delivery { state: State::Pending, next_at: context.now, attempts: 0, reason: None, ..row.clone() };
    Ok(())
}

/// Skips the delivery if the subscriber has unsubscribed since the freeze.
fn claim(row: &mut Delivery, context: &TransitionContext) -> Result<(), Rejection> {
    if context.exclusion.is_some() {
        skip(row, context.exclusion);
        return Ok(());
    }
    if context.issue != IssueState::Sending || row.next_at > context.now {
        return Err(Rejection::PreconditionFailed);
    }
    let dated = row.date_for(context.now);
    if row.dated != Some(dated) {
        row.bytes = None;
    }
    row.dated = Some(dated);
    row.state = State::Claimed;
    row.attempts += 1;
    Ok(())
}

/// Skips the delivery if the subscriber has unsubscribed since the claim; this is the last moment to do so.
fn arm(row: &mut Delivery, bytes: &[u8; 32], context: &TransitionContext) -> Result<(), Rejection> {
    if context.exclusion.is_some() {
        skip(row, context.exclusion);
        return Ok(());
    }
    if context.issue != IssueState::Sending || row.lease_until.is_none_or(|until| until <= context.now) {
        return Err(Rejection::PreconditionFailed);
    }
    // After a definite rejection the earlier message was not delivered, so a new one is allowed.
    if row.had_unknown && row.bytes.is_some_and(|armed| armed != *bytes) {
        return Err(Rejection::MessageDiffers);
    }
    row.state = State::Armed;
    row.bytes = Some(*bytes);
    Ok(())
}

/// Clears the reason, so that a later unknown result is a new one. Keeps the time of the next attempt: it had come when
/// the row was claimed, even if the clock has jumped since.
fn resend(row: &mut Delivery) {
    row.state = State::Pending;
    row.had_unknown = true;
    row.resends += 1;
    row.reason = None;
}

/// Clears the token, because a rejection of an old attempt says nothing about attempts that were lost.
fn mark_restored(row: &mut Delivery) {
    row.token = None;
    if row.state == State::Failed {
        // It may have been retried since (T16) and have arrived. That is rare, so no decision is requested.
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

/// Returns it to the queue, unless the next attempt would be after the horizon.
fn defer(row: &mut Delivery, retry: Option<Retry>, now: DateTime<Utc>) {
    match retry.map_or(Some(row.next_at), |retry| retry.at(now)) {
        Some(next_at) => (row.state, row.next_at) = (State::Pending, next_at),
        None => give_up(row, "expired"),
    }
}

/// A delivery that may have arrived is not "failed": it stays uncertain.
fn give_up(row: &mut Delivery, reason: &str) {
    row.state = if row.had_unknown { State::FailedUncertain } else { State::Failed };
    row.reason = Some(reason.to_owned());
}

/// A delivery that may have arrived is not "skipped": it stays uncertain.
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

    fn context() -> TransitionContext {
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

    fn reply(text: &str) -> LastReply {
        LastReply { phase: "RCPT TO".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_claim_sets_the_token_the_lease_and_the_date_and_counts_an_attempt() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let waiting = Delivery { attempts: 2, ..Delivery::new(DateTime::UNIX_EPOCH) };
        let claimed = apply(&waiting, &claim(1), &TransitionContext { now, ..context() }).unwrap();
        assert_eq!((claimed.state, claimed.token, claimed.attempts), (State::Claimed, Some(token(1)), 3));
        assert_eq!((claimed.lease_until, claimed.dated), (Some(now + TimeDelta::minutes(30)), Some(now)));
    }

    #[test]
    fn nothing_is_claimed_before_its_time_or_while_the_issue_is_paused() {
        let now = DateTime::UNIX_EPOCH;
        let later = Delivery::new(now + TimeDelta::microseconds(1));
        assert_eq!(apply(&later, &claim(1), &context()), Err(Rejection::PreconditionFailed));
        let paused = TransitionContext { issue: IssueState::Paused, ..context() };
        assert_eq!(apply(&Delivery::new(now), &claim(1), &paused), Err(Rejection::PreconditionFailed));
        assert!(apply(&Delivery::new(now), &claim(1), &context()).is_ok(), "at its time it is");
    }

    #[test]
    fn a_delivery_excluded_before_the_claim_is_skipped_and_has_no_holder() {
        let excluded = TransitionContext { exclusion: Some("suppressed"), ..context() };
        let row = apply(&Delivery::new(DateTime::UNIX_EPOCH), &claim(1), &excluded).unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("suppressed")));
        assert_eq!((row.token, row.lease_until, row.attempts), (None, None, 0));
    }

    #[test]
    fn only_pending_and_claimed_deliveries_can_be_skipped() {
        for state in State::ALL {
            let skipped = apply(&row(state), &Event::Skip { reason: "cancelled" }, &context());
            if matches!(state, State::Pending | State::Claimed) {
                let skipped = skipped.unwrap();
                assert_eq!((skipped.state, skipped.reason.as_deref()), (State::Skipped, Some("cancelled")));
            } else {
                assert_eq!(skipped, Err(Rejection::NoSuchTransition), "{state}");
            }
        }
    }

    #[test]
    fn an_attempt_with_a_reply_counts_and_a_released_one_does_not() {
        let second = Delivery { attempts: 2, ..row(State::Claimed) };
        let defer = |last| Event::Defer { token: token(1), retry: None, last };
        let attempts = |event| apply(&second, &event, &context()).unwrap().attempts;
        assert_eq!((attempts(defer(Some(reply("450 later")))), attempts(defer(None))), (2, 1));
    }

    #[test]
    fn the_last_reply_is_kept_until_the_next_one() {
        let refused = Event::Reject { token: token(1), reason: "rejected", last: Some(reply("550 no")) };
        let row = apply(&row(State::Claimed), &refused, &context()).unwrap();
        assert_eq!(row.last, Some(reply("550 no")));
        let evidence = Event::Accept { token: None, last: None };
        assert_eq!(apply(&row, &evidence, &context()).unwrap().last, Some(reply("550 no")));
    }

    #[test]
    fn a_final_dot_without_a_reply_is_unknown_and_keeps_the_error() {
        let lose = Event::LoseReply { token: token(1), last: Some(reply("the connection was closed")) };
        let lost = apply(&row(State::Armed), &lose, &context()).unwrap();
        assert_eq!((lost.state, lost.last), (State::Unknown, Some(reply("the connection was closed"))));
        assert_eq!(apply(&row(State::Claimed), &lose, &context()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn only_a_delivery_in_flight_has_a_lease() {
        let lease = row(State::Claimed).lease_until;
        assert_eq!(apply(&row(State::Claimed), &arm(1), &context()).unwrap().lease_until, lease);
        let lose = Event::LoseReply { token: token(1), last: None };
        for (state, event) in [(State::Armed, lose), (State::Claimed, Event::Skip { reason: "cancelled" })] {
            assert_eq!(apply(&row(state), &event, &context()).unwrap().lease_until, None, "{state}");
        }
    }

    #[test]
    fn a_lease_ends_at_the_same_time_for_the_holder_and_for_the_recovery() {
        let at_its_end =
            TransitionContext { now: DateTime::UNIX_EPOCH + TimeDelta::minutes(30), ..context() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &at_its_end), Err(Rejection::PreconditionFailed));
        let recovered = apply(&row(State::Claimed), &Event::Recover, &at_its_end).unwrap();
        assert_eq!(recovered.state, State::Pending);
    }

    #[test]
    fn a_retry_is_due_at_once_and_resets_the_attempts() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let failed = Delivery { attempts: 5, reason: Some("no_mailbox".to_owned()), ..row(State::Failed) };
        let again = apply(&failed, &Event::Retry, &TransitionContext { now, ..context() }).unwrap();
        assert_eq!(
            (again.state, again.next_at, again.attempts, again.reason),
            (State::Pending, now, 0, None)
        );
    }

    #[test]
    fn a_new_date_clears_the_old_bytes_and_the_same_date_keeps_them() {
        let start = DateTime::UNIX_EPOCH;
        let armed_before = Delivery { dated: Some(start), bytes: Some([8; 32]), ..Delivery::new(start) };
        for (hours, bytes) in [(2, Some([8; 32])), (4, None)] {
            let now = start + TimeDelta::hours(hours);
            let claimed = apply(&armed_before, &claim(1), &TransitionContext { now, ..context() }).unwrap();
            assert_eq!(claimed.bytes, bytes, "after {hours} hours");
        }
    }

    #[test]
    fn each_resend_is_counted() {
        let resent =
            apply(&Delivery { resends: 1, ..row(State::Unknown) }, &Event::Resend, &context()).unwrap();
        assert_eq!((resent.state, resent.resends, resent.had_unknown), (State::Pending, 2, true));
    }

    #[test]
    fn a_delivery_excluded_between_claim_and_arm_is_skipped_and_not_armed() {
        let excluded = TransitionContext { exclusion: Some("unsubscribed"), ..context() };
        let row = apply(&row(State::Claimed), &arm(1), &excluded).unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("unsubscribed")));
    }

    #[test]
    fn a_worker_whose_row_was_taken_over_gets_wrong_token() {
        let taken = row(State::Claimed);
        assert_eq!(apply(&taken, &arm(2), &context()), Err(Rejection::WrongToken));
        let lose = Event::LoseReply { token: token(2), last: None };
        assert_eq!(apply(&row(State::Armed), &lose, &context()), Err(Rejection::WrongToken));
    }

    #[test]
    fn nothing_is_armed_after_its_lease_or_while_the_issue_is_paused() {
        let late = TransitionContext { now: DateTime::UNIX_EPOCH + TimeDelta::hours(1), ..context() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &late), Err(Rejection::PreconditionFailed));
        let paused = TransitionContext { issue: IssueState::Paused, ..context() };
        assert_eq!(apply(&row(State::Claimed), &arm(1), &paused), Err(Rejection::PreconditionFailed));
    }

    #[test]
    fn a_resend_must_be_the_identical_message() {
        let resent = Delivery { bytes: Some([8; 32]), had_unknown: true, ..row(State::Claimed) };
        assert_eq!(apply(&resent, &arm(1), &context()), Err(Rejection::MessageDiffers));
        let same = Delivery { bytes: Some([7; 32]), ..resent.clone() };
        assert_eq!(apply(&same, &arm(1), &context()).unwrap().state, State::Armed);
        let refused = Delivery { had_unknown: false, ..resent };
        assert_eq!(
            apply(&refused, &arm(1), &context()).unwrap().bytes,
            Some([7; 32]),
            "the earlier one was not delivered"
        );
    }

    #[test]
    fn a_rejection_after_a_resend_stays_uncertain() {
        let resent = Delivery { had_unknown: true, ..row(State::Claimed) };
        let reject = Event::Reject { token: token(1), reason: "rejected", last: None };
        assert_eq!(apply(&resent, &reject, &context()).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn only_a_definite_rejection_can_be_retried() {
        for state in State::ALL {
            let retried = apply(&row(state), &Event::Retry, &context());
            assert_eq!(
                retried.is_ok_and(|row| row.state == State::Pending),
                state == State::Failed,
                "{state}"
            );
        }
        let uncertain = Delivery { had_unknown: true, ..row(State::Failed) };
        assert_eq!(apply(&uncertain, &Event::Retry, &context()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn an_acceptance_counts_in_every_state() {
        for state in State::ALL {
            assert_eq!(
                apply(&row(state), &Event::Accept { token: None, last: None }, &context()).unwrap().state,
                State::Sent
            );
        }
    }

    #[test]
    fn recovery_never_requeues_an_armed_delivery() {
        let exclusive = TransitionContext { is_exclusive: true, ..context() };
        assert_eq!(apply(&row(State::Armed), &Event::Recover, &exclusive).unwrap().state, State::Unknown);
        assert_eq!(apply(&row(State::Claimed), &Event::Recover, &exclusive).unwrap().state, State::Pending);
        assert_eq!(
            apply(&row(State::Armed), &Event::Recover, &context()),
            Err(Rejection::PreconditionFailed)
        );
    }

    #[test]
    fn a_deferred_delivery_of_a_cancelled_issue_is_skipped() {
        let cancelled = TransitionContext { issue: IssueState::Cancelled, ..context() };
        let later = Event::Defer { token: token(1), retry: None, last: None };
        for state in [State::Claimed, State::Armed, State::Unknown] {
            let row = apply(&row(state), &later, &cancelled).unwrap();
            assert_eq!((row.state, row.reason.as_deref()), (State::Skipped, Some("cancelled")));
        }
        let resent = Delivery { had_unknown: true, ..row(State::Armed) };
        assert_eq!(apply(&resent, &later, &cancelled).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn the_horizon_is_checked_by_the_clock_of_the_store_and_uncertainty_outlives_it() {
        let retry = |hours| {
            let wait = chrono::TimeDelta::hours(hours);
            let give_up_at = DateTime::UNIX_EPOCH + TimeDelta::hours(48);
            Event::Defer { token: token(1), retry: Some(Retry { wait, give_up_at }), last: None }
        };
        let later = apply(&row(State::Armed), &retry(48), &context()).unwrap();
        assert_eq!((later.state, later.next_at.timestamp()), (State::Pending, 48 * 3_600));
        let expired = apply(&row(State::Armed), &retry(49), &context()).unwrap();
        assert_eq!((expired.state, expired.reason.as_deref()), (State::Failed, Some("expired")));
        let resent = Delivery { had_unknown: true, ..row(State::Claimed) };
        assert_eq!(apply(&resent, &retry(49), &context()).unwrap().state, State::FailedUncertain);
    }

    #[test]
    fn a_released_or_resent_delivery_keeps_its_time_whatever_the_clock() {
        let ahead = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(3_650);
        let wrong_clock = TransitionContext { now: ahead, ..context() };
        let back = Event::Defer { token: token(1), retry: None, last: None };
        for (state, event) in [(State::Claimed, back), (State::Unknown, Event::Resend)] {
            let row = apply(&row(state), &event, &wrong_clock).unwrap();
            assert_eq!((row.state, row.next_at), (State::Pending, DateTime::UNIX_EPOCH));
        }
    }

    #[test]
    fn after_a_restore_what_is_not_final_is_unknown_and_only_an_acceptance_counts() {
        for state in [State::Pending, State::Claimed, State::Armed, State::Unknown] {
            let adopted = apply(&row(state), &Event::MarkRestored, &context()).unwrap();
            assert_eq!((adopted.state, adopted.reason.as_deref()), (State::Unknown, Some(RESTORED)));
            let defer = Event::Defer { token: token(1), retry: None, last: None };
            for event in [arm(1), defer] {
                assert_eq!(apply(&adopted, &event, &context()), Err(Rejection::WrongToken));
            }
            let accepted = Event::Accept { token: Some(token(1)), last: None };
            assert_eq!(apply(&adopted, &accepted, &context()).unwrap().state, State::Sent);
        }
        for state in [State::Sent, State::Skipped, State::FailedUncertain] {
            assert_eq!(
                apply(&row(state), &Event::MarkRestored, &context()),
                Err(Rejection::NoSuchTransition)
            );
        }
    }

    #[test]
    fn after_a_restore_a_rejection_is_uncertain_and_cannot_be_retried() {
        let adopted = apply(&row(State::Failed), &Event::MarkRestored, &context()).unwrap();
        assert!(adopted.state == State::FailedUncertain && !adopted.needs_decision(), "{adopted:?}");
        assert_eq!(apply(&adopted, &Event::Retry, &context()), Err(Rejection::NoSuchTransition));
    }

    #[test]
    fn an_acknowledged_delivery_stays_unknown_and_can_still_be_resent() {
        let acknowledged = apply(&row(State::Unknown), &Event::Acknowledge, &context()).unwrap();
        assert!(acknowledged.state == State::Unknown && !acknowledged.needs_decision());
        let resent = apply(&acknowledged, &Event::Resend, &context()).unwrap();
        let again = Delivery { state: State::Unknown, ..resent };
        assert!(again.needs_decision(), "a new unknown result needs a new decision");
        assert_eq!(
            apply(&row(State::Sent), &Event::Acknowledge, &context()),
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
        fn only_arm_arms_only_accept_sends_and_sent_is_final(
            state in prop::sample::select(State::ALL.to_vec()),
            event in any_event(),
            had_unknown in any::<bool>(),
            is_exclusive in any::<bool>(),
        ) {
            let before = Delivery { had_unknown, ..row(state) };
            let Ok(after) = apply(&before, &event, &TransitionContext { is_exclusive, ..context() }) else { return Ok(()) };
            let (arms, accepts) = (matches!(event, Event::Arm { .. }), matches!(event, Event::Accept { .. }));
            prop_assert!(arms || after.state != State::Armed);
            prop_assert!(accepts || before.state == State::Sent || after.state != State::Sent);
            prop_assert!(before.state != State::Sent || after.state == State::Sent);
            let was_unknown = before.state.is_unknown() || before.state == State::Armed;
            let definite = accepts || matches!(event, Event::Defer { .. } | Event::Reject { .. });
            prop_assert!(!was_unknown || definite || after.state.is_unknown() || after.had_unknown);
            prop_assert!(after.had_unknown || !before.had_unknown);
        }
    }
}
