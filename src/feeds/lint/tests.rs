//! The linter finds each deliberate fault in our own feeds, and nothing in the unchanged feeds.

use super::*;
use crate::feeds::{Document, fixtures};
use crate::finding::{Finding, Severity};

fn documents() -> Vec<Document> {
    fixtures::render(&fixtures::archive(), &fixtures::full_config())
}

/// The findings after the first `from` in the document at `path` was replaced by `to`.
fn after(path: &str, from: &str, to: &str) -> Vec<Finding> {
    let mut document = documents().into_iter().find(|document| document.path == path).unwrap();
    let text = String::from_utf8(document.bytes).unwrap();
    assert!(text.contains(from), "{from} is not in {path}");
    document.bytes = text.replacen(from, to, 1).into_bytes();
    check(&[document])
}

#[test]
fn the_rendered_feeds_have_no_findings() {
    assert_eq!(check(&documents()), []);
}

#[test]
fn each_fault_is_found_by_its_rule_and_keeps_its_former_name() {
    for (path, from, to, rule, former) in [
        ("rss.xml", "<?xml", "\n<?xml", "xml-encoding", "feed-encoding"),
        ("rss.xml", " encoding=\"utf-8\"", "", "xml-encoding", "feed-encoding"),
        ("rss.xml", "</item>", "</itm>", "xml-syntax", "feed-syntax"),
        ("rss.xml", "</rss>", "", "xml-syntax", "feed-syntax"),
        ("rss.xml", "</rss>", "</rss><rss/>", "xml-syntax", "feed-syntax"),
        ("rss.xml", "]]&#x3E;", "]]>", "xml-syntax", "feed-syntax"),
        ("rss.xml", "&#x26;", "&nbsp;", "xml-entity", "feed-syntax"),
        ("rss.xml", "&#x26;", "&#x8;", "xml-syntax", "feed-syntax"),
        ("rss.xml", "?>", "?><!DOCTYPE rss>", "xml-doctype", "feed-syntax"),
        ("rss.xml", " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"", "", "xml-syntax", "feed-syntax"),
        ("rss.xml", "본문", "본\u{8}문", "feed-character", "feed-character"),
        ("rss.xml", "Mon, 06 May", "Tue, 06 May", "date-rfc822", "feed-date"),
        ("rss.xml", "Mon, 06 May 2024", "Wed, 01 May 2024", "feed-order", "feed-order"),
        ("rss.xml", "rel=\"self\"", "rel=\"hub\"", "self-missing", "feed-self"),
        ("rss.xml", "<guid isPermaLink=\"false\">tag:example.com,2024:6", "<guid>6", "guid", "feed-id"),
        ("rss.xml", "2024:6</guid>", "2024:5</guid>", "value-repeated", "feed-id"),
        ("rss.xml", "<a href=\"https://example.com", "<a href=\"", "html-relative", "feed-relative-url"),
        (
            "atom.xml",
            "&lt;a href=&quot;https://example.com",
            "&lt;a href=&quot;",
            "html-relative",
            "feed-relative-url",
        ),
        ("atom.xml", "<id>tag:example.com,2024:6</id>", "", "element-missing", "feed-id"),
        ("atom.xml", "<published>2024-05-06", "<published>06.05.2024", "date-rfc3339", "feed-date"),
        ("atom.xml", "<updated>2024-05-06", "<updated>2024-05-05", "feed-date", "feed-date"),
        ("feed.json", "{", "{{", "json-syntax", "feed-syntax"),
        ("feed.json", "version/1.1", "version/1", "version-wrong", "feed-version"),
        ("feed.json", "\"items\"", "\"entries\"", "json-missing", "feed-items"),
        ("feed.json", "본문", "본\\u0008문", "feed-character", "feed-character"),
        (
            "feed.json",
            "\"url\": \"https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/6/\"",
            "\"url\": \"/6/\"",
            "link",
            "feed-link",
        ),
        ("feed.json", "\"date_published\": \"2024", "\"date_published\": \"24", "date-rfc3339", "feed-date"),
    ] {
        let findings = after(path, from, to);
        let is_it = |found: &Finding| found.rule == rule && found.formerly.unwrap_or(found.rule) == former;
        assert!(findings.iter().any(is_it), "{from} -> {to}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.file == path));
    }
}

#[test]
fn a_finding_names_its_line() {
    let text = String::from_utf8(documents()[0].bytes.clone()).unwrap();
    let line = text.lines().position(|line| line.contains("<guid")).unwrap() + 1;
    let findings = after("rss.xml", "<guid isPermaLink=\"false\">tag:", "<guid>");
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [Some(line)]);
}

#[test]
fn a_relative_address_is_a_warning_and_a_broken_document_an_error() {
    let severity = |findings: Vec<Finding>| findings.iter().map(|finding| finding.severity).max();
    assert_eq!(
        severity(after("rss.xml", "<img src=\"https://example.com", "<img src=\"")),
        Some(Severity::Warning)
    );
    assert_eq!(severity(after("rss.xml", "</channel>", "")), Some(Severity::Error));
}

#[test]
fn invalid_utf8_is_reported_with_its_line() {
    let document = Document {
        path: "rss.xml".into(),
        media_type: "application/rss+xml; charset=utf-8",
        bytes: b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss>\xB1\xDB</rss>".to_vec(),
    };
    let findings = check(&[document]);
    assert_eq!((findings[0].rule, findings[0].line), ("xml-encoding", Some(2)));
}
