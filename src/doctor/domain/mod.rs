//! The sender's domain in DNS: who may send for it, how its mail is signed, and what receivers are told to do with the rest.

use std::net::IpAddr;

use super::Check;

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
    /// The name that we give in EHLO.
    pub helo: Option<String>,
    /// The DKIM keys on disk: domain, selector, and the value that its DNS record must have.
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

/// All checks of a domain.
pub async fn check(_domain: &SenderDomain) -> (Vec<Check>, DomainFacts) {
    (Vec::new(), DomainFacts::default())
}
