//! Finds the tags in raw HTML. Good enough to warn, to count and to put a link in front of an embed; what may
//! stay is decided by the sanitiser, which reads HTML as browsers do.

/// A tag as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// Where it begins and where it ends, in bytes.
    pub(super) span: (usize, usize),
    /// In lower case.
    pub(super) name: String,
    /// `</name>`.
    pub(super) closing: bool,
    attributes: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute, character references decoded; empty if it has none.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let end = rest.find(|c: char| c.is_ascii_whitespace() || "=/".contains(c)).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end.max(1).min(rest.len()).max(first_char(rest)));
            let mut value = "";
            rest = after.trim_start();
            if let Some(after) = rest.strip_prefix('=') {
                (value, rest) = attribute_value(after.trim_start());
            }
            if key.eq_ignore_ascii_case(name) {
                return Some(decode(value));
            }
        }
    }
}

fn first_char(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn attribute_value(text: &str) -> (&str, &str) {
    match text.as_bytes().first() {
        Some(&quote @ (b'"' | b'\'')) => text[1..].split_once(char::from(quote)).unwrap_or((&text[1..], "")),
        _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len())),
    }
}

/// Every tag of `html`, comments and declarations left out, the inside of `script` and its like passed over.
pub(super) fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memchr(b'<', html.as_bytes().get(at..)?)?;
            if html[start..].starts_with("<!--") {
                at = html[start + 4..].find("-->").map_or(html.len(), |end| start + 4 + end + 3);
                continue;
            }
            let Some(tag) = tag_at(html, start) else {
                at = start + 1;
                continue;
            };
            at = tag.span.1;
            if !tag.closing && is_opaque(&tag.name) {
                at = end_of_opaque(html, at, &tag.name);
            }
            return Some(tag);
        }
    })
}

fn tag_at(html: &str, start: usize) -> Option<Tag<'_>> {
    let inner = &html[start + 1..];
    let closing = inner.starts_with('/');
    let name_start = usize::from(closing);
    if !inner[name_start..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name_end = inner[name_start..]
        .find(|c: char| c.is_ascii_whitespace() || "/>".contains(c))
        .map_or(inner.len(), |end| name_start + end);
    let mut quote = None;
    let mut end = inner.len();
    for (at, byte) in inner.bytes().enumerate().skip(name_end) {
        match (quote, byte) {
            (None, b'>') => {
                end = at;
                break;
            }
            // A quote opens a value only after an equals sign: `<p don't>` is a whole tag.
            (None, b'"' | b'\'') if inner[..at].trim_end().ends_with('=') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    Some(Tag {
        span: (start, (start + 1 + end + 1).min(html.len())),
        name: inner[name_start..name_end].to_ascii_lowercase(),
        closing,
        attributes: &inner[name_end..end],
    })
}

/// Elements whose inside is not text to be read.
pub(super) fn is_opaque(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "iframe"
            | "noscript"
            | "noembed"
            | "noframes"
            | "template"
            | "title"
            | "textarea"
            | "xmp"
            | "svg"
            | "math"
    )
}

fn end_of_opaque(html: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    while let Some(found) = html[at..].find("</") {
        at += found;
        let after = &html[at + 2..];
        if after.get(..name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name)) {
            return at;
        }
        at += 2;
    }
    html.len()
}

/// Decodes the character references that people write by hand; others stay as they are.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference =
            rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((end, referred(&rest[1..end])?)));
        let (length, c) = reference.map_or((1, '&'), |(end, c)| (end + 1, c));
        decoded.push(c);
        rest = &rest[length..];
    }
    decoded.push_str(rest);
    decoded
}

fn referred(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{A0}',
        "middot" => '·',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "copy" => '©',
        "times" => '×',
        "rarr" => '→',
        "larr" => '←',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(html: &str) -> Vec<String> {
        tags(html).map(|tag| format!("{}{}", if tag.closing { "/" } else { "" }, tag.name)).collect()
    }

    #[test]
    fn tags_are_found_and_comments_scripts_and_comparisons_are_not_tags() {
        assert_eq!(
            names("<P a='>'>1 < 2</p><!-- <b> --><script>'<i>'</script><br/>"),
            ["p", "/p", "script", "/script", "br"]
        );
    }

    #[test]
    fn attributes_are_read_quoted_bare_and_decoded() {
        let tag = tags("<img data-src=no SRC = \"a&amp;b\" alt='글 &quot;' hidden>").next().unwrap();
        assert_eq!(tag.attribute("src").unwrap(), "a&b");
        assert_eq!(tag.attribute("alt").unwrap(), "글 \"");
        assert_eq!(tag.attribute("hidden").unwrap(), "");
        assert_eq!(tag.attribute("width"), None);
    }

    #[test]
    fn references_are_decoded_once() {
        assert_eq!(decode("&amp;lt; &#x1F600;&#0;&unknown; & &"), "&lt; 😀&#0;&unknown; & &");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_finder(html in "[<>a!\\-/=\"' 가&;#x]{0,40}") {
            for tag in tags(&html) {
                prop_assert!(tag.span.0 < tag.span.1 && html.is_char_boundary(tag.span.1));
                let _ = tag.attribute("a");
            }
            let _ = decode(&html);
        }
    }
}
