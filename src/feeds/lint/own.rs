//! Our own feeds under the rules for any feed, with the post named that is the cause.
//!
//! `check` runs this; a build runs the fast rules alone.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use super::findings::Raised;
use super::foreign::examine;
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
    let fast = fast.into_iter().map(|finding| {
        let id = of_line(finding.line);
        (finding, id)
    });
    fast.chain(raised.into_iter().map(|Raised { finding, entry }| (finding, entry))).collect()
}

/// The same finding, in the words of whoever wrote the post.
fn about(post: &Post, finding: &Finding) -> Finding {
    // What is in the text begins where the text does; all else is the front matter's.
    let in_text = ["html-", "feed-relative", "character"].iter().any(|rule| finding.rule.starts_with(rule));
    let line = if in_text { post.body_line } else { 1 };
    Finding { file: post.source.to_string(), line: Some(line), ..finding.clone() }
}
