//! Explores every interleaving of one delivery with the real transition table: two or three workers, crashes at any
//! point, leases that expire at any moment, a server with five possible outcomes at the final dot, a ledger that
//! is restored from a backup, and an issue that finishes and is counted while late events still change it.
//!
//! The invariants are the guarantees of `docs/ledger.md`. The last tests run the same search over weaker tables, which
//! must find the violation; otherwise the search would prove nothing.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, TimeDelta};

use super::transition::{Event, TransitionContext, apply};
use super::{Delivery, IssueState, State, Token};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    Idle,
    Claimed(u8),
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
    /// Resends that were decided, including those that a restored ledger has lost.
    decided: u8,
    /// The state that was counted when the issue finished; every later event changes it.
    counted: Option<State>,
    /// The state that is about to be counted, if that takes two transactions.
    read: Option<State>,
    /// A backup of the ledger's row and its count, taken at some moment.
    backup: Option<(Delivery, Option<State>)>,
    /// How often the backup may be restored.
    restores: u8,
}

/// What distinguishes two worlds: the row, its backup, and the rest.
type Key = (Row, Option<Row>, u8, u8, Vec<Step>, [u8; 4], Option<State>);
type Row = (State, Option<Token>, bool, Option<State>);

/// The bounds of the search.
#[derive(Clone, Copy)]
struct Bounds {
    workers: usize,
    crashes: u8,
    resends: u8,
    restores: u8,
    counting: Counting,
}

/// How an issue is finished and counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// In one transaction.
    Together,
    /// The states are read in one transaction, and written in another.
    Apart,
}

/// A transition table: the real one, or a weaker one.
type Table = fn(&Delivery, &Event, &TransitionContext) -> Option<Delivery>;

const MAX_TOKENS: u8 = 5;

fn context() -> TransitionContext {
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
        let row = |row: &Delivery, counted| (row.state, row.token, row.had_unknown, counted);
        let left = [self.crashes, self.resends, self.decided, self.restores];
        (
            row(&self.row, self.counted),
            self.backup.as_ref().map(|(backup, counted)| row(backup, *counted)),
            self.tokens,
            self.accepted,
            self.workers.clone(),
            left,
            self.read,
        )
    }

    fn with(&self, worker: usize, step: Step) -> Self {
        let mut world = self.clone();
        world.workers[worker] = step;
        world
    }

    fn violation(&self, resends: u8) -> Option<&'static str> {
        let decided = self.decided;
        if self.counted.is_some_and(|counted| counted != self.row.state) {
            return Some("L4: a finished issue has other counts than its deliveries");
        }
        match self.row.state {
            _ if self.accepted > 1 + decided => Some("L1: sent too often"),
            State::Sent if self.accepted == 0 => Some("L2: sent, but never accepted"),
            State::Failed if self.accepted > 0 => Some("L3: failed, but accepted"),
            State::Pending if self.accepted > 0 && decided == 0 => {
                Some("L1: to be sent again although accepted")
            }
            _ if self.decided > resends => Some("a resend without a decision"),
            _ => None,
        }
    }

    fn try_event(&self, table: Table, event: &Event) -> Option<Self> {
        // A lease may expire as soon as it is taken: the worst possible clock.
        let row = table(&self.row, event, &context())?;
        let counted = self.counted.and(closed(&row));
        Some(Self { row, counted, ..self.clone() })
    }

    /// Finishes the issue and counts its deliveries.
    fn finished(&self, counting: Counting, out: &mut Vec<Self>) {
        let Some(state) = closed(&self.row).filter(|_| self.counted.is_none()) else { return };
        out.push(match (counting, self.read) {
            (Counting::Together, _) => Self { counted: Some(state), ..self.clone() },
            (Counting::Apart, None) => Self { read: Some(state), ..self.clone() },
            (Counting::Apart, Some(read)) => Self { counted: Some(read), read: None, ..self.clone() },
        });
    }

    fn successors(&self, table: Table, counting: Counting) -> Vec<Self> {
        let mut out = Vec::new();
        self.finished(counting, &mut out);
        self.restored(table, &mut out);
        for (worker, step) in self.workers.iter().enumerate() {
            if *step != Step::Idle && self.crashes > 0 {
                let mut world = self.with(worker, Step::Idle);
                world.crashes -= 1;
                out.push(world);
            }
            match *step {
                Step::Idle => self.idle(table, worker, &mut out),
                Step::Claimed(number) => self.claimed(table, worker, number, &mut out),
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
        if self.tokens < MAX_TOKENS {
            let number = self.tokens + 1;
            let claim = Event::Claim { token: token(number), lease: TimeDelta::minutes(30) };
            if let Some(mut world) = self.try_event(table, &claim) {
                world.tokens = number;
                out.push(world.with(worker, Step::Claimed(number)));
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
        // A retry is not a resend: it needs no budget, because it must never send a second message.
        out.extend(self.try_event(table, &Event::Retry));
    }

    /// Takes a backup of the ledger, or restores it: the fence blocks everything until the ledger is adopted. Workers
    /// on other machines may still be running.
    fn restored(&self, table: Table, out: &mut Vec<Self>) {
        if self.restores == 0 {
            return;
        }
        out.push(match &self.backup {
            None => Self { backup: Some((self.row.clone(), self.counted)), ..self.clone() },
            Some((backup, counted)) => {
                let row = table(backup, &Event::MarkRestored, &context()).unwrap_or_else(|| backup.clone());
                let counted = counted.and(closed(&row));
                Self { row, counted, restores: self.restores - 1, ..self.clone() }
            }
        });
    }

    fn claimed(&self, table: Table, worker: usize, number: u8, out: &mut Vec<Self>) {
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

/// The state of a delivery that is not open.
fn closed(row: &Delivery) -> Option<State> {
    Some(row.state).filter(|state| !state.is_open())
}

fn defer(number: u8) -> Event {
    Event::Defer { token: token(number), retry: None, last: None }
}

/// Explores every world; returns their number and the first violation.
fn explore(table: Table, bounds: Bounds) -> (usize, Option<&'static str>) {
    let start = World {
        row: Delivery::new(context().now),
        tokens: 0,
        accepted: 0,
        workers: vec![Step::Idle; bounds.workers],
        crashes: bounds.crashes,
        resends: bounds.resends,
        decided: 0,
        counted: None,
        read: None,
        backup: None,
        restores: bounds.restores,
    };
    let mut seen = HashSet::from([start.key()]);
    let mut queue = VecDeque::from([start]);
    while let Some(world) = queue.pop_front() {
        if let Some(violation) = world.violation(bounds.resends) {
            return (seen.len(), Some(violation));
        }
        for next in world.successors(table, bounds.counting) {
            if seen.insert(next.key()) {
                queue.push_back(next);
            }
        }
    }
    (seen.len(), None)
}

const fn bounds(workers: usize, crashes: u8, resends: u8) -> Bounds {
    Bounds { workers, crashes, resends, restores: 0, counting: Counting::Together }
}

fn real(row: &Delivery, event: &Event, context: &TransitionContext) -> Option<Delivery> {
    apply(row, event, context).ok()
}

#[test]
fn no_interleaving_of_two_workers_and_two_crashes_breaks_an_invariant() {
    let (worlds, violation) = explore(real, bounds(2, 2, 0));
    assert_eq!(violation, None);
    assert!(worlds > 1_000, "only {worlds} worlds were explored");
}

#[test]
fn no_interleaving_of_three_workers_and_three_crashes_breaks_an_invariant() {
    let (worlds, violation) = explore(real, bounds(3, 3, 0));
    assert_eq!(violation, None);
    assert!(worlds > 6_000, "only {worlds} worlds were explored");
}

#[test]
fn one_decided_resend_sends_at_most_one_more_message() {
    assert_eq!(explore(real, bounds(2, 2, 1)).1, None);
}

#[test]
fn counts_that_are_read_before_the_transaction_that_writes_them_are_wrong() {
    let apart = Bounds { counting: Counting::Apart, ..bounds(2, 1, 1) };
    assert_eq!(explore(real, apart).1, Some("L4: a finished issue has other counts than its deliveries"));
}

#[test]
fn a_table_that_retries_a_delivery_that_may_have_arrived_sends_twice() {
    let weak: Table = |row, event, context| match (row.state, event) {
        (State::FailedUncertain, Event::Retry) => {
            let failed = Delivery { state: State::Failed, had_unknown: false, ..row.clone() };
            real(&failed, event, context)
        }
        _ => real(row, event, context),
    };
    assert!(explore(weak, bounds(2, 2, 1)).1.is_some());
}

#[test]
fn a_table_that_trusts_a_restored_rejection_sends_twice() {
    let weak: Table = |row, event, context| match (row.state, event) {
        (State::Failed, Event::MarkRestored) => Some(row.clone()),
        _ => real(row, event, context),
    };
    assert!(explore(weak, Bounds { restores: 1, ..bounds(2, 1, 0) }).1.is_some());
}

#[test]
fn a_table_that_treats_a_timeout_as_a_deferral_sends_twice() {
    let weak: Table = |row, event, context| match event {
        Event::LoseReply { token, .. } => {
            real(row, &Event::Defer { token: *token, retry: None, last: None }, context)
        }
        _ => real(row, event, context),
    };
    assert!(explore(weak, bounds(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_requeues_an_armed_delivery_sends_twice() {
    let weak: Table = |row, event, context| {
        let mut next = real(row, event, context)?;
        if *event == Event::Recover {
            next.state = State::Pending;
        }
        Some(next)
    };
    assert!(explore(weak, bounds(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_arms_without_checking_the_token_sends_twice() {
    let weak: Table = |row, event, context| match event {
        Event::Arm { bytes, .. } => {
            let held = Event::Arm { token: row.token?, bytes: *bytes };
            real(row, &held, context)
        }
        _ => real(row, event, context),
    };
    assert!(explore(weak, bounds(2, 2, 0)).1.is_some());
}

#[test]
fn a_table_that_trusts_a_late_rejection_marks_an_accepted_delivery_as_failed() {
    let weak: Table = |row, event, context| {
        let mut next = real(row, event, context)?;
        if next.state == State::FailedUncertain {
            next.state = State::Failed;
        }
        Some(next)
    };
    assert!(explore(weak, bounds(2, 2, 1)).1.is_some());
}

#[test]
fn a_ledger_that_is_restored_and_adopted_breaks_no_invariant() {
    for (crashes, resends) in [(1, 0), (0, 1)] {
        let (worlds, violation) = explore(real, Bounds { restores: 1, ..bounds(2, crashes, resends) });
        assert_eq!(violation, None);
        assert!(worlds > 10_000, "only {worlds} worlds were explored");
    }
}

#[test]
fn a_ledger_that_is_restored_and_not_adopted_sends_twice() {
    let weak: Table = |row, event, context| match event {
        Event::MarkRestored => Some(row.clone()),
        _ => real(row, event, context),
    };
    assert!(explore(weak, Bounds { restores: 1, ..bounds(1, 0, 0) }).1.is_some());
}

#[test]
fn a_table_that_keeps_the_token_of_an_adopted_row_trusts_an_old_rejection() {
    let weak: Table = |row, event, context| {
        let next = real(row, event, context)?;
        let token = if *event == Event::MarkRestored { row.token } else { next.token };
        Some(Delivery { token, ..next })
    };
    assert!(explore(weak, Bounds { restores: 1, ..bounds(2, 1, 0) }).1.is_some());
}
