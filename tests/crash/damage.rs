//! Damage between a kill and the next run: bits and ends of the write-ahead log, older files, copied files. A run is killed in
//! the middle of an issue, another one at each point, and then the ledger is damaged. The next run finishes the issue, or
//! refuses with a reason; then what is left is accepted. Nobody gets a second email, and nothing is lost without a word.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::matrix::{LATER, MUCH_LATER, THREADS, dies};
use super::support::account::settle;
use super::support::site::NOW;
use super::support::{Script, Server, Site};

const SUBSCRIBERS: usize = 7;
const LOG: &str = "letterpress.db-wal";
const HEADER: usize = 32;
const FRAME: usize = 24 + 4_096;

/// Where the second run is killed; the first one has armed one email.
const POINTS: &[&str] = &[
    "committed/raising the epoch:1",
    "before-commit/recovering after a crash",
    "committed/recovering after a crash",
    "committed/claiming deliveries",
    "body-written:2",
    "before-commit/recording outcomes:3",
    "committed/recording outcomes:3",
    "armed:1",
    "armed:3",
    "dot-written:2",
    "dot-answered:4",
    "before-quit",
    "before-commit/closing finished issues",
    "committed/closing finished issues",
];

/// The ledger as the first kill left it.
struct Older {
    database: Vec<u8>,
    log: Vec<u8>,
}

type Damage = fn(&Site, &Older);

const DAMAGES: &[(&str, Damage)] = &[
    ("no damage", |_, _| {}),
    ("a bit in the header of the log", |site, _| change_log(site, |log| log[13] ^= 8)),
    ("a bit in the first frame", |site, _| change_log(site, |log| log[HEADER + 30] ^= 1)),
    ("a bit in the middle", |site, _| change_log(site, |log| *middle(log) ^= 64)),
    ("a bit in the last frame", |site, _| change_log(site, |log| *log.last_mut().unwrap() ^= 2)),
    ("an empty log", |site, _| change_log(site, Vec::clear)),
    ("half of the log", |site, _| change_log(site, |log| log.truncate(log.len() / 2))),
    ("the last frame is missing", |site, _| change_log(site, |log| log.truncate(log.len() - FRAME))),
    ("half of the last frame is missing", |site, _| {
        change_log(site, |log| log.truncate(log.len() - FRAME / 2));
    }),
    ("no log", |site, _| fs::remove_file(site.path(LOG)).unwrap()),
    ("an older log", |site, older| fs::write(site.path(LOG), &older.log).unwrap()),
    ("an older database beside the log", |site, older| {
        fs::write(site.path("letterpress.db"), &older.database).unwrap();
    }),
    ("an older database with its log", |site, older| {
        fs::write(site.path("letterpress.db"), &older.database).unwrap();
        fs::write(site.path(LOG), &older.log).unwrap();
    }),
    ("every file is a copy", |site, _| copy_all(site)),
];

fn change_log(site: &Site, change: impl FnOnce(&mut Vec<u8>)) {
    let mut log = fs::read(site.path(LOG)).unwrap();
    change(&mut log);
    fs::write(site.path(LOG), log).unwrap();
}

/// A byte of the frame in the middle.
fn middle(log: &mut [u8]) -> &mut u8 {
    let frame = log.len() / FRAME / 2;
    &mut log[HEADER + frame * FRAME + 500]
}

/// As `cp -r` of the folder: each file is another one, with the same content.
fn copy_all(site: &Site) {
    for name in ["letterpress.db", LOG, "letterpress.fence", "letterpress.keys"] {
        fs::copy(site.path(name), site.path("copy")).unwrap();
        fs::rename(site.path("copy"), site.path(name)).unwrap();
    }
}

/// The result of one combination.
#[derive(Default)]
struct Cell {
    is_refused: bool,
    unknown: usize,
    lost: usize,
    duplicated: usize,
    broken: Vec<String>,
}

fn cell(point: &str, damage: Damage) -> Cell {
    let relay = Server::start(Script::polite().pipelining(true));
    let site = Site::new(relay.port(), SUBSCRIBERS, 2);
    assert!(dies(&site, NOW, "armed:1"));
    let older = Older {
        database: fs::read(site.path("letterpress.db")).unwrap(),
        log: fs::read(site.path(LOG)).unwrap(),
    };
    assert!(dies(&site, LATER, point), "no run died at {point}, so the point was not tested");
    damage(&site, &older);
    let _ = fs::remove_file(site.path("letterpress.db-shm"));
    let next = site.run_at(LATER, &["publish"]);
    let mut cell = Cell { is_refused: [1, 2].contains(&next.code), ..Cell::default() };
    let mut wants = |holds: bool, what: &str, output: &str| {
        if !holds {
            cell.broken.push(format!("{what}: {output}"));
        }
    };
    // A copy of the whole ledger goes on as the original; any other ledger that is refused may be an older one.
    let is_moved = next.output.contains("it was copied, or moved");
    if cell.is_refused {
        wants(next.output.contains("help: "), "the refusal does not help", &next.output);
        let moved = if is_moved { &["--moved"][..] } else { &[] };
        let adopted =
            site.run_at(LATER, &[&["ledger", "adopt-restored", "--reason", "test"], moved].concat());
        wants(adopted.code == 0, "it cannot be accepted", &adopted.output);
    } else {
        wants([0, 3].contains(&next.code), "the next run failed", &next.output);
    }
    for command in [&["publish"][..], &["ledger", "verify"]] {
        let ended = site.run_at(MUCH_LATER, command);
        wants([0, 3].contains(&ended.code), &command.join(" "), &ended.output);
    }
    let mut received: BTreeMap<String, usize> = BTreeMap::new();
    for line in relay.log().messages.into_iter().flat_map(|message| message.rcpt) {
        *received.entry(line).or_default() += 1;
    }
    cell.duplicated = received.values().filter(|number| **number > 1).count();
    let account = settle(&site, &[&relay], SUBSCRIBERS);
    cell.unknown = account.unknown;
    // What a refused ledger has forgotten was reported; what another one does not have is lost in silence.
    if !cell.is_refused || is_moved {
        cell.lost = account.lost;
        cell.broken.extend(account.broken);
    }
    cell
}

#[test]
fn f28_damage_between_a_kill_and_the_next_run_loses_nothing_in_silence_and_duplicates_no_message() {
    let work: Vec<(usize, usize)> =
        (0..POINTS.len()).flat_map(|point| (0..DAMAGES.len()).map(move |damage| (point, damage))).collect();
    let (next, cells) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(&(point, damage)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = cell(POINTS[point], DAMAGES[damage].1);
                    cells.lock().unwrap().insert((point, damage), cell);
                }
            });
        }
    });
    let cells = cells.into_inner().unwrap();
    show(&cells);
    let broken: Vec<String> = cells
        .iter()
        .flat_map(|(&(point, damage), cell)| {
            let place = format!("{} x {}", POINTS[point], DAMAGES[damage].0);
            cell.broken.iter().map(move |what| format!("{place}: {what}"))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(cells.len() == work.len() && cells.values().all(|cell| cell.duplicated == 0));
}

/// The table: a digit is the number of unknown outcomes, R is a ledger that was refused first.
fn show(cells: &BTreeMap<(usize, usize), Cell>) {
    for (damage, (name, _)) in DAMAGES.iter().enumerate() {
        let line: Vec<String> = (0..POINTS.len())
            .filter_map(|point| cells.get(&(point, damage)))
            .map(|cell| match cell {
                Cell { duplicated: 1.., .. } => "D".to_owned(),
                Cell { lost: 1.., .. } => "L".to_owned(),
                Cell { is_refused: true, unknown, .. } => format!("R{unknown}"),
                Cell { unknown, .. } => unknown.to_string(),
            })
            .map(|cell| format!("{cell:>3}"))
            .collect();
        println!("{name:40} {}", line.concat());
    }
    let sum = |of: fn(&Cell) -> usize| cells.values().map(of).sum::<usize>();
    println!(
        "{} cells of damage, {} refused, {} unknown, {} lost in silence, {} duplicated",
        cells.len(),
        sum(|cell| usize::from(cell.is_refused)),
        sum(|cell| cell.unknown),
        sum(|cell| cell.lost),
        sum(|cell| cell.duplicated)
    );
}
