//! Writes an issue for one subscriber as bytes: `multipart/alternative`, text first (RFC 2045, RFC 2046).
//!
//! This runs once per subscriber, so a [`MessageRenderer`] prepares everything that is the same for all. The same issue and
//! subscriber always give the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Greeting, MessageTemplate, Placeholder, Recipient, TemplatePart, headers};
use crate::html::escape;

/// The longest line of base64 (RFC 2045, 6.8).
const BASE64_LINE: usize = 76;
/// The longest line of quoted-printable (RFC 2045, 6.7).
const QUOTED_LINE: usize = 76;

impl MessageTemplate {
    /// The complete message for one subscriber, with CRLF line ends and without dot-stuffing.
    ///
    /// For many subscribers, prepare a [`MessageRenderer`] once.
    pub fn render_for(&self, recipient: &Recipient) -> Vec<u8> {
        self.prepare().render_for(recipient)
    }

    /// Prepares what all messages share: header lines, line ends and the choice of encoding.
    pub fn prepare(&self) -> MessageRenderer {
        let mut head = String::new();
        for (name, value) in &self.headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        MessageRenderer {
            head,
            greeting: self.greeting.clone(),
            text: Part::new("plain", &self.text),
            html: Part::new("html", &self.html),
        }
    }
}

/// An issue prepared for many messages.
#[derive(Debug)]
pub struct MessageRenderer {
    head: String,
    greeting: Greeting,
    text: Part,
    html: Part,
}

impl MessageRenderer {
    /// The same bytes as [`MessageTemplate::render_for`].
    pub fn render_for(&self, recipient: &Recipient) -> Vec<u8> {
        let mut head = String::with_capacity(self.head.len() + 1024);
        head.push_str(&self.head);
        headers::write_recipient_headers(recipient, &mut head);
        // Neither base64 nor quoted-printable produces `=_`, so a part cannot contain the boundary.
        let seed: String =
            recipient.boundary_seed.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
        let boundary = format!("=_{seed}");
        head.push_str("Content-Type: multipart/alternative;\r\n boundary=\"");
        head.push_str(&boundary);
        head.push_str("\"\r\n\r\n");

        let words = RecipientFields::new(&self.greeting, recipient);
        let mut out = Vec::with_capacity(head.len() + self.text.size + self.html.size + 4 * boundary.len());
        out.extend_from_slice(head.as_bytes());
        for part in [&self.text, &self.html] {
            out.extend_from_slice(b"--");
            out.extend_from_slice(boundary.as_bytes());
            part.write(&words, &mut out);
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(boundary.as_bytes());
        out.extend_from_slice(b"--\r\n");
        out
    }
}

/// The values of one subscriber's slots, as plain text.
struct RecipientFields {
    greeting: String,
    name: String,
    unsubscribe: String,
}

impl RecipientFields {
    fn new(greeting: &Greeting, recipient: &Recipient) -> Self {
        let name = recipient.to.name.as_ref().map_or("", |name| name.as_str());
        let unsubscribe = &recipient.unsubscribe;
        Self {
            greeting: match name {
                "" => greeting.plain.clone(),
                name => [&greeting.before, name, &greeting.after].concat(),
            },
            name: name.to_owned(),
            unsubscribe: unsubscribe
                .human
                .clone()
                .or_else(|| unsubscribe.page.clone())
                .unwrap_or_else(|| headers::unsubscribe_mailto(unsubscribe)),
        }
    }

    fn of(&self, slot: Placeholder) -> &str {
        match slot {
            Placeholder::Greeting => &self.greeting,
            Placeholder::Name => &self.name,
            Placeholder::Unsubscribe => &self.unsubscribe,
        }
    }
}

/// One part of the message, encoded as far as possible without the slots' values.
#[derive(Debug)]
struct Part {
    header: String,
    is_html: bool,
    encoding: Encoding,
    pieces: Vec<EncodedPart>,
    /// The approximate size of the finished part.
    size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// For text that is mostly ASCII.
    QuotedPrintable,
    /// For everything else; Korean needs half the bytes of quoted-printable.
    Base64,
}

#[derive(Debug)]
enum EncodedPart {
    /// With CRLF; for quoted-printable, encoded.
    Fixed(Vec<u8>),
    /// The column where the slot begins, for quoted-printable.
    Slot(Placeholder, usize),
}

impl Part {
    fn new(subtype: &str, pieces: &[TemplatePart]) -> Self {
        let encoding = Encoding::cheapest(pieces);
        let mut ready = Vec::with_capacity(pieces.len());
        let mut column = 0;
        for piece in pieces {
            match piece {
                TemplatePart::Placeholder(slot) => {
                    ready.push(EncodedPart::Slot(*slot, column));
                    column = 0;
                }
                TemplatePart::Fixed(text) if encoding == Encoding::Base64 => {
                    ready.push(EncodedPart::Fixed(crlf(text)));
                }
                TemplatePart::Fixed(text) => {
                    let mut bytes = Vec::with_capacity(text.len() * 5 / 4);
                    quoted_printable(&crlf(text), &mut column, &mut bytes);
                    ready.push(EncodedPart::Fixed(bytes));
                }
            }
        }
        let fixed: usize =
            ready.iter().map(|piece| if let EncodedPart::Fixed(b) = piece { b.len() } else { 256 }).sum();
        let header = format!(
            "\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {}\r\n\r\n",
            encoding.name()
        );
        let size = header.len() + if encoding == Encoding::Base64 { fixed * 78 / 57 + 78 } else { fixed };
        Self { header, is_html: subtype == "html", encoding, pieces: ready, size }
    }

    fn write(&self, words: &RecipientFields, out: &mut Vec<u8>) {
        out.extend_from_slice(self.header.as_bytes());
        match self.encoding {
            Encoding::Base64 => {
                let mut whole = Vec::with_capacity(self.size * 3 / 4);
                for piece in &self.pieces {
                    match piece {
                        EncodedPart::Fixed(bytes) => whole.extend_from_slice(bytes),
                        EncodedPart::Slot(slot, _) => {
                            whole.extend_from_slice(self.filled(*slot, words).as_bytes());
                        }
                    }
                }
                base64_lines(&whole, out);
            }
            Encoding::QuotedPrintable => {
                for piece in &self.pieces {
                    match piece {
                        EncodedPart::Fixed(bytes) => out.extend_from_slice(bytes),
                        EncodedPart::Slot(slot, column) => {
                            let mut column = *column;
                            quoted_printable(self.filled(*slot, words).as_bytes(), &mut column, out);
                            // A soft line break resets the column, so that the text after the slot can be encoded in
                            // advance.
                            if column > 0 {
                                out.extend_from_slice(b"=\r\n");
                            }
                        }
                    }
                }
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn filled<'a>(&self, slot: Placeholder, words: &'a RecipientFields) -> std::borrow::Cow<'a, str> {
        if self.is_html { escape(words.of(slot)) } else { words.of(slot).into() }
    }
}

impl Encoding {
    /// Decided on the shared content, so that all messages of an issue use the same encoding.
    fn cheapest(pieces: &[TemplatePart]) -> Self {
        let (mut all, mut high) = (0, 0);
        for piece in pieces {
            if let TemplatePart::Fixed(text) = piece {
                all += text.len();
                high += text.bytes().filter(|byte| !byte.is_ascii()).count();
            }
        }
        if high * 6 < all || high == 0 { Self::QuotedPrintable } else { Self::Base64 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

/// Converts every line end to CRLF.
fn crlf(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\r\n");
        let pair = rest[at..].starts_with(b"\r\n");
        rest = &rest[at + 1 + usize::from(pair)..];
    }
    out.extend_from_slice(rest);
    out
}

/// Base64 in lines of 76 characters (RFC 2045, 6.8), encoded at once and split afterwards.
fn base64_lines(bytes: &[u8], out: &mut Vec<u8>) {
    let encoded = STANDARD.encode(bytes);
    for line in encoded.as_bytes().chunks(BASE64_LINE) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends `bytes`, whose line ends are CRLF, as quoted-printable (RFC 2045, 6.7), continuing at `column`.
fn quoted_printable(bytes: &[u8], column: &mut usize, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            *column = 0;
            at += 2;
            continue;
        }
        let ends_line = rest.len() == 1 || rest[1..].starts_with(b"\r\n");
        // Programs that store mail in mbox files change a line that begins with `From `.
        let looks_like_mbox = *column == 0 && rest.starts_with(b"From ");
        let literal = match byte {
            b' ' | b'\t' => !ends_line,
            b'=' => false,
            _ => byte.is_ascii_graphic() && !looks_like_mbox,
        };
        let width = if literal { 1 } else { 3 };
        if *column + width >= QUOTED_LINE {
            out.extend_from_slice(b"=\r\n");
            *column = 0;
        }
        if literal {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        *column += width;
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        quoted_printable(&crlf(text), &mut 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quoted_printable_keeps_ascii_and_protects_the_ends_of_lines() {
        assert_eq!(quoted("a = b \nFrom here\té\t\n"), "a =3D b=20\r\n=46rom here\t=C3=A9=09\r\n");
        let long = "x".repeat(80);
        assert_eq!(quoted(&long), format!("{}=\r\n{}", "x".repeat(75), "x".repeat(5)));
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(crlf("a\nb\r\nc\rd"), b"a\r\nb\r\nc\r\nd");
    }

    #[test]
    fn mostly_ascii_is_quoted_and_korean_is_base64() {
        let encoding = |text: &str| Encoding::cheapest(&[TemplatePart::Fixed(text.to_owned())]);
        assert_eq!(encoding("plain text with a dash – here, and some more of it"), Encoding::QuotedPrintable);
        assert_eq!(encoding("한국어 편지"), Encoding::Base64);
        assert_eq!(encoding(""), Encoding::QuotedPrintable);
    }

    #[test]
    fn base64_lines_have_76_characters() {
        let mut out = Vec::new();
        base64_lines(&[0; 58], &mut out);
        assert_eq!(out, [&b"A".repeat(76)[..], b"\r\nAA==\r\n"].concat());
    }
}
