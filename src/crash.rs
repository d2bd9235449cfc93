//! Named points at which a test build aborts as if the power had failed; `tests/crash/` uses them on the real program.
//!
//! They exist only with the Cargo feature `crash-points`, which no release has; without it every point compiles to
//! nothing. A point may only end the process: a program that passes it must behave like the released one.

#[cfg(feature = "crash-points")]
pub(crate) use armed::{due, now, point, point_in, run_lock_is_bypassed};
#[cfg(not(feature = "crash-points"))]
pub(crate) use disarmed::{due, now, point, point_in, run_lock_is_bypassed};

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// `LETTERPRESS_CRASH_AT=name` aborts when `name` is passed the first time, `name:3` the third time.
    fn wanted() -> Option<&'static (String, usize)> {
        static WANTED: OnceLock<Option<(String, usize)>> = OnceLock::new();
        WANTED
            .get_or_init(|| {
                let text = environment("LETTERPRESS_CRASH_AT")?;
                let nth = text.rsplit_once(':').and_then(|(name, nth)| Some((name, nth.parse().ok()?)));
                Some(nth.map_or((text.clone(), 1), |(name, nth)| (name.to_owned(), nth)))
            })
            .as_ref()
    }

    #[expect(clippy::disallowed_methods, reason = "a knob of test builds, which users never see")]
    fn environment(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Whether the process is to abort at this passing of `name`.
    pub(crate) fn due(name: &str) -> bool {
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        wanted()
            .is_some_and(|(wanted, nth)| wanted == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth)
    }

    /// Aborts.
    pub(crate) fn now() {
        std::process::abort();
    }

    /// Aborts if this passing of `name` is the requested one.
    pub(crate) fn point(name: &str) {
        if due(name) {
            now();
        }
    }

    /// The same for a point that several operations share: `before-commit/freezing the issue`.
    pub(crate) fn point_in(name: &str, operation: &str) {
        if wanted().is_some_and(|(wanted, _)| wanted.starts_with(name)) {
            point(&format!("{name}/{operation}"));
        }
    }

    /// Whether a run skips its lock, so that only leases and tokens protect against another run.
    pub(crate) fn run_lock_is_bypassed() -> bool {
        environment("LETTERPRESS_NO_RUN_LOCK").is_some()
    }
}

#[cfg(not(feature = "crash-points"))]
mod disarmed {
    #[inline]
    pub(crate) const fn due(_: &str) -> bool {
        false
    }

    #[inline]
    pub(crate) const fn now() {}

    #[inline]
    pub(crate) const fn point(_: &str) {}

    #[inline]
    pub(crate) const fn point_in(_: &str, _: &str) {}

    #[inline]
    pub(crate) const fn run_lock_is_bypassed() -> bool {
        false
    }
}
