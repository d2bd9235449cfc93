//! The environment of one run: time, random numbers, the trace, and the processes.
//!
//! Every `await` of the simulated store and SMTP connection goes through [`Process::gate`]. There a process is killed
//! (its tasks wait forever) or suspended for a while.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::clock::Clock;
use letterpress::internals::delivery::Breaker;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::chance::Chance;
use super::faults::{Plan, Sender, Style};
use super::ledger::Ledger;
use super::server::Relay;
use super::weakness::Weakness;

/// A run with more steps than this is in an endless loop.
const MOST_STEPS: u64 = 60_000;

/// Shared by all parts of one run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) weakness: Option<Weakness>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) relay: Mutex<Relay>,
    /// Fault injection has ended.
    pub(crate) healthy: AtomicBool,
    /// The disk is full until this time.
    pub(crate) full_until: Mutex<Option<Instant>>,
    /// The owner of the run lock.
    pub(crate) lock: Mutex<Option<usize>>,
    pub(crate) processes: Mutex<Vec<Arc<Process>>>,
    /// Set when the run is in an endless loop.
    pub(crate) endless: Notify,
    chance: Mutex<Chance>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    broken: Mutex<Vec<String>>,
    trace: Option<Mutex<Vec<String>>>,
    began: Instant,
    steps: AtomicU64,
    skew: AtomicI64,
}

/// The time at which every run starts.
pub(crate) fn beginning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_168_800, 0).unwrap()
}

impl World {
    pub(crate) fn new(plan: Plan, weakness: Option<Weakness>, tracing: bool) -> Arc<Self> {
        let chance = Chance::new(plan.seed.rotate_left(32) ^ 0x5eed);
        let skew = AtomicI64::new(plan.frozen_ahead.num_milliseconds());
        Arc::new(Self {
            plan,
            weakness,
            ledger: Mutex::default(),
            relay: Mutex::default(),
            healthy: AtomicBool::new(false),
            full_until: Mutex::default(),
            lock: Mutex::default(),
            processes: Mutex::default(),
            endless: Notify::new(),
            chance: Mutex::new(chance),
            counts: Mutex::default(),
            broken: Mutex::default(),
            trace: tracing.then(Mutex::default),
            began: Instant::now(),
            steps: AtomicU64::new(0),
            skew,
        })
    }

    pub(crate) fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap()
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    pub(crate) fn relay(&self) -> MutexGuard<'_, Relay> {
        self.relay.lock().unwrap()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// The true time; processes may see another one.
    pub(crate) fn true_now(&self) -> DateTime<Utc> {
        beginning() + TimeDelta::from_std(self.began.elapsed()).unwrap()
    }

    /// The time of the machine's clock.
    pub(crate) fn machine_now(&self) -> DateTime<Utc> {
        self.true_now() + TimeDelta::milliseconds(self.skew.load(Ordering::Relaxed))
    }

    /// The time that the store uses for leases when its caller passes `now`.
    pub(crate) fn store_now(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.plan.style == Style::Database { self.true_now() } else { now }
    }

    /// Changes a clock: the host clock of `sender` if hosts have their own clocks, otherwise the machine's clock.
    pub(crate) fn jump(&self, sender: usize, by: TimeDelta) {
        self.count("fault: clock jumps");
        if self.plan.style == Style::Database {
            if let Some(process) = self.processes.lock().unwrap().get(sender) {
                process.skew.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
            }
        } else {
            self.skew.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
        }
    }

    /// Ends fault injection and corrects the machine's clock.
    pub(crate) fn heal(&self) {
        self.healthy.store(true, Ordering::Relaxed);
        self.skew.store(0, Ordering::Relaxed);
        *self.full_until.lock().unwrap() = None;
        self.log(|| "the world is healthy now".to_owned());
    }

    pub(crate) fn disk_is_full(&self) -> bool {
        self.full_until.lock().unwrap().is_some_and(|until| Instant::now() < until)
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &'static str, number: u64) {
        *self.counts.lock().unwrap().entry(what).or_default() += number;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap().clone()
    }

    /// Adds a line to the trace; it is formatted only if the trace is enabled.
    pub(crate) fn log(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let at = self.began.elapsed().as_millis();
            trace.lock().unwrap().push(format!("{at:>9} ms  {}", line()));
        }
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.as_ref().map(|trace| trace.lock().unwrap().clone()).unwrap_or_default()
    }

    /// Records a broken guarantee.
    pub(crate) fn broken(&self, what: String) {
        self.log(|| format!("BROKEN  {what}"));
        let mut broken = self.broken.lock().unwrap();
        if !broken.contains(&what) {
            broken.push(what);
        }
    }

    pub(crate) fn breaches(&self) -> Vec<String> {
        self.broken.lock().unwrap().clone()
    }

    fn step(&self) {
        if self.steps.fetch_add(1, Ordering::Relaxed) == MOST_STEPS {
            self.broken(format!("L5: the run goes round in circles ({MOST_STEPS} steps)"));
            self.endless.notify_one();
        }
    }

    fn is_endless(&self) -> bool {
        self.steps.load(Ordering::Relaxed) > MOST_STEPS
    }
}

/// One process: a sender with its own owner name.
pub(crate) struct Process {
    pub(crate) number: usize,
    pub(crate) owner: String,
    pub(crate) sender: Sender,
    pub(crate) world: Arc<World>,
    pub(crate) breaker: Arc<Breaker>,
    /// The number of writes to the store so far.
    pub(crate) writes: AtomicU64,
    /// The commit after which the store failed for this process; nothing may be armed after it.
    pub(crate) store_broke: Mutex<Option<u64>>,
    died: Notify,
    over: AtomicBool,
    steps: AtomicU64,
    still_until: Mutex<Option<Instant>>,
    skew: AtomicI64,
    chance: Mutex<Chance>,
}

impl Process {
    /// A process before its start.
    pub(crate) fn spawn(world: &Arc<World>, sender: Sender) -> Arc<Self> {
        let mut processes = world.processes.lock().unwrap();
        let number = processes.len();
        let process = Arc::new(Self {
            number,
            owner: format!("owner-{number}"),
            skew: AtomicI64::new(sender.skew.num_milliseconds()),
            sender,
            world: Arc::clone(world),
            breaker: Arc::default(),
            writes: AtomicU64::new(0),
            store_broke: Mutex::default(),
            died: Notify::new(),
            over: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            still_until: Mutex::default(),
            chance: Mutex::new(world.chance().split()),
        });
        processes.push(Arc::clone(&process));
        process
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// The process has ended; none of its tasks continues.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        let mut lock = self.world.lock.lock().unwrap();
        if *lock == Some(self.number) {
            *lock = None;
        }
    }

    /// Whether the process is killed at the next gate.
    pub(crate) fn dies_next(&self) -> bool {
        self.sender.crash == Some(self.steps.load(Ordering::Relaxed) + 1)
    }

    /// The store failed permanently for this process.
    pub(crate) fn store_breaks(&self) {
        let commits = self.world.ledger().commits;
        self.store_broke.lock().unwrap().get_or_insert(commits);
    }

    /// Returns when the process is killed.
    pub(crate) async fn killed(&self) {
        self.died.notified().await;
    }

    /// One `await` of an outside call: it takes time, and the process may be killed or suspended meanwhile.
    pub(crate) async fn gate(&self, doing: &str) {
        if self.is_over() || self.world.is_endless() {
            return std::future::pending().await;
        }
        self.world.step();
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.log(|| format!("{}.{step}  {doing}", self.number));
        if self.sender.crash == Some(step) {
            return self.die(doing).await;
        }
        for (_, by) in self.sender.jumps.iter().filter(|(at, _)| *at == step && !self.world.is_healthy()) {
            self.world.jump(self.number, *by);
        }
        let mut wait = self.moment();
        if let Some(stall) = self.sender.stalls.iter().find(|stall| stall.step == step) {
            self.world.count("fault: stalls");
            self.world.log(|| format!("{} is suspended for {:?}", self.number, stall.lasts));
            if stall.whole {
                *self.still_until.lock().unwrap() = Some(Instant::now() + stall.lasts);
            } else {
                wait = stall.lasts;
            }
        }
        if wait.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(wait).await;
        }
        loop {
            let still = *self.still_until.lock().unwrap();
            match still.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => break,
            }
        }
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }

    async fn die(&self, doing: &str) {
        self.world.count("fault: kills");
        self.world.log(|| format!("{} is killed at: {doing}", self.number));
        self.world.ledger().forget_unsynced(&self.world, &self.owner);
        self.end();
        self.died.notify_one();
        std::future::pending::<()>().await;
    }

    fn moment(&self) -> Duration {
        let longest = u64::try_from(self.world.plan.latency.as_micros()).unwrap();
        if longest == 0 || self.world.is_healthy() {
            return Duration::ZERO;
        }
        Duration::from_micros(self.world.chance().below(longest))
    }
}

/// The clock and the random numbers of one process.
pub(crate) struct HostClock(pub(crate) Arc<Process>);

impl Clock for HostClock {
    fn now(&self) -> DateTime<Utc> {
        let skew = TimeDelta::milliseconds(self.0.skew.load(Ordering::Relaxed));
        self.0.world.machine_now() + skew
    }

    fn random(&self) -> [u8; 16] {
        self.0.chance.lock().unwrap().bytes()
    }
}
