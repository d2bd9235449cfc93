//! What a receiver concludes about one address: `check_host()` (RFC 7208, 4).

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use super::macros::{DomainSpec, MacroValues, Use};
use super::record::{Directive, Mechanism, Prefixes, Qualifier};
use super::{MOST_HOSTS, MOST_LOOKUPS, MOST_VOIDS, SpfProblem, record_of};
use crate::doctor::dns::{Dns, DnsError, DnsResult, Family};
use crate::doctor::domain::names::is_within;

/// What a receiver knows of a message.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'e> {
    /// The address that connects.
    pub address: IpAddr,
    /// The local part of MAIL FROM.
    pub local_part: &'e str,
    /// The domain of MAIL FROM.
    pub domain: &'e str,
    /// The name in EHLO.
    pub helo: &'e str,
}

/// The seven results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfResult {
    /// There is no record.
    None,
    /// The record says nothing about the address.
    Neutral,
    /// The address may send.
    Pass,
    /// It must not.
    Fail,
    /// It should not.
    SoftFail,
    /// DNS did not answer.
    TempError,
    /// The record has an error.
    PermError,
}

/// A result, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfVerdict {
    /// The result.
    pub result: SpfResult,
    /// The term that matched, or the error.
    pub why: String,
    /// What the domain says to those whose mail fails.
    pub explanation: Option<String>,
}

/// Why an evaluation ends early.
enum Stop {
    Temporary(String),
    Permanent(String),
}

/// A result with the term that made it, and the domain and place of the explanation.
struct Outcome {
    result: SpfResult,
    why: String,
    explanation: Option<(String, DomainSpec)>,
}

struct Evaluation<'e, D> {
    dns: &'e D,
    envelope: Envelope<'e>,
    lookups: usize,
    voids: usize,
    /// The names of the address that lead back to it.
    validated: Option<Vec<String>>,
}

/// What the record of the envelope's domain says about the address.
pub async fn evaluate(dns: &impl Dns, envelope: Envelope<'_>) -> SpfVerdict {
    let verdict = |result, why: String| SpfVerdict { result, why, explanation: None };
    // A name of one label is no domain of the mail (4.3).
    if !envelope.domain.trim_end_matches('.').contains('.') {
        return verdict(SpfResult::None, "it is not a domain with several labels".to_owned());
    }
    let mut envelope = envelope;
    envelope.address = envelope.address.to_canonical();
    if envelope.local_part.is_empty() {
        envelope.local_part = "postmaster";
    }
    let mut evaluation = Evaluation { dns, envelope, lookups: 0, voids: 0, validated: None };
    match evaluation.host(envelope.domain.to_owned()).await {
        Ok(outcome) => {
            let explanation = match outcome.explanation {
                Some((domain, place)) => evaluation.explanation(&domain, &place).await,
                None => None,
            };
            SpfVerdict { result: outcome.result, why: outcome.why, explanation }
        }
        Err(Stop::Temporary(why)) => verdict(SpfResult::TempError, why),
        Err(Stop::Permanent(why)) => verdict(SpfResult::PermError, why),
    }
}

impl<D: Dns> Evaluation<'_, D> {
    /// Evaluates one record; those that it includes are evaluated within, at most ten.
    fn host(&mut self, domain: String) -> Pin<Box<dyn Future<Output = Result<Outcome, Stop>> + Send + '_>> {
        Box::pin(async move {
            let record = match record_of(self.dns, &domain).await {
                Ok(record) => record,
                Err(problem @ SpfProblem::Missing) => {
                    let why = format!("{domain}: {problem}");
                    return Ok(Outcome { result: SpfResult::None, why, explanation: None });
                }
                Err(problem @ SpfProblem::Dns(_)) => {
                    return Err(Stop::Temporary(format!("{domain}: {problem}")));
                }
                Err(problem) => return Err(Stop::Permanent(format!("{domain}: {problem}"))),
            };
            for directive in &record.directives {
                if self.matches(directive, &domain).await? {
                    let result = match directive.qualifier {
                        Qualifier::Pass => SpfResult::Pass,
                        Qualifier::Fail => SpfResult::Fail,
                        Qualifier::SoftFail => SpfResult::SoftFail,
                        Qualifier::Neutral => SpfResult::Neutral,
                    };
                    let is_explained = result == SpfResult::Fail;
                    let explanation = record.explanation.filter(|_| is_explained);
                    let explanation = explanation.map(|place| (domain.clone(), place));
                    let why = format!("{:?} in the record of {domain}", directive.text);
                    return Ok(Outcome { result, why, explanation });
                }
            }
            let Some(redirect) = &record.redirect else {
                let why = format!("no term of the record of {domain} matches");
                return Ok(Outcome { result: SpfResult::Neutral, why, explanation: None });
            };
            self.count()?;
            let target = self.target(redirect, &domain).await;
            match self.host(target).await? {
                Outcome { result: SpfResult::None, why, .. } => Err(Stop::Permanent(why)),
                outcome => Ok(outcome),
            }
        })
    }

    async fn matches(&mut self, directive: &Directive, domain: &str) -> Result<bool, Stop> {
        if directive.mechanism.needs_dns() {
            self.count()?;
        }
        let address = self.envelope.address;
        match &directive.mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, length) => Ok(is_in(address, (*network).into(), *length)),
            Mechanism::Ip6(network, length) => Ok(is_in(address, (*network).into(), *length)),
            Mechanism::Include(spec) => {
                let target = self.target(spec, domain).await;
                match self.host(target).await? {
                    Outcome { result: SpfResult::None, why, .. } => Err(Stop::Permanent(why)),
                    outcome => Ok(outcome.result == SpfResult::Pass),
                }
            }
            Mechanism::A(spec, prefixes) => {
                let target = self.target_or(spec.as_ref(), domain).await;
                let found = self.dns.addresses(&target, Family::of(address)).await;
                Ok(self.found(found)?.into_iter().any(|each| is_near(address, each, *prefixes)))
            }
            Mechanism::Mx(spec, prefixes) => {
                let target = self.target_or(spec.as_ref(), domain).await;
                self.matches_mx(&target, *prefixes).await
            }
            Mechanism::Ptr(spec) => {
                let target = self.target_or(spec.as_ref(), domain).await;
                // An error does not match (5.5), but an address without a name counts as nothing found.
                if let Err(error) = self.dns.ptr(address).await
                    && error.is_absence()
                {
                    self.found::<String>(Err(error))?;
                }
                Ok(self.validated_names().await.iter().any(|name| is_within(name, &target)))
            }
            Mechanism::Exists(spec) => {
                let target = self.target(spec, domain).await;
                // Also for IPv6 (5.7).
                let found = self.dns.addresses(&target, Family::V4).await;
                Ok(!self.found(found)?.is_empty())
            }
        }
    }

    async fn matches_mx(&mut self, target: &str, prefixes: Prefixes) -> Result<bool, Stop> {
        let address = self.envelope.address;
        let found = self.dns.mx(target).await;
        let hosts = self.found(found)?;
        if hosts.len() > MOST_HOSTS {
            return Err(Stop::Permanent(format!("{target} has more than {MOST_HOSTS} MX records")));
        }
        for host in hosts.iter().filter(|host| !host.host.is_empty()) {
            match self.dns.addresses(&host.host, Family::of(address)).await {
                Ok(found) if found.iter().any(|each| is_near(address, *each, prefixes)) => return Ok(true),
                Err(error) if !error.is_absence() => return Err(failed(&error)),
                _ => {}
            }
        }
        Ok(false)
    }

    fn count(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS {
            return Err(Stop::Permanent(format!("more than {MOST_LOOKUPS} terms need DNS")));
        }
        Ok(())
    }

    /// What was found; nothing is allowed twice.
    fn found<T>(&mut self, answer: DnsResult<T>) -> Result<Vec<T>, Stop> {
        match answer {
            Ok(found) => Ok(found),
            // It was not asked.
            Err(DnsError::BadName) => Ok(Vec::new()),
            Err(error) if error.is_absence() => {
                self.voids += 1;
                if self.voids > MOST_VOIDS {
                    return Err(Stop::Permanent(format!("more than {MOST_VOIDS} terms find nothing in DNS")));
                }
                Ok(Vec::new())
            }
            Err(error) => Err(failed(&error)),
        }
    }

    async fn target_or(&mut self, spec: Option<&DomainSpec>, domain: &str) -> String {
        match spec {
            Some(spec) => self.target(spec, domain).await,
            None => domain.to_owned(),
        }
    }

    async fn target(&mut self, spec: &DomainSpec, domain: &str) -> String {
        let validated = self.validated_for(spec, domain).await;
        spec.domain(&self.values(domain, &validated))
    }

    fn values<'v>(&'v self, domain: &'v str, validated: &'v str) -> MacroValues<'v> {
        let Envelope { address, local_part, domain: sender_domain, helo } = self.envelope;
        MacroValues { address, local_part, sender_domain, domain, helo, validated }
    }

    /// The value of macro `p`: best the domain itself, then a name in it (7.3).
    async fn validated_for(&mut self, spec: &DomainSpec, domain: &str) -> String {
        if !spec.needs_validated_name() {
            return String::new();
        }
        let names = self.validated_names().await;
        let is_domain = |name: &&String| name.eq_ignore_ascii_case(domain);
        let best = names.iter().find(is_domain);
        let best = best.or_else(|| names.iter().find(|name| is_within(name, domain)));
        best.or(names.first()).cloned().unwrap_or_else(|| "unknown".to_owned())
    }

    /// The names of the address that have it among their addresses (5.5). Errors are passed over.
    async fn validated_names(&mut self) -> Vec<String> {
        if let Some(names) = &self.validated {
            return names.clone();
        }
        let address = self.envelope.address;
        let mut validated = Vec::new();
        for name in self.dns.ptr(address).await.unwrap_or_default().into_iter().take(MOST_HOSTS) {
            let addresses = self.dns.addresses(&name, Family::of(address)).await;
            if addresses.is_ok_and(|addresses| addresses.contains(&address)) {
                validated.push(name);
            }
        }
        self.validated.insert(validated).clone()
    }

    /// The explanation; anything that is wrong with it leaves it out (6.2).
    async fn explanation(&mut self, domain: &str, place: &DomainSpec) -> Option<String> {
        let target = self.target(place, domain).await;
        let texts = self.dns.txt(&target).await.ok()?;
        let [text] = texts.as_slice() else { return None };
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
        let text = DomainSpec::macros(text, Use::Explanation).ok()?;
        let validated = self.validated_for(&text, domain).await;
        Some(text.text(&self.values(domain, &validated)))
    }
}

fn failed(error: &DnsError) -> Stop {
    Stop::Temporary(error.to_string())
}

fn is_near(address: IpAddr, other: IpAddr, prefixes: Prefixes) -> bool {
    is_in(address, other, if other.is_ipv4() { prefixes.v4 } else { prefixes.v6 })
}

/// Whether the first bits of two addresses of one family are the same.
fn is_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let length = u32::from(length);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= length
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= length
        }
        _ => false,
    }
}
