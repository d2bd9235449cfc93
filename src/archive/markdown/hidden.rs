//! Elements that a page hides, and the marks beside its headings that lead to them. Feed readers and mail programs know
//! neither the style sheet nor the script, and would show them.

use std::borrow::Cow;
use std::ops::Range;

use crate::html::{Piece, Tag, is_void, read};

/// Whether an element is not shown.
pub(super) fn is_hidden(tag: &Tag) -> bool {
    let style = || tag.attribute("style").map(|style| style.replace(char::is_whitespace, ""));
    let has_style = || style().is_some_and(|style| style.to_ascii_lowercase().contains("display:none"));
    !tag.closing && (tag.attribute("hidden").is_some() || has_style())
}

/// `html` without its hidden elements. One without an end tag stays.
pub(super) fn without(html: &str) -> Cow<'_, str> {
    if !["hidden", "HIDDEN", "display", "DISPLAY"].iter().any(|mark| html.contains(mark)) {
        return Cow::Borrowed(html);
    }
    let mut gone: Vec<Range<usize>> = Vec::new();
    let mut open: Option<(Tag, usize)> = None;
    read(html, |piece| {
        let Piece::Tag(tag) = piece else { return };
        match &mut open {
            Some((first, depth)) if first.name() == tag.name() => {
                *depth = if tag.closing { *depth - 1 } else { *depth + 1 };
                if *depth == 0 {
                    gone.push(first.at.start..tag.at.end);
                    open = None;
                }
            }
            None if is_hidden(&tag) && is_void(tag.name()) => gone.push(tag.at),
            None if is_hidden(&tag) => open = Some((tag, 1)),
            _ => {}
        }
    });
    cut(html, gone)
}

/// Whether the text of a link in a heading is a mark to copy the address of the heading.
pub(super) fn is_heading_mark(address: &str, text: &str) -> bool {
    address.starts_with('#') && matches!(text.trim(), "" | "#" | "¶" | "§" | "🔗" | "∞" | "\u{F0C1}")
}

/// `html` without the marks of its headings.
pub(super) fn without_heading_marks(html: &str) -> Cow<'_, str> {
    if !html.contains("href") {
        return Cow::Borrowed(html);
    }
    let mut gone = Vec::new();
    let mut in_heading = false;
    let mut link: Option<(Tag, String)> = None;
    read(html, |piece| match piece {
        Piece::Tag(tag) if matches!(tag.name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6") => {
            in_heading = !tag.closing;
            link = None;
        }
        Piece::Tag(tag) if tag.name() == "a" && in_heading => {
            if let Some((first, text)) = link.take().filter(|_| tag.closing) {
                if is_heading_mark(first.attribute("href").unwrap_or_default(), &text) {
                    gone.push(first.at.start..tag.at.end);
                }
            } else if !tag.closing {
                link = Some((tag, String::new()));
            }
        }
        // A picture in it may be more than a mark.
        Piece::Tag(tag) if tag.name() == "img" => link = None,
        Piece::Text(words) => {
            if let Some((_, text)) = &mut link {
                text.push_str(&words);
            }
        }
        Piece::Tag(_) | Piece::Declaration(_) => {}
    });
    cut(html, gone)
}

/// `html` without parts of it, which are in order.
pub(super) fn cut(html: &str, parts: Vec<Range<usize>>) -> Cow<'_, str> {
    if parts.is_empty() {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    for part in parts {
        out.push_str(&html[from..part.start]);
        from = part.end;
    }
    out.push_str(&html[from..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_elements_go_with_what_is_in_them() {
        for (html, expected) in [
            ("a<span hidden>b<span>c</span></span>d", "ad"),
            ("<div style='color: red; Display: none'>b</div>c<img style=\"display:none\" src=x>d", "cd"),
            ("<p hidden>never closed", "<p hidden>never closed"),
            ("<p>display and hidden are words</p>", "<p>display and hidden are words</p>"),
        ] {
            assert_eq!(without(html), expected);
        }
    }

    #[test]
    fn marks_of_headings_go_and_other_links_stay() {
        for (html, expected) in [
            ("<h2 id=a>A<a class=headerlink href='#a'>¶</a></h2>", "<h2 id=a>A</h2>"),
            ("<h2><a href=\"#a\"><svg></svg></a>A</h2>", "<h2>A</h2>"),
            ("<h2><a href='#a'>A</a></h2>", "<h2><a href='#a'>A</a></h2>"),
            (
                "<h2><a href='/c'>#</a></h2><p><a href='#a'>#</a>",
                "<h2><a href='/c'>#</a></h2><p><a href='#a'>#</a>",
            ),
        ] {
            assert_eq!(without_heading_marks(html), expected);
        }
    }
}
