//! The body of a delivery status notification (RFC 3464; RFC 6533 for addresses outside ASCII).
//!
//! Only parses; [`crate::subscribers::bounces`] decides what a report means.

use super::fields::{Fields, next_line};
use crate::store::DeliveryReport;
use crate::subscribers::bounces::{Action, Status};
use crate::text::HeaderText;

/// More recipients than a message to one subscriber can have, even behind a distribution list.
const MOST_RECIPIENTS: usize = 100;
/// The longest diagnostic, in bytes.
const MOST_DIAGNOSTIC: usize = 1024;

/// A delivery status notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dsn {
    /// The ENVID of our MAIL command.
    pub(super) envelope_id: Option<String>,
    /// Not empty.
    pub(super) recipients: Vec<DeliveryReport>,
}

impl Dsn {
    /// Reads the body of a `message/delivery-status` part; `None` if it names no recipient.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut envelope_id = None;
        let mut recipients = Vec::new();
        let mut rest = body;
        while !rest.is_empty() && recipients.len() < MOST_RECIPIENTS {
            let (group, after) = Fields::read(skip_empty_lines(rest));
            rest = after;
            envelope_id = envelope_id.or_else(|| group.get("original-envelope-id").map(str::to_owned));
            recipients.extend(recipient(&group));
        }
        (!recipients.is_empty()).then_some(Self { envelope_id, recipients })
    }

    /// The result for the message as a whole. If an alias leads to several mailboxes and one of them accepted the
    /// message, the subscriber has it; so the mildest result counts.
    pub(super) fn verdict(&self) -> Option<&DeliveryReport> {
        let severity = |report: &&DeliveryReport| match report.action {
            Action::Delivered | Action::Relayed | Action::Expanded => 0,
            Action::Delayed => 1,
            Action::Failed => 2,
        };
        self.recipients.iter().min_by_key(severity)
    }
}

fn skip_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some((line, rest)) = next_line(bytes)
        && line.trim_ascii().is_empty()
    {
        bytes = rest;
    }
    bytes
}

/// The recipient of a group of fields; the group about the message has none.
fn recipient(group: &Fields) -> Option<DeliveryReport> {
    let status = group.get("status").and_then(Status::parse);
    let by_status = || match status?.class {
        5 => Some(Action::Failed),
        4 => Some(Action::Delayed),
        _ => Some(Action::Delivered),
    };
    // The RFC requires the field, but some servers omit it.
    let action = group.get("action").and_then(Action::from_code).or_else(by_status)?;
    let recipient =
        ["final-recipient", "original-recipient"].iter().find_map(|name| group.get(name)).map(address);
    let diagnostic = group.get("diagnostic-code").map(printable).unwrap_or_default();
    Some(DeliveryReport { action, status, recipient, diagnostic })
}

/// `rfc822; kim@example.com`, or `utf-8; \x{AE40}@example.com`.
fn address(field: &str) -> String {
    let (kind, address) = field.split_once(';').unwrap_or(("rfc822", field));
    let address = address.trim().trim_matches(['<', '>', ' ']);
    printable(&if kind.trim().eq_ignore_ascii_case("utf-8") {
        unescaped(address)
    } else {
        address.to_owned()
    })
}

/// RFC 6533, section 3: a character outside ASCII, or an ambiguous one, is written as `\x{HEX}`.
fn unescaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("\\x{") {
        out.push_str(before);
        let decoded = after.split_once('}').and_then(|(hex, after)| {
            let code = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() <= 6)?;
            Some((char::from_u32(code)?, after))
        });
        if let Some((c, after)) = decoded {
            out.push(c);
            rest = after;
        } else {
            out.push_str("\\x{");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// One line of limited length without control characters.
fn printable(raw: &str) -> String {
    let text = HeaderText::lossy(raw).map(String::from).unwrap_or_default();
    let end = (0..=text.len().min(MOST_DIAGNOSTIC)).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_are_read_with_or_without_their_empty_lines() {
        let whole = "Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: b+2Bx\r\n\r\n\r\nFinal-Recipient: rfc822; <kim@example.com>\r\n\
             Action: failed\r\nStatus: 5.1.1 (no mailbox)\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n\tno such user\r\n";
        let merged = whole.replace("\r\n\r\n\r\n", "\r\n");
        for text in [whole, &merged, &whole.replace("\r\n", "\n")] {
            let dsn = Dsn::parse(text.as_bytes()).unwrap();
            let report = dsn.verdict().unwrap();
            assert_eq!(dsn.envelope_id.as_deref(), Some("b+2Bx"));
            assert_eq!(
                (report.action, report.status.unwrap().to_string().as_str(), report.recipient.as_deref()),
                (Action::Failed, "5.1.1", Some("kim@example.com"))
            );
            assert_eq!(report.diagnostic, "smtp; 550 5.1.1 no such user");
        }
    }

    #[test]
    fn one_accepting_mailbox_behind_an_alias_is_enough() {
        let text = "Action: failed\nStatus: 5.1.1\n\nAction: relayed\nStatus: 2.0.0\n";
        assert_eq!(Dsn::parse(text.as_bytes()).unwrap().verdict().unwrap().action, Action::Relayed);
    }

    #[test]
    fn a_report_without_recipients_is_rejected() {
        for text in ["", "\n\n\n", "Reporting-MTA: dns; x\n", "Action: exploded\n"] {
            assert_eq!(Dsn::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_the_diagnostic_is_bounded_and_printable(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "(Action: failed|Status: 5.1.1|Final-Recipient: utf-8; |Diagnostic-Code: x; |\\\\x\\{[0-9A-F]{0,7}\\}?|\n|[\u{0}-\u{ff}]{0,9}){0,40}") {
            for raw in [&bytes[..], text.as_bytes()] {
                for report in Dsn::parse(raw).map(|dsn| dsn.recipients).unwrap_or_default() {
                    prop_assert!(report.diagnostic.len() <= MOST_DIAGNOSTIC);
                    prop_assert!(!report.diagnostic.chars().any(char::is_control));
                }
            }
        }
    }
}
