//! The copy of an HTML part that is shown in the frame. It is the part of the message, except for what the writer chose on the page:
//! dark or light, and where pictures come from. Pure.
//!
//! A browser decides by itself whether `prefers-color-scheme: dark` holds. So each of these conditions is replaced by one that always
//! or never holds; in style sheets and `media` attributes only, so that a text about them stays as it is.

use crate::html::{self, push_attribute};
use crate::preview::letter::style_sheets;

/// A condition that always holds, and one that never does.
const CONDITIONS: [&str; 2] = ["(max-width: 0px)", "(min-width: 0px)"];

/// The copy of `page`. `picture` gives another address for a picture, if it has one.
pub(super) fn shown_copy(page: &str, is_dark: bool, picture: impl Fn(&str) -> Option<String>) -> String {
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for range in style_sheets(page) {
        if let Some(sheet) = page.get(range.clone()) {
            edits.push((range, decided(sheet, is_dark)));
        }
    }
    let scheme = if is_dark { "dark" } else { "light" };
    for tag in html::tags(page).into_iter().filter(|tag| !tag.closing) {
        let is_scheme = tag.name() == "meta"
            && matches!(tag.attribute("name"), Some("color-scheme" | "supported-color-schemes"));
        let mut changes: Vec<(&str, String)> = Vec::new();
        if is_scheme {
            changes.push(("content", scheme.to_owned()));
        }
        if let Some(media) = tag.attribute("media") {
            changes.push(("media", decided(media, is_dark)));
        }
        if matches!(tag.name(), "img" | "source") {
            for name in ["src", "srcset"] {
                changes.extend(tag.attribute(name).and_then(&picture).map(|address| (name, address)));
            }
        }
        if changes.iter().any(|(name, value)| tag.attribute(name) != Some(value)) {
            edits.push((tag.at.clone(), rewritten(&tag, &changes)));
        }
        if tag.name() == "head" {
            // Links open in a tab of their own; without a scheme the browser would choose one for the canvas; and a scroll bar would
            // take room that there is on a phone.
            let added = format!(
                "<base target=\"_blank\"><meta name=\"color-scheme\" content=\"{scheme}\"><style>html {{ scrollbar-width: none }}</style>"
            );
            edits.push((tag.at.end..tag.at.end, added));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut copy = String::with_capacity(page.len() + 200);
    let mut done = 0;
    for (range, text) in edits {
        copy.push_str(page.get(done..range.start).unwrap_or_default());
        copy.push_str(&text);
        done = range.end.max(done);
    }
    copy.push_str(page.get(done..).unwrap_or_default());
    copy
}

/// CSS with its conditions on the colour scheme decided.
fn decided(css: &str, is_dark: bool) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, condition, after)) = next_condition(rest) {
        out.push_str(before);
        match condition.trim().to_ascii_lowercase().as_str() {
            "dark" => out.push_str(CONDITIONS[usize::from(is_dark)]),
            "light" => out.push_str(CONDITIONS[usize::from(!is_dark)]),
            _ => out.push_str(&rest[before.len()..rest.len() - after.len()]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The text before the next `(prefers-color-scheme: VALUE)`, its value, and the text after it.
fn next_condition(css: &str) -> Option<(&str, &str, &str)> {
    const FEATURE: &[u8] = b"prefers-color-scheme";
    let (mut from, bytes) = (0, css.as_bytes());
    loop {
        let open = from + memchr::memchr(b'(', bytes.get(from..)?)?;
        let inner = css.get(open + 1..)?;
        let name = inner.trim_start();
        let is_it =
            name.as_bytes().get(..FEATURE.len()).is_some_and(|name| name.eq_ignore_ascii_case(FEATURE));
        if is_it && let Some((head, after)) = name.split_once(')') {
            let value = head.get(FEATURE.len()..)?.trim_start();
            return Some((css.get(..open)?, value.strip_prefix(':').unwrap_or(""), after));
        }
        from = open + 1;
    }
}

/// A tag with some attributes changed.
fn rewritten(tag: &html::Tag, changes: &[(&str, String)]) -> String {
    let mut out = format!("<{}", tag.name());
    for (name, value) in tag.attributes() {
        let value = changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        push_attribute(&mut out, value);
        out.push('"');
    }
    out.push('>');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "<html><head><meta name=\"color-scheme\" content=\"light dark\"><style>\
        @media (prefers-color-scheme: dark) { a {} } @media screen and ( PREFERS-color-scheme:light ) { b {} }</style></head><body>\
        <picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"https://a.example/d.png\">\
        <img src=\"https://a.example/l.png\" alt=\"a &amp; b\"></picture><code>(prefers-color-scheme: dark)</code></body></html>";

    #[test]
    fn the_scheme_is_decided_in_styles_and_conditions_and_nowhere_else() {
        let dark = shown_copy(PAGE, true, |_| None);
        assert!(
            dark.contains("@media (min-width: 0px) { a {} } @media screen and (max-width: 0px) { b {} }"),
            "{dark}"
        );
        assert!(
            dark.contains("<source media=\"(min-width: 0px)\" srcset=\"https://a.example/d.png\">"),
            "{dark}"
        );
        assert!(
            dark.contains("<meta name=\"color-scheme\" content=\"dark\">") && !dark.contains("light dark"),
            "{dark}"
        );
        assert!(dark.contains("<code>(prefers-color-scheme: dark)</code>"), "{dark}");
        let light = shown_copy(PAGE, false, |_| None);
        assert!(
            light.contains("@media (max-width: 0px) { a {} } @media screen and (min-width: 0px) { b {} }"),
            "{light}"
        );
    }

    #[test]
    fn pictures_get_another_address_and_keep_their_text() {
        let here = |url: &str| (url == "https://a.example/l.png").then(|| "picture?n=0&t=1".to_owned());
        let copy = shown_copy(PAGE, false, here);
        assert!(copy.contains("<img src=\"picture?n=0&amp;t=1\" alt=\"a &amp; b\">"), "{copy}");
        assert!(copy.contains("srcset=\"https://a.example/d.png\""), "{copy}");
        assert!(copy.contains("<head><base target=\"_blank\">"), "{copy}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_page_without_conditions_stays_as_it_is(text in "[a-z(){}<>/: 가\"=]{0,120}") {
            let _ = shown_copy(&text, true, |_| None);
            prop_assert_eq!(decided(&text, true), text);
        }
    }
}
