//! Limits the number of connections. When all are in use, the connection that has been idle longest is closed for a new
//! one.
//!
//! There is also a limit per client network. Connections of a trusted proxy serve many clients and don't count towards it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// After this time, a connection whose client is still reading a response may be closed for a new one.
const SLOW: Duration = Duration::from_secs(5);
/// File descriptors reserved for the store and served files.
const OTHER_FILES: usize = 64;
const FEWEST: usize = 16;

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Waiting for a request or for the rest of one.
    Idle,
    /// The handler is running; it is never interrupted.
    Working,
    /// The client is reading the response.
    Taking,
}

/// The connection limit and the open connections.
pub(super) struct Seats {
    most: usize,
    most_of_network: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    taken: HashMap<u64, Taken>,
}

struct Taken {
    network: Option<String>,
    doing: Doing,
    since: Instant,
    leave: Arc<Notify>,
}

impl Taken {
    /// Since when the connection may be closed for another; `None` if it may not be.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        match self.doing {
            Doing::Idle => Some(self.since),
            Doing::Taking if now - self.since > SLOW => Some(self.since),
            Doing::Taking | Doing::Working => None,
        }
    }
}

/// The place of one connection, freed on drop.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seats {
    /// Creates `most` places, of which one network may hold `most_of_network`.
    pub(super) fn new(most: usize, most_of_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_network, table: Mutex::default() })
    }

    /// Takes a place for a client of `network`. Returns `None` if all places it could have are busy with a response.
    pub(super) fn take(self: &Arc<Self>, network: Option<String>) -> Option<Seat> {
        let mut table = self.lock();
        if network.is_some() {
            let of_network = |taken: &Taken| taken.network == network;
            if table.taken.values().filter(|taken| of_network(taken)).count() >= self.most_of_network {
                table.free(of_network)?;
            }
        }
        if table.taken.len() >= self.most {
            table.free(|_| true)?;
        }
        let (number, leave) = (table.next, Arc::new(Notify::new()));
        table.next += 1;
        let taken = Taken { network, doing: Doing::Idle, since: Instant::now(), leave: Arc::clone(&leave) };
        table.taken.insert(number, taken);
        drop(table);
        Some(Seat { seats: Arc::clone(self), number, leave })
    }

    /// Whether a place is free or can be freed.
    pub(super) fn has_room(&self) -> bool {
        let (table, now) = (self.lock(), Instant::now());
        table.taken.len() < self.most || table.taken.values().any(|taken| taken.idle_since(now).is_some())
    }

    /// Closes the connection that has been idle longest.
    pub(super) fn free_one(&self) {
        let _ = self.lock().free(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn free(&mut self, may_go: impl Fn(&Taken) -> bool) -> Option<()> {
        let now = Instant::now();
        let idle = self.taken.iter().filter(|(_, taken)| may_go(taken));
        let (_, number) = idle.filter_map(|(number, taken)| Some((taken.idle_since(now)?, *number))).min()?;
        self.taken.remove(&number)?.leave.notify_one();
        Some(())
    }
}

impl Seat {
    /// Sets the state of the connection.
    pub(super) fn is(&self, doing: Doing) {
        if let Some(taken) = self.seats.lock().taken.get_mut(&self.number) {
            (taken.doing, taken.since) = (doing, Instant::now());
        }
    }

    /// Returns when this place is needed for another connection.
    pub(super) async fn is_wanted(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().taken.remove(&self.number);
    }
}

/// `most`, reduced if the process may not open enough file descriptors.
pub(super) fn within_limits(most: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    open_files(&limits).map_or(most, |files| files.saturating_sub(OTHER_FILES).clamp(FEWEST, most))
}

/// The soft limit in `/proc/self/limits` (proc(5)).
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_let_go(seat: &Seat) -> bool {
        tokio::time::timeout(Duration::from_millis(1), seat.is_wanted()).await.is_ok()
    }

    async fn a_second() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_is_closed_and_a_busy_one_is_not() {
        let seats = Seats::new(3, 3);
        let first = seats.take(None).unwrap();
        a_second().await;
        let second = seats.take(None).unwrap();
        a_second().await;
        let third = seats.take(None).unwrap();
        first.is(Doing::Working);
        let fourth = seats.take(None).unwrap();
        assert!(is_let_go(&second).await && !is_let_go(&first).await && !is_let_go(&third).await);
        drop(second);
        for seat in [&third, &fourth] {
            seat.is(Doing::Working);
        }
        assert!(seats.take(None).is_none(), "all connections are busy");
        third.is(Doing::Taking);
        assert!(seats.take(None).is_none(), "a response is being sent");
        tokio::time::sleep(SLOW * 2).await;
        assert!(seats.take(None).is_some(), "the client reads too slowly");
        assert!(is_let_go(&third).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_at_its_limit_loses_its_own_idle_connections_only() {
        let seats = Seats::new(10, 2);
        let network = |name: &str| Some(name.to_owned());
        let other = seats.take(network("b")).unwrap();
        a_second().await;
        let first = seats.take(network("a")).unwrap();
        a_second().await;
        let second = seats.take(network("a")).unwrap();
        let third = seats.take(network("a")).unwrap();
        assert!(is_let_go(&first).await && !is_let_go(&second).await && !is_let_go(&other).await);
        for seat in [&second, &third] {
            seat.is(Doing::Working);
        }
        assert!(seats.take(network("a")).is_none() && seats.take(network("c")).is_some());
        drop(third);
        assert!(seats.take(network("a")).is_some());
    }

    #[test]
    fn the_open_file_limit_is_parsed() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(
            open_files("Max open files            unlimited            unlimited            files"),
            None
        );
    }
}
