//! JSON front matter (Hugo): an object with which a file begins. What is no object is text.

use serde_json::{Deserializer, Value as Json};

use super::{Entry, MAX_BYTES, Value, line_at, line_end};

/// The entries of the object that `text` begins with, and how many bytes it takes, its last line included.
pub(super) fn entries(text: &str) -> Option<(Vec<Entry>, usize)> {
    // No more is looked at than may be front matter: a text that begins with a brace may be a long one.
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
    let entries = object.into_iter().map(|(key, json)| {
        let line = head.find(&format!("\"{key}\"")).map_or(1, |at| line_at(head, at));
        Entry { line, value: value(json), key }
    });
    Some((entries.collect(), next))
}

/// As deep as the parser lets it be, which is 128.
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
    fn an_object_at_the_top_is_front_matter_and_a_shortcode_is_not() {
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
