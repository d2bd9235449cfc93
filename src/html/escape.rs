//! Escaping of text for HTML.

use std::borrow::Cow;

use minijinja::{AutoEscape, Error, Output, State, Value};

/// Escapes text for an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| reference(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    push_escaped(&mut out, text);
    Cow::Owned(out)
}

/// Appends what [`escape`] returns.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    push(out, text, reference);
}

/// Appends the text of an element as the HTML Standard serializes it (13.3): quotes stay, a no-break space does not.
pub(crate) fn push_text(out: &mut String, text: &str) {
    push(out, text, |c| match c {
        '\u{A0}' => Some("&nbsp;"),
        '"' | '\'' => None,
        c => reference(c),
    });
}

/// Appends the value of a double-quoted attribute as html5ever serializes it.
pub(crate) fn push_attribute(out: &mut String, value: &str) {
    push(out, value, |c| match c {
        '\u{A0}' => Some("&nbsp;"),
        '\'' => None,
        c => reference(c),
    });
}

fn reference(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}

fn push(out: &mut String, text: &str, reference: impl Fn(char) -> Option<&'static str>) {
    let mut from = 0;
    each_markup_byte(text.as_bytes(), |at| {
        if let Some(c) = text[at..].chars().next()
            && let Some(reference) = reference(c)
        {
            out.push_str(&text[from..at]);
            out.push_str(reference);
            from = at + c.len_utf8();
        }
    });
    out.push_str(&text[from..]);
}

/// Calls `each` with the position of every `&`, `<`, `>`, `"` and `'`, and of what may be a no-break space; perhaps also of other
/// characters, but never inside one. Looks at eight bytes at a time, because everything that is written goes through here.
pub(crate) fn each_markup_byte(bytes: &[u8], mut each: impl FnMut(usize)) {
    let (words, rest) = bytes.as_chunks();
    for (number, word) in words.iter().enumerate() {
        let mut found = markup(u64::from_le_bytes(*word));
        while found != 0 {
            each(number * 8 + found.trailing_zeros() as usize / 8);
            found &= found - 1;
        }
    }
    let begin = bytes.len() - rest.len();
    let is_markup = |byte: &u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | 0xC2);
    rest.iter().enumerate().filter(|(_, byte)| is_markup(byte)).for_each(|(at, _)| each(begin + at));
}

/// The highest bit of each byte that is one of `"#&'<>` or the first of a no-break space.
fn markup(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    const LOW_BITS: u64 = ONES * 0x7F;
    // The highest bit of each byte that is not `wanted`, in the bits of `mask`. No byte carries into the next one.
    let differs = |mask: u64, wanted: u64| {
        let other = (word & (ONES * mask)) ^ (ONES * wanted);
        ((other & LOW_BITS) + LOW_BITS) | other
    };
    !(differs(0xFA, 0x22) & differs(0xFD, 0x3C) & differs(0xFF, 0xC2) | LOW_BITS)
}

/// The formatter of every template environment. The default one writes `/` as `&#x2f;`, in every address on a page.
pub(crate) fn format_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => {
            Ok(out.write_str(&escape(text))?)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escaped_text_cannot_end_an_element_or_an_attribute() {
        assert_eq!(escape("<a href=\"/x?a&b\">'글'"), "&lt;a href=&quot;/x?a&amp;b&quot;&gt;&#39;글&#39;");
        assert_eq!(escape("글"), "글");
    }

    #[test]
    fn serialized_text_keeps_quotes_and_escapes_the_no_break_space() {
        let mut out = String::new();
        push_text(&mut out, "<a>\u{A0}\"b\" 'c'");
        push_attribute(&mut out, "<a>\u{A0}\"b\" 'c'");
        assert_eq!(out, "&lt;a&gt;&nbsp;\"b\" 'c'&lt;a&gt;&nbsp;&quot;b&quot; 'c'");
    }

    proptest! {
        #[test]
        fn every_character_is_escaped_wherever_it_is(text in "[<>&\"'#a-z\u{A0}\u{A9}가]{0,60}|\\PC{0,60}") {
            let one_by_one = |reference: fn(char) -> Option<&'static str>| {
                let escaped = text.chars().map(|c| reference(c).map_or(c.to_string(), str::to_owned));
                escaped.collect::<String>()
            };
            prop_assert_eq!(escape(&text), one_by_one(reference));
            let mut out = String::new();
            push_attribute(&mut out, &text);
            prop_assert_eq!(out, one_by_one(|c| match c {
                '\u{A0}' => Some("&nbsp;"),
                '\'' => None,
                c => reference(c),
            }));
        }
    }
}
