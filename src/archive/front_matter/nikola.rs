//! Nikola's front matter: lines of `.. key: value`, in a comment of HTML or up to the first blank line.

use super::Parts;
use super::entry::{Entry, MAX_BYTES, Value, line_end};
use crate::text::line_at;

/// Splits a post. Without such lines, all of it is text.
pub(super) fn split(text: &str) -> Parts<'_> {
    let start = text.len() - text.trim_start_matches([' ', '\t', '\r', '\n', '\u{FEFF}']).len();
    let is_comment = text[start..].starts_with("<!--");
    let mut entries = Vec::new();
    let mut at = if is_comment { start + "<!--".len() } else { start };
    while at < text.len().min(MAX_BYTES) {
        let next = line_end(text, at);
        let line = text[at..next].trim();
        let is_end = if is_comment { line.ends_with("-->") } else { line.is_empty() };
        if let Some((key, value)) = pair(line.trim_end_matches("-->")) {
            entries.push(Entry { key, line: line_at(text, at), value });
        }
        at = next;
        if is_end {
            break;
        }
    }
    if entries.is_empty() {
        return Parts { entries, body: text, body_line: 1 };
    }
    Parts { entries, body: &text[at..], body_line: line_at(text, at) }
}

fn pair(line: &str) -> Option<(String, Value)> {
    let (key, value) = line.strip_prefix(".. ")?.split_once(':')?;
    let value = match value.trim() {
        "" => Value::Nothing,
        text => Value::Text(text.to_owned()),
    };
    Some((key.trim().to_ascii_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_a_comment_or_ends_at_a_blank_line() {
        for text in ["<!--\n.. title: 글\n.. link:\n-->\n\nText.\n", "\n.. title: 글\n.. link:\n\nText.\n"]
        {
            let parts = split(text);
            assert_eq!(parts.body.trim(), "Text.");
            assert_eq!(parts.entries[0].value, Value::Text("글".to_owned()));
            assert_eq!((parts.entries[0].line, &parts.entries[1].value), (2, &Value::Nothing));
        }
        assert_eq!(split("<!-- more -->\n\nText.\n").body_line, 1);
    }
}
