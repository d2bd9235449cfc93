//! SPF (RFC 7208): who may send for a domain.
//!
//! [`evaluate`] answers as a receiver does, for one address. [`audit`] reads the whole tree of records, for what is wrong
//! with it whoever sends. Both are functions of what DNS says.

mod audit;
mod checks;
mod evaluation;
mod macros;
mod providers;
mod record;

#[cfg(test)]
mod tests;

pub use audit::{SpfAudit, audit};
pub(super) use checks::check;
pub use evaluation::{Envelope, SpfResult, SpfVerdict, evaluate};
pub use macros::{DomainSpec, MacroValues, Use};
pub use record::{Directive, Mechanism, Prefixes, Qualifier, SpfRecord, SpfSyntaxError};

use crate::doctor::dns::{Dns, DnsError};

/// The most terms of all records that need DNS (4.6.4).
const MOST_LOOKUPS: usize = 10;
/// The most of them that may find nothing.
const MOST_VOIDS: usize = 2;
/// The most hosts of an `mx`, and the most names of an address.
const MOST_HOSTS: usize = 10;

/// Why a domain has no record that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpfProblem {
    /// There is none.
    #[error("there is no SPF record")]
    Missing,
    /// There are several, which is an error (4.5).
    #[error("there are {0} SPF records, and a domain must have one")]
    Several(usize),
    /// It is not valid.
    #[error("the SPF record has an error {0}")]
    Syntax(#[from] SpfSyntaxError),
    /// DNS does not answer.
    #[error("the SPF record cannot be read: {0}")]
    Dns(DnsError),
}

/// Whether a relay is known to put a return path of its own into the envelope.
pub(super) fn has_own_return_path(relay: &str) -> bool {
    providers::provider(relay).is_some_and(|provider| provider.return_path == providers::ReturnPath::Theirs)
}

/// The record of a domain.
async fn record_of(dns: &impl Dns, domain: &str) -> Result<SpfRecord, SpfProblem> {
    let texts = match dns.txt(domain).await {
        Ok(texts) => texts,
        Err(error) if error.is_absence() => return Err(SpfProblem::Missing),
        Err(error) => return Err(SpfProblem::Dns(error)),
    };
    let records: Vec<_> = texts.iter().filter(|text| SpfRecord::is_one(text)).collect();
    match records.as_slice() {
        [] => Err(SpfProblem::Missing),
        [record] => Ok(SpfRecord::parse(record)?),
        several => Err(SpfProblem::Several(several.len())),
    }
}
