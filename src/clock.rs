//! Time and randomness, passed as arguments. This is the only module that gets either from the system.
//!
//! Network timeouts are not here: they are monotonic and belong to the runtime.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// The source of the time and the random bytes of a run.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;
    /// 128 fresh random bits.
    fn random(&self) -> [u8; 16];
}

/// The machine's clock and the operating system's randomness.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[expect(clippy::expect_used, reason = "no delivery token is better than a guessable or repeated one")]
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has randomness");
        bytes
    }
}

/// A clock that is moved by hand, with repeatable randomness: for tests and transcripts.
#[derive(Debug)]
pub struct FrozenClock {
    now: Mutex<DateTime<Utc>>,
    draws: AtomicU64,
    seed: u64,
}

impl FrozenClock {
    /// Starts at `now`; `seed` determines every random draw.
    pub fn at(now: DateTime<Utc>, seed: u64) -> Self {
        Self { now: Mutex::new(now), draws: AtomicU64::new(0), seed }
    }

    /// Moves the clock; a negative step is a jump back.
    pub fn advance(&self, step: TimeDelta) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += step;
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn random(&self) -> [u8; 16] {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            &[self.seed.to_be_bytes(), draw.to_be_bytes()].concat(),
        );
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        bytes
    }
}

/// A stopped clock with real randomness: for transcripts and demonstrations of the real program, whose keys and tokens
/// must not be predictable.
#[derive(Debug)]
pub struct StoppedClock(pub DateTime<Utc>);

impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn random(&self) -> [u8; 16] {
        SystemClock.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_draws_different_bytes_and_repeats_them_for_the_same_seed() {
        let (a, b) = (FrozenClock::at(DateTime::UNIX_EPOCH, 7), FrozenClock::at(DateTime::UNIX_EPOCH, 7));
        let (first, second) = (a.random(), a.random());
        assert_ne!(first, second);
        assert_eq!([first, second], [b.random(), b.random()]);
    }
}
