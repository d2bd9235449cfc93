//! An export with one post in HTML, and others in the editors' own formats.

use proptest::prelude::*;

use super::*;
use crate::importers::html::{HtmlOptions, to_markdown};

const EXPORT: &str = include_str!("../../../tests/data/foreign/ghost.json");

fn exported(text: &str) -> Exported {
    let site = Url::parse("https://letters.example/").unwrap();
    read(text.as_bytes(), "ghost.json", Place { site: &site, zone: Tz::Asia__Seoul, pages: false }).unwrap()
}

fn markdown(post: &ImportedPost) -> String {
    to_markdown(&post.html, HtmlOptions::default()).markdown
}

#[test]
fn a_post_keeps_its_id_its_names_and_its_time() {
    let exported = exported(EXPORT);
    let first = &exported.posts[0];
    assert_eq!(first.id.as_deref(), Some("6630a1b2c3d4e5f601234567"));
    assert_eq!(first.link.as_deref(), Some("https://letters.example/slow/"));
    assert_eq!(first.published.unwrap().to_rfc3339(), "2024-05-01T09:00:00+09:00");
    assert_eq!(
        (first.authors.join(","), first.tags.join(",")),
        ("김민준,이서연".to_owned(), "편지".to_owned())
    );
    assert_eq!(first.image.as_deref(), Some("https://letters.example/content/images/a.jpg"));
    assert!(markdown(first).contains("[소개](https://letters.example/about/)"));
    assert_eq!((exported.pages, exported.left_out.len()), (1, 1));
}

#[test]
fn paid_posts_become_drafts() {
    let post = &exported(EXPORT).posts[1];
    assert!(post.draft && post.notes[0].1.contains("members"), "{post:?}");
}

#[test]
fn drafts_pages_and_email_only_posts_are_not_published() {
    let post = |fields: &str| {
        let text = format!(
            "{{\"db\": [{{\"data\": {{\"posts\": [{{\"id\": \"1\", \"title\": \"a\", \"html\": \"x\", {fields}}}]}}}}]}}"
        );
        exported(&text)
    };
    let dated = "\"published_at\": \"2024-02-01T15:30:00.000Z\"";
    for fields in [
        "\"status\": \"draft\"".to_owned(),
        dated.to_owned(),
        format!("\"status\": \"draft\", {dated}"),
        "\"status\": \"published\"".to_owned(),
        format!("\"status\": \"published\", \"visibility\": \"paid\", {dated}"),
        format!("\"status\": \"published\", \"visibility\": \"tiers\", {dated}"),
    ] {
        let posts = post(&fields).posts;
        assert!(posts.len() == 1 && posts[0].draft, "{fields}: {posts:?}");
    }
    let published = post(&format!("\"status\": \"published\", \"visibility\": \"public\", {dated}"));
    assert!(!published.posts[0].draft);
    assert_eq!(post(&format!("\"status\": \"published\", \"type\": \"page\", {dated}")).pages, 1);
    let only_mailed = post(&format!("\"status\": \"sent\", {dated}"));
    assert!(only_mailed.posts.is_empty() && only_mailed.left_out.len() == 1);
    let by_its_flag = format!(
        "{{\"db\": [{{\"data\": {{\"posts\": [{{\"id\": \"2\", \"html\": \"x\", \"status\": \"published\", {dated}}}], \
          \"posts_meta\": [{{\"post_id\": \"2\", \"email_only\": 1}}]}}}}]}}"
    );
    assert!(exported(&by_its_flag).posts.is_empty());
}

#[test]
fn lexical_and_mobiledoc_are_converted_if_there_is_no_html() {
    let exported = exported(EXPORT);
    assert_eq!(
        markdown(&exported.posts[1]),
        "### 제목\n\n***둘 다***\\\n[a \\< b](https://a.example/)\n\n1. `x`\n\n![그림](https://letters.example/b.png)\n\n*설명*\n\n**md**\n\n```rust\nfn a() {}\n```\n"
    );
    assert!(exported.posts[1].notes[1].1.contains("signup, paywall"), "{:?}", exported.posts[1].notes);
    assert_eq!(
        markdown(&exported.posts[2]),
        "**굵게**는\\\n[고리](https://a.example/)\n\n- 하나\n\n---\n\n[책](https://b.example/)\n"
    );
}

#[test]
fn cards_of_the_editors_read_like_those_of_the_page() {
    let page = Url::parse("https://letters.example/").unwrap();
    for (kind, fields, expected) in [
        (
            "audio",
            serde_json::json!({"src": "https://a.example/a.mp3", "title": "말"}),
            "[말](https://a.example/a.mp3)\n",
        ),
        (
            "bookmark",
            serde_json::json!({"url": "https://b.example/", "metadata": {"title": "책", "description": "소개"}, "caption": "c"}),
            "[책](https://b.example/)\n\n소개\n\n*c*\n",
        ),
        (
            "file",
            serde_json::json!({"src": "https://a.example/x.pdf", "fileTitle": "X", "fileCaption": "c"}),
            "[X](https://a.example/x.pdf)\n\nc\n",
        ),
        (
            "product",
            serde_json::json!({"productTitle": "P", "productDescription": "<p>d</p>", "productRatingEnabled": true,
                "productStarRating": 4, "productButton": "Buy", "productUrl": "https://b.example"}),
            "**P**\n\n★★★★☆\n\nd\n\n[Buy](https://b.example){.button}\n",
        ),
        (
            "email-cta",
            serde_json::json!({"html": "<p>t</p>", "showButton": true, "buttonText": "Go", "buttonUrl": "https://b.example"}),
            "t\n\n[Go](https://b.example){.button}\n",
        ),
        (
            "header",
            serde_json::json!({"header": "H", "subheader": "s", "buttonEnabled": false}),
            "## H\n\ns\n",
        ),
        ("callout", serde_json::json!({"calloutEmoji": "💡", "calloutText": "<b>b</b>"}), "> 💡 **b**\n"),
        ("toggle", serde_json::json!({"heading": "T", "content": "<p>c</p>"}), "**T**\n\nc\n"),
        (
            "button",
            serde_json::json!({"buttonText": "Go", "buttonUrl": "https://b.example"}),
            "[Go](https://b.example){.button}\n",
        ),
    ] {
        let html = cards::card(kind, &fields, &page).unwrap();
        let written =
            crate::importers::html::to_markdown(&html, crate::importers::html::HtmlOptions::default());
        assert_eq!(written.markdown, expected, "{kind}");
    }
}

#[test]
fn a_file_that_is_not_an_export_is_refused() {
    let site = Url::parse("https://letters.example/").unwrap();
    for text in ["{}", "[]", "{\"db\": [", "<rss/>", "{\"db\": []}"] {
        assert!(
            read(text.as_bytes(), "a.json", Place { site: &site, zone: Tz::UTC, pages: false }).is_err(),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn no_document_breaks_the_converters(text in "(\\{|\\}|\\[|\\]|,|:|\"root\"|\"children\"|\"type\"|\"text\"|\"sections\"|\"markups\"|1|3|10|\"p\"){0,30}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let page = Url::parse("https://a.example/").unwrap();
            let _ = lexical::html(&value, &page, &mut Distinct::default());
            let _ = mobiledoc::html(&value, &page, &mut Distinct::default());
        }
    }
}
