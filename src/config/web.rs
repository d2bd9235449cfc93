//! `[web]`: the web server of Letterpress.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer};

use super::{SiteUrl, Span};

/// The `[web]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The public URL of the pages; `None` means that emails link to no page.
    pub url: Option<SiteUrl>,
    /// The address on which `letterpress serve` listens.
    pub listen: SocketAddr,
    /// The address for metrics; `None` means that there are none.
    pub metrics: Option<SocketAddr>,
    /// Addresses or networks of trusted proxies, whose `X-Forwarded-For` is used: `127.0.0.1`, `10.0.0.0/8`.
    pub proxies: Vec<Network>,
    /// Whether there is a sign-up form.
    pub sign_up: bool,
    /// Whether every issue has a page.
    pub issues: bool,
    /// Whether search engines may list those pages.
    pub index: bool,
    /// The secret part of the address of the report; `None` means that there is none.
    pub report: Option<AddressSecret>,
    /// How long a browser or a feed reader may cache a feed.
    pub max_age: Span,
    /// Rate limits for sign-ups.
    pub limits: WebLimits,
    /// A privacy page that the form links to.
    pub privacy: Option<SiteUrl>,
}

/// The limits of confirmation emails per hour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebLimits {
    /// In total.
    pub per_hour: u32,
    /// From one network: a /24 or a /56.
    pub per_network_per_hour: u32,
    /// To the addresses of one domain.
    pub per_domain_per_hour: u32,
}

/// The secret part of an address. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressSecret(String);

impl AddressSecret {
    /// Shorter ones can be guessed.
    const SHORTEST: usize = 16;

    /// The secret itself, for comparing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AddressSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressSecret(…)")
    }
}

impl<'de> Deserialize<'de> for AddressSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        let is_clean = raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_clean && (Self::SHORTEST..=200).contains(&raw.len()) {
            return Ok(Self(raw));
        }
        Err(serde::de::Error::custom(
            "write at least 16 letters and digits that nobody can guess, such as the output of `openssl rand -hex 16`",
        ))
    }
}

/// An address or a network: `127.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses an address with or without `/bits`.
    pub fn parse(raw: &str) -> Option<Self> {
        let (address, bits) = match raw.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (raw, None),
        };
        let base: IpAddr = address.trim().parse().ok()?;
        let most = width(base);
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { base, bits })
    }

    /// Whether `address` is in it. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (base, address) = (self.base.to_canonical(), address.to_canonical());
        base.is_ipv4() == address.is_ipv4() && first_bits(base, self.bits) == first_bits(address, self.bits)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        Self::parse(&raw).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{raw:?} is neither an address nor a network; write it like \"127.0.0.1\" or \"10.0.0.0/8\""
            ))
        })
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn first_bits(address: IpAddr, bits: u8) -> u128 {
    let (number, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    number.checked_shr(width - u32::from(bits).min(width)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        let contains = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.200.3.4") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"), "the same host, through an IPv6 socket");
        assert!(contains("2001:db8::/32", "2001:db8:1::1") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "::1"));
    }

    #[test]
    fn invalid_networks_are_rejected() {
        for raw in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0.0/8/8", "1.2.3"] {
            assert_eq!(Network::parse(raw), None, "{raw}");
        }
    }
}
