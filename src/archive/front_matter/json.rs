//! JSON front matter (Hugo): an object at the start of a file. Anything else is text.

use serde_json::{Deserializer, Value as Json};

use super::entry::{Entry, MAX_BYTES, Value, line_end};
use crate::config::toml_mistakes::Mistake;
use crate::text::line_at;

/// The entries of the object at the start of `text`, and its length in bytes, including its last line.
pub(super) fn entries(text: &str) -> Option<(Vec<Entry>, usize)> {
    // A long text may begin with a brace, so only the maximum length of front matter is parsed.
    let mut end = text.len().min(MAX_BYTES + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut stream = Deserializer::from_str(&text[..end]).into_iter::<Json>();
    let Some(Ok(Json::Object(object))) = stream.next() else { return None };
    let length = stream.byte_offset();
    let head = &text[..length];
    let next = line_end(text, length);
    if !text[length..next].trim().is_empty() {
        return None;
    }
    Some((of_object(object, head), next))
}

/// The entries of a text that is one object, whose braces Hexo omits.
pub(super) fn whole(text: &str) -> Result<Vec<Entry>, Mistake> {
    let is_bare = !text.trim_start().starts_with('{');
    let object = if is_bare { format!("{{{text}}}") } else { text.to_owned() };
    match serde_json::from_str(&object) {
        Ok(Json::Object(object)) => Ok(of_object(object, text)),
        Ok(_) => Err(Mistake::new(1, "it is not a JSON object", None)),
        Err(error) => Err(Mistake::new(error.line().max(1), in_words(&error), None)),
    }
}

/// The line and the message of the error in the object at the start of `text`.
pub(super) fn why_not(text: &str) -> (usize, String) {
    match Deserializer::from_str(text).into_iter::<Json>().next() {
        Some(Err(error)) => (error.line().max(1), in_words(&error)),
        _ => (1, "there is more text on the line where it ends".to_owned()),
    }
}

/// The message of the parser without the position, which the finding shows.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

fn of_object(object: serde_json::Map<String, Json>, text: &str) -> Vec<Entry> {
    let entries = object.into_iter().map(|(key, json)| {
        let line = text.find(&format!("\"{key}\"")).map_or(1, |at| line_at(text, at));
        Entry { line, value: value(json), key }
    });
    entries.collect()
}

/// The parser limits the depth to 128.
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Nothing,
        Json::Bool(yes) => Value::Bool(yes),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::String(text) => Value::Text(text),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect()),
        Json::Object(object) => {
            Value::Table(object.into_iter().map(|(key, json)| (key, value(json))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_at_the_start_is_front_matter_and_a_shortcode_is_not() {
        let (entries, length) = entries("{\n  \"title\": \"글\",\n  \"draft\": true\n}\n\nbody").unwrap();
        assert_eq!(length, "{\n  \"title\": \"글\",\n  \"draft\": true\n}\n".len());
        let lines: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
        assert_eq!(lines, [("draft", 3), ("title", 2)]);
        for text in ["{{< figure >}}\n", "{a}", "{\"a\": 1} and more\n", "{", "{\"a\": 1"] {
            assert!(super::entries(text).is_none(), "{text}");
        }
        assert!(super::entries(&"{\"a\":".repeat(50_000)).is_none());
    }
}
