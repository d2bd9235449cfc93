//! Sanitises raw HTML with an allow-list, applied by a parser that reads HTML as browsers do. This is the last check
//! before a feed or an email, so it trusts nothing that was done before.

mod drawings;
mod formulas;
mod frames;
mod pictures;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ammonia::Builder;
use url::Url;

pub(super) use self::drawings::words_of;
pub(super) use self::frames::{push_frame, with_links_for_embeds};
pub(super) use self::pictures::DARK;
use super::{RenderContext, hidden, lazy};
use crate::archive::links::{self, LinkKind};
use crate::html::{self, Tag, is_void};

const TAGS: &str = "a abbr aside audio b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em \
    figcaption figure h1 h2 h3 h4 h5 h6 hr i iframe img ins kbd li mark ol p picture pre q rp rt ruby s samp section small source span \
    strong sub summary sup table tbody td tfoot th thead time tr u ul var video wbr";

/// Elements that are removed with their content. Others that are not allowed leave their text.
const GONE: &str =
    "script style object embed svg math noscript noembed noframes template textarea select title head xmp";

const GENERIC: &[&str] = &["align", "aria-label", "class", "dir", "id", "lang", "title"];

const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "hreflang"]),
    ("audio", &["src", "controls", "preload"]),
    ("blockquote", &["cite"]),
    ("col", &["span", "width"]),
    ("colgroup", &["span"]),
    ("del", &["cite", "datetime"]),
    ("details", &["open"]),
    ("iframe", &["src", "width", "height", "loading", "referrerpolicy", "allowfullscreen"]),
    ("img", &["src", "srcset", "sizes", "alt", "width", "height"]),
    ("ins", &["cite", "datetime"]),
    ("li", &["value"]),
    ("ol", &["start", "reversed", "type"]),
    ("q", &["cite"]),
    ("source", &["src", "srcset", "type", "media"]),
    ("table", &["width"]),
    ("td", &["colspan", "rowspan", "headers", "width", "valign"]),
    ("th", &["colspan", "rowspan", "headers", "scope", "width", "valign"]),
    ("time", &["datetime"]),
    ("video", &["src", "poster", "controls", "preload", "width", "height"]),
];

/// The safe part of `html`, with every address made absolute as seen from `place`.
pub(super) fn clean(html: &str, place: RenderContext<'_>) -> String {
    let (page, posts, embeds) = (place.page.clone(), place.links.clone(), place.embeds.to_vec());
    let notes = ["#fn-", "#fnref-"].map(|start| format!("{start}{}-", place.footnote_key()));
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.split(' ').collect())
        .clean_content_tags(GONE.split(' ').collect())
        .generic_attributes(GENERIC.iter().copied().collect())
        .tag_attributes(attributes());
    if place.has_formulas() {
        formulas::allow(&mut builder);
    }
    let drawn = html.contains("<svg").then(|| drawings::labelled(html)).flatten();
    if drawn.is_some() {
        drawings::allow(&mut builder);
    }
    builder
        .url_schemes(links::LINK_SCHEMES.into_iter().collect())
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(move |element, name, value| match posts.get(value) {
            Some(post) if element == "a" && name == "href" => Some(Cow::Owned(links::canonical(post))),
            _ if element == "a" && notes.iter().any(|note| value.starts_with(note)) => {
                Some(Cow::Borrowed(value))
            }
            _ if element == "iframe" => frames::attribute(name, value, &embeds),
            _ => attribute(&page, element, name, value),
        });
    let html = html::without_excess(drawn.as_deref().unwrap_or(html));
    let shown = hidden::without(&html);
    let shown = lazy::with_fallbacks(&shown, place.page);
    let shown = lazy::with_candidates(&shown);
    let clean = builder.clean(&hidden::without_heading_marks(&shown)).to_string();
    let clean = if place.has_formulas() { formulas::without_copies(clean) } else { clean };
    lazy::without_sourceless(pictures::without_variants(frames::without_content(clean)))
}

fn attributes() -> HashMap<&'static str, HashSet<&'static str>> {
    ATTRIBUTES.iter().map(|(element, names)| (*element, names.iter().copied().collect())).collect()
}

fn attribute<'v>(page: &Url, element: &str, name: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match name {
        "href" | "cite" => links::absolute(page, value, LinkKind::Link).ok().map(Cow::Owned),
        "src" | "poster" => links::absolute(page, value, LinkKind::Resource).ok().map(Cow::Owned),
        "srcset" => links::srcset(page, value).map(Cow::Owned),
        // A post must not use the classes of the email's own style sheet.
        "class" => {
            let classes: Vec<_> =
                value.split_ascii_whitespace().filter(|class| !class.starts_with("lp-")).collect();
            (!classes.is_empty()).then(|| Cow::Owned(classes.join(" ")))
        }
        "media" => (value == DARK).then_some(Cow::Borrowed(value)),
        "type" if element == "ol" => {
            matches!(value, "1" | "a" | "A" | "i" | "I").then_some(Cow::Borrowed(value))
        }
        _ => Some(Cow::Borrowed(value)),
    }
}

/// The most elements that may be open at once. Parsers that build trees take time quadratic in the depth.
const MAX_OPEN: usize = 100;

/// Counts open elements. Unclosed ones stay counted, because browsers reopen an unclosed `<b>` in every paragraph.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    open: Vec<String>,
}

impl Nesting {
    /// Counts the tags of one piece of raw HTML. Returns `false` if too many elements are open then.
    pub(super) fn follow(&mut self, tags: &[Tag]) -> bool {
        for tag in tags.iter().filter(|tag| !closes_itself(tag.name())) {
            if !tag.closing {
                self.open.push(tag.name().to_owned());
            } else if let Some(at) = self.open.iter().rposition(|name| name == tag.name()) {
                self.open.remove(at);
            }
            if self.open.len() > MAX_OPEN {
                return false;
            }
        }
        true
    }
}

/// Void elements, and those whose end tag may be omitted.
fn closes_itself(name: &str) -> bool {
    let is_optional = matches!(
        name,
        "p" | "li" | "dt" | "dd" | "tr" | "td" | "th" | "thead" | "tbody" | "tfoot" | "option" | "rt" | "rp"
    );
    is_optional || is_void(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::archive::MarkdownDialect;
    use crate::html::shown_tags;

    fn page() -> Url {
        Url::parse("https://example.com/p/").unwrap()
    }

    fn cleaned(html: &str) -> String {
        let (page, links, embeds) = (page(), BTreeMap::new(), crate::archive::embeds::usual());
        let place = RenderContext {
            page: &page,
            source: "",
            body_line: 1,
            links: &links,
            dialect: MarkdownDialect::default(),
            embeds: &embeds,
            video: "Watch the video",
            callout: &super::super::NO_CALLOUTS,
        };
        clean(&with_links_for_embeds(html, &shown_tags(html), place), place)
    }

    #[test]
    fn nothing_that_can_run_remains() {
        for (raw, expected) in [
            ("<script>alert(1)</script>a", "a"),
            ("<p onclick=x style='color:red'>a</p>", "<p>a</p>"),
            ("<a href='javascript:x'>a</a>", "<a>a</a>"),
            ("<img src='data:image/svg+xml,x' alt='a'>", "a"),
            ("<svg><script>x</script></svg><math><mi>x</mi></math>b", "b"),
            ("<form action=/x><input name=a><button>b</button></form>", "b"),
            ("<base href=//evil><meta http-equiv=refresh content=0><link rel=stylesheet href=x>c", "c"),
            ("<plaintext>a<b>", "a&lt;b&gt;"),
            ("<lp-slot name=x>a</lp-slot><p class='lp-slot x'>b</p>", "a<p class=\"x\">b</p>"),
        ] {
            assert_eq!(cleaned(raw), expected, "{raw}");
        }
    }

    #[test]
    fn an_embed_becomes_a_link_and_a_video_keeps_its_source() {
        assert_eq!(
            cleaned("<iframe src='//video.example/1' title='영상'>x</iframe>"),
            "<a href=\"https://video.example/1\">영상</a>"
        );
        assert_eq!(
            cleaned("<video poster=a.png controls autoplay><source src=b.mp4 type=video/mp4></video>"),
            "<video poster=\"https://example.com/p/a.png\" controls=\"\"><source src=\"https://example.com/p/b.mp4\" type=\"video/mp4\"></video>"
        );
    }

    #[test]
    fn the_frame_of_a_listed_player_stays_and_nothing_is_in_it() {
        let frame = "<iframe src=\"https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ\" title=\"노래\" width=\"560\" height=\"315\" \
            loading=\"lazy\" referrerpolicy=\"strict-origin-when-cross-origin\" allowfullscreen=\"\"></iframe>";
        let link = "<a href=\"https://www.youtube.com/watch?v=dQw4w9WgXcQ\">▶ 노래</a>";
        for raw in [
            "<iframe src='//www.youtube.com/embed/dQw4w9WgXcQ' title=노래 onload=x><script>x</script></iframe>",
            "<IFRAME src='https://youtube.com/embed/dQw4w9WgXcQ?autoplay=1' title=노래 width='9em' srcdoc='<b>'></IFRAME>",
            // Written as two pieces of a line of Markdown.
            "<iframe src='https://youtube.com/embed/dQw4w9WgXcQ' title=노래>",
        ] {
            assert_eq!(cleaned(raw), format!("{frame}<br>{link}"), "{raw}");
        }
        assert_eq!(cleaned("a<iframe srcdoc='<script>x</script>'>b</iframe>c"), "ac");
        assert_eq!(
            cleaned("<iframe src='https://www.youtube.com/redirect?q=x'></iframe>"),
            "<a href=\"https://www.youtube.com/redirect?q=x\">https://www.youtube.com/redirect?q=x</a>"
        );
    }

    #[test]
    fn a_picture_is_reduced_to_its_img_and_its_variant_for_dark_backgrounds() {
        assert_eq!(
            cleaned(
                "<picture><source srcset='b.avif' type='image/avif'><source srcset=d.png media='(prefers-color-scheme: dark)'><img src=a.png alt=b></picture>"
            ),
            "<picture><source srcset=\"https://example.com/p/d.png\" media=\"(prefers-color-scheme: dark)\"><img src=\"https://example.com/p/a.png\" alt=\"b\"></picture>"
        );
        assert_eq!(
            cleaned(
                "<picture><source srcset='a.avif' type='image/avif'><img src='a.png' srcset='b.png 2x' alt='글'></picture>"
            ),
            "<img src=\"https://example.com/p/a.png\" srcset=\"https://example.com/p/b.png 2x\" alt=\"글\">"
        );
    }

    #[test]
    fn a_drawing_of_shapes_that_says_what_it_shows_stays() {
        let shapes = "<defs><linearGradient id=\"g\"><stop offset=\"1\" stop-color=\"red\"></stop></linearGradient></defs>\
            <path d=\"M0 0h9\" fill=\"url(#g)\"></path><text x=\"1\">가 &amp; 나</text>";
        let raw = format!(
            "<p><svg viewBox=\"0 0 9 9\" width=\"9\"><title>팔린 &quot;책&quot;</title>{shapes}</svg></p>"
        );
        let kept = format!(
            "<p><svg role=\"img\" aria-label=\"팔린 &quot;책&quot;\" viewBox=\"0 0 9 9\" width=\"9\">{shapes}</svg></p>"
        );
        assert_eq!(cleaned(&raw), kept);
        assert_eq!(cleaned(&kept), kept);
    }

    #[test]
    fn a_drawing_without_words_or_with_more_than_shapes_goes_whole() {
        for more in [
            "<style>path { fill: red }</style>",
            "<script>x</script>",
            "<a href='https://example.com/'><path/></a>",
            "<image href='a.png'/>",
            "<use href='#a'/>",
            "<foreignObject><p>x</p></foreignObject>",
            "<path style='fill: red'/>",
            "<path onclick='x'/>",
            "<path fill='url(https://example.com/#a)'/>",
            "<animate attributeName='x'/>",
        ] {
            let raw = format!("<p>a<svg><title>t</title><g>{more}</g></svg>b</p>");
            assert_eq!(cleaned(&raw), "<p>ab</p>", "{raw}");
        }
        assert_eq!(
            cleaned("<p>a<svg><path/></svg><svg aria-label='x' aria-hidden=true></svg>b</p>"),
            "<p>ab</p>"
        );
    }

    #[test]
    fn unclosed_formatting_is_counted_but_unclosed_items_are_not() {
        assert!(Nesting::default().follow(&shown_tags(&"<li>a<p>b".repeat(1000))));
        assert!(!Nesting::default().follow(&shown_tags(&"<p><b>x</p>".repeat(1000))));
    }

    proptest! {
        #[test]
        fn only_allowed_elements_remain_of_any_html(html in "(<(a|b|p|table|td|svg|script|img|li|iframe)( (src|href|onx|class)='?[a:/ x]{0,6}'?)?>|</(a|b|p|table|svg|script|iframe)>|[a-z&<>\" ]){0,12}") {
            // Twice, because a parser may nest its own output differently from its input.
            for clean in [cleaned(&html), cleaned(&cleaned(&html))] {
                for tag in html::tags(&clean) {
                    prop_assert!(TAGS.split(' ').any(|allowed| allowed == tag.name()), "{}", clean);
                    prop_assert!(tag.attribute("onx").is_none(), "{}", clean);
                }
            }
        }

        #[test]
        fn nothing_hides_in_a_drawing(html in "(<(svg aria-label=a|svg|g|text|title|desc|path|a|p|table|math|mi|style|script|img|iframe)( (href|src|onx|style|id)='?[a:/ x]{0,6}'?)?/?>|</(svg|g|text|title|desc|p|table|math|style|script)>|<!--|-->|<!\\[CDATA\\[|]]>|[a-z&<>\" ]){0,14}") {
            let clean = cleaned(&html);
            // A parser may nest its own output differently from its input.
            for clean in [&cleaned(&clean), &clean] {
                for tag in html::tags(clean) {
                    let is_shape = drawings::ELEMENTS.split(' ').any(|shape| shape.eq_ignore_ascii_case(tag.name()));
                    prop_assert!(is_shape || TAGS.split(' ').any(|allowed| allowed == tag.name()), "{}", clean);
                    prop_assert!(tag.attribute("onx").is_none() && tag.attribute("style").is_none(), "{}", clean);
                }
            }
        }
    }
}
