//! Elements of a page of HTML by their attributes, as ranges of its text.

use std::ops::Range;

use crate::html::{Tag, is_void, tags};

/// The place of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// With its tags.
    pub(super) outer: Range<usize>,
    /// Between its tags.
    pub(super) inner: Range<usize>,
}

/// The elements for which `is_wanted` is true, without those inside others.
pub(super) fn elements(html: &str, is_wanted: impl Fn(&Tag) -> bool) -> Vec<Element> {
    let tags = tags(html);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(tag) = tags.get(at) {
        at += 1;
        if tag.closing || !is_wanted(tag) {
            continue;
        }
        if is_void(tag.name()) {
            found.push(Element { outer: tag.at.clone(), inner: tag.at.end..tag.at.end });
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
        found.push(Element { outer: tag.at.start..outer, inner: tag.at.end..inner });
    }
    found
}

/// What is in the first element for which `is_wanted` is true.
pub(super) fn inner(html: &str, is_wanted: impl Fn(&Tag) -> bool) -> Option<&str> {
    elements(html, is_wanted).first().map(|element| &html[element.inner.clone()])
}

/// The text without some elements.
pub(super) fn without(html: &str, is_unwanted: impl Fn(&Tag) -> bool) -> String {
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    for element in elements(html, is_unwanted) {
        out.push_str(&html[from..element.outer.start]);
        from = element.outer.end;
    }
    out.push_str(&html[from..]);
    out
}

/// An attribute of the first tag for which `is_wanted` is true.
pub(super) fn attribute(html: &str, name: &str, is_wanted: impl Fn(&Tag) -> bool) -> Option<String> {
    let tags = tags(html);
    let tag = tags.iter().find(|tag| !tag.closing && is_wanted(tag))?;
    tag.attribute(name).map(str::to_owned)
}

/// Whether a tag has a class.
pub(super) fn has_class(tag: &Tag, class: &str) -> bool {
    tag.attribute("class").is_some_and(|all| all.split_ascii_whitespace().any(|one| one == class))
}
