//! The same post in every format, and the mistakes of real feeds.

use proptest::prelude::*;

use super::*;

const RSS: &str = include_str!("../../../tests/data/foreign/rss2.xml");
const RSS091: &str = include_str!("../../../tests/data/foreign/rss091.xml");
const RDF: &str = include_str!("../../../tests/data/foreign/rss1.xml");
const ATOM: &str = include_str!("../../../tests/data/foreign/atom.xml");
const ATOM03: &str = include_str!("../../../tests/data/foreign/atom03.xml");
const JSON: &str = include_str!("../../../tests/data/foreign/feed.json");

fn feed(text: &str) -> Feed {
    read(text.as_bytes(), "old.xml").unwrap_or_else(|finding| panic!("{finding}"))
}

const BLOGGER: &str = include_str!("../../../tests/data/foreign/blogger.xml");
const TAKEOUT: &str = include_str!("../../../tests/data/foreign/blogger-takeout.xml");

/// The titles of the posts, those of the drafts, and the other kinds.
fn sorted(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut posts, mut drafts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for entry in feed(text).entries {
        match entry.other {
            Some(other) => others.push(other),
            None if entry.draft => drafts.push(entry.title),
            None => posts.push(entry.title),
        }
    }
    (posts, drafts, others)
}

#[test]
fn a_blogger_export_has_posts_and_drafts_and_other_kinds_are_left_out() {
    let (posts, drafts, others) = sorted(BLOGGER);
    assert_eq!((posts, drafts), (vec!["첫 편지".to_owned()], vec!["쓰다 만 편지".to_owned()]));
    assert_eq!(others, ["settings", "template", "page", "comment"]);
    let (posts, drafts, others) = sorted(TAKEOUT);
    assert_eq!((posts, drafts), (vec!["첫 편지".to_owned()], vec!["쓰다 만 편지".to_owned()]));
    assert_eq!(others, ["deleted post", "comment", "page"]);
    let published = feed(BLOGGER).entries.into_iter().find(Entry::is_published).unwrap();
    assert_eq!(published.categories, ["편지"], "the kind of an entry is not a category");
}

#[test]
fn a_draft_that_reached_a_feed_is_a_draft_in_every_vocabulary() {
    let atom = |inner: &str| {
        let xml = format!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:app=\"http://www.w3.org/2007/app\"><entry><id>urn:x:1</id>{inner}</entry></feed>"
        );
        feed(&xml).entries.remove(0)
    };
    let draft = atom("<app:control><app:draft>yes</app:draft></app:control>");
    assert!(draft.draft && draft.id.is_none(), "a draft has no id: {draft:?}");
    assert!(atom("<app:control><app:draft>no</app:draft></app:control>").is_published());
    let rss = |inner: &str| {
        let xml = format!(
            "<rss xmlns:wp=\"https://wordpress.org/export/1.2/\"><channel><item><guid>a</guid>{inner}</item></channel></rss>"
        );
        feed(&xml).entries.remove(0)
    };
    for inner in [
        "<wp:status>draft</wp:status>",
        "<wp:status>private</wp:status>",
        "<wp:status>something-else</wp:status>",
        "<wp:status>publish</wp:status><wp:post_password>x</wp:post_password>",
    ] {
        assert!(rss(inner).draft, "{inner}");
    }
    assert!(rss("<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>").is_published());
    assert_eq!(rss("<wp:post_type>page</wp:post_type>").other.as_deref(), Some("page"));
    let json = |item: &str| {
        let json = format!("{{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [{item}]}}");
        feed(&json).entries.remove(0)
    };
    assert!(
        json("{\"id\": \"1\", \"draft\": true}").draft
            && json("{\"id\": \"1\", \"status\": \"draft\"}").draft
    );
    assert!(json("{\"id\": \"1\", \"draft\": false}").is_published());
}

fn item(inner: &str) -> Entry {
    let xml = format!(
        "<rss xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel><link>https://old.example/</link><item>{inner}</item></channel></rss>"
    );
    feed(&xml).entries.remove(0)
}

fn day(entry: &Entry) -> String {
    entry.published.map_or_else(String::new, |date| date.to_rfc3339())
}

#[test]
fn every_format_gives_the_same_entry() {
    for (name, text, format) in [
        ("rss2", RSS, Format::Rss),
        ("rss091", RSS091, Format::Rss),
        ("rss1", RDF, Format::Rss),
        ("atom", ATOM, Format::Atom),
        ("atom03", ATOM03, Format::Atom),
        ("json", JSON, Format::Json),
    ] {
        let feed = feed(text);
        assert_eq!(feed.about.format, Some(format), "{name}");
        assert_eq!(feed.about.title, "느린 편지 & 친구들", "{name}");
        assert_eq!(feed.about.home.as_deref(), Some("https://old.example/"), "{name}");
        assert_eq!(feed.entries.len(), 2, "{name}");
        let first = &feed.entries[0];
        assert_eq!(first.title, "첫 편지 <시작>", "{name}");
        assert_eq!(first.link.as_deref(), Some("https://old.example/2024/05/first/"), "{name}");
        assert!(
            first.content.as_deref().is_some_and(|html| html.contains("안녕하세요")),
            "{name}: {first:?}"
        );
        // RSS 0.91 has no dates, ids, names or categories of items.
        if name != "rss091" {
            assert_eq!(day(first), "2024-05-01T09:00:00+09:00", "{name}");
            assert_eq!(first.authors, ["김민준"], "{name}");
            assert_eq!(first.categories, ["편지", "C++"], "{name}");
        }
    }
}

#[test]
fn ids_are_kept_as_written() {
    let ids = |text: &str| feed(text).entries.into_iter().map(|entry| entry.id.unwrap()).collect::<Vec<_>>();
    assert_eq!(ids(RSS), ["https://old.example/?p=12", "tag:old.example,2024:둘"]);
    assert_eq!(ids(ATOM), ["urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6", "tag:old.example,2024:둘"]);
    assert_eq!(ids(JSON), ["12", "https://old.example/%ea%b8%80/"]);
    assert_eq!(
        ids(RSS091)[0],
        "https://old.example/2024/05/first/",
        "without an id, feed readers use the link"
    );
}

#[test]
fn links_and_enclosures_are_absolute() {
    let atom = feed(ATOM);
    assert_eq!(atom.entries[1].link.as_deref(), Some("https://old.example/posts/two"));
    assert_eq!(atom.entries[1].title, "둘째");
    let sound = &feed(RSS).entries[1].enclosures[0];
    assert_eq!(
        (sound.url.as_str(), sound.media_type.as_deref(), sound.length),
        ("https://old.example/소리.mp3", Some("audio/mpeg"), Some(1234))
    );
    assert_eq!(item("<link>/a/</link>").link.as_deref(), Some("https://old.example/a/"));
}

#[test]
fn a_guid_that_is_an_address_replaces_a_missing_link() {
    let entry = item("<guid>https://old.example/a</guid>");
    assert_eq!(entry.link.as_deref(), Some("https://old.example/a"));
    let entry = item("<guid isPermaLink=\"false\">https://old.example/?p=1</guid>");
    assert_eq!((entry.link, entry.id.as_deref()), (None, Some("https://old.example/?p=1")));
}

#[test]
fn dates_with_common_mistakes_are_read() {
    for (raw, expected) in [
        ("Wed, 01 May 2024 09:00:00 +0900", "2024-05-01T09:00:00+09:00"),
        ("Mon, 01 May 2024 09:00:00 KST", "2024-05-01T09:00:00+09:00"),
        ("1 May 24 09:00 GMT", "2024-05-01T09:00:00+00:00"),
        ("Wednesday, 1 May 2024 09:00:00 EST", "2024-05-01T09:00:00-05:00"),
        ("Wed, 01 September 2024 09:00:00 +09:00", "2024-09-01T09:00:00+09:00"),
        ("2024-05-01T09:00Z", "2024-05-01T09:00:00+00:00"),
        ("2024-05", "2024-05-01T00:00:00+00:00"),
        ("2024", "2024-01-01T00:00:00+00:00"),
        ("2024-05-01 09:00:00", "2024-05-01T09:00:00+00:00"),
        ("yesterday", ""),
        ("Thu, 31 Feb 2024 09:00:00 GMT", ""),
    ] {
        assert_eq!(day(&item(&format!("<pubDate>{raw}</pubDate>"))), expected, "{raw}");
    }
}

#[test]
fn names_are_extracted_from_addresses() {
    let authors = |raw: &str| item(&format!("<author>{raw}</author>")).authors;
    assert_eq!(authors("kim@example.com (김민준)"), ["김민준"]);
    assert_eq!(authors("\"Kim\" &lt;kim@example.com&gt;"), ["Kim"]);
    assert_eq!(authors("kim@example.com"), ["kim@example.com"]);
}

#[test]
fn titles_are_plain_text_after_any_number_of_escapes() {
    for (raw, expected) in [
        ("Fish &amp; Chips", "Fish & Chips"),
        ("Fish &amp;amp; Chips", "Fish & Chips"),
        ("&lt;b&gt;굵은&lt;/b&gt; 글", "굵은 글"),
        ("Vec&lt;T&gt; and a &lt; b", "Vec<T> and a < b"),
        ("<![CDATA[ 여러\n 줄 ]]>", "여러 줄"),
    ] {
        assert_eq!(item(&format!("<title>{raw}</title>")).title, expected, "{raw}");
    }
}

#[test]
fn a_document_that_is_not_a_feed_is_refused_with_the_reason() {
    let refusal = |text: &str| read(text.as_bytes(), "a").unwrap_err().to_string();
    assert!(refusal("<html><body/></html>").contains("the root element is <html>"));
    assert!(refusal("").contains("neither XML nor JSON"));
    assert!(refusal("{\"a\": 1}").contains("not a JSON Feed"));
    assert!(
        refusal("<rss><channel>\n<item></channel></rss>").starts_with("a:2: error: it is not well-formed")
    );
    assert!(refusal("{\n\"items\": ").starts_with("a:2: error: it is not well-formed JSON"));
}

#[test]
fn json_members_of_the_wrong_type_are_ignored() {
    let feed = feed(
        "{\"version\": \"https://jsonfeed.org/version/1\", \"items\": [{\"id\": 7, \"title\": 3, \"tags\": \"a\", \"author\": {\"name\": \"Kim\"}}, 4]}",
    );
    assert_eq!(feed.entries.len(), 1);
    assert_eq!(feed.entries[0].id.as_deref(), Some("7"));
    assert_eq!(feed.entries[0].authors, ["Kim"]);
}

#[test]
fn our_own_feeds_are_read_back() {
    for bytes in [
        include_str!("../../../tests/data/feeds/rss.snap.xml"),
        include_str!("../../../tests/data/feeds/atom.snap.xml"),
        include_str!("../../../tests/data/feeds/feed.snap.json"),
    ] {
        let feed = feed(bytes);
        assert!(
            feed.entries.len() > 1
                && feed.entries.iter().all(|entry| entry.id.is_some() && entry.link.is_some())
        );
    }
}

proptest! {
    #[test]
    fn the_reader_survives_any_text(xml in "(<rss>|<channel>|<item>|</item>|<guid>|</guid>|<pubDate>|</pubDate>|<title>|</title>|[0-9:,+ -]|&lt;|<b|>|[a-z가]|\\{|\"items\":|\\[){0,40}") {
        let _ = read(xml.as_bytes(), "a");
    }

    #[test]
    fn any_title_and_date_are_read_without_a_panic(title in "[<>/a-c&;# 가\"]{0,30}", date in "[0-9A-Za-z:,+ -]{0,30}|\\PC{0,12}") {
        let _ = plain_text(&title);
        let _ = super::date(&date);
    }
}

#[test]
fn the_byte_order_mark_counts_more_than_the_server_and_the_server_more_than_the_first_line() {
    let text = |first: &str| {
        format!("{first}<rss version=\"2.0\"><channel><title>느린 편지</title></channel></rss>")
    };
    let korean = |first: &str| encoding_rs::EUC_KR.encode(&text(first)).0.into_owned();
    let utf8 = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    let cp949 = "<?xml version=\"1.0\" encoding=\"cp949\"?>";
    for (bytes, media_type, warnings) in [
        (korean(""), Some("text/xml; charset=EUC-KR"), 0),
        (korean(""), Some("text/xml; a=b; Charset = \"cp949\""), 0),
        (korean(cp949), None, 0),
        (korean(cp949), Some("application/xml"), 0),
        (korean(cp949), Some("application/xml; charset=unknown"), 0),
        (korean(utf8), Some("text/xml; charset=euc-kr"), 1),
        (text(cp949).into_bytes(), Some("text/xml; charset=utf-8"), 1),
        (text("").into_bytes(), Some("text/xml; charset=utf-16"), 0),
        (text(&format!("\u{FEFF}{utf8}")).into_bytes(), Some("text/xml; charset=euc-kr"), 0),
    ] {
        let about = read_served(&bytes, media_type, "feed").unwrap().about;
        assert_eq!(about.title, "느린 편지", "{media_type:?}");
        assert_eq!(about.findings.len(), warnings, "{media_type:?}: {:?}", about.findings);
    }
}

#[test]
fn bytes_that_are_not_in_the_encoding_are_reported() {
    let bytes = b"<rss version=\"2.0\"><channel><title>caf\xE9</title></channel></rss>";
    let about = read(bytes, "feed.xml").unwrap().about;
    assert_eq!(about.title, "caf\u{FFFD}");
    let finding = about.findings[0].to_string();
    assert!(finding.starts_with("feed.xml: warning: some bytes are not in its encoding"), "{finding}");
}
