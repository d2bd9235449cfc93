//! Recipients that the relay refused for a reason that may be theirs or ours: `550 5.7.1 … blocked by policy`.
//!
//! If the relay takes the others, it is about the recipient, and a retry cannot help. If it refuses many, it is about us: the
//! breaker stops the run, and they are tried again later. So such a delivery stays claimed until the others have been tried;
//! a crash leaves it to the recovery, as any claim. Nothing is decided here about a subscriber.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ledger::transition::Event;
use crate::ledger::{LastReply, Token};
use crate::store::{DeliveryId, StateChange};

/// The relay must have accepted so many messages for each refused recipient.
const ACCEPTED_FOR_EACH: u64 = 4;
/// With so many for each, the decision does not wait for the end of the run.
const CLEAR: u64 = 20;

/// A delivery that waits for the decision.
struct Refused {
    delivery: DeliveryId,
    token: Token,
    last: Option<LastReply>,
    /// What happens if it is about us.
    defer: Event,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    /// The recipients that were refused in this run, decided or not.
    refused: u64,
    waiting: Vec<Refused>,
}

/// The refused recipients of an issue in one run, shared by its workers.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Counts>);

impl Refusals {
    /// A message was accepted.
    pub(super) fn accepted(&self) {
        self.lock().accepted += 1;
    }

    /// A recipient was refused; `defer` is the event if it is tried again.
    pub(super) fn refused(&self, delivery: DeliveryId, token: Token, last: Option<LastReply>, defer: Event) {
        let mut counts = self.lock();
        counts.refused += 1;
        counts.waiting.push(Refused { delivery, token, last, defer });
    }

    /// The decisions that are clear already.
    pub(super) fn clear(&self) -> Vec<StateChange> {
        let mut counts = self.lock();
        if counts.waiting.is_empty() || counts.accepted < counts.refused * CLEAR {
            return Vec::new();
        }
        counts.waiting.drain(..).map(Refused::reject).collect()
    }

    /// All other decisions, at the end of a run. `was_stopped`: not everything was tried.
    pub(super) fn rest(&self, was_stopped: bool) -> Vec<StateChange> {
        let mut counts = self.lock();
        let is_theirs = !was_stopped && counts.accepted >= counts.refused * ACCEPTED_FOR_EACH;
        let decide = if is_theirs { Refused::reject } else { Refused::defer };
        counts.waiting.drain(..).map(decide).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn reject(self) -> StateChange {
        let event = Event::Reject { token: self.token, reason: "rejected", last: self.last };
        StateChange { delivery: self.delivery, event }
    }

    fn defer(self) -> StateChange {
        StateChange { delivery: self.delivery, event: self.defer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DeliveryNumber, IssueNumber};

    fn after(accepted: u64, refused: u64) -> Refusals {
        let refusals = Refusals::default();
        (0..accepted).for_each(|_| refusals.accepted());
        for number in 0..refused {
            let number = DeliveryNumber(i64::try_from(number).unwrap());
            let token = Token([0; 16]);
            let defer = Event::Defer { token, retry: None, last: None };
            refusals.refused(DeliveryId { issue: IssueNumber(1), number }, token, None, defer);
        }
        refusals
    }

    fn rejected(changes: &[StateChange]) -> usize {
        changes.iter().filter(|change| matches!(change.event, Event::Reject { .. })).count()
    }

    #[test]
    fn one_refused_recipient_of_many_is_final_and_several_of_few_are_not() {
        for (accepted, refused, finally) in [(19, 1, 1), (4, 1, 1), (3, 1, 0), (0, 3, 0), (40, 11, 0)] {
            let changes = after(accepted, refused).rest(false);
            assert_eq!(
                (changes.len() as u64, rejected(&changes)),
                (refused, finally),
                "{accepted} {refused}"
            );
        }
    }

    #[test]
    fn after_a_run_that_was_stopped_nothing_is_final() {
        assert_eq!(rejected(&after(1_000, 1).rest(true)), 0);
    }

    #[test]
    fn a_clear_case_does_not_wait_for_the_end_of_the_run() {
        assert!(after(39, 2).clear().is_empty());
        let refusals = after(40, 2);
        assert_eq!(rejected(&refusals.clear()), 2);
        assert!(refusals.rest(false).is_empty());
    }
}
