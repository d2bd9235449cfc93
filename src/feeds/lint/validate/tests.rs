//! Feeds of other authors: the findings, their lines, and the limits of the linter.

use proptest::prelude::*;

use super::*;
use crate::feeds::lint::RULES;
use crate::finding::Severity;

fn findings(bytes: &[u8]) -> Vec<Finding> {
    check_feed("feed", bytes, None, now())
}

fn now() -> DateTime<Utc> {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// Line and rule of each finding.
fn found(text: &str) -> Vec<(usize, &'static str)> {
    findings(text.as_bytes()).iter().map(|found| (found.line.unwrap_or_default(), found.rule)).collect()
}

fn has(bytes: &[u8], rule: &str) {
    let found = findings(bytes);
    assert!(found.iter().any(|found| found.rule == rule), "no {rule} in {found:?}");
}

const RSS: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">
<channel>
<title>글</title>
<link>https://example.com/</link>
<description>그림</description>
<language>ko</language>
<atom:link rel=\"self\" href=\"https://example.com/rss.xml\"/>
<item>
<title>하나</title>
<guid isPermaLink=\"false\">tag:example.com,2026:1</guid>
<pubDate>Wed, 25 Nov 2026 09:00:00 +0900</pubDate>
</item>
</channel>
</rss>
";

#[test]
fn a_correct_feed_has_no_findings_in_any_encoding() {
    assert_eq!(found(RSS), []);
    assert_eq!(findings(format!("\u{FEFF}{RSS}").as_bytes()), []);
    let (euc_kr, ..) = encoding_rs::EUC_KR.encode(RSS);
    let declared: Vec<u8> = [b"<?xml version=\"1.0\" encoding=\"euc-kr\"?>", &euc_kr[38..]].concat();
    assert_eq!(findings(&declared), []);
    let utf_16: Vec<u8> = [0xFEFF].into_iter().chain(RSS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(findings(&utf_16), []);
}

#[test]
fn bytes_that_contradict_their_stated_encoding_are_reported() {
    let (euc_kr, ..) = encoding_rs::EUC_KR.encode(RSS);
    let found = findings(&euc_kr);
    assert_eq!((found[0].rule, found[0].line), ("xml-encoding", Some(4)));
    has(RSS.replace("utf-8", "martian").as_bytes(), "xml-encoding");
    let served = check_feed("feed", RSS.as_bytes(), Some("text/xml; charset=euc-kr"), now());
    assert_eq!(served.first().map(|found| found.rule), Some("xml-encoding"));
}

#[test]
fn each_fault_is_found_on_its_line() {
    for (from, to, line, rule) in [
        ("<title>하나</title>", "<title>하나</title><title>둘</title>", 10, "element-repeated"),
        ("<title>하나</title>", "<titel>하나</titel>", 10, "element-unknown"),
        ("<title>하나</title>", "", 9, "element-missing"),
        ("Wed, 25", "Tue, 25", 12, "date-weekday"),
        (" isPermaLink=\"false\"", "", 11, "guid"),
        (" isPermaLink", " isPermalink", 11, "attribute-unknown"),
        ("https://example.com/<", "example.com<", 5, "link"),
        ("<item>", "<item>글", 9, "text-unexpected"),
        ("</channel>", "<ttl>1</ttl></channel>", 14, "element-misplaced"),
        ("</item>", "</itm>", 13, "xml-syntax"),
        ("그림", "&nbsp;", 6, "xml-entity"),
        ("그림", "\u{B}", 6, "xml-syntax"),
        ("<item>", "<dc:creator>김</dc:creator><item>", 9, "xml-syntax"),
        ("version=\"2.0\"", "version=\"3.0\"", 2, "version-wrong"),
        (
            "</item>",
            "</item><item><title>둘</title><guid isPermaLink=\"false\">tag:example.com,2026:1</guid></item>",
            13,
            "value-repeated",
        ),
    ] {
        assert!(RSS.contains(from), "{from}");
        let text = RSS.replacen(from, to, 1);
        assert!(found(&text).contains(&(line, rule)), "{from} -> {to}: {:?}", findings(text.as_bytes()));
    }
}

#[test]
fn a_json_feed_is_checked_against_its_specification() {
    let feed = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "글", "feed_url": "https://example.com/feed.json",
        "items": [{"id": "1", "content_html": "<p>글</p>", "date_published": "2026-11-25T09:00:00+09:00"}]}"#;
    assert_eq!(found(feed), []);
    for (from, to, rule) in [
        ("1.1", "2", "version-wrong"),
        ("\"title\"", "\"titel\"", "json-missing"),
        ("\"title\"", "\"titel\"", "json-unknown"),
        ("\"글\"", "7", "json-type"),
        ("\"글\"", "null", "json-type"),
        ("\"id\": \"1\"", "\"id\": 1", "json-type"),
        ("\"id\": \"1\", ", "", "json-missing"),
        ("content_html", "_html", "json-missing"),
        ("<p>", "<p onclick='x'>", "html-unsafe"),
        ("<p>", "<a href='/x'>", "html-relative"),
        ("2026-11-25T09:00:00+09:00", "25.11.2026", "date-rfc3339"),
        ("\"items\": [", "\"items\": [7, ", "json-type"),
        ("]}", "]", "json-syntax"),
    ] {
        has(feed.replacen(from, to, 1).as_bytes(), rule);
    }
}

#[test]
fn hostile_documents_are_bounded() {
    let deep = format!("<rss>{}", "<a>".repeat(100_000));
    has(deep.as_bytes(), "xml-limit");
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><rss version=\"2.0\"><channel>&b;</channel></rss>";
    has(laughs.as_bytes(), "xml-doctype");
    let file = "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss version=\"2.0\"><channel><title>&x;</title></channel></rss>";
    assert!(findings(file.as_bytes()).iter().all(|found| !found.message.contains("root:")));
    let attributes = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect::<Vec<_>>().concat();
    has(format!("<rss{attributes}/>").as_bytes(), "xml-limit");
    let declared = (0..100_000).map(|n| format!(" xmlns:a{n}=\"urn:x:{n}\"")).collect::<Vec<_>>().concat();
    has(format!("<rss{declared}/>").as_bytes(), "xml-limit");
    let json = format!("{{\"items\": {}", "[".repeat(100_000));
    has(json.as_bytes(), "json-syntax");
    // The number of findings is limited.
    let many = format!("<rss version=\"2.0\"><channel>{}</channel></rss>", "<x/>\n".repeat(50_000));
    assert_eq!(findings(many.as_bytes()).len(), 1_001);
    // None of these takes quadratic time.
    for text in ["</", "<!--", "<a ", "&", "<script>", "<"] {
        let content = text.repeat(30_000);
        let escaped = content.replace('&', "&amp;").replace('<', "&lt;");
        let feed = RSS.replacen("그림", &escaped, 1).replacen(
            "<pubDate>",
            &format!("<description>{escaped}</description><pubDate>"),
            1,
        );
        findings(feed.as_bytes());
    }
}

#[test]
fn a_document_below_the_depth_limit_is_well_formed_and_one_beyond_it_is_too_deep() {
    let nested = |depth: usize| {
        let (open, close) = ("<x:a>".repeat(depth - 2), "</x:a>".repeat(depth - 2));
        RSS.replace("<rss ", "<rss xmlns:x=\"https://example.com/x\" ")
            .replace("<item>", &format!("{open}{close}<item>"))
    };
    let rules = |text: &str| found(text).into_iter().map(|(_, rule)| rule).collect::<Vec<_>>();
    for depth in [101, 128] {
        assert_eq!(rules(&nested(depth)), ["namespace-unknown"], "{depth} levels");
    }
    let too_deep = findings(nested(129).as_bytes());
    let limit = too_deep.iter().find(|found| found.rule == "xml-limit").unwrap();
    assert!(limit.message.contains("too deep") && !limit.message.contains("well-formed"), "{limit}");
}

#[test]
fn a_document_that_is_not_a_feed_is_reported() {
    has(b"<html><body>404</body></html>", "root-unknown");
    has(b"", "xml-syntax");
    has(b"hello", "xml-syntax");
    has(b"<feed/>", "namespace-missing");
    has(b"<feed xmlns=\"http://www.w3.org/2005/atom\"/>", "namespace-wrong");
    has(b"<feed xmlns=\"http://purl.org/atom/ns#\"/>", "namespace-obsolete");
}

#[test]
fn every_rule_is_in_the_documentation() {
    let documentation = include_str!("../../../../docs/lint.md");
    for rule in RULES {
        let row = format!("| `{}` | {} | {} |", rule.name, rule.severity, rule.spec);
        assert!(documentation.contains(&row), "docs/lint.md lacks {row}");
    }
}

#[test]
fn every_rule_has_a_unique_name_and_a_hint() {
    for (at, rule) in RULES.iter().enumerate() {
        assert!(RULES[..at].iter().all(|other| other.name != rule.name), "{} twice", rule.name);
        assert!(rule.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        assert!(!rule.help.is_empty() && !rule.spec.is_empty() && rule.severity >= Severity::Note);
    }
}

proptest! {
    #[test]
    fn the_linter_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        findings(&bytes);
    }

    #[test]
    fn the_linter_survives_any_sequence_of_tags(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<rss version=\"2.0\">", "<channel>", "<item>", "</item>", "<feed xmlns=\"http://www.w3.org/2005/Atom\">",
                "<entry>", "<title type=\"xhtml\">", "<div xmlns=\"http://www.w3.org/1999/xhtml\">", "</div>", "</title>",
                "<link href=\"가\" rel=\"\"/>", "<content src=\"x\">", "</content>", "<id>", "</id>", "&#x41;", "&lt;", "글",
                "<![CDATA[<b>]]>", "<!-- -->", "<?x?>", "</entry>", "</feed>", "</channel>", "</rss>", " ",
                "<image>", "</image>", "<guid>", "</guid>", "<pubDate>", "</pubDate>",
            ]),
            0..40,
        )
    ) {
        findings(pieces.concat().as_bytes());
    }
}
