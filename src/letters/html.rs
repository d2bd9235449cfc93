//! The HTML of a letter: what mail programs cannot show is put in words, and the style goes into the elements.
//!
//! The body comes sanitised from `archive::markdown`; nothing is made safe here a second time.

use std::borrow::Cow;

use css_inline::{CSSInliner, InlineError, InlineOptions};

use super::tags::{Tag, tags};
use super::words::Words;

/// What an `img` keeps: mail programs ignore `srcset`, `sizes` and `loading`, or stumble over them.
const IMAGE_ATTRIBUTES: [&str; 6] = ["src", "alt", "title", "width", "height", "align"];

/// Escapes text for an element or a quoted attribute.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A post's body for mail: a film or a recording becomes a link, a `picture` its `img`, a task's checkbox ☑ or ☐,
/// and every `img` has an `alt`.
pub(super) fn for_mail(body: &str, words: &Words) -> String {
    let mut out = String::with_capacity(body.len());
    let mut copied = 0;
    let mut medium: Option<Medium> = None;
    for tag in tags(body) {
        if let Some(open) = &mut medium {
            if open.address.is_none() && tag.name == "source" {
                open.address = tag.attribute("src");
            }
            if tag.closing && tag.name == open.name {
                open.write_link(words, &mut out);
                copied = tag.at.end;
                medium = None;
            }
            continue;
        }
        if !matches!(tag.name, "video" | "audio" | "picture" | "source" | "img" | "input") {
            continue;
        }
        out.push_str(&body[copied..tag.at.start]);
        copied = tag.at.end;
        match tag.name {
            "video" | "audio" if !tag.closing => {
                medium = Some(Medium { name: tag.name, address: tag.attribute("src") });
            }
            "img" => write_image(&tag, &mut out),
            "input" if tag.attribute("type").as_deref() == Some("checkbox") => {
                out.push(if tag.attribute("checked").is_some() { '☑' } else { '☐' });
            }
            _ => {}
        }
    }
    match medium {
        Some(open) => open.write_link(words, &mut out),
        None => out.push_str(&body[copied..]),
    }
    out
}

/// An open `video` or `audio` element.
struct Medium<'a> {
    name: &'a str,
    address: Option<Cow<'a, str>>,
}

impl Medium<'_> {
    fn write_link(&self, words: &Words, out: &mut String) {
        let Some(address) = &self.address else { return };
        let label = if self.name == "video" { words.video } else { words.audio };
        out.push_str("<a href=\"");
        out.push_str(&escape(address));
        out.push_str("\">▶ ");
        out.push_str(label);
        out.push_str("</a>");
    }
}

fn write_image(tag: &Tag, out: &mut String) {
    out.push_str("<img");
    for (name, value) in tag.attributes().filter(|(name, _)| IMAGE_ATTRIBUTES.contains(name)) {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(&escape(&value));
        out.push('"');
    }
    if tag.attribute("alt").is_none() {
        out.push_str(" alt=\"\"");
    }
    out.push('>');
}

/// Moves the rules of the `<style>` elements into `style` attributes; `@media` rules, which have no other place,
/// stay. Nothing is fetched.
pub(super) fn inlined(page: &str) -> Result<String, InlineError> {
    let inliner = CSSInliner::new(InlineOptions {
        keep_at_rules: true,
        load_remote_stylesheets: false,
        minify_css: true,
        remove_inlined_selectors: true,
        ..InlineOptions::default()
    });
    inliner.inline(page)
}
