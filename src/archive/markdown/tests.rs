//! The rendered HTML: emphasis beside particles, links, embeds, footnotes, and nothing that runs.

use chrono::DateTime;
use proptest::prelude::*;
use std::time::{Duration, Instant};

use super::*;
use crate::archive::ids::Fingerprint;
use crate::html::{is_void, tags};
use crate::text::{HeaderText, XmlText};

fn post(body: &str) -> Post {
    let date = DateTime::parse_from_rfc3339("2024-05-01T09:00:00+09:00").unwrap();
    Post {
        sections: Vec::new(),
        source: "posts/a.md".into(),
        body_line: 4,
        id: "tag:example.com,2024-05-01:a".to_owned(),
        url: Url::parse("https://example.com/p/a/").unwrap(),
        slug: "a".to_owned(),
        title: HeaderText::parse("a").unwrap(),
        marked_title: None,
        fingerprint: Fingerprint::of("a", ""),
        published: date,
        updated: date,
        authors: Vec::new(),
        categories: Vec::new(),
        tags: Vec::new(),
        summary: None,
        subject: None,
        preheader: None,
        segment: crate::archive::Segment::default(),
        language: None,
        image: None,
        image_info: crate::archive::ImageInfo::default(),
        enclosures: Vec::new(),
        via: Vec::new(),
        in_reply_to: Vec::new(),
        aliases: Vec::new(),
        newsletter: true,
        strings: crate::i18n::Languages::default().of("en").clone(),
        embeds: crate::archive::embeds::usual(),
        dialect: MarkdownDialect::default(),
        page: crate::archive::PostPage::default(),
        body: XmlText::clean(body).0,
    }
}

fn html(body: &str) -> String {
    render(&post(body)).html
}

fn findings(body: &str) -> Vec<String> {
    render(&post(body)).findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bold_korean_word_before_a_particle_is_bold() {
    assert_eq!(
        html("**한국어**는 **\"인용\"**을"),
        "<p><strong>한국어</strong>는 <strong>\"인용\"</strong>을</p>"
    );
    assert_eq!(html("가__한국어__는, __둘__이"), "<p>가<strong>한국어</strong>는, <strong>둘</strong>이</p>");
    assert_eq!(html("파이썬의 `a`와 \\_\\_init\\_\\_는"), "<p>파이썬의 <code>a</code>와 __init__는</p>");
}

#[test]
fn every_kind_of_block_has_its_plain_element() {
    for (body, expected) in [
        ("## 제목\n\n## 제목", "<h2 id=\"제목\">제목</h2>\n<h2 id=\"제목-1\">제목</h2>"),
        ("- [x] 하나\n- [ ] 둘", "<ul>\n<li>☑ 하나</li>\n<li>☐ 둘</li>\n</ul>"),
        (
            "3. a\n\n   b\n4. c",
            "<ol start=\"3\">\n<li>\n<p>a</p>\n<p>b</p>\n</li>\n<li>\n<p>c</p>\n</li>\n</ol>",
        ),
        (
            "> [!NOTE]\n> a",
            "<blockquote class=\"callout\">\n<p><strong>Note</strong></p>\n<p>a</p>\n</blockquote>",
        ),
        ("```rust x\na < b\n```", "<pre><code class=\"language-rust\">a &lt; b\n</code></pre>"),
        (
            "|a|b|\n|-|:-:|\n|c|d|",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"center\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>c</td>\n<td align=\"center\">d</td>\n</tr>\n</tbody>\n</table>",
        ),
        ("말\n\n: 뜻", "<dl>\n<dt>말</dt>\n<dd>\n<p>뜻</p>\n</dd>\n</dl>"),
        ("~~a~~  \n---", "<h2 id=\"a\"><del>a</del></h2>"),
        ("a\n\n***\n", "<p>a</p>\n<hr>"),
    ] {
        assert_eq!(html(body), expected, "{body}");
    }
}

#[test]
fn every_address_is_absolute_and_canonical() {
    for (body, expected) in [
        ("[a](/x \"t\")", "<p><a href=\"https://example.com/x\" title=\"t\">a</a></p>"),
        ("[a](#절)", "<p><a href=\"https://example.com/p/a/#%EC%A0%88\">a</a></p>"),
        (
            "![사진](./사진.png)",
            "<p><img src=\"https://example.com/p/a/%EC%82%AC%EC%A7%84.png\" alt=\"사진\"></p>",
        ),
        (
            "https://한국.kr/a&b",
            "<p><a href=\"https://xn--3e0b707e.kr/a&amp;b\">https://한국.kr/a&amp;b</a></p>",
        ),
        (
            "<img src=//c.example/a.png alt=a srcset='b.png 2x'>",
            "<img src=\"https://c.example/a.png\" alt=\"a\" srcset=\"https://example.com/p/a/b.png 2x\">",
        ),
        ("<a href='../b/'>b</a>", "<p><a href=\"https://example.com/p/b/\">b</a></p>"),
    ] {
        assert_eq!(html(body), expected, "{body}");
    }
}

#[test]
fn active_content_is_removed_and_reported() {
    assert_eq!(html("[a](javascript:alert(1))"), "<p><a>a</a></p>");
    assert_eq!(html("![글](data:image/png;base64,AA)"), "<p>글</p>");
    assert_eq!(html("a <b onclick=x>b</b><script>c</script>"), "<p>a <b>b</b></p>");
    let found = findings("a\n\n[a](javascript:x)");
    assert!(found[0].starts_with("posts/a.md:6: warning: a `javascript:` address"), "{found:?}");
}

#[test]
fn images_without_text_and_urls_with_user_names_are_reported_with_their_line() {
    let found = findings("a\n\n![](a.png)\n\n<img src=b.png>\n\n[x](https://kim@example.com/)\n");
    assert_eq!(found.len(), 3, "{found:?}");
    for (finding, start) in found.iter().zip([
        "posts/a.md:6: warning: a picture",
        "posts/a.md:8: warning: a picture",
        "posts/a.md:10: warning: a URL",
    ]) {
        assert!(finding.starts_with(start), "{finding}");
    }
}

#[test]
fn footnotes_work_and_lead_back_inside_the_entry() {
    for raw in ["", "<b>굵게</b> "] {
        let html = html(&format!("{raw}하나[^a] 둘[^b] 셋[^a]\n\n[^b]: 비\n[^a]: 에이\n"));
        let key = html.split("id=\"fnref-").nth(1).unwrap().split('-').next().unwrap();
        for part in [
            "하나<sup class=\"footnote-ref\"><a href=\"#fn-KEY-1\" id=\"fnref-KEY-1\">1</a></sup>",
            "id=\"fnref-KEY-1-2\"",
            "<li id=\"fn-KEY-1\">\n<p>에이 <a href=\"#fnref-KEY-1\" class=\"footnote-backref\">↩</a> <a href=\"#fnref-KEY-1-2\"",
        ] {
            assert!(html.contains(&part.replace("KEY", key)), "{html}");
        }
        assert!(html.ends_with("</ol>\n</section>"), "{html}");
        let mut other = post("하나[^a]\n\n[^a]: 에이\n");
        other.url = Url::parse("https://example.com/p/b/").unwrap();
        assert!(!render(&other).html.contains(key));
    }
}

#[test]
fn only_two_tildes_strike_out() {
    for (body, expected) in [
        ("10~20명, 3~5만 원, ~~그만~~", "<p>10~20명, 3~5만 원, <del>그만</del></p>"),
        ("100~200円 ~a~ `1~2~3`", "<p>100~200円 ~a~ <code>1~2~3</code></p>"),
        ("10~20명 **3~5만** 원", "<p>10~20명 <strong>3~5만</strong> 원</p>"),
        ("> - 1~2와\n>   3~4", "<blockquote>\n<ul>\n<li>1~2와\n3~4</li>\n</ul>\n</blockquote>"),
    ] {
        assert_eq!(html(body), expected, "{body}");
    }
}

#[test]
fn a_bare_address_ends_before_a_particle_and_its_escapes_are_undone() {
    let link = |url: &str, text: &str| format!("<a href=\"{url}\">{text}</a>");
    for (body, expected) in [
        ("https://example.com에서", link("https://example.com/", "https://example.com") + "에서"),
        (
            "**https://example.com**의 https://example.com/docs（**설명**）",
            format!(
                "<strong>{}</strong>의 {}（<strong>설명</strong>）",
                link("https://example.com/", "https://example.com"),
                link("https://example.com/docs", "https://example.com/docs")
            ),
        ),
        ("www.example.com을", link("http://www.example.com/", "www.example.com") + "을"),
        ("https://example.com/a\\_b", link("https://example.com/a_b", "https://example.com/a_b")),
        (
            "https://example.com/?a=1&amp;b=2",
            link("https://example.com/?a=1&amp;b=2", "https://example.com/?a=1&amp;b=2"),
        ),
        ("<https://example.com/글>", link("https://example.com/%EA%B8%80", "https://example.com/글")),
        ("[글](https://example.com/글)", link("https://example.com/%EA%B8%80", "글")),
    ] {
        assert_eq!(html(body), format!("<p>{expected}</p>"), "{body}");
    }
    assert!(html("|a|b|\n|-|-|\n|x \\| 1~2 3~4|https://example.com에서|").contains("</a>에서"));
}

#[test]
fn what_a_page_hides_is_neither_in_the_html_nor_in_the_excerpt() {
    let body = "## 제목 [¶](#제목)\n\n<h3 id=\"b\">가<a class=\"headerlink\" href=\"#b\">#</a></h3>\n\n\
                <div hidden>비밀</div>\n\n글 <span style=\"display: none\">비밀</span>끝\n";
    assert_eq!(html(body), "<h2 id=\"제목\">제목</h2>\n<h3 id=\"b\">가</h3>\n\n<p>글 끝</p>");
    assert_eq!(excerpt(&post("<div><p hidden>비밀</p>글</div>\n\n둘 <b hidden>비밀</b>셋"), 100), "글 둘 셋");
}

#[test]
fn lazy_pictures_have_their_source() {
    let body = "<img class=\"lazy\" src=\"data:image/gif;base64,R0\" data-src=\"a.jpg\" alt=\"가\">\
                <noscript><img src=\"a.jpg\" alt=\"가\"></noscript>\n\n\
                <img class=\"x\" alt=\"나\"><noscript><img src=\"b.jpg\" alt=\"나\"></noscript> <img alt=\"다\">\n";
    assert_eq!(
        html(body),
        "<p><img src=\"https://example.com/p/a/a.jpg\" class=\"lazy\" alt=\"가\"></p>\n\
         <p><img src=\"https://example.com/p/a/b.jpg\" alt=\"나\"> 다</p>"
    );
}

#[test]
fn what_is_removed_is_named_once() {
    let body = "<svg></svg>\n\na <math><mi>x</mi></math><script>1</script>\n\n<svg></svg>\n\n\
                <form><input></form>\n\n<noscript>on</noscript>\n";
    let mut found = findings(body);
    found.retain(|finding| finding.contains("left out"));
    let lines: Vec<_> = found.iter().map(|finding| finding.split(": ").next().unwrap()).collect();
    assert_eq!(
        lines,
        ["posts/a.md:4", "posts/a.md:6", "posts/a.md:6", "posts/a.md:10", "posts/a.md:12"],
        "{found:?}"
    );
}

#[test]
fn a_drawing_is_pointed_out_because_of_emails() {
    let drawing = "<svg viewBox=\"0 0 1 1\"><title>점</title><circle r=\"1\"/></svg>";
    for body in [drawing.to_owned(), format!("글 {drawing}"), format!("<figure>\n{drawing}\n</figure>")] {
        let rendered = render(&post(&body));
        assert!(
            rendered.html.contains("<svg role=\"img\" aria-label=\"점\" viewBox=\"0 0 1 1\">"),
            "{}",
            rendered.html
        );
        let [finding] = &rendered.findings[..] else { panic!("{:?}", rendered.findings) };
        assert_eq!(finding.message, "<svg> is left out of emails");
    }
}

#[test]
fn a_mark_with_nothing_before_it_does_not_end_the_excerpt() {
    assert_eq!(excerpt(&post("<!--more-->\n\n하나\n\n<!--more-->\n\n둘"), 100), "하나");
}

#[test]
fn the_mark_that_ends_the_excerpt_is_not_in_the_html() {
    let post = post("<details>\n\n하나[^1]\n\n<!-- more -->\n\n</details>\n\n둘[^2]\n\n[^1]: a\n[^2]: b\n");
    read(&post, |body| {
        assert_eq!(body.excerpt(100), "하나");
        let html = body.render().html;
        assert!(html.contains("둘") && html.contains("-2\"") && !html.contains("more"), "{html}");
    });
}

#[test]
fn an_embed_is_a_link() {
    let body = "<iframe src=\"https://video.example/1\" title=\"영상\"></iframe>\n";
    assert_eq!(html(body), "<a href=\"https://video.example/1\">영상</a>");
}

#[test]
fn a_post_that_mentions_slots_is_not_taken_for_a_slot() {
    for body in ["`<lp-slot>` and [a](/lp-slot)", "<lp-slot>a</lp-slot> <p id=lp-slot>b</p>", "# lp-slot"] {
        assert!(!html(body).contains("lp-slot"), "{}", html(body));
    }
}

#[test]
fn a_footnote_inside_a_footnote_is_part_of_its_text() {
    assert!(!html("> [^1]: [^1]: 안[^1]\n").contains("fn-2"));
}

#[test]
fn an_excerpt_is_cut_at_a_word_or_between_two_letters() {
    let body = "# 제목\n\n하나 둘셋 넷다섯 여섯\n\n```\ncode\n```\n";
    assert_eq!(excerpt(&post(body), 100), "하나 둘셋 넷다섯 여섯");
    assert_eq!(excerpt(&post(body), 9), "하나 둘셋…");
    assert_eq!(excerpt(&post("吾輩は猫である。名前はまだ無い。"), 8), "吾輩は猫である…");
    assert_eq!(excerpt(&post("👩\u{200D}👩\u{200D}👧가나다라"), 3), "…", "an emoji family is not split");
    assert_eq!(excerpt(&post("하나\n\n<!--more-->\n\n둘"), 100), "하나");
}

#[test]
fn a_link_with_a_mark_behind_it_is_a_button_and_the_mark_is_not_shown() {
    let body = "[구독](/join/){.button}하세요 {.button} a{.button}";
    let button = "<a href=\"https://example.com/join/\" class=\"button\">구독</a>";
    assert_eq!(html(body), format!("<p>{button}하세요 {{.button}} a{{.button}}</p>"));
    assert_eq!(excerpt(&post(body), 100), "구독하세요 {.button} a{.button}");
}

#[test]
fn a_mistyped_mark_of_a_button_is_reported() {
    for mark in [" {.button}", "{button}", "{ .Button }"] {
        let found = findings(&format!("[a](/b/){mark}"));
        assert!(found.len() == 1 && found[0].contains("write {.button} right after the link"), "{found:?}");
    }
    for fine in ["{.button}", " {a}", " {", ""] {
        assert_eq!(findings(&format!("[a](/b/){fine}")), [""; 0], "{fine}");
    }
}

#[test]
fn an_excerpt_has_the_text_of_paragraphs_quotes_and_lists_without_markup_scripts_pictures_and_notes() {
    let body = "# 제목\n\n**굵게** [글](/x)  \n![사진](a.png)[^1] 둘 <script>alert(1)</script>*<b>셋</b>*\n\n- a\n\n> b\n\n\
                <p>하나 &amp; <b>둘</b><br>셋</p>\n\nterm\n: c\n\n<iframe src=\"https://e.org/\"></iframe>\n\n[^1]: 주";
    assert_eq!(excerpt(&post(body), 100), "굵게 글 둘 셋 a b 하나 & 둘 셋 c");
}

#[test]
fn no_depth_of_nesting_overflows_the_stack_or_takes_long() {
    let n = 30_000;
    // An idle machine needs a tenth of it at most; quadratic work would need far more than all of it.
    let limit = Duration::from_secs(60);
    for body in [
        ">".repeat(n),
        "> ".repeat(n) + "a",
        "- ".repeat(n) + "a",
        "[".repeat(n),
        "![".repeat(n) + "a",
        "*a ".repeat(n),
        "**a_".repeat(n / 2) + &"_**".repeat(n / 2),
        "[a](".repeat(n),
        "`".repeat(n),
        "<div>".repeat(n),
        "<b>".repeat(n) + "\n\n" + &"<p>a</p>".repeat(1000),
        "<!--".repeat(n),
        "__가".repeat(n),
        "|a".repeat(n) + "\n" + &"|-".repeat(n),
        "[^1]".repeat(n) + "\n\n[^1]: a",
        "&#x".repeat(n),
        "<a href='".repeat(n),
        "x".repeat(3_000_000),
        "::: note\n".repeat(n),
        "> ::: note\n".repeat(n),
        "<table>".to_owned() + &"<p>a</p>".repeat(n),
        "<table>\n\n".to_owned() + &"a\n\n".repeat(n),
    ] {
        let at = Instant::now();
        let rendered = render(&post(&body));
        excerpt(&post(&body), 400);
        let took = at.elapsed();
        assert!(took < limit, "{took:?} for {:?}…", &body.chars().take(20).collect::<String>());
        drop(rendered);
    }
    assert!(findings(&("> ".repeat(200) + "a"))[0].contains("nested more than 60 deep"));
    assert!(findings(&("<table>".to_owned() + &"<p>a</p>".repeat(n)))[0].contains("not in its cells"));
    assert!(html(&("> ".repeat(200) + "가")).contains('가'));
}

#[test]
fn a_video_that_stands_alone_becomes_a_player_with_a_link() {
    let player = |title: &str| {
        format!(
            "<figure class=\"embed\">\n<iframe src=\"https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ\" title=\"{title}\" \
             width=\"560\" height=\"315\" loading=\"lazy\" referrerpolicy=\"strict-origin-when-cross-origin\" \
             allowfullscreen=\"\"></iframe>\n<figcaption><a href=\"https://www.youtube.com/watch?v=dQw4w9WgXcQ\">▶ {title}</a>\
             </figcaption>\n</figure>"
        )
    };
    let address = "https://youtu.be/dQw4w9WgXcQ?si=x";
    assert_eq!(html(address), player("Watch the video"));
    assert_eq!(html(&format!("[강연 &amp; 노래]({address})")), player("강연 &amp; 노래"));
    assert_eq!(html(&format!("![강연]({address})")), player("강연"));
    // With raw HTML the body goes through the sanitiser.
    assert_eq!(
        html(&format!("{address}\n\n<b>a</b>")),
        format!("{}\n<p><b>a</b></p>", player("Watch the video"))
    );
    for body in [format!("보기: {address}"), format!("- {address}"), format!("{address} [b](/c)")] {
        assert!(!html(&body).contains("iframe"), "{body}");
    }
    let none = Post { embeds: [].into(), ..post(address) };
    assert_eq!(render(&none).html, format!("<p><a href=\"{address}\">{address}</a></p>"));
}

#[test]
fn containers_are_callouts_and_columns() {
    let callout = |title: &str| {
        format!("<blockquote class=\"callout\">\n<p><strong>{title}</strong></p>\n<p>a</p>\n</blockquote>")
    };
    for (fence, title) in [
        ("::: warning", "Warning"),
        (":::tip[먼저]", "먼저"),
        (":::info 먼저", "먼저"),
        ("::: {.callout-note}", "Note"),
    ] {
        assert_eq!(html(&format!("{fence}\na\n:::")), callout(title), "{fence}");
    }
    let columns = "<div class=\"columns\">\n<div class=\"column\">\n<p>a</p>\n</div>\n<div class=\"column\">\n<p>b</p>\n</div>\n</div>";
    for body in [
        "::: columns\na\n\n---\n\nb\n:::",
        ":::: {.columns}\n::: {.column width=\"40%\"}\na\n:::\n\n::: {.column}\nb\n:::\n::::",
    ] {
        assert_eq!(html(body), columns, "{body}");
    }
    assert_eq!(
        html("<div class=\"columns\">\n\n::: columns\na\n\n***\n\nb\n:::\n\n</div>"),
        format!("<div class=\"columns\">\n{columns}\n</div>")
    );
    assert!(findings("::: columns\na\n:::")[0].contains("one column"));
    assert!(findings("::: kolumns\na\n:::")[0].contains("`kolumns` is not known"));
    // What only looks like one.
    assert_eq!(html("::: 안내\na"), "<p>::: 안내</p>\n<p>a</p>");
    assert_eq!(html("a\n\n:::\n\nb"), "<p>a</p>\n<p>:::</p>\n<p>b</p>");
}

#[test]
fn markdown_in_html_is_markdown_where_an_element_says_so() {
    for (body, expected) in [
        (
            "<div markdown=\"1\">\n**굵게** <b>b</b>\n</div>",
            "<div>\n<p><strong>굵게</strong> <b>b</b></p>\n</div>",
        ),
        ("<div>\n**a**\n</div>", "<div>\n**a**\n</div>"),
        (
            "<div markdown=1>\n- a\n</div>\n<p markdown='1'>*b*</p>",
            "<div>\n<ul>\n<li>a</li>\n</ul>\n</div>\n<p><em>b</em></p>",
        ),
    ] {
        assert_eq!(html(body), expected, "{body}");
    }
    assert_eq!(
        html("<div markdown=1>\na[^1]\n\n[^1]: b\n</div>\n\nc[^1]\n\n[^1]: d").matches("<section").count(),
        1
    );
    let missing = findings("a\n\n<div markdown=\"1\">\n\n![](a.png)\n</div>");
    assert_eq!(missing, findings("a\n\n<div>\n\n![](a.png)\n</div>"));
    html(&"<div markdown=1>\n".repeat(2_000));
    html(&("<div markdown=1>".repeat(500) + "a" + &"</div>".repeat(500)));
}

#[test]
fn a_picture_can_have_a_variant_for_dark_backgrounds() {
    let page = "https://example.com/p/a/";
    assert_eq!(
        html("![표](a.png \"b\"){dark=a-dark.png}!"),
        format!(
            "<p><picture><source srcset=\"{page}a-dark.png\" media=\"(prefers-color-scheme: dark)\">\
             <img src=\"{page}a.png\" alt=\"표\" title=\"b\"></picture>!</p>"
        )
    );
    let own = render(&post("![표](a.png){dark=a-dark.png}")).own;
    assert_eq!(own.iter().map(|own| own.raw.as_str()).collect::<Vec<_>>(), ["a.png", "a-dark.png"]);
    assert!(html("![표](a.png){dark=javascript:x}").ends_with("alt=\"표\"></p>"));
    assert_eq!(html("a {dark=b}"), "<p>a {dark=b}</p>");
}

/// Markdown as people and fuzzers write it.
fn markdown(raw_html: bool) -> impl Strategy<Value = String> {
    let plain = "(\\*\\*|\\*|_|__|~~|`|```\n|> |- |1\\. |# |\n|\n\n|\\[a\\]\\(|\\)|!\\[|\\]|\\[\\^1\\]|\\[\\^1\\]: |\\|a|\\|\n|-\\|-|\\[x\\] |: |https://a\\.b/|javascript:|한국어|는|[a \"'&]|&nbsp;|\\\\){0,30}";
    let with_raw = "(<(b|p|div|script|svg|iframe|img|a|table|td|lp-slot|style|details)( (href|src|onerror|style|id)=\"?(javascript:x|a|//b)\"?)?>|</(b|p|div|script|svg|a|table|style)>|<!-- more -->|<!--|-->|\\*\\*|> |- |\n|\n\n|한국어|[a \"'&<>]){0,30}";
    if raw_html { with_raw } else { plain }
}

/// Whether every tag is closed in order.
fn is_well_formed(html: &str) -> bool {
    let mut open = Vec::new();
    for tag in tags(html).iter().filter(|tag| !is_void(tag.name())) {
        if !tag.closing {
            open.push(tag.name().to_owned());
        } else if open.pop().as_deref() != Some(tag.name()) {
            return false;
        }
    }
    open.is_empty()
}

proptest! {
    #[test]
    fn without_raw_html_the_sanitiser_has_nothing_to_change(body in markdown(false)) {
        let post = post(&body);
        let html = render(&post).html;
        prop_assert_eq!(sanitise::clean(&html, RenderContext::of(&post)), html);
    }

    #[test]
    fn raw_html_becomes_well_formed_and_safe(body in markdown(true)) {
        let post = post(&body);
        let html = render(&post).html;
        prop_assert!(is_well_formed(&html), "{}", html);
        for tag in tags(&html) {
            prop_assert!(!["script", "style", "svg", "iframe", "lp-slot"].contains(&tag.name()), "{}", html);
            prop_assert!(tag.attribute("onerror").is_none() && tag.attribute("style").is_none(), "{}", html);
            for name in ["href", "src"] {
                let url = tag.attribute(name).unwrap_or("https:");
                prop_assert!(url.starts_with("http"), "{}", html);
            }
        }
        prop_assert!(excerpt(&post, 20).chars().count() <= 20);
    }
}

#[test]
fn addresses_on_the_posts_own_site_are_found_with_their_lines() {
    let body = "![a](b.png) [c](/d/) [e](https://other.example/)\n\n<p>\n<img src=f.png srcset='g.png 2x' poster=x\nalt=f>\n\
                <a href='https://example.com/h'>h</a></p>\n\n[i](#j) [k](../l.pdf)\n";
    let own = render(&post(body)).own;
    let found: Vec<_> = own.iter().map(|own| (own.line, own.raw.as_str(), own.purpose)).collect();
    assert_eq!(
        found,
        [
            (4, "b.png", LinkKind::Resource),
            (4, "/d/", LinkKind::Link),
            (7, "x", LinkKind::Resource),
            (7, "g.png", LinkKind::Resource),
            (7, "f.png", LinkKind::Resource),
            (9, "https://example.com/h", LinkKind::Link),
            (11, "../l.pdf", LinkKind::Link),
        ]
    );
    assert_eq!(own[6].url, "https://example.com/p/l.pdf");
}

#[test]
fn a_link_to_the_file_of_a_post_leads_to_its_page_in_markdown_and_in_html() {
    let mut post = post("[a](b.md#c) <a href=\"b.md\">d</a> ![e](b.md)");
    for (raw, url) in [("b.md#c", "https://example.com/글/#c"), ("b.md", "https://example.com/글/")] {
        post.page.links.insert(raw.to_owned(), Url::parse(url).unwrap());
    }
    let html = render(&post).html;
    assert!(html.contains("<a href=\"https://example.com/%EA%B8%80/#c\">a</a>"), "{html}");
    assert!(html.contains("<a href=\"https://example.com/%EA%B8%80/\">d</a>"), "{html}");
    assert!(html.contains("<img src=\"https://example.com/p/a/b.md\""), "{html}");
    assert_eq!(
        links_to_files("[a](b.md) <a href='c.MD?x'>c</a>\n\n[d](https://e.example/f.md) [g](h.mdx)"),
        [(1, "b.md".to_owned()), (1, "c.MD?x".to_owned())]
    );
}

const WITH_FORMULAS: MarkdownDialect =
    MarkdownDialect { formulas: Formulas::On, smart_punctuation: false, hard_breaks: false };

fn with_formulas(body: &str, formulas: Formulas) -> Rendered {
    render(&Post { dialect: MarkdownDialect { formulas, ..MarkdownDialect::default() }, ..post(body) })
}

fn mathml(body: &str) -> String {
    let html = with_formulas(body, Formulas::On).html;
    let annotations = html.split("<annotation encoding=\"application/x-tex\">").skip(1);
    let tex: Vec<_> =
        annotations.filter_map(|rest| rest.split_once("</annotation>")).map(|(tex, _)| tex).collect();
    tex.join(" | ")
}

#[test]
fn a_formula_is_kept_whole_whatever_markdown_would_read_in_it() {
    assert_eq!(mathml("$a*b*c$ and \\(x_1 < y_1\\) **$d$**는 [$e$](/)"), "a*b*c | x_1 &lt; y_1 | d | e");
    assert_eq!(
        mathml("$$\na\n=\n- b\n\n> c\n$$\n\n| a | b |\n|---|---|\n| $|x|$ | \\[y\\] |"),
        "a\n=\n- b\n\n&gt; c | |x| | y"
    );
    let body = with_formulas("- a\n\n  $$\n  x\n  $$\n\n> $$\n> - y\n> $$", Formulas::On).html;
    assert!(
        body.contains("<blockquote>\n<p><math display=\"block\">") && !body.contains('\u{E000}'),
        "{body}"
    );
}

#[test]
fn without_formulas_the_same_text_is_markdown() {
    assert_eq!(html("$a*b*c$ \\(x\\) <math><mi>x</mi></math>"), "<p>$a<em>b</em>c$ (x) </p>");
    assert_eq!(html("It costs $5 and $6."), with_formulas("It costs $5 and $6.", Formulas::On).html);
}

#[test]
fn a_formula_in_a_line_of_its_own_is_a_paragraph_of_its_own() {
    let html = with_formulas("a\n$$x$$\nb", Formulas::On).html;
    assert!(
        html.starts_with("<p>a</p>\n<p><math display=\"block\">") && html.ends_with("</math></p>\n<p>b</p>"),
        "{html}"
    );
    let html = with_formulas("a $$x$$ b\n\n$$y$$", Formulas::Kramdown).html;
    assert!(
        html.starts_with("<p>a <math><semantics>") && html.contains("<p><math display=\"block\">"),
        "{html}"
    );
}

#[test]
fn what_cannot_be_translated_stays_tex_and_is_named() {
    let rendered = with_formulas("a\n\n$\\nosuch{x}$", Formulas::On);
    assert_eq!(rendered.html, "<p>a</p>\n<p><code>\\nosuch{x}</code></p>");
    let finding = rendered.findings[0].to_string();
    assert!(
        finding.starts_with("posts/a.md:6: warning: the formula \\nosuch{x} is shown as TeX: unknown"),
        "{finding}"
    );
}

#[test]
fn where_code_spans_mean_something_else_a_formula_stays_as_it_is_written() {
    for body in [
        "<b title=\"$x$\">a</b>",
        "[a]\n\n[a]: /b \"$x$\"",
        "> [!NOTE] $x$\n> a",
        "    $x$",
        "<div>\n$x$\n</div>",
    ] {
        let html = with_formulas(body, Formulas::On).html;
        assert!(html.contains("$x$") && !html.contains('\u{E000}'), "{html}");
    }
}

#[test]
fn mathml_in_a_post_is_kept_and_the_copy_of_katex_is_not() {
    let katex = "<span class=\"katex\"><span class=\"katex-mathml\"><math xmlns=\"http://www.w3.org/1998/Math/MathML\"><semantics>\
                 <mrow><mi>E</mi></mrow><annotation encoding=\"application/x-tex\">E</annotation></semantics></math></span>\
                 <span class=\"katex-html\" aria-hidden=\"true\"><span class=\"base\">E</span></span></span> b";
    assert_eq!(
        with_formulas(katex, Formulas::On).html,
        "<p><span class=\"katex\"><span class=\"katex-mathml\"><math><semantics><mrow><mi>E</mi></mrow>\
         <annotation encoding=\"application/x-tex\">E</annotation></semantics></math></span></span> b</p>"
    );
    assert!(html(katex).contains("<span class=\"base\">E</span>"));
}

#[test]
fn nothing_that_can_run_remains_in_mathml() {
    for (raw, expected) in [
        ("<math href=\"javascript:x\" onclick=\"x\"><mi>a</mi></math>", "<p><math><mi>a</mi></math></p>"),
        ("<math><maction actiontype=\"x\"><mi>a</mi></maction></math>", "<p><math><mi>a</mi></math></p>"),
        (
            "<math><annotation-xml encoding=\"text/html\"><img src=x onerror=x></annotation-xml></math>",
            "<p><math></math></p>",
        ),
        (
            "<math><mtext><script>x</script><style><img src=x></style>a</mtext></math>",
            "<p><math><mtext>a</mtext></math></p>",
        ),
    ] {
        assert_eq!(with_formulas(raw, Formulas::On).html, expected);
    }
}

#[test]
fn a_summary_has_a_formula_as_text() {
    let post =
        Post { dialect: WITH_FORMULAS, ..post("값 $x^2 \\le \\alpha$, $\\binom{n}{k}$는\n\n$$e^{-x}$$") };
    assert_eq!(excerpt(&post, 100), "값 x² ≤ α, \\binom{n}{k}는 e⁻ˣ");
}

#[test]
fn posts_with_tex_are_pointed_out_while_formulas_are_off() {
    let posts = [post("costs $5 and $6"), post("    $\\b$\n\n`$\\a$`, so $\\frac{a}{b}$"), post("$x^{2}$")];
    assert_eq!(
        formulas_off(&posts).unwrap().to_string().lines().next(),
        Some("posts/a.md:6: note: \\frac{a}{b} looks like a formula, and so does something in another post")
    );
    assert_eq!(formulas_off(&posts[..1]), None);
    assert_eq!(formulas_off(&[Post { dialect: WITH_FORMULAS, ..post("$x^{2}$") }]), None);
}

/// The texts as Hugo 0.168 and Jekyll 4.3 show them, except that Hugo leaves the second quote of `"안녕하세요"라고` straight.
#[test]
fn smart_punctuation_is_that_of_goldmark_and_kramdown() {
    let dialect = MarkdownDialect { smart_punctuation: true, ..MarkdownDialect::default() };
    for (body, expected) in [
        (
            "\"안녕하세요\"라고 그가 말했다. '작은따옴표'도 있다.",
            "“안녕하세요”라고 그가 말했다. ‘작은따옴표’도 있다.",
        ),
        (
            "그는 \"하나 '둘' 셋\"이라고 썼고, \"끝.\" 하고 멈췄다.",
            "그는 “하나 ‘둘’ 셋”이라고 썼고, “끝.” 하고 멈췄다.",
        ),
        (
            "It's \"quoted\" -- and then --- dashes... in the '90s.",
            "It’s “quoted” – and then — dashes… in the ’90s.",
        ),
        ("He said: \"Don't.\" (\"Really?\") \"*Yes*,\"", "He said: “Don’t.” (“Really?”) “<em>Yes</em>,”"),
        (
            "10--20명 `code \"stays\" -- so` \\\"plain\\\"",
            "10–20명 <code>code \"stays\" -- so</code> \"plain\"",
        ),
        ("<b title=\"a -- b\">\"x\"</b>", "<b title=\"a -- b\">“x”</b>"),
    ] {
        assert_eq!(render(&Post { dialect, ..post(body) }).html, format!("<p>{expected}</p>"));
    }
    let bare = Post { dialect, ..post("\"https://example.com/a--b\"") };
    assert_eq!(
        render(&bare).html,
        "<p>“<a href=\"https://example.com/a--b\">https://example.com/a--b</a>”</p>"
    );
    assert_eq!(excerpt(&bare, 100), "“https://example.com/a--b”");
}

#[test]
fn hard_breaks_are_breaks_in_lists_and_quotes_too_but_not_in_code() {
    let dialect = MarkdownDialect { hard_breaks: true, ..MarkdownDialect::default() };
    let rendered = render(&Post { dialect, ..post("첫 줄\n둘째 줄\n\n- a\n  b\n\n```\nc\nd\n```") });
    assert_eq!(
        rendered.html,
        "<p>첫 줄<br>\n둘째 줄</p>\n<ul>\n<li>a<br>\nb</li>\n</ul>\n<pre><code>c\nd\n</code></pre>"
    );
}

proptest! {
    #[test]
    fn a_body_with_formulas_is_as_a_serializer_would_write_it(body in "(\\$|\\$\\$|\\\\\\(|\\\\\\)|\\\\\\[|\\\\\\]|\\\\[a-z]{1,5}|\\*|`|\n|\n\n|> |- |[|]|[a<&5 가^_{}]){0,30}") {
        for kind in [Formulas::On, Formulas::Kramdown] {
            let page = Url::parse("https://example.com/p/a/").unwrap();
            let html = with_formulas(&body, kind).html;
            let place = RenderContext { page: &page, source: "", body_line: 1, links: &NO_LINKS, dialect: WITH_FORMULAS, embeds: &[], video: "", callout: &NO_CALLOUTS };
            let clean = sanitise::clean(&html, place);
            prop_assert_eq!(clean.trim_end(), html.as_str());
            prop_assert!(!html.contains('\u{E000}'), "{}", html);
        }
    }
}
