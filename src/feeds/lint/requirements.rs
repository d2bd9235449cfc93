//! The requirements of our own feeds beyond the specifications. An error of these rules stops a build.
//!
//! A document in any format becomes one [`Reading`]; [`Vocabulary`] has the names and rules that differ.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use super::document::Parsed;
use super::findings::Lint;
use super::link;
use super::rule::{
    BLANK, DATE_RFC822, DATE_RFC3339, ELEMENT_MISSING, FEED_CHARACTER, FEED_DATE, FEED_ORDER, GUID,
    GUID_MISSING, HTML_RELATIVE, ID_REPEATED, JSON_MISSING, LINK, Rule, SELF_MISSING, VALUE_REPEATED,
    VERSION_WRONG, XML_ENCODING,
};
use super::urls;
use crate::feeds::json_feed::VERSION;
use crate::text::XmlText;
use crate::xml::declared_encoding;
use crate::xml::namespaces::{ATOM, Ns};
use crate::xml::tree::Node;

/// The names of a format, and the rules for its violations.
struct Vocabulary {
    feed: &'static str,
    title: &'static str,
    home: &'static str,
    entry: &'static str,
    id: &'static str,
    link: &'static str,
    published: &'static str,
    missing: Rule,
    id_missing: Rule,
    id_wrong: Rule,
    id_repeated: Rule,
    date_wrong: Rule,
    date: fn(&str) -> Option<DateTime<FixedOffset>>,
}

const RSS: Vocabulary = Vocabulary {
    feed: "<channel>",
    title: "<title>",
    home: "<link>",
    entry: "<item>",
    id: "<guid>",
    link: "<link>",
    published: "<pubDate>",
    missing: ELEMENT_MISSING,
    id_missing: GUID_MISSING,
    id_wrong: GUID,
    id_repeated: VALUE_REPEATED,
    date_wrong: DATE_RFC822,
    date: |raw| DateTime::parse_from_rfc2822(raw).ok(),
};
const ATOM_FEED: Vocabulary = Vocabulary {
    feed: "<feed>",
    title: "<atom:title>",
    home: "<atom:link>",
    entry: "<entry>",
    id: "<atom:id>",
    link: "<atom:link>",
    published: "<atom:published>",
    missing: ELEMENT_MISSING,
    id_missing: ELEMENT_MISSING,
    id_wrong: LINK,
    id_repeated: ID_REPEATED,
    date_wrong: DATE_RFC3339,
    date: rfc3339,
};
const JSON: Vocabulary = Vocabulary {
    feed: "the feed",
    title: "title",
    home: "home_page_url",
    entry: "items",
    id: "id",
    link: "url",
    published: "date_published",
    missing: JSON_MISSING,
    id_missing: JSON_MISSING,
    id_wrong: LINK,
    id_repeated: ID_REPEATED,
    date_wrong: DATE_RFC3339,
    date: rfc3339,
};

fn rfc3339(raw: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(raw).ok()
}

/// A value and its line, 0 in JSON.
#[derive(Clone, Copy)]
struct Field<'d> {
    text: &'d str,
    line: usize,
}

#[derive(Default)]
struct Reading<'d> {
    line: usize,
    title: Option<Field<'d>>,
    home: Option<Field<'d>>,
    own: Option<Field<'d>>,
    updated: Option<Field<'d>>,
    items: Vec<Item<'d>>,
}

#[derive(Default)]
struct Item<'d> {
    line: usize,
    id: Option<Field<'d>>,
    /// In JSON Feed, and in RSS with `isPermaLink="false"`, an id may be any text.
    id_is_text: bool,
    link: Option<Field<'d>>,
    title: Option<Field<'d>>,
    published: Option<Field<'d>>,
    /// An RFC 3339 date in every format.
    updated: Option<Field<'d>>,
    html: [Option<Field<'d>>; 2],
}

/// Checks the beginning of a document.
pub(super) fn head(bytes: &[u8], lint: &mut Lint<'_>) {
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    if bytes.starts_with("\u{FEFF}".as_bytes()) {
        lint.raise(XML_ENCODING, 1, "the document begins with a byte order mark");
    } else if !is_json && !bytes.starts_with(b"<?xml ") {
        let message = "the document does not begin with <?xml version=\"1.0\" encoding=\"utf-8\"?>";
        lint.raise(XML_ENCODING, 1, message);
    }
    if !is_json && !declared_encoding(bytes).is_some_and(|label| label.eq_ignore_ascii_case("utf-8")) {
        lint.raise(XML_ENCODING, 1, "the XML declaration has no encoding=\"utf-8\"");
    }
}

/// Checks a parsed document. With `relative`, also reports relative addresses in the content.
pub(super) fn check(parsed: &Parsed<'_>, relative: bool, lint: &mut Lint<'_>) {
    let (vocabulary, reading) = match parsed {
        Parsed::Xml(root) if root.name == "rss" => (&RSS, rss(root)),
        Parsed::Xml(root) => (&ATOM_FEED, atom(root)),
        Parsed::Json(feed) => {
            json_members(feed, lint);
            (&JSON, json(feed))
        }
    };
    feed(&reading, vocabulary, lint);
    let mut ids = HashMap::with_capacity(reading.items.len());
    let mut above: Option<Option<DateTime<FixedOffset>>> = None;
    for (at, item) in reading.items.iter().enumerate() {
        lint.entry = item.id.map(|id| id.text.trim().to_owned());
        let holder = if item.line == 0 { format!("items[{at}]") } else { vocabulary.entry.to_owned() };
        let published = entry(&holder, item, vocabulary, lint);
        if let Some(id) = item.id
            && let Some(first) = ids.insert(id.text, at + 1)
        {
            let message = format!("entry {} has the id of entry {first}, {}", at + 1, id.text);
            lint.require(vocabulary.id_repeated, "feed-id", id.line, message);
        }
        if above.is_some_and(|above| above < published) {
            let message = format!("entry {} is newer than the entry above it", at + 1);
            lint.raise(FEED_ORDER, item.line, message);
        }
        above = Some(published);
        if relative {
            item.html.iter().flatten().for_each(|html| relative_addresses(*html, lint));
        }
    }
    lint.entry = None;
}

fn feed(reading: &Reading<'_>, vocabulary: &Vocabulary, lint: &mut Lint<'_>) {
    title(vocabulary.feed, reading.title, reading.line, vocabulary, lint);
    let missing = (vocabulary.missing, format!("{} has no {}", vocabulary.feed, vocabulary.home));
    address("feed-link", reading.home, reading.line, missing, LINK, lint);
    let missing = (SELF_MISSING, format!("{} does not state its own address", vocabulary.feed));
    address("feed-self", reading.own, reading.line, missing, LINK, lint);
    if let Some(updated) = reading.updated {
        date(updated, vocabulary.date, vocabulary.date_wrong, lint);
    }
}

/// Checks an entry and returns its date.
fn entry(
    holder: &str,
    item: &Item<'_>,
    vocabulary: &Vocabulary,
    lint: &mut Lint<'_>,
) -> Option<DateTime<FixedOffset>> {
    let missing = |rule: Rule, name: &str| (rule, format!("{holder} has no {name}"));
    let no_id = missing(vocabulary.id_missing, vocabulary.id);
    if !item.id_is_text || item.id.is_none_or(|id| id.text.is_empty()) {
        address("feed-id", item.id, item.line, no_id, vocabulary.id_wrong, lint);
    }
    let no_link = missing(vocabulary.missing, vocabulary.link);
    address("feed-link", item.link, item.line, no_link, LINK, lint);
    title(holder, item.title, item.line, vocabulary, lint);
    let published = if let Some(published) = item.published {
        date(published, vocabulary.date, vocabulary.date_wrong, lint)
    } else {
        let (rule, message) = missing(vocabulary.missing, vocabulary.published);
        lint.require(rule, "feed-date", item.line, message);
        None
    };
    if let Some(updated) = item.updated
        && let Some(at) = date(updated, rfc3339, DATE_RFC3339, lint)
        && published.is_some_and(|published| at < published)
    {
        lint.raise(FEED_DATE, updated.line, format!("{holder} was updated before it was published"));
    }
    published
}

fn title(holder: &str, title: Option<Field<'_>>, line: usize, vocabulary: &Vocabulary, lint: &mut Lint<'_>) {
    match title {
        None => {
            let message = format!("{holder} has no {}", vocabulary.title);
            lint.require(vocabulary.missing, "feed-title", line, message);
        }
        Some(title) if title.text.trim().is_empty() => {
            lint.require(BLANK, "feed-title", title.line, format!("the title of {holder} is blank"));
        }
        Some(_) => {}
    }
}

/// Checks an address or id: it must be an absolute URI without white space.
fn address(
    formerly: &'static str,
    found: Option<Field<'_>>,
    line: usize,
    missing: (Rule, String),
    wrong: Rule,
    lint: &mut Lint<'_>,
) {
    match found.filter(|found| !found.text.is_empty()) {
        None => lint.require(missing.0, formerly, line, missing.1),
        Some(Field { text, line }) if text.contains(char::is_whitespace) => {
            lint.require(wrong, formerly, line, format!("{text:?} contains white space"));
        }
        Some(Field { text, line }) if !urls::is_absolute(text) => {
            lint.require(wrong, formerly, line, format!("{text:?} is not an absolute address"));
        }
        Some(_) => {}
    }
}

fn date(
    found: Field<'_>,
    parse: fn(&str) -> Option<DateTime<FixedOffset>>,
    wrong: Rule,
    lint: &mut Lint<'_>,
) -> Option<DateTime<FixedOffset>> {
    let date = parse(found.text);
    if date.is_none() {
        lint.require(wrong, "feed-date", found.line, format!("{:?} is not a date", found.text));
    }
    date
}

/// Reports every character that a feed may not contain, and returns whether there is none. `first` is the line on which `text`
/// begins, or 0.
pub(super) fn characters(text: &str, first: usize, lint: &mut Lint<'_>) -> bool {
    if XmlText::is_clean(text) {
        return true;
    }
    for removed in XmlText::clean(text).1 {
        let line = if first == 0 { 0 } else { first + removed.line - 1 };
        let code = u32::from(removed.char);
        lint.raise(FEED_CHARACTER, line, format!("the character U+{code:04X} is not allowed in a feed"));
    }
    false
}

/// Lets go of a content without a relative address, about which a build has nothing else to ask: the contents of a large feed
/// are then never all in memory.
pub(super) fn let_go(node: &mut Node<'_>) {
    if !CONTENTS.iter().any(|(ns, name)| node.is(*ns, name)) {
        return;
    }
    let mut is_absolute = true;
    urls::each_relative(&node.text, |_, _| is_absolute = false);
    if is_absolute {
        node.text = Cow::Borrowed("");
    }
}

fn relative_addresses(html: Field<'_>, lint: &mut Lint<'_>) {
    urls::each_relative(html.text, |attribute, url| {
        lint.raise(HTML_RELATIVE, html.line, format!("{attribute}={url:?} is relative"));
    });
}

/// The elements with the HTML of an entry.
const CONTENTS: [(Ns, &str); 3] = [RSS_CONTENTS[0], RSS_CONTENTS[1], ATOM_CONTENT];
const RSS_CONTENTS: [(Ns, &str); 2] = [(Ns::None, "description"), (Ns::Known("content"), "encoded")];
const ATOM_CONTENT: (Ns, &str) = (ATOM, "content");

fn field<'d>(node: &'d Node<'_>, ns: Ns, name: &str) -> Option<Field<'d>> {
    node.child(ns, name).map(|child| Field { text: &child.text, line: child.line })
}

fn href<'d>(node: &'d Node<'_>, relation: &str) -> Option<Field<'d>> {
    let link = link::rel(node, relation)?;
    Some(Field { text: link.attribute("href").unwrap_or_default(), line: link.line })
}

fn rss_item<'d>(node: &'d Node<'_>) -> Item<'d> {
    Item {
        line: node.line,
        id: field(node, Ns::None, "guid"),
        id_is_text: node
            .child(Ns::None, "guid")
            .is_some_and(|guid| guid.attribute("isPermaLink") == Some("false")),
        link: field(node, Ns::None, "link"),
        title: field(node, Ns::None, "title"),
        published: field(node, Ns::None, "pubDate"),
        updated: field(node, ATOM, "updated"),
        html: RSS_CONTENTS.map(|(ns, name)| field(node, ns, name)),
    }
}

fn rss<'d>(root: &'d Node<'_>) -> Reading<'d> {
    let Some(channel) = root.child(Ns::None, "channel") else { return Reading::default() };
    Reading {
        line: channel.line,
        title: field(channel, Ns::None, "title"),
        home: field(channel, Ns::None, "link"),
        own: href(channel, "self"),
        updated: field(channel, Ns::None, "lastBuildDate"),
        items: channel.children(Ns::None, "item").map(rss_item).collect(),
    }
}

fn atom_entry<'d>(node: &'d Node<'_>) -> Item<'d> {
    Item {
        line: node.line,
        id: field(node, ATOM, "id"),
        id_is_text: false,
        link: href(node, "alternate"),
        title: field(node, ATOM, "title"),
        published: field(node, ATOM, "published"),
        updated: field(node, ATOM, "updated"),
        html: [field(node, ATOM_CONTENT.0, ATOM_CONTENT.1), None],
    }
}

fn atom<'d>(root: &'d Node<'_>) -> Reading<'d> {
    Reading {
        line: root.line,
        title: field(root, ATOM, "title"),
        home: href(root, "alternate"),
        own: href(root, "self"),
        updated: field(root, ATOM, "updated"),
        items: root.children(ATOM, "entry").map(atom_entry).collect(),
    }
}

fn member<'d>(object: &'d Map<String, Value>, name: &str) -> Option<Field<'d>> {
    object.get(name).and_then(Value::as_str).map(|text| Field { text, line: 0 })
}

fn json_item(object: &Map<String, Value>) -> Item<'_> {
    Item {
        line: 0,
        id: member(object, "id"),
        id_is_text: true,
        link: member(object, "url"),
        title: member(object, "title"),
        published: member(object, "date_published"),
        updated: member(object, "date_modified"),
        html: [member(object, "content_html"), None],
    }
}

fn json(feed: &Map<String, Value>) -> Reading<'_> {
    Reading {
        line: 0,
        title: member(feed, "title"),
        home: member(feed, "home_page_url"),
        own: member(feed, "feed_url"),
        updated: None,
        items: objects(feed).map(json_item).collect(),
    }
}

fn objects(feed: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    feed.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn json_members(feed: &Map<String, Value>, lint: &mut Lint<'_>) {
    if feed.get("version").and_then(Value::as_str) != Some(VERSION) {
        lint.require(VERSION_WRONG, "feed-version", 0, format!("the version is not {VERSION}"));
    }
    if !feed.get("items").is_some_and(Value::is_array) {
        lint.require(JSON_MISSING, "feed-items", 0, "the feed has no items");
    }
    for (at, item) in objects(feed).enumerate() {
        if member(item, "content_html").is_none() && member(item, "content_text").is_none() {
            let message = format!("items[{at}] has neither content_html nor content_text");
            lint.require(JSON_MISSING, "feed-content", 0, message);
        }
        // The bytes are valid, but an escape such as \u0000 is only visible after parsing.
        for name in ["content_html", "content_text", "summary", "title"] {
            characters(member(item, name).map_or("", |found| found.text), 0, lint);
        }
    }
}
