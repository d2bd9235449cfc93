//! JSON Feed 1.1.
//!
//! The order of the fields is that of the structs. Titles and summaries are plain text and not escaped for HTML.

use std::borrow::Cow;

use serde::Serialize;
use url::Url;

use super::entry::Person;
use super::page::{Page, PageEntry};
use crate::archive::{Enclosure, ids};
use crate::config::PrivateUrl;
use crate::text::HeaderText;

/// The version, which is the address of the specification.
pub(super) const VERSION: &str = "https://jsonfeed.org/version/1.1";

#[derive(Serialize)]
struct JsonFeed<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    feed_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<HeaderText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'a Url>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favicon: Option<&'a Url>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<JsonAuthor<'a>>,
    language: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<Hub<'a>>,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: Cow<'a, str>,
    url: &'a Url,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_html: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_text: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a Url>,
    date_published: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_modified: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<JsonAuthor<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a Url,
    mime_type: &'a str,
    size_in_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Hub<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: &'a PrivateUrl,
}

#[derive(Serialize)]
struct JsonAuthor<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a Url>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a Url>,
}

/// The document, without a byte order mark.
#[expect(clippy::expect_used, reason = "the keys are strings and the writer is memory")]
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&feed(page)).expect("every value here has a form in JSON");
    bytes.push(b'\n');
    bytes
}

fn feed<'a>(page: &'a Page<'a>) -> JsonFeed<'a> {
    let site = &page.config.site;
    JsonFeed {
        version: VERSION,
        title: &page.feed.title,
        home_page_url: site.url.as_str(),
        feed_url: &page.own_url,
        next_url: page.older(),
        description: HeaderText::lossy(page.description()),
        icon: site.icon.as_ref(),
        favicon: site.icon.as_ref(),
        authors: site.author.as_ref().map(|owner| author(Person::from(owner))).into_iter().collect(),
        language: page.language(),
        hubs: page.config.feeds.hubs.iter().map(|url| Hub { kind: "WebSub", url }).collect(),
        items: page.entries.iter().map(|entry| item(entry, page)).collect(),
    }
}

fn item<'a>(entry: &'a PageEntry<'a>, page: &Page<'_>) -> Item<'a> {
    let mut tags: Vec<&str> = Vec::with_capacity(entry.labels.len());
    for label in &entry.labels {
        // JSON Feed has one list for categories and tags, so a name that is both appears once.
        if !tags.contains(&label.name.as_str()) {
            tags.push(&label.name);
        }
    }
    Item {
        id: ids::shown(entry.entry.id),
        url: entry.url,
        title: entry.title,
        content_html: entry.html(),
        // An item must have content, so the summary is the content where feeds carry summaries.
        content_text: entry.html().is_none().then(|| entry.summary.as_str()),
        summary: entry.summary.as_str(),
        image: entry.image.map(|image| image.url),
        date_published: entry.published.to_rfc3339(),
        date_modified: entry.was_updated().then(|| entry.updated.to_rfc3339()),
        authors: entry.authors.iter().copied().map(author).collect(),
        tags,
        language: page.differs(entry.language),
        attachments: entry.enclosures.iter().map(attachment).collect(),
    }
}

fn attachment(enclosure: &Enclosure) -> Attachment<'_> {
    Attachment {
        url: &enclosure.url,
        mime_type: &enclosure.media_type,
        size_in_bytes: enclosure.length,
        duration_in_seconds: enclosure.episode.duration,
    }
}

fn author(person: Person<'_>) -> JsonAuthor<'_> {
    JsonAuthor { name: person.name, url: person.url, avatar: person.avatar }
}
