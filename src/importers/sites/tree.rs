//! TOML, YAML and JSON as one tree, with case-insensitive keys.

use serde_json::Value;

/// Deeper configurations are not written by people.
const MAX_DEPTH: usize = 32;

/// Reads `text`; the syntax is that of the extension of `file`.
pub(super) fn parse(file: &str, text: &str) -> Result<Value, String> {
    let wrong = |message: String| format!("{file}: {}", message.lines().next().unwrap_or_default());
    match file.rsplit('.').next() {
        Some("toml") => {
            toml::from_str(text).map_err(|error: toml::de::Error| wrong(error.message().to_owned()))
        }
        Some("json") => serde_json::from_str(text).map_err(|error| wrong(error.to_string())),
        _ => {
            let options = serde_saphyr::options! {
                duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
                budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: 100_000 },
            };
            serde_saphyr::from_str_with_options(text, options)
                .map_err(|error| wrong(error.without_snippet().to_string()))
        }
    }
}

/// The value at the end of a path of keys.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| {
        let object = value.as_object()?;
        object.get(*key).or_else(|| {
            object.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        })
    })
}

/// The text at the end of a path of keys, unless it is empty.
pub(super) fn text(value: &Value, path: &[&str]) -> Option<String> {
    let text = at(value, path)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Merges `over` into `under`, table by table.
pub(super) fn overlay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                let known = under.keys().find(|known| known.eq_ignore_ascii_case(&key)).cloned();
                match known.and_then(|known| under.get_mut(&known)) {
                    Some(old @ Value::Object(_)) if value.is_object() => overlay(old, value),
                    Some(old) => *old = value,
                    None => {
                        under.insert(key, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

/// An author as a name, or as a table or a list with one.
pub(super) fn author(value: &Value) -> Option<(String, Option<String>)> {
    match value {
        Value::String(name) if !name.trim().is_empty() => Some((name.trim().to_owned(), None)),
        Value::Array(names) => author(names.first().filter(|first| !first.is_array())?),
        Value::Object(_) => {
            let email =
                text(value, &["email"]).filter(|email| crate::address::EmailAddress::parse(email).is_ok());
            Some((text(value, &["name"])?, email))
        }
        _ => None,
    }
}
