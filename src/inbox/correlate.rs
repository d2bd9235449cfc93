//! Finds the delivery or the subscriber that a mail is about, by signed token only.
//!
//! Plain addresses in a header or a report (`From`, `Final-Recipient`) are ignored, because anyone can forge them.

use super::fields::Fields;
use crate::store::{DeliveryNumber, ReportSubject};
use crate::subscribers::AddressKey;
use crate::subscribers::token::{Claim, Purpose, TokenKeys};

/// The fields in which servers record the envelope recipient, the most reliable first.
const RECIPIENTS: [&str; 6] =
    ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "original-recipient"];
/// At most this many candidates for a token are checked in one text.
const MOST_CANDIDATES: usize = 16;
/// At most this many fields of one name are read.
const MOST_FIELDS: usize = 16;

/// The token of `purpose` in the addresses that the mail was sent to.
pub(super) fn addressed(head: &Fields, purpose: Purpose, keys: &TokenKeys) -> Option<Claim> {
    RECIPIENTS
        .iter()
        .flat_map(|name| head.all(name).take(MOST_FIELDS))
        .find_map(|value| token(value, purpose, keys))
}

/// The delivery that a report is about: by the address that it was sent to, then by the envelope in the report, then by
/// the head of the returned message.
pub(super) fn delivery(
    head: &Fields,
    envelope: &[Option<&str>],
    returned: &Fields,
    keys: &TokenKeys,
) -> Option<ReportSubject> {
    let bounce = addressed(head, Purpose::Bounce, keys)
        .or_else(|| envelope.iter().flatten().find_map(|id| token(id, Purpose::Bounce, keys)))
        .or_else(|| returned.get("return-path").and_then(|path| token(path, Purpose::Bounce, keys)));
    if let Some(number) = bounce.and_then(|claim| claim.subject.number()) {
        return i64::try_from(number).ok().map(|number| ReportSubject::Delivery(DeliveryNumber(number)));
    }
    let unsubscribe = returned
        .all("list-unsubscribe")
        .take(MOST_FIELDS)
        .find_map(|value| token(value, Purpose::Unsubscribe, keys))?;
    let message_id = returned.get("message-id").map(|id| id.trim_matches(['<', '>', ' ']).to_owned());
    Some(ReportSubject::Subscriber { key: AddressKey(unsubscribe.subject.address_key()?), message_id })
}

/// The first genuine token within `text`, in any context: `bounces+TOKEN@…`, an ENVID in xtext, an address rewritten
/// by a forwarder (SRS).
pub(super) fn token(text: &str, purpose: Purpose, keys: &TokenKeys) -> Option<Claim> {
    let bytes = text.as_bytes();
    let candidates = (0..bytes.len()).filter(|&at| {
        bytes[at..].len() > 3 && bytes[at].eq_ignore_ascii_case(&b'v') && &bytes[at + 1..at + 3] == b"1."
    });
    candidates.take(MOST_CANDIDATES).find_map(|at| {
        let end = bytes[at..]
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.')
            .map_or(bytes.len(), |length| at + length);
        keys.verify(purpose, text.get(at..end)?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscribers::token::Subject;

    fn keys() -> TokenKeys {
        TokenKeys::generate(std::array::from_fn(|at| u8::try_from(at).unwrap() * 7))
    }

    #[test]
    fn a_token_is_found_in_a_rewritten_address() {
        let keys = keys();
        let made = keys.sign(Purpose::Bounce, &Subject::from(42_u64), 1);
        for text in [
            format!("<bounces+{made}@example.com>"),
            format!("bounces+2B{made}"),
            format!("SRS0=HHH=TT=example.com=bounces+{made}@forwarder.example"),
            format!("BOUNCES+{}@EXAMPLE.COM", made.to_uppercase()),
            format!("a@b, v1.k1.b.42.1.aaaaaaaaaaaaaaaa, <{made}@example.com>"),
        ] {
            let found = token(&text, Purpose::Bounce, &keys).and_then(|claim| claim.subject.number());
            assert_eq!(found, Some(42), "{text}");
            assert_eq!(token(&text, Purpose::Unsubscribe, &keys), None);
        }
        assert_eq!(token(&"v1.".repeat(100_000), Purpose::Bounce, &keys), None);
    }
}
