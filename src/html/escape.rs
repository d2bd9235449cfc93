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
    // The first byte of a no-break space is the only one that is not ASCII.
    let is_candidate = |byte: &u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | 0xC2);
    let mut from = 0;
    for (at, _) in text.bytes().enumerate().filter(|(_, byte)| is_candidate(byte)) {
        if let Some(c) = text[at..].chars().next()
            && let Some(reference) = reference(c)
        {
            out.push_str(&text[from..at]);
            out.push_str(reference);
            from = at + c.len_utf8();
        }
    }
    out.push_str(&text[from..]);
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
}
