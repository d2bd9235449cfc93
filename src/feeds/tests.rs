//! What the three formats must say alike, byte for byte what they say, and that nothing in a title can break them.
//!
//! The golden files are `tests/data/feeds/*.snap.*`; `INSTA_UPDATE=always cargo test --lib feeds` renews them.

use std::collections::BTreeSet;

use camino::Utf8Path;
use feed_rs::model;
use insta::assert_binary_snapshot;
use proptest::prelude::*;

use super::*;
use crate::archive::{Archive, Post};
use crate::config::Content;
use crate::text::{HeaderText, XmlText};

fn read(document: &Document) -> model::Feed {
    feed_rs::parser::Builder::new()
        .sanitize_content(false)
        .build()
        .parse(document.bytes.as_slice())
        .unwrap_or_else(|error| panic!("{}: {error}\n{}", document.path, text(document)))
}

fn text(document: &Document) -> String {
    String::from_utf8(document.bytes.clone()).unwrap()
}

fn find<'a>(documents: &'a [Document], path: &str) -> &'a Document {
    documents.iter().find(|document| document.path == path).unwrap()
}

fn json(document: &Document) -> serde_json::Value {
    serde_json::from_slice(&document.bytes).unwrap()
}

fn of(posts: Vec<Post>) -> Archive {
    Archive { posts, ..Archive::default() }
}

#[test]
fn the_golden_files_say_what_readers_get() {
    let documents = render_all(&specimen::archive(), &specimen::full_config());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/data/feeds");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let bytes = |path| find(&documents, path).bytes.clone();
    settings.bind(|| {
        assert_binary_snapshot!("rss.xml", bytes("rss.xml"));
        assert_binary_snapshot!("atom.xml", bytes("atom.xml"));
        assert_binary_snapshot!("feed.json", bytes("feed.json"));
        assert_binary_snapshot!("technology-rss.xml", bytes("categories/기술/rss.xml"));
        assert_binary_snapshot!("technology-atom.xml", bytes("categories/기술/atom.xml"));
        assert_binary_snapshot!("technology-feed.json", bytes("categories/기술/feed.json"));
    });
}

#[test]
fn every_category_has_a_folder_of_its_own() {
    let documents = render_all(&specimen::archive(), &specimen::full_config());
    let folders: BTreeSet<&str> =
        documents.iter().map(|document| document.path.parent().map_or("", Utf8Path::as_str)).collect();
    let expected = [
        "",
        "categories/C++~~2",
        "categories/a_b_c",
        "categories/a~2Fb_c",
        "categories/c++",
        "categories/기술",
    ];
    assert_eq!(folders, BTreeSet::from(expected));
    let paths: BTreeSet<&Utf8Path> = documents.iter().map(|document| document.path.as_path()).collect();
    assert_eq!(paths.len(), 3 * expected.len());
}

/// Id, title, link, both dates, content.
type Essence = (String, String, String, Option<String>, Option<String>, Option<String>);

fn essence(entry: &model::Entry) -> Essence {
    let date = |date: Option<chrono::DateTime<chrono::Utc>>| date.map(|date| date.to_rfc3339());
    (
        entry.id.clone(),
        entry.title.as_ref().unwrap().content.clone(),
        entry.links[0].href.clone(),
        date(entry.published),
        date(entry.updated.filter(|updated| Some(*updated) != entry.published)),
        entry.content.as_ref().and_then(|content| content.body.clone()).filter(|body| !body.is_empty()),
    )
}

#[test]
fn the_three_formats_carry_the_same_entries() {
    let archive = specimen::archive();
    let documents = render_all(&archive, &specimen::full_config());
    let [rss, atom, json] = ["rss.xml", "atom.xml", "feed.json"].map(|path| {
        let feed = read(find(&documents, path));
        feed.entries.iter().map(essence).collect::<Vec<_>>()
    });
    assert_eq!(atom, json);
    for ((rss, atom), post) in rss.iter().zip(&atom).zip(&archive.posts) {
        assert_eq!(
            (&rss.0, &rss.1, &rss.2, &rss.3),
            (&post.id, &post.title.to_string(), &post.url.to_string(), &atom.3)
        );
        assert_eq!(rss.5, atom.5);
        assert_eq!((&atom.0, &atom.1, &atom.2), (&rss.0, &rss.1, &rss.2));
    }
}

#[test]
fn the_update_of_an_rss_item_stands_in_it_and_dates_the_feed() {
    let documents = render_all(&specimen::archive(), &specimen::full_config());
    let rss = text(find(&documents, "rss.xml"));
    assert_eq!(rss.matches("<atom:updated>2024-05-08T09:30:00+09:00</atom:updated>").count(), 1);
    assert!(rss.contains("<lastBuildDate>Wed, 08 May 2024 09:30:00 +0900</lastBuildDate>"));
    let elsewhere = text(find(&documents, "categories/c++/rss.xml"));
    assert!(
        elsewhere.contains("<lastBuildDate>Fri, 03 May 2024 00:00:01 -0530</lastBuildDate>"),
        "{elsewhere}"
    );
}

#[test]
fn plain_text_in_rss_uses_hexadecimal_references_and_nothing_else_does() {
    let rss = text(&render_all(&specimen::archive(), &specimen::full_config())[0]);
    assert!(rss.contains("<title>A &#x26; B: &#x3C;b&#x3E;굵게&#x3C;/b&#x3E; ]]&#x3E; &#x26;copy; "));
    assert!(rss.contains("<dc:creator>R. &#x26; D. &#x3C;팀&#x3E;</dc:creator>"));
    assert!(rss.contains("<url>https://example.com/logo.png?a=1&amp;b=2</url>"));
    assert!(rss.contains("<description><![CDATA[a &lt; b &amp;&amp; c &gt; d ]]&gt; 요약]]></description>"));
}

#[test]
fn a_feed_without_posts_is_a_feed() {
    let documents = render_all(&Archive::default(), &specimen::full_config());
    assert_eq!(documents.len(), 3);
    assert_eq!(lint::check(&documents), []);
    assert!(documents.iter().all(|document| read(document).entries.is_empty()));
    assert_eq!(json(find(&documents, "feed.json"))["items"], serde_json::json!([]));
}

#[test]
fn a_site_of_two_keys_has_feeds_that_name_its_title_as_the_author() {
    let documents = render_all(&of(vec![specimen::post(1, "글")]), &specimen::config(""));
    assert_eq!(lint::check(&documents), []);
    let atom = read(find(&documents, "atom.xml"));
    assert_eq!(atom.authors[0].name.as_deref(), Some("글 & <그림>"));
    assert_eq!(read(find(&documents, "rss.xml")).description.unwrap().content, "글 & <그림>");
}

#[test]
fn feeds_of_summaries_carry_no_content_but_what_json_requires() {
    let mut config = specimen::full_config();
    config.feeds.content = Content::Summary;
    let documents = render_all(&specimen::archive(), &config);
    assert_eq!(lint::check(&documents), []);
    assert!(!text(find(&documents, "rss.xml")).contains("<content:encoded>"));
    assert!(!text(find(&documents, "atom.xml")).contains("<content"));
    let item = &json(find(&documents, "feed.json"))["items"][0];
    assert_eq!(item["content_text"], "a < b && c > d ]]> 요약");
    assert!(item.get("content_html").is_none());
}

#[test]
fn a_feed_holds_the_newest_entries_and_a_format_named_twice_is_written_once() {
    let mut config = specimen::full_config();
    config.feeds.entries = 2;
    config.feeds.formats = vec![Format::Json, Format::Json];
    let documents = render_all(&specimen::archive(), &config);
    let site = json(find(&documents, "feed.json"));
    assert_eq!(site["items"].as_array().unwrap().len(), 2);
    assert!(site["items"][0]["title"].as_str().unwrap().starts_with("A & B"));
    let paths: BTreeSet<&Utf8Path> = documents.iter().map(|document| document.path.as_path()).collect();
    assert_eq!(paths.len(), documents.len());
}

#[test]
fn the_same_archive_gives_the_same_bytes() {
    let (archive, config) = (specimen::archive(), specimen::full_config());
    assert_eq!(render_all(&archive, &config), render_all(&archive, &config));
}

#[test]
fn illegal_characters_in_the_description_of_the_site_reach_no_feed() {
    let config = specimen::config("description = \"a\\u0001\\u0002\\u0003b\\uFFFEc\"\n");
    let documents = render_all(&of(vec![specimen::post(1, "글")]), &config);
    assert_eq!(lint::check(&documents), []);
    assert_eq!(read(&documents[0]).description.unwrap().content, "abc");
}

fn any_title() -> impl Strategy<Value = HeaderText> {
    let hostile =
        "[&<>\"'\\]!\\[a-z;#x0-9 가-힣\u{1F468}\u{200D}]{1,24}|(&amp;|]]>|<!\\[CDATA\\[|&#x26;|<b>|글){1,5}";
    prop_oneof![any::<String>(), hostile].prop_filter_map("a title", |raw| HeaderText::lossy(&raw))
}

proptest! {
    #[test]
    fn any_title_survives_all_three_formats(title in any_title(), category in any_title()) {
        let mut post = specimen::post(1, "글");
        post.title = title.clone();
        post.categories = vec![category.clone()];
        post.summary = Some(XmlText::clean(title.as_str()).0);
        post.body = XmlText::clean(&format!("`{}`", title.as_str().replace('`', ""))).0;
        let body = crate::archive::markdown::render(&post).0.html;
        let documents = render_all(&of(vec![post]), &specimen::config(""));
        prop_assert_eq!(lint::check(&documents).into_iter().filter(|finding| finding.rule != "feed-relative-url").collect::<Vec<_>>(), []);

        let rss = ::rss::Channel::read_from(documents[0].bytes.as_slice()).unwrap();
        prop_assert_eq!(rss.items[0].title.as_deref(), Some(title.as_str()));
        prop_assert_eq!(rss.items[0].content.as_deref(), Some(body.as_str()));
        let atom = atom_syndication::Feed::read_from(documents[1].bytes.as_slice()).unwrap();
        prop_assert_eq!(atom.entries[0].title.value.as_str(), title.as_str());
        prop_assert_eq!(atom.entries[0].summary.as_ref().unwrap().value.as_str(), title.as_str());
        prop_assert_eq!(atom.entries[0].content.as_ref().unwrap().value.as_deref(), Some(body.as_str()));
        let item = &json(&documents[2])["items"][0];
        prop_assert_eq!(item["title"].as_str(), Some(title.as_str()));
        prop_assert_eq!(item["content_html"].as_str(), Some(body.as_str()));
        let category: String = unicode_normalization::UnicodeNormalization::nfc(category.as_str()).collect();
        prop_assert_eq!(rss.items[0].categories[0].name.as_str(), category.as_str());
    }
}
