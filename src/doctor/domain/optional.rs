//! Records that a sender may have: BIMI (the logo), MTA-STS (RFC 8461) and TLS-RPT (RFC 8460). Without them, nothing is
//! said. The policy of MTA-STS and the logo are files on the web, which is not asked here.

use super::answer::{good, unanswered, warning};
use super::dmarc::{Policy, tree_walk};
use super::tags::Tags;
use crate::doctor::Check;
use crate::doctor::dns::Dns;
use crate::text::clipped;

/// The longest `id` of MTA-STS.
const LONGEST_ID: usize = 32;

/// A record that may be there.
struct Optional {
    id: &'static str,
    /// What is before the domain.
    below: &'static str,
    /// What its texts begin with.
    version: &'static str,
    what: &'static str,
}

const BIMI: Optional = Optional { id: "bimi", below: "default._bimi", version: "BIMI1", what: "BIMI" };
const MTA_STS: Optional = Optional { id: "mta-sts", below: "_mta-sts", version: "STSv1", what: "MTA-STS" };
const TLS_RPT: Optional =
    Optional { id: "tls-rpt", below: "_smtp._tls", version: "TLSRPTv1", what: "TLS-RPT" };

/// The checks of those that are there.
pub(super) async fn check(dns: &impl Dns, domain: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for optional in [BIMI, MTA_STS, TLS_RPT] {
        let name = format!("{}.{domain}", optional.below);
        match dns.txt(&name).await {
            Ok(texts) => checks.extend(record(dns, &optional, domain, &texts).await),
            Err(error) if error.is_absence() => {}
            Err(error) => checks.push(unanswered(optional.id, &name, optional.what, &error)),
        }
    }
    checks
}

async fn record(dns: &impl Dns, optional: &Optional, domain: &str, texts: &[Vec<u8>]) -> Option<Check> {
    let Optional { id, below, version, what } = *optional;
    let name = format!("{below}.{domain}");
    let texts: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
    // Other texts come from a wildcard.
    let is_meant = |text: &str| text.to_ascii_lowercase().contains(&version.to_ascii_lowercase());
    if !texts.iter().any(|text| is_meant(text)) {
        return None;
    }
    let of_version =
        |text: &&std::borrow::Cow<'_, str>| Tags::parse(text).is_ok_and(|tags| tags.has_version(version));
    let records: Vec<_> = texts.iter().filter(of_version).collect();
    let [text] = records.as_slice() else {
        let number = records.len();
        let message = format!("there are {number} {what} records at this name, and there must be one");
        let next = format!("keep one TXT record, which begins with v={version};");
        return Some(warning(id, &name, message, next));
    };
    let tags = Tags::parse(text).unwrap_or_default();
    let mistake = match id {
        "bimi" => bimi(dns, domain, &tags).await,
        "mta-sts" => mta_sts(&tags),
        _ => tls_rpt(&tags),
    };
    Some(match mistake {
        Some((message, next)) => warning(id, &name, message, next),
        None => good(id, &name, format!("there is a valid {what} record")),
    })
}

type Mistake = Option<(String, String)>;

async fn bimi(dns: &impl Dns, domain: &str, tags: &Tags<'_>) -> Mistake {
    let logo = tags.get("l").unwrap_or_default();
    // An empty l= says that there is no logo.
    if !logo.is_empty() && !logo.to_ascii_lowercase().starts_with("https://") {
        let message = format!("the logo {:?} is not at an https address", clipped(logo));
        return Some((message, "write l=https://… with the address of an SVG file".to_owned()));
    }
    let walk = tree_walk(dns, domain).await;
    let policy = walk.policy().and_then(|(_, record)| record.policy);
    // Another check says that there is no DMARC record.
    let is_weak = policy == Some(Policy::None);
    is_weak.then(|| {
        let message = "receivers show the logo only with a DMARC policy that is not p=none".to_owned();
        (message, "write p=quarantine or p=reject when the reports show that your own mail passes".to_owned())
    })
}

fn mta_sts(tags: &Tags<'_>) -> Mistake {
    let id = tags.get("id").unwrap_or_default();
    let is_valid =
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!is_valid).then(|| {
        let message = format!(
            "id={} is not 1 to {LONGEST_ID} letters and digits, and senders ignore the policy",
            clipped(id)
        );
        (message, "write the time of the last change of the policy, such as id=20260101T000000".to_owned())
    })
}

fn tls_rpt(tags: &Tags<'_>) -> Mistake {
    let rua = tags.get("rua").unwrap_or_default();
    let is_valid = |uri: &str| {
        let uri = uri.trim().to_ascii_lowercase();
        uri.strip_prefix("mailto:").is_some_and(|address| address.contains('@'))
            || uri.starts_with("https://")
    };
    (rua.is_empty() || !rua.split(',').all(is_valid)).then(|| {
        let message = format!("rua={} is no address for reports", clipped(rua));
        (message, "write rua=mailto:… or rua=https://…".to_owned())
    })
}
