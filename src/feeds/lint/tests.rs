//! The linter finds each thing that is broken on purpose, and nothing in what is not.

use super::*;
use crate::feeds::specimen;
use crate::finding::Severity;

fn documents() -> Vec<Document> {
    specimen::render(&specimen::archive(), &specimen::full_config())
}

/// What is found after `from` became `to`, once, in the document at `path`.
fn after(path: &str, from: &str, to: &str) -> Vec<Finding> {
    let mut document = documents().into_iter().find(|document| document.path == path).unwrap();
    let text = String::from_utf8(document.bytes).unwrap();
    assert!(text.contains(from), "{from} is not in {path}");
    document.bytes = text.replacen(from, to, 1).into_bytes();
    check(&[document])
}

#[test]
fn nothing_is_wrong_with_what_is_rendered() {
    assert_eq!(check(&documents()), []);
}

#[test]
fn each_fault_is_found_by_its_rule() {
    for (path, from, to, rule) in [
        ("rss.xml", "<?xml", "\n<?xml", "feed-encoding"),
        ("rss.xml", " encoding=\"utf-8\"", "", "feed-encoding"),
        ("rss.xml", "</item>", "</itm>", "feed-syntax"),
        ("rss.xml", "</rss>", "", "feed-syntax"),
        ("rss.xml", "</rss>", "</rss><rss/>", "feed-syntax"),
        ("rss.xml", "]]&#x3E;", "]]>", "feed-syntax"),
        ("rss.xml", "&#x26;", "&nbsp;", "feed-syntax"),
        ("rss.xml", "&#x26;", "&#x8;", "feed-syntax"),
        ("rss.xml", " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"", "", "feed-syntax"),
        ("rss.xml", "본문", "본\u{8}문", "feed-character"),
        ("rss.xml", "Mon, 06 May", "Tue, 06 May", "feed-date"),
        ("rss.xml", "Mon, 06 May 2024", "Wed, 01 May 2024", "feed-order"),
        ("rss.xml", "rel=\"self\"", "rel=\"hub\"", "feed-self"),
        ("rss.xml", "<guid isPermaLink=\"false\">tag:example.com,2024:6", "<guid>6", "feed-id"),
        ("rss.xml", "2024:6</guid>", "2024:5</guid>", "feed-id"),
        ("rss.xml", "<a href=\"https://example.com", "<a href=\"", "feed-relative-url"),
        ("atom.xml", "&lt;a href=&quot;https://example.com", "&lt;a href=&quot;", "feed-relative-url"),
        ("atom.xml", "<id>tag:example.com,2024:6</id>", "", "feed-id"),
        ("atom.xml", "<published>2024-05-06", "<published>06.05.2024", "feed-date"),
        ("atom.xml", "<updated>2024-05-06", "<updated>2024-05-05", "feed-date"),
        ("feed.json", "{", "{{", "feed-syntax"),
        ("feed.json", "version/1.1", "version/1", "feed-version"),
        ("feed.json", "\"items\"", "\"entries\"", "feed-items"),
        ("feed.json", "본문", "본\\u0008문", "feed-character"),
        ("feed.json", "\"id\": \"tag:", "\"id\": \"", "feed-id"),
        (
            "feed.json",
            "\"url\": \"https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/6/\"",
            "\"url\": \"/6/\"",
            "feed-link",
        ),
        ("feed.json", "\"date_published\": \"2024", "\"date_published\": \"24", "feed-date"),
    ] {
        let findings = after(path, from, to);
        assert!(findings.iter().any(|finding| finding.rule == rule), "{from} -> {to}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.file == path));
    }
}

#[test]
fn a_fault_is_named_with_its_line() {
    let text = String::from_utf8(documents()[0].bytes.clone()).unwrap();
    let line = text.lines().position(|line| line.contains("<guid")).unwrap() + 1;
    let findings = after("rss.xml", "<guid isPermaLink=\"false\">tag:", "<guid isPermaLink=\"false\">");
    let item = text.lines().position(|line| line.contains("<item>")).unwrap() + 1;
    assert!(item < line);
    assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [Some(item)]);
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
fn bytes_that_are_not_utf8_are_named_with_their_line() {
    let document = Document {
        path: "rss.xml".into(),
        media_type: "application/rss+xml; charset=utf-8",
        bytes: b"<?xml version=\"1.0\"?>\n<rss>\xB1\xDB</rss>".to_vec(),
    };
    let findings = check(&[document]);
    assert_eq!((findings[0].rule, findings[0].line), ("feed-encoding", Some(2)));
}
