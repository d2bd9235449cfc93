//! Where DMARC reports go (RFC 9990): whether the addresses are valid, and whether another domain takes the reports.

use percent_encoding::percent_decode_str;

use super::record::DmarcRecord;
use super::walk::tree_walk;
use crate::address::EmailAddress;
use crate::doctor::Check;
use crate::doctor::dns::Dns;
use crate::doctor::domain::answer::{unanswered, warning};
use crate::doctor::domain::names::is_within;
use crate::text::clipped;

/// The most addresses that are looked at; reporters need not use more than two.
const MOST_ADDRESSES: usize = 10;

pub(super) async fn check(dns: &impl Dns, at: &str, record: &DmarcRecord) -> Vec<Check> {
    let name = format!("_dmarc.{at}");
    if record.reports.is_empty() {
        let message = "the record asks for no reports (rua=), so nobody sees which mail fails";
        return vec![warning("dmarc-reports", &name, message, format!("add rua=mailto:dmarc@{at}"))];
    }
    let mut checks = Vec::new();
    for uri in record.reports.iter().take(MOST_ADDRESSES) {
        match destination(uri) {
            Some(domain) if is_within(&domain, at) => {}
            Some(domain) => checks.extend(permission(dns, at, &domain).await),
            None => {
                let message = format!("{:?} is no address for reports", clipped(uri));
                checks.push(warning("dmarc-reports", &name, message, format!("write rua=mailto:dmarc@{at}")));
            }
        }
    }
    checks
}

/// The domain of an address for reports. Only mail is supported by every reporter.
fn destination(uri: &str) -> Option<String> {
    let (scheme, address) = uri.split_once(':')?;
    // An earlier version allowed a maximum size: `!10m`.
    let address = address.split(['?', '!']).next()?;
    let address = percent_decode_str(address).decode_utf8().ok()?;
    let address = EmailAddress::parse(&address).ok().filter(|_| scheme.eq_ignore_ascii_case("mailto"))?;
    Some(address.domain().to_ascii_lowercase())
}

/// Another organization must say that it takes the reports, or nobody sends them (RFC 9990, 4).
async fn permission(dns: &impl Dns, at: &str, other: &str) -> Option<Check> {
    let (ours, theirs) = (tree_walk(dns, at).await, tree_walk(dns, other).await);
    if ours.organization() == theirs.organization() {
        return None;
    }
    let name = format!("{at}._report._dmarc.{other}");
    match dns.txt(&name).await {
        Ok(texts) if texts.iter().any(|text| DmarcRecord::parse(text).is_some()) => None,
        Err(error) if !error.is_absence() => {
            Some(unanswered("dmarc-permission", &name, "the permission to send reports", &error))
        }
        _ => {
            let message =
                format!("{other} does not say that it takes the reports about {at}, so they are not sent");
            let next = format!("add a TXT record at {name}: v=DMARC1; or take an address of {at}");
            Some(warning("dmarc-permission", &name, message, next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_reports_is_a_mailto() {
        for (uri, domain) in [
            ("mailto:dmarc@Example.com", Some("example.com")),
            ("MAILTO:a%2Bb@example.com!10m", Some("example.com")),
            ("mailto:dmarc@example.com?subject=x", Some("example.com")),
            ("dmarc@example.com", None),
            ("mailto:dmarc", None),
            ("mailto:", None),
            ("https://example.com/dmarc", None),
        ] {
            assert_eq!(destination(uri).as_deref(), domain, "{uri}");
        }
    }
}
