//! An entry as feed readers show it: read back out of the bytes of a feed, and sanitised as they do. Pure.
//!
//! `NetNewsWire` removes scripts, style sheets, forms and, of `style` attributes, colours, fonts and positions. Feedly keeps structure,
//! links, pictures and players, and no styles or classes. Both lists are allow-lists here, so that nothing unknown passes.

use ammonia::Builder;
use camino::Utf8Path;
use serde::Deserialize;

use super::view::FeedReader;
use crate::archive::{Archive, Post};
use crate::config::{Config, Content, Format};
use crate::feeds::plan_feeds;
use crate::html;

/// The entry in the JSON feed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) summary: String,
    #[serde(default, rename = "content_html")]
    pub(super) content: String,
    #[serde(default)]
    pub(super) url: String,
}

#[derive(Deserialize)]
struct JsonFeed {
    items: Vec<Entry>,
}

/// The entry of `post` out of a feed that contains nothing else.
pub(super) fn entry_of(post: &Post, config: &Config) -> Option<Entry> {
    let archive = Archive { posts: vec![post.clone()], ..Archive::default() };
    let mut config = config.clone();
    config.feeds.formats = vec![Format::Json];
    let plan = plan_feeds(&archive, &config, &|_: &Utf8Path| None);
    let feed = plan.feed_paths().next()?;
    let document = plan.current().flatten().find(|document| document.path == feed)?;
    let parsed: JsonFeed = serde_json::from_slice(&document.bytes).ok()?;
    parsed.items.into_iter().next()
}

/// Whether the feeds carry the whole text.
pub(super) fn is_full(config: &Config) -> bool {
    config.feeds.content == Content::Full
}

/// Properties that `NetNewsWire` keeps in `style` attributes.
const STYLES: [&str; 14] = [
    "border",
    "border-collapse",
    "clear",
    "display",
    "float",
    "height",
    "margin",
    "padding",
    "text-align",
    "text-decoration",
    "text-indent",
    "vertical-align",
    "white-space",
    "width",
];

/// The hosts of players that Feedly keeps.
const PLAYERS: [&str; 3] =
    ["https://www.youtube.com/", "https://www.youtube-nocookie.com/", "https://player.vimeo.com/"];

/// The content as `reader` shows it.
pub(super) fn sanitised(content: &str, reader: FeedReader) -> String {
    let mut builder = Builder::default();
    builder.link_rel(Some("noopener noreferrer")).add_tags(["iframe", "video", "audio", "source", "picture"]);
    builder.add_tag_attributes("iframe", ["src", "width", "height", "title"]);
    builder.add_tag_attributes("video", ["src", "poster", "controls", "width", "height"]);
    builder.add_tag_attributes("audio", ["src", "controls"]);
    builder.add_tag_attributes("source", ["src", "type"]);
    match reader {
        FeedReader::NetNewsWire => {
            builder.add_generic_attributes(["style", "class", "id", "dir"]);
            builder.filter_style_properties(STYLES.into_iter().collect());
        }
        FeedReader::Feedly => {
            builder.attribute_filter(|element, attribute, value| {
                let is_player = PLAYERS.iter().any(|player| value.starts_with(player));
                (element != "iframe" || attribute != "src" || is_player).then(|| value.into())
            });
        }
    }
    builder.clean(content).to_string()
}

/// The elements that are in `content` and not in what a reader shows, with their numbers, by name.
pub(super) fn removed(content: &str, shown: &str) -> Vec<(String, usize)> {
    let count = |text: &str| {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for tag in html::tags(text).iter().filter(|tag| !tag.closing) {
            *counts.entry(tag.name().to_owned()).or_default() += 1;
        }
        counts
    };
    let kept = count(shown);
    let fewer = |(name, number): (String, usize)| {
        let missing = number.saturating_sub(kept.get(&name).copied().unwrap_or_default());
        (missing > 0).then_some((name, missing))
    };
    count(content).into_iter().filter_map(fewer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &str = "<p class=\"a\" style=\"color: red; text-align: center\" onclick=\"x()\">글 <script>x()</script>\
        <style>p{}</style><form><input></form></p><iframe src=\"https://evil.example/\"></iframe>\
        <iframe src=\"https://player.vimeo.com/1\"></iframe><a href=\"javascript:x()\">b</a><img src=\"https://a.example/b.png\">";

    #[test]
    fn netnewswire_keeps_some_styles_and_feedly_none() {
        let netnewswire = sanitised(CONTENT, FeedReader::NetNewsWire);
        assert!(netnewswire.contains("class=\"a\"") && netnewswire.contains("text-align"), "{netnewswire}");
        assert!(!netnewswire.contains("color"), "{netnewswire}");
        let feedly = sanitised(CONTENT, FeedReader::Feedly);
        assert!(!feedly.contains("style") && !feedly.contains("class"), "{feedly}");
        assert!(feedly.contains("player.vimeo.com") && !feedly.contains("evil.example"), "{feedly}");
        for shown in [netnewswire, feedly] {
            for gone in ["script", "onclick", "x()", "<form", "javascript:"] {
                assert!(!shown.contains(gone), "{gone}: {shown}");
            }
            assert!(shown.contains("https://a.example/b.png") && shown.contains('글'), "{shown}");
        }
    }

    #[test]
    fn what_a_reader_leaves_out_is_counted() {
        let removed = removed(CONTENT, &sanitised(CONTENT, FeedReader::Feedly));
        let names: Vec<(&str, usize)> =
            removed.iter().map(|(name, number)| (name.as_str(), *number)).collect();
        assert_eq!(names, [("form", 1), ("input", 1), ("script", 1), ("style", 1)]);
    }
}
