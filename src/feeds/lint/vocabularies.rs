//! The vocabularies of podcasts, outlines, tombstones and RSS 1.1: a correct document of each, and every kind of fault in it.

use chrono::{DateTime, Utc};

use super::check_feed;
use crate::finding::{Finding, Severity};

const PODCAST: &str = include_str!("../../../tests/data/vocabularies/podcast.xml");
const OPML: &str = include_str!("../../../tests/data/vocabularies/list.opml");
const RSS_1_1: &str = include_str!("../../../tests/data/vocabularies/rss-1.1.xml");
const TOMBSTONE: &str = include_str!("../../../tests/data/vocabularies/tombstone.xml");

fn findings(text: &str) -> Vec<Finding> {
    let now: DateTime<Utc> = "2026-11-25T12:00:00Z".parse().unwrap();
    check_feed("feed", text.as_bytes(), None, now)
}

/// Each replacement must lead to a finding of the rule on the line of the replaced text.
fn faults(text: &str, faults: &[(&str, &str, &str)]) {
    assert_eq!(findings(text), []);
    for (from, to, rule) in faults {
        let at = text.find(from).unwrap_or_else(|| panic!("{from} is not in the document"));
        let line = text[..at].lines().count();
        let found = findings(&text.replacen(from, to, 1));
        let is_it = |finding: &Finding| finding.rule == *rule && finding.line == Some(line);
        assert!(found.iter().any(is_it), "{from} -> {to}, line {line}: {found:?}");
        assert!(found.iter().all(|finding| finding.hint.is_some()), "{found:?}");
    }
}

#[test]
fn a_podcast_is_checked_against_the_podcast_namespace() {
    faults(
        PODCAST,
        &[
            (">917393e3-1b1e", ">917393e3", "uuid"),
            (">yes</podcast:locked>", ">true</podcast:locked>", "boolean"),
            ("owner=\"kim@example.com\"", "owner=\"kim\"", "email"),
            (">podcast</podcast:medium>", ">radio</podcast:medium>", "choice"),
            (" url=\"https://example.com/pay\"", "", "attribute-missing"),
            ("rel=\"creator\"", "rel=\"maker\"", "choice"),
            (">김하늘</podcast:person>", "></podcast:person>", "blank"),
            ("href=\"https://example.com/kim/\"", "href=\"/kim/\"", "link"),
            (" role=\"host\"", " job=\"host\"", "attribute-unknown"),
            ("pubdate=\"Tue, 24", "pubdate=\"Wed, 24", "date-weekday"),
            (" server=\"irc.example.com\"", "", "attribute-missing"),
            ("feedGuid=\"29cdca4a", "feedGuid=\"29", "uuid"),
            ("status=\"pending\"", "status=\"soon\"", "choice"),
            (" start=\"2026-12-24T09:00:00+09:00\"", "", "attribute-missing"),
            (" type=\"text/vtt\"", "", "attribute-missing"),
            ("type=\"text/vtt\"", "type=\"vtt\"", "mime-type"),
            ("url=\"https://example.com/1.vtt\"", "url=\"1.vtt\"", "link"),
            ("rel=\"captions\"", "rel=\"subtitles\"", "choice"),
            (" type=\"application/json+chapters\"", "", "attribute-missing"),
            (">1</podcast:season>", ">one</podcast:season>", "number"),
            (">1.5</podcast:episode>", ">1-5</podcast:episode>", "number"),
            (" uri=\"https://social.example/@kim/1\"", "", "attribute-missing"),
        ],
    );
    let without = PODCAST.replacen("    <podcast:source uri=\"https://example.com/1.opus\"/>\n", "", 1);
    assert_eq!(findings(&without)[0].rule, "element-missing");
    for unknown in ["<podcast:transcipt/>", "<podcast:guid>x</podcast:guid>"] {
        let found = findings(&PODCAST.replacen(
            "   <podcast:soundbite",
            &format!("   {unknown}<podcast:soundbite"),
            1,
        ));
        assert_eq!((found[0].rule, found[0].severity), ("namespace-unknown", Severity::Warning));
    }
}

#[test]
fn comments_that_are_switched_off_need_no_address() {
    let off = PODCAST.replacen("\"activitypub\" uri=\"https://social.example/@kim/1\"", "\"disabled\"", 1);
    assert_eq!(findings(&off), []);
}

#[test]
fn an_old_word_for_explicit_is_a_warning_that_names_the_new_one() {
    for (old, new) in [("yes", "true"), ("Explicit", "true"), ("no", "false"), ("clean", "false")] {
        let found = findings(&PODCAST.replacen(">false<", &format!(">{old}<"), 1));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].rule, found[0].severity, found[0].line),
            ("explicit-old", Severity::Warning, Some(9))
        );
        assert!(found[0].message.contains(&format!("{old:?} is now {new:?}")), "{}", found[0].message);
    }
    let found = findings(&PODCAST.replacen(">false<", ">sometimes<", 1));
    assert_eq!((found[0].rule, found[0].severity), ("boolean", Severity::Error));
}

#[test]
fn the_source_namespace_is_checked() {
    faults(
        PODCAST,
        &[
            (" service=\"bluesky\"", "", "attribute-missing"),
            ("server=\"https://likes.example.com/\"", "server=\"likes\"", "link"),
            ("<source:startDay>2026/01/01</source:startDay>", "", "element-missing"),
            ("https://example.com/1/</source:linkFull>", "/1/</source:linkFull>", "link"),
            ("isPermaLink=\"true\"", "isPermaLink=\"yes\"", "boolean"),
            ("<source:outline text=\"하나\"", "<source:outline", "attribute-missing"),
            (" url=\"https://example.com/2/\"", "", "attribute-missing"),
            ("<source:likes ", "<source:loves ", "namespace-unknown"),
        ],
    );
}

#[test]
fn an_outline_is_checked_against_opml() {
    faults(
        OPML,
        &[
            ("version=\"2.0\"", "version=\"3.0\"", "version-wrong"),
            (" version=\"2.0\"", "", "attribute-missing"),
            ("<title>내 피드</title>", "<titel>내 피드</titel>", "element-unknown"),
            (">Wed, 25 Nov", ">Tue, 25 Nov", "date-weekday"),
            ("<dateModified>Wed, 25 Nov 2026", "<dateModified>2026-11-25", "date-rfc822"),
            ("kim@example.com", "kim", "email"),
            ("<ownerId>https://", "<ownerId>", "link"),
            (" text=\"블로그\"", "", "attribute-missing"),
            ("isComment=\"false\"", "isComment=\"no\"", "boolean"),
            (" xmlUrl=\"https://example.com/rss.xml\"", "", "attribute-missing"),
            ("xmlUrl=\"https://example.com/", "xmlUrl=\"/", "link"),
            (" url=\"https://example.com/1/\"", "", "attribute-missing"),
            ("language=\"ko\"", "language=\"korean language\"", "language"),
            ("<body>", "<body>글", "text-unexpected"),
        ],
    );
    assert_eq!(findings("<opml version=\"2.0\"><head/><body/></opml>")[0].rule, "element-missing");
}

#[test]
fn rss_1_1_has_its_items_in_a_collection() {
    faults(
        RSS_1_1,
        &[
            (" rdf:about=\"https://example.com/rss.rdf\"", "", "attribute-missing"),
            (" rdf:about=\"https://example.com/1/\"", "", "attribute-missing"),
            (" rdf:parseType=\"Collection\"", "", "attribute-missing"),
            ("parseType=\"Resource\"", "parseType=\"Literal\"", "boolean"),
            ("<link>https://example.com/1/", "<link>/1/", "link"),
            ("<dc:date>2026-11-25", "<dc:date>25.11.2026", "date-w3cdtf"),
            ("<description>첫 글</description>", "<pubDate>x</pubDate>", "element-unknown"),
        ],
    );
}

#[test]
fn a_tombstone_names_its_entry_and_its_time() {
    faults(
        TOMBSTONE,
        &[
            (" ref=\"tag:example.com,2026:1\"", "", "attribute-missing"),
            ("ref=\"tag:example.com,2026:1\"", "ref=\"1\"", "link"),
            (" when=\"2026-11-25T09:00:00+09:00\"", "", "attribute-missing"),
            ("when=\"2026-11-25T09:00:00+09:00\"", "when=\"2026-11-25\"", "date-rfc3339"),
            ("<at:comment ", "<at:by><name>김</name></at:by><at:comment ", "element-repeated"),
        ],
    );
    let alone = "<at:deleted-entry xmlns:at=\"http://purl.org/atompub/tombstones/1.0\" ref=\"tag:example.com,2026:1\" \
                 when=\"2026-11-25T09:00:00+09:00\"/>";
    assert_eq!(findings(alone), []);
    let misnamed = TOMBSTONE.replace("at:deleted-entry", "at:deleted");
    assert!(findings(&misnamed).iter().any(|finding| finding.rule == "element-unknown"));
}
