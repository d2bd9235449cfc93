//! DKIM (RFC 6376, RFC 8463): finished messages are signed, and each signature is verified before it is believed.
//!
//! Pure: the same message, time and keys always give the same bytes, so that a copy sent a second time is the same.
//! relaxed/relaxed, and never `l=`. Each field of `COVERED` is named once more than it occurs, so that none can be
//! added on the way. Nothing here reads a file or draws a key.

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

use verify::{Examined, FIELD, Signed};

pub use key::{Algorithm, Key, KeyError, to_pem};
pub use verify::Flaw;

/// Where a line of a signature ends.
const LINE: usize = 76;

/// The fields that nobody may change, take away or add: those that a reader sees, that a program acts upon, or that
/// RFC 8058 demands. `Sender` is not among them, because relays add it, nor what the trace fields of RFC 5321 hold.
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

/// One identity to sign as.
#[derive(Debug)]
pub struct Identity {
    /// The domain that answers for the letter, in A-labels: the `d=` of the signature.
    pub domain: String,
    /// Which of the domain's keys it is: `s=`.
    pub selector: String,
    /// The key.
    pub key: Key,
}

impl Identity {
    /// Where the record of its key stands in the DNS.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// Signs with each of its identities.
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
    Flaw(Flaw),
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

    /// Puts the signatures before `message`. `at` is the time that they bear: the copy's own, not that of the clock.
    pub fn sign(&self, message: &[u8], at: DateTime<Utc>) -> Result<Vec<u8>, SignError> {
        let examined = Examined::new(message);
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

    /// Whether each signature of `message` holds: read anew from the finished bytes.
    pub fn verify(&self, message: &[u8]) -> Result<(), SignError> {
        let examined = Examined::new(message);
        self.0.iter().try_for_each(|identity| {
            examined
                .verify(&identity.domain, &identity.selector, identity.key.public())
                .map_err(|flaw| identity.failed(Why::Flaw(flaw)))
        })
    }
}

impl Identity {
    /// The signature's field, up to and with `b=`.
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

/// Each covered name, as often as its field occurs and once more.
fn covered(message: &Examined<'_>) -> Vec<&'static str> {
    let occurs = |name: &str| message.fields.iter().filter(|field| field.is(name)).count();
    COVERED.iter().flat_map(|name| std::iter::repeat_n(*name, occurs(name) + 1)).collect()
}

/// A header field that is folded while it grows.
struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    fn new(start: &str) -> Self {
        Self { text: start.to_owned(), column: start.len() }
    }

    /// Appends a word behind a space, or at the start of a line of its own.
    fn word(&mut self, word: &str) {
        if self.column + 1 + word.len() > LINE {
            self.fold();
        } else {
            self.text.push(' ');
            self.column += 1;
        }
        self.push(word);
    }

    /// Appends what needs no space before it.
    fn glued(&mut self, word: &str) {
        if self.column + word.len() > LINE {
            self.fold();
        }
        self.push(word);
    }

    /// Appends what may be cut anywhere.
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

/// Whether receivers count a signature of `signing` for a letter from `from` (RFC 9989, relaxed): one is the other, or
/// within it. Two branches of one organisation are not told from two strangers here.
pub fn is_aligned(signing: &str, from: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let (signing, from) = (signing.to_ascii_lowercase(), from.to_ascii_lowercase());
    within(&signing, &from) || within(&from, &signing)
}

/// A record as a line of a zone file: strings of at most 255 bytes (RFC 1035, 3.3), which a resolver joins again.
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
