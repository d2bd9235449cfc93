//! The HTML of an email: content that mail programs cannot show becomes a link, and CSS moves into the elements.
//!
//! The body comes sanitised from `archive::markdown` and is not sanitised again.

use std::fmt::Write as _;

use css_inline::{CSSInliner, InlineError, InlineOptions};

use super::columns;
use super::pictures::{self, PictureSizes};
use super::rows::Rows;
use crate::archive::embeds;
use crate::html::{Tag, push_escaped, tags};
use crate::i18n::IssueStrings;

/// What stands around the text of a button. Outlook for Windows, which ignores the padding of a link, sees a wide space on both
/// sides, raised so that the background is higher than the text.
pub(super) const WORD_BUTTON: (&str, &str) = (
    "<!--[if mso]><i style=\"mso-font-width:150%;mso-text-raise:20px\" hidden>&emsp;</i>\
     <span style=\"mso-text-raise:10px\"><![endif]-->",
    "<!--[if mso]></span><i style=\"mso-font-width:150%\" hidden>&emsp;&#8203;</i><![endif]-->",
);

/// Adapts a post's body to mail programs: a video, a recording or a player becomes a link, every `img` gets an `alt`, and a
/// `picture` becomes its `img`, with one for dark backgrounds if it has that. Classes that begin with `lp-` belong to the
/// style of the email; `archive::markdown` removes them from posts.
pub(super) fn for_mail(body: &str, words: &IssueStrings, sizes: &PictureSizes) -> String {
    let body = &*columns::for_mail(body);
    let mut writer = Writer {
        body,
        words,
        sizes,
        out: String::with_capacity(body.len()),
        copied: 0,
        replaced: None,
        is_unlinked: false,
        is_button: false,
        dark: None,
        rows: Rows::default(),
    };
    for tag in tags(body) {
        writer.tag(&tag);
    }
    match writer.replaced.take() {
        Some(open) => open.write_to(&mut writer.out, words),
        None => writer.out.push_str(&body[writer.copied..]),
    }
    writer.out
}

struct Writer<'b> {
    body: &'b str,
    words: &'b IssueStrings,
    sizes: &'b PictureSizes,
    out: String,
    /// How much of the body is written.
    copied: usize,
    replaced: Option<Replacement>,
    is_unlinked: bool,
    is_button: bool,
    /// The variant of the next picture for dark backgrounds.
    dark: Option<String>,
    rows: Rows,
}

impl Writer<'_> {
    fn tag(&mut self, tag: &Tag) {
        if let Some(open) = &mut self.replaced {
            open.note_source(tag);
            if tag.closing && tag.name() == open.name {
                let before = self.out.len();
                open.write_to(&mut self.out, self.words);
                let is_nothing = self.out.len() == before && self.body[tag.at.end..].starts_with("<br>");
                self.copied = tag.at.end + if is_nothing { "<br>".len() } else { 0 };
                self.replaced = None;
            }
            return;
        }
        match tag.name() {
            "video" | "audio" | "iframe" if !tag.closing => self.replace(tag, tag.attribute("src")),
            "video" | "audio" | "iframe" | "picture" => self.write(tag, ""),
            "source" => {
                self.dark =
                    tag.attribute("srcset").filter(|_| tag.attribute("media").is_some()).map(str::to_owned);
                self.write(tag, "");
            }
            "img" => self.picture(tag),
            "li" if is_task(tag, &self.body[tag.at.end..]) => self.write(tag, "<li class=\"lp-task\">"),
            "a" => self.link(tag),
            "table" => self.table(tag),
            "thead" | "tbody" | "tr" if self.rows.is_shaded(tag) => self.write(tag, "<tr class=\"lp-even\">"),
            _ => {}
        }
    }

    /// Writes what is before a tag, and something in its place.
    fn write(&mut self, tag: &Tag, instead: &str) {
        self.out.extend([&self.body[self.copied..tag.at.start], instead]);
        self.copied = tag.at.end;
    }

    fn replace(&mut self, tag: &Tag, address: Option<&str>) {
        self.write(tag, "");
        self.replaced =
            Some(Replacement { name: tag.name().to_owned(), address: address.map(str::to_owned) });
    }

    fn picture(&mut self, tag: &Tag) {
        self.write(tag, "");
        let stands_alone = pictures::stands_alone(self.body, tag);
        pictures::write(tag, self.dark.take().as_deref(), (self.sizes, stands_alone), &mut self.out);
    }

    /// A table that is too wide for a phone scrolls alone, and not with the page.
    fn table(&mut self, tag: &Tag) {
        self.rows.is_shaded(tag);
        if tag.closing {
            return self.write(tag, "</table></div>");
        }
        self.write(tag, "<div class=\"lp-scroll\"><table");
        if tag.attribute("width").is_none() {
            self.out.push_str(" width=\"100%\"");
        }
        self.out.push_str(&self.body[tag.at.start + "<table".len()..tag.at.end]);
    }

    fn link(&mut self, tag: &Tag) {
        let class = tag.attribute("class");
        let leads_out = tag.attribute("href").is_some_and(|href| !href.starts_with('#'));
        if class == Some("footnote-backref") && leads_out {
            // Raw HTML may have the link back from a footnote to its page, which is not the email.
            self.replace(tag, None);
        } else if tag.attribute("id").is_some_and(|id| id.starts_with("fnref-")) && leads_out {
            // So would the link to the footnote: only its number stays, and the note is at the end of the email.
            self.write(tag, "");
            self.is_unlinked = true;
        } else if tag.closing && std::mem::take(&mut self.is_unlinked) {
            self.write(tag, "");
        } else if tag.closing && std::mem::take(&mut self.is_button) {
            self.write(tag, WORD_BUTTON.1);
            self.out.push_str("</a>");
        } else if class == Some("button") {
            self.write(tag, &self.body[tag.at.clone()]);
            self.out.push_str(WORD_BUTTON.0);
            self.is_button = true;
        }
    }
}

/// Whether a list item begins with a check box, which then replaces the bullet.
fn is_task(item: &Tag, inside: &str) -> bool {
    let text = inside.trim_start();
    let text = text.strip_prefix("<p>").unwrap_or(text);
    !item.closing && text.starts_with(['☐', '☑']) && item.attributes().next().is_none()
}

/// An open element that is left out, and the address of what it shows.
struct Replacement {
    name: String,
    address: Option<String>,
}

impl Replacement {
    /// A video without an address has one in its first source.
    fn note_source(&mut self, tag: &Tag) {
        if self.address.is_none() && tag.name() == "source" {
            self.address = tag.attribute("src").map(str::to_owned);
        }
    }

    fn write_to(&self, out: &mut String, words: &IssueStrings) {
        let Some(address) = &self.address else { return };
        match self.name.as_str() {
            // The link to the page of a player is in the body. Its picture is clicked nevertheless.
            "iframe" => player_picture(address, words, out),
            "video" => push_link(out, address, &words.video),
            _ => push_link(out, address, &words.audio),
        }
    }
}

fn player_picture(frame: &str, words: &IssueStrings, out: &mut String) {
    let Some(embed) = embeds::in_frame(frame) else { return };
    let Some(picture) = embed.picture else { return };
    out.push_str("<a href=\"");
    push_escaped(out, &embed.page);
    out.push_str("\"><img src=\"");
    push_escaped(out, &picture.url);
    let _ = write!(out, "\" width=\"{}\" height=\"{}\" alt=\"", picture.size.0, picture.size.1);
    push_escaped(out, &words.video);
    out.push_str("\"></a>");
}

fn push_link(out: &mut String, address: &str, words: &str) {
    out.push_str("<a href=\"");
    push_escaped(out, address);
    out.push_str("\">▶ ");
    push_escaped(out, words);
    out.push_str("</a>");
}

/// Moves the rules of the `<style>` elements into `style` attributes. `@media` rules and pseudo-classes stay, because they
/// cannot be inlined; rules for what is not in the email go. Nothing is fetched.
pub(super) fn inlined(page: &str) -> Result<String, InlineError> {
    let inliner = CSSInliner::new(InlineOptions {
        keep_at_rules: true,
        load_remote_stylesheets: false,
        minify_css: true,
        remove_inlined_selectors: true,
        ..InlineOptions::default()
    });
    inliner.inline(page).map(|inlined| without_unused_rules(&inlined).trim_end().to_owned() + "\n")
}

/// `page` without the rules in its `<style>` elements that the inliner left because they match nothing.
fn without_unused_rules(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<style>") {
        let Some((css, after)) = after.split_once("</style>") else { break };
        out.extend([before, "<style>"]);
        push_used_rules(&mut out, css);
        out.push_str("</style>");
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The rules of `css` for conditions and states: at-rules, and selectors with a pseudo-class. Braces in comments and
/// strings are not understood, so such a sheet stays whole.
fn push_used_rules(out: &mut String, css: &str) {
    if css.contains("/*") || css.contains(['"', '\'']) && css.contains("content") {
        return out.push_str(css);
    }
    let (mut start, mut depth) = (0, 0_usize);
    for (at, brace) in css.match_indices(['{', '}']) {
        depth = if brace == "{" { depth + 1 } else { depth.saturating_sub(1) };
        if depth > 0 {
            continue;
        }
        let rule = &css[start..=at];
        let selector = rule.split('{').next().unwrap_or_default();
        if selector.contains(['@', ':']) {
            out.push_str(rule);
        }
        start = at + 1;
    }
    out.push_str(&css[start..]);
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
    fn a_picture_with_a_dark_variant_is_two_of_which_one_is_shown() {
        assert_eq!(
            mailed(
                "<p><picture><source srcset=\"https://e.org/d.png\" media=\"(prefers-color-scheme: dark)\"><img src=\"https://e.org/a.png\" alt=\"b\" width=\"9\"></picture></p>"
            ),
            "<p><img src=\"https://e.org/a.png\" alt=\"b\" class=\"lp-light\" width=\"9\"><!--[if !mso]><!-->\
             <img src=\"https://e.org/d.png\" alt=\"b\" class=\"lp-dark\" width=\"9\"><!--<![endif]--></p>"
        );
    }

    #[test]
    fn a_player_becomes_its_picture_with_a_link() {
        let link = "<a href=\"https://www.youtube.com/watch?v=dQw4w9WgXcQ\">";
        assert_eq!(
            mailed(
                "<iframe src=\"https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ\" title=\"a\"></iframe><br>b"
            ),
            format!(
                "{link}<img src=\"https://i.ytimg.com/vi/dQw4w9WgXcQ/hqdefault.jpg\" width=\"480\" height=\"360\" \
                 alt=\"Watch the video\"></a><br>b"
            )
        );
        assert_eq!(mailed("<iframe src=\"https://player.vimeo.com/video/1\"></iframe><br>b"), "b");
    }

    #[test]
    fn every_other_row_below_a_head_is_shaded() {
        let row = "<tr>\n<td>a</td></tr>";
        let body = format!("<table>\n<thead>\n{row}</thead>\n<tbody>\n{row}{row}{row}</tbody>\n</table>");
        let shaded = row.replace("<tr>", "<tr class=\"lp-even\">");
        assert_eq!(
            mailed(&body),
            format!(
                "<div class=\"lp-scroll\"><table width=\"100%\">\n<thead>\n{row}</thead>\n<tbody>\n{row}{shaded}{row}</tbody>\n</table></div>"
            )
        );
        assert!(!mailed(&body.replace("thead", "tbody")).contains("lp-even"));
    }

    #[test]
    fn a_footnote_in_the_email_is_linked_with_its_number() {
        let body = "<p>a<sup><a href=\"#fn-1\" id=\"fnref-1\">1</a></sup></p>\
                    <li id=\"fn-1\"><p>b <a href=\"#fnref-1\" class=\"footnote-backref\">↩</a></p></li>";
        assert_eq!(mailed(body), body);
    }

    #[test]
    fn the_number_of_a_footnote_on_a_page_stays_without_its_link() {
        assert_eq!(
            mailed(
                "<p>a<sup><a href=\"https://e.org/#fn-1\" id=\"fnref-1\">1</a></sup> <a href=\"/\">b</a></p>"
            ),
            "<p>a<sup>1</sup> <a href=\"/\">b</a></p>"
        );
    }

    #[test]
    fn the_link_back_from_a_footnote_to_a_page_is_left_out() {
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
    fn a_rule_that_matches_nothing_goes() {
        let page = "<html><head><style>\n.a { color: red; }\n.b, .c { margin: 0; }\n.c:hover { color: red; }\n@media print {\n  \
                    .d { color: red; }\n}\n</style></head><body><p class=\"a\">e</p></body></html>";
        let inlined = inlined(page).unwrap();
        assert!(
            inlined.contains(
                "<style>\n.c:hover { color: red; }\n@media print {\n  .d { color: red; }\n}</style>"
            ),
            "{inlined}"
        );
        assert_eq!(
            without_unused_rules("<style>.a { content: \"}\" }</style>"),
            "<style>.a { content: \"}\" }</style>"
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
