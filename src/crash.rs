//! Named points at which a test build dies as if the power had gone: what `tests/crash/` drives the real program through.
//!
//! Behind the Cargo feature `crash-points`, which no released binary has; without it every point is nothing at all. It
//! may end the process and nothing else: a program that passes a point alive must be the program that is released.

#[cfg(feature = "crash-points")]
pub(crate) use armed::{due, now, point, point_in, run_lock_is_bypassed};
#[cfg(not(feature = "crash-points"))]
pub(crate) use disarmed::{due, now, point, point_in, run_lock_is_bypassed};

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// `LETTERPRESS_CRASH_AT=name` dies at the first passing of `name`, `name:3` at the third.
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

    /// Whether the process is to die at this passing of `name`.
    pub(crate) fn due(name: &str) -> bool {
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        wanted()
            .is_some_and(|(wanted, nth)| wanted == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth)
    }

    /// Dies.
    pub(crate) fn now() {
        std::process::abort();
    }

    /// Dies if this passing of `name` is the one that was asked for.
    pub(crate) fn point(name: &str) {
        if due(name) {
            now();
        }
    }

    /// The same for a point that many deeds share: `before-commit/freezing the issue`.
    pub(crate) fn point_in(name: &str, deed: &str) {
        if wanted().is_some_and(|(wanted, _)| wanted.starts_with(name)) {
            point(&format!("{name}/{deed}"));
        }
    }

    /// Whether a run goes without its lock, so that leases and tokens alone keep two runs apart.
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
