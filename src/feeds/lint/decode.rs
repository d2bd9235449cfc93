//! Bytes of any feed to text, as XML 1.0, appendix F, tells it: byte order mark, declaration, else UTF-8.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::findings::Lint;
use super::rule::XML_ENCODING;

/// Text, and the name of the encoding it came in.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: &'static str,
}

/// `None`, with a finding, if the bytes are not in the encoding that they name.
pub(super) fn decode(bytes: &[u8], served: Option<&str>, lint: &mut Lint<'_>) -> Option<Decoded> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return with(encoding, &bytes[length..], lint);
    }
    match bytes {
        [b'<', 0, ..] => return with(UTF_16LE, bytes, lint),
        [0, b'<', ..] => return with(UTF_16BE, bytes, lint),
        _ => {}
    }
    if declared(bytes).is_some_and(is_latin_1) && served.and_then(charset).is_none() {
        if declared(bytes).is_some_and(|label| label.eq_ignore_ascii_case("us-ascii")) && !bytes.is_ascii() {
            lint.raise(XML_ENCODING, 0, "the document is said to be US-ASCII, and is not");
        }
        // Browsers take Latin-1 for windows-1252; XML parsers do not, and the difference is worth a finding.
        let text = encoding_rs::mem::decode_latin1(bytes).into_owned();
        return Some(Decoded { text, encoding: "ISO-8859-1" });
    }
    let named = served.and_then(charset).or_else(|| declared(bytes));
    let Some(label) = named else { return with(UTF_8, bytes, lint) };
    if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
        // What is read as ASCII up to here cannot be UTF-16; the declaration was kept from before a conversion.
        let encoding = if encoding.is_ascii_compatible() { encoding } else { UTF_8 };
        return with(encoding, bytes, lint);
    }
    lint.raise(XML_ENCODING, 1, format!("nobody knows the encoding {label:?}"));
    None
}

fn with(encoding: &'static Encoding, bytes: &[u8], lint: &mut Lint<'_>) -> Option<Decoded> {
    if encoding == UTF_8
        && let Err(error) = std::str::from_utf8(bytes)
    {
        let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
        lint.raise(XML_ENCODING, line, "the document is said to be UTF-8, and is not");
        return None;
    }
    let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) else {
        let message = format!("the document is said to be {}, and is not", encoding.name());
        lint.raise(XML_ENCODING, 0, message);
        return None;
    };
    Some(Decoded { text: text.into_owned(), encoding: encoding.name() })
}

fn is_latin_1(label: &str) -> bool {
    ["iso-8859-1", "latin1", "us-ascii"].iter().any(|known| known.eq_ignore_ascii_case(label))
}

/// The `charset` of a Content-Type, which outdoes what the document says (RFC 7303, 3).
fn charset(media_type: &str) -> Option<&str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

/// The `encoding` of an XML declaration.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(200))?;
    let end = memchr::memmem::find(head, b"?>")?;
    let declaration = std::str::from_utf8(&head[..end]).ok()?.strip_prefix("<?xml")?;
    let rest = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(label, _)| label)
}
