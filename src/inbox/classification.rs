//! What a mail is: a notice about a copy of ours, or nothing that Letterpress acts on.
//!
//! Pure: bytes and keys in, a [`Reading`] out. Nothing is ever answered, so nothing here makes an answer.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

use super::arf::Feedback;
use super::correlate;
use super::dsn::Dsn;
use super::fields::Fields;
use super::mime::{Mail, Part, unstructured};
use crate::store::{InboundReport, ReportKind, ReportSubject};
use crate::subscribers::AddressKey;
use crate::subscribers::token::{Purpose, TokenKeys};

/// So much of a mail is looked at; a report and the head of the letter stand at its beginning.
pub const MOST_BYTES: usize = 1024 * 1024;

/// What a mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// A bounce, a complaint or a farewell with a genuine token.
    Report(InboundReport),
    /// An answer of a machine to a copy of ours: a holiday notice, a challenge. Of no interest to anybody.
    Automatic,
    /// Something to a bounce address that is no report: a person's answer, or a bounce in prose. A person should see it.
    Prose,
    /// A bounce or a complaint without a genuine token: everybody can write one.
    Unverified,
    /// Built to hurt: too many parts, or nested too deep.
    Unreadable,
    /// Something else.
    Foreign,
}

/// Says what a mail is. Of a longer one, only the first [`MOST_BYTES`] count.
pub fn classify(bytes: &[u8], keys: &TokenKeys) -> Classified {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    let Ok(mail) = Mail::parse(bytes) else { return Classified::Unreadable };
    let returned = find(&mail, &RETURNED).map(|part| Fields::parse(&part.content())).unwrap_or_default();
    let notice = |about: ReportSubject, word: ReportKind| {
        Classified::Report(InboundReport {
            fingerprint: fingerprint(&mail.head, &about, &word, bytes),
            about,
            word,
        })
    };
    if let Some(feedback) =
        find(&mail, &["message/feedback-report"]).and_then(|part| Feedback::parse(&part.content()))
    {
        let envelope = feedback.envelope.each_ref().map(Option::as_deref);
        return match correlate::delivery(&mail.head, &envelope, &returned, keys) {
            Some(about) if feedback.is_complaint => notice(about, ReportKind::Complained),
            Some(_) => Classified::Automatic,
            None => Classified::Unverified,
        };
    }
    if let Some(dsn) =
        mail.parts.iter().filter(|part| is(part, &REPORT)).find_map(|part| Dsn::parse(&part.content()))
    {
        let about = correlate::delivery(&mail.head, &[dsn.envelope_id.as_deref()], &returned, keys);
        return match (about, dsn.verdict()) {
            (Some(about), Some(report)) => notice(about, ReportKind::Delivery(report.clone())),
            _ => Classified::Unverified,
        };
    }
    let to_a_copy = correlate::addressed(&mail.head, Purpose::Bounce, keys).is_some();
    if is_automatic(&mail.head) {
        return if to_a_copy { Classified::Automatic } else { Classified::Foreign };
    }
    if let Some(key) = unsubscribing_subscriber(&mail.head, keys) {
        return notice(ReportSubject::Subscriber { key, message_id: None }, ReportKind::Unsubscribed);
    }
    if to_a_copy {
        return Classified::Prose;
    }
    let from_nobody = mail.head.get("return-path").is_some_and(|path| path.trim() == "<>");
    if from_nobody { Classified::Unverified } else { Classified::Foreign }
}

const REPORT: [&str; 2] = ["message/delivery-status", "message/global-delivery-status"];
const RETURNED: [&str; 4] =
    ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"];

fn is(part: &Part<'_>, kinds: &[&str]) -> bool {
    kinds.contains(&part.kind.as_str())
}

fn find<'m, 'a>(mail: &'m Mail<'a>, kinds: &[&str]) -> Option<&'m Part<'a>> {
    mail.parts.iter().find(|part| is(part, kinds))
}

/// Whether a machine answered (RFC 3834, and what was done before it).
fn is_automatic(head: &Fields) -> bool {
    let word = |name: &str| head.get(name).unwrap_or_default().trim().to_ascii_lowercase();
    word("auto-submitted").starts_with("auto-replied")
        || matches!(word("precedence").as_str(), "auto_reply" | "auto-reply")
        || ["x-autoreply", "x-autorespond", "x-autoresponse"].iter().any(|name| head.get(name).is_some())
}

/// The reader who leaves: by the token in the address, else by the one in the subject, as the `mailto:` of our letters
/// writes it. `From` says nothing.
fn unsubscribing_subscriber(head: &Fields, keys: &TokenKeys) -> Option<AddressKey> {
    let in_subject = || {
        let subject = unstructured(head.get("subject")?);
        correlate::token(&subject, Purpose::Unsubscribe, keys)
    };
    let claim = correlate::addressed(head, Purpose::Unsubscribe, keys).or_else(in_subject)?;
    claim.subject.address_key().map(AddressKey)
}

/// Names a notice: by the mail's own id and what it says; a mail without an id by its bytes.
fn fingerprint(head: &Fields, about: &ReportSubject, word: &ReportKind, bytes: &[u8]) -> [u8; 32] {
    let mut said = String::new();
    // Writing to a String cannot fail.
    let _ = match about {
        ReportSubject::Delivery(number) => write!(said, "copy {}", number.0),
        ReportSubject::Subscriber { key, message_id } => write!(said, "reader {key} {message_id:?}"),
    };
    let _ = write!(said, " {}", word.as_str());
    if let ReportKind::Delivery(report) = word
        && let Some(status) = report.status
    {
        let _ = write!(said, " {status}");
    }
    let id = head.get("message-id").map(str::trim).filter(|id| !id.is_empty());
    let mut hash = Context::new(&SHA256);
    for field in [&b"letterpress notice"[..], said.as_bytes(), id.map_or(bytes, str::as_bytes)] {
        hash.update(&(field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}
