//! Formulas that are MathML already, as `KaTeX`, `MathJax` and some generators write them.

use ammonia::Builder;

use crate::html;
use crate::math::{ATTRIBUTES, ELEMENTS};

/// Allows the elements of MathML. An `annotation-xml` repeats the formula and may contain anything, so it is removed.
pub(super) fn allow(builder: &mut Builder<'_>) {
    builder
        .rm_clean_content_tags(["math"])
        .add_clean_content_tags(["annotation-xml"])
        .add_tags(ELEMENTS.split_whitespace());
    for element in ELEMENTS.split_whitespace() {
        builder.add_tag_attributes(element, ATTRIBUTES.split_whitespace());
    }
}

/// Removes the second copy of each formula of `KaTeX`, made of letters in the places where they are drawn. The first is MathML.
pub(super) fn without_copies(html: String) -> String {
    const COPY: &str = "katex-html";
    if !html.contains(COPY) {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    let mut open: Option<usize> = None;
    for tag in html::tags(&html) {
        match &mut open {
            None => {
                let is_copy =
                    tag.attribute("class").is_some_and(|all| all.split(' ').any(|class| class == COPY));
                let before = &html[from..tag.at.start];
                if is_copy && before.trim_end().ends_with("</math></span>") {
                    out.push_str(before);
                    open = Some(1);
                }
            }
            Some(depth) if tag.closing => {
                *depth -= 1;
                if *depth == 0 {
                    from = tag.at.end;
                    open = None;
                }
            }
            Some(depth) => *depth += usize::from(!html::is_void(tag.name())),
        }
    }
    if open.is_none() {
        out.push_str(&html[from..]);
    }
    out
}
