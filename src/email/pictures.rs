//! Pictures in an email: their addresses, and the size that fits the column. Outlook for Windows ignores `max-width`, so the size
//! stands in attributes.
//!
//! Nothing is read here; the caller measures the files of its own site.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::html::{Tag, push_escaped};

/// Width and height in pixels of pictures, by their absolute URLs.
pub type PictureSizes = BTreeMap<String, (u32, u32)>;

/// The width of the text column in pixels.
pub(super) const COLUMN: u32 = 560;

/// The attributes that an `img` keeps. Mail programs ignore `srcset`, `sizes` and `loading`, or fail on them.
const ATTRIBUTES: [&str; 4] = ["src", "alt", "title", "align"];

/// Writes an `img`, and its variant for dark backgrounds, which Outlook does not see. A picture of unknown size that stands
/// alone gets the width of the column, which only Outlook heeds.
pub(super) fn write(
    tag: &Tag,
    dark: Option<&str>,
    (sizes, stands_alone): (&PictureSizes, bool),
    out: &mut String,
) {
    let size = size(tag, sizes);
    let is_natural = size.is_none() && stands_alone;
    let class = |variant: &'static str| {
        let classes = [variant, if is_natural { "lp-natural" } else { "" }];
        classes.into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let Some(dark) = dark else { return write_one(tag, None, (&class(""), size), out) };
    write_one(tag, None, (&class("lp-light"), size), out);
    out.push_str("<!--[if !mso]><!-->");
    write_one(tag, Some(dark), (&class("lp-dark"), size), out);
    out.push_str("<!--<![endif]-->");
}

type Size = Option<(u32, Option<u32>)>;

fn write_one(tag: &Tag, source: Option<&str>, (class, size): (&str, Size), out: &mut String) {
    out.push_str("<img");
    for (name, value) in tag.attributes().filter(|(name, _)| ATTRIBUTES.contains(name)) {
        let value = source.filter(|_| name == "src").unwrap_or(value);
        push(out, name, value);
    }
    if !class.is_empty() {
        push(out, "class", class);
    }
    let size = size.map(|(width, height)| fitted(width, height));
    let size = size.or_else(|| class.ends_with("lp-natural").then_some((COLUMN, None)));
    if let Some((width, height)) = size {
        let _ = write!(out, " width=\"{width}\"");
        if let Some(height) = height {
            let _ = write!(out, " height=\"{height}\"");
        }
    }
    if tag.attribute("alt").is_none() {
        out.push_str(" alt=\"\"");
    }
    out.push('>');
}

fn push(out: &mut String, name: &str, value: &str) {
    out.extend([" ", name, "=\""]);
    push_escaped(out, value);
    out.push('"');
}

/// The size as the post writes it, or as it was measured; the height may be unknown.
fn size(tag: &Tag, sizes: &PictureSizes) -> Size {
    let pixels =
        |name| tag.attribute(name).and_then(|value| value.parse::<u32>().ok()).filter(|size| *size > 0);
    let measured = tag.attribute("src").and_then(|src| sizes.get(src)).copied();
    match (pixels("width"), pixels("height"), measured) {
        (Some(width), Some(height), _) => Some((width, Some(height))),
        (Some(width), None, Some((w, h))) => Some((width, Some(scaled(h, width, w)))),
        (Some(width), None, None) => Some((width, None)),
        (None, Some(height), Some((w, h))) => Some((scaled(w, height, h), Some(height))),
        (None, _, Some((w, h))) => Some((w, Some(h))),
        (None, _, None) => None,
    }
}

/// A size that is not wider than the column, in the same proportions.
pub(super) fn fitted(width: u32, height: Option<u32>) -> (u32, Option<u32>) {
    let shown = width.min(COLUMN);
    (shown, height.map(|height| scaled(height, shown, width)))
}

/// `size * part / whole`, at least 1.
fn scaled(size: u32, part: u32, whole: u32) -> u32 {
    let scaled = u64::from(size) * u64::from(part) / u64::from(whole.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// Whether the picture is alone in its paragraph, link or figure, perhaps with a caption.
pub(super) fn stands_alone(body: &str, tag: &Tag) -> bool {
    let before = body[..tag.at.start].trim_end();
    let after = body[tag.at.end..].trim_start();
    (before.is_empty() || before.ends_with('>') && !before.ends_with("/>"))
        && (after.is_empty() || after.starts_with("</") || after.starts_with("<figcaption"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::tags;

    fn written(html: &str) -> String {
        let sizes = PictureSizes::from([("https://e.org/wide.png".to_owned(), (1600, 900))]);
        let tags = tags(html);
        let tag = tags.iter().find(|tag| tag.name() == "img").unwrap();
        let mut out = String::new();
        write(tag, None, (&sizes, stands_alone(html, tag)), &mut out);
        out
    }

    #[test]
    fn a_measured_picture_fits_the_column_and_keeps_its_proportions() {
        assert_eq!(
            written("<p><img src=\"https://e.org/wide.png\" alt=\"a\" loading=\"lazy\"></p>"),
            "<img src=\"https://e.org/wide.png\" alt=\"a\" width=\"560\" height=\"315\">"
        );
        assert_eq!(
            written("<img src=\"https://e.org/wide.png\" width=\"160\">"),
            "<img src=\"https://e.org/wide.png\" width=\"160\" height=\"90\" alt=\"\">"
        );
    }

    #[test]
    fn a_picture_of_unknown_size_gets_the_column_only_if_it_stands_alone() {
        let src = "<img src=\"https://e.org/a.png\"";
        let wide = format!("{src} class=\"lp-natural\" width=\"560\" alt=\"\">");
        let figure = format!("<figure>{src}>\n<figcaption>b</figcaption></figure>");
        for html in
            [format!("<p>{src}></p>"), format!("<p><a href=\"b\">{src}></a></p>"), format!("{src}>"), figure]
        {
            assert_eq!(written(&html), wide, "{html}");
        }
        for html in [format!("<p>a {src}></p>"), format!("<p>{src}> b</p>"), format!("<p>{src}>{src}></p>")] {
            assert_eq!(written(&html), format!("{src} alt=\"\">"), "{html}");
        }
    }

    #[test]
    fn nonsense_in_sizes_is_ignored() {
        assert_eq!(written("<p>a <img src=\"b\" width=\"0\" height=\"x\"></p>"), "<img src=\"b\" alt=\"\">");
        assert_eq!(
            written("<img src=\"b\" width=\"4294967295\" height=\"4294967295\">"),
            "<img src=\"b\" width=\"560\" height=\"560\" alt=\"\">"
        );
    }
}
