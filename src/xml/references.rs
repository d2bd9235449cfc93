//! The resolution of references: XML's five entities and numbers, and in the lenient mode the names of HTML, which
//! feeds have always used without declaring them. Entities that a document declares are never expanded.

use std::borrow::Cow;

use html5ever::data::NAMED_ENTITIES;
use quick_xml::escape::resolve_predefined_entity;

use super::XmlError;
use crate::text::{XmlText, is_xml_char};

/// The most bytes that are reserved for a text before it is read.
const MAX_RESERVE: usize = 1 << 16;

/// The text of `&name;` in XML; `None` if XML does not define the name.
pub(super) fn strict(name: &str) -> Result<Option<Cow<'static, str>>, XmlError> {
    let Some(number) = name.strip_prefix('#') else {
        return Ok(resolve_predefined_entity(name).map(Cow::Borrowed));
    };
    // XML, unlike HTML, has no `&#X41;`.
    let code = code_point(number).filter(|_| !number.starts_with('X'));
    let Some(code) = code else {
        return Err(XmlError::Malformed(format!("&{name}; is not a character reference")));
    };
    match char::from_u32(code).filter(|&c| is_xml_char(c)) {
        Some(c) => Ok(Some(Cow::Owned(c.to_string()))),
        None => Err(XmlError::Malformed(format!("a reference to the character U+{code:04X}"))),
    }
}

/// The beginning of a text, with its references resolved.
pub(super) struct Resolved<'t> {
    pub(super) text: Cow<'t, str>,
    /// The length of the beginning: up to the first reference that XML does not define.
    pub(super) length: usize,
    pub(super) has_references: bool,
    /// Whether one was written as `&#x26;`.
    pub(super) is_hexadecimal: bool,
}

/// Resolves the references of `text` strictly.
pub(super) fn resolved(text: &str) -> Resolved<'_> {
    let next =
        |from: usize| memchr::memchr(b'&', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at);
    let (mut at, mut is_hexadecimal) = (next(0), false);
    let mut out = String::new();
    while let Some((resolved, length)) = first(&text[at..]) {
        if out.is_empty() {
            out.reserve(text.len().min(MAX_RESERVE));
            out.push_str(&text[..at]);
        }
        out.push_str(&resolved);
        is_hexadecimal |= text[at..].starts_with("&#x");
        let behind = at + length;
        at = next(behind);
        out.push_str(&text[behind..at]);
    }
    let has_references = !out.is_empty();
    let text = if has_references { Cow::Owned(out) } else { Cow::Borrowed(&text[..at]) };
    Resolved { text, length: at, has_references, is_hexadecimal }
}

/// The text and the length of the reference with which `text` begins, if XML defines it. Those that every writer uses are
/// compared first, because escaped HTML is full of them.
fn first(text: &str) -> Option<(Cow<'static, str>, usize)> {
    let known = match text.as_bytes() {
        [b'&', b'l', b't', b';', ..] => Some(("<", 4)),
        [b'&', b'g', b't', b';', ..] => Some((">", 4)),
        [b'&', b'q', b'u', b'o', b't', b';', ..] => Some(("\"", 6)),
        [b'&', b'a', b'm', b'p', b';', ..] => Some(("&", 5)),
        [b'&', b'a', b'p', b'o', b's', b';', ..] => Some(("'", 6)),
        _ => None,
    };
    if let Some((resolved, length)) = known {
        return Some((Cow::Borrowed(resolved), length));
    }
    let (name, _) = text.strip_prefix('&')?.split_once(';')?;
    Some((strict(name).ok()??, name.len() + "&;".len()))
}

/// The text of `&name;` in XML or HTML; `None` if it is unknown and stays as written.
pub(super) fn lenient(name: &str) -> Option<String> {
    match name.strip_prefix('#') {
        Some(number) => code_point(number).and_then(char::from_u32).filter(|c| *c != '\0').map(String::from),
        None => named(name),
    }
}

/// The number of `&#number;`.
fn code_point(number: &str) -> Option<u32> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

/// The characters of a named HTML reference.
fn named(name: &str) -> Option<String> {
    let &(first, second) = NAMED_ENTITIES.get(format!("{name};").as_str())?;
    let chars: String = [first, second].into_iter().filter(|c| *c != 0).filter_map(char::from_u32).collect();
    (!chars.is_empty()).then_some(chars)
}

/// Text with its references resolved once, leniently.
pub(crate) fn with_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(40).position(|byte| byte == b';');
        let resolved = end.and_then(|end| Some((lenient(&rest[1..end])?, end)));
        let (text, length) = resolved.map_or_else(|| ("&".to_owned(), 1), |(text, end)| (text, end + 1));
        out.push_str(&text);
        rest = &rest[length..];
    }
    out + rest
}

/// Fails at the first character that XML does not allow.
pub(super) fn allowed(text: &str) -> Result<(), XmlError> {
    if XmlText::is_clean(text) {
        return Ok(());
    }
    text.chars().find(|&c| !is_xml_char(c)).map_or(Ok(()), |c| Err(XmlError::Character(c)))
}
