//! A time limit for reading what came from a stranger.

use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a document from elsewhere may take to be read. The largest ones take a few seconds.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A thread of a runtime has less, and a deeply nested document needs some.
const STACK: usize = 8 << 20;

/// The work took too long.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be read within {} s", .0.as_secs())]
pub(crate) struct TooSlow(Duration);

/// Does `work` on a thread of its own, for at most `limit`. A thread cannot be stopped, so work that takes longer is
/// abandoned and ends with the process.
pub(crate) async fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TooSlow> {
    let (done, result) = oneshot::channel();
    let work = move || drop(done.send(work()));
    thread::Builder::new().stack_size(STACK).spawn(work).map_err(|_| TooSlow(limit))?;
    timeout(limit, result).await.ok().and_then(Result::ok).ok_or(TooSlow(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_takes_too_long_is_abandoned() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let slow = within(Duration::from_millis(10), move || stopped.recv().is_ok()).await;
        assert_eq!(slow.unwrap_err().to_string(), "it cannot be read within 0 s");
        assert_eq!(within(LONGEST, || 7).await.unwrap(), 7);
        drop(stop);
    }
}
