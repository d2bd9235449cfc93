//! `[dkim]`: the keys that sign emails.

use std::fmt;

use camino::Utf8PathBuf;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::address::EmailAddress;

/// A key: the `[dkim]` section, or one of several `[[dkim]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The signing domain; `None` means that of `newsletter.from`.
    pub domain: Option<String>,
    /// The selector of the key.
    pub selector: String,
    /// The file of the private key.
    pub key_file: Utf8PathBuf,
}

impl Dkim {
    /// The signing domain, in A-labels; `None` if there is none, or if it is invalid.
    pub fn signing_domain(&self, from: Option<&str>) -> Option<String> {
        let Some(domain) = &self.domain else { return from.map(str::to_owned) };
        let address = EmailAddress::parse(&format!("postmaster@{domain}")).ok()?;
        Some(address.domain().to_ascii_lowercase())
    }

    /// Whether the selector is valid in a DNS name.
    pub fn has_valid_selector(&self) -> bool {
        self.selector.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
    }
}

/// Reads `[dkim]` or `[[dkim]]`, with errors as in any other section.
pub(super) fn one_or_several<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Dkim>, D::Error> {
    struct OneOrSeveral;

    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<Dkim>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a section [dkim], or several [[dkim]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Dkim::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }

    input.deserialize_any(OneOrSeveral)
}
