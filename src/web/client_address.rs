//! The client's IP address behind trusted proxies, and the network prefix that is stored instead of it.
//!
//! Pure. A full address is never stored or logged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;

use crate::config::Network;

/// The longest `X-Forwarded-For` chain that is read.
const MOST_HOPS: usize = 32;

/// The address of the client that sent these headers over a connection from `peer`.
pub(super) fn of(headers: &HeaderMap, peer: IpAddr, proxies: &[Network]) -> IpAddr {
    let forwarded = headers.get_all("x-forwarded-for").iter();
    address(peer, forwarded.map(|line| line.to_str().unwrap_or_default()), proxies)
}

/// The address of the client. Each proxy appends the address it saw, so the rightmost address that is not a trusted
/// proxy is the client. A client can forge everything to the left of it.
fn address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    proxies: &[Network],
) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut client = peer;
    for hop in forwarded.rev().flat_map(|line| line.rsplit(',')).take(MOST_HOPS) {
        if !is_proxy(client) {
            return client;
        }
        match bare(hop) {
            Some(address) => client = address,
            None => return client,
        }
    }
    client
}

/// Whether no visitor on the internet has this address, so that a proxy connected for them.
pub(super) fn is_of_a_proxy(address: IpAddr, proxies: &[Network]) -> bool {
    let is_own = match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    is_own || proxies.iter().any(|proxy| proxy.contains(address))
}

/// Parses an address that may have brackets and a port: `203.0.113.9:80`, `[2001:db8::1]:80`.
fn bare(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    hop.parse()
        .ok()
        .or_else(|| Some(hop.parse::<std::net::SocketAddr>().ok()?.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// The /24 (IPv4) or /56 (IPv6) prefix of an address: what one customer of a provider can use as they like. Smaller networks
/// would give one customer a limit of each kind many times over: a /56 has 256 networks of /64.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => format!("{}/56", Ipv6Addr::from(u128::from(address) >> 72 << 72)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["127.0.0.1", "10.0.0.0/8"].map(|proxy| Network::parse(proxy).unwrap());
        address(peer.parse().unwrap(), forwarded.iter().copied(), &proxies).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_sets_the_client_address() {
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn addresses_forged_by_the_client_are_ignored() {
        assert_eq!(seen("127.0.0.1", &["192.0.2.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["192.0.2.1", "203.0.113.9, 10.1.2.3"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["192.0.2.1, nonsense"]), "127.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_accepted() {
        assert_eq!(seen("127.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn an_address_is_reduced_to_its_network() {
        assert_eq!(network("203.0.113.9".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(network("::ffff:203.0.113.9".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2ff:3::1".parse().unwrap()), "2001:db8:1:200::/56");
    }
}
