//! What the SPF record of the envelope's domain means for this sender, in sentences.

use std::net::IpAddr;

use super::evaluation::{Envelope, SpfResult, evaluate};
use super::providers::{Provider, ReturnPath, provider};
use super::record::Qualifier;
use super::{MOST_HOSTS, MOST_LOOKUPS, MOST_VOIDS, SpfAudit, SpfProblem, audit};
use crate::doctor::Check;
use crate::doctor::dns::{Dns, DnsError};
use crate::doctor::domain::SenderDomain;
use crate::doctor::domain::answer::{fault, good, listed, skipped, unanswered, warning};
use crate::doctor::domain::reverse::{is_own_relay, sending_addresses};
use crate::text::clipped;

/// The checks, and whether the record covers what sends.
pub(in crate::doctor::domain) async fn check(
    dns: &impl Dns,
    sender: &SenderDomain,
) -> (Vec<Check>, Option<bool>) {
    let domain = sender.envelope.as_str();
    let provider = sender.relay_host.as_deref().and_then(provider);
    // Another check says that the domain does not exist, or that there is none.
    if domain.is_empty() || dns.mx(domain).await == Err(DnsError::NoName) {
        return (Vec::new(), Some(false));
    }
    let audit = match audit(dns, domain).await {
        Ok(audit) => audit,
        Err(problem) => {
            return (vec![no_record(sender, provider, &problem)], known_missing(provider, &problem));
        }
    };
    let mut checks = broken(&audit, domain);
    // A receiver that finds an error looks no further.
    if checks.is_empty() {
        let (relay, covered) = coverage(dns, sender, provider, &audit).await;
        checks = loose(&audit, domain);
        if checks.is_empty() {
            let lookups = audit.lookups;
            let message = format!("the SPF record is valid and needs {lookups} of {MOST_LOOKUPS} look-ups");
            checks.push(good("spf", domain, message));
        }
        checks.push(relay);
        return (checks, covered);
    }
    (checks, Some(false))
}

fn known_missing(provider: Option<&Provider>, problem: &SpfProblem) -> Option<bool> {
    let is_theirs = provider.is_some_and(|provider| provider.return_path == ReturnPath::Theirs);
    (!is_theirs && !matches!(problem, SpfProblem::Dns(_))).then_some(false)
}

fn no_record(sender: &SenderDomain, provider: Option<&Provider>, problem: &SpfProblem) -> Check {
    let domain = sender.envelope.as_str();
    match problem {
        SpfProblem::Missing => {
            if let Some(provider) = provider.filter(|provider| provider.return_path == ReturnPath::Theirs) {
                return own_return_path(sender, provider);
            }
            let message = "there is no SPF record: receivers do not know who may send for this domain";
            fault(
                "spf",
                domain,
                message,
                format!("add a TXT record at {domain}: {}", example(sender, provider)),
            )
        }
        SpfProblem::Several(number) => {
            let message = format!("there are {number} SPF records, which receivers treat as an error");
            let next =
                "merge them into one TXT record that begins with v=spf1 and ends with one ~all or -all";
            fault("spf-several", domain, message, next)
        }
        SpfProblem::Syntax(error) => {
            let next =
                format!("correct that term in the TXT record at {domain}; receivers ignore the whole record");
            fault("spf-syntax", domain, format!("the SPF record has an error {error}"), next)
        }
        SpfProblem::Dns(error) => unanswered("spf", domain, "the SPF record", error),
    }
}

/// A record that covers the relay, as far as it is known.
fn example(sender: &SenderDomain, provider: Option<&Provider>) -> String {
    let term = |address: &IpAddr| match address {
        IpAddr::V4(address) => format!("ip4:{address}"),
        IpAddr::V6(address) => format!("ip6:{address}"),
    };
    match (provider, sender.relay.iter().find(|address| !address.is_loopback())) {
        (Some(provider), _) => format!("v=spf1 include:{} ~all", provider.include),
        (None, Some(address)) if is_own_relay(sender) => format!("v=spf1 {} ~all", term(address)),
        _ => "v=spf1 mx ~all, with what your relay's instructions say instead of mx".to_owned(),
    }
}

/// Errors for which receivers discard the record.
fn broken(audit: &SpfAudit, domain: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for (at, problem) in &audit.problems {
        let at = clipped(at);
        let next = format!("remove what names {at} from the SPF record of {domain}, or have {at} repaired");
        checks.push(fault("spf-include", domain, format!("at {at}, {problem}"), next));
    }
    for at in &audit.loops {
        let message = format!("the record of {} includes itself", clipped(at));
        checks.push(fault(
            "spf-loop",
            domain,
            message,
            "remove the include or redirect that closes the circle",
        ));
    }
    for at in &audit.too_many_hosts {
        let message =
            format!("\"mx\" of {} has more than {MOST_HOSTS} hosts, which is an error", clipped(at));
        checks.push(fault("spf-mx", domain, message, "name the networks with ip4: and ip6: instead of mx"));
    }
    if audit.lookups > MOST_LOOKUPS {
        let message = format!(
            "the SPF record needs {} look-ups, and receivers stop with an error after {MOST_LOOKUPS}",
            audit.lookups
        );
        let next = "remove services that no longer send for you, or write their networks as ip4: and ip6:";
        checks.push(fault("spf-lookups", domain, message, next));
    }
    if audit.voids.len() > MOST_VOIDS {
        let message = format!(
            "the SPF record names {} hosts that are not in DNS ({}), and receivers stop with an error after {MOST_VOIDS}",
            audit.voids.len(),
            listed(&audit.voids)
        );
        checks.push(fault("spf-voids", domain, message, "remove their terms from the record"));
    }
    checks
}

/// What is valid, but not as it is meant.
fn loose(audit: &SpfAudit, domain: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for at in &audit.open {
        let message = format!("the record of {} lets every machine of the internet send", clipped(at));
        let next = "replace +all by ~all or -all, and networks with /0 by those that send";
        checks.push(fault("spf-all", domain, message, next));
    }
    if audit.open.is_empty() && !matches!(audit.rest, Some(Qualifier::Fail | Qualifier::SoftFail)) {
        let message = "the SPF record says nothing about machines that it does not name";
        checks.push(warning("spf-all", domain, message, "end it with ~all"));
    }
    if !audit.voids.is_empty() {
        let message = format!("the SPF record names what is not in DNS: {}", listed(&audit.voids));
        checks.push(warning("spf-voids", domain, message, "remove their terms from the record"));
    }
    if !audit.unreached.is_empty() {
        let message = format!("terms after \"all\" are never reached: {}", listed(&audit.unreached));
        checks.push(warning("spf-order", domain, message, "move \"all\" to the end of the record"));
    }
    if !audit.ptr.is_empty() {
        let message = "the SPF record uses \"ptr\", which is slow and which large receivers ignore";
        checks.push(warning("spf-ptr", domain, message, "name the networks with ip4: and ip6: instead"));
    }
    checks
}

/// Whether the record passes the address that receivers will see.
async fn coverage(
    dns: &impl Dns,
    sender: &SenderDomain,
    provider: Option<&Provider>,
    audit: &SpfAudit,
) -> (Check, Option<bool>) {
    let domain = sender.envelope.as_str();
    if let Some(provider) = provider {
        return covers_provider(sender, provider, audit);
    }
    if audit.senders == 0 && audit.open.is_empty() {
        let message = "the SPF record lets nobody send for this domain";
        let next = format!("add your relay to the TXT record at {domain}: {}", example(sender, None));
        return (fault("spf-relay", domain, message, next), Some(false));
    }
    let addresses = sending_addresses(dns, sender).await;
    let mut refused = None;
    for address in &addresses {
        let helo = sender.helo.as_deref().unwrap_or(domain);
        let verdict = evaluate(dns, Envelope { address: *address, local_part: "", domain, helo }).await;
        match verdict.result {
            SpfResult::Pass => {}
            _ => refused = Some((address, verdict)),
        }
    }
    match refused {
        _ if addresses.is_empty() => {
            let message =
                "whether SPF covers the relay cannot be known: the address from which it sends is not known";
            (skipped("spf-relay", domain, message), None)
        }
        None => {
            let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            (good("spf-relay", domain, format!("SPF lets {} send", shown.join(", "))), Some(true))
        }
        Some((address, verdict)) if is_own_relay(sender) => {
            let message = format!("SPF does not let {address} send: {}", clipped(&verdict.why));
            let next = format!(
                "add {} to the record at {domain}",
                if address.is_ipv4() { "ip4:" } else { "ip6:" }.to_owned() + &address.to_string()
            );
            (fault("spf-relay", domain, message, next), Some(false))
        }
        Some((address, _)) => {
            let message = format!(
                "whether SPF covers the relay cannot be known: it does not name {address}, but the relay may send from \
                 another address; a message to yourself shows spf=pass or not in Authentication-Results"
            );
            (skipped("spf-relay", domain, message), None)
        }
    }
}

fn covers_provider(sender: &SenderDomain, provider: &Provider, audit: &SpfAudit) -> (Check, Option<bool>) {
    let domain = sender.envelope.as_str();
    let include = provider.include;
    if audit.read.iter().any(|read| read.eq_ignore_ascii_case(include)) {
        return (
            good("spf-relay", domain, format!("SPF includes {include}, the servers of the relay")),
            Some(true),
        );
    }
    if provider.return_path == ReturnPath::Theirs {
        return (own_return_path(sender, provider), None);
    }
    let relay = sender.relay_host.as_deref().unwrap_or_default();
    let message = format!("SPF does not include {include}, from whose servers {} sends", clipped(relay));
    let next = format!("add include:{include} to the SPF record at {domain}, before \"all\"");
    (fault("spf-relay", domain, message, next), Some(false))
}

fn own_return_path(sender: &SenderDomain, provider: &Provider) -> Check {
    let relay = sender.relay_host.as_deref().unwrap_or_default();
    let message = format!(
        "{} puts a return path of its own into the envelope; SPF counts for that domain, which includes {} if you set it up there",
        clipped(relay),
        provider.include
    );
    skipped("spf-relay", &sender.envelope, message)
}
