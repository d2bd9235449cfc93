//! JSON Feed 1.0 and 1.1: a table of names and types, and the check of a document against it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::findings::{Lint, shown};
use super::html;
use super::rule::{
    BLANK, ID_REPEATED, JSON_MISSING, JSON_OLD, JSON_TYPE, JSON_UNKNOWN, SELF_MISSING, VERSION_WRONG,
};
use super::value::{Kind, Setting};

/// The type of a member.
#[derive(Clone, Copy)]
enum JsonType {
    Text(&'static [Kind]),
    Html,
    Bool,
    Number,
    Object(&'static [Member]),
    List(&'static JsonType),
}

struct Member {
    name: &'static str,
    must: bool,
    is: JsonType,
}

const fn may(name: &'static str, is: JsonType) -> Member {
    Member { name, must: false, is }
}

const fn must(name: &'static str, is: JsonType) -> Member {
    Member { name, must: true, is }
}

const TEXT: JsonType = JsonType::Text(&[]);
const URL: JsonType = JsonType::Text(&[Kind::WholeIri]);

const AUTHOR: &[Member] = &[may("name", TEXT), may("url", URL), may("avatar", URL)];
const HUB: &[Member] = &[must("type", TEXT), must("url", URL)];
const ATTACHMENT: &[Member] = &[
    must("url", URL),
    must("mime_type", JsonType::Text(&[Kind::MimeType])),
    may("title", TEXT),
    may("size_in_bytes", JsonType::Number),
    may("duration_in_seconds", JsonType::Number),
];
const ITEM: &[Member] = &[
    must("id", TEXT),
    may("url", URL),
    may("external_url", URL),
    may("title", TEXT),
    may("content_html", JsonType::Html),
    may("content_text", TEXT),
    may("summary", TEXT),
    may("image", URL),
    may("banner_image", URL),
    may("date_published", JsonType::Text(&[Kind::Rfc3339])),
    may("date_modified", JsonType::Text(&[Kind::Rfc3339])),
    may("author", JsonType::Object(AUTHOR)),
    may("authors", JsonType::List(&JsonType::Object(AUTHOR))),
    may("tags", JsonType::List(&TEXT)),
    may("language", JsonType::Text(&[Kind::Language])),
    may("attachments", JsonType::List(&JsonType::Object(ATTACHMENT))),
];
const FEED: &[Member] = &[
    must("version", TEXT),
    must("title", TEXT),
    may("home_page_url", URL),
    may("feed_url", URL),
    may("description", TEXT),
    may("user_comment", TEXT),
    may("next_url", URL),
    may("icon", URL),
    may("favicon", URL),
    may("author", JsonType::Object(AUTHOR)),
    may("authors", JsonType::List(&JsonType::Object(AUTHOR))),
    may("language", JsonType::Text(&[Kind::Language])),
    may("expired", JsonType::Bool),
    may("hubs", JsonType::List(&JsonType::Object(HUB))),
    must("items", JsonType::List(&JsonType::Object(ITEM))),
];

/// Checks `feed` against the table.
pub(super) fn check(feed: &Map<String, Value>, lint: &mut Lint<'_>) {
    let version = feed.get("version").and_then(Value::as_str).unwrap_or_default();
    let version = version.trim_start_matches("https://").trim_start_matches("http://");
    let version = version.trim_start_matches("www.").trim_end_matches('/');
    if !matches!(version, "jsonfeed.org/version/1" | "jsonfeed.org/version/1.1") {
        lint.raise(VERSION_WRONG, 0, "the version is not https://jsonfeed.org/version/1.1");
    }
    object(feed, FEED, "the feed", lint);
    if !feed.contains_key("feed_url") {
        lint.raise(SELF_MISSING, 0, "there is no feed_url");
    }
    items(feed.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice), lint);
}

fn items(items: &[Value], lint: &mut Lint<'_>) {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let id = item.get("id").and_then(Value::as_str);
        lint.entry = id.map(str::to_owned);
        let place = format!("items[{at}]");
        match id.map(|id| (id, ids.insert(id, at))) {
            Some(("", _)) => lint.raise(BLANK, 0, format!("the id of {place} is blank")),
            Some((id, Some(first))) => {
                lint.raise(ID_REPEATED, 0, format!("{place} has the id of items[{first}], {}", shown(id)));
            }
            _ => {}
        }
        if item.is_object() && item.get("content_html").is_none() && item.get("content_text").is_none() {
            lint.raise(JSON_MISSING, 0, format!("{place} has neither content_html nor content_text"));
        }
    }
    lint.entry = None;
}

fn object(found: &Map<String, Value>, members: &'static [Member], place: &str, lint: &mut Lint<'_>) {
    for (name, value) in found {
        match members.iter().find(|member| member.name == name) {
            Some(member) if value.is_null() => {
                lint.raise(JSON_TYPE, 0, format!("{} of {place} is null; leave it out", member.name));
            }
            Some(member) => {
                if name == "author" {
                    lint.raise(JSON_OLD, 0, format!("author of {place} is now a list called authors"));
                }
                self::value(value, member.is, &format!("{name} of {place}"), lint);
            }
            None if name.starts_with('_') => {}
            None => lint.raise(JSON_UNKNOWN, 0, format!("{} of {place} is unknown", shown(name))),
        }
    }
    for member in members.iter().filter(|member| member.must && !found.contains_key(member.name)) {
        lint.raise(JSON_MISSING, 0, format!("{place} has no {}", member.name));
    }
}

fn value(found: &Value, is: JsonType, place: &str, lint: &mut Lint<'_>) {
    let mut wrong = |what: &str| lint.raise(JSON_TYPE, 0, format!("{place} is not {what}"));
    match (is, found) {
        (JsonType::Text(kinds), Value::String(text)) => {
            let setting = Setting { now: lint.now, rss: false, hexadecimal: true, attribute: true };
            for (rule, message) in kinds.iter().filter_map(|kind| kind.judge(text, setting)) {
                lint.raise(rule, 0, format!("{place}: {message}"));
            }
        }
        (JsonType::Html, Value::String(text)) => html::escaped(text, 0, true, lint),
        (JsonType::Bool, Value::Bool(_)) => {}
        (JsonType::Number, Value::Number(number)) if number.as_f64().is_some_and(|number| number >= 0.0) => {}
        (JsonType::Object(members), Value::Object(inner)) => object(inner, members, place, lint),
        (JsonType::List(of), Value::Array(list)) => {
            for (at, inner) in list.iter().enumerate() {
                value(inner, *of, &format!("{place}[{at}]"), lint);
            }
        }
        (JsonType::Text(_) | JsonType::Html, _) => wrong("a string"),
        (JsonType::Bool, _) => wrong("true or false"),
        (JsonType::Number, _) => wrong("a number of at least 0"),
        (JsonType::Object(_), _) => wrong("an object"),
        (JsonType::List(_), _) => wrong("a list"),
    }
}
