//! Inline SVG. A drawing that says what it shows, in a `<title>` or `aria-label`, and contains nothing but shapes and texts is
//! kept; any other is left out whole: icons, and drawings that need styles, scripts or links. Emails show the words instead.

use ammonia::Builder;

use super::GENERIC;
use crate::html::{Element, Piece, Tag, elements, push_attribute, read, tags};

/// Names as SVG 2 writes them; parsers of HTML restore their capitals.
pub(super) const ELEMENTS: &str = "circle clipPath defs desc ellipse g line linearGradient marker path polygon polyline radialGradient rect stop \
    svg text tspan";

/// Attributes that load nothing and run nothing. `clip-path`, `fill` and others may name a part of the drawing.
const ATTRIBUTES: &str = "clip-path clip-rule clipPathUnits color cx cy d dominant-baseline dx dy fill fill-opacity fill-rule \
    font-family font-size font-style font-weight fx fy gradientTransform gradientUnits height letter-spacing marker-end marker-mid \
    marker-start markerHeight markerUnits markerWidth offset opacity orient pathLength points preserveAspectRatio r refX refY role rx \
    ry spreadMethod stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin \
    stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration textLength transform vector-effect version viewBox \
    width x x1 x2 y y1 y2";

/// `html` with only the drawings that are kept, each with its words as `aria-label`; `None` if none is kept.
pub(super) fn labelled(html: &str) -> Option<String> {
    let mut out = String::with_capacity(html.len());
    let (mut copied, mut has_some) = (0, false);
    // Parsers close an unclosed one before the next paragraph.
    let closed =
        elements(html, is_drawing).into_iter().filter(|element| element.inner.end < element.outer.end);
    for Element { outer, .. } in closed {
        out.push_str(&html[copied..outer.start]);
        copied = outer.end;
        if let Some(words) = words_of(&html[outer.clone()]) {
            out.push_str("<svg role=\"img\" aria-label=\"");
            push_attribute(&mut out, &words);
            out.push('"');
            out.push_str(&html[outer.start + "<svg".len()..outer.end]);
            has_some = true;
        }
    }
    out.push_str(&html[copied..]);
    has_some.then_some(out)
}

/// Allows the elements of drawings.
pub(super) fn allow(builder: &mut Builder<'_>) {
    builder.rm_clean_content_tags(["svg"]).add_tags(ELEMENTS.split_whitespace());
    for element in ELEMENTS.split_whitespace() {
        builder.add_tag_attributes(element, ATTRIBUTES.split_whitespace());
    }
}

/// The words of a drawing that is kept. `svg` is its element, or more.
pub(in crate::archive::markdown) fn words_of(svg: &str) -> Option<String> {
    let tags = tags(svg);
    let root = tags.first().filter(|tag| is_drawing(tag) && tag.attribute("aria-hidden") != Some("true"))?;
    let title = || {
        let title = elements(svg, |tag| tag.name() == "title").into_iter().next()?;
        let mut words = String::new();
        read(&svg[title.inner], |piece| {
            if let Piece::Text(text) = piece {
                words.push_str(&text);
            }
        });
        Some(words)
    };
    let words = root.attribute("aria-label").map(str::to_owned).or_else(title)?;
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty() && tags.iter().all(is_harmless)).then_some(words)
}

fn is_drawing(tag: &Tag) -> bool {
    tag.name() == "svg" && !tag.closing
}

fn is_harmless(tag: &Tag) -> bool {
    let is_listed =
        |list: &str, name: &str| list.split_whitespace().any(|own| own.eq_ignore_ascii_case(name));
    let is_kept = |(name, value): (&str, &str)| {
        let is_description = ["xmlns", "data-", "aria-"].iter().any(|start| name.starts_with(start));
        let is_known = is_listed(ATTRIBUTES, name) || GENERIC.contains(&name) || is_description;
        is_known && !value.replace("url(#", "").contains("url(")
    };
    (is_listed(ELEMENTS, tag.name()) || tag.name() == "title") && tag.attributes().all(is_kept)
}
