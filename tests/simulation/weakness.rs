//! Machines that are weaker than Letterpress, in ways in which senders are weak. The simulation must find each of
//! them, or it would prove nothing.

use letterpress::ledger::transition::{Event, Rejection, TransitionContext, apply};
use letterpress::ledger::{Delivery, State};

/// What is wrong with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// "armed" is answered, and nothing was written.
    NoArmCommit,
    /// A copy that was armed when its sender died goes back to the queue.
    ArmedGoesBack,
    /// Silence after the dot counts as "not now".
    SilenceIsDeferral,
    /// An arm does not look at its token.
    NoTokenCheck,
    /// A refusal after a resend is believed of both copies.
    RefusalOfBoth,
    /// A copy is recorded as sent before its dot.
    SentFirst,
    /// A commit that was answered is lost when the process dies: WAL without `synchronous=FULL`.
    Unsynced,
    /// The arm does not look whether the reader left.
    BlindArm,
    /// A resend is composed anew.
    OtherBytes,
    /// Recovery drops the copy that a dead sender held.
    StaleIsDropped,
    /// A negative answer counts whoever holds the row.
    AnybodyRefuses,
    /// An issue that was done stays done, whatever comes back into its queue.
    FinishedForEver,
    /// Times that were said by one clock are judged by another.
    ForeignTimes,
}

impl Weakness {
    pub(crate) const ALL: [Self; 13] = [
        Self::NoArmCommit,
        Self::ArmedGoesBack,
        Self::SilenceIsDeferral,
        Self::NoTokenCheck,
        Self::RefusalOfBoth,
        Self::SentFirst,
        Self::Unsynced,
        Self::BlindArm,
        Self::OtherBytes,
        Self::StaleIsDropped,
        Self::AnybodyRefuses,
        Self::FinishedForEver,
        Self::ForeignTimes,
    ];
}

/// The transition table, or what a weaker machine has in its place.
pub(crate) fn judge(
    weakness: Option<Weakness>,
    row: &Delivery,
    event: &Event,
    around: &TransitionContext,
) -> Result<Delivery, Rejection> {
    let Some(weakness) = weakness else { return apply(row, event, around) };
    let (mut row, mut event, mut around) = (row.clone(), event.clone(), around.clone());
    match (weakness, &mut event) {
        (Weakness::SilenceIsDeferral, Event::LoseReply { token, last }) => {
            event = Event::Defer { token: *token, retry: None, last: last.clone() };
        }
        (Weakness::NoTokenCheck, Event::Arm { token, .. }) => {
            // "UPDATE … SET armed WHERE id = …": neither the token nor the state is looked at.
            row.token = Some(*token);
            row.state = State::Claimed;
            row.lease_until = Some(around.now + chrono::TimeDelta::hours(1));
        }
        (Weakness::AnybodyRefuses, Event::Reject { token, .. } | Event::Defer { token, .. })
            if row.token != Some(*token) && row.state != State::Pending =>
        {
            row.token = Some(*token);
            row.state = State::Unknown;
        }
        (Weakness::BlindArm, Event::Arm { .. }) => around.exclusion = None,
        (Weakness::OtherBytes, Event::Claim { .. }) => row.dated = None,
        (Weakness::OtherBytes, Event::Arm { .. }) => row.bytes = None,
        _ => {}
    }
    let before = row.state;
    let mut next = apply(&row, &event, &around)?;
    match weakness {
        Weakness::ArmedGoesBack if event == Event::Recover => next.state = State::Pending,
        Weakness::StaleIsDropped if event == Event::Recover => {
            next.state = State::Skipped;
            next.reason = Some("stale".to_owned());
        }
        Weakness::RefusalOfBoth if next.state == State::FailedUncertain => next.state = State::Failed,
        // The row says "sent", and the sender is told what it needs to hear.
        Weakness::SentFirst if before == State::Claimed && next.state == State::Armed => {
            next.state = State::Sent;
        }
        _ => {}
    }
    Ok(next)
}

/// What the sender is told of a move that was judged.
pub(crate) fn told(weakness: Option<Weakness>, event: &Event, next: &Delivery) -> State {
    match (weakness, event) {
        (Some(Weakness::SentFirst), Event::Arm { .. }) if next.state == State::Sent => State::Armed,
        _ => next.state,
    }
}

/// Whether the move is written at all.
pub(crate) fn is_written(weakness: Option<Weakness>, next: &Delivery) -> bool {
    weakness != Some(Weakness::NoArmCommit) || next.state != State::Armed
}
