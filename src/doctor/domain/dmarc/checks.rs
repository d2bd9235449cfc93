//! What the DMARC record means for this sender, in sentences.

use super::record::{Alignment, DmarcRecord, Policy};
use super::reports;
use super::walk::{TreeWalk, tree_walk};
use crate::doctor::Check;
use crate::doctor::dns::Dns;
use crate::doctor::domain::answer::{fault, good, listed, skipped, unanswered, warning};
use crate::doctor::domain::names::is_within;
use crate::doctor::domain::{DomainFacts, SenderDomain, spf};
use crate::text::clipped;

/// The most domains of DKIM keys that are compared.
const MOST_DOMAINS: usize = 10;

/// The checks, and what they say about the record and the alignment. `signing` are the domains whose DKIM key in DNS is
/// the one on disk.
pub(in crate::doctor::domain) async fn check(
    dns: &impl Dns,
    sender: &SenderDomain,
    signing: &[String],
) -> (Vec<Check>, DomainFacts) {
    let walk = tree_walk(dns, &sender.from).await;
    let mut checks: Vec<Check> = walk.several.iter().map(|domain| several(domain)).collect();
    let mut facts = DomainFacts::default();
    let Some((at, record)) = walk.policy() else {
        if let (Some((domain, error)), true) = (walk.unanswered.first(), checks.is_empty()) {
            checks.push(unanswered("dmarc", &format!("_dmarc.{domain}"), "the DMARC record", error));
            return (checks, facts);
        }
        if checks.is_empty() {
            checks.push(missing(dns, &walk).await);
        }
        facts.dmarc = Some(false);
        return (checks, facts);
    };
    facts.dmarc = Some(true);
    checks.extend(of_record(&walk, at, record));
    checks.extend(reports::check(dns, at, record).await);
    let alignments = Alignments::of(dns, sender, &walk, record).await;
    facts.spf_aligned = alignments.spf;
    facts.dkim_aligned = alignments.dkim_of(signing);
    checks.push(alignments.check(sender));
    (checks, facts)
}

fn several(domain: &str) -> Check {
    let message = "there are several DMARC records at one name, and receivers ignore them all";
    fault("dmarc-several", &format!("_dmarc.{domain}"), message, "keep one of them")
}

/// No record counts: perhaps it is at the wrong name, or is not recognised.
async fn missing(dns: &impl Dns, walk: &TreeWalk) -> Check {
    let domain = &walk.start;
    let name = format!("_dmarc.{domain}");
    let record = format!("v=DMARC1; p=none; rua=mailto:dmarc@{domain}");
    if let Some(stray) = walk.strays.first() {
        let message = format!("the text at this name is no DMARC record: {:?}", clipped(stray));
        let next =
            format!("let it begin with v=DMARC1; in capitals and with the semicolon, such as {record}");
        return fault("dmarc-syntax", &name, message, next);
    }
    for place in [format!("_dmarc.{domain}.{domain}"), format!("_dmarc.{name}"), domain.clone()] {
        let texts = dns.txt(&place).await.unwrap_or_default();
        if texts.iter().any(|text| DmarcRecord::parse(text).is_some()) {
            let message = format!("there is no DMARC record, but there is one at the wrong name {place}");
            let next = "move it: many forms for DNS records append the domain themselves, so that only _dmarc is \
                        written there";
            return fault("dmarc", &name, message, next);
        }
    }
    // A newsletter is bulk mail at any size: Yahoo and Naver name no number below which the record may be missing.
    let message =
        "there is no DMARC record; Gmail, Yahoo, Outlook.com and Naver ask senders of newsletters for one";
    fault("dmarc", &name, message, format!("add a TXT record at {name}: {record}"))
}

fn of_record(walk: &TreeWalk, at: &str, record: &DmarcRecord) -> Vec<Check> {
    let name = format!("_dmarc.{at}");
    let mut checks = Vec::new();
    let policy = if at == walk.start { record.policy } else { record.subdomains.or(record.policy) };
    let is_policy = |part: &String| ["p=", "sp=", "np="].iter().any(|tag| part.starts_with(tag));
    if record.invalid.iter().any(is_policy) || (record.policy.is_none() && record.reports.is_empty()) {
        let message = match record.invalid.iter().find(|part| is_policy(part)) {
            Some(part) => format!("{part} is no policy"),
            None => "the record has no policy (p=), and receivers ignore it".to_owned(),
        };
        checks.push(fault("dmarc-policy", &name, message, "write p=none, p=quarantine or p=reject"));
    } else if matches!(policy, None | Some(Policy::None)) {
        let message = "the policy is p=none: receivers deliver mail that others forge in your name";
        let next = "when the reports show that your own mail passes, write p=quarantine";
        checks.push(warning("dmarc-policy", &name, message, next));
    }
    if record.is_testing {
        let message = "the policy is only tested (t=y), and receivers apply it one step milder";
        checks.push(warning("dmarc-testing", &name, message, "remove t=y when the reports are good"));
    }
    let invalid: Vec<_> = record.invalid.iter().filter(|part| !is_policy(part)).cloned().collect();
    if !invalid.is_empty() {
        let message = format!("parts of the record are not valid and are ignored: {}", listed(&invalid));
        checks.push(warning("dmarc-syntax", &name, message, "correct or remove them"));
    }
    if !record.obsolete.is_empty() {
        let message = format!("tags without a meaning since RFC 9989: {}", listed(&record.obsolete));
        checks.push(warning("dmarc-tags", &name, message, "remove them; t=y took the place of pct=0"));
    }
    if !record.unknown.is_empty() {
        let message = format!("tags that DMARC does not know: {}", listed(&record.unknown));
        checks.push(warning("dmarc-tags", &name, message, "correct or remove them"));
    }
    if checks.is_empty() {
        let policy = if policy == Some(Policy::Reject) { "reject" } else { "quarantine" };
        checks.push(good("dmarc", &name, format!("the policy for the domain of From is {policy}")));
    }
    checks
}

/// Whether the domains that receivers verify belong to the domain of From.
struct Alignments {
    /// The envelope's domain; `None` if it is not known which one receivers see.
    spf: Option<bool>,
    /// The domains of the DKIM keys.
    dkim: Vec<(String, bool)>,
    is_strict: bool,
}

impl Alignments {
    async fn of(dns: &impl Dns, sender: &SenderDomain, walk: &TreeWalk, record: &DmarcRecord) -> Self {
        let relay = sender.relay_host.as_deref().unwrap_or_default();
        let is_known = !sender.envelope.is_empty() && !spf::has_own_return_path(relay);
        let spf =
            if is_known { Some(is_aligned(dns, walk, &sender.envelope, record.spf).await) } else { None };
        let mut dkim: Vec<(String, bool)> = Vec::new();
        for key in sender.dkim.iter().take(MOST_DOMAINS) {
            if !dkim.iter().any(|(domain, _)| *domain == key.domain) {
                let aligned = is_aligned(dns, walk, &key.domain, record.dkim).await;
                dkim.push((key.domain.clone(), aligned));
            }
        }
        let is_strict = record.dkim == Alignment::Strict || record.spf == Alignment::Strict;
        Self { spf, dkim, is_strict }
    }

    /// Whether one of these domains is aligned; `None` if none is configured.
    fn dkim_of(&self, domains: &[String]) -> Option<bool> {
        let is_signing = |domain: &String| domains.contains(domain);
        let any = self.dkim.iter().any(|(domain, aligned)| *aligned && is_signing(domain));
        (!self.dkim.is_empty()).then_some(any)
    }

    fn check(&self, sender: &SenderDomain) -> Check {
        const ID: &str = "dmarc-alignment";
        let SenderDomain { from, envelope, .. } = sender;
        let dkim = (!self.dkim.is_empty()).then(|| self.dkim.iter().any(|(_, aligned)| *aligned));
        let domains: Vec<_> = self.dkim.iter().map(|(domain, _)| domain.clone()).collect();
        let domains = listed(&domains);
        let why = if self.is_strict {
            "the record asks for the same domain (adkim=s or aspf=s)"
        } else {
            "they are of different organizations"
        };
        let sign = format!("sign with a key of {from}: `letterpress dkim new --domain {from}`");
        let bounce = format!("set newsletter.bounces to an address of {from}");
        match (self.spf, dkim) {
            (Some(true), Some(true)) => good(
                ID,
                from,
                format!("From is aligned with the envelope ({envelope}) and with DKIM ({domains})"),
            ),
            (Some(true), None) => good(ID, from, format!("From is aligned with the envelope ({envelope})")),
            (None, Some(true)) => good(ID, from, format!("From is aligned with DKIM ({domains})")),
            (None, None) => {
                skipped(ID, from, "neither the domain of the envelope nor that of DKIM is known here")
            }
            (Some(false), Some(true)) => {
                let message =
                    format!("From is not aligned with the envelope ({envelope}), only with DKIM: {why}");
                warning(ID, from, message, bounce)
            }
            (Some(true), Some(false)) => {
                let message =
                    format!("From is not aligned with DKIM ({domains}), only with the envelope: {why}");
                warning(ID, from, message, sign)
            }
            (Some(false), None) => {
                let message = format!(
                    "From is not aligned with the envelope ({envelope}): {why}; DMARC fails unless the relay signs"
                );
                warning(ID, from, message, sign)
            }
            (Some(false) | None, Some(false)) => {
                let message = format!(
                    "From is aligned with neither the envelope ({envelope}) nor DKIM ({domains}): {why}, and DMARC fails"
                );
                fault(ID, from, message, sign)
            }
        }
    }
}

/// Whether a domain belongs to that of From (RFC 9989, 4.10.2).
async fn is_aligned(dns: &impl Dns, from: &TreeWalk, domain: &str, alignment: Alignment) -> bool {
    if domain.eq_ignore_ascii_case(&from.start) {
        return true;
    }
    let organization = from.organization();
    // Only a domain within the organization can have it for its own.
    if alignment == Alignment::Strict || !is_within(domain, organization) {
        return false;
    }
    tree_walk(dns, domain).await.organization() == organization
}
