//! What would be wrong with a feed, found before it is written.
//!
//! Each document is read back from its bytes as a stranger would read it, and the rules that hold in every format
//! are applied to what was read. Knows nothing of how a document was made, and changes none.

mod app;
mod atom;
mod decode;
mod feedsync;
mod findings;
mod foreign;
mod foreign_json;
mod history;
mod html;
mod itunes;
mod json;
mod lines;
mod link;
mod media;
mod modules;
mod namespaces;
mod own;
mod rdf;
mod rss;
mod rule;
mod schema;
mod text_construct;
mod tree;
mod urls;
mod value;
mod xml;

pub use foreign::check_feed;
pub use own::check_thoroughly;
pub use rule::{RULES, Rule};

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};
use rayon::prelude::*;

use super::Document;
use crate::finding::Finding;
use crate::text::XmlText;

/// Everything that is wrong with `documents`, in their order. Documents that are not feeds are passed over.
pub fn check(documents: &[Document]) -> Vec<Finding> {
    documents.par_iter().flat_map_iter(check_one).collect()
}

fn check_one(document: &Document) -> Vec<Finding> {
    let read = match document.media_type.split(';').next() {
        Some("application/rss+xml" | "application/atom+xml") => xml::read,
        Some("application/feed+json") => json::read,
        _ => return Vec::new(),
    };
    let mut report = Report { file: document.path.as_str(), findings: Vec::new() };
    match std::str::from_utf8(&document.bytes) {
        Ok(text) => {
            report.characters(text, 1);
            if let Some(reading) = read(text, &mut report) {
                rules(&reading, &mut report);
            }
        }
        Err(error) => {
            let before = &document.bytes[..error.valid_up_to()];
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            report.error("feed-encoding", line, "the document is not UTF-8");
        }
    }
    report.findings
}

/// What a document says, as far as the rules ask.
#[derive(Debug, Default)]
struct Reading {
    title: Option<String>,
    home: Option<String>,
    own: Option<String>,
    updated: Option<Stamp>,
    entries: Vec<Item>,
}

/// An entry or item.
#[derive(Debug, Default)]
struct Item {
    /// From 1; 0 where the format's parser does not tell.
    line: usize,
    id: Option<String>,
    link: Option<String>,
    title: Option<String>,
    published: Option<Stamp>,
    updated: Option<Stamp>,
}

/// A date as written, and what it means if it means anything.
#[derive(Debug)]
struct Stamp {
    raw: String,
    at: Option<DateTime<FixedOffset>>,
}

impl Stamp {
    /// RFC 3339, of Atom and JSON Feed.
    fn rfc3339(raw: &str) -> Self {
        Self { raw: raw.to_owned(), at: DateTime::parse_from_rfc3339(raw).ok() }
    }

    /// RFC 822 with a four-digit year, of RSS.
    fn rfc822(raw: &str) -> Self {
        Self { raw: raw.to_owned(), at: DateTime::parse_from_rfc2822(raw).ok() }
    }
}

/// The findings about one document.
struct Report<'a> {
    file: &'a str,
    findings: Vec<Finding>,
}

impl Report<'_> {
    /// `line` is 0 where none can be named.
    fn error(&mut self, rule: &'static str, line: usize, message: impl Into<String>) {
        self.push(Finding::error(rule, self.file, message), line);
    }

    fn warning(&mut self, rule: &'static str, line: usize, message: impl Into<String>) {
        self.push(Finding::warning(rule, self.file, message), line);
    }

    fn push(&mut self, finding: Finding, line: usize) {
        self.findings.push(if line == 0 { finding } else { finding.at(line) });
    }

    /// Names every character that no feed may hold; `first` is the line on which `text` begins, or 0.
    fn characters(&mut self, text: &str, first: usize) {
        if XmlText::is_clean(text) {
            return;
        }
        for removed in XmlText::clean(text).1 {
            let line = if first == 0 { 0 } else { first + removed.line - 1 };
            let code = u32::from(removed.char);
            self.error("feed-character", line, format!("the character U+{code:04X} may not stand in a feed"));
        }
    }

    /// Looks through the HTML of an entry for addresses that only work on the page it was written for.
    fn content(&mut self, html: &str, line: usize) {
        urls::each_relative(html, |attribute, url| {
            let message =
                format!("{attribute}={url:?} is relative, and readers show the entry somewhere else");
            self.warning("feed-relative-url", line, message);
        });
    }
}

fn rules(reading: &Reading, report: &mut Report<'_>) {
    if reading.title.as_deref().is_none_or(|title| title.trim().is_empty()) {
        report.error("feed-title", 0, "the feed has no title");
    }
    address("feed-link", "the feed's link to its site", reading.home.as_deref(), 0, report);
    address("feed-self", "the feed's own address", reading.own.as_deref(), 0, report);
    if let Some(stamp) = &reading.updated {
        date("the feed's date", stamp, 0, report);
    }
    let mut lines_of_ids = HashMap::with_capacity(reading.entries.len());
    let mut above: Option<&Item> = None;
    for (at, entry) in reading.entries.iter().enumerate() {
        rules_of_entry(at, entry, report);
        if let Some(id) = &entry.id
            && let Some(first) = lines_of_ids.insert(id.as_str(), at + 1)
        {
            let message = format!("entry {} has the id of entry {first}, {id}", at + 1);
            report.error("feed-id", entry.line, message);
        }
        if above.and_then(published) < published(entry) && above.is_some() {
            let message = format!("entry {} is newer than the entry above it", at + 1);
            report.warning("feed-order", entry.line, message);
        }
        above = Some(entry);
    }
}

fn rules_of_entry(at: usize, entry: &Item, report: &mut Report<'_>) {
    let name = format!("entry {}", at + 1);
    address("feed-id", &format!("{name}'s id"), entry.id.as_deref(), entry.line, report);
    address("feed-link", &format!("{name}'s link"), entry.link.as_deref(), entry.line, report);
    if entry.title.as_deref().is_none_or(|title| title.trim().is_empty()) {
        report.error("feed-title", entry.line, format!("{name} has no title"));
    }
    match &entry.published {
        Some(stamp) => date(&format!("{name}'s date"), stamp, entry.line, report),
        None => report.error("feed-date", entry.line, format!("{name} has no date")),
    }
    if let Some(stamp) = &entry.updated {
        date(&format!("{name}'s update"), stamp, entry.line, report);
        if stamp.at.is_some_and(|at| Some(at) < published(entry)) {
            report.warning("feed-date", entry.line, format!("{name} was updated before it was published"));
        }
    }
}

fn published(entry: &Item) -> Option<DateTime<FixedOffset>> {
    entry.published.as_ref().and_then(|stamp| stamp.at)
}

fn date(what: &str, stamp: &Stamp, line: usize, report: &mut Report<'_>) {
    if stamp.at.is_none() {
        report.error("feed-date", line, format!("{what}, {:?}, is not one", stamp.raw));
    }
}

/// Ids, too, are absolute URIs.
fn address(rule: &'static str, what: &str, url: Option<&str>, line: usize, report: &mut Report<'_>) {
    match url {
        None | Some("") => report.error(rule, line, format!("{what} is missing")),
        Some(url) if url.contains(char::is_whitespace) => {
            report.error(rule, line, format!("{what}, {url:?}, holds white space"));
        }
        Some(url) if !urls::is_absolute(url) => {
            report.error(rule, line, format!("{what}, {url:?}, is not absolute"));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests;
