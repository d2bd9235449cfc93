//! Which entries of a published feed are summaries. They stay summaries as long as they are in the feed. RSS does not
//! distinguish a summary from a post without text, so only the other formats are read.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::Format;

/// The formats that distinguish summaries, the best one first.
pub(super) const TELLING: [Format; 2] = [Format::Json, Format::Atom];

/// The ids of the entries that are summaries in a published feed.
pub(super) fn summaries(format: Format, bytes: &[u8]) -> BTreeSet<String> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match format {
        Format::Json if text.contains("\"content_text\":") => of_json(bytes),
        Format::Atom if text.matches("<entry").count() > text.matches("<content ").count() => of_atom(bytes),
        _ => BTreeSet::new(),
    }
}

fn of_json(bytes: &[u8]) -> BTreeSet<String> {
    let feed: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let items = feed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let summaries = items.iter().filter(|item| item.get("content_html").is_none());
    summaries.filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

fn of_atom(bytes: &[u8]) -> BTreeSet<String> {
    let feed = atom_syndication::Feed::read_from(bytes).unwrap_or_default();
    feed.entries.into_iter().filter(|entry| entry.content.is_none()).map(|entry| entry.id).collect()
}
