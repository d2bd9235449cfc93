//! Accounts and records of a site or a post in other networks, whose form is checked here: handles of the Fediverse, and
//! addresses of records in the AT protocol.

use serde::{Deserialize, Deserializer};

/// An account such as `@kim@social.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FediverseHandle(String);

impl FediverseHandle {
    /// Reads `@kim@social.example`, with or without the first `@`.
    pub fn parse(raw: &str) -> Option<Self> {
        let bare = raw.trim().trim_start_matches('@');
        let (user, host) = bare.split_once('@')?;
        let is_name = |name: &str, more: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || more.contains(c))
        };
        let is_right = is_name(user, "_-.") && host.contains('.') && host.split('.').all(|l| is_name(l, "-"));
        is_right.then(|| Self(format!("@{bare}")))
    }

    /// With both `@`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a record of standard.site: `at://did:plc:…/site.standard.publication/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordUri(String);

impl RecordUri {
    /// Reads the address of a record of this kind.
    pub fn parse(raw: &str, kind: &str) -> Option<Self> {
        let raw = raw.trim();
        let mut parts = raw.strip_prefix("at://")?.split('/');
        let (owner, collection, key) = (parts.next()?, parts.next()?, parts.next()?);
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:~%".contains(&b))
        };
        (is_word(owner) && collection == kind && is_word(key) && parts.next().is_none())
            .then(|| Self(raw.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The kind of record that describes a site.
const PUBLICATION: &str = "site.standard.publication";

pub(super) fn handle<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<FediverseHandle>, D::Error> {
    let raw = String::deserialize(deserializer)?;
    FediverseHandle::parse(&raw).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!("{raw:?} is not an account; write it like \"@kim@social.example\""))
    })
}

pub(super) fn publication<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RecordUri>, D::Error> {
    let raw = String::deserialize(deserializer)?;
    RecordUri::parse(&raw, PUBLICATION).map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{raw:?} is not the address of a publication; write it like \"at://did:plc:abc/{PUBLICATION}/xyz\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_has_a_user_and_a_host() {
        for raw in ["@kim@social.example", "kim@social.example", " @kim@social.example "] {
            assert_eq!(FediverseHandle::parse(raw).unwrap().as_str(), "@kim@social.example");
        }
        for raw in
            ["kim", "@kim", "@kim@", "@@social.example", "@kim@social", "@kim@a..b", "@k\"@social.example"]
        {
            assert_eq!(FediverseHandle::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_record_has_an_owner_its_kind_and_a_key() {
        let raw = "at://did:plc:abc123/site.standard.publication/3lwaf";
        assert_eq!(RecordUri::parse(raw, PUBLICATION).unwrap().as_str(), raw);
        for raw in [
            "https://did:plc:abc123/site.standard.publication/3lwaf",
            "at://did:plc:abc123/site.standard.document/3lwaf",
            "at://did:plc:abc123/site.standard.publication",
            "at:///site.standard.publication/3lwaf",
            "at://did:plc:abc123/site.standard.publication/3l\"waf",
            "at://did:plc:abc123/site.standard.publication/3lwaf/x",
        ] {
            assert_eq!(RecordUri::parse(raw, PUBLICATION), None, "{raw}");
        }
    }
}
