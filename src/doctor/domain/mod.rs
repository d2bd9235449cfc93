//! The sender's domain in DNS: who may send for it, how its mail is signed, and what receivers are told to do with the rest.
//!
//! Everything is a function of what DNS says; nothing here sends mail or fetches a page. What a receiver concludes for one
//! message (SPF) and what a record means (DKIM, DMARC) are in files of their own, apart from the sentences about them.

mod answer;
mod dkim;
pub mod dmarc;
mod mail_hosts;
mod names;
mod optional;
mod reverse;
pub mod spf;
mod tags;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use super::Check;
use super::dns::{Dns, DnsError, ResolverError};
use crate::email::dkim::Identity;
use answer::{fault, skipped};

pub use mail_hosts::mail_hosts;
pub use reverse::is_this_machine;

/// What to do without DNS.
const NO_SERVER: &str = "check the network and /etc/resolv.conf, or set doctor.dns to a DNS server that this machine may ask, \
    such as \"9.9.9.9:53\"";

/// A name about which every resolver knows something. One that does not can be asked nothing.
const EVERYWHERE: &str = "in-addr.arpa";

/// What is to be checked. All names are ASCII (A-labels) without a final dot.
#[derive(Debug, Clone, Default)]
pub struct SenderDomain {
    /// The domain of From.
    pub from: String,
    /// The domain of the envelope sender, where bounces go.
    pub envelope: String,
    /// The addresses of the relay, if it resolves.
    pub relay: Vec<IpAddr>,
    /// The relay's host name.
    pub relay_host: Option<String>,
    /// The name of the server that sends to receivers. If the relay is this machine, the name with which it greets.
    pub helo: Option<String>,
    /// The DKIM keys on disk.
    pub dkim: Vec<DkimKey>,
}

/// A DKIM key on disk.
#[derive(Debug, Clone)]
pub struct DkimKey {
    /// The domain, `d=`.
    pub domain: String,
    /// The selector, `s=`.
    pub selector: String,
    /// The public key as in the record, `p=`.
    pub public: String,
}

impl From<&Identity> for DkimKey {
    fn from(identity: &Identity) -> Self {
        let record = identity.key.record();
        let public = record.split_once("; p=").map_or("", |(_, public)| public).to_owned();
        Self { domain: identity.domain.clone(), selector: identity.selector.clone(), public }
    }
}

/// What DNS says, for what receivers ask of senders; `None` is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DomainFacts {
    /// SPF covers the relay.
    pub spf: Option<bool>,
    /// The envelope's domain is aligned with From.
    pub spf_aligned: Option<bool>,
    /// A key in DNS is the key on disk, and its domain is aligned with From.
    pub dkim_aligned: Option<bool>,
    /// There is a DMARC record.
    pub dmarc: Option<bool>,
    /// The relay's address has a name that resolves to it.
    pub reverse_name: Option<bool>,
}

/// The answer if there is nobody to ask.
pub fn without_resolver(error: &ResolverError) -> Check {
    fault("dns", "", error.to_string(), NO_SERVER)
}

/// All checks of a domain. If DNS or the domain fails as a whole, that is the only answer.
pub async fn check(dns: &impl Dns, domain: &SenderDomain) -> (Vec<Check>, DomainFacts) {
    if let Some(failure) = whole_failure(dns, domain).await {
        return (vec![failure], DomainFacts::default());
    }
    let (mail, (spf_checks, spf), (dkim_checks, dkim), optional, (reverse_checks, reverse_name)) = tokio::join!(
        mail_hosts::check(dns, domain),
        spf::check(dns, domain),
        dkim::check(dns, &domain.dkim),
        optional::check(dns, &domain.from),
        reverse::check(dns, domain),
    );
    let (dmarc_checks, dmarc) = dmarc::check(dns, domain, &dkim).await;
    let facts = DomainFacts { spf, reverse_name, ..dmarc };
    let checks = [mail, spf_checks, dkim_checks, dmarc_checks, optional, reverse_checks];
    (checks.into_iter().flatten().collect(), facts)
}

/// What stands for all other answers: no DNS, no domain, or a domain whose servers fail.
async fn whole_failure(dns: &impl Dns, domain: &SenderDomain) -> Option<Check> {
    let name = domain.from.as_str();
    if name.is_empty() {
        return Some(skipped("domain", name, "the domain of newsletter.from is not known"));
    }
    let error = dns.mx(name).await.err()?;
    let cause = match &error {
        DnsError::NoRecords => return None,
        DnsError::NoName => {
            let next = "register it, or correct newsletter.from; a new domain needs its records at the \
                        DNS servers that the registrar knows";
            return Some(fault("domain", name, "the domain of From does not exist in DNS", next));
        }
        DnsError::BadName => {
            let message = "the domain of From cannot be a name in DNS";
            return Some(fault("domain", name, message, "correct newsletter.from"));
        }
        error => error,
    };
    if let Some(error) = dns.txt(EVERYWHERE).await.err().filter(|error| !error.is_absence()) {
        return Some(fault("dns", "", error.to_string(), NO_SERVER));
    }
    // If only the MX record fails, the others tell more.
    let text = dns.txt(name).await;
    text.err().filter(|error| !error.is_absence())?;
    let next = format!(
        "look at the DNS servers of {name}: `dig +trace {name} MX` shows which of them fails; a broken DNSSEC \
         signature also looks like this"
    );
    Some(fault("domain", name, format!("{cause}, for every record of the domain of From"), next))
}
