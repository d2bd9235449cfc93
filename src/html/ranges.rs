//! Elements of a text of HTML by their start tags, as ranges of the text. For a piece of it; a whole page is a tree.

use std::ops::Range;

use super::{Tag, is_void, tags};

/// The place of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// With its tags.
    pub(crate) outer: Range<usize>,
    /// Between its tags.
    pub(crate) inner: Range<usize>,
}

/// The elements for which `is_wanted` is true, without those inside others. One without an end tag reaches to the end.
pub(crate) fn elements(html: &str, is_wanted: impl Fn(&Tag) -> bool) -> Vec<Element> {
    let tags = tags(html);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(tag) = tags.get(at) {
        at += 1;
        if tag.closing || !is_wanted(tag) {
            continue;
        }
        if is_void(tag.name()) {
            found.push(Element {
                name: tag.name().to_owned(),
                outer: tag.at.clone(),
                inner: tag.at.end..tag.at.end,
            });
            continue;
        }
        let mut depth = 1_usize;
        let end = tags[at..].iter().position(|other| {
            if other.name() == tag.name() {
                depth = if other.closing { depth - 1 } else { depth + 1 };
            }
            depth == 0
        });
        let (inner, outer) = match end.and_then(|end| tags.get(at + end)) {
            Some(close) => (close.at.start, close.at.end),
            None => (html.len(), html.len()),
        };
        at = end.map_or(tags.len(), |end| at + end + 1);
        found.push(Element {
            name: tag.name().to_owned(),
            outer: tag.at.start..outer,
            inner: tag.at.end..inner,
        });
    }
    found
}
