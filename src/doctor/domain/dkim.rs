//! Whether the DKIM keys on disk are those in DNS (RFC 6376, 3.6.1; RFC 8463).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::DkimKey;
use super::answer::{fault, good, skipped, unanswered, warning};
use super::tags::Tags;
use crate::doctor::Check;
use crate::doctor::dns::Dns;
use crate::text::clipped;

/// The fewest bits of an RSA key that receivers count (RFC 8301 allows 1024, Gmail and Yahoo ask for more).
const FEWEST_BITS: usize = 2048;
/// The most keys that are asked for.
const MOST_KEYS: usize = 20;

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RecordFault {
    /// Quotation marks or backslashes of a zone file are part of the value.
    Escaped(char),
    /// It is no list of tags, at this part.
    NotTags(String),
    /// A tag excludes our signatures: the tag, and what it should be.
    Excludes(String, String),
    /// `p=` is empty: the key was withdrawn.
    Revoked,
    /// There is no `p=`.
    NoKey,
    /// The beginning of our key, of this length.
    CutOff(usize),
    /// Another key, with its bits if it is RSA.
    Other(Option<usize>),
}

/// The checks, and the domains whose keys in DNS are those on disk.
pub(super) async fn check(dns: &impl Dns, keys: &[DkimKey]) -> (Vec<Check>, Vec<String>) {
    if keys.is_empty() {
        let message = "no DKIM key is configured, so emails are signed by the relay or not at all; a message to \
                       yourself shows dkim=pass or not in Authentication-Results";
        return (vec![skipped("dkim", "", message)], Vec::new());
    }
    let (mut checks, mut signing) = (Vec::new(), Vec::new());
    for key in keys.iter().take(MOST_KEYS) {
        let (check, is_good) = record(dns, key).await;
        checks.push(check);
        if is_good && !signing.contains(&key.domain) {
            signing.push(key.domain.clone());
        }
    }
    (checks, signing)
}

fn name_of(key: &DkimKey) -> String {
    format!("{}._domainkey.{}", key.selector, key.domain)
}

/// What `letterpress dkim show` prints is what the record must be.
const SHOW: &str = "`letterpress dkim show` prints the record as it must be";

async fn record(dns: &impl Dns, key: &DkimKey) -> (Check, bool) {
    let name = name_of(key);
    let texts = match dns.txt(&name).await {
        Ok(texts) => texts,
        Err(error) if error.is_absence() => return (missing(dns, key, &name).await, false),
        Err(error) => return (unanswered("dkim-record", &name, "the DKIM record", &error), false),
    };
    let [text] = texts.as_slice() else {
        let message =
            format!("there are {} TXT records, and which one a receiver takes is open", texts.len());
        let next = format!("keep the one with the key on disk; {SHOW}");
        return (fault("dkim-several", &name, message, next), false);
    };
    let text = String::from_utf8_lossy(text);
    if let Some(found) = faulty(&text, &key.public) {
        return (described(&found, &name), false);
    }
    if flags(&text).any(|flag| flag.eq_ignore_ascii_case("y")) {
        let message =
            "the record says that the key is only tested (t=y), so receivers may ignore the signatures";
        return (warning("dkim-testing", &name, message, "remove t=y from the record"), true);
    }
    (good("dkim-record", &name, "the key in DNS is the key on disk"), true)
}

async fn missing(dns: &impl Dns, key: &DkimKey, name: &str) -> Check {
    let misplaced = [format!("{name}.{}", key.domain), format!("{}.{}", key.selector, key.domain)];
    for place in misplaced {
        let texts = dns.txt(&place).await.unwrap_or_default();
        if texts.iter().any(|text| String::from_utf8_lossy(text).contains("p=")) {
            let message =
                format!("there is no DKIM record, but there is one at the wrong name {}", clipped(&place));
            let next = format!(
                "move it: many forms for DNS records append the domain themselves, so that only {}._domainkey is \
                 written there",
                key.selector
            );
            return fault("dkim-record", name, message, next);
        }
    }
    let message = "there is no DKIM record, so receivers cannot verify the signatures";
    fault("dkim-record", name, message, format!("add the TXT record; {SHOW}"))
}

/// What keeps a record from verifying signatures of the key with this `p=`.
fn faulty(text: &str, public: &str) -> Option<RecordFault> {
    if let Some(c) = text.chars().find(|c| matches!(c, '"' | '\\')) {
        return Some(RecordFault::Escaped(c));
    }
    let tags = match Tags::parse(text) {
        Ok(tags) => tags,
        Err(part) => return Some(RecordFault::NotTags(part)),
    };
    let kind = if is_ed25519(public) { "ed25519" } else { "rsa" };
    let excludes = |tag: &str, wanted: &str| {
        let value = tags.get(tag).unwrap_or_default();
        Some(RecordFault::Excludes(clipped(&format!("{tag}={value}")), wanted.to_owned()))
    };
    // The version is optional, but then it is the first.
    if tags.get("v").is_some() && !tags.has_version("DKIM1") {
        return excludes("v", "v=DKIM1, as the first tag");
    }
    if !tags.get("k").unwrap_or("rsa").eq_ignore_ascii_case(kind) {
        return excludes("k", &format!("k={kind}"));
    }
    let lists = |tag: &str, wanted: &[&str]| {
        tags.get(tag).is_none_or(|list| {
            list.split(':').any(|each| wanted.iter().any(|one| each.trim().eq_ignore_ascii_case(one)))
        })
    };
    if !lists("h", &["sha256"]) {
        return excludes("h", "h=sha256, or no h");
    }
    if !lists("s", &["*", "email"]) {
        return excludes("s", "s=email, or no s");
    }
    let Some(published) = tags.get("p") else { return Some(RecordFault::NoKey) };
    let published: String = published.chars().filter(|c| !c.is_whitespace()).collect();
    let wanted: String = public.chars().filter(|c| !c.is_whitespace()).collect();
    if published == wanted {
        return None;
    }
    Some(match published.as_str() {
        "" => RecordFault::Revoked,
        beginning if wanted.starts_with(beginning) => RecordFault::CutOff(beginning.len()),
        other => RecordFault::Other(STANDARD.decode(other).ok().and_then(|der| rsa_bits(&der))),
    })
}

fn described(found: &RecordFault, name: &str) -> Check {
    let (message, next) = match found {
        RecordFault::Escaped(c) => (
            format!("the record holds {c}, which belongs to the notation of zone files and not to the value"),
            format!("enter the value without quotation marks and backslashes; {SHOW}"),
        ),
        RecordFault::NotTags(part) => (
            format!("the record is not a list of tags: {part:?} is not tag=value"),
            format!("replace it; {SHOW}"),
        ),
        RecordFault::Excludes(found, wanted) => (
            format!("the record has {found}, with which our signatures do not verify"),
            format!("write {wanted}"),
        ),
        RecordFault::Revoked => (
            "the key in DNS was withdrawn (p= is empty), and signatures with it fail".to_owned(),
            "create another key with `letterpress dkim new` and another selector, or publish the key again"
                .to_owned(),
        ),
        RecordFault::NoKey => ("the record has no key (p=)".to_owned(), format!("replace it; {SHOW}")),
        RecordFault::CutOff(length) => (
            format!("the key in DNS is the one on disk, but it ends after {length} characters"),
            format!("split a long value into strings of at most 255 characters within one record; {SHOW}"),
        ),
        RecordFault::Other(Some(bits)) if *bits < FEWEST_BITS => (
            format!(
                "the key in DNS is not the key on disk, and has only {bits} bits where {FEWEST_BITS} are wanted"
            ),
            format!("publish the key on disk; {SHOW}"),
        ),
        RecordFault::Other(_) => (
            "the key in DNS is not the key on disk, and every signature fails".to_owned(),
            format!("publish the key on disk, or point dkim.key_file to the key that is published; {SHOW}"),
        ),
    };
    let id = match found {
        RecordFault::Other(_) | RecordFault::CutOff(_) => "dkim-key",
        RecordFault::Revoked => "dkim-revoked",
        _ => "dkim-syntax",
    };
    fault(id, name, message, next)
}

fn flags(text: &str) -> impl Iterator<Item = &str> {
    let flags = Tags::parse(text).ok().and_then(|tags| tags.get("t")).unwrap_or_default();
    flags.split(':').map(str::trim)
}

/// An Ed25519 key is published as its 32 bytes, an RSA key as DER.
fn is_ed25519(public: &str) -> bool {
    STANDARD.decode(public).is_ok_and(|bytes| bytes.len() == 32)
}

/// The bits of the modulus in a `SubjectPublicKeyInfo`, or in the older form with only the numbers.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 2;
    const BITS: u8 = 3;
    let (_, outer, _) = element(der)?;
    let (mut tag, mut first, mut rest) = element(outer)?;
    if tag == SEQUENCE {
        let (kind, bits, _) = element(rest)?;
        let (_, numbers, _) = element(bits.get(1..).filter(|_| kind == BITS)?)?;
        (tag, first, rest) = element(numbers)?;
    }
    // The exponent follows, so that no other sequence of numbers is taken for a key.
    let is_key = tag == INTEGER && element(rest).is_some_and(|(tag, ..)| tag == INTEGER);
    let modulus = first.iter().position(|byte| *byte != 0).map(|start| &first[start..])?;
    is_key.then(|| modulus.len() * 8 - modulus[0].leading_zeros() as usize)
}

/// The tag, the content and what follows of a DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*length) {
        short @ 0..=0x7F => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7F).filter(|(bytes, _)| bytes.len() <= 2)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An RSA key of 1024 bits, as `openssl rsa -pubout` writes it.
    const SHORT: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHWmwKOtFmwteURgLbj7D/WGuNLGOfa/2vse3G2eHnHl5CB8ruRX9fBl/KgwCVr2JaEuUm66bBQeP5XeBotdR4cvX38uPYivCDdPjJ1QWPdspTBKcxeFbccDwIDAQAB";
    const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn each_way_to_spoil_a_record_has_its_name() {
        let wanted = |text: &str| faulty(&text.replace("KEY", SHORT), SHORT);
        for good in [
            "v=DKIM1; k=rsa; p=KEY",
            "p=KEY",
            "v=DKIM1;h=sha1:sha256; s=* ; n=x; p=KEY;",
            "k=rsa; t=s; p=KEY",
        ] {
            assert_eq!(wanted(good), None, "{good}");
        }
        let spaced = format!("v=DKIM1; p={} {}", &SHORT[..100], &SHORT[100..]);
        assert_eq!(faulty(&spaced, SHORT), None, "white space in the key is allowed");
        let excludes = |found: &str, wanted: &str| Some(RecordFault::Excludes(found.into(), wanted.into()));
        for (text, expected) in [
            ("\"v=DKIM1; p=KEY\"", Some(RecordFault::Escaped('"'))),
            ("v=DKIM1\\; p=KEY", Some(RecordFault::Escaped('\\'))),
            ("v=DKIM1 p", excludes("v=DKIM1 p", "v=DKIM1, as the first tag")),
            ("v=DKIM1; KEY", Some(RecordFault::NotTags(clipped(SHORT)))),
            ("v=DKIM2; p=KEY", excludes("v=DKIM2", "v=DKIM1, as the first tag")),
            ("k=rsa; v=DKIM1; p=KEY", excludes("v=DKIM1", "v=DKIM1, as the first tag")),
            ("v=DKIM1; k=ed25519; p=KEY", excludes("k=ed25519", "k=rsa")),
            ("v=DKIM1; h=sha1; p=KEY", excludes("h=sha1", "h=sha256, or no h")),
            ("v=DKIM1; s=tlsrpt; p=KEY", excludes("s=tlsrpt", "s=email, or no s")),
            ("v=DKIM1; p=", Some(RecordFault::Revoked)),
            ("v=DKIM1; k=rsa", Some(RecordFault::NoKey)),
        ] {
            assert_eq!(wanted(text), expected, "{text}");
        }
        assert_eq!(faulty(&format!("v=DKIM1; p={}", &SHORT[..120]), SHORT), Some(RecordFault::CutOff(120)));
        assert_eq!(
            faulty(&format!("v=DKIM1; k=ed25519; p={SHORT}"), ED25519),
            Some(RecordFault::Other(Some(1024)))
        );
        assert_eq!(faulty(&format!("v=DKIM1; k=ed25519; p={ED25519}"), ED25519), None);
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(text in any::<String>(), der in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = faulty(&text, SHORT);
            let _ = rsa_bits(&der);
            let _ = faulty(&format!("p={}", STANDARD.encode(&der)), SHORT);
        }
    }
}
