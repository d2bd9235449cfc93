//! Reads a JSON Feed for the rules.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Item, Reading, Report, Stamp};
use crate::feeds::json_feed::VERSION;

#[derive(Deserialize)]
struct JsonFeed<'a> {
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    title: Option<String>,
    home_page_url: Option<String>,
    feed_url: Option<String>,
    #[serde(borrow)]
    items: Option<Vec<JsonItem<'a>>>,
}

#[derive(Deserialize)]
struct JsonItem<'a> {
    id: Option<String>,
    url: Option<String>,
    title: Option<String>,
    #[serde(borrow)]
    content_html: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content_text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    date_published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    date_modified: Option<Cow<'a, str>>,
}

/// What `text` says; `None`, with a finding, if it is not a JSON Feed at all.
pub(super) fn read(text: &str, report: &mut Report<'_>) -> Option<Reading> {
    if text.starts_with('\u{FEFF}') {
        report.error("feed-encoding", 1, "the document begins with a byte order mark");
    }
    let feed: JsonFeed<'_> = match serde_json::from_str(text.trim_start_matches('\u{FEFF}')) {
        Ok(feed) => feed,
        Err(error) => {
            report.error("feed-syntax", error.line(), format!("the document is not a JSON Feed: {error}"));
            return None;
        }
    };
    if feed.version.as_deref() != Some(VERSION) {
        report.error("feed-version", 0, format!("the version is not {VERSION}"));
    }
    if feed.items.is_none() {
        report.error("feed-items", 0, "there is no `items`");
    }
    let entries = feed.items.unwrap_or_default();
    Some(Reading {
        title: feed.title,
        home: feed.home_page_url,
        own: feed.feed_url,
        updated: None,
        entries: entries.into_iter().enumerate().map(|(at, item)| read_item(at, item, report)).collect(),
    })
}

fn read_item(at: usize, item: JsonItem<'_>, report: &mut Report<'_>) -> Item {
    if item.content_html.is_none() && item.content_text.is_none() {
        report.error(
            "feed-content",
            0,
            format!("entry {} has neither content_html nor content_text", at + 1),
        );
    }
    // The bytes were looked through already, but an escape such as \u0000 only shows now.
    let texts = [&item.content_html, &item.content_text, &item.summary];
    for text in texts.into_iter().flatten().map(Cow::as_ref).chain(item.title.as_deref()) {
        report.characters(text, 0);
    }
    if let Some(html) = &item.content_html {
        report.content(html, 0);
    }
    Item {
        line: 0,
        id: item.id,
        link: item.url,
        title: item.title,
        published: item.date_published.as_deref().map(Stamp::rfc3339),
        updated: item.date_modified.as_deref().map(Stamp::rfc3339),
    }
}
