//! Splits a message into its parts (RFC 2045, RFC 2046) in one pass over its lines.
//!
//! This does not use the library that the tests parse mail with, because the input is hostile: a few hundred
//! kilobytes of nested messages make mail-parser 0.11 overflow the stack when its result is dropped. Nothing here
//! recurses, nested messages are not parsed, and the depth and number of parts are bounded.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::Encoding;

use super::fields::{Fields, next_line};

/// The deepest nesting of multiparts; a report is one level, wrapped by a filter or two.
const MOST_DEPTH: usize = 8;
/// The most parts, including multiparts: the head of each is read before its end is known.
const MOST_PARTS: usize = 100;
/// The longest head of a part.
const MOST_HEAD: usize = 64 * 1024;

/// Tolerant Base64, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A message: its head, and its parts that are not multiparts.
#[derive(Debug)]
pub(crate) struct Mail<'a> {
    pub(crate) head: Fields,
    pub(crate) parts: Vec<Part<'a>>,
}

/// A part with content.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// `text/plain`, in lower case.
    pub(crate) kind: String,
    encoding: String,
    charset: Option<String>,
    /// The bytes as they are in the message.
    pub(crate) body: &'a [u8],
}

/// There are more parts, or parts nested deeper, than in any legitimate message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitExceeded;

impl<'a> Mail<'a> {
    /// Splits a message into its parts.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, LimitExceeded> {
        let (head, body) = Fields::read(bytes);
        let mut walk = Walk { boundaries: Vec::new(), heads: 0, parts: Vec::new(), current: None };
        walk.begin(&head, bytes.len() - body.len())?;
        let mut rest = body;
        while let Some((line, after)) = next_line(rest) {
            let at = bytes.len() - rest.len();
            rest = after;
            if !line.starts_with(b"--") {
                continue;
            }
            let Some((level, closes)) = walk.boundary(&line[2..]) else { continue };
            walk.finish(&bytes[..at]);
            walk.boundaries.truncate(if closes { level } else { level + 1 });
            if !closes {
                let within = &rest[..rest.len().min(MOST_HEAD)];
                let (fields, body) = Fields::read(within);
                let head = &within[..within.len() - body.len()];
                // A head that contains a boundary is not a head: skipping it would lose the next part.
                if !contains_boundary(head, &walk) {
                    rest = &rest[head.len()..];
                }
                walk.begin(&fields, bytes.len() - rest.len())?;
            }
        }
        walk.finish(bytes);
        if walk.parts.is_empty() {
            // A multipart without its boundary.
            walk.boundaries.clear();
            walk.current = Some(PartHeader::text(bytes.len() - body.len()));
            walk.finish(bytes);
        }
        Ok(Self { head, parts: walk.parts.into_iter().map(|part| part.read(bytes)).collect() })
    }
}

/// The state of the parser.
struct Walk {
    /// The boundaries of the multiparts that are open, outermost first.
    boundaries: Vec<Vec<u8>>,
    heads: usize,
    parts: Vec<PartHeader>,
    current: Option<PartHeader>,
}

/// A part, as a range of the message.
struct PartHeader {
    kind: String,
    encoding: String,
    charset: Option<String>,
    from: usize,
    to: usize,
}

impl Walk {
    fn begin(&mut self, fields: &Fields, from: usize) -> Result<(), LimitExceeded> {
        self.heads += 1;
        if self.heads > MOST_PARTS {
            return Err(LimitExceeded);
        }
        let ContentType { kind, boundary, charset } =
            ContentType::parse(fields.get("content-type").unwrap_or("text/plain"));
        if let Some(boundary) = boundary.filter(|_| kind.starts_with("multipart/")) {
            if self.boundaries.len() == MOST_DEPTH {
                return Err(LimitExceeded);
            }
            self.boundaries.push(boundary.into_bytes());
            return Ok(());
        }
        let encoding = fields.get("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        self.current = Some(PartHeader { kind, encoding, charset, from, to: from });
        Ok(())
    }

    /// Ends the open part at the end of `until`, without the line end that belongs to the boundary.
    fn finish(&mut self, until: &[u8]) {
        if let Some(mut part) = self.current.take() {
            let whole = until.strip_suffix(b"\n").unwrap_or(until);
            part.to = whole.strip_suffix(b"\r").unwrap_or(whole).len().max(part.from);
            self.parts.push(part);
        }
    }

    /// Which open multipart this line, without its `--`, belongs to, and whether it closes it.
    fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.trim_ascii_end();
        let innermost_first = self.boundaries.iter().enumerate().rev();
        innermost_first.map(|(level, boundary)| (level, line.strip_prefix(&boundary[..]))).find_map(
            |(level, after)| match after {
                Some(b"") => Some((level, false)),
                Some(b"--") => Some((level, true)),
                _ => None,
            },
        )
    }
}

fn contains_boundary(head: &[u8], walk: &Walk) -> bool {
    let mut rest = head;
    while let Some((line, after)) = next_line(rest) {
        if line.strip_prefix(b"--").is_some_and(|line| walk.boundary(line).is_some()) {
            return true;
        }
        rest = after;
    }
    false
}

impl PartHeader {
    fn text(from: usize) -> Self {
        Self { kind: "text/plain".to_owned(), encoding: String::new(), charset: None, from, to: from }
    }

    fn read(self, bytes: &[u8]) -> Part<'_> {
        Part {
            kind: self.kind,
            encoding: self.encoding,
            charset: self.charset,
            body: bytes.get(self.from..self.to).unwrap_or_default(),
        }
    }
}

impl Part<'_> {
    /// The part's bytes, decoded.
    pub(crate) fn content(&self) -> Cow<'_, [u8]> {
        match self.encoding.as_str() {
            "base64" => {
                let packed: Vec<u8> =
                    self.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                LENIENT.decode(&packed).map_or(Cow::Borrowed(self.body), Cow::Owned)
            }
            "quoted-printable" => Cow::Owned(unquoted(self.body, false)),
            _ => Cow::Borrowed(self.body),
        }
    }

    /// The part as text. Without a known encoding, or if it is wrong, as UTF-8.
    pub(crate) fn text(&self) -> String {
        let content = self.content();
        let named = self.charset.as_deref().and_then(|name| Encoding::for_label(name.as_bytes()));
        let encoding = named.or_else(|| is_iso_2022_jp(&content).then_some(encoding_rs::ISO_2022_JP));
        encoding.unwrap_or(encoding_rs::UTF_8).decode(&content).0.into_owned()
    }
}

/// Whether a text switches to Japanese characters as ISO-2022-JP does.
fn is_iso_2022_jp(text: &[u8]) -> bool {
    [b"\x1B$B", b"\x1B$@"].iter().any(|switch| memchr::memmem::find(text, *switch).is_some())
}

/// `multipart/report; boundary="x"`.
struct ContentType {
    kind: String,
    boundary: Option<String>,
    charset: Option<String>,
}

impl ContentType {
    fn parse(value: &str) -> Self {
        let (kind, mut rest) = value.split_once(';').unwrap_or((value, ""));
        // A semicolon may be missing: `text/plain charset="iso-2022-jp"`.
        let kind = kind.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let (mut boundary, mut charset) = (None, None);
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').unwrap_or((rest, ""));
            let (value, next) = parameter(after.trim_start());
            let is = |wanted: &str| name.trim().eq_ignore_ascii_case(wanted) && !value.is_empty();
            if is("boundary") {
                boundary = boundary.or(Some(value));
            } else if is("charset") {
                charset = charset.or(Some(value));
            }
            rest = next;
        }
        Self { kind, boundary, charset }
    }
}

/// A parameter's value, quoted or not, and the rest after its semicolon.
fn parameter(raw: &str) -> (String, &str) {
    let Some(quoted) = raw.strip_prefix('"') else {
        let (value, rest) = raw.split_once(';').unwrap_or((raw, ""));
        return (value.trim().to_owned(), rest);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => {
                let rest = &quoted[at + 1..];
                return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
            }
            _ => {
                escaped = false;
                value.push(c);
            }
        }
    }
    (value, "")
}

/// Quoted-printable (RFC 2045, 6.7); `in_header` is its variant for encoded words, with `_` for a space.
fn unquoted(raw: &[u8], in_header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'=', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) {
                    out.push(high << 4 | low);
                    rest = after;
                } else {
                    out.push(byte);
                }
            }
            (b'_', _) if in_header => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Decodes the encoded words (RFC 2047) of a header.
pub(crate) fn unstructured(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, word)) = rest.split_once("=?") {
        let mut fields = word.splitn(4, '?');
        let (charset, kind, text, after) = (fields.next(), fields.next(), fields.next(), fields.next());
        let decoded = match (kind, text) {
            (Some("B" | "b"), Some(text)) => LENIENT.decode(text).ok(),
            (Some("Q" | "q"), Some(text)) => Some(unquoted(text.as_bytes(), true)),
            _ => None,
        };
        let (Some(decoded), Some(after)) = (decoded, after.and_then(|after| after.strip_prefix('='))) else {
            out.push_str(before);
            out.push_str("=?");
            rest = word;
            continue;
        };
        // White space between two encoded words is not part of the text.
        if out.is_empty() || !before.trim().is_empty() {
            out.push_str(before);
        }
        let encoding = charset.and_then(|name| Encoding::for_label(name.as_bytes()));
        out.push_str(&encoding.unwrap_or(encoding_rs::UTF_8).decode(&decoded).0);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(String, String)> {
        let mail = Mail::parse(text.as_bytes()).unwrap();
        let content = |part: &Part| String::from_utf8_lossy(&part.content()).into_owned();
        mail.parts.iter().map(|part| (part.kind.clone(), content(part))).collect()
    }

    #[test]
    fn parts_are_found_at_any_depth_but_not_within_a_message() {
        let text = "Content-Type: Multipart/Mixed; charset=x;\r\n boundary=\"o;u\\\"t\"\r\n\r\npreamble\r\n--o;u\"t\r\n\
             Content-Type: multipart/report; boundary=in\r\n\r\n--in\r\n\r\nhello\r\n--in\r\n\
             Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=deep\r\n\r\n--deep\r\n\r\nx\r\n--deep--\r\n\
             --in--\r\nepilogue\r\n--o;u\"t \r\nContent-Type: text/html\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8\r\n--o;u\"t--\r\nend";
        let found = kinds(text);
        let names: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(names, ["text/plain", "message/rfc822", "text/html"]);
        assert_eq!(found[0].1, "hello");
        assert!(found[1].1.ends_with("--deep--"), "{:?}", found[1]);
        assert_eq!(found[2].1, "hello");
    }

    #[test]
    fn a_truncated_message_keeps_its_parts() {
        let text = "Content-Type: multipart/report; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/delivery-status\n\nAction: fai";
        assert_eq!(kinds(text)[1], ("message/delivery-status".to_owned(), "Action: fai".to_owned()));
        assert_eq!(kinds("Subject: x\n\nplain"), [("text/plain".to_owned(), "plain".to_owned())]);
        assert_eq!(kinds("").len(), 1);
    }

    #[test]
    fn a_part_without_a_head_does_not_hide_the_next() {
        let text =
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\nContent-Type: text/html\n\nx\n--b--\n";
        assert_eq!(kinds(text).last().unwrap(), &("text/html".to_owned(), "x".to_owned()));
    }

    #[test]
    fn depth_and_number_of_parts_are_bounded() {
        let nested: Vec<String> = (0..10_000)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"))
            .collect();
        let nested = nested.concat();
        assert_eq!(Mail::parse(nested.as_bytes()).unwrap_err(), LimitExceeded);
        let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(1_000_000));
        assert_eq!(Mail::parse(wide.as_bytes()).unwrap_err(), LimitExceeded);
        // Consecutive multiparts instead of nested ones, without an end to their heads.
        let opened = "--b\nContent-Type: multipart/mixed; boundary=x\n".repeat(20_000);
        let flat = format!("Content-Type: multipart/mixed; boundary=b\n\n{opened}");
        assert_eq!(Mail::parse(flat.as_bytes()).unwrap_err(), LimitExceeded);
        // Nested messages are not parsed, so they may be nested to any depth.
        let matryoshka = "Content-Type: message/rfc822\n\n".repeat(30_000);
        assert_eq!(Mail::parse(matryoshka.as_bytes()).unwrap().parts.len(), 1);
    }

    #[test]
    fn encoded_words_are_decoded() {
        assert_eq!(
            unstructured("=?utf-8?Q?unsubscribe_v1=2Ek1?= =?UTF-8?B?LnU=?= x"),
            "unsubscribe v1.k1.u x"
        );
        assert_eq!(unstructured("=?broken =?utf-8?x?y?= 1 =?"), "=?broken =?utf-8?x?y?= 1 =?");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(Content-Type: ?|multipart/mixed|; ?|boundary=|\"|\\\\|b|\n|\r\n|--b|--|=|\\?|utf-8|Q|=[0-9a-fA-F]){0,60}") {
            for raw in [&bytes[..], text.as_bytes()] {
                if let Ok(mail) = Mail::parse(raw) {
                    prop_assert!(mail.parts.iter().all(|part| part.content().len() <= raw.len()));
                }
            }
            let _ = unstructured(&text);
        }

        #[test]
        fn multiparts_are_parsed_as_by_mail_parser(bodies in prop::collection::vec("[a-z ]{1,20}", 1..6)) {
            let parts = bodies.join("\r\n--b\r\nContent-Type: text/plain\r\n\r\n");
            let parts = format!("--b\r\nContent-Type: text/plain\r\n\r\n{parts}\r\n");
            let text = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
            let theirs = mail_parser::MessageParser::default().parse(&text[..]).unwrap();
            let theirs: Vec<String> = theirs.parts.iter().skip(1).map(|part| part.text_contents().unwrap_or_default().to_owned()).collect();
            let ours: Vec<String> = kinds(&text).into_iter().map(|(_, body)| body).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
