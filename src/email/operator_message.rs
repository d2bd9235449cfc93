//! A short text message to the operator of the newsletter, never to a subscriber.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};
use lettre::message::header::To;

use super::headers::{self, Sender};
use crate::address::{EmailAddress, Mailbox};
use crate::config::Site;
use crate::text::HeaderText;

/// Characters in a line of base64 (RFC 2045, 6.8).
const LINE: usize = 76;

/// The contents of the message.
#[derive(Debug)]
pub struct OperatorMessage<'a> {
    /// The newsletter's own address.
    pub from: &'a Mailbox,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// The subject.
    pub subject: &'a HeaderText,
    /// The text.
    pub text: &'a str,
    /// The `Date` header.
    pub date: DateTime<FixedOffset>,
    /// The `Message-ID`, without angle brackets.
    pub message_id: String,
}

/// The message as bytes, marked as automatically generated so that autoresponders don't reply (RFC 3834).
pub fn compose_operator_message(message: &OperatorMessage<'_>, site: &Site) -> Vec<u8> {
    let sender = Sender { site, from: message.from, reply_to: None };
    let mut out = String::new();
    for (name, value) in headers::transactional_headers(message.subject, "en", &sender) {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    let to = Mailbox { name: None, address: message.to.clone() };
    let _ = write!(out, "To: {}\r\n", headers::mailbox::<To>(&to));
    let _ = write!(out, "Date: {}\r\n", message.date.format("%a, %d %b %Y %H:%M:%S %z"));
    let _ = write!(out, "Message-ID: <{}>\r\n", message.message_id);
    out.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    let mut body = STANDARD.encode(message.text.replace('\n', "\r\n"));
    while body.len() > LINE {
        let rest = body.split_off(LINE);
        out.push_str(&body);
        out.push_str("\r\n");
        body = rest;
    }
    out.push_str(&body);
    out.push_str("\r\n");
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_parsed_back_unchanged() {
        let config = crate::config::parse(
            "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\n",
            "config.toml",
            ".".into(),
        )
        .unwrap();
        let text = "한 줄\n".repeat(40);
        let subject = HeaderText::parse("느린 편지: letterpress publish failed").unwrap();
        let message = compose_operator_message(
            &OperatorMessage {
                from: &Mailbox { name: None, address: EmailAddress::parse("news@letters.example").unwrap() },
                to: &EmailAddress::parse("kim@example.org").unwrap(),
                subject: &subject,
                text: &text,
                date: DateTime::UNIX_EPOCH.fixed_offset(),
                message_id: "a@letters.example".to_owned(),
            },
            &config.site,
        );
        let read = mail_parser::MessageParser::default().parse(&message).unwrap();
        assert_eq!(read.subject(), Some(subject.as_str()));
        assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n"), text);
        assert_eq!(read.to().unwrap().first().unwrap().address(), Some("kim@example.org"));
        assert_eq!(read.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
        assert!(message.split(|byte| *byte == b'\n').all(|line| line.len() <= 79));
    }
}
