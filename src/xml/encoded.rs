//! Bytes in any encoding as UTF-8. A byte order mark decides, then the XML declaration.

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
}

impl<R: Read> Encoded<R> {
    /// Detects the encoding from the head of `input`.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut raw = Vec::with_capacity(CHUNK);
        (&mut input).take(HEAD as u64).read_to_end(&mut raw)?;
        // The decoder removes the byte order mark.
        let decoder = encoding(&raw).new_decoder();
        Ok(Self { input, decoder, raw, at: 0, text: String::new(), given: 0, ended: false })
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
            let (outcome, read, _) =
                self.decoder.decode_to_string(&self.raw[self.at..], &mut self.text, last);
            self.at += read;
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
fn encoding(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    match head {
        [b'<', 0, b'?', 0, ..] => return UTF_16LE,
        [0, b'<', 0, b'?', ..] => return UTF_16BE,
        _ => {}
    }
    let declared = declared_encoding(head).and_then(|label| Encoding::for_label(label.as_bytes()));
    // A declaration that is readable as ASCII cannot be UTF-16, whatever encoding it states.
    declared.filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding)).unwrap_or(UTF_8)
}

/// The label in `<?xml version="1.0" encoding="…"?>`.
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(HEAD))?.trim_ascii_start().strip_prefix(b"<?xml")?;
    let head = std::str::from_utf8(&head[..memchr::memmem::find(head, b"?>")?]).ok()?;
    let rest = head.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(label, _)| label)
}
