//! The name of the address that sends: it must lead back to the address (RFC 8601, 3; the large receivers require it).
//!
//! Only a server of one's own is checked. The servers of a service are its own concern.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::SenderDomain;
use super::answer::{fault, good, skipped, unanswered, warning};
use crate::doctor::Check;
use crate::doctor::dns::Dns;
use crate::text::clipped;

/// The most addresses of a server that are looked at.
const MOST_ADDRESSES: usize = 8;

/// Whether an address is one of this machine. Nothing is sent: connecting a UDP socket only chooses a route, and the
/// source of the route to one's own address is that address.
pub fn is_this_machine(address: IpAddr) -> bool {
    if address.is_loopback() {
        return true;
    }
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 25))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

/// Whether this machine is the relay.
pub(super) fn is_own_relay(sender: &SenderDomain) -> bool {
    sender.relay.iter().any(|address| is_this_machine(*address))
}

/// The addresses that receivers see, as far as they are known: the relay's, or those of its name if it is here.
pub(super) async fn sending_addresses(dns: &impl Dns, sender: &SenderDomain) -> Vec<IpAddr> {
    let known = |address: &IpAddr| !is_local(*address);
    let mut addresses: Vec<IpAddr> = sender.relay.iter().copied().filter(known).collect();
    if addresses.is_empty() && is_own_relay(sender) {
        let helo = sender.helo.as_deref().unwrap_or_default();
        addresses = dns.all_addresses(helo).await.unwrap_or_default().into_iter().filter(known).collect();
    }
    addresses.truncate(MOST_ADDRESSES);
    addresses
}

/// Whether an address is not one of the internet.
pub(super) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_unspecified()
        }
    }
}

/// The checks, and whether every address has a name that leads back.
pub(super) async fn check(dns: &impl Dns, sender: &SenderDomain) -> (Vec<Check>, Option<bool>) {
    if !is_own_relay(sender) {
        let relay = sender.relay_host.as_deref().unwrap_or_default();
        let message = "the name of the sending address is the concern of the relay, which is another machine";
        return (vec![skipped("reverse-name", relay, message)], None);
    }
    let addresses = sending_addresses(dns, sender).await;
    if addresses.is_empty() {
        let message = "the relay is this machine, but its public address is not known: the name with which it greets \
                       has no public address";
        return (vec![skipped("reverse-name", sender.helo.as_deref().unwrap_or_default(), message)], None);
    }
    let mut checks = Vec::new();
    let mut all_good = true;
    for address in addresses {
        let (check, is_good) = reverse_name(dns, address).await;
        all_good &= is_good;
        checks.push(check);
        if is_good {
            checks.extend(greeting(dns, sender, address).await);
        }
    }
    (checks, Some(all_good))
}

async fn reverse_name(dns: &impl Dns, address: IpAddr) -> (Check, bool) {
    let subject = address.to_string();
    let next = format!(
        "set the reverse name (PTR) of {address} to the name of the server at whoever gives you the address, and an \
         address record of that name to {address}"
    );
    let names = match dns.ptr(address).await {
        Ok(names) => names,
        Err(error) if error.is_absence() => {
            let message = "the sending address has no name (PTR record), and large receivers reject its mail";
            return (fault("reverse-name", &subject, message, next), false);
        }
        Err(error) => {
            return (unanswered("reverse-name", &subject, "the name of the sending address", &error), false);
        }
    };
    for name in names.iter().take(MOST_ADDRESSES) {
        if dns.all_addresses(name).await.is_ok_and(|addresses| addresses.contains(&address)) {
            let message = format!("the sending address is {}, and that name leads back to it", clipped(name));
            return (good("reverse-name", &subject, message), true);
        }
    }
    let name = clipped(names.first().map_or("", String::as_str));
    let message =
        format!("the name of the sending address is {name}, but that name does not lead back to it");
    (fault("reverse-name", &subject, message, next), false)
}

/// The name with which the server greets should be one of the same server.
async fn greeting(dns: &impl Dns, sender: &SenderDomain, address: IpAddr) -> Option<Check> {
    let helo = sender.helo.as_deref().filter(|helo| !helo.starts_with('['))?;
    let addresses = dns.all_addresses(helo).await;
    if addresses.as_ref().is_ok_and(|addresses| addresses.contains(&address)) {
        return None;
    }
    let message =
        format!("the server greets as {}, but that name has not its address {address}", clipped(helo));
    let next =
        "let the server greet with its own name (Postfix: myhostname), and give that name its address in DNS";
    Some(warning("helo", helo, message, next))
}
