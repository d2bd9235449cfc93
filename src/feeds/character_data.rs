//! Plain text in RSS, as the RSS Advisory Board's profile recommends: `&`, `<` and `>` as hexadecimal references, because
//! feed readers disagree about `&lt;`.
//!
//! The `rss` crate writes entities. Clean text contains no control characters and every XML writer passes them through, so
//! they stand in for the three characters until the writer below replaces them.

use std::io::{self, Write};

/// A character, its stand-in, and its reference.
const STAND_INS: [(char, u8, &[u8]); 3] = [('&', 1, b"&#x26;"), ('<', 2, b"&#x3C;"), ('>', 3, b"&#x3E;")];

/// Marks `text` as plain text.
pub(super) fn character_data(text: &str) -> String {
    text.chars()
        .map(|c| STAND_INS.iter().find(|(plain, ..)| *plain == c).map_or(c, |(_, byte, _)| char::from(*byte)))
        .collect()
}

/// Writes each stand-in as its reference and everything else unchanged.
pub(super) struct CharacterData<W>(pub(super) W);

impl<W: Write> Write for CharacterData<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(at) = memchr::memchr3(1, 2, 3, bytes) {
            let (before, rest) = bytes.split_at(at);
            self.0.write_all(before)?;
            let reference = STAND_INS.iter().find(|(_, byte, _)| *byte == rest[0]);
            self.0.write_all(reference.map_or(&rest[..1], |(.., reference)| *reference))?;
            bytes = &rest[1..];
        }
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
