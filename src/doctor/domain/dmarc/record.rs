//! A DMARC policy record (RFC 9989, 4.7 and 4.8).

use crate::doctor::domain::tags::Tags;
use crate::text::clipped;

/// The most parts of a record that are looked at: there are ten tags.
const MOST_PARTS: usize = 50;

/// What is asked for mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    None,
    /// Suspicion.
    Quarantine,
    /// Rejection.
    Reject,
}

/// How alike two domains must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Alignment {
    /// Of one organization.
    #[default]
    Relaxed,
    /// The same.
    Strict,
}

/// A record that begins with `v=DMARC1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DmarcRecord {
    /// `p`: for the domain.
    pub policy: Option<Policy>,
    /// `sp`: for its subdomains.
    pub subdomains: Option<Policy>,
    /// `adkim`.
    pub dkim: Alignment,
    /// `aspf`.
    pub spf: Alignment,
    /// `psd`: whether the domain is a public suffix (`y`) or the top of an organization (`n`).
    pub is_public_suffix: Option<bool>,
    /// `t=y`: the policy is to be applied one step milder.
    pub is_testing: bool,
    /// `rua`: the URIs for reports, as written.
    pub reports: Vec<String>,
    /// Tags with a value that they cannot have, and parts that are no tags.
    pub invalid: Vec<String>,
    /// Tags of earlier versions, which no longer mean anything.
    pub obsolete: Vec<String>,
    /// Tags that are not known.
    pub unknown: Vec<String>,
}

impl DmarcRecord {
    /// Reads a text; `None` if it is not a record of this version.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (version, rest) = text.split_once(';').unwrap_or((&text, ""));
        let (name, version) = version.split_once('=')?;
        if name.trim() != "v" || version.trim() != "DMARC1" {
            return None;
        }
        let mut record = Self::default();
        // Each part by itself, so that a mistake in one does not hide the others.
        let mut seen = Vec::new();
        for part in rest.split(';').filter(|part| !part.trim().is_empty()).take(MOST_PARTS) {
            match Tags::parse(part) {
                Ok(tags) => {
                    for (name, value) in tags.iter() {
                        if seen.contains(&name) {
                            record.invalid.push(clipped(part.trim()));
                        } else {
                            seen.push(name);
                            record.set(name, value, part.trim());
                        }
                    }
                }
                Err(part) => record.invalid.push(part),
            }
        }
        Some(record)
    }

    fn set(&mut self, name: &str, value: &str, written: &str) {
        let mut is_valid = true;
        match name.to_ascii_lowercase().as_str() {
            "p" => is_valid = set(&mut self.policy, policy(value)),
            "sp" => is_valid = set(&mut self.subdomains, policy(value)),
            "np" => is_valid = policy(value).is_some(),
            "adkim" => is_valid = replace(&mut self.dkim, alignment(value)),
            "aspf" => is_valid = replace(&mut self.spf, alignment(value)),
            "psd" => match value {
                "y" | "Y" => self.is_public_suffix = Some(true),
                "n" | "N" => self.is_public_suffix = Some(false),
                _ => is_valid = value.eq_ignore_ascii_case("u"),
            },
            "t" => {
                self.is_testing = value.eq_ignore_ascii_case("y");
                is_valid = self.is_testing || value.eq_ignore_ascii_case("n");
            }
            "rua" => {
                let uris = value.split(',').map(str::trim).filter(|uri| !uri.is_empty());
                self.reports = uris.map(str::to_owned).collect();
            }
            "ruf" => {}
            "fo" => is_valid = value.split(':').all(|each| matches!(each.trim(), "0" | "1" | "d" | "s")),
            "pct" | "rf" | "ri" => self.obsolete.push(clipped(written)),
            _ => self.unknown.push(clipped(written)),
        }
        if !is_valid {
            self.invalid.push(clipped(written));
        }
    }
}

fn set(place: &mut Option<Policy>, value: Option<Policy>) -> bool {
    *place = value;
    value.is_some()
}

fn replace(place: &mut Alignment, value: Option<Alignment>) -> bool {
    *place = value.unwrap_or_default();
    value.is_some()
}

fn policy(value: &str) -> Option<Policy> {
    match value.to_ascii_lowercase().as_str() {
        "none" => Some(Policy::None),
        "quarantine" => Some(Policy::Quarantine),
        "reject" => Some(Policy::Reject),
        _ => None,
    }
}

fn alignment(value: &str) -> Option<Alignment> {
    match value {
        "r" | "R" => Some(Alignment::Relaxed),
        "s" | "S" => Some(Alignment::Strict),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_read_tag_by_tag() {
        let text = "v=DMARC1; p=Reject; sp=none; adkim=s; psd=n; t=y; rua=mailto:a@x.example, mailto:b@y.example!10m; pct=50; foo=1; aspf=q; huch";
        let record = DmarcRecord::parse(text.as_bytes()).unwrap();
        assert_eq!((record.policy, record.subdomains), (Some(Policy::Reject), Some(Policy::None)));
        assert_eq!((record.dkim, record.spf), (Alignment::Strict, Alignment::Relaxed));
        assert_eq!((record.is_public_suffix, record.is_testing), (Some(false), true));
        assert_eq!(record.reports, ["mailto:a@x.example", "mailto:b@y.example!10m"]);
        assert_eq!(record.obsolete, ["pct=50"]);
        assert_eq!(record.unknown, ["foo=1"]);
        assert_eq!(record.invalid, ["aspf=q", "huch"]);
    }

    #[test]
    fn the_version_is_the_first_tag_and_sensitive_to_case() {
        for (text, is_record) in [
            ("v=DMARC1", true),
            ("v = DMARC1 ; p=none", true),
            ("v=dmarc1; p=none", false),
            ("v=DMARC1 p=none", false),
            ("p=none; v=DMARC1", false),
            ("v=DMARC10; p=none", false),
            ("v=spf1 -all", false),
            ("", false),
        ] {
            assert_eq!(DmarcRecord::parse(text.as_bytes()).is_some(), is_record, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            tags in "(p|sp|np|rua|t|psd|fo|pct|v)?=?[a-z:,; !@]{0,12};?",
        ) {
            let _ = DmarcRecord::parse(&bytes);
            let _ = DmarcRecord::parse(format!("v=DMARC1;{tags}").as_bytes());
        }
    }
}
