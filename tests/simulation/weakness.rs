//! Deliberately broken variants of the ledger, with errors that real senders have. The simulation must detect each of
//! them; otherwise its success would prove nothing.

use letterpress::internals::ledger::transition::{Event, Rejection, TransitionContext, apply};
use letterpress::internals::ledger::{Delivery, State};

/// The defect of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// The arm is acknowledged but not written.
    ArmNotWritten,
    /// A delivery that was armed when its sender died returns to the queue.
    ArmedIsRequeued,
    /// A lost reply to the dot counts as a temporary rejection.
    LostReplyIsDeferral,
    /// The arm does not check its token.
    NoTokenCheck,
    /// A rejection after a resend counts for both messages.
    RejectionOfBoth,
    /// A delivery is recorded as sent before its dot.
    SentFirst,
    /// A commit that was acknowledged is lost when the process dies: WAL without `synchronous=FULL`.
    Unsynced,
    /// The arm does not check whether the subscriber unsubscribed.
    NoUnsubscribeCheck,
    /// A resend renders the message again.
    DifferentResend,
    /// Recovery drops a delivery that a dead sender had claimed.
    StaleClaimIsDropped,
    /// A rejection counts even if another sender holds the row.
    RejectionFromAnySender,
    /// A finished issue stays finished even if a delivery returns to its queue.
    NeverReopened,
    /// Times from one clock are compared with another clock.
    MixedClocks,
    /// A delivery waits as long as a clock that was ahead has said.
    ForwardIsKept,
    /// The counts of a finished issue are written once and never changed.
    CountsAreNotKept,
}

impl Weakness {
    pub(crate) const ALL: [Self; 15] = [
        Self::ArmNotWritten,
        Self::ArmedIsRequeued,
        Self::LostReplyIsDeferral,
        Self::NoTokenCheck,
        Self::RejectionOfBoth,
        Self::SentFirst,
        Self::Unsynced,
        Self::NoUnsubscribeCheck,
        Self::DifferentResend,
        Self::StaleClaimIsDropped,
        Self::RejectionFromAnySender,
        Self::NeverReopened,
        Self::MixedClocks,
        Self::ForwardIsKept,
        Self::CountsAreNotKept,
    ];
}

/// The real transition table, or the broken variant.
pub(crate) fn judge(
    weakness: Option<Weakness>,
    row: &Delivery,
    event: &Event,
    around: &TransitionContext,
) -> Result<Delivery, Rejection> {
    let Some(weakness) = weakness else { return apply(row, event, around) };
    let (mut row, mut event, mut around) = (row.clone(), event.clone(), around.clone());
    match (weakness, &mut event) {
        (Weakness::LostReplyIsDeferral, Event::LoseReply { token, last }) => {
            event = Event::Defer { token: *token, retry: None, last: last.clone() };
        }
        (Weakness::NoTokenCheck, Event::Arm { token, .. }) => {
            // "UPDATE … SET armed WHERE id = …" without a check of token and state.
            row.token = Some(*token);
            row.state = State::Claimed;
            row.lease_until = Some(around.now + chrono::TimeDelta::hours(1));
        }
        (Weakness::RejectionFromAnySender, Event::Reject { token, .. } | Event::Defer { token, .. })
            if row.token != Some(*token) && row.state != State::Pending =>
        {
            row.token = Some(*token);
            row.state = State::Unknown;
        }
        (Weakness::NoUnsubscribeCheck, Event::Arm { .. }) => around.exclusion = None,
        (Weakness::DifferentResend, Event::Claim { .. }) => row.dated = None,
        (Weakness::DifferentResend, Event::Arm { .. }) => row.bytes = None,
        _ => {}
    }
    let before = row.state;
    let mut next = apply(&row, &event, &around)?;
    match weakness {
        Weakness::ArmedIsRequeued if event == Event::Recover => next.state = State::Pending,
        Weakness::StaleClaimIsDropped if event == Event::Recover => {
            next.state = State::Skipped;
            next.reason = Some("stale".to_owned());
        }
        Weakness::RejectionOfBoth if next.state == State::FailedUncertain => next.state = State::Failed,
        // The row is already `sent`, so the sender gets the result that it expects.
        Weakness::SentFirst if before == State::Claimed && next.state == State::Armed => {
            next.state = State::Sent;
        }
        _ => {}
    }
    Ok(next)
}

/// The result that the sender gets for a transition.
pub(crate) fn reported(weakness: Option<Weakness>, event: &Event, next: &Delivery) -> State {
    match (weakness, event) {
        (Some(Weakness::SentFirst), Event::Arm { .. }) if next.state == State::Sent => State::Armed,
        _ => next.state,
    }
}

/// Whether the transition is written.
pub(crate) fn is_written(weakness: Option<Weakness>, next: &Delivery) -> bool {
    weakness != Some(Weakness::ArmNotWritten) || next.state != State::Armed
}
