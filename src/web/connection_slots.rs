//! Limits the number of connections. When all are in use, the connection that has been idle longest is closed for a new
//! one.
//!
//! There is also a limit per client network. A connection of a trusted proxy serves many clients: it counts towards the
//! network of a client from the head of its request to the end of the response, and towards none in between.

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
    Responding,
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
    /// The network of the peer; `None` for a proxy.
    peer_network: Option<String>,
    /// The network that the connection counts towards now.
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
            Activity::Responding if now - self.since > SLOW => Some(self.since),
            Activity::Responding | Activity::Working => None,
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
    /// Creates `most` places, of which one network may use `most_of_network`, and half at most.
    pub(super) fn new(most: usize, most_of_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_network: most_of_network.min(most / 2), table: Mutex::default() })
    }

    /// Takes a place for a client of `network`. Returns `None` if all places it could have are busy with a response.
    pub(super) fn take(self: &Arc<Self>, network: Option<String>) -> Option<ConnectionSlot> {
        let mut table = self.lock();
        if let Some(network) = &network {
            table.admit(network, self.most_of_network)?;
        }
        if table.occupied.len() >= self.most {
            table.free(|_| true)?;
        }
        let (number, evict) = (table.next, Arc::new(Notify::new()));
        table.next += 1;
        let occupant = Occupant {
            peer_network: network.clone(),
            network,
            activity: Activity::Idle,
            since: Instant::now(),
            evict: Arc::clone(&evict),
        };
        table.occupied.insert(number, occupant);
        drop(table);
        Some(ConnectionSlot { slots: Arc::clone(self), number, evicted: evict })
    }

    /// Whether a place is free or can be freed.
    pub(super) fn has_room(&self) -> bool {
        let (table, now) = (self.lock(), Instant::now());
        table.occupied.len() < self.most
            || table.occupied.values().any(|occupant| occupant.idle_since(now).is_some())
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
    /// Makes room for one more connection of a network, at the cost of its own oldest idle one. Returns `None` if all that it
    /// may have are busy.
    fn admit(&mut self, network: &str, most: usize) -> Option<()> {
        let of_network = |occupant: &Occupant| occupant.network.as_deref() == Some(network);
        if self.occupied.values().filter(|occupant| of_network(occupant)).count() < most {
            return Some(());
        }
        self.free(of_network)
    }

    fn free(&mut self, may_evict: impl Fn(&Occupant) -> bool) -> Option<()> {
        let now = Instant::now();
        let idle = self.occupied.iter().filter(|(_, occupant)| may_evict(occupant));
        let (_, number) =
            idle.filter_map(|(number, occupant)| Some((occupant.idle_since(now)?, *number))).min()?;
        self.occupied.remove(&number)?.evict.notify_one();
        Some(())
    }
}

impl ConnectionSlot {
    /// Sets the state of the connection.
    pub(super) fn set(&self, activity: Activity) {
        if let Some(occupant) = self.slots.lock().occupied.get_mut(&self.number) {
            (occupant.activity, occupant.since) = (activity, Instant::now());
        }
    }

    /// Counts a proxy's connection towards the network of the client whose request it brings. Returns `false` if all
    /// connections that the network may have are busy.
    pub(super) fn begin_request_of(&self, network: &str) -> bool {
        let mut table = self.slots.lock();
        if table.admit(network, self.slots.most_of_network).is_none() {
            return false;
        }
        if let Some(occupant) = table.occupied.get_mut(&self.number) {
            (occupant.network, occupant.since) = (Some(network.to_owned()), Instant::now());
        }
        true
    }

    /// The response was sent: the connection waits for the next request, of any client of its peer.
    pub(super) fn end_request(&self) {
        self.set(Activity::Idle);
        if let Some(occupant) = self.slots.lock().occupied.get_mut(&self.number) {
            occupant.network.clone_from(&occupant.peer_network);
        }
    }

    /// Returns when this place is needed for another connection.
    pub(super) async fn evicted(&self) {
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

    async fn is_evicted(slot: &ConnectionSlot) -> bool {
        tokio::time::timeout(Duration::from_millis(1), slot.evicted()).await.is_ok()
    }

    async fn a_second() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_is_closed_and_a_busy_one_is_not() {
        let slots = ConnectionSlots::new(3, 3);
        let first = slots.take(None).unwrap();
        a_second().await;
        let second = slots.take(None).unwrap();
        a_second().await;
        let third = slots.take(None).unwrap();
        first.set(Activity::Working);
        let fourth = slots.take(None).unwrap();
        assert!(is_evicted(&second).await && !is_evicted(&first).await && !is_evicted(&third).await);
        drop(second);
        for slot in [&third, &fourth] {
            slot.set(Activity::Working);
        }
        assert!(slots.take(None).is_none(), "all connections are busy");
        third.set(Activity::Responding);
        assert!(slots.take(None).is_none(), "a response is being sent");
        tokio::time::sleep(SLOW * 2).await;
        assert!(slots.take(None).is_some(), "the client reads too slowly");
        assert!(is_evicted(&third).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_at_its_limit_loses_its_own_idle_connections_only() {
        let slots = ConnectionSlots::new(10, 2);
        let network = |name: &str| Some(name.to_owned());
        let other = slots.take(network("b")).unwrap();
        a_second().await;
        let first = slots.take(network("a")).unwrap();
        a_second().await;
        let second = slots.take(network("a")).unwrap();
        let third = slots.take(network("a")).unwrap();
        assert!(is_evicted(&first).await && !is_evicted(&second).await && !is_evicted(&other).await);
        for slot in [&second, &third] {
            slot.set(Activity::Working);
        }
        assert!(slots.take(network("a")).is_none() && slots.take(network("c")).is_some());
        drop(third);
        assert!(slots.take(network("a")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_a_proxy_counts_towards_the_client_of_its_request() {
        let slots = ConnectionSlots::new(10, 2);
        let kept = slots.take(None).unwrap();
        a_second().await;
        let unfinished = [slots.take(None).unwrap(), slots.take(None).unwrap(), slots.take(None).unwrap()];
        for slot in &unfinished {
            assert!(slot.begin_request_of("a"));
            a_second().await;
        }
        assert!(is_evicted(&unfinished[0]).await && !is_evicted(&unfinished[1]).await);
        assert!(!is_evicted(&kept).await, "an idle connection of the proxy is nobody's");
        for slot in &unfinished[1..] {
            slot.set(Activity::Working);
        }
        assert!(!kept.begin_request_of("a") && kept.begin_request_of("b"));
        unfinished[1].end_request();
        kept.end_request();
        assert!(kept.begin_request_of("a"));
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
