//! Pictures that a script of the page loads. Neither a feed reader nor a mail program runs it, so the real address, which
//! waits in another attribute or in a `noscript`, takes its place.

use std::borrow::Cow;
use std::collections::BTreeSet;

use url::Url;

use super::hidden::cut;
use crate::archive::links::{self, LinkKind};
use crate::html::{Tag, push_attribute, push_text, shown_tags, tags};

/// Where scripts look for `src`, the most usual first.
const SRC: [&str; 6] =
    ["data-src", "data-lazy-src", "data-original", "data-lazy", "data-original-src", "data-actualsrc"];
const SRCSET: [&str; 3] = ["data-srcset", "data-lazy-srcset", "data-original-set"];

/// `html`, which contains `found`, with the real addresses of its pictures; `None` if it has them already.
pub(super) fn with_sources(html: &str, found: &[Tag]) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    for tag in found.iter().filter(|tag| tag.name() == "img" && !tag.closing) {
        let Some(picture) = loaded(tag) else { continue };
        out.push_str(&html[from..tag.at.start]);
        out.push_str(&picture);
        from = tag.at.end;
    }
    if from == 0 {
        return None;
    }
    out.push_str(&html[from..]);
    Some(out)
}

/// The tag of a picture as the script would change it, if it waits for one.
fn loaded(tag: &Tag) -> Option<String> {
    let first = |names: &[&str]| {
        names.iter().find_map(|name| tag.attribute(name)).filter(|value| !value.trim().is_empty())
    };
    let (src, srcset) = (first(&SRC), first(&SRCSET));
    (is_placeholder(tag) && (src.is_some() || srcset.is_some())).then(|| with_address(tag, src, srcset))
}

/// Whether an `img` has no picture of its own.
fn is_placeholder(tag: &Tag) -> bool {
    tag.attribute("src").is_none_or(|src| src.trim().is_empty() || src.trim_start().starts_with("data:"))
}

/// The tag of a picture with these addresses.
fn with_address(tag: &Tag, src: Option<&str>, srcset: Option<&str>) -> String {
    // Some have only candidates.
    let src = src.or_else(|| srcset?.split([' ', ',']).find(|word| !word.is_empty()));
    let mut out = String::from("<img");
    let others = tag.attributes().filter(|(name, _)| {
        !(*name == "src"
            || *name == "srcset" && srcset.is_some()
            || SRC.contains(name)
            || SRCSET.contains(name))
    });
    let real = [("src", src), ("srcset", srcset)];
    for (name, value) in real.into_iter().filter_map(|(name, value)| Some((name, value?))).chain(others) {
        out.extend([" ", name, "=\""]);
        push_attribute(&mut out, value);
        out.push('"');
    }
    out.push('>');
    out
}

/// `html` with the best of its sources in each `picture` whose `img` has none: what all feed readers show before what is smaller.
pub(super) fn with_candidates(html: &str) -> Cow<'_, str> {
    if !html.contains("<picture") {
        return Cow::Borrowed(html);
    }
    let found = tags(html);
    let (mut out, mut from) = (String::new(), 0);
    let mut best: Option<&Tag> = None;
    for tag in &found {
        match tag.name() {
            "picture" => best = None,
            "source" if best.is_none_or(|best| rank(tag) < rank(best)) => best = Some(tag),
            "img" if is_placeholder(tag) && tag.attribute("srcset").is_none() => {
                let Some(candidates) = best.take().and_then(candidates) else { continue };
                out.push_str(&html[from..tag.at.start]);
                out.push_str(&with_address(tag, None, Some(candidates)));
                from = tag.at.end;
            }
            _ => {}
        }
    }
    out.push_str(&html[from..]);
    Cow::Owned(out)
}

fn candidates(source: &Tag) -> Option<&str> {
    let written = ["srcset"].into_iter().chain(SRCSET).find_map(|name| source.attribute(name));
    written.filter(|candidates| !candidates.trim().is_empty())
}

/// How late a source is used: one without candidates or for dark backgrounds last, before it the formats by how many programs
/// know them.
fn rank(source: &Tag) -> u8 {
    match source.attribute("type").unwrap_or_default() {
        _ if candidates(source).is_none() => 4,
        _ if source.attribute("media").is_some_and(|media| media.contains("dark")) => 3,
        "image/avif" | "image/jxl" | "image/heic" => 2,
        "image/webp" => 1,
        _ => 0,
    }
}

/// `html` with the pictures of its `noscript` elements that are not shown anyway, in place of the elements.
pub(super) fn with_fallbacks<'h>(html: &'h str, page: &Url) -> Cow<'h, str> {
    if !html.contains("noscript") && !html.contains("NOSCRIPT") {
        return Cow::Borrowed(html);
    }
    let source = |tag: &Tag| {
        let raw = tag.attribute("src").filter(|_| tag.name() == "img")?;
        links::absolute(page, raw, LinkKind::Resource).ok()
    };
    let mut shown: BTreeSet<String> = shown_tags(html).iter().filter_map(source).collect();
    let mut gone = Vec::new();
    // Where what is not kept of the open element begins.
    let mut from: Option<usize> = None;
    for tag in tags(html) {
        match (tag.name(), from) {
            ("noscript", None) if !tag.closing => from = Some(tag.at.start),
            ("noscript", Some(start)) if tag.closing => {
                gone.push(start..tag.at.end);
                from = None;
            }
            (_, Some(start)) if source(&tag).is_some_and(|url| shown.insert(url)) => {
                gone.push(start..tag.at.start);
                from = Some(tag.at.end);
            }
            _ => {}
        }
    }
    // One without an end hides what follows.
    gone.extend(from.map(|start| start..html.len()));
    cut(html, gone)
}

/// `html` with the alternative text of each picture without an address in the place of the picture, unless the next
/// picture is the same one.
pub(super) fn without_sourceless(html: String) -> String {
    let found = if html.contains("<img") { tags(&html) } else { Vec::new() };
    let mut out = String::new();
    let mut from = 0;
    for (number, tag) in found.iter().enumerate() {
        if tag.name() != "img" || tag.attribute("src").is_some() || tag.attribute("srcset").is_some() {
            continue;
        }
        out.push_str(&html[from..tag.at.start]);
        from = tag.at.end;
        let alt = tag.attribute("alt").unwrap_or_default();
        let next = found.get(number + 1).filter(|next| next.name() == "img");
        if next.and_then(|next| next.attribute("alt")) != Some(alt) {
            push_text(&mut out, alt);
        }
    }
    if from == 0 {
        return html;
    }
    out.push_str(&html[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sourced(html: &str) -> String {
        with_sources(html, &shown_tags(html)).unwrap_or_else(|| html.to_owned())
    }

    #[test]
    fn the_address_that_a_script_would_set_is_the_source() {
        for (html, expected) in [
            ("a<img class=lazy data-src='/a.jpg'>b", "a<img src=\"/a.jpg\" class=\"lazy\">b"),
            (
                "<img src='data:image/gif;base64,R0' data-lazy-src=a.jpg data-srcset='a.jpg 1x, b.jpg 2x' alt='\"'>",
                "<img src=\"a.jpg\" srcset=\"a.jpg 1x, b.jpg 2x\" alt=\"&quot;\">",
            ),
            ("<img data-srcset='a.jpg 1x'>", "<img src=\"a.jpg\" srcset=\"a.jpg 1x\">"),
            ("<img src=a.jpg data-original=big.jpg>", "<img src=a.jpg data-original=big.jpg>"),
            ("<img src='data:image/gif;base64,R0'>", "<img src='data:image/gif;base64,R0'>"),
        ] {
            assert_eq!(sourced(html), expected, "{html}");
        }
    }

    #[test]
    fn a_fallback_is_shown_unless_its_picture_is() {
        let page = Url::parse("https://example.com/").unwrap();
        for (html, expected) in [
            (
                "<img src=/a.jpg><noscript><img src='https://example.com/a.jpg'></noscript>b",
                "<img src=/a.jpg>b",
            ),
            (
                "<noscript>on<b><img src=a.jpg></b><img src=b.jpg></noscript>c",
                "<img src=a.jpg><img src=b.jpg>c",
            ),
            ("a<noscript>Switch scripts on.</noscript>", "a"),
            ("a<noscript><img src=a.jpg><b>c", "a<img src=a.jpg>"),
        ] {
            assert_eq!(with_fallbacks(html, &page), expected, "{html}");
        }
    }

    #[test]
    fn a_picture_without_an_img_of_its_own_has_the_source_that_most_programs_show() {
        let jpeg = "<source type=image/jpeg srcset='a.jpg 1x, b.jpg 2x'>";
        let webp = "<source type=image/webp data-srcset=a.webp>";
        let avif = "<source type=image/avif srcset=a.avif>";
        let dark = "<source media='(prefers-color-scheme: dark)' srcset=d.png>";
        for (sources, expected) in [
            ([avif, jpeg, webp], "<img src=\"a.jpg\" srcset=\"a.jpg 1x, b.jpg 2x\" alt=\"b\">"),
            ([avif, webp, dark], "<img src=\"a.webp\" srcset=\"a.webp\" alt=\"b\">"),
            ([dark, avif, "<source>"], "<img src=\"a.avif\" srcset=\"a.avif\" alt=\"b\">"),
        ] {
            let sources = sources.concat();
            let picture = |img: &str| format!("<picture>{sources}{img}</picture><img alt=c>");
            assert_eq!(with_candidates(&picture("<img alt=b src='data:x'>")), picture(expected));
            assert_eq!(with_candidates(&picture("<img alt=b src=x.png>")), picture("<img alt=b src=x.png>"));
        }
    }

    #[test]
    fn a_picture_without_an_address_is_its_text() {
        for (html, expected) in [
            ("a <img alt=\"b &amp; c\"> d", "a b &amp; c d"),
            ("<img alt=\"b\"><img src=\"a\" alt=\"b\">", "<img src=\"a\" alt=\"b\">"),
            ("<p><img></p>", "<p></p>"),
        ] {
            assert_eq!(without_sourceless(html.to_owned()), expected, "{html}");
        }
    }
}
