//! Frames: those of listed players stay, each with a link behind it for readers that show none. Any other page that is
//! embedded becomes a link.

use std::borrow::Cow;

use url::Url;

use crate::archive::embeds;
use crate::archive::links::{self, LinkKind};
use crate::archive::markdown::RenderContext;
use crate::config::EmbedHost;
use crate::html::{Tag, push_attribute, push_text, tags};

/// `YouTube` refuses to play without it.
const REFERRER: &str = "strict-origin-when-cross-origin";

/// Writes the frame of a player.
pub(in crate::archive::markdown) fn push_frame(
    out: &mut String,
    address: &str,
    title: &str,
    (width, height): (&str, &str),
) {
    out.push_str("<iframe");
    let attributes = [
        ("src", address),
        ("title", title),
        ("width", width),
        ("height", height),
        ("loading", "lazy"),
        ("referrerpolicy", REFERRER),
        ("allowfullscreen", ""),
    ];
    for (name, value) in attributes {
        out.extend([" ", name, "=\""]);
        push_attribute(out, value);
        out.push('"');
    }
    out.push_str("></iframe>");
}

/// What an attribute of a frame may be.
pub(super) fn attribute<'v>(name: &str, value: &'v str, hosts: &[EmbedHost]) -> Option<Cow<'v, str>> {
    match name {
        "src" => embeds::of_frame(value, hosts).map(|embed| Cow::Owned(embed.frame)),
        "width" | "height" => is_size(value).then_some(Cow::Borrowed(value)),
        "loading" => Some(Cow::Borrowed("lazy")),
        "referrerpolicy" => Some(Cow::Borrowed(REFERRER)),
        "allowfullscreen" => Some(Cow::Borrowed("")),
        _ => Some(Cow::Borrowed(value)),
    }
}

fn is_size(value: &str) -> bool {
    let digits = value.strip_suffix('%').unwrap_or(value);
    (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The address of the embedded page or plug-in content, if `tag` embeds one.
fn embedded(tag: &Tag, page: &Url) -> Option<String> {
    let attribute = match (tag.closing, tag.name()) {
        (false, "iframe" | "embed") => "src",
        (false, "object") => "data",
        _ => return None,
    };
    links::absolute(page, tag.attribute(attribute)?, LinkKind::Link).ok()
}

/// `html`, which contains `tags`, with a link for each embedded page. The sanitiser then removes what embeds it, except
/// the frame of a listed player.
pub(in crate::archive::markdown) fn with_links_for_embeds<'h>(
    html: &'h str,
    tags: &[Tag],
    place: RenderContext<'_>,
) -> Cow<'h, str> {
    let mut linked = String::new();
    let mut from = 0;
    for tag in tags {
        let Some(url) = embedded(tag, place.page).filter(|_| tag.at.start >= from) else { continue };
        linked.push_str(&html[from..tag.at.start]);
        let title = tag.attribute("title").filter(|title| !title.trim().is_empty());
        let Some(embed) = embeds::of_frame(&url, place.embeds).filter(|_| tag.name() == "iframe") else {
            push_link(&mut linked, &url, title.unwrap_or(&url));
            from = tag.at.start;
            continue;
        };
        let size = |name, usual| tag.attribute(name).filter(|size| is_size(size)).unwrap_or(usual);
        let title = title.unwrap_or(place.video);
        push_frame(&mut linked, &embed.frame, title, (size("width", "560"), size("height", "315")));
        linked.push_str("<br>");
        push_link(&mut linked, &embed.page, &format!("▶ {title}"));
        from = end_of(html, tag);
    }
    if linked.is_empty() {
        return Cow::Borrowed(html);
    }
    linked.push_str(&html[from..]);
    Cow::Owned(linked)
}

fn push_link(out: &mut String, url: &str, words: &str) {
    out.push_str("<a href=\"");
    push_attribute(out, url);
    out.push_str("\">");
    push_text(out, words);
    out.push_str("</a>");
}

/// Where a frame ends, with what only old browsers show of it. Its end tag may be in another piece of HTML.
fn end_of(html: &str, frame: &Tag) -> usize {
    let rest = &html.as_bytes()[frame.at.end..];
    let close = rest.windows(b"</iframe>".len()).position(|part| part.eq_ignore_ascii_case(b"</iframe>"));
    close.map_or(frame.at.end, |at| frame.at.end + at + b"</iframe>".len())
}

/// Sanitised `html` with nothing in its frames, and without frames that have no address.
pub(super) fn without_content(html: String) -> String {
    if !html.contains("<iframe") {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    let mut from = 0;
    let mut open: Option<bool> = None;
    for tag in tags(&html).iter().filter(|tag| tag.name() == "iframe") {
        match open.take() {
            Some(stays) if tag.closing => {
                out.push_str(if stays { "</iframe>" } else { "" });
                from = tag.at.end;
            }
            Some(stays) => open = Some(stays),
            None if tag.closing => {}
            None => {
                let stays = tag.attribute("src").is_some();
                out.push_str(&html[from..if stays { tag.at.end } else { tag.at.start }]);
                from = tag.at.end;
                open = Some(stays);
            }
        }
    }
    if open.is_none() {
        out.push_str(&html[from..]);
    }
    out
}
