//! The HTML of an email: content that mail programs cannot show becomes a link, and CSS moves into the elements.
//!
//! The body comes sanitised from `archive::markdown` and is not sanitised again.

use css_inline::{CSSInliner, InlineError, InlineOptions};

use super::pictures::{self, PictureSizes};
use crate::html::{Tag, push_escaped, tags};
use crate::i18n::IssueStrings;

/// What stands around the text of a button. Outlook for Windows, which ignores the padding of a link, sees a wide space on both
/// sides, raised so that the background is higher than the text.
pub(super) const WORD_BUTTON: (&str, &str) = (
    "<!--[if mso]><i style=\"mso-font-width:150%;mso-text-raise:20px\" hidden>&emsp;</i>\
     <span style=\"mso-text-raise:10px\"><![endif]-->",
    "<!--[if mso]></span><i style=\"mso-font-width:150%\" hidden>&emsp;&#8203;</i><![endif]-->",
);

/// Adapts a post's body to mail programs: a video or a recording becomes a link, a `picture` becomes its `img`, and every
/// `img` gets an `alt`. Classes that begin with `lp-` belong to the style of the email; `archive::markdown` removes them
/// from posts.
pub(super) fn for_mail(body: &str, words: &IssueStrings, sizes: &PictureSizes) -> String {
    let mut out = String::with_capacity(body.len());
    let mut copied = 0;
    let mut replaced: Option<EmbedReplacement> = None;
    let (mut unlinked, mut in_button) = (false, false);
    for tag in tags(body) {
        if let Some(open) = &mut replaced {
            if open.address.is_none() && tag.name() == "source" {
                open.address = tag.attribute("src").map(str::to_owned);
            }
            if tag.closing && tag.name() == open.name {
                open.write_link(words, &mut out);
                copied = tag.at.end;
                replaced = None;
            }
            continue;
        }
        if !matches!(tag.name(), "video" | "audio" | "picture" | "source" | "img" | "li" | "table" | "a") {
            continue;
        }
        out.push_str(&body[copied..tag.at.start]);
        copied = tag.at.end;
        match tag.name() {
            "video" | "audio" if !tag.closing => {
                replaced = Some(EmbedReplacement::new(&tag, tag.attribute("src")));
            }
            "img" => pictures::write(&tag, (sizes, pictures::stands_alone(body, &tag)), &mut out),
            // A table that is too wide for a phone scrolls alone, and not with the page.
            "table" if tag.closing => out.push_str("</table></div>"),
            "table" => {
                let is_sized = tag.attribute("width").is_some();
                out.push_str("<div class=\"lp-scroll\"><table");
                out.push_str(if is_sized { "" } else { " width=\"100%\"" });
                out.push_str(&body[tag.at.start + "<table".len()..tag.at.end]);
            }
            "li" if is_task(&tag, &body[tag.at.end..]) => out.push_str("<li class=\"lp-task\">"),
            // The link back from a footnote would lead out of the email, to the page.
            "a" if tag.attribute("class") == Some("footnote-backref") => {
                replaced = Some(EmbedReplacement::new(&tag, None));
            }
            // So would the link to the footnote: only its number stays, and the note is at the end of the email.
            "a" if tag.attribute("id").is_some_and(|id| id.starts_with("fnref-")) => unlinked = true,
            "a" if tag.closing && unlinked => unlinked = false,
            "a" if tag.closing && in_button => {
                in_button = false;
                out.extend([WORD_BUTTON.1, "</a>"]);
            }
            "a" if tag.attribute("class") == Some("button") => {
                in_button = true;
                out.extend([&body[tag.at], WORD_BUTTON.0]);
            }
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

/// Whether a list item begins with a check box, which then replaces the bullet.
fn is_task(item: &Tag, inside: &str) -> bool {
    let text = inside.trim_start();
    let text = text.strip_prefix("<p>").unwrap_or(text);
    !item.closing && text.starts_with(['☐', '☑']) && item.attributes().next().is_none()
}

/// An open element that is left out, and the address of the link that may replace it.
struct EmbedReplacement {
    name: String,
    address: Option<String>,
}

impl EmbedReplacement {
    fn new(tag: &Tag, address: Option<&str>) -> Self {
        Self { name: tag.name().to_owned(), address: address.map(str::to_owned) }
    }

    fn write_link(&self, words: &IssueStrings, out: &mut String) {
        let Some(address) = &self.address else { return };
        let label = if self.name == "video" { &words.video } else { &words.audio };
        out.push_str("<a href=\"");
        push_escaped(out, address);
        out.push_str("\">▶ ");
        out.push_str(label);
        out.push_str("</a>");
    }
}

/// Moves the rules of the `<style>` elements into `style` attributes. `@media` rules stay, because they cannot be inlined.
/// Nothing is fetched.
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
        for_mail(body, &crate::i18n::Languages::default().of("en").issue, &PictureSizes::new())
    }

    #[test]
    fn a_video_becomes_a_link_and_its_fallback_is_left_out() {
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
    fn a_picture_becomes_its_plain_image_which_fits_the_column() {
        assert_eq!(
            mailed(
                "<picture><source srcset=\"a.avif\"><img src=\"https://e.org/a.png\" srcset=\"b 2x\" width=\"1120\" height=\"500\"></picture>"
            ),
            "<img src=\"https://e.org/a.png\" width=\"560\" height=\"250\" alt=\"\">"
        );
    }

    #[test]
    fn the_number_of_a_footnote_stays_without_its_link() {
        assert_eq!(
            mailed(
                "<p>a<sup><a href=\"https://e.org/#fn-1\" id=\"fnref-1\">1</a></sup> <a href=\"/\">b</a></p>"
            ),
            "<p>a<sup>1</sup> <a href=\"/\">b</a></p>"
        );
    }

    #[test]
    fn the_link_back_from_a_footnote_is_left_out() {
        assert_eq!(
            mailed(
                "<p>note <a href=\"https://e.org/#fnref-1\" class=\"footnote-backref\">↩</a></p><a href=\"/\">b</a>"
            ),
            "<p>note </p><a href=\"/\">b</a>"
        );
    }

    #[test]
    fn a_table_is_wrapped_so_that_it_can_scroll() {
        assert_eq!(
            mailed("<table class=\"a\"><tr><td>b</td></tr></table>c"),
            "<div class=\"lp-scroll\"><table width=\"100%\" class=\"a\"><tr><td>b</td></tr></table></div>c"
        );
        assert_eq!(
            mailed("<table width=\"9\"></table>"),
            "<div class=\"lp-scroll\"><table width=\"9\"></table></div>"
        );
    }

    #[test]
    fn a_button_has_spaces_that_only_word_sees() {
        let (start, end) = WORD_BUTTON;
        assert_eq!(
            mailed("<a href=\"/\" class=\"button\">b</a> <a href=\"/\">c</a>"),
            format!("<a href=\"/\" class=\"button\">{start}b{end}</a> <a href=\"/\">c</a>")
        );
    }

    #[test]
    fn the_check_box_of_a_task_replaces_the_bullet() {
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
