//! The committed state of the simulated store. Work in progress is not part of it.
//!
//! States change by the real transition table. For the checker, the same commit also records who armed what and when,
//! and which decisions people made.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::address::EmailAddress;
use letterpress::internals::ledger::transition::{Event, Rejection, TransitionContext};
use letterpress::internals::ledger::{Delivery, IssueState, State, StateCounts, Token};
use letterpress::internals::store::{
    Claimed, DeliveryId, DeliveryNumber, IssueNumber, LeaseClaim, StateChange,
};
use letterpress::internals::subscribers::{AddressKey, SubscriptionStatus};

use super::faults::Style;
use super::weakness::{Weakness, is_written, judge, reported};
use super::world::World;

/// How long after the issue was scheduled a delivery is retried.
pub(crate) const GIVE_UP_HOURS: i64 = 48;

#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) post: String,
    pub(crate) state: IssueState,
    pub(crate) frozen_at: DateTime<Utc>,
    pub(crate) extended_at: Option<DateTime<Utc>>,
    pub(crate) audience: u64,
    /// It was paused and resumed once.
    pub(crate) resumed: bool,
    /// Written when it finishes, and kept true by every later event.
    pub(crate) counts: Option<StateCounts>,
}

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) issue: i64,
    pub(crate) key: AddressKey,
    pub(crate) address: EmailAddress,
    pub(crate) delivery: Delivery,
    pub(crate) owner: Option<String>,
    pub(crate) changed_at: DateTime<Utc>,
}

/// One durable arm.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) number: i64,
    /// The number of the commit.
    pub(crate) commit: u64,
    /// Whether its dot was written.
    pub(crate) dotted: bool,
}

/// The committed state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) issues: BTreeMap<i64, Issue>,
    pub(crate) rows: BTreeMap<i64, Row>,
    pub(crate) status: BTreeMap<AddressKey, SubscriptionStatus>,
    /// The commit in which a subscriber unsubscribed.
    pub(crate) unsubscribed: BTreeMap<AddressKey, u64>,
    pub(crate) arms: BTreeMap<[u8; 16], Arm>,
    /// Recorded decisions to send again, by delivery.
    pub(crate) resends: BTreeMap<i64, u64>,
    /// Deliveries for which evidence was recorded.
    pub(crate) evidence: BTreeSet<i64>,
    /// The number of commits so far.
    pub(crate) commits: u64,
    /// The state before the last commit of each owner, if the store can lose commits.
    unsynced: Option<(String, Box<Ledger>)>,
}

impl Ledger {
    /// Begins a commit of `owner`.
    pub(crate) fn begin(&mut self, world: &World, owner: &str) {
        if world.weakness == Some(Weakness::Unsynced) {
            self.unsynced = None;
            let before = Box::new(self.clone());
            self.unsynced = Some((owner.to_owned(), before));
        }
        self.commits += 1;
    }

    /// The process of `owner` died. A correct store keeps everything; a broken one loses the last commit.
    pub(crate) fn forget_unsynced(&mut self, world: &World, owner: &str) {
        if let Some((last, before)) = self.unsynced.take()
            && last == owner
        {
            world.log(|| "the last commit is lost".to_owned());
            *self = *before;
        }
    }

    /// Issue and subscriber identify a row; a second row is refused, like by `UNIQUE`.
    pub(crate) fn insert(&mut self, row: Row) -> Result<(), String> {
        if self.rows.values().any(|other| (other.issue, other.key) == (row.issue, row.key)) {
            return Err(format!("a second row for {} in issue {}", row.address, row.issue));
        }
        self.rows.insert(i64::try_from(self.rows.len()).unwrap() + 1, row);
        Ok(())
    }

    fn around(&self, world: &World, row: &Row, now: DateTime<Utc>) -> TransitionContext {
        let status = self.status.get(&row.key);
        TransitionContext {
            now: world.store_now(now),
            issue: self.issues[&row.issue].state,
            exclusion: status.map_or(Some("unsubscribed"), |status| status.exclusion_reason()),
            is_exclusive: false,
        }
    }

    /// Applies one event to one delivery.
    pub(crate) fn step(
        &mut self,
        world: &World,
        number: i64,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<State, Rejection> {
        let row = self.rows.get(&number).ok_or(Rejection::NoSuchTransition)?;
        let around = self.around(world, row, now);
        self.step_around(world, number, event, &around)
    }

    fn step_around(
        &mut self,
        world: &World,
        number: i64,
        event: &Event,
        around: &TransitionContext,
    ) -> Result<State, Rejection> {
        let row = self.rows.get_mut(&number).ok_or(Rejection::NoSuchTransition)?;
        let judged = judge(world.weakness, &row.delivery, event, around);
        world.log(|| match &judged {
            Ok(next) => format!("    {number}: {} -> {} by {}", row.delivery.state, next.state, brief(event)),
            Err(refusal) => {
                format!("    {number}: {} stays: {} ({refusal})", row.delivery.state, brief(event))
            }
        });
        let next = judged?;
        let answer = reported(world.weakness, event, &next);
        if let (Event::Arm { token, .. }, State::Armed) = (event, answer) {
            let arm = Arm { number, commit: self.commits, dotted: false };
            if self.arms.insert(token.0, arm).is_some() {
                world.broken(format!("delivery {number} was armed twice with one token"));
            }
        }
        if is_written(world.weakness, &next) {
            let before = std::mem::replace(&mut row.delivery, next).state;
            row.changed_at = around.now;
            let issue = self.issues.get_mut(&row.issue).unwrap();
            if world.weakness != Some(Weakness::CountsAreNotKept) {
                issue.recount(before, row.delivery.state);
            }
            if row.delivery.state == State::Pending
                && issue.state == IssueState::Done
                && world.weakness != Some(Weakness::NeverReopened)
            {
                issue.state = IssueState::Sending;
            }
        }
        Ok(answer)
    }

    /// Applies a batch in one transaction.
    pub(crate) fn commit(
        &mut self,
        world: &World,
        moves: &[StateChange],
        now: DateTime<Utc>,
    ) -> Vec<Result<State, Rejection>> {
        moves.iter().map(|step| self.step(world, step.delivery.number.0, &step.event, now)).collect()
    }

    /// T1, like in the real store.
    pub(crate) fn claim(
        &mut self,
        world: &World,
        claim: &LeaseClaim,
        tokens: &[Token],
        now: DateTime<Utc>,
    ) -> Vec<Claimed> {
        let at = world.store_now(now);
        // A store that trusts the clocks of its callers starts a lease at their current time.
        let foreign = world.plan.style == Style::Database && world.weakness == Some(Weakness::MixedClocks);
        let lease = if foreign { now + claim.lease - at } else { claim.lease };
        let mut tokens = &tokens[..tokens.len().min(claim.limit)];
        let mut claimed = Vec::new();
        loop {
            let waiting = |row: &Row| {
                row.issue == claim.issue.0
                    && row.delivery.state == State::Pending
                    && row.delivery.next_at <= at
            };
            let numbers: Vec<i64> =
                self.rows.iter().filter(|(_, row)| waiting(row)).map(|(n, _)| *n).collect();
            let mut moved = false;
            for number in numbers.into_iter().take(tokens.len()) {
                let Some((token, others)) = tokens.split_first() else { break };
                let Ok(state) = self.step(world, number, &Event::Claim { token: *token, lease }, now) else {
                    continue;
                };
                moved = true;
                if state == State::Claimed {
                    let row = self.rows.get_mut(&number).unwrap();
                    row.owner = Some(claim.owner.clone());
                    claimed.push(in_flight(number, row));
                    tokens = others;
                }
            }
            if !moved || !claimed.is_empty() || tokens.is_empty() {
                return claimed;
            }
        }
    }

    /// T9 and T10.
    pub(crate) fn recover(
        &mut self,
        world: &World,
        owner: &str,
        alone: bool,
        now: DateTime<Utc>,
    ) -> (u64, u64) {
        let held = |row: &Row| {
            matches!(row.delivery.state, State::Claimed | State::Armed) && row.owner.as_deref() != Some(owner)
        };
        let numbers: Vec<i64> = self.rows.iter().filter(|(_, row)| held(row)).map(|(n, _)| *n).collect();
        let (mut waiting, mut unknown) = (0, 0);
        for number in numbers {
            let around =
                TransitionContext { is_exclusive: alone, ..self.around(world, &self.rows[&number], now) };
            match self.step_around(world, number, &Event::Recover, &around) {
                Ok(State::Unknown) => unknown += 1,
                Ok(_) => waiting += 1,
                Err(_) => {}
            }
        }
        (waiting, unknown)
    }

    /// Deliveries that a clock which was ahead has made wait; like in the real store.
    pub(crate) fn pull_forward(&mut self, world: &World, longest: TimeDelta, now: DateTime<Utc>) -> u64 {
        if world.weakness == Some(Weakness::ForwardIsKept) {
            return 0;
        }
        let at = world.store_now(now);
        let is_late = |row: &&mut Row| {
            let Delivery { state, attempts, next_at, .. } = &row.delivery;
            *state == State::Pending && *next_at > at && (*attempts == 0 || *next_at > at + longest)
        };
        let mut pulled = 0;
        for row in self.rows.values_mut().filter(is_late) {
            row.delivery.next_at = at;
            pulled += 1;
        }
        pulled
    }

    /// T11 or T12, a decision by a person.
    pub(crate) fn resolve(
        &mut self,
        world: &World,
        number: i64,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<State, Rejection> {
        let issue = self.rows.get(&number).ok_or(Rejection::NoSuchTransition)?.issue;
        if *event == Event::Resend && self.issues[&issue].state == IssueState::Cancelled {
            return Err(Rejection::NoSuchTransition);
        }
        let state = self.step(world, number, event, now)?;
        if *event == Event::Resend {
            *self.resends.entry(number).or_default() += 1;
        } else {
            self.evidence.insert(number);
        }
        Ok(state)
    }

    /// Pause, resume, cancel.
    pub(crate) fn set_issue(
        &mut self,
        world: &World,
        post: &str,
        state: IssueState,
        now: DateTime<Utc>,
    ) -> bool {
        let Some((number, issue)) = self.issues.iter_mut().find(|(_, issue)| issue.post == post) else {
            return false;
        };
        if issue.state == state || (state == IssueState::Sending && issue.state != IssueState::Paused) {
            return false;
        }
        issue.resumed |= matches!(state, IssueState::Paused | IssueState::Sending);
        issue.state = state;
        if state == IssueState::Cancelled {
            let number = *number;
            let waiting = |row: &Row| {
                row.issue == number && matches!(row.delivery.state, State::Pending | State::Claimed)
            };
            let numbers: Vec<i64> =
                self.rows.iter().filter(|(_, row)| waiting(row)).map(|(n, _)| *n).collect();
            for number in numbers {
                let _ = self.step(world, number, &Event::Skip { reason: "cancelled" }, now);
            }
        }
        true
    }

    /// T0 for one more subscriber of an issue, which opens again if it was done.
    pub(crate) fn extend(
        &mut self,
        number: i64,
        (key, address): (AddressKey, EmailAddress),
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        if self.issues.get(&number).is_none_or(|issue| issue.state == IssueState::Cancelled) {
            return Ok(());
        }
        let delivery = Delivery::new(now);
        self.insert(Row { issue: number, key, address, delivery, owner: None, changed_at: now })?;
        self.status.insert(key, SubscriptionStatus::Active);
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.audience += 1;
            issue.counts = None;
            issue.extended_at = Some(issue.counts_from().max(now));
            if issue.state == IssueState::Done {
                issue.state = IssueState::Sending;
            }
        }
        Ok(())
    }

    pub(crate) fn close_finished(&mut self) {
        let rows = &self.rows;
        for (number, issue) in &mut self.issues {
            let open = rows.values().any(|row| row.issue == *number && row.delivery.state.is_open());
            if issue.state == IssueState::Paused || open {
                continue;
            }
            if issue.state == IssueState::Sending {
                issue.state = IssueState::Done;
            }
            issue.counts.get_or_insert_with(|| counts(rows, *number));
        }
    }

    pub(crate) fn open(&self, number: i64) -> bool {
        self.rows.values().any(|row| row.issue == number && row.delivery.state.is_open())
    }

    /// When the next pending delivery of an issue is due.
    pub(crate) fn next_at(&self, number: i64) -> Option<DateTime<Utc>> {
        let waiting = |row: &&Row| row.issue == number && row.delivery.state == State::Pending;
        self.rows.values().filter(waiting).map(|row| row.delivery.next_at).min()
    }
}

impl Issue {
    /// Where the retry horizon starts.
    pub(crate) fn counts_from(&self) -> DateTime<Utc> {
        self.extended_at.unwrap_or(self.frozen_at)
    }

    /// After an event. The counts of an issue that is open again are not written.
    fn recount(&mut self, before: State, now: State) {
        self.counts = self.counts.take().filter(|_| !now.is_open()).map(|counts| {
            let others = State::ALL.into_iter().map(|state| {
                let number = counts.count(state);
                (state, if state == before { number - 1 } else { number })
            });
            others.chain([(now, 1)]).collect()
        });
    }
}

/// The deliveries of an issue by state.
pub(crate) fn counts(rows: &BTreeMap<i64, Row>, issue: i64) -> StateCounts {
    rows.values().filter(|row| row.issue == issue).map(|row| (row.delivery.state, 1)).collect()
}

/// The identity of a row.
pub(crate) fn id(number: i64, row: &Row) -> DeliveryId {
    DeliveryId { issue: IssueNumber(row.issue), number: DeliveryNumber(number) }
}

fn in_flight(number: i64, row: &Row) -> Claimed {
    let delivery = &row.delivery;
    Claimed {
        id: id(number, row),
        key: row.key,
        address: row.address.clone(),
        name: None,
        fields: None,
        token: delivery.token.unwrap(),
        attempts: delivery.attempts,
        dated: delivery.dated.unwrap(),
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Claim { .. } => "claim".to_owned(),
        Event::Defer { retry, last, .. } => {
            let reply = last.as_ref().map_or("released", |last| &last.text);
            match retry {
                Some(retry) => format!("defer for {} s ({reply})", retry.wait.num_seconds()),
                None => format!("defer ({reply})"),
            }
        }
        Event::Reject { reason, .. } => format!("reject: {reason}"),
        Event::Arm { .. } => "arm".to_owned(),
        Event::Accept { .. } => "accept".to_owned(),
        Event::LoseReply { last, .. } => {
            format!("lose ({})", last.as_ref().map_or("", |last| &last.text))
        }
        Event::Recover => "recover".to_owned(),
        Event::Resend => "resend".to_owned(),
        Event::Skip { reason } => format!("skip: {reason}"),
        other => format!("{other:?}"),
    }
}

/// The number of an issue in the store.
pub(crate) fn number(issue: i64) -> IssueNumber {
    IssueNumber(issue)
}
