//! Kills at random moments: one, two and three senders on one ledger, with and without the run lock. Between the kills
//! there are terminations, unsubscribes, and locks by other processes. `just torture 1000` runs for several hours.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use letterpress::ledger::State;

use super::support::account::{rows, settle};
use super::support::site::NOW;
use super::support::{At, Do, Script, Server, Site, reply_line};

const CONNECTIONS: usize = 4;
/// The number of kills of one ledger before it is checked.
const ROUND: usize = 40;
/// More than all senders reach between two kills.
const SUBSCRIBERS_PER_KILL: usize = 150;
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
struct Losses {
    kills: usize,
    terminations: usize,
    unsubscribed: usize,
    turned_away: usize,
    sent: usize,
    unknown: usize,
    lost: usize,
    duplicated: usize,
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
    losses: Losses,
}

impl Round {
    fn new(setup: Setup, kills: usize) -> Self {
        let slow = Do::Each(vec![Do::Wait(Duration::from_millis(10)), reply_line("250 2.0.0 ok")]);
        let relay = Server::start(Script::polite().pipelining(setup.senders % 2 == 1).on(At::Dot, slow));
        let subscribers = kills * SUBSCRIBERS_PER_KILL;
        let site = Site::new(relay.port(), subscribers, CONNECTIONS);
        let began = NOW.parse().unwrap();
        Self { company, relay, site, readers, began, losses: Losses::default() }
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
                waited.elapsed() < Duration::from_secs(60),
                "{:?}: no sender is active in step {step}",
                self.setup
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        self.losses.pauses.extend(died.map(|died| died.elapsed()));
        if !self.company.lock {
            // A sender of a later time takes over what the others hold, while they are at work.
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
            let address = self.leaver(self.losses.left);
            let ended = self.site.run_at(&self.time(step), &["subscribers", "unsubscribe", &address]);
            assert_eq!(ended.code, 0, "{}", ended.said);
            self.losses.left += 1;
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
                self.losses.turned_away += usize::from(code == Some(4));
            } else if terminate {
                self.losses.terminations += 1;
                let told = std::process::Command::new("kill").arg(sender.id().to_string()).status().unwrap();
                assert!(told.success());
            } else {
                self.losses.kills += 1;
                sender.kill().unwrap();
            }
        }
        let died = Instant::now();
        for sender in &mut senders {
            sender.wait().unwrap();
        }
        died
    }

    fn settle(mut self, steps: usize) -> Losses {
        let last = self.site.run_at(&self.time(steps + 20), &["publish"]);
        assert!([0, 3].contains(&last.code), "{}", last.output);
        let account = settle(&self.site, &[&self.relay], self.subscribers);
        let rows = rows(&self.site);
        for number in 0..self.losses.left {
            let leaver = self.leaver(number);
            if rows[&leaver] != State::Skipped {
                self.losses.broken.push(format!("{leaver} left and is {}", rows[&leaver]));
            }
        }
        let most = (self.losses.kills + self.losses.terminations) * CONNECTIONS;
        if account.in_doubt > most {
            self.losses.broken.push(format!("{} in doubt, and not at most {most}", account.in_doubt));
        }
        self.losses.broken.extend(account.broken);
        Losses {
            sent: account.sent,
            unknown: account.unknown,
            lost: account.lost,
            duplicated: account.duplicated,
            ..self.losses
        }
    }
}

fn torture(company: Company, kills: usize) -> Losses {
    let mut round = Round::new(company, kills);
    let (mut step, mut died) = (0, None);
    while round.losses.kills < kills {
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
fn f57_f58_f73_kills_at_any_moment_lose_nobody_and_give_nobody_two_copies() {
    let mut results = Vec::new();
    for company in COMPANIES {
        let mut left = wanted().div_ceil(COMPANIES.len());
        while left > 0 {
            let kills = left.min(ROUND);
            let losses = torture(company, kills);
            left -= kills;
            println!(
                "{company:?}: {} kills, {} terminations, {} turned away, {} left the list; {} sent, {} in doubt, {} lost, {} duplicated",
                losses.kills,
                losses.terminations,
                losses.turned_away,
                losses.left,
                losses.sent,
                losses.in_doubt,
                losses.lost,
                losses.duplicated
            );
            results.push((company, losses));
        }
    }
    let sum = |of: fn(&Losses) -> usize| results.iter().map(|(_, losses)| of(losses)).sum::<usize>();
    let mut pauses: Vec<Duration> = results.iter().flat_map(|(_, losses)| losses.pauses.clone()).collect();
    pauses.sort();
    let (median, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    let (kills, in_doubt) = (sum(|losses| losses.kills), sum(|losses| losses.in_doubt));
    println!(
        "{kills} kills, {} lost, {} duplicated, {unknown} unknown ({}.{:02} for each kill); \
         the next run sends after {median:.0?}, at most {longest:.0?}",
        sum(|losses| losses.lost),
        sum(|losses| losses.duplicated),
        in_doubt / kills,
        in_doubt * 100 / kills % 100,
    );
    let broken: Vec<_> = results.iter().flat_map(|(_, losses)| &losses.broken).collect();
    assert!(broken.is_empty(), "{broken:?}");
    // A stale lock would delay every run; a busy machine delays only some.
    let quarter = pauses[pauses.len() / 4];
    assert!(quarter < LONGEST_PAUSE, "the next run waits {quarter:?} after a kill");
    let away = |lock| results.iter().any(|(company, losses)| company.lock == lock && losses.turned_away > 0);
    assert!(away(true) && !away(false), "the lock turns others away, and only the lock");
}
