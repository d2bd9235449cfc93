//! All faults of one run, drawn from its seed before the run starts.
//!
//! Each kind of fault occurs in some seeds and not in others: if everything failed at once, errors that need only two
//! faults would stay hidden.

use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;

use super::chance::Chance;

/// How the processes share the store and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `SQLite` with the run lock: one sender at a time, one clock, and no other sender during recovery.
    Locked,
    /// `SQLite` without the lock: several senders at a time, separated only by their leases.
    Unlocked,
    /// A database with its own clock, and hosts whose clocks differ.
    Database,
}

/// A fault of one write to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFault {
    /// Another process has locked the file; nothing was written, and a retry helps.
    Busy,
    /// The disk failed; nothing was written.
    Broken,
    /// The commit was applied, but its reply was lost.
    Lost,
    /// The reply was lost, and the commit is applied some time later. Only a database server does that.
    Late,
}

/// An action of a person, a subscriber or the machine while the issue is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// This subscriber unsubscribes.
    Unsubscribe(u64),
    /// This subscriber is suppressed.
    Suppress(u64),
    /// The issue is paused.
    Pause,
    /// The issue is resumed.
    Resume,
    /// The issue is cancelled.
    Cancel,
    /// The first issue gets one more subscriber, as an email of a series does, and opens again.
    Extend,
    /// Deliveries with an unknown outcome are sent again.
    Resend,
    /// Evidence of what arrived is recorded.
    Evidence,
    /// SIGTERM to the sender with this number.
    Signal(usize),
    /// The disk is full for this number of seconds.
    DiskFull(u64),
    /// The clock of the machine or of this sender's host jumps.
    Jump(usize, TimeDelta),
}

/// A sender that is suspended at one of its steps and continues later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stall {
    pub(crate) step: u64,
    pub(crate) lasts: Duration,
    /// The whole process (SIGSTOP, a suspended machine) or only one of its connections.
    pub(crate) whole: bool,
}

/// One run of the program.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) starts: Duration,
    pub(crate) connections: usize,
    /// `kill -9` at this step.
    pub(crate) crash: Option<u64>,
    pub(crate) stalls: Vec<Stall>,
    /// Faults of its writes, by the number of the write.
    pub(crate) store: Vec<(u64, StoreFault)>,
    /// How far its host's clock is wrong from the start, if hosts have their own clocks.
    pub(crate) skew: TimeDelta,
    /// Jumps of its clock, by the number of the step.
    pub(crate) jumps: Vec<(u64, TimeDelta)>,
}

impl Sender {
    /// A process without faults.
    pub(crate) fn healthy() -> Self {
        Self {
            starts: Duration::ZERO,
            connections: 2,
            crash: None,
            stalls: Vec::new(),
            store: Vec::new(),
            skew: TimeDelta::zero(),
            jumps: Vec::new(),
        }
    }
}

/// How the relay behaves: how many percent of its replies are wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temper {
    pub(crate) connect: u64,
    pub(crate) envelope: u64,
    pub(crate) body: u64,
    pub(crate) dot: u64,
    /// The percentage of dots that arrive late.
    pub(crate) slow_dot: u64,
    /// Whether the next envelope is pipelined with a dot.
    pub(crate) pipelines: bool,
    /// The number of messages that one connection accepts.
    pub(crate) messages: u64,
}

/// One run of the simulation.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) style: Style,
    pub(crate) subscribers: u64,
    pub(crate) issues: u64,
    /// `newsletter.on_unknown = "resend"`.
    pub(crate) resend: bool,
    /// The longest wait for a reply.
    pub(crate) latency: Duration,
    pub(crate) senders: Vec<Sender>,
    pub(crate) actions: Vec<(Duration, Action)>,
    pub(crate) temper: Temper,
    /// A recipient that the relay does not know.
    pub(crate) stranger: Option<u64>,
    /// A recipient that the relay always defers.
    pub(crate) greylisted: Option<u64>,
    /// How far the machine's clock was ahead when the issues were frozen.
    pub(crate) frozen_ahead: TimeDelta,
}

impl Plan {
    /// Draws the run of `seed`.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let style = *chance.pick(&[Style::Locked, Style::Unlocked, Style::Database]);
        let latency = Duration::from_millis(*chance.pick(&[0, 3, 60, 4_000]));
        // Without faults a run takes about this long; actions should happen within it.
        let span = latency * 120 + Duration::from_millis(5);
        let subscribers = chance.between(3, 11);
        let jumps = style_jumps(style, &mut chance);
        let (crashes, stalls, store) = (chance.percent(60), chance.percent(40), chance.percent(40));
        let senders = (0..chance.between(2, 4))
            .map(|number| Sender {
                starts: if number == 0 { Duration::ZERO } else { moment(&mut chance, span) },
                connections: usize::try_from(chance.between(1, 3)).unwrap(),
                crash: (crashes && chance.percent(70)).then(|| chance.between(1, subscribers * 10 + 12)),
                stalls: draw_stalls(stalls, subscribers, &mut chance),
                store: draw_store(store, style, &mut chance),
                skew: match style {
                    Style::Database if jumps && chance.percent(50) => jump(&mut chance),
                    _ => TimeDelta::zero(),
                },
                jumps: Vec::new(),
            })
            .collect::<Vec<_>>();
        let temper = draw_temper(&mut chance);
        let mut plan = Self {
            seed,
            style,
            subscribers,
            issues: if chance.percent(20) { 2 } else { 1 },
            resend: chance.percent(25),
            latency,
            senders,
            actions: Vec::new(),
            temper,
            stranger: chance.percent(15).then(|| chance.below(subscribers)),
            greylisted: chance.percent(8).then(|| chance.below(subscribers)),
            frozen_ahead: TimeDelta::zero(),
        };
        plan.draw_actions(jumps, span, &mut chance);
        if chance.percent(25) {
            plan.draw_restless_clock(&mut chance);
        }
        plan
    }

    fn draw_actions(&mut self, jumps: bool, span: Duration, chance: &mut Chance) {
        let people = if chance.percent(60) { chance.between(1, 5) } else { 0 };
        for _ in 0..people {
            let subscriber = chance.below(self.subscribers);
            let sender = usize::try_from(chance.below(self.senders.len() as u64)).unwrap();
            let action = match chance.below(22) {
                0..=5 => Action::Unsubscribe(subscriber),
                6 | 7 => Action::Suppress(subscriber),
                8 | 9 => Action::Pause,
                10 | 11 => Action::Resume,
                12 => Action::Cancel,
                13..=15 => Action::Resend,
                16 => Action::Evidence,
                17 | 18 => Action::Signal(sender),
                19 | 20 => Action::Extend,
                _ => Action::DiskFull(*chance.pick(&[1, 10, 45, 600])),
            };
            self.actions.push((moment(chance, span), action));
        }
        if jumps {
            for _ in 0..chance.between(1, 3) {
                let sender = usize::try_from(chance.below(self.senders.len() as u64)).unwrap();
                self.actions.push((moment(chance, span), Action::Jump(sender, jump(chance))));
            }
        }
    }
}

impl Plan {
    /// A clock that goes back and forth between any two steps, and may be wrong already when the issues are frozen. A
    /// database freezes by its own clock.
    fn draw_restless_clock(&mut self, chance: &mut Chance) {
        if self.style != Style::Database && chance.percent(50) {
            self.frozen_ahead = jump(chance);
        }
        let most = self.subscribers * 10 + 12;
        for sender in &mut self.senders {
            sender.jumps =
                (0..chance.between(1, 12)).map(|_| (chance.between(1, most), jump(chance))).collect();
        }
    }
}

fn style_jumps(style: Style, chance: &mut Chance) -> bool {
    chance.percent(if style == Style::Database { 50 } else { 35 })
}

/// Mostly during the first run, sometimes minutes or hours later.
fn moment(chance: &mut Chance, span: Duration) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap();
    match chance.below(10) {
        0..=6 => Duration::from_micros(chance.below(micros + 1)),
        7 => Duration::from_secs(chance.between(1, 300)),
        8 => Duration::from_secs(chance.between(300, 3_600)),
        _ => Duration::from_secs(chance.between(3_600, 40_000)),
    }
}

fn jump(chance: &mut Chance) -> TimeDelta {
    let far = [TimeDelta::minutes(50), TimeDelta::hours(1), TimeDelta::days(6), TimeDelta::days(3_650)];
    let far = *chance.pick(&far);
    if chance.percent(50) { far } else { -far }
}

fn draw_stalls(any: bool, subscribers: u64, chance: &mut Chance) -> Vec<Stall> {
    let number = if any && chance.percent(70) { chance.between(1, 2) } else { 0 };
    (0..number)
        .map(|_| Stall {
            step: chance.between(1, subscribers * 10 + 12),
            lasts: Duration::from_secs(*chance.pick(&[30, 700, 2_600, 9_000])),
            whole: chance.percent(50),
        })
        .collect()
}

fn draw_store(any: bool, style: Style, chance: &mut Chance) -> Vec<(u64, StoreFault)> {
    let number = if any && chance.percent(70) { chance.between(1, 3) } else { 0 };
    let kinds: &[StoreFault] = match style {
        Style::Database => &[StoreFault::Busy, StoreFault::Broken, StoreFault::Lost, StoreFault::Late],
        _ => &[StoreFault::Busy, StoreFault::Busy, StoreFault::Broken, StoreFault::Lost],
    };
    (0..number).map(|_| (chance.below(30), *chance.pick(kinds))).collect()
}

fn draw_temper(chance: &mut Chance) -> Temper {
    let mut rate = |often: u64| if chance.percent(often) { *chance.pick(&[3, 10, 30]) } else { 0 };
    let (connect, envelope, body, dot, slow_dot) = (rate(30), rate(50), rate(30), rate(70), rate(40));
    Temper {
        connect,
        envelope,
        body,
        dot,
        slow_dot,
        pipelines: chance.percent(60),
        messages: *chance.pick(&[1, 3, 100, 100]),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {:?}, {} issue(s) to {} subscribers, on_unknown = {}, latency up to {:?}",
            self.seed,
            self.style,
            self.issues,
            self.subscribers,
            if self.resend { "resend" } else { "hold" },
            self.latency
        )?;
        let (stranger, greylisted) = (self.stranger, self.greylisted);
        writeln!(
            f,
            "  relay: {:?}, unknown recipient: {stranger:?}, greylisted: {greylisted:?}",
            self.temper
        )?;
        if !self.frozen_ahead.is_zero() {
            writeln!(f, "  frozen by a clock that was {} s ahead", self.frozen_ahead.num_seconds())?;
        }
        for (number, sender) in self.senders.iter().enumerate() {
            write!(f, "  sender {number} at {:?} with {} connection(s)", sender.starts, sender.connections)?;
            if let Some(step) = sender.crash {
                write!(f, ", killed at step {step}")?;
            }
            for stall in &sender.stalls {
                let what = if stall.whole { "whole" } else { "one connection" };
                write!(f, ", stalled at step {} for {:?} ({what})", stall.step, stall.lasts)?;
            }
            for (write, fault) in &sender.store {
                write!(f, ", {fault:?} at write {write}")?;
            }
            if !sender.skew.is_zero() {
                write!(f, ", its clock is {} s off", sender.skew.num_seconds())?;
            }
            for (step, by) in &sender.jumps {
                write!(f, ", its clock jumps by {} s at step {step}", by.num_seconds())?;
            }
            writeln!(f)?;
        }
        for (at, action) in &self.actions {
            writeln!(f, "  at {at:?}: {action:?}")?;
        }
        Ok(())
    }
}
