//! The whole tree of SPF records, as far as it does not depend on a message: what it costs, and what is wrong with it.
//!
//! A receiver stops at the first match and at the tenth look-up. Here everything is read, with a limit of its own, so that
//! a report can say how many look-ups there are.

use std::future::Future;
use std::pin::Pin;

use super::macros::{DomainSpec, MacroValues};
use super::record::{Directive, Mechanism, Qualifier, SpfRecord};
use super::{MOST_HOSTS, SpfProblem, record_of};
use crate::doctor::dns::{Dns, DnsError};

/// The most look-ups that are followed.
const MOST_FOLLOWED: usize = 50;

/// What is known of a tree of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpfAudit {
    /// How many terms need DNS.
    pub lookups: usize,
    /// The names that were asked and have nothing.
    pub voids: Vec<String>,
    /// The domains whose records were read, the first one first.
    pub read: Vec<String>,
    /// Problems of the records below the first, by their domain.
    pub problems: Vec<(String, SpfProblem)>,
    /// Domains that include themselves.
    pub loops: Vec<String>,
    /// Names of an `mx` with more hosts than receivers look at.
    pub too_many_hosts: Vec<String>,
    /// Domains whose record passes every address.
    pub open: Vec<String>,
    /// How many terms besides `all` pass an address.
    pub senders: usize,
    /// What is said about all other addresses.
    pub rest: Option<Qualifier>,
    /// Terms after `all`, which are never reached.
    pub unreached: Vec<String>,
    /// Terms with `ptr`.
    pub ptr: Vec<String>,
}

/// Reads the record of a domain, and those that it includes.
pub async fn audit(dns: &impl Dns, domain: &str) -> Result<SpfAudit, SpfProblem> {
    let record = record_of(dns, domain).await?;
    let mut walk = Walk { dns, found: SpfAudit::default(), above: Vec::new() };
    walk.record(domain.to_owned(), record, true).await;
    Ok(walk.found)
}

struct Walk<'w, D> {
    dns: &'w D,
    found: SpfAudit,
    /// The domains from the first one down to the current.
    above: Vec<String>,
}

impl<D: Dns> Walk<'_, D> {
    /// `is_answer` if what the record says about the rest counts for the first domain: not in an include.
    fn record(
        &mut self,
        domain: String,
        record: SpfRecord,
        is_answer: bool,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.found.read.push(domain.clone());
            self.above.push(domain.to_ascii_lowercase());
            let is_all = |directive: &Directive| directive.mechanism == Mechanism::All;
            let all = record.directives.iter().position(is_all);
            for (at, directive) in record.directives.iter().enumerate() {
                if all.is_some_and(|all| at > all) {
                    self.found.unreached.push(directive.text.clone());
                } else {
                    self.directive(directive, &domain, is_answer).await;
                }
            }
            if let (Some(redirect), None) = (&record.redirect, all) {
                self.found.lookups += 1;
                self.follow(redirect, &domain, is_answer).await;
            }
            self.above.pop();
        })
    }

    async fn directive(&mut self, directive: &Directive, domain: &str, is_answer: bool) {
        self.found.lookups += usize::from(directive.mechanism.needs_dns());
        if self.found.lookups > MOST_FOLLOWED {
            return;
        }
        let is_open = match &directive.mechanism {
            Mechanism::All => true,
            Mechanism::Ip4(_, length) | Mechanism::Ip6(_, length) => *length == 0,
            _ => false,
        };
        if is_open && directive.qualifier == Qualifier::Pass {
            self.found.open.push(domain.to_owned());
        }
        let is_sender = directive.mechanism != Mechanism::All && directive.qualifier == Qualifier::Pass;
        self.found.senders += usize::from(is_sender);
        match &directive.mechanism {
            Mechanism::All if is_answer => self.found.rest = Some(directive.qualifier),
            Mechanism::Include(spec) => self.follow(spec, domain, false).await,
            Mechanism::A(spec, _) => {
                if let Some(target) = target(spec.as_ref(), domain) {
                    let answer = self.dns.all_addresses(&target).await.map(drop);
                    self.note(target, answer);
                }
            }
            Mechanism::Mx(spec, _) => {
                if let Some(target) = target(spec.as_ref(), domain) {
                    let hosts = self.dns.mx(&target).await;
                    if hosts.as_ref().is_ok_and(|hosts| hosts.len() > MOST_HOSTS) {
                        self.found.too_many_hosts.push(target.clone());
                    }
                    self.note(target, hosts.map(drop));
                }
            }
            Mechanism::Exists(spec) => {
                if let Some(target) = target(Some(spec), domain) {
                    let answer = self.dns.all_addresses(&target).await.map(drop);
                    self.note(target, answer);
                }
            }
            Mechanism::Ptr(_) => self.found.ptr.push(directive.text.clone()),
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => {}
        }
    }

    async fn follow(&mut self, spec: &DomainSpec, domain: &str, is_answer: bool) {
        let Some(target) = target(Some(spec), domain).filter(|_| self.found.lookups <= MOST_FOLLOWED) else {
            return;
        };
        if self.above.contains(&target.to_ascii_lowercase()) {
            self.found.loops.push(target);
            return;
        }
        match record_of(self.dns, &target).await {
            Ok(record) => self.record(target, record, is_answer).await,
            Err(problem) => self.found.problems.push((target, problem)),
        }
    }

    fn note(&mut self, target: String, answer: Result<(), DnsError>) {
        match answer {
            Ok(()) => {}
            Err(error) if error.is_absence() => self.found.voids.push(target),
            Err(error) => self.found.problems.push((target, SpfProblem::Dns(error))),
        }
    }
}

/// The domain of a term, if it is the same for all messages.
fn target(spec: Option<&DomainSpec>, domain: &str) -> Option<String> {
    let Some(spec) = spec else { return Some(domain.to_owned()) };
    let values = MacroValues {
        address: [0, 0, 0, 0].into(),
        local_part: "",
        sender_domain: "",
        domain,
        helo: "",
        validated: "",
    };
    (!spec.depends_on_message()).then(|| spec.domain(&values))
}
