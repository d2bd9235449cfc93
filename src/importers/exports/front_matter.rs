//! The properties of Markdown files: YAML between `---` lines.

use serde_json::{Map, Value};

/// Deeper properties are not written by people.
const MAX_DEPTH: usize = 16;

/// The properties of a file.
#[derive(Debug, Default)]
pub(super) struct Properties(Map<String, Value>);

/// The properties and the text below them. Properties that cannot be read are part of the text.
pub(super) fn split(text: &str) -> (Properties, &str) {
    let block = || {
        let rest = text.strip_prefix("---")?.trim_start_matches(['\r', ' ']).strip_prefix('\n')?;
        let end = if rest.starts_with("---") { 0 } else { rest.find("\n---")? + 1 };
        let body = &rest[end + "---".len()..];
        let body = body
            .strip_prefix("\r\n")
            .or_else(|| body.strip_prefix('\n'))
            .or(body.is_empty().then_some(body))?;
        Some((read(&rest[..end])?, body))
    };
    block().unwrap_or((Properties::default(), text))
}

fn read(yaml: &str) -> Option<Properties> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: 10_000 },
    };
    match serde_saphyr::from_str_with_options(yaml, options).ok()? {
        Value::Object(map) => {
            Some(Properties(map.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect()))
        }
        Value::Null => Some(Properties::default()),
        _ => None,
    }
}

impl Properties {
    /// The first of these keys that is not empty, as text.
    pub(super) fn text(&self, keys: &[&str]) -> Option<String> {
        let text = |key: &&str| match self.0.get(*key)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        keys.iter().find_map(text)
    }

    /// A value that is yes or no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.to_lowercase().as_str() {
                "true" | "yes" => Some(true),
                "false" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Names, in a list or between commas.
    pub(super) fn names(&self, keys: &[&str]) -> Vec<String> {
        let name = |text: &str| text.trim().trim_start_matches('#').to_owned();
        let mut names: Vec<String> = Vec::new();
        for value in keys.iter().filter_map(|key| self.0.get(*key)) {
            match value {
                Value::Array(list) => names.extend(list.iter().filter_map(Value::as_str).map(name)),
                Value::String(text) => names.extend(text.split(',').map(name)),
                _ => {}
            }
        }
        names.retain(|name| !name.is_empty());
        names
    }
}
