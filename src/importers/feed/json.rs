//! JSON Feed 1 and 1.1, read as leniently as feed readers do: an id may be a number, and a member of the wrong type
//! is ignored.

use serde_json::{Map, Value};
use url::Url;

use super::text::paragraphs;
use super::{About, Enclosure, Entry, Feed, Format, MAX_ENTRIES, MAX_PARTS, absolute, date, push_name};
use crate::html::push_escaped;

/// Whether a document that begins with `head` is JSON.
pub(super) fn is_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Reads a feed; an error has a line if it is known.
pub(super) fn read(bytes: &[u8]) -> Result<Feed, (Option<usize>, String)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let root: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| (Some(error.line()), format!("it is not well-formed JSON: {error}")))?;
    let is_feed = text(&root, "version").is_some_and(|version| version.contains("jsonfeed.org/version/"));
    let items = match root.get("items") {
        Some(Value::Array(items)) if is_feed || root.contains_key("title") => items,
        _ => {
            return Err((
                None,
                "it is JSON, but not a JSON Feed: it has no `version` and `items`".to_owned(),
            ));
        }
    };
    if items.len() > MAX_ENTRIES {
        return Err((None, format!("it has more than {MAX_ENTRIES} entries")));
    }
    let mut about = About {
        format: Some(Format::Json),
        title: text(&root, "title").unwrap_or_default(),
        home: text(&root, "home_page_url"),
        own: text(&root, "feed_url"),
        language: text(&root, "language"),
        ..About::default()
    };
    push_authors(&mut about.authors, &root);
    let base = about.base(None);
    let entries = items.iter().filter_map(Value::as_object).map(|item| entry(item, base.as_ref())).collect();
    Ok(Feed { about, entries })
}

fn entry(item: &Map<String, Value>, base: Option<&Url>) -> Entry {
    let address = |key| text(item, key).and_then(|url| absolute(&url, base));
    let link = address("url").or_else(|| address("external_url"));
    let plain = || {
        let mut escaped = String::new();
        push_escaped(&mut escaped, &text(item, "content_text")?);
        Some(paragraphs(&escaped))
    };
    let summary = text(item, "summary").map(|summary| {
        let mut escaped = String::new();
        push_escaped(&mut escaped, &summary);
        escaped
    });
    let mut entry = Entry {
        id: text(item, "id").or_else(|| link.clone()),
        link,
        title: text(item, "title").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
        published: text(item, "date_published").and_then(|raw| date(&raw)),
        updated: text(item, "date_modified").and_then(|raw| date(&raw)),
        language: text(item, "language"),
        content: text(item, "content_html").or_else(plain),
        summary,
        image: address("image").or_else(|| address("banner_image")),
        ..Entry::default()
    };
    let status = text(item, "status").or_else(|| text(item, "visibility")).unwrap_or_default();
    entry.draft = item.get("draft") == Some(&Value::Bool(true))
        || ["draft", "private", "pending"].contains(&status.to_ascii_lowercase().as_str());
    push_authors(&mut entry.authors, item);
    for tag in array(item, "tags").filter_map(Value::as_str) {
        push_name(&mut entry.categories, Some(tag.to_owned()));
    }
    for attachment in array(item, "attachments").filter_map(Value::as_object).take(MAX_PARTS) {
        let url = text(attachment, "url").and_then(|url| absolute(&url, base));
        entry.enclosures.extend(url.map(|url| Enclosure {
            url,
            media_type: text(attachment, "mime_type"),
            length: attachment.get("size_in_bytes").and_then(Value::as_u64),
        }));
    }
    entry
}

/// `authors` of 1.1, `author` of 1.
fn push_authors(names: &mut Vec<String>, object: &Map<String, Value>) {
    for author in array(object, "authors").chain(object.get("author")).filter_map(Value::as_object) {
        push_name(names, text(author, "name").or_else(|| text(author, "url")));
    }
}

fn array<'v>(object: &'v Map<String, Value>, key: &str) -> impl Iterator<Item = &'v Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
