//! Our own feeds: the requirements before each write; in `check`, also the tables of every format. A finding names
//! the post that causes it.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::decode::{Decoded, decode};
use super::document::parse;
use super::findings::{Lint, LocatedFinding};
use super::requirements;
use super::rule::DATE_IMPLAUSIBLE;
use super::validate::check_tables;
use crate::archive::{Archive, Post};
use crate::feeds::Document;
use crate::finding::Finding;
use crate::xml::tree::Node;

/// The findings that matter to a build: all errors that stop it, and warnings about order and relative addresses.
/// Documents that are not feeds are skipped.
pub fn check(documents: &[Document]) -> Vec<Finding> {
    let found = documents.par_iter().flat_map_iter(|document| of_document(document, None));
    found.map(|raised| raised.finding).collect()
}

/// The findings of all rules. A finding that a post causes names the post, once for all feeds that contain it.
pub fn check_thoroughly(documents: &[Document], archive: &Archive, now: DateTime<Utc>) -> Vec<Finding> {
    let found: Vec<LocatedFinding> =
        documents.par_iter().flat_map_iter(|document| of_document(document, Some(now))).collect();
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for LocatedFinding { finding, entry } in found {
        let post = entry.and_then(|id| archive.posts.iter().find(|post| post.id == id));
        let finding = post.map_or(finding.clone(), |post| about(post, &finding));
        if seen.insert((finding.rule, finding.file.clone(), finding.line, finding.message.clone())) {
            named.push(finding);
        }
    }
    named
}

/// With the time, all rules; without it, only the requirements.
fn of_document(document: &Document, now: Option<DateTime<Utc>>) -> Vec<LocatedFinding> {
    let is_feed = matches!(
        document.media_type.split(';').next(),
        Some("application/rss+xml" | "application/atom+xml" | "application/feed+json")
    );
    if !is_feed {
        return Vec::new();
    }
    let ended = if now.is_some() { |_: &mut Node<'_>| {} } else { requirements::let_go };
    of_feed(document, now, ended)
}

fn of_feed(document: &Document, now: Option<DateTime<Utc>>, ended: fn(&mut Node<'_>)) -> Vec<LocatedFinding> {
    let mut lint = Lint::own(document.path.as_str(), now.unwrap_or_default());
    requirements::head(&document.bytes, &mut lint);
    if let Some(Decoded { text, .. }) = decode(&document.bytes, Some(document.media_type), &mut lint) {
        let is_clean = requirements::characters(&text, 1, &mut lint);
        if let Some(parsed) = parse(&text, is_clean, ended, &mut lint) {
            if now.is_some() {
                check_tables(&parsed, &text, &mut lint);
            }
            requirements::check(&parsed, now.is_none(), &mut lint);
        }
    }
    // A feed without entries has the epoch as its date, because the current time would differ in each build.
    let is_empty = !lint.has_entries();
    let mut raised = lint.finish();
    raised.retain(|raised| !(is_empty && raised.finding.rule == DATE_IMPLAUSIBLE.name));
    raised
}

/// The same finding, in the file and on the line of the post.
fn about(post: &Post, finding: &Finding) -> Finding {
    // Findings about the text name its first line; all others name the front matter.
    let in_text = ["html-", "character", "feed-character"].iter().any(|rule| finding.rule.starts_with(rule));
    let line = if in_text { post.body_line } else { 1 };
    Finding { file: post.source.to_string(), line: Some(line), ..finding.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeds::fixtures;
    use crate::finding::Severity;

    fn documents() -> Vec<Document> {
        fixtures::render(&fixtures::archive(), &fixtures::full_config())
    }

    /// The findings after every `from` was replaced by `to`.
    fn after(from: &str, to: &str) -> Vec<Finding> {
        let broken = documents().into_iter().map(|document| {
            let text = String::from_utf8(document.bytes).unwrap();
            Document { bytes: text.replace(from, to).into_bytes(), ..document }
        });
        check_thoroughly(&broken.collect::<Vec<_>>(), &fixtures::archive(), now())
    }

    fn now() -> DateTime<Utc> {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn our_own_feeds_have_no_errors() {
        let found = check_thoroughly(&documents(), &fixtures::archive(), now());
        let errors: Vec<_> = found.iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn a_finding_about_a_post_names_the_post_once() {
        let archive = fixtures::archive();
        let post = &archive.posts[0];
        let found = after(&format!("<guid isPermaLink=\"false\">{}<", post.id), "<guid>not an id<");
        let guid = found.iter().find(|found| found.file == "rss.xml" && found.rule == "guid").unwrap();
        assert_eq!((guid.severity, guid.formerly), (Severity::Error, Some("feed-id")));
        let found = after("<a href=\"https://example.com", "<a onclick=\"x\" href=\"https://example.com");
        let found: Vec<_> = found.iter().filter(|found| found.rule == "html-unsafe").collect();
        assert_eq!(found.len(), 1, "in RSS, of the site and of a category: {found:?}");
        let named = archive.posts.iter().find(|post| post.source == found[0].file.as_str()).unwrap();
        assert_eq!(found[0].line, Some(named.body_line));
    }

    #[test]
    fn a_drawing_of_shapes_may_be_in_a_feed_if_it_says_what_it_shows() {
        let drawing = |svg: &str| {
            let to = format!("<svg{svg}/></svg><a href=\"https://example.com");
            let found = after("<a href=\"https://example.com", &to);
            found.into_iter().any(|found| found.rule == "html-unsafe" || found.rule == "html-unknown")
        };
        assert!(!drawing(" aria-label=\"점\"><circle r=\"1\""));
        assert!(drawing("><circle r=\"1\""));
        assert!(drawing(" aria-label=\"점\"><foreignObject"));
    }

    #[test]
    fn a_fault_found_by_a_table_and_a_requirement_is_reported_once() {
        for (from, to, rule, former) in [
            ("rel=\"self\"", "rel=\"hub\"", "self-missing", "feed-self"),
            ("2024:6</guid>", "2024:5</guid>", "value-repeated", "feed-id"),
            ("<link>https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/6/", "<link>/6/", "link", "feed-link"),
        ] {
            let rss = documents().into_iter().find(|document| document.path == "rss.xml").unwrap();
            let text = String::from_utf8(rss.bytes).unwrap();
            assert!(text.contains(from), "{from}");
            let broken = Document { bytes: text.replacen(from, to, 1).into_bytes(), ..rss };
            let mut found = check_thoroughly(&[broken], &fixtures::archive(), now());
            found.retain(|found| found.rule == rule && found.severity == Severity::Error);
            assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
            assert_eq!(found[0].formerly, Some(former), "{found:?}");
        }
    }

    fn feed(path: &str, media_type: &'static str, text: &str) -> Document {
        Document { path: path.into(), media_type, bytes: text.into() }
    }

    /// Two entries in RSS and in Atom.
    fn feeds_of([first, second]: [&str; 2]) -> [Document; 2] {
        let escape = quick_xml::escape::escape::<'_>;
        let item = |html| {
            let summary = escape(html);
            format!(
                "<item><description>{summary}</description>\n<content:encoded><![CDATA[{html}]]></content:encoded></item>\n"
            )
        };
        let entry = |html| format!("<entry><content type=\"html\">{}</content></entry>\n", escape(html));
        let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
        let rss = "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel>";
        let rss = format!("{head}{rss}{}{}</channel></rss>\n", item(first), item(second));
        let atom = "<feed xmlns=\"http://www.w3.org/2005/Atom\">";
        let atom = format!("{head}{atom}{}{}</feed>\n", entry(first), entry(second));
        [
            feed("rss.xml", "application/rss+xml; charset=utf-8", &rss),
            feed("atom.xml", "application/atom+xml; charset=utf-8", &atom),
        ]
    }

    #[test]
    fn a_relative_address_in_any_entry_and_format_is_found() {
        let absolute = "<p><a href=\"https://example.com/\">a</a> href=b</p>";
        for (contents, count) in [
            ([absolute, absolute], [0, 0]),
            ([absolute, "<img src=\"/b.png\" alt=\"\">"], [2, 1]),
            (["<A HREF = b>b</A>", absolute], [2, 1]),
        ] {
            let relative = |document: &Document| {
                let found = of_document(document, None).into_iter();
                found.filter(|raised| raised.finding.rule == "html-relative").count()
            };
            assert_eq!(feeds_of(contents).each_ref().map(relative), count, "{contents:?}");
        }
    }

    proptest! {
        #[test]
        fn a_build_that_lets_go_of_contents_finds_what_one_that_keeps_them_finds(
            html in "(<a href=\"/x\">|<img src='https://a.example/'>|<A Href=b|<q cite=|<img srcset=\"a 1x, https://b.example/ 2x\">|</p>|<!--|-->|&amp;|&#x3C;|[<>&\"'= a가\u{4}\u{FFFE}]|\\]\\]>){0,8}",
            other in "(<a href=\"//x\">|<p>|<|가){0,3}",
        ) {
            for document in feeds_of([&html, &other]) {
                prop_assert_eq!(of_document(&document, None), of_feed(&document, None, |_| {}));
            }
        }
    }
}
