//! Inline SVG in an email. Mail programs do not show it, so the words that it has for those who do not see it stand in its place.

use std::borrow::Cow;

use crate::html::{Element, elements, escape, tags};

/// `body` with words in the place of SVG.
pub(super) fn as_text(body: &str) -> Cow<'_, str> {
    if !body.contains("<svg") {
        return Cow::Borrowed(body);
    }
    let mut out = String::with_capacity(body.len());
    let mut copied = 0;
    for Element { outer, .. } in elements(body, |tag| tag.name() == "svg") {
        out.push_str(&body[copied..outer.start]);
        copied = outer.end;
        let drawing = tags(&body[outer]);
        if let Some(words) = drawing.first().and_then(|root| root.attribute("aria-label")) {
            out.push_str("<em>");
            out.push_str(&escape(words));
            out.push_str("</em>");
        }
    }
    out.push_str(&body[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::as_text;

    #[test]
    fn the_words_of_a_drawing_stand_in_its_place() {
        let body = "<p>a <svg role=\"img\" aria-label=\"팔린 책 &lt;2026&gt;\"><g><text>3</text></g></svg> b</p><svg></svg>";
        assert_eq!(as_text(body), "<p>a <em>팔린 책 &lt;2026&gt;</em> b</p>");
        assert_eq!(as_text("<p>x</p>"), "<p>x</p>");
    }
}
