//! The bytes of any feed as text, by XML 1.0, appendix F: byte order mark, declaration, else UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::findings::Lint;
use super::rule::XML_ENCODING;
use crate::xml::{charset, declared_encoding};

/// Decoded text, and the name of its original encoding.
pub(super) struct Decoded<'b> {
    pub(super) text: Cow<'b, str>,
    pub(super) encoding: &'static str,
}

/// `None`, with a finding, if the bytes are not in the stated encoding.
pub(super) fn decode<'b>(bytes: &'b [u8], served: Option<&str>, lint: &mut Lint<'_>) -> Option<Decoded<'b>> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return with(encoding, &bytes[length..], lint);
    }
    match bytes {
        [b'<', 0, ..] => return with(UTF_16LE, bytes, lint),
        [0, b'<', ..] => return with(UTF_16BE, bytes, lint),
        _ => {}
    }
    if declared_encoding(bytes).is_some_and(is_latin_1) && served.and_then(charset).is_none() {
        if declared_encoding(bytes).is_some_and(|label| label.eq_ignore_ascii_case("us-ascii"))
            && !bytes.is_ascii()
        {
            lint.raise(XML_ENCODING, 0, "the document is declared as US-ASCII, but is not");
        }
        // Browsers treat Latin-1 as windows-1252, but XML parsers do not, and the difference is worth a finding.
        let text = encoding_rs::mem::decode_latin1(bytes);
        return Some(Decoded { text, encoding: "ISO-8859-1" });
    }
    let named = served.and_then(charset).or_else(|| declared_encoding(bytes));
    let Some(label) = named else { return with(UTF_8, bytes, lint) };
    if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
        // A declaration that is readable as ASCII cannot be UTF-16; it was not updated in a conversion.
        let encoding = if encoding.is_ascii_compatible() { encoding } else { UTF_8 };
        return with(encoding, bytes, lint);
    }
    lint.raise(XML_ENCODING, 1, format!("unknown encoding {label:?}"));
    None
}

fn with<'b>(encoding: &'static Encoding, bytes: &'b [u8], lint: &mut Lint<'_>) -> Option<Decoded<'b>> {
    let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) else {
        let line = if encoding == UTF_8 {
            memchr::memchr_iter(b'\n', &bytes[..Encoding::utf8_valid_up_to(bytes)]).count() + 1
        } else {
            0
        };
        let message = format!("the document is declared as {}, but is not", encoding.name());
        lint.raise(XML_ENCODING, line, message);
        return None;
    };
    Some(Decoded { text, encoding: encoding.name() })
}

fn is_latin_1(label: &str) -> bool {
    ["iso-8859-1", "latin1", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(label))
}
