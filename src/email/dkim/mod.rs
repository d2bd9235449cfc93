//! DKIM (RFC 6376, RFC 8463): signs finished messages and verifies each signature before the message is sent.
//!
//! Pure: the same message, time and keys always give the same bytes, so a retry sends the same message. Uses
//! relaxed/relaxed canonicalization, without `l=`. Each field of `COVERED` is listed once more than it occurs
//! (over-signing), so that no other can be added on the way.

mod canonical;
mod key;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use verify::{FIELD, ParsedSignature, Signed};

pub use key::{Algorithm, Key, KeyError, to_pem};
pub use verify::DkimError;

/// The maximum line length of a signature.
const LINE: usize = 76;

/// The fields that must not be changed, removed or added: visible ones, ones that programs act upon, and those required by
/// RFC 8058. `Sender` and the trace fields of RFC 5321 are not included, because relays add them.
const COVERED: [&str; 19] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Archive",
    "List-Help",
    "List-Post",
    "List-Subscribe",
    "Feedback-ID",
    "CFBL-Address",
];

/// A signing identity.
#[derive(Debug)]
pub struct Identity {
    /// The signing domain in A-labels: the `d=` of the signature.
    pub domain: String,
    /// The selector: `s=`.
    pub selector: String,
    /// The key.
    pub key: Key,
}

impl Identity {
    /// The DNS name of the key's record.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// Signs messages as each of its identities.
#[derive(Debug)]
pub struct Signer(Vec<Identity>);

/// Why a message cannot be signed. It is not sent unsigned instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the DKIM signature {selector}._domainkey.{domain} cannot be made: {why}")]
pub struct SignError {
    domain: String,
    selector: String,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Key,
    Flaw(DkimError),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the key does not sign"),
            Self::Flaw(flaw) => write!(f, "it does not verify: {flaw}"),
        }
    }
}

impl Signer {
    /// Signs as each of `identities`, in this order.
    pub fn new(identities: Vec<Identity>) -> Self {
        Self(identities)
    }

    /// Puts the signatures before `message`. `at` is their time: that of the message, not of the clock.
    pub fn sign(&self, message: &[u8], at: DateTime<Utc>) -> Result<Vec<u8>, SignError> {
        let examined = ParsedSignature::new(message);
        let names = covered(&examined);
        let signed = Signed::new(&examined.fields, names.iter().copied());
        let mut out = Vec::with_capacity(message.len() + 1536 * self.0.len());
        for identity in &self.0 {
            let failed = || identity.failed(Why::Key);
            let mut field = identity.field(&names, &examined.body_hash, at);
            let unsigned = &field.text.as_bytes()[FIELD.len() + 1..];
            let signature = identity.key.sign(&signed.hash(unsigned)).ok_or_else(failed)?;
            field.stream(&STANDARD.encode(signature));
            out.extend_from_slice(field.text.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(message);
        self.verify(&out).map(|()| out)
    }

    /// Verifies each signature of the finished `message`.
    pub fn verify(&self, message: &[u8]) -> Result<(), SignError> {
        let examined = ParsedSignature::new(message);
        self.0.iter().try_for_each(|identity| {
            examined
                .verify(&identity.domain, &identity.selector, identity.key.public())
                .map_err(|flaw| identity.failed(Why::Flaw(flaw)))
        })
    }
}

impl Identity {
    /// The signature field up to and including `b=`.
    fn field(&self, names: &[&str], body_hash: &str, at: DateTime<Utc>) -> Folded {
        let mut field = Folded::new(&format!("{FIELD}: v=1;"));
        field.word(&format!("a={};", self.key.algorithm().tag()));
        field.word("c=relaxed/relaxed;");
        field.word(&format!("d={};", self.domain));
        field.word(&format!("s={};", self.selector));
        field.word(&format!("t={};", at.timestamp()));
        field.word(&format!("bh={body_hash};"));
        for (number, name) in names.iter().enumerate() {
            let before = if number == 0 { "h=" } else { "" };
            let behind = if number + 1 == names.len() { ";" } else { ":" };
            let name = format!("{before}{}{behind}", name.to_ascii_lowercase());
            if number == 0 { field.word(&name) } else { field.glued(&name) }
        }
        field.word("b=");
        field
    }

    fn failed(&self, why: Why) -> SignError {
        SignError { domain: self.domain.clone(), selector: self.selector.clone(), why }
    }
}

/// Each covered name, once more than its field occurs.
fn covered(message: &ParsedSignature<'_>) -> Vec<&'static str> {
    let occurs = |name: &str| message.fields.iter().filter(|field| field.is(name)).count();
    COVERED.iter().flat_map(|name| std::iter::repeat_n(*name, occurs(name) + 1)).collect()
}

/// A header field that is folded as it is written.
struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    fn new(start: &str) -> Self {
        Self { text: start.to_owned(), column: start.len() }
    }

    /// Appends a word after a space or at the start of a new line.
    fn word(&mut self, word: &str) {
        if self.column + 1 + word.len() > LINE {
            self.fold();
        } else {
            self.text.push(' ');
            self.column += 1;
        }
        self.push(word);
    }

    /// Appends text without a space before it.
    fn glued(&mut self, word: &str) {
        if self.column + word.len() > LINE {
            self.fold();
        }
        self.push(word);
    }

    /// Appends text that may be split anywhere.
    fn stream(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.column >= LINE {
                self.fold();
            }
            let (now, later) = rest.split_at(rest.len().min(LINE - self.column));
            self.push(now);
            rest = later;
        }
    }

    fn fold(&mut self) {
        self.text.push_str("\r\n ");
        self.column = 1;
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes)
}

/// Whether a signature of `signing` is aligned with a message from `from` (RFC 9989, relaxed): equal domains, or one is a
/// subdomain of the other. Two subdomains of one organisation are treated as not aligned.
pub fn is_aligned(signing: &str, from: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let (signing, from) = (signing.to_ascii_lowercase(), from.to_ascii_lowercase());
    within(&signing, &from) || within(&from, &signing)
}

/// A record as a line of a zone file: strings of at most 255 bytes (RFC 1035, 3.3), which resolvers join.
pub fn zone_line(name: &str, record: &str) -> String {
    let mut line = format!("{name}. IN TXT (");
    let mut rest = record;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(255));
        line.push_str("\n    \"");
        line.push_str(now);
        line.push('"');
        rest = later;
    }
    line.push_str(" )");
    line
}
