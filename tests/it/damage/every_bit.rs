//! Each bit of a write-ahead log of 200 deliveries flipped, and each of its ends cut off.
//!
//! The ledger is opened in this process as the next run opens it, and what that run would send is compared with what the
//! relay had taken. A plain `cargo test` takes a sample over the whole log; `LETTERPRESS_DAMAGE=n` takes each n-th bit
//! and each n-th length, and 1 takes all (`just damage`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use letterpress::internals::config::environment;
use letterpress::internals::ledger::State;
use letterpress::internals::store::{Fence, Filter, Store, StoreError, compare, open_sqlite};
use tokio::runtime::{Builder, Runtime};

use super::{HEADER, Image, LOG, killed_with_pages};

/// With pages of the usual size the log has eight times as many bits, and each takes as much longer.
const PAGE: usize = 512;
const FRAME: usize = 24 + PAGE;
const SUBSCRIBERS: usize = 200;
/// How many of them have their email when the sender is killed.
const ACCEPTED: usize = 130;
/// How many bits, and how many lengths, a plain `cargo test` tries.
const SAMPLE: usize = 160;

/// What happens to the log.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// This bit is flipped.
    Bit(usize),
    /// Only so many bytes are left.
    Length(usize),
}

/// What the next run finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The log is refused, and left as it is.
    DamagedLog,
    /// The ledger is refused because it knows less than the fence.
    Behind,
    /// Transactions are lost that armed nothing.
    NothingArmedIsLost,
    /// All of it.
    Everything,
}

/// A ledger whose sender was killed.
struct Killed {
    image: Image,
    /// Whose email the relay took.
    taken: BTreeSet<String>,
    /// Where the last transaction of its log begins.
    last: usize,
}

impl Killed {
    fn new() -> Self {
        let (relay, site, _) = killed_with_pages(SUBSCRIBERS, ACCEPTED, Some(PAGE));
        let image = Image::of(&site);
        let taken = relay.log().messages.into_iter().flat_map(|message| message.rcpt);
        let taken = taken.map(|line| line.split(['<', '>']).nth(1).unwrap().to_owned()).collect();
        let log = image.log();
        let is_commit = |frame: &[u8]| frame[4..8] != [0; 4] && frame[8..16] == log[16..24];
        let mut frames = log[HEADER..].chunks_exact(FRAME).map(is_commit);
        frames.rfind(|is_commit| *is_commit);
        let before = frames.rposition(|is_commit| is_commit).unwrap();
        let last = HEADER + (before + 1) * FRAME;
        Self { image, taken, last }
    }
}

/// A copy of it that can be damaged.
struct Trial<'a> {
    killed: &'a Killed,
    folder: tempfile::TempDir,
    runtime: Runtime,
    /// The deliveries of the whole ledger.
    states: BTreeMap<String, State>,
}

impl<'a> Trial<'a> {
    fn new(killed: &'a Killed) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut trial =
            Self { killed, folder: tempfile::tempdir().unwrap(), runtime, states: BTreeMap::new() };
        trial.put_back(killed.image.log());
        trial.states = trial.deliveries(&trial.open().unwrap());
        trial.put_back(killed.image.log());
        trial
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn put_back(&self, log: &[u8]) {
        self.killed.image.write(self.folder.path(), log);
    }

    fn open(&self) -> Result<Arc<Store>, StoreError> {
        open_sqlite(&self.path("letterpress.db"), &self.path("letterpress.keys"), "")
    }

    fn deliveries(&self, store: &Store) -> BTreeMap<String, State> {
        let rows = self.runtime.block_on(store.deliveries(Filter::default())).unwrap();
        rows.into_iter().map(|view| (view.address, view.row.state)).collect()
    }

    fn after(&self, damage: Damage) -> Found {
        match damage {
            Damage::Bit(bit) => self.flipped(bit),
            Damage::Length(length) => self.cut_off(length),
        }
    }

    fn flipped(&self, bit: usize) -> Found {
        let (at, whole) = (bit / 8, self.killed.image.log());
        let log = File::options().write(true).open(self.path(LOG)).unwrap();
        log.write_all_at(&[whole[at] ^ (1 << (bit % 8))], at as u64).unwrap();
        let what = format!("bit {} of byte {at}", bit % 8);
        let found = self.next_run(&what);
        let is_reported = matches!(found, Found::DamagedLog | Found::Behind);
        assert!(
            is_reported || at >= self.killed.last,
            "{what}: a transaction is lost, and nothing is reported"
        );
        if found == Found::DamagedLog {
            log.write_all_at(&whole[at..=at], at as u64).unwrap();
        } else {
            self.put_back(whole);
        }
        found
    }

    fn cut_off(&self, length: usize) -> Found {
        let whole = self.killed.image.log();
        self.put_back(&whole[..length]);
        let found = self.next_run(&format!("{length} of {} bytes", whole.len()));
        self.put_back(whole);
        found
    }

    fn next_run(&self, what: &str) -> Found {
        let store = match self.open() {
            Ok(store) => store,
            Err(StoreError::DamagedLog { .. }) => return Found::DamagedLog,
            Err(StoreError::DatabaseMissing { .. }) => return Found::Behind,
            Err(error) => panic!("{what}: {error}"),
        };
        let identity = self.runtime.block_on(store.identity()).unwrap();
        let fence = Fence::at(self.path("letterpress.fence")).read().unwrap();
        // The place is not compared: this is a copy.
        if compare(&identity.epoch_mark, None, None, fence.as_ref()).is_err() {
            return Found::Behind;
        }
        let states = self.deliveries(&store);
        for address in &self.killed.taken {
            // The next run takes back what was claimed.
            let is_safe =
                states.get(address).is_some_and(|state| !matches!(state, State::Pending | State::Claimed));
            assert!(is_safe, "{what}: {address} is {:?} and would get it twice", states.get(address));
        }
        if states == self.states { Found::Everything } else { Found::NothingArmedIsLost }
    }
}

/// Tries each of `cases` on all processors.
fn try_all(killed: &Killed, cases: &[Damage]) -> [usize; 4] {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = &AtomicUsize::new(0);
    let work = move || {
        let (trial, mut tally) = (Trial::new(killed), [0; 4]);
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            tally[trial.after(*case) as usize] += 1;
        }
        tally
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold([0; 4], |all, tally| std::array::from_fn(|found| all[found] + tally[found]))
    })
}

/// One in n of `all`. The first one is drawn from the log, which is another one each time.
fn chosen(killed: &Killed, all: usize, damage: fn(usize) -> Damage) -> Vec<Damage> {
    let wanted = environment("LETTERPRESS_DAMAGE").map(|every| every.parse::<usize>().unwrap());
    // Odd, so that it meets each bit of a byte and each part of a frame.
    let every = wanted.unwrap_or((all / SAMPLE) | 1).max(1);
    let seed =
        killed.image.log().iter().fold(0_usize, |seed, byte| (seed * 31 + usize::from(*byte)) % 1_000_003);
    println!("one in {every} of {all}, from {}", seed % every);
    (seed % every..all).step_by(every).map(damage).collect()
}

#[test]
fn f28_no_flipped_bit_and_no_lost_end_of_a_log_of_200_deliveries_leads_to_a_second_email() {
    let killed = Killed::new();
    let log = killed.image.log().len();
    let began = Instant::now();
    let flips = chosen(&killed, log * 8, Damage::Bit);
    let [damaged, behind, nothing, everything] = try_all(&killed, &flips);
    println!(
        "{} bits flipped in a log of {log} bytes and {} emails: 0 mailed twice; {damaged} damaged, {behind} behind the fence, \
         {nothing} without what armed nothing, {everything} whole ({:.0?})",
        flips.len(),
        killed.taken.len(),
        began.elapsed()
    );
    let began = Instant::now();
    let ends = chosen(&killed, log, Damage::Length);
    let [damaged, behind, nothing, everything] = try_all(&killed, &ends);
    println!(
        "{} ends cut off: 0 mailed twice; {damaged} damaged, {behind} behind the fence, {nothing} without what armed nothing, \
         {everything} whole ({:.0?})",
        ends.len(),
        began.elapsed()
    );
}
