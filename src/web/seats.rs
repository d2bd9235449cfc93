//! Who holds a connection, and who gives way when all are taken: whoever has been idle longest, waiting with a request or
//! with the rest of one.
//!
//! Each client's network may hold so many; connections of a proxy are those of many clients, and are not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A client that takes its answer so slowly may be let go for another.
const SLOW: Duration = Duration::from_secs(5);
/// File descriptors for the store and the files, beside the connections.
const OTHER_FILES: usize = 64;
const FEWEST: usize = 16;

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// The client has not asked yet, or has not sent all of what it asks.
    Idle,
    /// The answer is being made: it is never broken off.
    Working,
    /// The client takes the answer.
    Taking,
}

/// All the places that there are.
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
    /// Since when it has been idle, or too slow to matter.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        match self.doing {
            Doing::Idle => Some(self.since),
            Doing::Taking if now - self.since > SLOW => Some(self.since),
            Doing::Taking | Doing::Working => None,
        }
    }
}

/// The place of one connection; it is free again when this is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seats {
    /// So many places in all, and so many for one network.
    pub(super) fn new(most: usize, most_of_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_network, table: Mutex::default() })
    }

    /// A place for a client of `network`; `None` if its network, or everybody, is being answered just now.
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

    /// Whether a place is free, or could be, for somebody of another network.
    pub(super) fn has_room(&self) -> bool {
        let (table, now) = (self.lock(), Instant::now());
        table.taken.len() < self.most || table.taken.values().any(|taken| taken.idle_since(now).is_some())
    }

    /// Frees the place of whoever has been idle longest.
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
    /// Says what the connection does from now on.
    pub(super) fn is(&self, doing: Doing) {
        if let Some(taken) = self.seats.lock().taken.get_mut(&self.number) {
            (taken.doing, taken.since) = (doing, Instant::now());
        }
    }

    /// Returns when this place is wanted for somebody else.
    pub(super) async fn is_wanted(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().taken.remove(&self.number);
    }
}

/// How many connections fit into the files that this process may open, `most` at most.
pub(super) fn within_limits(most: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    open_files(&limits).map_or(most, |files| files.saturating_sub(OTHER_FILES).clamp(FEWEST, most))
}

/// The soft limit in the table of proc(5).
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
    async fn the_oldest_idle_one_gives_way_and_one_that_is_being_answered_does_not() {
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
        [&third, &fourth].map(|seat| seat.is(Doing::Working));
        assert!(seats.take(None).is_none(), "everybody is being answered");
        third.is(Doing::Taking);
        assert!(seats.take(None).is_none(), "an answer is on its way");
        tokio::time::sleep(SLOW * 2).await;
        assert!(seats.take(None).is_some(), "nobody takes an answer for so long");
        assert!(is_let_go(&third).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_has_its_share_frees_its_own_places_and_nobody_elses() {
        let seats = Seats::new(10, 2);
        let network = |name: &str| Some(name.to_owned());
        let other = seats.take(network("b")).unwrap();
        a_second().await;
        let first = seats.take(network("a")).unwrap();
        a_second().await;
        let second = seats.take(network("a")).unwrap();
        let third = seats.take(network("a")).unwrap();
        assert!(is_let_go(&first).await && !is_let_go(&second).await && !is_let_go(&other).await);
        [&second, &third].map(|seat| seat.is(Doing::Working));
        assert!(seats.take(network("a")).is_none() && seats.take(network("c")).is_some());
        drop(third);
        assert!(seats.take(network("a")).is_some());
    }

    #[test]
    fn the_limit_of_open_files_is_read_from_the_kernels_table() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(
            open_files("Max open files            unlimited            unlimited            files"),
            None
        );
    }
}
