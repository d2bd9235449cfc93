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
pub(super) enum Activity {
    /// Waiting for a request or for the rest of one.
    Idle,
    /// The handler is running; it is never interrupted.
    Working,
    /// The client is reading the response.
    Taking,
}

/// The connection limit and the open connections.
pub(super) struct ConnectionSlots {
    most: usize,
    most_of_network: usize,
    table: Mutex<SlotTable>,
}

#[derive(Default)]
struct SlotTable {
    next: u64,
    occupied: HashMap<u64, Occupant>,
}

struct Occupant {
    network: Option<String>,
    activity: Activity,
    since: Instant,
    evict: Arc<Notify>,
}

impl Occupant {
    /// Since when the connection may be closed for another; `None` if it may not be.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        match self.activity {
            Activity::Idle => Some(self.since),
            Activity::Taking if now - self.since > SLOW => Some(self.since),
            Activity::Taking | Activity::Working => None,
        }
    }
}

/// The place of one connection, freed on drop.
pub(super) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    number: u64,
    evicted: Arc<Notify>,
}

impl ConnectionSlots {
    /// Creates `most` places, of which one network may hold `most_of_network`.
    pub(super) fn new(most: usize, most_of_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_network, table: Mutex::default() })
    }

    /// Takes a place for a client of `network`. Returns `None` if all places it could have are busy with a response.
    pub(super) fn take(self: &Arc<Self>, network: Option<String>) -> Option<ConnectionSlot> {
        let mut table = self.lock();
        if network.is_some() {
            let of_network = |taken: &Occupant| taken.network == network;
            if table.occupied.values().filter(|taken| of_network(taken)).count() >= self.most_of_network {
                table.free(of_network)?;
            }
        }
        if table.occupied.len() >= self.most {
            table.free(|_| true)?;
        }
        let (number, leave) = (table.next, Arc::new(Notify::new()));
        table.next += 1;
        let taken =
            Occupant { network, activity: Activity::Idle, since: Instant::now(), evict: Arc::clone(&leave) };
        table.occupied.insert(number, taken);
        drop(table);
        Some(ConnectionSlot { slots: Arc::clone(self), number, evicted: leave })
    }

    /// Whether a place is free or can be freed.
    pub(super) fn has_room(&self) -> bool {
        let (table, now) = (self.lock(), Instant::now());
        table.occupied.len() < self.most
            || table.occupied.values().any(|taken| taken.idle_since(now).is_some())
    }

    /// Closes the connection that has been idle longest.
    pub(super) fn free_one(&self) {
        let _ = self.lock().free(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotTable {
    fn free(&mut self, may_go: impl Fn(&Occupant) -> bool) -> Option<()> {
        let now = Instant::now();
        let idle = self.occupied.iter().filter(|(_, taken)| may_go(taken));
        let (_, number) = idle.filter_map(|(number, taken)| Some((taken.idle_since(now)?, *number))).min()?;
        self.occupied.remove(&number)?.evict.notify_one();
        Some(())
    }
}

impl ConnectionSlot {
    /// Sets the state of the connection.
    pub(super) fn is(&self, doing: Activity) {
        if let Some(taken) = self.slots.lock().occupied.get_mut(&self.number) {
            (taken.activity, taken.since) = (doing, Instant::now());
        }
    }

    /// Returns when this place is needed for another connection.
    pub(super) async fn is_wanted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.lock().occupied.remove(&self.number);
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

    async fn is_let_go(seat: &ConnectionSlot) -> bool {
        tokio::time::timeout(Duration::from_millis(1), seat.is_wanted()).await.is_ok()
    }

    async fn a_second() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_is_closed_and_a_busy_one_is_not() {
        let seats = ConnectionSlots::new(3, 3);
        let first = seats.take(None).unwrap();
        a_second().await;
        let second = seats.take(None).unwrap();
        a_second().await;
        let third = seats.take(None).unwrap();
        first.is(Activity::Working);
        let fourth = seats.take(None).unwrap();
        assert!(is_let_go(&second).await && !is_let_go(&first).await && !is_let_go(&third).await);
        drop(second);
        for seat in [&third, &fourth] {
            seat.is(Activity::Working);
        }
        assert!(seats.take(None).is_none(), "all connections are busy");
        third.is(Activity::Taking);
        assert!(seats.take(None).is_none(), "a response is being sent");
        tokio::time::sleep(SLOW * 2).await;
        assert!(seats.take(None).is_some(), "the client reads too slowly");
        assert!(is_let_go(&third).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_at_its_limit_loses_its_own_idle_connections_only() {
        let seats = ConnectionSlots::new(10, 2);
        let network = |name: &str| Some(name.to_owned());
        let other = seats.take(network("b")).unwrap();
        a_second().await;
        let first = seats.take(network("a")).unwrap();
        a_second().await;
        let second = seats.take(network("a")).unwrap();
        let third = seats.take(network("a")).unwrap();
        assert!(is_let_go(&first).await && !is_let_go(&second).await && !is_let_go(&other).await);
        for seat in [&second, &third] {
            seat.is(Activity::Working);
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
