//! Bytes in any encoding as UTF-8. A byte order mark decides, then the server (RFC 7303, 3), then the XML declaration.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The XML declaration is within these first bytes.
const HEAD: usize = 1024;
/// How many bytes are decoded at once.
const CHUNK: usize = 1 << 14;

/// A reader that returns UTF-8. Invalid bytes become U+FFFD.
pub(super) struct Encoded<R> {
    input: R,
    decoder: Decoder,
    /// The original bytes, decoded up to `at`.
    raw: Vec<u8>,
    at: usize,
    /// UTF-8, returned up to `given`.
    text: String,
    given: usize,
    ended: bool,
    /// Whether there were invalid bytes.
    pub(super) has_invalid: bool,
}

impl<R: Read> Encoded<R> {
    /// Detects the encoding from the head of `input`, and from the one that the server stated.
    pub(super) fn new(mut input: R, served: Option<&'static Encoding>) -> io::Result<Self> {
        let mut raw = Vec::with_capacity(CHUNK);
        (&mut input).take(HEAD as u64).read_to_end(&mut raw)?;
        // The decoder removes the byte order mark.
        let decoder = encoding(&raw, served).new_decoder();
        let text = String::new();
        Ok(Self { input, decoder, raw, at: 0, text, given: 0, ended: false, has_invalid: false })
    }

    /// Decodes the next bytes. Afterwards there is text, or the input has ended.
    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !self.ended {
            if self.at == self.raw.len() {
                self.raw.clear();
                self.at = 0;
                (&mut self.input).take(CHUNK as u64).read_to_end(&mut self.raw)?;
            }
            let last = self.raw.is_empty();
            self.text.reserve(CHUNK * 3);
            let (outcome, read, has_invalid) =
                self.decoder.decode_to_string(&self.raw[self.at..], &mut self.text, last);
            self.at += read;
            self.has_invalid |= has_invalid;
            self.ended = last && outcome == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<R: Read> Read for Encoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.refill()?;
        }
        let ready = &self.text.as_bytes()[self.given..];
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.given += length;
        Ok(length)
    }
}

/// The encoding of a document that begins with `head`.
fn encoding(head: &[u8], served: Option<&'static Encoding>) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    match head {
        [b'<', 0, b'?', 0, ..] => return UTF_16LE,
        [0, b'<', 0, b'?', ..] => return UTF_16BE,
        _ => {}
    }
    // A declaration that is readable as ASCII cannot be UTF-16, whatever encoding it states.
    let plausible = |encoding: &&'static Encoding| ![UTF_16LE, UTF_16BE].contains(encoding);
    let declared = || declared_encoding(head).and_then(encoding_named).filter(plausible);
    served.filter(plausible).or_else(declared).unwrap_or(UTF_8)
}

/// Names that the Encoding Standard does not list, without `x-`: of Windows code pages, and of other systems.
const ALIASES: [(&str, &str); 17] = [
    ("949", "euc-kr"),
    ("51949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("ksc5601-1987", "euc-kr"),
    ("ks_x_1001", "euc-kr"),
    ("932", "shift_jis"),
    ("51932", "euc-jp"),
    ("936", "gbk"),
    ("54936", "gb18030"),
    ("950", "big5"),
    ("65001", "utf-8"),
    ("28591", "iso-8859-1"),
    ("latin-1", "iso-8859-1"),
    ("20866", "koi8-r"),
    ("utf16", "utf-16"),
    ("utf8mb4", "utf-8"),
    ("ansi", "windows-1252"),
];

/// The beginnings of names of code pages.
const PAGES: [&str; 5] = ["windows-", "windows", "cp", "ms", "ibm"];

/// An encoding by any name of the Encoding Standard, or as a code page.
pub(crate) fn encoding_named(name: &str) -> Option<&'static Encoding> {
    let known = |name: &str| Encoding::for_label_no_replacement(name.as_bytes());
    let lower = name.trim().to_lowercase();
    let bare = lower.strip_prefix("x-").unwrap_or(&lower);
    let page =
        PAGES.iter().find_map(|page| bare.strip_prefix(page)).unwrap_or(bare).trim_start_matches(['-', '_']);
    let alias = |name: &str| ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, label)| *label);
    known(&lower)
        .or_else(|| known(bare))
        .or_else(|| alias(bare).or_else(|| alias(page)).and_then(known))
        .or_else(|| known(&format!("windows-{page}")))
}

/// The `charset` of a Content-Type.
pub(crate) fn charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The label in `<?xml version="1.0" encoding="…"?>`.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(HEAD))?.trim_ascii_start().strip_prefix(b"<?xml")?;
    let head = std::str::from_utf8(&head[..memchr::memmem::find(head, b"?>")?]).ok()?;
    let rest = head.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(label, _)| label)
}
