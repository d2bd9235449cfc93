//! Finds relative addresses in HTML without building a tree.
//!
//! Reads tags as a browser's tokeniser does, so that text, comments and other attributes are not mistaken for
//! links.

use memchr::{memchr, memmem};

/// Whether `url` begins with a scheme (RFC 3986, 3.1).
pub(super) fn is_absolute(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// Reports each attribute with a relative address, and the address.
pub(super) fn each_relative<'h>(html: &'h str, mut report: impl FnMut(&'h str, &'h str)) {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(open) = memchr(b'<', &bytes[at..]) {
        at += open + 1;
        if bytes[at..].starts_with(b"!--") {
            at = memmem::find(&bytes[at..], b"-->").map_or(bytes.len(), |end| at + end);
        } else if bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            at = attributes(html, at, &mut |name, value| judge(name, value, &mut report));
        }
    }
}

/// Reads the tag whose name begins at `at`, with all attributes that have a value; returns the position after it.
pub(super) fn attributes<'h>(html: &'h str, mut at: usize, each: &mut impl FnMut(&'h str, &'h str)) -> usize {
    let bytes = html.as_bytes();
    at = skip(bytes, at, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>'));
    loop {
        at = skip(bytes, at, |b| b.is_ascii_whitespace() || b == b'/');
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'>') => return at + 1,
            Some(_) => {}
        }
        // A leading equals sign belongs to the name, so that every round makes progress.
        let end = skip(bytes, at + 1, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>' | b'='));
        let name = html.get(at..end).unwrap_or_default();
        at = skip(bytes, end, |b| b.is_ascii_whitespace());
        if bytes.get(at) == Some(&b'=') {
            let (value, behind) = value(html, skip(bytes, at + 1, |b| b.is_ascii_whitespace()));
            each(name, value);
            at = behind;
        }
    }
}

/// The attribute value that begins at `at`, and the position after it.
fn value(html: &str, at: usize) -> (&str, usize) {
    let bytes = html.as_bytes();
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(at) {
        let end = memchr(quote, &bytes[at + 1..]).map_or(bytes.len(), |length| at + 1 + length);
        return (html.get(at + 1..end).unwrap_or_default(), end + 1);
    }
    let end = skip(bytes, at, |b| !b.is_ascii_whitespace() && b != b'>');
    (html.get(at..end).unwrap_or_default(), end)
}

/// The first position from `at` on whose byte is not `wanted`; never past the end.
fn skip(bytes: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|&b| !wanted(b)).map_or(bytes.len(), |length| at + length)
}

/// Reports the relative addresses in the attribute `name`, if its value is one or more addresses.
pub(super) fn judge<'h>(name: &'h str, value: &'h str, report: &mut impl FnMut(&'h str, &'h str)) {
    let is_named = |known: &str| name.eq_ignore_ascii_case(known);
    if is_named("srcset") {
        candidates(value).filter(|url| !is_absolute(url)).for_each(|url| report(name, url));
    } else if is_named("href") && value.starts_with('#') {
        // A place in the same text, such as a footnote.
    } else if ["href", "src", "poster", "data", "cite"].into_iter().any(is_named)
        && !is_absolute(value.trim())
    {
        report(name, value);
    }
}

/// The addresses of a `srcset`. A comma inside an address, as in `data:`, is not a separator.
fn candidates(srcset: &str) -> impl Iterator<Item = &str> {
    let mut rest = srcset;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (url, behind) = rest.split_at(end);
        let bare = url.trim_end_matches(',');
        rest = if bare.len() < url.len() { behind } else { after_descriptor(behind) };
        (!bare.is_empty()).then_some(bare)
    })
}

fn after_descriptor(text: &str) -> &str {
    memchr(b',', text.as_bytes()).map_or("", |comma| &text[comma + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relative(html: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_relative(html, |name, url| found.push(format!("{name}={url}")));
        found
    }

    #[test]
    fn every_attribute_with_an_address_is_read() {
        let html = "<a href='/a'><IMG SRC=b.png ><video poster = \"../c\"></video><q cite=\"#d\">\
                    <object data=\"//e\"></object><img srcset=\"https://x/1.png 1x, f.png 2x,data:a,b 3x\">";
        assert_eq!(
            relative(html),
            ["href=/a", "SRC=b.png", "poster=../c", "cite=#d", "data=//e", "srcset=f.png"]
        );
    }

    #[test]
    fn text_that_only_looks_like_a_link_is_ignored() {
        for html in [
            "&lt;a href=\"x\"&gt; 1 < 2 <3",
            "<!-- <a href=\"x\"> -->",
            "<img alt='<a href=x>' src=\"https://example.com/가.png\">",
            "<p data-src=\"x\" title=\"href=x\">href=x</p>",
            "<a href=\"mailto:kim@example.com\">",
        ] {
            assert_eq!(relative(html), Vec::<String>::new(), "{html}");
        }
    }

    proptest! {
        #[test]
        fn the_scan_survives_any_html(html in "[<>/='\" a!\\-,가]{0,60}|(<a href|<img srcset=)[ -~가]{0,40}") {
            relative(&html);
        }

        #[test]
        fn a_relative_address_is_found_after_any_text(text in "[^<]{0,40}", path in "/[a-z가-힣]{0,9}") {
            prop_assert_eq!(relative(&format!("{text}<a class=x href=\"{path}\">")), [format!("href={path}")]);
        }
    }
}
