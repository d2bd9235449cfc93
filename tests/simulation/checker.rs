//! Checks the guarantees of `docs/ledger.md` against what the relay accepted and what the ledger contains.
//!
//! Some can only be broken at one moment (the dot, an acceptance, a commit) and are checked then. The others are
//! checked at the end, after runs without faults have finished the issue.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use letterpress::internals::delivery::Envelope;
use letterpress::internals::ledger::State;

use super::faults::Style;
use super::ledger::{GIVE_UP_HOURS, Ledger, Row, counts};
use super::server::Accepted;
use super::world::{Process, World};

/// Before a dot: the delivery must be armed durably, and the arm must be unused. Returns its token.
pub(crate) fn dot(process: &Process, envelope: &Envelope) -> [u8; 16] {
    let world = &process.world;
    world.count("dots");
    let token = token(envelope);
    let mut ledger = world.ledger();
    let Some(arm) = ledger.arms.get_mut(&token) else {
        world.broken(format!("a dot without a durable arm, to {}", envelope.to));
        return token;
    };
    if std::mem::replace(&mut arm.dotted, true) {
        world.broken(format!("two dots for one arm, to {}", envelope.to));
    }
    if process.store_broke.lock().unwrap().is_some_and(|broke| arm.commit > broke) {
        world.broken(format!("a dot that was armed after the store had failed, to {}", envelope.to));
    }
    token
}

fn token(envelope: &Envelope) -> [u8; 16] {
    let from = envelope.from.to_string();
    let hex = from.split(['+', '@']).nth(1).unwrap();
    u128::from_str_radix(hex, 16).unwrap().to_be_bytes()
}

/// When the relay accepts a message: its subscriber must not have unsubscribed before the arm.
pub(crate) fn accept(world: &World, token: [u8; 16], message: Accepted) {
    world.count("accepted");
    let ledger = world.ledger();
    if let Some(arm) = ledger.arms.get(&token) {
        let key = ledger.rows[&arm.number].key;
        if ledger.unsubscribed.get(&key).is_some_and(|unsubscribed| *unsubscribed < arm.commit) {
            world.broken(format!("{} unsubscribed before the arm and got the message", message.subscriber));
        }
    }
    world.relay().accepted.insert(token, message);
}

/// After every commit.
pub(crate) fn after_commit(world: &World, ledger: &Ledger) {
    let mut armed: BTreeMap<&str, usize> = BTreeMap::new();
    for row in ledger.rows.values().filter(|row| row.delivery.state == State::Armed) {
        *armed.entry(row.owner.as_deref().unwrap_or("nobody")).or_default() += 1;
    }
    let processes = world.processes.lock().unwrap();
    for (owner, armed) in armed {
        let connections = processes
            .iter()
            .find(|process| process.owner == owner)
            .map_or(0, |process| process.sender.connections);
        if armed > connections {
            world.broken(format!(
                "{armed} deliveries of {owner} are armed at once on {connections} connection(s)"
            ));
        }
    }
    // A clock jump must not delay a delivery beyond the retry limit.
    for (number, row) in ledger.rows.iter().filter(|(_, row)| row.delivery.state == State::Pending) {
        let horizon = ledger.issues[&row.issue].counts_from() + TimeDelta::hours(GIVE_UP_HOURS);
        if row.delivery.next_at > horizon {
            world.broken(format!(
                "L5: delivery {number} waits until {}, beyond the horizon",
                row.delivery.next_at
            ));
        }
    }
}

/// After the final runs without faults.
pub(crate) fn at_the_end(world: &World) {
    let (ledger, relay) = (world.ledger(), world.relay());
    let mut messages: BTreeMap<i64, Vec<&Accepted>> = BTreeMap::new();
    for (token, message) in &relay.accepted {
        match ledger.arms.get(token) {
            Some(arm) => messages.entry(arm.number).or_default().push(message),
            None => world
                .broken(format!("the relay accepted a message to {} that was not armed", message.subscriber)),
        }
    }
    let yes =
        relay.confirmed.iter().filter_map(|token| ledger.arms.get(token)).map(|arm| arm.number).collect();
    for (number, row) in &ledger.rows {
        let messages = messages.remove(number).unwrap_or_default();
        row_at_the_end(world, &ledger, (*number, row), &messages, &yes);
    }
    for (number, issue) in &ledger.issues {
        let tally = counts(&ledger.rows, *number);
        if issue.counts.as_ref().is_some_and(|written| *written != tally) {
            world.broken(format!("issue {number} has other counts than were written when it finished"));
        }
        if tally.total() != issue.audience {
            world.broken(format!("L4: {} rows for an audience of {}", tally.total(), issue.audience));
        }
        if tally.open() > 0 {
            world.broken(format!("L5: {} of issue {number} are still open", tally.open()));
        }
        world.add("unknown at the end", tally.unknown());
        world.add("sent at the end", tally.count(State::Sent));
        world.add("failed at the end", tally.count(State::Failed));
        world.add("skipped at the end", tally.count(State::Skipped));
    }
    world.add("resends decided", ledger.resends.values().sum());
    world.add("commits", ledger.commits);
}

fn row_at_the_end(
    world: &World,
    ledger: &Ledger,
    (number, row): (i64, &Row),
    messages: &[&Accepted],
    yes: &std::collections::BTreeSet<i64>,
) {
    let decided = ledger.resends.get(&number).copied().unwrap_or(0);
    let (state, count) = (row.delivery.state, messages.len() as u64);
    let about = format!("delivery {number} to {} is {state}", row.address);
    if count > 1 + decided {
        world.broken(format!("L1: {count} messages with {decided} decided resends: {about}"));
    }
    if u64::from(row.delivery.resends) != decided {
        world.broken(format!("L1: {decided} resends were decided, {} counted", row.delivery.resends));
    }
    // If the store has its own clock, no host clock may end the retries early.
    let tried = row.changed_at - ledger.issues[&row.issue].frozen_at;
    if world.plan.style == Style::Database
        && row.delivery.reason.as_deref() == Some("expired")
        && tried < TimeDelta::hours(GIVE_UP_HOURS - 8)
    {
        world.broken(format!("L5: given up after {} h: {about}", tried.num_hours()));
    }
    let evidence = ledger.evidence.contains(&number);
    if state == State::Sent && !yes.contains(&number) && !evidence {
        world.broken(format!("L2: no sender read a 2yz, but {about}"));
    }
    if matches!(state, State::Failed | State::Skipped | State::Pending) && count > 0 {
        world.broken(format!("L3: the relay accepted {count} messages, but {about}"));
    }
    if state != State::Sent && (yes.contains(&number) || evidence) && !unrecorded(world) {
        world.broken(format!("L4: a 2yz was read, but {about}"));
    }
    if let [first, rest @ ..] = messages {
        let same = rest.iter().all(|message| message == first);
        if !same {
            world.broken(format!("a resend with different bytes: {about}"));
        }
        if first.subscriber != row.address.to_string()
            || first.message_id != format!("<{number}@news.example>")
        {
            world.broken(format!("a message for another recipient: {about}"));
        }
    }
    if count > 1 {
        world.add("second messages by decision", count - 1);
    }
}

/// Whether a process may have lost a reply that it read: it was killed, or its store failed.
fn unrecorded(world: &World) -> bool {
    let full = world.counts().contains_key("fault: disk full");
    full || world
        .processes
        .lock()
        .unwrap()
        .iter()
        .any(|process| process.sender.crash.is_some() || !process.sender.store.is_empty())
}
