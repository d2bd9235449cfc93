//! Every crash point with every relay script: a run dies there, later runs finish, and the ledger is compared with the
//! relay.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::replies;
use super::support::account::{Account, published, rows, settle};
use super::support::{Script, Server, Site};

const SUBSCRIBERS: usize = 5;
pub(crate) const THREADS: usize = 4;

/// A later time, when every deferred delivery may be retried.
pub(crate) const LATER: &str = "2026-11-20T10:07:00Z";
pub(crate) const MUCH_LATER: &str = "2026-11-20T12:00:00Z";

/// Where a run dies (`name:n` is the n-th time that it is reached) and how many connections it uses.
const POINTS: &[(&str, usize)] = &[
    // F14 and the first run
    ("store-made", 1),
    ("in-migration", 1),
    ("before-commit/migrating it", 1),
    ("committed/migrating it", 1),
    ("keys-staged", 1),
    ("keys-made", 1),
    ("before-commit/adding subscribers", 1),
    ("committed/adding subscribers", 1),
    // F1, F2
    ("ids-written", 1),
    ("feed-staged:2", 1),
    ("feed-renamed:1", 1),
    ("feed-renamed:2", 1),
    ("feeds-in-place", 1),
    // F3, F4
    ("before-commit/freezing the issue", 1),
    ("committed/freezing the issue", 1),
    // F13, also with nothing to recover
    ("before-commit/recovering after a crash", 1),
    ("committed/recovering after a crash", 1),
    // F5
    ("before-commit/claiming deliveries", 1),
    ("committed/claiming deliveries", 1),
    ("before-connect:2", 2),
    // F6
    ("mail-answered:2", 1),
    ("rcpt-answered:2", 1),
    ("data-answered:2", 2),
    ("mid-body:2", 1),
    ("mid-body:3", 2),
    // F7
    ("body-written:2", 1),
    ("body-written:3", 2),
    // F12
    ("before-commit/recording outcomes:2", 1),
    ("committed/recording outcomes:2", 1),
    ("before-commit/recording outcomes:3", 2),
    ("committed/recording outcomes:3", 2),
    // F8
    ("armed:1", 1),
    ("armed:2", 1),
    ("armed:3", 2),
    // F9
    ("dot-written:2", 1),
    ("dot-written:3", 2),
    // F10
    ("dot-answered:2", 1),
    ("dot-answered:3", 2),
    ("dot-answered:5", 1),
    // F11
    ("before-quit", 1),
    ("before-commit/closing finished issues", 1),
    ("committed/closing finished issues", 1),
];

/// How many of these points come before the first connection.
const BEFORE_ANY_RELAY: usize = 17;

/// The result of one combination.
struct Cell {
    killed: bool,
    account: Account,
}

/// Runs `publish` with a crash point; returns whether it died there.
pub(crate) fn dies(site: &Site, now: &str, point: &str) -> bool {
    dies_with(site, now, point, &["publish"])
}

/// The same for another command.
pub(crate) fn dies_with(site: &Site, now: &str, point: &str, arguments: &[&str]) -> bool {
    let mut command = site.command(Some(now), arguments);
    let output = command.env("LETTERPRESS_CRASH_AT", point).output().unwrap();
    // SIGABRT, not a panic, which would be exit code 101.
    let killed = output.status.signal() == Some(6);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        killed || [Some(0), Some(1), Some(2), Some(3)].contains(&output.status.code()),
        "{point}: {errors}"
    );
    assert!(!errors.contains("panicked"), "{point}: {errors}");
    killed
}

fn cell(point: &str, connections: usize, script: Script, clean: &str) -> Cell {
    let odd = Server::start(script);
    let site = Site::unopened(odd.port(), SUBSCRIBERS, connections);
    let list = "list = \"readers.csv\"\nlist_confirmed = true\n";
    site.relay(odd.port(), connections, list);
    let killed = dies(&site, super::support::site::NOW, point);
    let healthy = Server::start(Script::polite().pipelining(true));
    site.relay(healthy.port(), connections, list);
    let next = site.run_at(LATER, &["publish"]);
    let relays = [&odd, &healthy];
    let arrived = || relays.map(|relay| relay.log().messages.len());
    let before = arrived();
    let last = site.run_at(MUCH_LATER, &["publish"]);
    let mut account = settle(&site, &relays, SUBSCRIBERS);
    let mut wants = |holds: bool, what: &str| {
        if !holds {
            account.broken.push(format!("{what}: {}{}", next.output, last.output));
        }
    };
    wants([0, 3].contains(&next.code), "the next run failed");
    wants(last.code == 0, "a run with nothing to do failed");
    wants(arrived() == before, "a run with nothing to do sent something");
    wants(published(&site.path("public")) == clean, "the feeds differ from a clean build's");
    let most = connections + 1;
    if account.unknown > most {
        account.broken.push(format!("{} unknown, more than {most}", account.unknown));
    }
    Cell { killed, account }
}

fn clean_build() -> String {
    let site = Site::unopened(9, 0, 1);
    assert_eq!(site.run(&["build"]).code, 0);
    published(&site.path("public"))
}

#[test]
fn every_crash_point_with_every_reply_loses_and_duplicates_no_message() {
    let (scripts, clean) = (replies::all(), clean_build());
    // A run that dies before it connects is not affected by the relay's script, so one script is enough.
    let scripts_for = |point: usize| if point < BEFORE_ANY_RELAY { 1 } else { scripts.len() };
    let work: Vec<(usize, usize)> = (0..POINTS.len())
        .flat_map(|point| (0..scripts_for(point)).map(move |script| (point, script)))
        .collect();
    let (next, cells) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&(point, script)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (name, connections) = POINTS[point];
                    let cell = cell(name, connections, scripts[script].1.clone(), &clean);
                    cells.lock().unwrap().insert((point, script), cell);
                }
            });
        }
    });
    let cells = cells.into_inner().unwrap();
    show(&cells, &scripts);
    let broken: Vec<String> = cells
        .iter()
        .flat_map(|(&(point, script), cell)| {
            let place = format!("{} x {}", POINTS[point].0, scripts[script].0);
            cell.account.broken.iter().map(move |what| format!("{place}: {what}"))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(cells.len(), work.len());
    for (point, (name, _)) in POINTS.iter().enumerate() {
        let reached = (0..scripts_for(point)).any(|script| cells[&(point, script)].killed);
        assert!(reached, "no run died at {name}, so the point was not tested");
    }
}

/// The table: a digit is the number of unknown outcomes after a death, a dot is a run that ended before it reached the
/// point.
fn show(cells: &BTreeMap<(usize, usize), Cell>, scripts: &[(&str, Script)]) {
    for (number, (name, _)) in scripts.iter().enumerate() {
        println!("{number:>3}  {name}");
    }
    let ones: String = (0..scripts.len()).map(|number| digit(number % 10)).collect();
    println!("{:46} {ones}", "");
    for (point, (name, connections)) in POINTS.iter().enumerate() {
        let line: String = (0..scripts.len())
            .filter_map(|script| cells.get(&(point, script)))
            .map(|cell| match cell {
                Cell { account, .. } if account.duplicated > 0 => 'D',
                Cell { account, .. } if account.lost > 0 => 'L',
                Cell { killed: false, account } if account.unknown == 0 => '.',
                Cell { killed: false, .. } => '?',
                Cell { account, .. } => digit(account.unknown),
            })
            .collect();
        println!("{:46} {line}", format!("{name} ({connections})"));
    }
    let sum = |of: fn(&Cell) -> usize| cells.values().map(of).sum::<usize>();
    println!(
        "{} cells, {} kills, {} unknown, {} lost, {} duplicated",
        cells.len(),
        sum(|cell| usize::from(cell.killed)),
        sum(|cell| cell.account.unknown),
        sum(|cell| cell.account.lost),
        sum(|cell| cell.account.duplicated)
    );
}

fn digit(number: usize) -> char {
    u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10)).unwrap_or('+')
}

/// A site before its first run, with subscribers in its list.
pub(crate) fn site(relay: &Server, subscribers: usize, connections: usize) -> Site {
    let site = Site::unopened(relay.port(), subscribers, connections);
    site.relay(relay.port(), connections, "list = \"readers.csv\"\nlist_confirmed = true\n");
    site.be_impatient();
    site
}

#[test]
fn f13_a_recovery_that_dies_repeatedly_has_the_same_result() {
    let relay = Server::start(Script::polite().pipelining(true));
    let site = site(&relay, SUBSCRIBERS, 2);
    assert!(dies(&site, LATER, "armed:3"));
    for _ in 0..5 {
        assert!(dies(&site, LATER, "before-commit/recovering after a crash"));
    }
    let held = rows(&site);
    for _ in 0..5 {
        assert!(dies(&site, LATER, "committed/recovering after a crash"));
    }
    assert!(held.values().any(|state| *state == letterpress::internals::ledger::State::Armed), "{held:?}");
    assert_eq!(site.run_at(LATER, &["publish"]).code, 3, "an unknown outcome must be reported by every run");
    let account = settle(&site, &[&relay], SUBSCRIBERS);
    assert!(account.broken.is_empty(), "{:?}", account.broken);
    assert!((1..=2).contains(&account.unknown), "{account:?}");
}
