//! The `Link` headers of a feed: its own URL and its hub (`WebSub`, section 4), and its media type.
//!
//! They are read from the document, not from the configuration, so that the two always agree. Pure. A document that
//! cannot be parsed is served by its file name's media type.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::Deserialize;

/// The most elements to read before the first entry.
const HEAD: usize = 500;

/// What a feed declares about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FeedInfo {
    pub(super) media_type: &'static str,
    pub(super) is_feed: bool,
    /// As values of the `Link` header.
    pub(super) links: Vec<String>,
}

pub(super) fn read(bytes: &[u8]) -> Option<FeedInfo> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if *first == b'{' { json(bytes) } else { xml(bytes) }
}

#[derive(Deserialize)]
struct JsonFeed {
    version: String,
    feed_url: Option<String>,
    #[serde(default)]
    hubs: Vec<Hub>,
}

#[derive(Deserialize)]
struct Hub {
    url: String,
}

fn json(bytes: &[u8]) -> Option<FeedInfo> {
    let feed: JsonFeed = serde_json::from_slice(bytes).ok()?;
    feed.version.starts_with("https://jsonfeed.org/").then(|| FeedInfo {
        media_type: "application/feed+json; charset=utf-8",
        is_feed: true,
        links: feed
            .feed_url
            .iter()
            .map(|url| (url, "self"))
            .chain(feed.hubs.iter().map(|hub| (&hub.url, "hub")))
            .filter_map(|(url, relation)| link(url, relation))
            .collect(),
    })
}

fn xml(bytes: &[u8]) -> Option<FeedInfo> {
    let mut reader = Reader::from_reader(bytes);
    let mut about: Option<FeedInfo> = None;
    let mut buffer = Vec::new();
    for _ in 0..HEAD {
        buffer.clear();
        let element = match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element) | Event::Empty(element)) => element,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => continue,
        };
        match (element.local_name().as_ref(), &mut about) {
            (name, None) => about = Some(root(name)?),
            (b"item" | b"entry", Some(_)) => break,
            (b"link", Some(about)) => about.links.extend(relation(&element)),
            _ => {}
        }
    }
    about
}

fn root(name: &[u8]) -> Option<FeedInfo> {
    let (media_type, is_feed) = match name {
        b"rss" => ("application/rss+xml; charset=utf-8", true),
        b"feed" => ("application/atom+xml; charset=utf-8", true),
        b"opml" => ("text/x-opml; charset=utf-8", false),
        _ => return None,
    };
    Some(FeedInfo { media_type, is_feed, links: Vec::new() })
}

/// A `link` with `rel="self"` or `rel="hub"`, in Atom or within RSS.
fn relation(element: &BytesStart<'_>) -> Option<String> {
    let value = |name: &str| {
        let attribute = element.try_get_attribute(name).ok()??;
        let raw = std::str::from_utf8(&attribute.value).ok()?;
        Some(quick_xml::escape::unescape(raw).ok()?.into_owned())
    };
    let relation = value("rel")?;
    let relation = ["self", "hub"].into_iter().find(|known| relation == *known)?;
    link(&value("href")?, relation)
}

/// One value of a `Link` header (RFC 8288); `None` if the URL could break out of it.
fn link(url: &str, relation: &str) -> Option<String> {
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_plain && is_web).then(|| format!("<{url}>; rel=\"{relation}\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_self_and_hub_links_of_a_feed_are_found() {
        let rss = br#"<?xml version="1.0"?><rss xmlns:atom="a"><channel><atom:link rel="self" href="https://e.org/?a=1&amp;b=2"/>
            <atom:link href="https://hub.example/" rel="hub"/><link>https://e.org/</link><item><atom:link rel="self" href="https://e.org/no"/></item></channel></rss>"#;
        let links = ["<https://e.org/?a=1&b=2>; rel=\"self\"", "<https://hub.example/>; rel=\"hub\""];
        assert_eq!(read(rss).unwrap().links, links);
        let atom = br#"<feed><link rel="alternate" href="https://e.org/"/><link rel="self" href="https://e.org/a"/></feed>"#;
        assert_eq!(read(atom).unwrap().media_type, "application/atom+xml; charset=utf-8");
        assert_eq!(read(atom).unwrap().links, ["<https://e.org/a>; rel=\"self\""]);
        let json = br#"{"version":"https://jsonfeed.org/version/1.1","feed_url":"https://e.org/j","hubs":[{"type":"WebSub","url":"https://hub.example/"}],"items":[]}"#;
        assert_eq!(
            read(json).unwrap().links,
            ["<https://e.org/j>; rel=\"self\"", "<https://hub.example/>; rel=\"hub\""]
        );
    }

    #[test]
    fn other_documents_are_not_feeds() {
        for bytes in ["<html></html>", "{\"a\":1}", "", "글", "<sitemap/>", "<"] {
            assert_eq!(read(bytes.as_bytes()), None, "{bytes}");
        }
        assert!(!read(b"<opml><link rel=\"self\" href=\"javascript:a\"/></opml>").unwrap().is_feed);
    }

    proptest! {
        #[test]
        fn no_document_breaks_a_header(href in "(https://)?\\PC{0,30}|https://e\\.org/[\\r\\n<>\"a-z ]{0,9}") {
            let escaped = href.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            let document = format!("<feed><link rel=\"self\" href=\"{escaped}\"/></feed>");
            for link in read(document.as_bytes()).map(|about| about.links).unwrap_or_default() {
                prop_assert!(axum::http::HeaderValue::from_str(&link).is_ok());
                prop_assert_eq!(link.matches('>').count(), 1);
            }
        }
    }
}
