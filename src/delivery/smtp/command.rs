//! Encodes envelopes as command lines. Every string in a command passes [`is_single_token`] here, whatever its type
//! guarantees: a CR LF in an address would inject a command.
//!
//! Writes to memory only.

use std::io::Write as _;

use super::capabilities::Capabilities;
use crate::delivery::{Envelope, MissingCapability, Phase, SmtpOutcome, TransportError};

/// Whether `raw` stays one argument: no control character, no space, no angle bracket.
pub(super) fn is_single_token(raw: &str) -> bool {
    !raw.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
}

fn missing_capability(extension: &str) -> TransportError {
    TransportError::Missing(MissingCapability::Extension(extension.to_owned()))
}

/// An envelope that this server accepts and that cannot break a command line.
pub(super) struct CommandBatch<'a> {
    envelope: &'a Envelope,
    offered: &'a Capabilities,
    utf8: bool,
}

impl<'a> CommandBatch<'a> {
    /// Checks `envelope` against the server's capabilities. Nothing has been sent yet, so a rejection leaves the
    /// connection as it was.
    pub(super) fn check(envelope: &'a Envelope, offered: &'a Capabilities) -> Result<Self, SmtpOutcome> {
        for (phase, address) in [(Phase::Mail, &envelope.from), (Phase::Rcpt, &envelope.to)] {
            let refuse = |error| Err(SmtpOutcome { phase, result: Err(error) });
            if address.as_str().is_empty() || !is_single_token(address.as_str()) {
                return refuse(TransportError::Unsendable(
                    "the address contains a space, a bracket or a control character".to_owned(),
                ));
            }
            if needs_utf8(address) && !(offered.smtputf8 && offered.eight_bit) {
                return refuse(missing_capability("SMTPUTF8, which a non-ASCII address requires"));
            }
        }
        match offered.size {
            Some(limit) if limit > 0 && envelope.size > limit => Err(SmtpOutcome {
                phase: Phase::Mail,
                result: Err(missing_capability(&format!(
                    "messages of {} bytes; its SIZE limit is {limit}",
                    envelope.size
                ))),
            }),
            _ => {
                let utf8 = needs_utf8(&envelope.from) || needs_utf8(&envelope.to);
                Ok(Self { envelope, offered, utf8 })
            }
        }
    }

    /// Whether the message may contain bytes above 127 (RFC 6152).
    pub(super) fn eight_bit(&self) -> bool {
        self.utf8
    }

    /// Appends MAIL FROM.
    pub(super) fn mail(&self, out: &mut Vec<u8>) {
        push(out, &["MAIL FROM:<", self.envelope.from.as_str(), ">"]);
        if self.offered.size.is_some() {
            // Writing to a `Vec` cannot fail.
            let _ = write!(out, " SIZE={}", self.envelope.size);
        }
        if self.utf8 {
            push(out, &[" BODY=8BITMIME SMTPUTF8"]);
        }
        if self.offered.dsn {
            // The return path is different for each message, so its local part identifies the message in a DSN.
            push(out, &[" RET=HDRS ENVID="]);
            push_xtext(out, self.envelope.from.local_part());
        }
        push(out, &["\r\n"]);
    }

    /// Appends RCPT TO.
    pub(super) fn rcpt(&self, out: &mut Vec<u8>) {
        push(out, &["RCPT TO:<", self.envelope.to.as_str(), ">"]);
        if self.offered.dsn {
            push(out, &[" NOTIFY=FAILURE,DELAY"]);
            if !needs_utf8(&self.envelope.to) {
                push(out, &[" ORCPT=rfc822;"]);
                push_xtext(out, self.envelope.to.as_str());
            }
        }
        push(out, &["\r\n"]);
    }

    /// Appends MAIL, RCPT and DATA, to be sent in one write (RFC 2920, 3.1).
    pub(super) fn batch(&self, out: &mut Vec<u8>) {
        self.mail(out);
        self.rcpt(out);
        push(out, &["DATA\r\n"]);
    }
}

fn needs_utf8(address: &crate::address::EmailAddress) -> bool {
    address.needs_smtputf8() || !address.as_str().is_ascii()
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// RFC 3461, 4: `+`, `=` and anything but printable ASCII become `+` and two hexadecimal digits.
fn push_xtext(out: &mut Vec<u8>, raw: &str) {
    for byte in raw.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => out.push(byte),
            _ => {
                let _ = write!(out, "+{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::EmailAddress;

    fn envelope(from: &str, to: &str, size: usize) -> Envelope {
        Envelope { from: EmailAddress::parse(from).unwrap(), to: EmailAddress::parse(to).unwrap(), size }
    }

    fn written(envelope: &Envelope, offered: &Capabilities) -> String {
        let mut out = Vec::new();
        CommandBatch::check(envelope, offered).ok().unwrap().batch(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_server_without_extensions_gets_plain_commands() {
        let plain = envelope("b+1@n.example", "kim@example.com", 9);
        let expected = "MAIL FROM:<b+1@n.example>\r\nRCPT TO:<kim@example.com>\r\nDATA\r\n";
        assert_eq!(written(&plain, &Capabilities::default()), expected);
    }

    #[test]
    fn size_and_dsn_are_used_if_offered() {
        let offered = Capabilities { size: Some(0), dsn: true, ..Capabilities::default() };
        let text = written(&envelope("b+1@n.example", "a=b@example.com", 9), &offered);
        assert!(text.starts_with("MAIL FROM:<b+1@n.example> SIZE=9 RET=HDRS ENVID=b+2B1\r\n"), "{text}");
        assert!(
            text.contains(
                "RCPT TO:<a=b@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+3Db@example.com\r\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_korean_local_part_requires_smtputf8() {
        let korean = envelope("b@n.example", "김@example.com", 9);
        let refused = CommandBatch::check(&korean, &Capabilities::default()).err().unwrap();
        assert!(
            matches!(refused, SmtpOutcome { phase: Phase::Rcpt, result: Err(TransportError::Missing(_)) }),
            "{refused:?}"
        );
        let offered = Capabilities { smtputf8: true, eight_bit: true, ..Capabilities::default() };
        assert!(written(&korean, &offered).starts_with("MAIL FROM:<b@n.example> BODY=8BITMIME SMTPUTF8\r\n"));
    }

    #[test]
    fn a_message_over_the_size_limit_of_the_server_is_not_offered() {
        let offered = Capabilities { size: Some(100), ..Capabilities::default() };
        assert!(CommandBatch::check(&envelope("b@n.example", "k@example.com", 100), &offered).is_ok());
        let refused =
            CommandBatch::check(&envelope("b@n.example", "k@example.com", 101), &offered).err().unwrap();
        assert!(
            matches!(refused, SmtpOutcome { phase: Phase::Mail, result: Err(TransportError::Missing(_)) }),
            "{refused:?}"
        );
    }

    proptest! {
        #[test]
        fn no_string_can_add_a_command_or_an_argument(raw in "[a-z<>@ \r\n\t\0\u{85}\u{2028}가]{0,12}") {
            if is_single_token(&raw) {
                let hostile = ['\r', '\n', '\0', ' ', '<', '>', '\u{85}', '\u{2028}'];
                prop_assert!(!raw.contains(hostile), "{raw:?}");
            }
            let mut line = Vec::new();
            push_xtext(&mut line, &raw);
            prop_assert!(line.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b'='));
        }
    }
}
