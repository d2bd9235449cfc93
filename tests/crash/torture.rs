//! Kills at random moments: one, two and three senders on one ledger, with and without the run lock. Between the kills
//! there are terminations, unsubscribes, and locks by other processes. `just torture 1000` runs for several hours.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use letterpress::internals::ledger::State;

use super::support::account::{rows, settle};
use super::support::site::NOW;
use super::support::{At, Do, Script, Server, Site, reply_line};

const CONNECTIONS: usize = 4;
/// The number of kills of one ledger before it is checked.
const ROUND: usize = 40;
/// More than all senders reach between two kills, also on a machine that does nothing else.
const SUBSCRIBERS_PER_KILL: usize = 300;
/// The time from the kill to the first dot of the next run.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many senders run at once, and how.
#[derive(Debug, Clone, Copy)]
struct Setup {
    senders: usize,
    /// Without the lock, only leases and tokens separate the senders.
    lock: bool,
}

const SETUPS: [Setup; 5] = [
    Setup { senders: 1, lock: true },
    Setup { senders: 2, lock: true },
    Setup { senders: 3, lock: true },
    Setup { senders: 2, lock: false },
    Setup { senders: 3, lock: false },
];

/// The totals over all kills.
#[derive(Debug, Default)]
struct Totals {
    kills: usize,
    terminations: usize,
    unsubscribed: usize,
    turned_away: usize,
    sent: usize,
    unknown: usize,
    lost: usize,
    duplicated: usize,
    /// The time to the first dot where nothing was killed before.
    first: Duration,
    pauses: Vec<Duration>,
    broken: Vec<String>,
}

/// Numbers that differ in each step without a random source.
fn spread(step: usize, below: u64) -> u64 {
    (step as u64).wrapping_mul(2_654_435_761) % below
}

struct Round {
    setup: Setup,
    relay: Server,
    site: Site,
    subscribers: usize,
    began: DateTime<Utc>,
    totals: Totals,
}

impl Round {
    fn new(setup: Setup, kills: usize) -> Self {
        let slow = Do::Each(vec![Do::Wait(Duration::from_millis(10)), reply_line("250 2.0.0 ok")]);
        let relay = Server::start(Script::polite().pipelining(setup.senders % 2 == 1).on(At::Dot, slow));
        let subscribers = kills * SUBSCRIBERS_PER_KILL;
        let site = Site::new(relay.port(), subscribers, CONNECTIONS);
        let began = NOW.parse().unwrap();
        Self { setup, relay, site, subscribers, began, totals: Totals::default() }
    }

    /// Each step is later than every lease of the previous one, so a sender that is still alive then is stalled.
    fn time(&self, step: usize) -> String {
        (self.began + TimeDelta::minutes(7 * i64::try_from(step).unwrap())).to_rfc3339()
    }

    fn start(&self, step: usize) -> Child {
        let mut command = self.site.command(Some(&self.time(step)), &["publish"]);
        if !self.setup.lock {
            command.env("LETTERPRESS_NO_RUN_LOCK", "1");
        }
        // One log for the whole round, to explain how a run ended.
        let log = std::fs::File::options().create(true).append(true).open(self.site.path("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn step(&mut self, step: usize, died: Option<Instant>) -> Instant {
        let connections = self.relay.connections();
        let mut senders: Vec<Child> = (0..self.setup.senders).map(|_| self.start(step)).collect();
        let waited = Instant::now();
        while !self.relay.has_message_after(connections) {
            assert!(
                waited.elapsed() < Duration::from_secs(120),
                "{:?}: no sender is active in step {step}: {}",
                self.setup,
                std::fs::read_to_string(self.site.path("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        match died {
            Some(died) => self.totals.pauses.push(died.elapsed()),
            None => self.totals.first = waited.elapsed(),
        }
        if !self.setup.lock {
            // A sender at a later time takes over the leases of the others while they are working.
            senders.push(self.start(step + 1));
            std::thread::sleep(Duration::from_millis(150));
        }
        self.disturb(step);
        std::thread::sleep(Duration::from_millis(20 + spread(step, 130)));
        self.end(step, senders)
    }

    /// What else happens while the issue is being sent.
    fn disturb(&mut self, step: usize) {
        if step.is_multiple_of(3) {
            let address = self.address_from_the_end(self.totals.unsubscribed);
            let ended = self.site.run_at(&self.time(step), &["subscribers", "unsubscribe", &address]);
            assert_eq!(ended.code, 0, "{}", ended.output);
            self.totals.unsubscribed += 1;
        }
        if step % 4 == 1 {
            let mut other = rusqlite::Connection::open(self.site.path("letterpress.db")).unwrap();
            other.busy_timeout(Duration::from_secs(10)).unwrap();
            let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
            std::thread::sleep(Duration::from_millis(100));
            drop(held);
        }
    }

    /// Subscribers at the end of the list unsubscribe, because they are mailed last.
    fn address_from_the_end(&self, number: usize) -> String {
        format!("reader{}@example.org", self.subscribers - 1 - number)
    }

    fn end(&mut self, step: usize, mut senders: Vec<Child>) -> Instant {
        let terminate = step % 5 == 4;
        for sender in &mut senders {
            if let Some(ended) = sender.try_wait().unwrap() {
                let code = ended.code();
                // If two runs without a lock schedule the issue at once, the second one finds that it exists already.
                let beaten = code == Some(1) && step == 0 && !self.setup.lock;
                assert!(
                    beaten || matches!(code, Some(0 | 3 | 4)),
                    "{:?}: ended with {ended} in step {step}: {}",
                    self.setup,
                    std::fs::read_to_string(self.site.path("log")).unwrap()
                );
                self.totals.turned_away += usize::from(code == Some(4));
            } else if terminate {
                self.totals.terminations += 1;
                let status =
                    std::process::Command::new("kill").arg(sender.id().to_string()).status().unwrap();
                assert!(status.success());
            } else {
                self.totals.kills += 1;
                sender.kill().unwrap();
            }
        }
        let died = Instant::now();
        for sender in &mut senders {
            sender.wait().unwrap();
        }
        died
    }

    fn settle(mut self, steps: usize) -> Totals {
        let last = self.site.run_at(&self.time(steps + 20), &["publish"]);
        assert!([0, 3].contains(&last.code), "{}", last.output);
        let account = settle(&self.site, &[&self.relay], self.subscribers);
        let rows = rows(&self.site);
        for number in 0..self.totals.unsubscribed {
            let address = self.address_from_the_end(number);
            if rows[&address] != State::Skipped {
                self.totals.broken.push(format!("{address} unsubscribed and is {}", rows[&address]));
            }
        }
        let most = (self.totals.kills + self.totals.terminations) * CONNECTIONS;
        if account.unknown > most {
            self.totals.broken.push(format!("{} unknown, more than {most}", account.unknown));
        }
        self.totals.broken.extend(account.broken);
        Totals {
            sent: account.sent,
            unknown: account.unknown,
            lost: account.lost,
            duplicated: account.duplicated,
            ..self.totals
        }
    }
}

fn torture(setup: Setup, kills: usize) -> Totals {
    let mut round = Round::new(setup, kills);
    let (mut step, mut died) = (0, None);
    while round.totals.kills < kills {
        died = Some(round.step(step, died));
        step += 1;
    }
    round.settle(step)
}

#[expect(clippy::disallowed_methods, reason = "how long to go on is the caller's choice")]
fn wanted() -> usize {
    std::env::var("LETTERPRESS_TORTURE").map_or(40, |number| number.parse().unwrap())
}

#[test]
fn f57_f58_f73_kills_at_random_moments_lose_and_duplicate_no_message() {
    let mut all_totals = Vec::new();
    for setup in SETUPS {
        let mut left = wanted().div_ceil(SETUPS.len());
        while left > 0 {
            let kills = left.min(ROUND);
            let totals = torture(setup, kills);
            left -= kills;
            println!(
                "{setup:?}: {} kills, {} terminations, {} turned away, {} unsubscribed; {} sent, {} unknown, {} lost, {} duplicated",
                totals.kills,
                totals.terminations,
                totals.turned_away,
                totals.unsubscribed,
                totals.sent,
                totals.unknown,
                totals.lost,
                totals.duplicated
            );
            all_totals.push((setup, totals));
        }
    }
    let sum = |of: fn(&Totals) -> usize| all_totals.iter().map(|(_, totals)| of(totals)).sum::<usize>();
    let mut pauses: Vec<Duration> = all_totals.iter().flat_map(|(_, totals)| totals.pauses.clone()).collect();
    pauses.sort();
    let (median, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    let (kills, unknown) = (sum(|totals| totals.kills), sum(|totals| totals.unknown));
    println!(
        "{kills} kills, {} lost, {} duplicated, {unknown} unknown ({}.{:02} for each kill); \
         the next run sends after {median:.0?}, at most {longest:.0?}",
        sum(|totals| totals.lost),
        sum(|totals| totals.duplicated),
        unknown / kills,
        unknown * 100 / kills % 100,
    );
    let broken: Vec<_> = all_totals.iter().flat_map(|(_, totals)| &totals.broken).collect();
    assert!(broken.is_empty(), "{broken:?}");
    // A stale lock would delay every run; a busy machine delays only some, or the first run as well.
    let quarter = pauses[pauses.len() / 4];
    let first = all_totals.iter().map(|(_, totals)| totals.first).max().unwrap();
    let longest = LONGEST_PAUSE.max(2 * first);
    assert!(quarter < longest, "the next run waits {quarter:?} after a kill, the first {first:?}");
    let away = |lock| all_totals.iter().any(|(setup, totals)| setup.lock == lock && totals.turned_away > 0);
    assert!(away(true) && !away(false), "only the run lock turns other runs away");
}
