//! Markdown that renders back to the same text, from clean pages, tag soup and generated HTML.

use proptest::prelude::*;

use super::*;
use crate::archive::markdown;

fn page() -> Url {
    Url::parse("https://old.example/2024/first/").unwrap()
}

fn convert(html: &str) -> String {
    let page = page();
    to_markdown(html, HtmlOptions { page: Some(&page), ..HtmlOptions::default() }).markdown
}

fn rendered(markdown: &str) -> String {
    markdown::preview(markdown, &page())
}

/// The words of a page, and those of its Markdown.
fn both(html: &str) -> (String, String, String) {
    let markdown = convert(html);
    (visible(html), visible(&rendered(&markdown)), markdown)
}

#[test]
fn every_element_is_converted() {
    for (html, expected) in [
        ("<h2>제목</h2><p>글</p>", "## 제목\n\n글\n"),
        ("<p><b>굵게</b>는 <i>기울게</i>를</p>", "**굵게**는 *기울게*를\n"),
        ("<p><em>a <strong>b</strong> c</em></p>", "*a **b** c*\n"),
        ("<p><b> 앞뒤 </b>빈칸</p>", "**앞뒤** 빈칸\n"),
        ("<p><s>지움</s> H<sub>2</sub>O</p>", "~~지움~~ H<sub>2</sub>O\n"),
        ("a<br>b<br><br>", "a\\\nb\n"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  * b\n- c\n"),
        ("<ol start=3><li><p>a</p><p>b</p></li><li>c</li></ol>", "3. a\n\n   b\n\n4. c\n"),
        ("<ul><li>a</li></ul><ul><li>b</li></ul>", "- a\n\n* b\n"),
        ("<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b\n"),
        (
            "<pre><code class=\"hljs language-rust\">fn a() {\n  `b`\n}\n</code></pre>",
            "```rust\nfn a() {\n  `b`\n}\n```\n",
        ),
        ("<pre>```\n</pre>", "````\n```\n````\n"),
        ("<p><code>a`b</code></p>", "``a`b``\n"),
        ("<p>a</p><hr><p>b</p>", "a\n\n---\n\nb\n"),
        (
            "<a href=\"/a b/(c)\" title='t \"u\"'>글</a>",
            "[글](https://old.example/a%20b/%28c%29 \"t \\\"u\\\"\")\n",
        ),
        ("<a href=https://a.example/x>https://a.example/x</a>", "<https://a.example/x>\n"),
        ("<a href=\"javascript:alert(1)\">a</a>", "a\n"),
        (
            "<a href=x><img src=a.png alt=그림></a>",
            "[![그림](https://old.example/2024/first/a.png)](https://old.example/2024/first/x)\n",
        ),
        ("와!<a href=https://a.example/>a</a>", "와\\![a](https://a.example/)\n"),
        (
            "<figure><img src=/a.png alt=a><figcaption>설명</figcaption></figure>",
            "![a](https://old.example/a.png)\n\n*설명*\n",
        ),
        (
            "<iframe src=\"https://www.youtube.com/embed/abc?rel=0\"></iframe>",
            "<https://www.youtube.com/watch?v=abc>\n",
        ),
        (
            "<script src=\"https://gist.github.com/kim/abc.js\"></script>",
            "<https://gist.github.com/kim/abc>\n",
        ),
        ("<video><source src=/a.mp4></video>", "<https://old.example/a.mp4>\n"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>c|d</td><td><code>e|f</code><br>g</td></tr></table>",
            "| a | b |\n| --- | --- |\n| c\\|d | `e\\|f`<br>g |\n",
        ),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td><code>e\\|f</code></td></tr></table>",
            "| a | b |\n| --- | --- |\n| c | <code>e&#92;&#124;f</code> |\n",
        ),
        ("<table><tr><td><p>그냥</p></td></tr></table>", "그냥\n"),
        ("<script>x</script><style>y</style><p>a&nbsp;<!-- b --></p>", "a\n"),
        ("<p>a<!--more-->b</p>", "a\n\n<!-- more -->\n\nb\n"),
        ("1986. 한 해<br># 아님<br>- 아님", "1986\\. 한 해\\\n\\# 아님\\\n\\- 아님\n"),
        (
            "<img src=\"data:image/gif;base64,R0\" data-src=\"/real.jpg\" alt=\"\">",
            "![](https://old.example/real.jpg)\n",
        ),
        ("<p>foo<b>(bar)</b>baz</p>", "foo<strong>(bar)</strong>baz\n"),
        ("<b>a</b><i>b</i>", "**a**<em>b</em>\n"),
        ("snake_case와 _밑줄_", "snake_case와 \\_밑줄\\_\n"),
    ] {
        assert_eq!(convert(html), expected, "{html}");
    }
}

#[test]
fn cards_become_what_a_person_would_write() {
    for (html, expected) in [
        (
            "<figure class=\"kg-card kg-bookmark-card\"><a class=\"kg-bookmark-container\" href=\"https://b.example/\"><div \
             class=\"kg-bookmark-content\"><div class=\"kg-bookmark-title\">책</div><div class=\"kg-bookmark-description\">소개\
             </div><div class=\"kg-bookmark-metadata\"><img class=\"kg-bookmark-icon\" src=\"/i.ico\">A</div></div></a>\
             <figcaption>cap</figcaption></figure>",
            "[책](https://b.example/)\n\n소개\n\n*cap*\n",
        ),
        (
            "<div class=\"kg-card kg-audio-card\"><img src=\"\" class=\"kg-audio-thumbnail\"><div><audio src=\"https://a.example/\
             a.mp3\"></audio><div class=\"kg-audio-title\">말</div><div class=\"kg-audio-player\"><button></button>0:00</div></div></div>",
            "[말](https://a.example/a.mp3)\n",
        ),
        (
            "<div class=\"kg-card kg-file-card\"><a class=\"kg-file-card-container\" href=\"https://a.example/x.pdf\"><div \
             class=\"kg-file-card-title\">File</div><div class=\"kg-file-card-caption\">Cap</div><div \
             class=\"kg-file-card-metadata\">x.pdf 1 MB</div></a></div>",
            "[File](https://a.example/x.pdf)\n\nCap\n",
        ),
        (
            "<div class=\"kg-card kg-callout-card\"><div class=\"kg-callout-emoji\">💡</div><div class=\"kg-callout-text\">\
             <b>b</b> c</div></div>",
            "> 💡 **b** c\n",
        ),
        (
            "<div class=\"kg-card kg-toggle-card\"><div><h4 class=\"kg-toggle-heading-text\">T</h4><button \
             class=\"kg-toggle-card-icon\"><svg></svg></button></div><div><p>안</p></div></div>",
            "**T**\n\n안\n",
        ),
        (
            "<div class=\"kg-card kg-button-card\"><a href=\"https://x.example\" class=\"kg-btn\">Go</a></div>",
            "[Go](https://x.example){.button}\n",
        ),
        (
            "<div class=\"kg-product-card\"><h4 class=\"kg-product-card-title\"><span>P</span></h4><div \
             class=\"kg-product-card-rating\"><span class=\"kg-product-card-rating-active\"></span><span \
             class=\"kg-product-card-rating-active\"></span><span></span></div><div><p>d</p></div></div>",
            "**P**\n\n★★☆☆☆\n\nd\n",
        ),
        (
            "<div class=\"wp-block-file\"><a href=\"https://a.example/x.pdf\">X</a><a href=\"https://a.example/x.pdf\" \
             class=\"wp-block-file__button\" download>Download</a></div>",
            "[X](https://a.example/x.pdf)\n",
        ),
        (
            "<figure class=\"wp-block-gallery\"><ul class=\"blocks-gallery-grid\"><li class=\"blocks-gallery-item\"><figure><img \
             src=\"https://a.example/1.jpg\"><figcaption>하나</figcaption></figure></li></ul></figure>",
            "![](https://a.example/1.jpg)\n\n*하나*\n",
        ),
        (
            "<div class=\"wp-block-columns\"><div class=\"wp-block-column\"><p>왼</p></div><div class=\"wp-block-column\"><p>오른\
             </p></div></div>",
            "왼\n\n오른\n",
        ),
        (
            "<figure class=\"wp-block-embed\"><div class=\"wp-block-embed__wrapper\">\nhttps://www.youtube.com/watch?v=a\n</div>\
             <figcaption>c</figcaption></figure>",
            "<https://www.youtube.com/watch?v=a>\n\n*c*\n",
        ),
    ] {
        assert_eq!(convert(html), expected, "{html}");
        let (before, after, _) = both(html);
        assert_eq!(before, after, "{html}");
    }
}

#[test]
fn emphasis_beside_korean_particles_survives() {
    for html in [
        "<p><strong>한국어</strong>는</p>",
        "<p>그는 <strong>\"인용\"</strong>을 했다</p>",
        "<p>가<em>나</em>다<strong>라</strong>마</p>",
        "<p><strong>괄호(안)</strong>이</p>",
        "<p><strong>「책」</strong>은</p>",
        "<p>값은<b>100%</b>다</p>",
        "<p>「<b>책</b>」은 <del>옛말</del>이다</p>",
        "<p><b><i>둘</i></b>다 <b>하나<i>둘</i></b>다</p>",
    ] {
        let page = rendered(&convert(html));
        assert_eq!(visible(html), visible(&page), "{}", convert(html));
        let count = |tags: [&str; 2]| tags.map(|tag| html.matches(tag).count()).iter().sum::<usize>();
        assert_eq!(page.matches("<strong>").count(), count(["<strong>", "<b>"]), "{page}");
        assert_eq!(page.matches("<em>").count(), count(["<em>", "<i>"]), "{page}");
    }
}

#[test]
fn footnotes_survive() {
    let html = "<p>하나<sup id=\"r1\"><a href=\"#n1\">1</a></sup> 둘<sup id=\"r2\"><a href=\"#n2\">2</a></sup></p>\
        <ol class=\"notes\"><li id=\"n1\">첫 주 <a href=\"#r1\">↩</a></li><li id=\"n2\"><p>둘째 주</p><p>더</p> <a href=\"#r2\">^</a></li></ol>";
    assert_eq!(convert(html), "하나[^1] 둘[^2]\n\n[^1]: 첫 주\n\n[^2]: 둘째 주\n\n    더\n");
    let page = rendered(&convert(html));
    assert_eq!(page.matches("footnote-ref\"").count(), 2, "{page}");
    // A link to a heading is just a link.
    assert_eq!(convert("<h2 id=a>a</h2><p><a href=#a>1</a></p>"), "## a\n\n[1](#a)\n");
}

#[test]
fn line_breaks_of_old_word_press_text_are_kept() {
    let options = HtmlOptions { line_breaks: true, ..HtmlOptions::default() };
    let convert = |html: &str| to_markdown(html, options).markdown;
    assert_eq!(convert("하나\n둘\n\n<b>셋\n\n넷</b>\n\n\n"), "하나\\\n둘\n\n**셋**\n\n**넷**\n");
    assert_eq!(convert("<ul>\n<li>a</li>\n\n<li>b</li>\n</ul>\nc"), "- a\n- b\n\nc\n");
    assert_eq!(convert("<pre>a\n\nb</pre>"), "```\na\n\nb\n```\n");
}

#[test]
fn p9_no_depth_and_no_tangle_takes_long() {
    let started = std::time::Instant::now();
    for html in [
        "<div>".repeat(50_000),
        "<b>".repeat(50_000),
        "<ul><li>".repeat(30_000),
        "<blockquote>".repeat(50_000),
        "<table><tr><td>".repeat(20_000),
        (0..1000).map(|n| ["<b a=", &n.to_string(), "><p>x"].concat()).collect::<String>(),
        "<a href=x>".repeat(50_000),
        "<table>".to_owned() + &"<b>x".repeat(20_000),
        "<p><sup id=a><a href=#a>1</a></sup>".repeat(5000),
        "<i>a</i><b>b</b>".repeat(5_000),
        "*_`[<".repeat(30_000),
    ] {
        let one = std::time::Instant::now();
        let _ = convert(&html);
        assert!(one.elapsed().as_secs() < 20, "{} took {:?}", &html[..30], one.elapsed());
    }
    assert!(started.elapsed().as_secs() < 90);
}

fn wrap(tag: &str, inner: &str) -> String {
    format!("<{tag}>{inner}</{tag}>")
}

fn wrap_each(tag: &str, inner: &[String]) -> String {
    inner.iter().map(|inner| wrap(tag, inner)).collect()
}

/// Text with everything that Markdown could mistake for markup.
fn words() -> impl Strategy<Value = String> {
    "([a-c가나_*`~|\\\\#>+=:!\\[\\]()0-9.\"'-]|&lt;|&amp;|&nbsp;|&copy;| |\n|「|」|http://|https://a\\.b/c_d|www\\.|a@b\\.c){1,14}"
}

fn inline() -> impl Strategy<Value = String> {
    let leaf = words();
    leaf.prop_recursive(3, 24, 4, |inner| {
        let tag = prop::sample::select(vec![
            "b",
            "strong",
            "em",
            "i",
            "s",
            "del",
            "code",
            "sup",
            "span",
            "a href=\"https://a.b/(c)?d=e&amp;f\"",
            "mark",
            "u",
        ]);
        prop_oneof![
            (tag, prop::collection::vec(inner.clone(), 1..4)).prop_map(|(tag, inner)| {
                let name = tag.split(' ').next().unwrap_or_default();
                format!("<{tag}>{}</{name}>", inner.concat())
            }),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| parts.join("<br>")),
            inner.prop_map(|text| format!("{text}<img src=/a.png alt=\"\">")),
        ]
    })
}

fn block() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        inline(),
        inline().prop_map(|text| format!("<p>{text}</p>")),
        inline().prop_map(|text| format!("<h3>{text}</h3>")),
        words().prop_map(|text| format!("<pre><code class=language-x>{text}</code></pre>")),
        Just("<hr>".to_owned()),
        prop::collection::vec(prop::collection::vec(inline(), 2..4), 1..3).prop_map(|rows| {
            let rows: Vec<String> = rows.iter().map(|cells| wrap("tr", &wrap_each("td", cells))).collect();
            wrap("table", &rows.concat())
        }),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|inner| wrap("blockquote", &inner.concat())),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|items| wrap("ul", &wrap_each("li", &items))),
            (0..12u32, prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(start, items)| format!("<ol start={start}>{}</ol>", wrap_each("li", &items))),
            prop::collection::vec(inner, 1..4).prop_map(|inner| wrap("div", &inner.concat())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_line_renders_to_its_own_text(html in inline()) {
        let (before, after, markdown) = both(&format!("<p>{html}</p>"));
        prop_assert_eq!(before, after, "{}", markdown);
    }

    #[test]
    fn a_page_renders_to_its_own_text(html in prop::collection::vec(block(), 1..4)) {
        let (before, after, markdown) = both(&html.concat());
        prop_assert_eq!(before, after, "{}", markdown);
    }

    #[test]
    fn converting_rendered_markdown_again_changes_nothing(html in prop::collection::vec(block(), 1..3)) {
        let once = rendered(&convert(&html.concat()));
        let twice = rendered(&convert(&once));
        prop_assert_eq!(visible(&once), visible(&twice), "{}", once);
    }

    #[test]
    fn soup_renders_to_its_own_text(html in "(</?(p|b|i|em|a|ul|li|ol|div|table|tr|td|blockquote|h2|code|pre|br|span|sup|s)( href=x)?>|[a-c가 ]|\n){0,40}") {
        let (before, after, markdown) = both(&html);
        prop_assert_eq!(before, after, "{}", markdown);
    }

    #[test]
    fn no_bytes_break_the_converter(html in "(<|>|/|&|;|\"|'|=|<!--|-->|<!\\[CDATA\\[|]]>|<svg>|<math>|<template>|<select>|<frameset>|<plaintext>|<textarea>|[a-z가\u{0}]){0,40}") {
        let _ = convert(&html);
    }
}
