//! `picture` elements. Feed readers and mail programs choose for themselves from the candidates of an `img`, so the only
//! source that stays is the variant for dark backgrounds.

use crate::html::tags;

/// The condition of a source for dark backgrounds.
pub(in crate::archive::markdown) const DARK: &str = "(prefers-color-scheme: dark)";

/// Sanitised `html` without sources that have neither an address nor this condition, and without `picture` elements that
/// then have no source.
pub(super) fn without_variants(html: String) -> String {
    if !html.contains("<source") && !html.contains("<picture") {
        return html;
    }
    let tags = tags(&html);
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    let mut is_kept = false;
    for (number, tag) in tags.iter().enumerate() {
        let goes = match tag.name() {
            "source" if tag.attribute("media").is_some() => !is_kept || tag.attribute("srcset").is_none(),
            "source" => tag.attribute("src").is_none(),
            "picture" if tag.closing => !std::mem::take(&mut is_kept),
            "picture" => {
                let inside = tags[number + 1..].iter().take_while(|tag| tag.name() != "picture");
                is_kept = inside.into_iter().any(|tag| tag.name() == "source" && is_dark(tag));
                !is_kept
            }
            _ => false,
        };
        if goes {
            out.push_str(&html[from..tag.at.start]);
            from = tag.at.end;
        }
    }
    out.push_str(&html[from..]);
    out
}

fn is_dark(source: &crate::html::Tag) -> bool {
    source.attribute("media").is_some() && source.attribute("srcset").is_some()
}
