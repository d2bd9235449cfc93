//! What a test waits for, and ports of servers that are started later. Nothing here depends on how fast the machine is.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Long enough for a machine that does much else; a condition that is never met ends the test with its name.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits until a condition is met.
pub(crate) fn wait_until(what: &str, mut is_met: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_met() {
        assert!(began.elapsed() < LONGEST, "waited for {LONGEST:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A port that is free for both protocols. It is below those that the kernel chooses for everybody else, who would otherwise
/// sometimes take it before its server listens, or while that server is stopped.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(number % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
