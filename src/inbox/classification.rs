//! Classifies an inbound mail: a report about one of our messages, or nothing that Letterpress acts on.
//!
//! Pure: takes bytes and keys, returns a [`Classified`]. Inbound mail is never answered, so nothing here builds a
//! reply.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

use super::arf::Feedback;
use super::correlate;
use super::dsn::Dsn;
use super::fields::Fields;
use super::mime::{Mail, unstructured};
use super::notice::{self, Notice};
use super::request::{self, SubscriptionRequest};
use super::{RETURNED, find, is};
use crate::store::{InboundReport, ReportKind, ReportSubject};
use crate::subscribers::AddressKey;
use crate::subscribers::token::{Purpose, TokenKeys};

/// Only this much of a mail is read; a report and the head of the returned message are at its beginning.
pub const MOST_BYTES: usize = 1024 * 1024;

/// The classification of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// A bounce, a complaint or an unsubscribe request with a genuine token.
    Report(InboundReport),
    /// A sign-up, or its confirmation with a genuine token.
    Request(SubscriptionRequest),
    /// An automatic reply to one of our messages, such as an out-of-office notice. It needs no attention.
    Automatic,
    /// A mail to a bounce address that is not a report: a personal reply, or an unstructured bounce. A person should
    /// read it.
    Prose,
    /// A bounce or a complaint without a genuine token; anyone can forge one. With its content, if it is understood.
    Unverified(Option<ReportKind>),
    /// Likely an attack: too many parts, or nested too deep.
    Unreadable,
    /// Anything else.
    Foreign,
}

/// Classifies a mail. Only the first [`MOST_BYTES`] count.
pub fn classify(bytes: &[u8], keys: &TokenKeys) -> Classified {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    let Ok(mail) = Mail::parse(bytes) else { return Classified::Unreadable };
    let notice = Notice::read(&mail);
    let returned = find(&mail, &RETURNED).map(|part| Fields::parse(&part.content()));
    let returned = returned.as_ref().unwrap_or(&notice.returned);
    let report_about = |about: ReportSubject, kind: ReportKind| {
        Classified::Report(InboundReport {
            fingerprint: fingerprint(&mail.head, &about, &kind, bytes),
            subject: about,
            kind,
        })
    };
    if let Some(feedback) =
        find(&mail, &["message/feedback-report"]).and_then(|part| Feedback::parse(&part.content()))
    {
        let envelope = feedback.envelope.each_ref().map(Option::as_deref);
        return match correlate::delivery(&mail.head, &envelope, returned, keys) {
            Some(about) if feedback.is_complaint => report_about(about, ReportKind::Complained),
            Some(_) => Classified::Automatic,
            None => Classified::Unverified(feedback.is_complaint.then_some(ReportKind::Complained)),
        };
    }
    if let Some(dsn) =
        mail.parts.iter().filter(|part| is(part, &REPORT)).find_map(|part| Dsn::parse(&part.content()))
    {
        let about = correlate::delivery(&mail.head, &[dsn.envelope_id.as_deref()], returned, keys);
        let report = dsn.verdict().map(|report| ReportKind::Delivery(notice.complete(report.clone())));
        return match (about, report) {
            (Some(about), Some(report)) => report_about(about, report),
            (_, report) => Classified::Unverified(report),
        };
    }
    // Outlook.com returns the message with this field, and without a report.
    let is_complaint = returned.get("x-hmxmroriginalrecipient").is_some();
    let about = || correlate::delivery(&mail.head, &[], returned, keys);
    if is_complaint && let Some(about) = about() {
        return report_about(about, ReportKind::Complained);
    }
    let is_automatic = is_automatic(&mail.head) && !notice::is_surely_from_server(&mail.head);
    // Apple Mail marks its unsubscribe mails as automatic replies.
    let may_unsubscribe = !is_automatic || mail.head.get("x-apple-unsubscribe").is_some();
    if may_unsubscribe && let Some(key) = unsubscribing_subscriber(&mail.head, keys) {
        return report_about(ReportSubject::Subscriber { key, message_id: None }, ReportKind::Unsubscribed);
    }
    if !is_automatic && let Some(request) = request::read(&mail.head, keys) {
        return Classified::Request(request);
    }
    let may_be_returned = !is_automatic || notice::has_null_path(&mail.head);
    if may_be_returned && let Some(report) = notice.report(&mail.head).map(ReportKind::Delivery) {
        match about() {
            Some(about) => return report_about(about, report),
            None if notice::has_null_path(&mail.head) => return Classified::Unverified(Some(report)),
            None => {}
        }
    }
    let to_bounce_address = correlate::addressed(&mail.head, Purpose::Bounce, keys).is_some();
    match (is_automatic, to_bounce_address) {
        (true, true) => Classified::Automatic,
        (false, true) => Classified::Prose,
        (false, false) if notice::has_null_path(&mail.head) => Classified::Unverified(None),
        _ => Classified::Foreign,
    }
}

const REPORT: [&str; 2] = ["message/delivery-status", "message/global-delivery-status"];

/// Whether it is an automatic reply (RFC 3834, and older conventions).
fn is_automatic(head: &Fields) -> bool {
    let value = |name: &str| head.get(name).unwrap_or_default().trim().to_ascii_lowercase();
    value("auto-submitted").starts_with("auto-replied")
        || matches!(value("precedence").as_str(), "auto_reply" | "auto-reply")
        || ["x-autoreply", "x-autorespond", "x-autoresponse"].iter().any(|name| head.get(name).is_some())
}

/// The subscriber who unsubscribes: by the token in the address, otherwise by the one in the subject, as in our
/// `mailto:` links. `From` is ignored, because it can be forged.
fn unsubscribing_subscriber(head: &Fields, keys: &TokenKeys) -> Option<AddressKey> {
    let in_subject = || {
        let subject = unstructured(head.get("subject")?);
        correlate::token(&subject, Purpose::Unsubscribe, keys)
    };
    let claim = correlate::addressed(head, Purpose::Unsubscribe, keys).or_else(in_subject)?;
    claim.subject.address_key().map(AddressKey)
}

/// Identifies a report: by the id of the mail and the content of the report; a mail without an id by its bytes.
fn fingerprint(head: &Fields, about: &ReportSubject, kind: &ReportKind, bytes: &[u8]) -> [u8; 32] {
    let mut content = String::new();
    // Writing to a String cannot fail.
    let _ = match about {
        ReportSubject::Delivery(number) => write!(content, "copy {}", number.0),
        ReportSubject::Subscriber { key, message_id } => write!(content, "reader {key} {message_id:?}"),
    };
    let _ = write!(content, " {}", kind.as_str());
    if let ReportKind::Delivery(report) = kind
        && let Some(status) = report.status
    {
        let _ = write!(content, " {status}");
    }
    let id = head.get("message-id").map(str::trim).filter(|id| !id.is_empty());
    let mut hash = Context::new(&SHA256);
    for field in [&b"letterpress notice"[..], content.as_bytes(), id.map_or(bytes, str::as_bytes)] {
        hash.update(&(field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}
