//! The tests: they run seeds on all cores and check that the checker detects broken ledgers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::faults::Plan;
use super::run::simulate;
use super::weakness::Weakness;

/// The number of seeds in a normal `cargo test`.
const EVERY_TIME: u64 = 10_000;

/// Totals over many runs, and the first run that broke a guarantee.
#[derive(Default)]
struct Outcome {
    runs: u64,
    counts: BTreeMap<&'static str, u64>,
    failed: Option<(u64, Vec<String>)>,
}

/// Runs the seeds on every core; stops at the first that breaks a guarantee.
fn run_all(seeds: &[u64], weakness: Option<Weakness>) -> Outcome {
    let (next, outcome) = (AtomicU64::new(0), Mutex::new(Outcome::default()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Outcome::default();
                while let Some(seed) =
                    seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap())
                {
                    let world = simulate(Plan::draw(*seed), weakness, false);
                    own.runs += 1;
                    for (what, number) in world.counts() {
                        *own.counts.entry(what).or_default() += number;
                    }
                    let breaches = world.breaches();
                    if !breaches.is_empty() {
                        own.failed = Some((*seed, breaches));
                        next.store(seeds.len() as u64, Ordering::Relaxed);
                    }
                }
                let mut all = outcome.lock().unwrap();
                all.runs += own.runs;
                for (what, number) in own.counts {
                    *all.counts.entry(what).or_default() += number;
                }
                if all
                    .failed
                    .as_ref()
                    .is_none_or(|(seed, _)| own.failed.as_ref().is_some_and(|own| own.0 < *seed))
                {
                    all.failed = own.failed.or(all.failed.take());
                }
            });
        }
    });
    outcome.into_inner().unwrap()
}

/// The seeds that once found an error.
fn remembered() -> Vec<u64> {
    include_str!("seeds.txt")
        .lines()
        .filter_map(|line| line.split('#').next().map(str::trim).filter(|word| !word.is_empty()))
        .map(|word| word.parse().unwrap())
        .collect()
}

fn report(outcome: &Outcome) {
    println!("{} seeds", outcome.runs);
    for (what, number) in &outcome.counts {
        println!("{number:>12}  {what}");
    }
}

/// Describes the broken guarantee, the faults of the run, and its end.
fn explain(seed: u64, breaches: &[String], lines: usize) -> String {
    let world = simulate(Plan::draw(seed), None, true);
    let trace = world.trace();
    let end = trace[trace.len().saturating_sub(lines)..].join("\n");
    format!(
        "{}\nbroken:\n  {}\n\nthe end of its trace:\n{end}\n\nrepeat it with LETTERPRESS_SEED={seed} \
         cargo test --test simulation one_seed -- --ignored --nocapture",
        world.plan,
        breaches.join("\n  ")
    )
}

fn no_promise_breaks(seeds: &[u64]) {
    let outcome = run_all(seeds, None);
    report(&outcome);
    if let Some((seed, breaches)) = &outcome.failed {
        panic!("{}", explain(*seed, breaches, 60));
    }
    assert_eq!(outcome.runs, seeds.len() as u64);
}

/// A number from an environment variable.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's own environment is left to `config`; this is a test's"
)]
fn chosen(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|word| word.parse().unwrap())
}

#[test]
fn seeds_that_once_found_an_error_pass_now() {
    no_promise_breaks(&remembered());
}

#[test]
fn no_run_breaks_a_guarantee() {
    no_promise_breaks(&(0..EVERY_TIME).collect::<Vec<_>>());
}

#[test]
#[ignore = "as long as you like: `just simulate 1000000`"]
fn more_seeds() {
    let number = chosen("LETTERPRESS_SEEDS").unwrap_or(100_000);
    let first = chosen("LETTERPRESS_FIRST_SEED").unwrap_or(EVERY_TIME);
    no_promise_breaks(&(first..first + number).collect::<Vec<_>>());
}

#[test]
#[ignore = "for a person: prints the whole trace of LETTERPRESS_SEED"]
fn one_seed() {
    let seed = chosen("LETTERPRESS_SEED").unwrap_or(0);
    let world = simulate(Plan::draw(seed), None, true);
    println!("{}", explain(seed, &world.breaches(), usize::MAX));
    assert_eq!(world.breaches(), Vec::<String>::new());
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..40 {
        let [once, again] = [(); 2].map(|()| simulate(Plan::draw(seed), None, true).trace());
        assert!(once.len() > 20, "seed {seed} has an empty trace");
        assert_eq!(once, again, "seed {seed}");
    }
}

#[test]
fn every_broken_ledger_is_detected() {
    for weakness in Weakness::ALL {
        let outcome = run_all(&(0..3_000).collect::<Vec<_>>(), Some(weakness));
        let (seed, breaches) = outcome.failed.unwrap_or_else(|| panic!("{weakness:?} was not found out"));
        println!("{weakness:?}: {} seeds, seed {seed}: {}", outcome.runs, breaches[0]);
    }
}
