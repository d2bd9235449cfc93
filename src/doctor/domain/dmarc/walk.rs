//! The DNS tree walk (RFC 9989, 4.10): from a domain upwards, with at most eight queries.

use super::record::DmarcRecord;
use crate::doctor::dns::{Dns, DnsError};
use crate::doctor::domain::names::parent;

/// The most labels of a parent that is asked, and one less than the most queries.
const MOST_LABELS: usize = 7;

/// What the walk found, from the domain itself upwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeWalk {
    /// Where it began.
    pub start: String,
    /// The valid records, with their domains.
    pub records: Vec<(String, DmarcRecord)>,
    /// Domains with several records, all of which are ignored.
    pub several: Vec<String>,
    /// Domains that DNS did not answer for.
    pub unanswered: Vec<(String, DnsError)>,
    /// Texts that are no record, at the domain where the walk began.
    pub strays: Vec<String>,
}

/// Walks up from a domain.
pub async fn tree_walk(dns: &impl Dns, domain: &str) -> TreeWalk {
    let mut walk = TreeWalk { start: domain.to_ascii_lowercase(), ..TreeWalk::default() };
    for target in targets(&walk.start.clone()) {
        let texts = match dns.txt(&format!("_dmarc.{target}")).await {
            Ok(texts) => texts,
            Err(error) => {
                if !error.is_absence() {
                    walk.unanswered.push((target, error));
                }
                continue;
            }
        };
        let mut records: Vec<_> = texts.iter().filter_map(|text| DmarcRecord::parse(text)).collect();
        match (records.pop(), records.is_empty()) {
            (Some(record), true) => {
                let is_end = record.is_public_suffix.is_some();
                walk.records.push((target, record));
                if is_end {
                    break;
                }
            }
            (Some(_), false) => walk.several.push(target),
            (None, _) if target == walk.start => {
                walk.strays = texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            }
            (None, _) => {}
        }
    }
    walk
}

/// The domains that are asked.
fn targets(domain: &str) -> Vec<String> {
    let mut targets = vec![domain.to_owned()];
    let mut above = parent(domain);
    while let Some(target) = above {
        if target.split('.').count() <= MOST_LABELS {
            targets.push(target.to_owned());
        }
        above = parent(target);
    }
    targets
}

impl TreeWalk {
    /// The top of the organization to which the domain belongs (4.10.2).
    pub fn organization(&self) -> &str {
        for (domain, record) in &self.records {
            match record.is_public_suffix {
                Some(false) => return domain,
                // The domain one label below.
                Some(true) if *domain != self.start => {
                    let mut below = self.start.as_str();
                    while let Some(above) = parent(below).filter(|above| above != domain) {
                        below = above;
                    }
                    return below;
                }
                _ => {}
            }
        }
        self.records.last().map_or(&self.start, |(domain, _)| domain)
    }

    /// The record that counts for the domain, and where it is (4.10.1): its own, that of its organization, or that of its
    /// public suffix.
    pub fn policy(&self) -> Option<(&str, &DmarcRecord)> {
        let at = |domain: &str| self.records.iter().find(|(each, _)| each == domain);
        let suffix = || self.records.iter().find(|(_, record)| record.is_public_suffix == Some(true));
        let found = at(&self.start).or_else(|| at(self.organization())).or_else(suffix);
        found.map(|(domain, record)| (domain.as_str(), record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::dns::zone::Zone;

    #[tokio::test]
    async fn a_long_name_costs_eight_queries() {
        let zone = Zone::default();
        tree_walk(&zone, "a.b.c.d.e.f.g.h.i.j.mail.example.com").await;
        let asked =
            zone.asked().iter().map(|each| each.trim_end_matches(" Txt").to_owned()).collect::<Vec<_>>();
        assert_eq!(
            asked,
            [
                "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "_dmarc.g.h.i.j.mail.example.com",
                "_dmarc.h.i.j.mail.example.com",
                "_dmarc.i.j.mail.example.com",
                "_dmarc.j.mail.example.com",
                "_dmarc.mail.example.com",
                "_dmarc.example.com",
                "_dmarc.com",
            ]
        );
        for labels in 1..20 {
            let domain = vec!["a"; labels].join(".");
            assert_eq!(targets(&domain).len(), labels.min(8), "{domain}");
        }
    }

    #[tokio::test]
    async fn the_organization_is_where_the_rfc_finds_it() {
        for (zone, domain, organization, policy) in [
            (
                "_dmarc.mail.example.com TXT v=DMARC1\n_dmarc.example.com TXT v=DMARC1",
                "a.mail.example.com",
                "example.com",
                Some("example.com"),
            ),
            (
                "_dmarc.mail.example.com TXT v=DMARC1; psd=n\n_dmarc.example.com TXT v=DMARC1",
                "a.mail.example.com",
                "mail.example.com",
                Some("mail.example.com"),
            ),
            ("_dmarc.com TXT v=DMARC1; psd=y", "a.mail.example.com", "example.com", Some("com")),
            (
                "_dmarc.example.com TXT v=DMARC1; psd=y\n_dmarc.com TXT v=DMARC1",
                "example.com",
                "example.com",
                Some("example.com"),
            ),
            (
                "_dmarc.a.example.com TXT v=DMARC1\n_dmarc.example.com TXT v=DMARC1",
                "a.example.com",
                "example.com",
                Some("a.example.com"),
            ),
            ("x.example TXT none", "a.example.com", "a.example.com", None),
            (
                "_dmarc.example.com TXT v=DMARC1\n_dmarc.example.com TXT v=DMARC1",
                "a.example.com",
                "a.example.com",
                None,
            ),
        ] {
            let zone = Zone::read(zone);
            let walk = tree_walk(&zone, domain).await;
            assert_eq!(walk.organization(), organization, "{domain}: {walk:?}");
            assert_eq!(walk.policy().map(|(domain, _)| domain), policy, "{domain}: {walk:?}");
        }
    }
}
