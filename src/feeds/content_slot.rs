//! The HTML of entries in RSS and Atom, without a copy of it for each step.
//!
//! The crates own every text that they write, and Atom's makes an escaped copy of it. Whole posts are nearly all of a large feed,
//! so a mark stands in for each of them until the writer below puts the HTML in its place. Clean text contains no control
//! characters, and the crates write each text with one call.

use std::io::{self, Write};

use super::page::Page;
use crate::html::each_markup_byte;

/// Begins and ends a mark.
const EDGE: char = '\u{4}';

/// What stands in for the HTML of the entry at `at`.
pub(super) fn mark(at: usize) -> String {
    format!("{EDGE}{at}{EDGE}")
}

/// The entry of a mark.
fn marked(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.strip_prefix(EDGE)?.strip_suffix(EDGE)?.parse().ok()
}

/// Puts the HTML of an entry into a document.
pub(super) type PutContent<W> = fn(&str, &mut W);

/// Writes the HTML of `page` in the place of its marks, and everything else unchanged.
pub(super) struct ContentWriter<'p, W> {
    pub(super) to: W,
    pub(super) page: &'p Page<'p>,
    pub(super) put: PutContent<W>,
}

impl<W: Write> Write for ContentWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let content = marked(bytes)
            .and_then(|at| self.page.entries.get(at))
            .and_then(|entry| entry.entry.html.as_ref());
        let Some(html) = content else { return self.to.write_all(bytes) };
        (self.put)(html.as_str(), &mut self.to);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes `text` escaped, as quick-xml does.
pub(super) fn escaped(text: &str, to: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    each_markup_byte(bytes, |at| {
        let reference: &[u8] = match bytes[at] {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\'' => b"&apos;",
            _ => return,
        };
        to.extend_from_slice(&bytes[from..at]);
        to.extend_from_slice(reference);
        from = at + 1;
    });
    to.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_whole_mark_names_an_entry() {
        assert_eq!(marked(mark(12_345).as_bytes()), Some(12_345));
        for text in [
            "",
            "\u{4}",
            "\u{4}\u{4}",
            "1",
            "\u{4}1",
            "1\u{4}",
            "a\u{4}1\u{4}",
            "\u{4}-1\u{4}",
            "\u{4}1a\u{4}",
        ] {
            assert_eq!(marked(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_content_is_escaped_as_the_crate_escapes_it(text in "[<>&\"'#;a-z \n\u{A0}가¢]{0,90}|\\PC{0,60}") {
            let mut out = Vec::new();
            escaped(&text, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), quick_xml::escape::escape(text.as_str()));
        }
    }
}
