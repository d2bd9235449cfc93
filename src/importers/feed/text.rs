//! Converts a line of HTML to plain text, and plain text to HTML.

use crate::xml::with_references;

/// A title or a category as plain text. Feeds escape it once or twice, or put tags into it.
///
/// A `<` that does not begin a tag stays.
pub fn plain_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = tag_end(rest);
        if end.is_none() {
            text.push('<');
        }
        rest = &rest[end.unwrap_or(1)..];
    }
    text.push_str(rest);
    with_references(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Tags that appear in titles; `<T>` and `<stdio.h>` are words.
const TAGS: [&str; 20] = [
    "a", "abbr", "b", "bdi", "big", "br", "cite", "code", "del", "em", "font", "i", "ins", "mark", "s",
    "small", "span", "strong", "sub", "sup",
];

/// The most bytes of a tag in a title.
const LONGEST_TAG: usize = 2000;

/// The length of the tag with which `text` begins.
fn tag_end(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('<')?;
    let name_at = usize::from(inner.starts_with('/'));
    let name: String =
        inner.get(name_at..)?.chars().take_while(char::is_ascii_alphanumeric).take(12).collect();
    let after = inner[name_at + name.len()..].chars().next()?;
    let is_tag = TAGS.contains(&name.to_ascii_lowercase().as_str())
        && (after == '>' || after == '/' || after.is_whitespace());
    let end = memchr::memchr(b'>', &text.as_bytes()[..text.len().min(LONGEST_TAG)])?;
    is_tag.then_some(end + 1)
}

/// Splits HTML without block markup into paragraphs at its blank lines.
pub(super) fn paragraphs(html: &str) -> String {
    let html = html.trim();
    let lower = html.to_ascii_lowercase();
    let has_blocks = ["<p", "<div", "<br", "<ul", "<ol", "<table", "<h", "<pre", "<blockquote", "<figure"]
        .iter()
        .any(|tag| lower.contains(tag));
    if has_blocks || !html.contains('\n') {
        return html.to_owned();
    }
    let lines: Vec<&str> = html.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", paragraph.join("<br>\n"))).collect::<Vec<_>>().join("\n")
}
