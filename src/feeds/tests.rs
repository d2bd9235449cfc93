//! The three formats agree, have exactly the expected bytes, and survive any title.
//!
//! The golden files are `tests/data/feeds/*.snap.*`; `INSTA_UPDATE=always cargo test --lib feeds` renews them.

use std::collections::{BTreeSet, HashSet};

use camino::Utf8Path;
use feed_rs::model;
use insta::assert_binary_snapshot;
use proptest::prelude::*;

use super::*;
use crate::archive::{Archive, Enclosure, Episode, EpisodeKind, Post, Tombstone, Transcript};
use crate::config::{ByteSize, Content, Format, GroupBy};
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
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
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
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
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
    assert_eq!(
        paths.len(),
        4 * expected.len() + 2,
        "three formats and a page each; a style sheet and a list"
    );
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
    let archive = fixtures::archive();
    let documents = fixtures::render(&archive, &fixtures::full_config());
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
fn an_rss_item_contains_its_update_which_dates_the_feed() {
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
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
    let rss = text(&fixtures::render(&fixtures::archive(), &fixtures::full_config())[0]);
    assert!(rss.contains("<title>A &#x26; B: &#x3C;b&#x3E;굵게&#x3C;/b&#x3E; ]]&#x3E; &#x26;copy; "));
    assert!(rss.contains("<dc:creator>R. &#x26; D. &#x3C;팀&#x3E;</dc:creator>"));
    assert!(rss.contains("<url>https://example.com/logo.png?a=1&amp;b=2</url>"));
    assert!(rss.contains("<description><![CDATA[a &lt; b &amp;&amp; c &gt; d ]]&gt; 요약]]></description>"));
}

#[test]
fn a_feed_without_posts_is_a_feed() {
    let mut config = fixtures::full_config();
    config.feeds.companion = false;
    let mut documents = fixtures::render(&Archive::default(), &config);
    assert_eq!(documents.pop().unwrap().path, "feeds.opml");
    assert_eq!(documents.len(), 3);
    assert_eq!(lint::check(&documents), []);
    assert!(documents.iter().all(|document| read(document).entries.is_empty()));
    assert_eq!(json(find(&documents, "feed.json"))["items"], serde_json::json!([]));
}

#[test]
fn a_minimal_site_names_its_title_as_the_author() {
    let documents = fixtures::render(&of(vec![fixtures::post(1, "글")]), &fixtures::config(""));
    assert_eq!(lint::check(&documents), []);
    let atom = read(find(&documents, "atom.xml"));
    assert_eq!(atom.authors[0].name.as_deref(), Some("글 & <그림>"));
    assert_eq!(read(find(&documents, "rss.xml")).description.unwrap().content, "글 & <그림>");
}

#[test]
fn summary_feeds_have_no_content_except_where_json_feed_requires_it() {
    let mut config = fixtures::full_config();
    config.feeds.content = Content::Summary;
    let documents = fixtures::render(&fixtures::archive(), &config);
    assert_eq!(lint::check(&documents), []);
    assert!(!text(find(&documents, "rss.xml")).contains("<content:encoded>"));
    assert!(!text(find(&documents, "atom.xml")).contains("<content"));
    let item = &json(find(&documents, "feed.json"))["items"][0];
    assert_eq!(item["content_text"], "a < b && c > d ]]> 요약");
    assert!(item.get("content_html").is_none());
}

#[test]
fn a_feed_contains_the_newest_entries_and_a_repeated_format_is_written_once() {
    let mut config = fixtures::full_config();
    config.feeds.entries = 2;
    config.feeds.formats = vec![Format::Json, Format::Json];
    let documents = fixtures::render(&fixtures::archive(), &config);
    let site = json(find(&documents, "feed.json"));
    assert_eq!(site["items"].as_array().unwrap().len(), 2);
    assert!(site["items"][0]["title"].as_str().unwrap().starts_with("A & B"));
    let paths: BTreeSet<&Utf8Path> = documents.iter().map(|document| document.path.as_path()).collect();
    assert_eq!(paths.len(), documents.len());
}

#[test]
fn the_same_archive_gives_the_same_bytes() {
    let (archive, config) = (fixtures::archive(), fixtures::full_config());
    assert_eq!(fixtures::render(&archive, &config), fixtures::render(&archive, &config));
}

#[test]
fn illegal_characters_in_the_description_of_the_site_reach_no_feed() {
    let config = fixtures::config("description = \"a\\u0001\\u0002\\u0003b\\uFFFEc\"\n");
    let documents = fixtures::render(&of(vec![fixtures::post(1, "글")]), &config);
    assert_eq!(lint::check(&documents), []);
    assert_eq!(read(&documents[0]).description.unwrap().content, "abc");
}

/// A recording of a post.
pub(super) fn recording() -> Enclosure {
    Enclosure {
        url: "https://cdn.example/1.mp3?a=1&b=2".parse().unwrap(),
        length: 4321,
        media_type: "audio/mpeg".into(),
        file: None,
        episode: Episode {
            duration: Some(3723),
            number: Some(3),
            season: None,
            kind: Some(EpisodeKind::Bonus),
            explicit: Some(true),
            transcript: Some(Transcript {
                url: "https://cdn.example/1.vtt".parse().unwrap(),
                media_type: "text/vtt",
            }),
            ..Episode::default()
        },
    }
}

#[test]
fn an_enclosure_has_its_length_and_type_in_every_format() {
    let mut post = fixtures::post(1, "글");
    post.enclosures = vec![recording()];
    let documents = fixtures::render(&of(vec![post]), &fixtures::config(""));
    assert_eq!(lint::check(&documents), []);
    let rss = ::rss::Channel::read_from(find(&documents, "rss.xml").bytes.as_slice()).unwrap();
    let enclosure = rss.items[0].enclosure.as_ref().unwrap();
    assert_eq!(
        (enclosure.url.as_str(), enclosure.length.as_str(), enclosure.mime_type.as_str()),
        ("https://cdn.example/1.mp3?a=1&b=2", "4321", "audio/mpeg")
    );
    let atom = atom_syndication::Feed::read_from(find(&documents, "atom.xml").bytes.as_slice()).unwrap();
    let link = atom.entries[0].links.iter().find(|link| link.rel == "enclosure").unwrap();
    assert_eq!((link.length.as_deref(), link.mime_type.as_deref()), (Some("4321"), Some("audio/mpeg")));
    let attachment = &json(find(&documents, "feed.json"))["items"][0]["attachments"][0];
    assert_eq!(attachment["size_in_bytes"], 4321);
    assert_eq!(attachment["duration_in_seconds"], 3723);
}

#[test]
fn a_podcast_has_what_directories_ask_for_and_only_its_episodes() {
    let text = "[site]\ntitle = \"글\"\nurl = \"https://example.com/\"\nlanguage = \"ko\"\nauthor = { name = \"김하늘 & 팀\" }\n\
                [podcast]\ntitle = \"소리 & 글\"\nimage = \"https://example.com/c.jpg\"\ncategories = [\"Society & Culture / Documentary\"]\n\
                email = \"p@example.com\"\nfunding = \"https://example.com/pay\"\nlocked = true\n";
    let config = crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap();
    let mut episode = fixtures::post(2, "소리");
    episode.enclosures = vec![recording()];
    let mut paper = fixtures::post(3, "종이");
    paper.enclosures = vec![Enclosure { media_type: "application/pdf".into(), ..recording() }];
    let documents = fixtures::render(&of(vec![paper, episode, fixtures::post(1, "글")]), &config);
    assert_eq!(lint::check(&documents), []);
    let rss = ::rss::Channel::read_from(find(&documents, "podcast/rss.xml").bytes.as_slice()).unwrap();
    assert_eq!((rss.title.as_str(), rss.items.len()), ("소리 & 글", 1));
    let itunes = rss.itunes_ext.as_ref().unwrap();
    assert_eq!(itunes.author.as_deref(), Some("김하늘 & 팀"));
    assert_eq!(itunes.categories[0].text, "Society & Culture");
    assert_eq!(itunes.categories[0].subcategory.as_ref().unwrap().text, "Documentary");
    assert_eq!((itunes.explicit.as_deref(), itunes.r#type.as_deref()), (Some("false"), Some("episodic")));
    assert_eq!(itunes.image.as_deref(), Some("https://example.com/c.jpg"));
    let podcast = &rss.extensions["podcast"];
    assert_eq!(podcast["locked"][0].value.as_deref(), Some("yes"));
    assert_eq!(podcast["guid"][0].value.as_ref().unwrap().len(), 36);
    assert_eq!(podcast["funding"][0].attrs["url"], "https://example.com/pay");
    let item = rss.items[0].itunes_ext.as_ref().unwrap();
    assert_eq!((item.duration.as_deref(), item.episode.as_deref()), (Some("3723"), Some("3")));
    assert_eq!((item.explicit.as_deref(), item.episode_type.as_deref()), (Some("true"), Some("bonus")));
    assert_eq!(rss.items[0].extensions["podcast"]["transcript"][0].attrs["type"], "text/vtt");
    let site = ::rss::Channel::read_from(find(&documents, "rss.xml").bytes.as_slice()).unwrap();
    assert!(site.itunes_ext.is_none() && site.items.len() == 3);
}

#[test]
fn what_was_taken_back_is_named_in_atom_and_dates_the_feed() {
    let mut archive = of(vec![fixtures::post(1, "글")]);
    let at = archive.posts[0].published + chrono::TimeDelta::days(9);
    archive.tombstones = vec![Tombstone { id: "https://example.com/?a=1&b=<2>".into(), at }];
    let documents = fixtures::render(&archive, &fixtures::config(""));
    assert_eq!(lint::check(&documents), []);
    let atom = atom_syndication::Feed::read_from(find(&documents, "atom.xml").bytes.as_slice()).unwrap();
    let gone = &atom.extensions["at"]["deleted-entry"][0];
    assert_eq!(gone.attrs["ref"], "https://example.com/?a=1&b=<2>");
    assert_eq!(gone.attrs["when"], "2024-05-10T09:30:00+09:00");
    assert_eq!(atom.updated, at);
}

#[test]
fn hubs_answers_and_pictures_stand_in_every_format_that_has_a_place_for_them() {
    let mut config = fixtures::config("");
    config.feeds.hubs = vec![url::Url::parse("https://kim:hunter2@hub.example/?a=1&b=2").unwrap().into()];
    let (mut post, other) = (fixtures::post(2, "글"), fixtures::post(1, "앞의 글"));
    post.image = Some("https://example.com/a.png?b=1&c=2".parse().unwrap());
    post.in_reply_to = vec![other.url.clone(), "https://other.example/?a=1&b=2".parse().unwrap()];
    let documents = fixtures::render(&of(vec![post, other]), &config);
    assert_eq!(lint::check(&documents), []);
    let rss = ::rss::Channel::read_from(find(&documents, "rss.xml").bytes.as_slice()).unwrap();
    let links = &rss.atom_ext.as_ref().unwrap().links;
    assert!(links.iter().any(|link| link.rel == "hub" && link.href == "https://hub.example/?a=1&b=2"));
    let atom = atom_syndication::Feed::read_from(find(&documents, "atom.xml").bytes.as_slice()).unwrap();
    assert!(atom.links.iter().any(|link| link.rel == "hub" && link.href == "https://hub.example/?a=1&b=2"));
    assert_eq!(json(find(&documents, "feed.json"))["hubs"][0]["type"], "WebSub");
    let expected = ["tag:example.com,2024:1", "https://other.example/?a=1&b=2"];
    let answers = |of: &dyn Fn(usize) -> String| [of(0), of(1)];
    assert_eq!(
        answers(&|at| rss.items[0].extensions["thr"]["in-reply-to"][at].attrs["ref"].clone()),
        expected
    );
    assert_eq!(
        answers(&|at| atom.entries[0].extensions["thr"]["in-reply-to"][at].attrs["ref"].clone()),
        expected
    );
    for picture in [
        &rss.items[0].extensions["media"]["thumbnail"][0].attrs["url"],
        &atom.entries[0].extensions["media"]["thumbnail"][0].attrs["url"],
    ] {
        assert_eq!(picture, "https://example.com/a.png?b=1&c=2");
    }
}

#[test]
fn an_entry_names_its_language_where_it_is_not_that_of_its_feed() {
    let mut config = fixtures::full_config();
    config.feeds.by = vec![GroupBy::Language];
    let documents = fixtures::render(&fixtures::archive(), &config);
    assert_eq!(lint::check(&documents), []);
    let of = |path: &str| json(find(&documents, path));
    assert_eq!(of("feed.json")["language"], "ko");
    assert_eq!(of("feed.json")["items"][3]["language"], "ja");
    assert_eq!(of("languages/ja/feed.json")["language"], "ja");
    assert!(of("languages/ja/feed.json")["items"][0].get("language").is_none());
    let rss = text(find(&documents, "rss.xml"));
    assert!(
        rss.contains("<language>ko</language>") && rss.matches("<dc:language>ja</dc:language>").count() == 1
    );
    let rss = text(find(&documents, "languages/ja/rss.xml"));
    assert!(rss.contains("<language>ja</language>") && !rss.contains("<dc:language>"));
    let atom = text(find(&documents, "atom.xml"));
    assert!(atom.contains("<title xml:lang=\"ja\">日本語の記事</title>"), "{atom}");
    assert!(text(find(&documents, "languages/ja/atom.xml")).contains("xml:lang=\"ja\">\n <title>"));
}

/// Fifty posts of a thousand bytes, newest first.
fn fifty() -> Archive {
    let post = |number: i64| {
        let mut post = fixtures::post(1, &format!("글 {number}"));
        post.id = format!("urn:x:{number}");
        post.url = format!("https://example.com/{number}/").parse().unwrap();
        post.published += chrono::TimeDelta::days(number);
        post.updated = post.published;
        post.body = XmlText::clean(&"글 ".repeat(250)).0;
        post
    };
    of((0..50).rev().map(post).collect())
}

#[test]
fn a_feed_leads_to_its_archive_page_by_page_and_together_they_hold_everything() {
    let (archive, mut config) = (fifty(), fixtures::config(""));
    config.feeds.entries = 4;
    config.feeds.budget = ByteSize::parse("12 KB").unwrap();
    let documents = fixtures::render(&archive, &config);
    assert_eq!(lint::check(&documents), []);
    let mut found = BTreeSet::new();
    let mut at = "https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/feed.json".to_owned();
    let mut pages = 0;
    loop {
        let path = at.strip_prefix("https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/").unwrap();
        let feed = json(find(&documents, path));
        found.extend(feed["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
        let xml = path.replace("feed.json", "atom.xml");
        let atom = atom_syndication::Feed::read_from(find(&documents, &xml).bytes.as_slice()).unwrap();
        let link = |rel: &str| atom.links.iter().find(|link| link.rel == rel).map(|link| link.href.clone());
        assert_eq!(atom.extensions.get("fh").is_some_and(|fh| fh.contains_key("archive")), pages > 0);
        assert_eq!(link("current").is_some(), pages > 0);
        let rss = ::rss::Channel::read_from(find(&documents, &xml.replace("atom", "rss")).bytes.as_slice())
            .unwrap();
        let rss_link = rss.atom_ext.unwrap().links.into_iter().find(|link| link.rel == "prev-archive");
        let next = feed["next_url"].as_str().map(str::to_owned);
        assert_eq!(link("prev-archive"), next.as_ref().map(|url| url.replace("feed.json", "atom.xml")));
        assert_eq!(
            rss_link.map(|link| link.href),
            next.as_ref().map(|url| url.replace("feed.json", "rss.xml"))
        );
        let Some(next) = next else { break };
        (at, pages) = (next, pages + 1);
    }
    assert_eq!((found.len(), pages), (50, 4));
    let first = text(find(&documents, "archive/1/atom.xml"));
    assert!(first.contains("rel=\"next-archive\"") && !first.contains("rel=\"prev-archive\""));
}

#[test]
fn a_small_feed_is_marked_as_complete() {
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
    assert!(text(find(&documents, "rss.xml")).contains("<fh:complete></fh:complete>"));
    assert!(text(find(&documents, "atom.xml")).contains("<fh:complete></fh:complete>"));
    let mut config = fixtures::full_config();
    config.feeds.entries = 5;
    config.feeds.archive = false;
    let documents = fixtures::render(&fixtures::archive(), &config);
    assert!(!text(find(&documents, "rss.xml")).contains("<fh:complete>"));
}

/// How many entries the feed has, and how many of them whole, which are the newest ones; the same in each format.
fn in_full(documents: &[Document]) -> (usize, usize) {
    let items = json(find(documents, "feed.json"))["items"].as_array().unwrap().clone();
    let rss = text(find(documents, "rss.xml"));
    let full = items.iter().filter(|item| item.get("content_html").is_some()).count();
    assert_eq!(rss.matches("<content:encoded>").count(), full);
    assert_eq!(text(find(documents, "atom.xml")).matches("<content type").count(), full);
    assert!(items[..full].iter().all(|item| item.get("content_html").is_some()), "the newest ones");
    (items.len(), full)
}

#[test]
fn over_its_budget_a_feed_has_fewer_entries_all_of_them_whole_and_its_archive_has_the_rest() {
    let (archive, mut config) = (fifty(), fixtures::config(""));
    config.feeds.entries = 40;
    config.feeds.by.clear();
    config.feeds.budget = ByteSize::parse("5 KB").unwrap();
    let documents = fixtures::render(&archive, &config);
    assert_eq!(lint::check(&documents), []);
    assert_eq!(in_full(&documents), (3, 3));
    let ids = |path: &str| -> BTreeSet<String> {
        let items = json(find(&documents, path))["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|item| item.get("content_html").is_some()), "{path}");
        items.iter().map(|item| item["id"].to_string()).collect()
    };
    let pages = documents.iter().filter(|document| document.path.as_str().starts_with("archive/"));
    let pages = pages.filter(|document| document.path.ends_with("feed.json"));
    let mut found = ids("feed.json");
    pages.for_each(|page| found.extend(ids(page.path.as_str())));
    assert_eq!(found.len(), 50, "nothing is nowhere");
    let shortened: Vec<_> =
        plan_feeds(&archive, &config, &|_| None).shortened().map(|(_, has, lacks)| (has, lacks)).collect();
    assert_eq!(shortened, [(3, 37)]);
    config.feeds.archive = false;
    assert_eq!(in_full(&fixtures::render(&archive, &config)), (3, 3));
    config.feeds.budget = ByteSize::parse("1").unwrap();
    assert_eq!(in_full(&fixtures::render(&archive, &config)), (1, 1), "one at least");
    config.feeds.budget = ByteSize::parse("0").unwrap();
    assert_eq!(in_full(&fixtures::render(&archive, &config)), (40, 40));
}

#[test]
fn an_entry_that_was_published_as_a_summary_stays_one_as_long_as_it_is_in_the_feed() {
    let (mut archive, mut config) = (fifty(), fixtures::config(""));
    config.feeds.by.clear();
    let newest = archive.posts.remove(0);
    config.feeds.content = Content::Summary;
    let before = fixtures::render(&archive, &config);
    config.feeds.content = Content::Full;
    for format in [Format::Json, Format::Atom] {
        config.feeds.formats.retain(|known| *known != Format::Json || format == Format::Json);
        let published = |path: &camino::Utf8Path| Some(find(&before, path.as_str()).bytes.clone());
        let mut later = archive.clone();
        later.posts.insert(0, newest.clone());
        let layout = plan_feeds(&later, &config, &published);
        let documents: Vec<_> = layout.current().flatten().collect();
        let atom = text(find(&documents, "atom.xml"));
        assert_eq!(
            (atom.matches("<entry").count(), atom.matches("<content type").count()),
            (20, 1),
            "{format:?}"
        );
        let page =
            text(find(&layout.archived(&HashSet::new()).flatten().collect::<Vec<_>>(), "archive/1/atom.xml"));
        assert_eq!(page.matches("<entry").count(), page.matches("<content type").count());
    }
}

#[test]
fn an_existing_page_is_not_rendered_again() {
    let (archive, mut config) = (fifty(), fixtures::config(""));
    config.feeds.entries = 4;
    let layout = plan_feeds(&archive, &config, &|_| None);
    let all: HashSet<_> = layout.frozen().into_iter().map(|page| page.path).collect();
    assert_eq!(layout.archived(&all).count(), 0);
    let made: Vec<_> = layout.archived(&HashSet::new()).flatten().map(|document| document.path).collect();
    assert_eq!(made.iter().cloned().collect::<HashSet<_>>(), all);
    // The file of a page contains what the layout expects.
    for page in layout.frozen() {
        let document = fixtures::render(&archive, &config)
            .into_iter()
            .find(|document| document.path == page.path)
            .unwrap();
        let text = text(&document);
        assert!(text.contains(&page.own) && text.ends_with(page.end), "{text}");
    }
}

#[test]
fn every_feed_has_a_page_beside_it_and_a_place_in_the_list() {
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
    let page = text(find(&documents, "categories/기술/feed.html"));
    assert!(page.contains("<html lang=\"ko\" dir=\"ltr\">") && page.contains("웹 피드"), "{page}");
    assert!(page.contains("href=\"../../feeds.css\""), "{page}");
    let list = text(find(&documents, "feeds.opml"));
    let site = text(find(&documents, "feed.html"));
    let feeds: Vec<_> = documents.iter().filter(|document| document.path.ends_with("rss.xml")).collect();
    for feed in feeds {
        let url = fixtures::full_config().site.url.join(feed.path.as_str());
        let url = quick_xml::escape::escape(&url).into_owned();
        assert!(list.contains(&format!("xmlUrl=\"{url}\"")), "{url} is not in {list}");
        let beside = text(find(&documents, feed.path.with_file_name("feed.html").as_str()));
        assert!(beside.contains("<link rel=\"alternate\" type=\"application/rss+xml\""), "{beside}");
        assert!(beside.contains(&url), "{beside}");
    }
    assert!(site.contains("&lt;link rel=") && site.contains("href=\"feeds.opml\""), "{site}");
    let mut events = quick_xml::Reader::from_str(&list);
    while events.read_event().unwrap() != quick_xml::events::Event::Eof {}
    for (path, depth) in [("rss.xml", ""), ("categories/기술/atom.xml", "../../")] {
        let sheet = format!("?>\n<?xml-stylesheet type=\"text/css\" href=\"{depth}feeds.css\"?>\n<");
        assert!(text(find(&documents, path)).contains(&sheet), "{path}");
    }
}

fn any_title() -> impl Strategy<Value = HeaderText> {
    let hostile =
        "[&<>\"'\\]!\\[a-z;#x0-9 가-힣\u{1F468}\u{200D}]{1,24}|(&amp;|]]>|<!\\[CDATA\\[|&#x26;|<b>|글){1,5}";
    prop_oneof![any::<String>(), hostile].prop_filter_map("a title", |raw| HeaderText::lossy(&raw))
}

proptest! {
    #[test]
    fn any_title_survives_all_three_formats(title in any_title(), category in any_title()) {
        let mut post = fixtures::post(1, "글");
        post.title = title.clone();
        post.categories = vec![category.clone()];
        post.summary = Some(XmlText::clean(title.as_str()).0);
        post.body = XmlText::clean(&format!("`{}`", title.as_str().replace('`', ""))).0;
        let body = crate::archive::markdown::render(&post).html;
        let documents = fixtures::render(&of(vec![post]), &fixtures::config(""));
        prop_assert_eq!(lint::check(&documents).into_iter().filter(|finding| finding.rule != "html-relative").collect::<Vec<_>>(), []);

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
