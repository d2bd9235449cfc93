//! Pelican's front matter: `Key: value` lines up to the first blank line. Errors have a line of the text, not of the file.

use super::entry::{Entry, Value, line_end};
use crate::config::toml_mistakes::Mistake;

/// The keys that such front matter can begin with. Any other first line is text: many posts begin with "Note: …".
const FIRST_KEYS: [&str; 13] = [
    "title", "date", "modified", "category", "tags", "keywords", "slug", "author", "authors", "summary",
    "lang", "status", "template",
];

/// The length of the front matter in bytes, including the blank line after it.
pub(super) fn length(text: &str) -> usize {
    let is_metadata =
        text.lines().next().and_then(pair).is_some_and(|(key, _)| FIRST_KEYS.contains(&key.as_str()));
    if !is_metadata {
        return 0;
    }
    let mut at = 0;
    while at < text.len() {
        let next = line_end(text, at);
        if text[at..next].trim().is_empty() {
            return next;
        }
        at = next;
    }
    at
}

/// The entries of `text`, or the error.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Mistake> {
    let mut entries: Vec<Entry> = Vec::new();
    for (line, content) in text.lines().enumerate().map(|(at, content)| (at + 1, content.trim_end())) {
        if content.is_empty() {
            continue;
        }
        let continued = content.starts_with([' ', '\t']);
        if let (true, Some(Value::Text(value))) =
            (continued, entries.last_mut().map(|entry| &mut entry.value))
        {
            value.push(' ');
            value.push_str(content.trim());
        } else {
            let (key, value) = pair(content).ok_or_else(|| {
                let hint = "write it like Title: My post, and put a blank line between the keys and the text";
                Mistake::new(line, "this line of the front matter is not `Key: value`", Some(hint.to_owned()))
            })?;
            if entries.iter().any(|entry| entry.key == key) {
                let hint = "keep one of the two lines".to_owned();
                return Err(Mistake::new(line, format!("`{key}` is given twice"), Some(hint)));
            }
            entries.push(Entry { key, line, value: Value::Text(value.to_owned()) });
        }
    }
    Ok(entries)
}

fn pair(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    (is_key && (value.is_empty() || value.starts_with([' ', '\t'])))
        .then(|| (key.to_ascii_lowercase(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_continue_on_indented_lines() {
        let text = "Title: 글\nSummary: one\n    two\nTags: a, b\n\nbody";
        let entries = entries(&text[..length(text)]).unwrap();
        assert_eq!(entries[1].value, Value::Text("one two".to_owned()));
        assert_eq!((entries[2].key.as_str(), entries[2].line), ("tags", 4));
    }

    #[test]
    fn a_sentence_with_a_colon_is_not_front_matter() {
        assert_eq!(length("Note: this\n"), 0);
        assert_eq!(length("date:10\n"), 0);
    }
}
