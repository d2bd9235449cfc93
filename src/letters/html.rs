//! The HTML of a letter: what mail programs cannot show is put in words, and the style goes into the elements.
//!
//! The body comes sanitised from `archive::markdown`; nothing is made safe here a second time.

use std::borrow::Cow;
use std::fmt::Write as _;

use css_inline::{CSSInliner, InlineError, InlineOptions};

use super::tags::{Tag, tags};
use crate::i18n::IssueStrings;

/// What an `img` keeps: mail programs ignore `srcset`, `sizes` and `loading`, or stumble over them.
const IMAGE_ATTRIBUTES: [&str; 4] = ["src", "alt", "title", "align"];

/// The pixels between the margins of the built-in letter. Outlook for Windows ignores `max-width`, so a wider
/// picture is given this width in its attribute too.
const COLUMN: u32 = 560;

/// Escapes text for an element or a quoted attribute.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
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

/// A post's body for mail: a film or a recording becomes a link, a `picture` its `img`, and every `img` has an `alt`.
/// The classes that begin with `lp-` belong to the letter's style; `archive::markdown` takes them out of posts.
pub(super) fn for_mail(body: &str, words: &IssueStrings) -> String {
    let mut out = String::with_capacity(body.len());
    let mut copied = 0;
    let mut replaced: Option<Replaced> = None;
    let mut unlinked = false;
    for tag in tags(body) {
        if let Some(open) = &mut replaced {
            if open.address.is_none() && tag.name == "source" {
                open.address = tag.attribute("src");
            }
            if tag.closing && tag.name == open.name {
                open.write_link(words, &mut out);
                copied = tag.at.end;
                replaced = None;
            }
            continue;
        }
        if !matches!(tag.name, "video" | "audio" | "picture" | "source" | "img" | "li" | "table" | "a") {
            continue;
        }
        out.push_str(&body[copied..tag.at.start]);
        copied = tag.at.end;
        match tag.name {
            "video" | "audio" if !tag.closing => {
                replaced = Some(Replaced { name: tag.name, address: tag.attribute("src") });
            }
            "img" => write_image(&tag, &mut out),
            // A table that is too wide for a phone scrolls by itself, where that is known, and not with the page.
            "table" if tag.closing => out.push_str("</table></div>"),
            "table" => {
                out.push_str("<div class=\"lp-scroll\">");
                out.push_str(&body[tag.at]);
            }
            "li" if is_task(&tag, &body[tag.at.end..]) => out.push_str("<li class=\"lp-task\">"),
            // The way back from a footnote leads to the page, out of the letter.
            "a" if tag.attribute("class").as_deref() == Some("footnote-backref") => {
                replaced = Some(Replaced { name: "a", address: None });
            }
            // The way to it would, too: the number stays, and the note is at the end of the letter.
            "a" if tag.attribute("id").is_some_and(|id| id.starts_with("fnref-")) => unlinked = true,
            "a" if tag.closing && unlinked => unlinked = false,
            "li" | "a" => out.push_str(&body[tag.at]),
            _ => {}
        }
    }
    match replaced {
        Some(open) => open.write_link(words, &mut out),
        None => out.push_str(&body[copied..]),
    }
    out
}

/// Whether a list item begins with a box, which then takes the place of the bullet.
fn is_task(item: &Tag, inside: &str) -> bool {
    let text = inside.trim_start();
    let text = text.strip_prefix("<p>").unwrap_or(text);
    !item.closing && text.starts_with(['☐', '☑']) && item.attributes().next().is_none()
}

/// An open element that is left out, and what may take its place.
struct Replaced<'a> {
    name: &'a str,
    address: Option<Cow<'a, str>>,
}

impl Replaced<'_> {
    fn write_link(&self, words: &IssueStrings, out: &mut String) {
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
    let pixels = |name| tag.attribute(name).and_then(|value| value.parse::<u32>().ok());
    if let Some(width) = pixels("width").filter(|&width| width > 0) {
        let shown = width.min(COLUMN);
        let _ = write!(out, " width=\"{shown}\"");
        if let Some(height) = pixels("height") {
            let height = u64::from(height) * u64::from(shown) / u64::from(width);
            let _ = write!(out, " height=\"{height}\"");
        }
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
    inliner.inline(page).map(|inlined| inlined.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailed(body: &str) -> String {
        for_mail(body, &crate::i18n::Strings::of("en").issue)
    }

    #[test]
    fn a_film_becomes_a_link_and_its_fallback_is_left_out() {
        assert_eq!(
            mailed(
                "<p>a <video controls=\"\"><source src=\"https://e.org/a.mp4?x=1&amp;y=2\">old</video> b</p>"
            ),
            "<p>a <a href=\"https://e.org/a.mp4?x=1&amp;y=2\">▶ Watch the video</a> b</p>"
        );
        assert_eq!(
            mailed("<audio src=\"https://e.org/a.mp3\">"),
            "<a href=\"https://e.org/a.mp3\">▶ Listen to the audio</a>"
        );
        assert_eq!(mailed("a<video></video>b"), "ab");
    }

    #[test]
    fn a_picture_keeps_its_plain_image_which_fits_the_column() {
        assert_eq!(
            mailed(
                "<picture><source srcset=\"a.avif\"><img src=\"https://e.org/a.png\" srcset=\"b 2x\" width=\"1120\" height=\"500\"></picture>"
            ),
            "<img src=\"https://e.org/a.png\" width=\"560\" height=\"250\" alt=\"\">"
        );
    }

    #[test]
    fn the_number_of_a_footnote_stays_and_leads_nowhere() {
        assert_eq!(
            mailed(
                "<p>a<sup><a href=\"https://e.org/#fn-1\" id=\"fnref-1\">1</a></sup> <a href=\"/\">b</a></p>"
            ),
            "<p>a<sup>1</sup> <a href=\"/\">b</a></p>"
        );
    }

    #[test]
    fn the_way_back_from_a_footnote_is_left_out() {
        assert_eq!(
            mailed(
                "<p>note <a href=\"https://e.org/#fnref-1\" class=\"footnote-backref\">↩</a></p><a href=\"/\">b</a>"
            ),
            "<p>note </p><a href=\"/\">b</a>"
        );
    }

    #[test]
    fn a_table_can_scroll_by_itself() {
        assert_eq!(
            mailed("<table class=\"a\"><tr><td>b</td></tr></table>c"),
            "<div class=\"lp-scroll\"><table class=\"a\"><tr><td>b</td></tr></table></div>c"
        );
    }

    #[test]
    fn a_task_has_its_box_in_place_of_the_bullet() {
        assert_eq!(
            mailed("<ul><li>☑ 하나</li>\n<li>\n<p>☐ 둘</p></li><li>셋</li></ul>"),
            "<ul><li class=\"lp-task\">☑ 하나</li>\n<li class=\"lp-task\">\n<p>☐ 둘</p></li><li>셋</li></ul>"
        );
    }

    #[test]
    fn media_queries_survive_inlining_and_other_rules_move_into_their_elements() {
        let page = "<!doctype html><html><head><style>p { color: #123456; } @media (prefers-color-scheme: dark) \
                    { p { color: #fff !important; } }</style></head><body><p>a &amp; b</p></body></html>";
        let inlined = inlined(page).unwrap();
        assert!(inlined.contains("<p style=\"color:#123456\">a &amp; b</p>"), "{inlined}");
        assert!(inlined.contains("@media (prefers-color-scheme: dark)"));
    }
}
