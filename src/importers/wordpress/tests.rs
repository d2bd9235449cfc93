//! An export with everything that sites contain.

use proptest::prelude::*;

use super::*;

const EXPORT: &str = include_str!("../../../tests/data/foreign/wordpress.xml");

fn posts(text: &str) -> (Vec<ImportedPost>, Vec<String>) {
    let overview = overview(text.as_bytes(), "export.xml").unwrap();
    let (mut posts, mut rest) = (Vec::new(), Vec::new());
    items(text.as_bytes(), "export.xml", &overview, Tz::Asia__Seoul, &mut |item| match item {
        Item::Post(post) => posts.push(*post),
        Item::Other(kind) => rest.push(kind),
        Item::LeftOut(title, why) => rest.push(format!("{title}: {why}")),
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

#[test]
fn shortcodes_are_removed_and_reported_and_brackets_stay() {
    for (text, html, dropped) in [
        ("[gallery ids=\"1,2\"]글", "글", vec!["gallery"]),
        ("[caption id=\"a\"]<img src=a> 설명[/caption]", "<figure><img src=a> 설명</figure>", vec![]),
        ("[vc_row][vc_column]글[/vc_column][/vc_row]", "글", vec!["vc_row", "vc_column"]),
        ("[1] [sic] a[i] [참고] [see below]", "[1] [sic] a[i] [참고] [see below]", vec![]),
        ("<pre>[gallery]</pre> <code>a[b]</code>", "<pre>[gallery]</pre> <code>a[b]</code>", vec![]),
        ("[embed]https://a.example/v[/embed]", "\nhttps://a.example/v\n", vec![]),
        (
            "[audio mp3=\"https://a.example/s.mp3\"][/audio]",
            "<audio src=\"https://a.example/s.mp3\"></audio>",
            vec![],
        ),
        ("[code language=\"rust\"]x[/code]", "<pre class=\"language-rust\">x</pre>", vec![]),
        ("[box]글[/box] [unclosed", "글 [unclosed", vec!["box"]),
    ] {
        let (expanded, names) = shortcodes::expand(text);
        assert_eq!(
            (expanded.as_str(), names),
            (html, dropped.into_iter().map(str::to_owned).collect()),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_not_a_complete_export_is_refused() {
    let refusal = |text: &str| overview(text.as_bytes(), "a.xml").unwrap_err().to_string();
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
        let _ = shortcodes::expand(&text);
    }
}
