//! DNS as the checks ask it: six kinds of records at absolute names, each question and all together in bounded time.
//!
//! Search domains and `/etc/hosts` play no part: receivers do not see them. Absent is DNSSEC, which is the task of the
//! resolver: a name that it finds forged is a [`DnsError::Failed`] here.

mod resolver;
#[cfg(test)]
pub(crate) mod zone;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use resolver::{Resolver, ResolverError};

/// The longest name in text form, without the final dot (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name for a name.
    Cname,
    /// A host that takes mail.
    Mx,
    /// The name of an address.
    Ptr,
    /// Text.
    Txt,
}

/// One record of an answer. Names are ASCII in lower case, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of A and AAAA.
    Address(IpAddr),
    /// Of CNAME and PTR.
    Name(String),
    /// Of MX.
    Mail(MailHost),
    /// Of TXT: its strings, joined without a space.
    Text(Vec<u8>),
}

/// A host that takes the mail of a domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailHost {
    /// The lowest is tried first.
    pub preference: u16,
    /// Its name; empty for a null MX (RFC 7505).
    pub host: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// NXDOMAIN: there is nothing at the name, of no kind.
    #[error("the name does not exist")]
    NoName,
    /// The name exists, but has no record of this kind.
    #[error("the name has no such record")]
    NoRecords,
    /// It cannot be asked: an empty or too long label, or a too long name.
    #[error("it is not a valid name")]
    BadName,
    /// SERVFAIL, REFUSED or an answer that cannot be read.
    #[error("DNS fails with {0}")]
    Failed(String),
    /// No answer in time.
    #[error("no DNS server answers in time")]
    Timeout,
}

impl DnsError {
    /// Whether DNS says that there is no such record, and not that it does not know.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoName | Self::NoRecords | Self::BadName)
    }
}

/// The answer of DNS; never empty.
pub type DnsResult<T> = Result<Vec<T>, DnsError>;

/// Something that can be asked for records.
pub trait Dns: Sync {
    /// The records of one kind at `name`, which is absolute with or without a final dot. Aliases are followed, except
    /// for [`RecordKind::Cname`].
    fn lookup(&self, name: &str, kind: RecordKind) -> impl Future<Output = DnsResult<Answer>> + Send;

    /// The texts at a name.
    fn txt(&self, name: &str) -> impl Future<Output = DnsResult<Vec<u8>>> + Send {
        async move {
            some(self.lookup(name, RecordKind::Txt).await?, |answer| match answer {
                Answer::Text(text) => Some(text),
                _ => None,
            })
        }
    }

    /// The hosts that take the mail of a domain, the preferred first.
    fn mx(&self, name: &str) -> impl Future<Output = DnsResult<MailHost>> + Send {
        async move {
            let mut hosts = some(self.lookup(name, RecordKind::Mx).await?, |answer| match answer {
                Answer::Mail(host) => Some(host),
                _ => None,
            })?;
            hosts.sort();
            Ok(hosts)
        }
    }

    /// The addresses of one family.
    fn addresses(&self, name: &str, family: Family) -> impl Future<Output = DnsResult<IpAddr>> + Send {
        async move {
            let kind = match family {
                Family::V4 => RecordKind::A,
                Family::V6 => RecordKind::Aaaa,
            };
            some(self.lookup(name, kind).await?, |answer| match answer {
                Answer::Address(address) => Some(address),
                _ => None,
            })
        }
    }

    /// The addresses of both families; an error only if neither has any.
    fn all_addresses(&self, name: &str) -> impl Future<Output = DnsResult<IpAddr>> + Send {
        async move {
            let v4 = self.addresses(name, Family::V4).await;
            match (v4, self.addresses(name, Family::V6).await) {
                (Ok(mut v4), Ok(v6)) => {
                    v4.extend(v6);
                    Ok(v4)
                }
                (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
                // What is not known is more important than what is absent.
                (Err(error), Err(other)) => Err(if error.is_absence() { other } else { error }),
            }
        }
    }

    /// The names of an address.
    fn ptr(&self, address: IpAddr) -> impl Future<Output = DnsResult<String>> + Send {
        async move { names(self.lookup(&reverse_name(address), RecordKind::Ptr).await?) }
    }

    /// What a name is an alias of.
    fn cname(&self, name: &str) -> impl Future<Output = DnsResult<String>> + Send {
        async move { names(self.lookup(name, RecordKind::Cname).await?) }
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

fn some<T>(answers: Vec<Answer>, pick: impl FnMut(Answer) -> Option<T>) -> DnsResult<T> {
    let picked: Vec<T> = answers.into_iter().filter_map(pick).collect();
    if picked.is_empty() { Err(DnsError::NoRecords) } else { Ok(picked) }
}

fn names(answers: Vec<Answer>) -> DnsResult<String> {
    some(answers, |answer| match answer {
        Answer::Name(name) => Some(name),
        _ => None,
    })
}

/// The labels of a name that can be asked.
pub(super) fn labels(name: &str) -> Result<Vec<&str>, DnsError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let labels: Vec<&str> = name.split('.').collect();
    let is_valid = |label: &&str| (1..=LONGEST_LABEL).contains(&label.len());
    if name.len() > LONGEST_NAME || !labels.iter().all(is_valid) {
        return Err(DnsError::BadName);
    }
    Ok(labels)
}

/// The name of an address below `in-addr.arpa` or `ip6.arpa`.
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = Ipv4Addr::octets(&address);
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles: Vec<String> = Ipv6Addr::octets(&address)
                .iter()
                .rev()
                .flat_map(|byte| [byte & 15, byte >> 4])
                .map(|nibble| format!("{nibble:x}"))
                .collect();
            format!("{}.ip6.arpa", nibbles.join("."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_name_backwards() {
        let name = |address: &str| reverse_name(address.parse().unwrap());
        assert_eq!(name("192.0.2.5"), "5.2.0.192.in-addr.arpa");
        assert_eq!(
            name("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }

    #[test]
    fn a_name_that_cannot_be_written_is_not_asked() {
        let long = "a".repeat(64);
        for name in ["a..example", ".example", &long, &["abcdefg"; 40].join("."), ".."] {
            assert_eq!(labels(name), Err(DnsError::BadName), "{name}");
        }
        assert_eq!(labels("a.example.").unwrap(), ["a", "example"]);
        assert_eq!(labels(".").unwrap(), [""; 0]);
    }
}
