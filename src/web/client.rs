//! Who asks: the client's address behind trusted proxies, and the network that is all we remember of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, as in `10.0.0.0/8`; an address alone is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `127.0.0.1` or `10.0.0.0/8`.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        let (address, bits) = raw.trim().split_once('/').map_or((raw.trim(), None), |(a, b)| (a, Some(b)));
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { first, bits })
    }

    /// Whether an address lies in it. An IPv4 address in IPv6 clothes counts as what it is.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                masked_v4(first, self.bits) == masked_v4(address, self.bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                masked_v6(first, self.bits) == masked_v6(address, self.bits)
            }
            _ => false,
        }
    }
}

fn masked_v4(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn masked_v6(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

/// The client's own address: the peer, or, if that is a trusted proxy, the last address in `X-Forwarded-For` that is
/// not one. What stands before that was written by strangers.
pub(super) fn address(peer: IpAddr, forwarded: &str, proxies: &[Network]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.holds(address));
    let mut client = peer.to_canonical();
    for hop in forwarded.rsplit(',') {
        if !trusted(client) {
            break;
        }
        // Some proxies write the port as well.
        let hop = hop.trim();
        let parsed =
            hop.parse().ok().or_else(|| hop.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()));
        let Some(address) = parsed else { break };
        client = IpAddr::to_canonical(&address);
    }
    client
}

/// What is remembered of an address: its /24 or /56. Whole households share the one, whole streets the other.
pub(super) fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{}/24", masked_v4(address, 24)),
        IpAddr::V6(address) => format!("{}/56", masked_v6(address, 56)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(raw: &str) -> IpAddr {
        raw.parse().unwrap()
    }

    fn proxies() -> Vec<Network> {
        ["127.0.0.1", "::1", "10.0.0.0/8"].iter().map(|raw| Network::parse(raw).unwrap()).collect()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_saw() {
        for (peer, forwarded, client) in [
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("127.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("127.0.0.1", "1.1.1.1, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
            ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
            ("::ffff:127.0.0.1", "2001:db8::7", "2001:db8::7"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "unknown, 198.51.100.1", "198.51.100.1"),
            ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ] {
            assert_eq!(address(ip(peer), forwarded, &proxies()), ip(client), "{peer} {forwarded}");
        }
    }

    #[test]
    fn of_an_address_only_its_network_is_remembered() {
        assert_eq!(network_of(ip("203.0.113.77")), "203.0.113.0/24");
        assert_eq!(network_of(ip("2001:db8:1:2fff::7")), "2001:db8:1:2f00::/56");
        assert_eq!(network_of(ip("::ffff:203.0.113.77")), "203.0.113.0/24");
    }

    #[test]
    fn a_network_is_an_address_and_perhaps_its_bits() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/x", "example.com"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
        assert!(Network::parse("0.0.0.0/0").unwrap().holds(ip("8.8.8.8")));
        assert!(!Network::parse("0.0.0.0/0").unwrap().holds(ip("::1")));
    }
}
