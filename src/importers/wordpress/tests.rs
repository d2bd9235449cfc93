//! An export with everything that sites contain.

use proptest::prelude::*;

use super::*;

const EXPORT: &str = include_str!("../../../tests/data/foreign/wordpress.xml");

fn posts(text: &str) -> (Vec<ImportedPost>, Vec<String>) {
    let overview = overview(text.as_bytes(), "export.xml", None).unwrap();
    let (mut posts, mut rest) = (Vec::new(), Vec::new());
    let options = WordpressOptions { zone: Tz::Asia__Seoul, pages: false, encoding: None };
    items(text.as_bytes(), "export.xml", &overview, options, &mut |item| match item {
        ImportItem::Post(post) => posts.push(*post),
        ImportItem::Other(kind) => rest.push(kind),
        ImportItem::LeftOut(title, why) => rest.push(format!("{title}: {why}")),
    })
    .unwrap();
    (posts, rest)
}

#[test]
fn posts_keep_their_public_properties() {
    let (posts, rest) = posts(EXPORT);
    let first = &posts[0];
    assert_eq!(first.title, "천천히 & 꾸준히");
    assert_eq!(first.id.as_deref(), Some("https://old.example/?p=12"));
    assert_eq!(first.published.unwrap().to_rfc3339(), "2024-05-01T09:00:00+09:00");
    assert_eq!(first.updated.unwrap().to_rfc3339(), "2024-05-03T10:30:00+09:00");
    assert_eq!(first.authors, ["김민준"]);
    assert_eq!(
        (first.categories.clone(), first.tags.clone()),
        (vec!["편지".to_owned()], vec!["느림".to_owned(), "C++".to_owned()])
    );
    assert_eq!(first.image.as_deref(), Some("https://old.example/uploads/표지.jpg"));
    assert!(!first.draft && first.line_breaks);
    assert!(posts[1].draft && posts[1].published.is_some(), "{:?}", posts[1]);
    assert!(posts[2].draft && posts[2].notes[0].1.contains("password"));
    assert!(!posts[3].line_breaks, "the block editor writes paragraphs");
    assert_eq!(rest, ["attachment", "page", "버린 글: its status is \"trash\"", "nav_menu_item"]);
}

#[test]
fn restricted_posts_become_drafts() {
    let draft = |space: &str, inner: &str| {
        let text = format!(
            "<rss xmlns:wp=\"{space}://wordpress.org/export/1.2/\"><channel><item><title>a</title>\
             <wp:post_type>post</wp:post_type>{inner}</item></channel></rss>"
        );
        posts(&text).0.first().map(|post| post.draft)
    };
    for space in ["http", "https"] {
        for inner in [
            "",
            "<wp:status>draft</wp:status>",
            "<wp:status>Pending</wp:status>",
            "<wp:status>private</wp:status>",
            "<wp:status>publish</wp:status><wp:post_password>x</wp:post_password>",
            "<wp:status>publish</wp:status><wp:postmeta><wp:meta_key>_jetpack_newsletter_access</wp:meta_key>\
             <wp:meta_value>paid_subscribers</wp:meta_value></wp:postmeta>",
        ] {
            assert_eq!(draft(space, inner), Some(true), "{space} {inner}");
        }
        assert_eq!(draft(space, "<wp:status>publish</wp:status>"), Some(false));
        assert_eq!(draft(space, "<wp:status>trash</wp:status>"), None);
    }
}

/// The text of a post, and its notes.
fn expanded(text: &str) -> (String, Vec<String>) {
    let attachments = Attachments::default();
    shortcodes::expand(text, &Library { attachments: &attachments, post: "1" })
}

fn markdown(html: &str) -> String {
    super::super::html::to_markdown(html, super::super::html::HtmlOptions::default()).markdown
}

#[test]
fn shortcodes_are_removed_and_reported_and_brackets_stay() {
    for (text, html, dropped) in [
        ("[gallery ids=\"1,2\"]글", "글", vec!["gallery"]),
        ("[vc_row][vc_column]글[/vc_column][/vc_row]", "글", vec!["vc_row", "vc_column"]),
        ("[1] [sic] a[i] [참고] [see below] [c] [go]", "[1] [sic] a[i] [참고] [see below] [c] [go]", vec![]),
        ("[[gallery]] [[1]] [[가]]", "[gallery] [[1]] [[가]]", vec![]),
        ("<pre>[gallery]</pre> <code>a[b]</code>", "<pre>[gallery]</pre> <code>a[b]</code>", vec![]),
        ("[embed]https://a.example/v[/embed]", "\nhttps://a.example/v\n", vec![]),
        ("[box]글[/box] [unclosed", "글 [unclosed", vec!["box"]),
    ] {
        let (expanded, names) = expanded(text);
        assert_eq!(
            (expanded.as_str(), names),
            (html, dropped.into_iter().map(str::to_owned).collect()),
            "{text}"
        );
    }
}

#[test]
fn every_spelling_of_a_player_becomes_a_link() {
    for (text, address) in [
        ("[audio https://a.example/s.mp3]", "https://a.example/s.mp3"),
        ("[audio:https://a.example/s.mp3]", "https://a.example/s.mp3"),
        ("[audio https://a.example/s.mp3|titles=x|artists=y]", "https://a.example/s.mp3"),
        ("[audio src=\"https://a.example/s.mp3\"]", "https://a.example/s.mp3"),
        ("[audio mp3=\"https://a.example/s.mp3\"][/audio]", "https://a.example/s.mp3"),
        ("[audio src=&quot;https://a.example/s.mp3&quot; /]", "https://a.example/s.mp3"),
        ("[video width=\"640\" mp4=\"https://a.example/c.mp4\"][/video]", "https://a.example/c.mp4"),
        ("[video https://a.example/c.mp4]", "https://a.example/c.mp4"),
        (
            "[youtube=https://www.youtube.com/watch?v=def&amp;rel=0]",
            "https://www.youtube.com/watch?v=def&rel=0",
        ),
        ("[youtube https://www.youtube.com/watch?v=abc]", "https://www.youtube.com/watch?v=abc"),
        ("[youtube]https://www.youtube.com/watch?v=abc[/youtube]", "https://www.youtube.com/watch?v=abc"),
        ("[youtube id=\"xyz\"]", "https://www.youtube.com/watch?v=xyz"),
        ("[youtube id=”xyz”]", "https://www.youtube.com/watch?v=xyz"),
        ("[vimeo 12345]", "https://vimeo.com/12345"),
        ("[vimeo https://vimeo.com/12345 w=500]", "https://vimeo.com/12345"),
        ("[wpvideo AbC123]", "https://videopress.com/v/AbC123"),
        ("[soundcloud url=\"https://soundcloud.com/a/b\" width=\"100%\"]", "https://soundcloud.com/a/b"),
    ] {
        let (html, dropped) = expanded(text);
        assert!(dropped.is_empty(), "{text}: {dropped:?}");
        assert_eq!(markdown(&html), format!("<{address}>\n"), "{text}");
    }
    let (two, _) =
        expanded("[video src=\"https://a.example/a.mp4\"] x [video mp4=\"https://a.example/b.mp4\"][/video]");
    assert_eq!(markdown(&two), "<https://a.example/a.mp4>\n\nx\n\n<https://a.example/b.mp4>\n");
}

#[test]
fn code_is_kept_to_the_byte() {
    for (text, code) in [
        (
            "[code lang=\"php\"]\n<?php echo \"a < b & c\"; ?>\n[gallery]\n[/code]",
            "```php\n<?php echo \"a < b & c\"; ?>\n[gallery]\n```\n",
        ),
        (
            "[sourcecode language=\"html\"]\n<div><b>hi</b></div>\n<!-- c -->\n[/sourcecode]",
            "```html\n<div><b>hi</b></div>\n<!-- c -->\n```\n",
        ),
        (
            "[code]\nif (a &lt; b &amp;&amp; c) {\n\n\n  vector&lt;int&gt; v;\n[/code]",
            "```\nif (a < b && c) {\n\n\n  vector<int> v;\n```\n",
        ),
        ("[ruby]\nputs 1\n[/ruby]", "```ruby\nputs 1\n```\n"),
        (
            "<pre><?php vector<int> v; #include <stdio.h></pre>",
            "```\n<?php vector<int> v; #include <stdio.h>\n```\n",
        ),
        (
            "<pre class=\"wp-block-code\"><code>a &lt; b &amp;amp; <b>c</b></code></pre>",
            "```\na < b &amp; c\n```\n",
        ),
    ] {
        assert_eq!(markdown(&expanded(text).0), code, "{text}");
    }
}

#[test]
fn captions_and_galleries_keep_their_pictures() {
    let item = |id: u32, rest: &str| {
        format!(
            "<item><title>p</title><wp:post_id>{id}</wp:post_id><wp:post_type>attachment</wp:post_type>\
             <wp:attachment_url>https://a.example/{id}.jpg</wp:attachment_url>{rest}</item>"
        )
    };
    let text = format!(
        "<rss xmlns:wp=\"http://wordpress.org/export/1.3/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:excerpt=\"http://wordpress.org/export/1.3/excerpt/\"><channel>{}{}{}<item><title>a</title>\
         <wp:post_id>9</wp:post_id><wp:post_type>post</wp:post_type><wp:status>publish</wp:status><content:encoded>\
         <![CDATA[[gallery ids=\"3,1\"] [gallery] [caption width=\"3\"]<a href=\"https://a.example/b\"><img \
         src=\"https://a.example/s.jpg\"></a> The <em>view</em>[/caption]]]></content:encoded></item></channel></rss>",
        item(1, "<wp:post_parent>9</wp:post_parent><wp:menu_order>2</wp:menu_order>"),
        item(
            2,
            "<wp:post_parent>9</wp:post_parent><wp:menu_order>1</wp:menu_order><excerpt:encoded>둘</excerpt:encoded>"
        ),
        item(
            3,
            "<wp:postmeta><wp:meta_key>_wp_attachment_image_alt</wp:meta_key><wp:meta_value>셋</wp:meta_value></wp:postmeta>"
        ),
    );
    let (posts, _) = posts(&text);
    assert!(posts[0].notes.is_empty(), "{:?}", posts[0].notes);
    assert_eq!(
        markdown(&posts[0].html),
        "![셋](https://a.example/3.jpg)\n\n![](https://a.example/1.jpg)\n\n![](https://a.example/2.jpg)\n\n*둘*\n\n\
         ![](https://a.example/1.jpg)\n\n[![](https://a.example/s.jpg)](https://a.example/b)\n\n*The view*\n"
    );
}

#[test]
fn footnotes_and_recordings_of_the_custom_fields_are_kept() {
    let text = "<rss xmlns:wp=\"https://wordpress.org/export/1.2/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
        <channel><item><title>a</title><wp:post_type>post</wp:post_type><wp:status>publish</wp:status><content:encoded>\
        <![CDATA[<p>글<sup data-fn=\"abc\" class=\"fn\"><a href=\"#abc\" id=\"abc-link\">1</a></sup></p><!-- wp:footnotes /-->]]>\
        </content:encoded><wp:postmeta><wp:meta_key>footnotes</wp:meta_key><wp:meta_value><![CDATA[[{\"content\":\"<em>주</em>\",\
        \"id\":\"abc\"}]]]></wp:meta_value></wp:postmeta><wp:postmeta><wp:meta_key>enclosure</wp:meta_key><wp:meta_value>\
        <![CDATA[https://a.example/1.mp3\n123456\naudio/mpeg\na:0:{}]]></wp:meta_value></wp:postmeta></item></channel></rss>";
    let (posts, _) = posts(text);
    assert_eq!(markdown(&posts[0].html), "글[^1]\n\n[^1]: *주*\n");
    let enclosure = posts[0].enclosure.clone().unwrap();
    assert_eq!((enclosure.url.as_str(), enclosure.length), ("https://a.example/1.mp3", Some(123_456)));
    assert_eq!(enclosure.media_type.as_deref(), Some("audio/mpeg"));
}

#[test]
fn an_export_is_recognised_by_its_vocabulary() {
    for space in [
        "http://wordpress.org/export/1.0/",
        "https://wordpress.org/export/1.1/",
        "http://www.wordpress.org/export/1.2",
        "https://wordpress.org/export/2.0/",
        "urn:something-else",
    ] {
        let text = format!(
            "<rss xmlns:wp=\"{space}\"><channel><item><title>a</title><wp:post_type>post</wp:post_type>\
             <wp:status>publish</wp:status></item></channel></rss>"
        );
        assert_eq!(posts(&text).0.len(), 1, "{space}");
        let joined = format!("{text}\n<?xml version=\"1.0\"?>{text}");
        assert_eq!(posts(&joined).0.len(), 2, "two files, one behind the other");
    }
}

#[test]
fn a_file_that_is_not_a_complete_export_is_refused() {
    let refusal = |text: &str| overview(text.as_bytes(), "a.xml", None).unwrap_err().to_string();
    assert!(
        refusal("<rss><channel><item><title>a</title></item></channel></rss>")
            .contains("not a WordPress export")
    );
    let half = &EXPORT[..EXPORT.find("둘째 글").unwrap()];
    assert!(refusal(half).contains("not well-formed XML"), "{}", refusal(half));
}

proptest! {
    #[test]
    fn no_text_breaks_the_shortcodes(text in "(\\[|\\]|/|<pre>|</pre>|<code |caption|gallery|=\"|\"|[a-z가 ]){0,40}") {
        let _ = expanded(&text);
    }
}
