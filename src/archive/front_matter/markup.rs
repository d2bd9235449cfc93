//! The titles, dates and names in the heads of `AsciiDoc`, Org and reStructuredText, as entries of front matter. The text below
//! is for the generator.

use super::entry::{Entry, Value};

/// Lines after which nothing belongs to the head.
const LONGEST_HEAD: usize = 60;

/// The entries of a text without front matter of its own; its extension says in which format it is.
pub(super) fn entries(text: &str, extension: &str) -> Vec<Entry> {
    let lines: Vec<&str> = text.lines().take(LONGEST_HEAD).collect();
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let found = match extension {
            "adoc" | "asciidoc" | "ad" => asciidoc(line),
            "org" => org(line),
            _ => rst(line, next),
        };
        if let Some((key, value)) = found
            && entries.iter().all(|entry| entry.key != key)
        {
            entries.push(Entry { value: value_of(&key, value.trim()), key, line: at + 1 });
        }
    }
    entries
}

/// Names of tags may be separated by commas, or, in Org, by colons.
fn value_of(key: &str, value: &str) -> Value {
    let is_list = matches!(key, "tags" | "categories");
    if !is_list {
        return Value::Text(value.to_owned());
    }
    let names = value.split([',', ':']).map(str::trim).filter(|name| !name.is_empty());
    Value::List(names.map(|name| Value::Text(name.to_owned())).collect())
}

fn key_of(key: &str) -> Option<String> {
    let key = key.trim().to_ascii_lowercase();
    let key = key.strip_prefix("page-").or(key.strip_prefix("jbake-")).unwrap_or(&key);
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    is_key.then(|| match key {
        "revdate" | "pubdate" => "date".to_owned(),
        "filetags" | "keywords" => "tags".to_owned(),
        key => key.to_owned(),
    })
}

/// `= Title` and `:date: 2024-05-01`.
fn asciidoc(line: &str) -> Option<(String, &str)> {
    line.strip_prefix("= ").map(|title| ("title".to_owned(), title)).or_else(|| field(line))
}

/// `#+TITLE: My post`, and dates such as `<2024-05-01 Wed 09:00>`.
fn org(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.strip_prefix("#+")?.split_once(':')?;
    let key = key_of(key)?;
    let value = value.trim();
    if key != "date" {
        return Some((key, value));
    }
    let date = value.trim_matches(['<', '>', '[', ']']);
    Some((key, date.split_whitespace().next().unwrap_or(date)))
}

/// A title with a line below it, `:date: 2024-05-01` (Pelican), `.. date: 2024-05-01` (Nikola).
fn rst<'t>(line: &'t str, next: &str) -> Option<(String, &'t str)> {
    let is_rule = |line: &str| {
        let mut chars = line.trim_end().chars();
        chars.next().is_some_and(|first| "=-~#*^".contains(first) && chars.all(|c| c == first))
    };
    let text = line.trim();
    if !text.is_empty()
        && !is_rule(text)
        && is_rule(next)
        && next.trim().chars().count() >= text.chars().count()
    {
        return Some(("title".to_owned(), text));
    }
    match line.strip_prefix(".. ") {
        Some(comment) => {
            let (key, value) = comment.split_once(':')?;
            // `.. image:: a.png` is a directive.
            (!value.starts_with(':')).then(|| key_of(key).map(|key| (key, value)))?
        }
        None => field(line),
    }
}

/// `:key: value`.
fn field(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.strip_prefix(':')?.split_once(':')?;
    key_of(key).map(|key| (key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, extension: &str) -> Vec<(String, String)> {
        let text_of = |value: Value| match value {
            Value::Text(text) => text,
            Value::List(items) => format!("{}", items.len()),
            _ => String::new(),
        };
        entries(text, extension).into_iter().map(|entry| (entry.key, text_of(entry.value))).collect()
    }

    #[test]
    fn the_heads_of_the_formats_are_read() {
        for (text, extension) in [
            ("= 글: one\nKim <kim@example.com>\n:page-date: 2024-05-01\n:tags: a, b\n\nText.\n", "adoc"),
            ("#+TITLE: 글: one\n#+DATE: <2024-05-01 Wed>\n#+FILETAGS: :a:b:\n\nText.\n", "org"),
            ("글: one\n########\n\n:date: 2024-05-01\n:tags: a, b\n\n.. image:: a.png\n", "rst"),
            (".. title: 글: one\n.. date: 2024-05-01\n.. tags: a, b\n\nText.\n", "rst"),
        ] {
            let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            assert_eq!(
                read(text, extension),
                [pair("title", "글: one"), pair("date", "2024-05-01"), pair("tags", "2")],
                "{text}"
            );
        }
    }
}
