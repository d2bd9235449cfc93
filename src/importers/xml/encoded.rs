//! Bytes in whichever encoding a document declares, as UTF-8: a byte order mark first, then the XML declaration.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A declaration stands within the first bytes or nowhere.
const HEAD: usize = 1024;
/// Bytes that are decoded at once.
const CHUNK: usize = 1 << 14;

/// A reader whose bytes are UTF-8; what is not, becomes U+FFFD.
pub(in crate::importers) struct Encoded<R> {
    input: R,
    decoder: Decoder,
    /// Bytes as they came, decoded up to `at`.
    raw: Vec<u8>,
    at: usize,
    /// UTF-8, given out up to `given`.
    text: String,
    given: usize,
    ended: bool,
}

impl<R: Read> Encoded<R> {
    /// Looks at the head of `input` for its encoding.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut raw = Vec::with_capacity(CHUNK);
        (&mut input).take(HEAD as u64).read_to_end(&mut raw)?;
        // The mark itself is taken away by the decoder.
        let decoder = encoding(&raw).new_decoder();
        Ok(Self { input, decoder, raw, at: 0, text: String::new(), given: 0, ended: false })
    }

    /// Decodes some more; afterwards there is text, or the input has ended.
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
    let declared = declared(head).and_then(Encoding::for_label);
    // Who says UTF-16 in ASCII says something else than is true.
    declared.filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding)).unwrap_or(UTF_8)
}

/// The label in `<?xml version="1.0" encoding="…"?>`.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let head = head[start..].strip_prefix(b"<?xml")?;
    let head = &head[..memchr::memmem::find(head, b"?>")?];
    let after = &head[memchr::memmem::find(head, b"encoding")? + b"encoding".len()..];
    let quote = after.iter().position(|byte| matches!(byte, b'"' | b'\''))?;
    let value = &after[quote + 1..];
    Some(&value[..memchr::memchr(after[quote], value)?])
}
