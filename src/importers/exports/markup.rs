//! Elements of a page of HTML by their attributes, as ranges of its text.

use crate::html::{Tag, elements, tags};

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
