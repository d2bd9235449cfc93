//! The delivery loop in a scripted world: clock, store and relay obey a seed, one seed is one run.
//!
//! `just simulate N` runs N seeds; `LETTERPRESS_SEED=123 cargo test --test simulation one_seed -- --ignored --nocapture` repeats
//! one with its whole trace. Seeds in `seeds.txt` found something once; they run first.

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
