//! Our own feeds under the rules for any feed, with the post named that is the cause.
//!
//! `check` runs this; a build runs the fast rules alone.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::findings::Raised;
use super::foreign::examine;
use super::rule::DATE_IMPLAUSIBLE;
use super::{Document, check_one};
use crate::archive::{Archive, Post};
use crate::finding::Finding;

/// Everything that the fast rules and the rules for any feed find in `documents`. What is the fault of a post names
/// the post, once, however many feeds carry it.
pub fn check_thoroughly(documents: &[Document], archive: &Archive, now: DateTime<Utc>) -> Vec<Finding> {
    let found: Vec<(Finding, Option<String>)> =
        documents.par_iter().flat_map_iter(|document| of_document(document, now)).collect();
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for (finding, id) in found {
        let post = id.and_then(|id| archive.posts.iter().find(|post| post.id == id));
        let finding = post.map_or(finding.clone(), |post| about(post, &finding));
        if seen.insert((finding.rule, finding.file.clone(), finding.line, finding.message.clone())) {
            named.push(finding);
        }
    }
    named
}

fn of_document(document: &Document, now: DateTime<Utc>) -> Vec<(Finding, Option<String>)> {
    let fast = check_one(document);
    let is_feed = matches!(
        document.media_type.split(';').next(),
        Some("application/rss+xml" | "application/atom+xml" | "application/feed+json")
    );
    if !is_feed {
        return Vec::new();
    }
    let (raised, entries) = examine(document.path.as_str(), &document.bytes, Some(document.media_type), now);
    let of_line = |line: Option<usize>| {
        let before = entries.partition_point(|(begin, _)| line.is_some_and(|line| *begin <= line));
        before.checked_sub(1).and_then(|at| entries.get(at)).map(|(_, id)| id.clone())
    };
    // A feed without entries has no date to tell: the epoch stands for none, since the clock would differ each time.
    let empty = entries.is_empty();
    let raised = raised.into_iter().filter(|raised| !(empty && raised.finding.rule == DATE_IMPLAUSIBLE.name));
    let fast = fast.into_iter().map(|finding| {
        let id = of_line(finding.line);
        (finding, id)
    });
    fast.chain(raised.map(|Raised { finding, entry }| (finding, entry))).collect()
}

/// The same finding, in the words of whoever wrote the post.
fn about(post: &Post, finding: &Finding) -> Finding {
    // What is in the text begins where the text does; all else is the front matter's.
    let in_text = ["html-", "feed-relative", "character"].iter().any(|rule| finding.rule.starts_with(rule));
    let line = if in_text { post.body_line } else { 1 };
    Finding { file: post.source.to_string(), line: Some(line), ..finding.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::{render_all, specimen};

    fn documents() -> Vec<Document> {
        render_all(&specimen::archive(), &specimen::full_config())
    }

    /// What is found after `from` became `to` wherever it stands.
    fn after(from: &str, to: &str) -> Vec<Finding> {
        let broken = documents().into_iter().map(|document| {
            let text = String::from_utf8(document.bytes).unwrap();
            Document { bytes: text.replace(from, to).into_bytes(), ..document }
        });
        check_thoroughly(&broken.collect::<Vec<_>>(), &specimen::archive(), now())
    }

    fn now() -> DateTime<Utc> {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn our_own_feeds_hold_no_errors() {
        let found = check_thoroughly(&documents(), &specimen::archive(), now());
        let errors: Vec<_> =
            found.iter().filter(|found| found.severity == crate::finding::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn a_fault_of_a_post_is_told_of_the_post_and_once() {
        let archive = specimen::archive();
        let post = &archive.posts[0];
        let found = after(&format!(">{}<", post.id), ">not an id<");
        assert!(found.iter().any(|found| found.file == "rss.xml" && found.rule == "feed-id"), "{found:?}");
        let found = after("<a href=\"https://example.com", "<a onclick=\"x\" href=\"https://example.com");
        let found: Vec<_> = found.iter().filter(|found| found.rule == "html-unsafe").collect();
        assert_eq!(found.len(), 1, "in RSS, of the site and of a category: {found:?}");
        let named = archive.posts.iter().find(|post| post.source == found[0].file.as_str()).unwrap();
        assert_eq!(found[0].line, Some(named.body_line));
    }
}
