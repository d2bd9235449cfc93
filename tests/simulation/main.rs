//! The delivery loop with a simulated clock, store and relay. A seed determines the whole run.
//!
//! `just simulate N` runs N seeds. To repeat one with its trace:
//! `LETTERPRESS_SEED=123 cargo test --test simulation one_seed -- --ignored --nocapture`.
//! The seeds in `seeds.txt` once found an error; they run first.

#![cfg(test)]

mod chance;
mod checker;
mod faults;
mod ledger;
mod replies;
mod run;
mod seeds;
mod server;
mod store;
mod weakness;
mod world;
