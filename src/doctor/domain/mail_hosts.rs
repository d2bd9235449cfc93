//! Whether replies and bounces can arrive: the MX records of a domain (RFC 5321, 5.1; RFC 7505).

use std::net::IpAddr;

use super::SenderDomain;
use super::answer::{fault, good, unanswered, warning};
use super::reverse::is_local;
use crate::doctor::Check;
use crate::doctor::dns::{Dns, DnsError, DnsResult, MailHost};
use crate::text::clipped;

/// The most hosts of a domain that are looked at.
const MOST_HOSTS: usize = 20;

/// The hosts that take the mail of a domain, the preferred first: its MX, or the domain itself if it has none but an
/// address.
pub async fn mail_hosts(dns: &impl Dns, domain: &str) -> DnsResult<String> {
    match dns.mx(domain).await {
        Ok(hosts) => {
            let hosts = hosts.into_iter().take(MOST_HOSTS).map(|host| host.host);
            let hosts: Vec<String> = hosts.filter(|host| !host.is_empty()).collect();
            if hosts.is_empty() { Err(DnsError::NoRecords) } else { Ok(hosts) }
        }
        Err(DnsError::NoRecords) => dns.all_addresses(domain).await.map(|_| vec![domain.to_owned()]),
        Err(error) => Err(error),
    }
}

/// A domain that takes mail: which one, and for what.
struct Mailbox<'d> {
    id: &'static str,
    domain: &'d str,
    what: &'static str,
}

/// The checks of From's domain and of the one for bounces.
pub(super) async fn check(dns: &impl Dns, sender: &SenderDomain) -> Vec<Check> {
    let from = Mailbox { id: "mx", domain: &sender.from, what: "replies" };
    let mut checks = mailbox(dns, &from).await;
    if !sender.envelope.is_empty() && !sender.envelope.eq_ignore_ascii_case(&sender.from) {
        let envelope = Mailbox { id: "bounce-mx", domain: &sender.envelope, what: "bounces" };
        checks.extend(mailbox(dns, &envelope).await);
    }
    checks
}

async fn mailbox(dns: &impl Dns, mailbox: &Mailbox<'_>) -> Vec<Check> {
    let Mailbox { id, domain, what } = *mailbox;
    let hosts = match dns.mx(domain).await {
        Ok(hosts) => hosts,
        Err(DnsError::NoRecords) => return vec![without_mx(dns, mailbox).await],
        Err(DnsError::NoName | DnsError::BadName) => {
            let message = format!("the domain for {what} does not exist in DNS");
            return vec![fault(id, domain, message, "correct the address in config.toml, or add the domain")];
        }
        Err(error) => return vec![unanswered(id, domain, "the MX record", &error)],
    };
    if hosts.iter().any(|host| host.host.is_empty()) {
        let message = format!(
            "the domain says that it takes no mail (a null MX): {what} are lost, and receivers may reject mail from it"
        );
        let next = format!("replace \"MX 0 .\" at {domain} by the host that takes your mail");
        return vec![fault(id, domain, message, next)];
    }
    let mut unusable = Vec::new();
    for host in hosts.iter().take(MOST_HOSTS) {
        unusable.extend(unusable_host(dns, mailbox, host).await);
    }
    if unusable.is_empty() {
        let first = hosts.first().map_or("", |host| host.host.as_str());
        return vec![good(id, domain, format!("{} takes {what}", clipped(first)))];
    }
    // While another host works, mail arrives.
    if unusable.len() < hosts.len() {
        for check in &mut unusable {
            check.level = crate::doctor::Level::Warning;
        }
    }
    unusable
}

async fn without_mx(dns: &impl Dns, mailbox: &Mailbox<'_>) -> Check {
    let Mailbox { id, domain, what } = *mailbox;
    match dns.all_addresses(domain).await {
        Ok(_) => {
            let message = format!(
                "there is no MX record: {what} go to the address of {domain} itself, if it takes mail"
            );
            warning(
                id,
                domain,
                message,
                format!("add an MX record at {domain} that names the host of your mailbox"),
            )
        }
        Err(error) if error.is_absence() => {
            let message =
                format!("there is no MX record: {what} are lost, and receivers may reject mail from it");
            fault(
                id,
                domain,
                message,
                format!("add an MX record at {domain} that names the host of your mailbox"),
            )
        }
        Err(error) => unanswered(id, domain, "the address", &error),
    }
}

async fn unusable_host(dns: &impl Dns, mailbox: &Mailbox<'_>, host: &MailHost) -> Option<Check> {
    let Mailbox { id, domain, .. } = *mailbox;
    let shown = clipped(&host.host);
    if host.host.parse::<IpAddr>().is_ok() {
        let message = format!("the MX record names the address {shown}, but it must name a host");
        return Some(fault(
            id,
            domain,
            message,
            "give the address a name, and write that name into the MX record",
        ));
    }
    if let Ok(alias) = dns.cname(&host.host).await {
        let alias = clipped(alias.first().map_or("", String::as_str));
        let message = format!("the mail host {shown} is an alias (CNAME), which an MX record must not name");
        return Some(warning(id, domain, message, format!("write {alias} into the MX record")));
    }
    match dns.all_addresses(&host.host).await {
        Ok(addresses) if addresses.iter().all(|address| is_local(*address)) => {
            let message = format!("the mail host {shown} has only addresses that are not of the internet");
            Some(fault(id, domain, message, format!("give {shown} its public address")))
        }
        Ok(_) => None,
        Err(error) if error.is_absence() => {
            let message = format!("the mail host {shown} has no address");
            Some(fault(
                id,
                domain,
                message,
                format!("correct the MX record of {domain}, or add an address for {shown}"),
            ))
        }
        Err(error) => Some(unanswered(id, domain, &format!("the address of the mail host {shown}"), &error)),
    }
}
