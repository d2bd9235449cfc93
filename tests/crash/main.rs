//! Kills the real program at named points and at random moments, with one and with several senders. `cargo test
//! --features crash-points --test crash` builds it with the points of `src/crash.rs`; a plain `cargo test` skips these
//! tests.

#[cfg(test)]
mod busy;
#[cfg(test)]
mod damage;
#[cfg(test)]
#[path = "../it/earlier.rs"]
mod earlier;
#[cfg(test)]
mod history;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod points;
#[cfg(test)]
mod replies;
#[cfg(test)]
#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the integration tests use more of it")]
mod support;
#[cfg(test)]
mod torture;
