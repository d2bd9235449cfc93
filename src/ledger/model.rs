//! Every interleaving of one delivery, explored with the real transition table: two or three workers, crashes at
//! any point, leases that run out at any moment, a server that does one of five things at the dot, and a ledger that is put
//! back from a copy.
//!
//! The invariants are the promises of `docs/ledger.md`. The same search over weaker tables must find the broken
//! promise, or it would prove nothing: those are the last tests.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, TimeDelta};

use super::transition::{Event, TransitionContext, apply};
use super::{Delivery, IssueState, State, Token};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    Idle,
    Holds(u8),
    Armed(u8),
    Dotted(u8, Reply),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reply {
    Accepted,
    Later,
    Never,
    Lost,
}

#[derive(Clone)]
struct World {
    row: Delivery,
    tokens: u8,
    accepted: u8,
    workers: Vec<Step>,
    crashes: u8,
    resends: u8,
    /// Resends that were decided, also those that a restored ledger has forgotten.
    decided: u8,
    /// A copy of the ledger's row, taken at some moment.
    copy: Option<Delivery>,
    /// How often the copy may be put back.
    restores: u8,
}

/// What tells two worlds apart: the row, its copy, and the rest.
type Key = (Row, Option<Row>, u8, u8, Vec<Step>, [u8; 4]);
type Row = (State, Option<Token>, bool);

/// How much may happen.
#[derive(Clone, Copy)]
struct Most {
    workers: usize,
    crashes: u8,
    resends: u8,
    restores: u8,
}

/// What a table must answer; the real one, or a weaker one that some sender uses.
type Table = fn(&Delivery, &Event, &TransitionContext) -> Option<Delivery>;

const MOST_TOKENS: u8 = 5;

fn around() -> TransitionContext {
    TransitionContext {
        now: DateTime::UNIX_EPOCH,
        issue: IssueState::Sending,
        exclusion: None,
        is_exclusive: false,
    }
}

fn token(number: u8) -> Token {
    Token([number; 16])
}

impl World {
    fn key(&self) -> Key {
        let row = |row: &Delivery| (row.state, row.token, row.had_unknown);
        let left = [self.crashes, self.resends, self.decided, self.restores];
        (row(&self.row), self.copy.as_ref().map(row), self.tokens, self.accepted, self.workers.clone(), left)
    }

    fn with(&self, worker: usize, step: Step) -> Self {
        let mut world = self.clone();
        world.workers[worker] = step;
        world
    }

    fn broken(&self, resends: u8) -> Option<&'static str> {
        let decided = self.decided;
        match self.row.state {
            _ if self.accepted > 1 + decided => Some("L1: a copy too many"),
            State::Sent if self.accepted == 0 => Some("L2: sent, but never accepted"),
            State::Failed if self.accepted > 0 => Some("L3: failed, but accepted"),
            State::Pending if self.accepted > 0 && decided == 0 => {
                Some("L1: to be sent again although accepted")
            }
            _ if self.decided > resends => Some("a resend that nobody decided"),
            _ => None,
        }
    }

    fn try_event(&self, table: Table, event: &Event) -> Option<Self> {
        // A lease that has just been taken can already be over: the worst clock there is.
        let row = table(&self.row, event, &around())?;
        Some(Self { row, ..self.clone() })
    }

    fn successors(&self, table: Table) -> Vec<Self> {
        let mut out = Vec::new();
        self.restored(table, &mut out);
        for (worker, step) in self.workers.iter().enumerate() {
            if *step != Step::Idle && self.crashes > 0 {
                let mut world = self.with(worker, Step::Idle);
                world.crashes -= 1;
                out.push(world);
            }
            match *step {
                Step::Idle => self.idle(table, worker, &mut out),
                Step::Holds(number) => self.holds(table, worker, number, &mut out),
                Step::Armed(number) => {
                    for (reply, accepted) in [
                        (Reply::Accepted, 1),
                        (Reply::Lost, 1),
                        (Reply::Later, 0),
                        (Reply::Never, 0),
                        (Reply::Lost, 0),
                    ] {
                        let mut world = self.with(worker, Step::Dotted(number, reply));
                        world.accepted += accepted;
                        out.push(world);
                    }
                }
                Step::Dotted(number, reply) => {
                    let event = match reply {
                        Reply::Accepted => Event::Accept { token: None, last: None },
                        Reply::Later => defer(number),
                        Reply::Never => {
                            Event::Reject { token: token(number), reason: "rejected", last: None }
                        }
                        Reply::Lost => Event::LoseReply { token: token(number), last: None },
                    };
                    let world = self.try_event(table, &event).unwrap_or_else(|| self.clone());
                    out.push(world.with(worker, Step::Idle));
                }
            }
        }
        out
    }

    fn idle(&self, table: Table, worker: usize, out: &mut Vec<Self>) {
        if self.tokens < MOST_TOKENS {
            let number = self.tokens + 1;
            let claim = Event::Claim { token: token(number), lease: TimeDelta::minutes(30) };
            if let Some(mut world) = self.try_event(table, &claim) {
                world.tokens = number;
                out.push(world.with(worker, Step::Holds(number)));
            }
        }
        let mut expired = self.clone();
        expired.row.lease_until = None;
        out.extend(expired.try_event(table, &Event::Recover));
        if self.resends > 0
            && let Some(mut world) = self.try_event(table, &Event::Resend)
        {
            world.resends -= 1;
            world.decided += 1;
            out.push(world);
        }
        // A retry is no resend: it needs no budget, for it must never make a second copy.
        out.extend(self.try_event(table, &Event::Retry));
    }

    /// Taking a copy of the ledger, and putting it back: the fence lets nothing happen before it is adopted. Workers of
    /// other machines may have outlived it.
    fn restored(&self, table: Table, out: &mut Vec<Self>) {
        if self.restores == 0 {
            return;
        }
        out.push(match &self.copy {
            None => Self { copy: Some(self.row.clone()), ..self.clone() },
            Some(copy) => {
                let row = table(copy, &Event::MarkRestored, &around()).unwrap_or_else(|| copy.clone());
                Self { row, restores: self.restores - 1, ..self.clone() }
            }
        });
    }

    fn holds(&self, table: Table, worker: usize, number: u8, out: &mut Vec<Self>) {
        let reject = Event::Reject { token: token(number), reason: "rejected", last: None };
        for event in [defer(number), reject] {
            let world = self.try_event(table, &event).unwrap_or_else(|| self.clone());
            out.push(world.with(worker, Step::Idle));
        }
        let arm = Event::Arm { token: token(number), bytes: [0; 32] };
        match self.try_event(table, &arm) {
            Some(world) if world.row.state == State::Armed => {
                out.push(world.with(worker, Step::Armed(number)));
            }
            Some(world) => out.push(world.with(worker, Step::Idle)),
            None => out.push(self.with(worker, Step::Idle)),
        }
    }
}

fn defer(number: u8) -> Event {
    Event::Defer { token: token(number), retry: None, last: None }
}

/// Explores everything; returns how many worlds there are and the first broken promise.
fn explore(table: Table, most: Most) -> (usize, Option<&'static str>) {
    let start = World {
        row: Delivery::new(around().now),
        tokens: 0,
        accepted: 0,
        workers: vec![Step::Idle; most.workers],
        crashes: most.crashes,
        resends: most.resends,
        decided: 0,
        copy: None,
        restores: most.restores,
    };
    let mut seen = HashSet::from([start.key()]);
    let mut queue = VecDeque::from([start]);
    while let Some(world) = queue.pop_front() {
        if let Some(broken) = world.broken(most.resends) {
            return (seen.len(), Some(broken));
        }
        for next in world.successors(table) {
            if seen.insert(next.key()) {
                queue.push_back(next);
            }
        }
    }
    (seen.len(), None)
}

const fn most(workers: usize, crashes: u8, resends: u8) -> Most {
    Most { workers, crashes, resends, restores: 0 }
}

fn real(row: &Delivery, event: &Event, around: &TransitionContext) -> Option<Delivery> {
    apply(row, event, around).ok()
}

#[test]
fn no_interleaving_of_two_workers_and_two_crashes_breaks_a_promise() {
    let (worlds, broken) = explore(real, most(2, 2, 0));
    assert_eq!(broken, None);
    assert!(worlds > 1_000, "only {worlds} worlds were explored");
}

#[test]
fn no_interleaving_of_three_workers_and_three_crashes_breaks_a_promise() {
    let (worlds, broken) = explore(real, most(3, 3, 0));
    assert_eq!(broken, None);
    assert!(worlds > 6_000, "only {worlds} worlds were explored");
}

#[test]
fn with_one_decided_resend_there_is_at_most_one_copy_more() {
    assert_eq!(explore(real, most(2, 2, 1)).1, None);
}

#[test]
fn a_table_that_retries_what_may_have_arrived_mails_twice() {
    let weak: Table = |row, event, around| match (row.state, event) {
        (State::FailedUncertain, Event::Retry) => {
            let failed = Delivery { state: State::Failed, had_unknown: false, ..row.clone() };
            real(&failed, event, around)
        }
        _ => real(row, event, around),
    };
    assert!(explore(weak, most(2, 2, 1)).1.is_some());
}

#[test]
fn a_table_that_believes_a_restored_refusal_mails_twice() {
    let weak: Table = |row, event, around| match (row.state, event) {
        (State::Failed, Event::MarkRestored) => Some(row.clone()),
        _ => real(row, event, around),
    };
    assert!(explore(weak, Most { restores: 1, ..most(2, 1, 0) }).1.is_some());
}

#[test]
fn a_table_that_takes_a_timeout_for_a_deferral_mails_twice() {
    let weak: Table = |row, event, around| match event {
        Event::LoseReply { token, .. } => {
            real(row, &Event::Defer { token: *token, retry: None, last: None }, around)
        }
        _ => real(row, event, around),
    };
    assert!(explore(weak, most(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_gives_an_armed_copy_back_to_the_queue_mails_twice() {
    let weak: Table = |row, event, around| {
        let mut next = real(row, event, around)?;
        if *event == Event::Recover {
            next.state = State::Pending;
        }
        Some(next)
    };
    assert!(explore(weak, most(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_arms_without_looking_at_the_token_mails_twice() {
    let weak: Table = |row, event, around| match event {
        Event::Arm { bytes, .. } => {
            let held = Event::Arm { token: row.token?, bytes: *bytes };
            real(row, &held, around)
        }
        _ => real(row, event, around),
    };
    assert!(explore(weak, most(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_believes_a_late_refusal_says_failed_of_a_copy_that_arrived() {
    let weak: Table = |row, event, around| {
        let mut next = real(row, event, around)?;
        if next.state == State::FailedUncertain {
            next.state = State::Failed;
        }
        Some(next)
    };
    assert!(explore(weak, most(2, 2, 1)).1.is_some());
}

#[test]
fn a_ledger_that_is_put_back_from_a_copy_and_adopted_breaks_no_promise() {
    for (crashes, resends) in [(1, 0), (0, 1)] {
        let (worlds, broken) = explore(real, Most { restores: 1, ..most(2, crashes, resends) });
        assert_eq!(broken, None);
        assert!(worlds > 10_000, "only {worlds} worlds were explored");
    }
}

#[test]
fn a_ledger_that_is_put_back_from_a_copy_and_simply_used_mails_twice() {
    let weak: Table = |row, event, around| match event {
        Event::MarkRestored => Some(row.clone()),
        _ => real(row, event, around),
    };
    assert!(explore(weak, Most { restores: 1, ..most(1, 0, 0) }).1.is_some());
}

#[test]
fn a_table_that_adopts_a_row_with_its_token_believes_a_refusal_of_before() {
    let weak: Table = |row, event, around| {
        let next = real(row, event, around)?;
        let token = if *event == Event::MarkRestored { row.token } else { next.token };
        Some(Delivery { token, ..next })
    };
    assert!(explore(weak, Most { restores: 1, ..most(2, 1, 0) }).1.is_some());
}
