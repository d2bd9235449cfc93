//! Verifies the signatures of a finished message, as a receiver does.
//!
//! Supports only what our own signatures use: relaxed/relaxed, SHA-256, no `l=`. Any other signature is rejected.

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canonical::{self, Field};
use super::key::PublicKey;

/// The name of the signature field.
pub(super) const FIELD: &str = "DKIM-Signature";

/// Why a signature is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// No signature names this domain and selector.
    #[error("there is no such signature")]
    Absent,
    /// A tag is missing or has an unsupported value.
    #[error("its tags are not those of a relaxed/relaxed SHA-256 signature")]
    Tags,
    /// The body has changed.
    #[error("the body is not the one that was signed")]
    Body,
    /// The header fields have changed, or the key is different.
    #[error("the header is not the one that was signed, or not with this key")]
    Header,
}

/// A parsed message with its body hash.
pub(super) struct ParsedSignature<'a> {
    pub(super) fields: Vec<Field<'a>>,
    /// The hash of the relaxed body, in base64.
    pub(super) body_hash: String,
}

impl<'a> ParsedSignature<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        let (fields, body) = canonical::split(message);
        Self { fields, body_hash: STANDARD.encode(super::sha256(&canonical::body(body))) }
    }

    /// Verifies the signature of `domain` and `selector` with `key`.
    pub(super) fn verify(&self, domain: &str, selector: &str, key: &PublicKey) -> Result<(), DkimError> {
        let mut signatures = self.fields.iter().filter(|field| field.is(FIELD));
        let (field, tags) = signatures
            .find_map(|field| {
                let tags = Tags::parse(field.value)?;
                (tags.get("d")? == domain && tags.get("s")? == selector).then_some((field, tags))
            })
            .ok_or(DkimError::Absent)?;
        let says = |tag: &str, value: &str| tags.get(tag) == Some(value);
        let shape = says("v", "1") && says("a", key.algorithm.tag()) && says("c", "relaxed/relaxed");
        let (Some(names), Some(signature), true) = (tags.get("h"), tags.get("b"), shape) else {
            return Err(DkimError::Tags);
        };
        if tags.get("l").is_some() || !names.split(':').any(|name| name.eq_ignore_ascii_case("from")) {
            return Err(DkimError::Tags);
        }
        if !says("bh", &self.body_hash) {
            return Err(DkimError::Body);
        }
        let signature = STANDARD.decode(signature).map_err(|_| DkimError::Tags)?;
        let signed = Signed::new(&self.fields, names.split(':'));
        let hash = signed.hash(&without_signature(field.value));
        if key.verifies(&hash, &signature) { Ok(()) } else { Err(DkimError::Header) }
    }
}

/// The header fields that a signature covers, hashed.
pub(super) struct Signed(Context);

impl Signed {
    /// Each name refers to the next field of that name from the bottom, or to none (RFC 6376, 5.4.2).
    pub(super) fn new<'n>(fields: &[Field<'_>], names: impl Iterator<Item = &'n str>) -> Self {
        let mut taken = vec![false; fields.len()];
        let mut text = Vec::with_capacity(2048);
        for name in names {
            let next = (0..fields.len()).rev().find(|&at| !taken[at] && fields[at].is(name));
            if let Some(at) = next {
                taken[at] = true;
                canonical::header(fields[at].name, fields[at].value, &mut text);
                text.extend_from_slice(b"\r\n");
            }
        }
        let mut context = Context::new(&SHA256);
        context.update(&text);
        Self(context)
    }

    /// The hash that is signed: the fields, and the signature's own field with its `b=` still empty.
    pub(super) fn hash(&self, unsigned: &[u8]) -> Digest {
        let mut own = Vec::with_capacity(1024);
        canonical::header(FIELD.as_bytes(), unsigned, &mut own);
        let mut context = self.0.clone();
        context.update(&own);
        context.finish()
    }
}

/// A tag list (RFC 6376, 3.2), without white space: none of the values read here may have any.
struct Tags(Vec<(String, String)>);

impl Tags {
    fn parse(value: &[u8]) -> Option<Self> {
        let text: String = str::from_utf8(value).ok()?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let tags = text.split(';').filter(|tag| !tag.is_empty());
        let tags: Option<Vec<_>> =
            tags.map(|tag| tag.split_once('=').map(|(name, value)| (name.into(), value.into()))).collect();
        tags.map(Self)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
    }
}

/// The value of a signature field with an empty `b=`.
fn without_signature(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for (number, tag) in value.split(|&byte| byte == b';').enumerate() {
        if number > 0 {
            out.push(b';');
        }
        let equals = memchr::memchr(b'=', tag).unwrap_or(tag.len());
        if tag[..equals].trim_ascii() == b"b" {
            out.extend_from_slice(&tag[..=equals.min(tag.len() - 1)]);
        } else {
            out.extend_from_slice(tag);
        }
    }
    out
}
