//! `[dkim]`: the keys that letters are signed with.

use std::fmt;

use camino::Utf8PathBuf;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::address::EmailAddress;

/// One key: the `[dkim]` section, or each of several `[[dkim]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The domain that signs; without it that of `newsletter.from`.
    pub domain: Option<String>,
    /// Which of the domain's keys it is.
    pub selector: String,
    /// The file that holds the private key.
    pub key_file: Utf8PathBuf,
}

impl Dkim {
    /// The domain that signs, in A-labels; `None` if there is none, or if it is no domain.
    pub fn signing_domain(&self, from: Option<&str>) -> Option<String> {
        let Some(domain) = &self.domain else { return from.map(str::to_owned) };
        let address = EmailAddress::parse(&format!("postmaster@{domain}")).ok()?;
        Some(address.domain().to_ascii_lowercase())
    }

    /// Whether the selector can stand in a name of the DNS.
    pub fn has_valid_selector(&self) -> bool {
        self.selector.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
    }
}

/// `[dkim]` or `[[dkim]]`: both are read, and a mistake in either is named as in any other section.
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
