//! The header fields of an email (RFC 5322, RFC 2047, RFC 2369, RFC 2919, RFC 8058), encoded and folded.
//!
//! Takes validated types and writes ASCII lines of at most 78 characters, except where a line cannot be folded. Independent
//! of the body.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{From as FromHeader, Header, HeaderName, HeaderValue, Headers, ReplyTo, To};
use lettre::message::{Mailbox as LettreMailbox, Mailboxes};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::{Recipient, Unsubscribe};
use crate::address::{EmailAddress, Mailbox};
use crate::config::Site;
use crate::text::{HeaderText, floor_char_boundary, hex};

/// Where a folded line should end (RFC 5322, 2.1.1).
const LINE: usize = 78;
/// The maximum length of an encoded word (RFC 2047, 2).
const ENCODED_WORD: usize = 75;
/// A longer word without spaces is encoded, because it cannot be folded otherwise.
const UNFOLDABLE: usize = 60;

/// The inputs of the header fields.
pub(super) struct Sender<'a> {
    pub(super) site: &'a Site,
    pub(super) from: &'a Mailbox,
    pub(super) reply_to: Option<&'a Mailbox>,
}

/// The fields of an issue that are the same for every subscriber. Gmail counts complaints by campaign.
pub(super) fn issue_headers(
    subject: &HeaderText,
    (campaign, language): (&str, &str),
    sender: &Sender,
) -> Vec<(String, String)> {
    let domain = sender.from.address.domain();
    let mut fields =
        vec![("From", mailbox::<FromHeader>(sender.from)), ("Subject", unstructured("Subject", subject))];
    fields.extend(sender.reply_to.map(|to| ("Reply-To", mailbox::<ReplyTo>(to))));
    fields.extend([
        // The domain and not the site's URL, so that subscribers' filters still match after the URL has changed.
        (
            "List-Id",
            folded_before_address(
                "List-Id",
                &phrase("List-Id", &sender.site.title),
                &format!("letters.{domain}"),
            ),
        ),
        ("List-Archive", format!("<{}>", sender.site.url.as_str())),
        ("Precedence", "bulk".to_owned()),
        ("Feedback-ID", format!("{campaign}:letters:newsletter:{}", fingerprint(domain))),
        ("Content-Language", visible(language).to_string()),
        ("MIME-Version", "1.0".to_owned()),
    ]);
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields of a transactional email: not bulk mail, and marked so that autoresponders don't reply (RFC 3834).
pub(super) fn transactional_headers(
    subject: &HeaderText,
    language: &str,
    sender: &Sender,
) -> Vec<(String, String)> {
    let mut fields =
        vec![("From", mailbox::<FromHeader>(sender.from)), ("Subject", unstructured("Subject", subject))];
    fields.extend(sender.reply_to.map(|to| ("Reply-To", mailbox::<ReplyTo>(to))));
    fields.extend([
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("Content-Language", visible(language).to_string()),
        ("MIME-Version", "1.0".to_owned()),
    ]);
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Writes the fields that differ between subscribers, each with its CRLF.
pub(super) fn write_recipient_headers(recipient: &Recipient, out: &mut String) {
    let Recipient { to, message_id, date, unsubscribe, .. } = recipient;
    // Writing to a String cannot fail.
    let _ = write!(out, "To: {}\r\n", mailbox::<To>(to));
    let _ = write!(out, "Date: {}\r\n", date.format("%a, %d %b %Y %H:%M:%S %z"));
    let _ = write!(out, "Message-ID: <{}>\r\n", visible(message_id));
    match &unsubscribe.page {
        Some(page) => {
            let _ = write!(
                out,
                "List-Unsubscribe: <{}>,\r\n <{}>\r\n",
                visible(page),
                unsubscribe_mailto(unsubscribe)
            );
            out.push_str("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
        }
        None => {
            let _ = write!(out, "List-Unsubscribe: <{}>\r\n", unsubscribe_mailto(unsubscribe));
        }
    }
}

/// The characters of a `mailto:` that are percent-encoded (RFC 6068, 2).
const MAILTO: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b'+')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'*');

/// The characters that could end a value in angle brackets or its line.
const DELIMITERS: &AsciiSet = &CONTROLS.add(b' ').add(b'<').add(b'>');

/// A `mailto:` that prepares an email with this subject (RFC 6068).
pub(crate) fn mailto(mailbox: &EmailAddress, subject: &str) -> String {
    let encoded = |raw| utf8_percent_encode(raw, MAILTO);
    format!("mailto:{}?subject={}", encoded(mailbox.as_str()), encoded(subject))
}

/// The one for unsubscribing.
pub(super) fn unsubscribe_mailto(unsubscribe: &Unsubscribe) -> String {
    mailto(&unsubscribe.mailbox, &format!("unsubscribe {}", unsubscribe.token))
}

/// Keeps a foreign string inside its angle brackets and on its line.
fn visible(raw: &str) -> PercentEncode<'_> {
    utf8_percent_encode(raw, DELIMITERS)
}

/// Twelve hex digits that identify a text without revealing it.
pub(super) fn fingerprint(of: &str) -> String {
    hex(&digest(&SHA256, of.as_bytes()).as_ref()[..6])
}

/// The value of `Subject`.
pub(super) fn subject_field(subject: &HeaderText) -> String {
    unstructured("Subject", subject)
}

/// A field of free text, such as `Subject`.
fn unstructured(name: &'static str, text: &HeaderText) -> String {
    let text = text.as_str();
    if must_be_encoded(text) {
        return encoded_words(text, name.len() + 2);
    }
    let mut headers = Headers::new();
    headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), text.to_owned()));
    value(&headers)
}

/// A field with one mailbox, written by lettre. A name that lettre would encode although quoting is enough (`O'Brien`) is
/// written here, because spam filters count a needless encoding.
pub(super) fn mailbox<H: Header + FromOne>(mailbox: &Mailbox) -> String {
    let Some(name) = &mailbox.name else { return mailbox.address.to_string() };
    let usual = !must_be_encoded(name.as_str()) && (!name.as_str().is_ascii() || is_plain(name.as_str()));
    if let Some(address) = lettre_address(&mailbox.address).filter(|_| usual) {
        let mut headers = Headers::new();
        headers.set(H::from_one(LettreMailbox::new(Some(name.as_str().to_owned()), address)));
        let written = value(&headers);
        if let Some((phrase, address)) = written.rsplit_once(" <") {
            return folded_before_address(&H::name(), phrase, address.trim_end_matches('>'));
        }
    }
    folded_before_address(&H::name(), &phrase(&H::name(), name), mailbox.address.as_str())
}

/// A lettre header that contains mailboxes.
pub(super) trait FromOne {
    fn from_one(mailbox: LettreMailbox) -> Self;
}

impl FromOne for FromHeader {
    fn from_one(mailbox: LettreMailbox) -> Self {
        Mailboxes::from(mailbox).into()
    }
}

impl FromOne for ReplyTo {
    fn from_one(mailbox: LettreMailbox) -> Self {
        Mailboxes::from(mailbox).into()
    }
}

impl FromOne for To {
    fn from_one(mailbox: LettreMailbox) -> Self {
        Mailboxes::from(mailbox).into()
    }
}

fn lettre_address(address: &EmailAddress) -> Option<lettre::Address> {
    let (local, domain) = address.as_str().rsplit_once('@')?;
    lettre::Address::new(local, domain).ok()
}

/// The value of the only field in `headers`, without its name and its last CRLF.
fn value(headers: &Headers) -> String {
    let field = headers.to_string();
    let (_, value) = field.split_once(": ").unwrap_or_default();
    value.trim_end_matches("\r\n").to_owned()
}

/// Whether ASCII must be encoded, which lettre never does: a mail program would decode it, or it is too long for a line.
fn must_be_encoded(text: &str) -> bool {
    text.contains("=?") || text.split(' ').any(|word| word.is_ascii() && word.len() > UNFOLDABLE)
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_.".contains(&b))
}

/// A display name (RFC 5322, 3.2.5): a quoted string if that is enough, else encoded words.
fn phrase(field: &str, name: &HeaderText) -> String {
    let name = name.as_str();
    let start = field.len() + 2;
    if !name.is_ascii() || must_be_encoded(name) || start + name.len() > UNFOLDABLE {
        return encoded_words(name, start);
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `phrase <address>`, with a line break between them if both don't fit on a line.
fn folded_before_address(field: &str, phrase: &str, address: &str) -> String {
    let last_line = match phrase.rsplit_once("\r\n") {
        Some((_, line)) => line.len(),
        None => field.len() + 2 + phrase.len(),
    };
    let fold = if last_line + address.len() + 3 > LINE { "\r\n" } else { "" };
    format!("{phrase}{fold} <{address}>")
}

/// Encodes words without splitting characters (RFC 2047, 5), one word per line. `start` columns of the first line are
/// already used.
fn encoded_words(text: &str, start: usize) -> String {
    const FRAME: usize = "=?utf-8?b??=".len();
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let taken = if out.is_empty() { start } else { 1 };
        let room = (LINE - 2).saturating_sub(taken).min(ENCODED_WORD).saturating_sub(FRAME) / 4 * 3;
        // A character has at most four bytes; six leave room for one in any position.
        let (word, tail) = rest.split_at(floor_char_boundary(rest, room.max(6)));
        if !out.is_empty() {
            out.push_str("\r\n ");
        }
        let _ = write!(out, "=?utf-8?b?{}?=", STANDARD.encode(word));
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{header, recipient};
    use super::*;

    fn named(name: &str) -> String {
        let address = EmailAddress::parse("a@example.com").unwrap();
        mailbox::<To>(&Mailbox { name: Some(header(name)), address })
    }

    #[test]
    fn ascii_names_are_quoted_and_only_other_names_are_encoded() {
        assert_eq!(named("Kim"), "Kim <a@example.com>");
        assert_eq!(named("Kim Minjun"), "\"Kim Minjun\" <a@example.com>");
        assert_eq!(named("O'Brien, \"Pat\""), "\"O'Brien, \\\"Pat\\\"\" <a@example.com>");
        assert_eq!(named("김민준"), "=?utf-8?b?6rmA66+87KSA?= <a@example.com>");
    }

    #[test]
    fn a_name_that_looks_encoded_is_encoded_again() {
        assert_eq!(
            named("=?utf-8?b?QQ==?="),
            format!("=?utf-8?b?{}?= <a@example.com>", STANDARD.encode("=?utf-8?b?QQ==?="))
        );
    }

    #[test]
    fn a_title_in_ascii_is_folded_at_its_spaces() {
        let title =
            header("A title that is long enough to need a second line because it goes on and on and on");
        let subject = unstructured("Subject", &title);
        assert_eq!(subject.replace("\r\n", ""), title.as_str());
        assert!(subject.contains("\r\n "));
    }

    #[test]
    fn untrusted_strings_cannot_inject_header_fields() {
        let mut recipient = recipient(None);
        recipient.message_id = "a>\r\nBcc: b@example.com".to_owned();
        recipient.unsubscribe.token = "t&body=x\r\n".to_owned();
        let mut fields = String::new();
        write_recipient_headers(&recipient, &mut fields);
        assert!(fields.contains("Message-ID: <a%3E%0D%0ABcc:%20b@example.com>\r\n"));
        assert!(fields.contains("subject=unsubscribe%20t%26body%3Dx%0D%0A>"));
    }

    proptest! {
        #[test]
        fn encoded_words_contain_whole_characters_in_at_most_75(text in "\\PC{1,200}", start in 0usize..40) {
            let words = encoded_words(&text, start);
            let mut decoded = String::new();
            for (n, word) in words.split("\r\n ").enumerate() {
                prop_assert!(word.len() <= 75 && (n > 0 || start + word.len() <= 78));
                let payload = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")).unwrap();
                decoded.push_str(&String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap());
            }
            prop_assert_eq!(decoded, text);
        }
    }
}
