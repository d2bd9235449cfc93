//! Normalises the front matter of each generator, so that a field always means the same. Keys that have a meaning only in
//! other generators are removed.

use super::{Entry, Value};
use crate::archive::generators::{self, GeneratorRules};
use crate::config::Generator;

/// The entries as [`fields`](super::fields) expects them.
pub fn normalise(mut entries: Vec<Entry>, generator: Generator) -> Vec<Entry> {
    let rules = generators::rules(generator);
    let foreign: &[&str] = match generator {
        Generator::Plain => return entries,
        Generator::Hugo => &["permalink", "path", "status", "published", "category", "tag"],
        Generator::Zola => &["permalink", "url", "status", "published", "category", "tag", "categories"],
        Generator::Jekyll => &["url", "path", "status", "draft"],
        Generator::Pelican => &["permalink", "path", "published", "categories", "draft"],
        _ => rules.map_or(&[], |rules| rules.foreign),
    };
    entries.retain(|entry| !foreign.iter().any(|key| is(entry, key)));
    if generator == Generator::Zola {
        // In Zola, tags are only in `[taxonomies]`.
        entries.retain(|entry| !is(entry, "tags"));
    }
    // An id must be a URI; a number is the key of another program's database.
    entries.retain(|entry| !(is(entry, "id") || is(entry, "guid")) || is_uri(&entry.value));
    if let Some(rules) = rules {
        of_table(&mut entries, rules);
    }
    for entry in &mut entries {
        if matches!(generator, Generator::Jekyll) {
            jekyll(entry);
        }
        if generator == Generator::Hugo
            && is(entry, "date")
            && matches!(&entry.value, Value::Text(text) if text.starts_with("0001-"))
        {
            entry.value = Value::Nothing;
        }
        if generator == Generator::Pelican && is(entry, "tags") {
            pelican_list(entry);
        }
    }
    entries
}

/// Renames keys, and splits those that contain several dates: `date: {created: …, updated: …}` of Material for `MkDocs` and
/// `last_update: {date: …}` of Docusaurus.
fn of_table(entries: &mut Vec<Entry>, rules: &GeneratorRules) {
    const INSIDE: [(&str, &str, &str); 3] =
        [("date", "updated", "updated"), ("last_update", "date", "updated"), ("date", "created", "date")];
    for (name, key) in rules.keys {
        let is_free = !entries.iter().any(|entry| is(entry, key));
        if let Some(entry) = entries.iter_mut().find(|entry| is_free && is(entry, name)) {
            (*key).clone_into(&mut entry.key);
        }
    }
    for (key, inner, meaning) in INSIDE {
        let found = entries.iter().enumerate().find_map(|(at, entry)| {
            let Value::Table(table) = &entry.value else { return None };
            let (_, value) = table.iter().find(|(name, _)| is(entry, key) && name == inner)?;
            Some((at, Entry { key: meaning.to_owned(), line: entry.line, value: value.clone() }))
        });
        match found {
            Some((at, entry)) if key == meaning => entries[at] = entry,
            Some((_, entry)) => entries.push(entry),
            None => {}
        }
    }
    for entry in entries.iter_mut().filter(|entry| is(entry, "date") || is(entry, "updated")) {
        match &mut entry.value {
            // `2012-09-15 19:52:05 UTC+02:00`, as Nikola writes it.
            Value::Text(text) => *text = text.replace("UTC+", "+").replace("UTC-", "-"),
            _ if rules.has_utc_times => utc(entry),
            _ => {}
        }
    }
}

fn is(entry: &Entry, key: &str) -> bool {
    entry.key.eq_ignore_ascii_case(key)
}

fn is_uri(value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    ["tag:", "urn:", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
}

fn jekyll(entry: &mut Entry) {
    match &entry.value {
        // `tags: a b` are two tags. Jekyll does not split at commas, but the author means it.
        Value::Text(text) if (is(entry, "tags") || is(entry, "categories")) && !text.contains(',') => {
            let words = text.split_whitespace().map(|word| Value::Text(word.to_owned()));
            entry.value = Value::List(words.collect());
        }
        // A time in quotes or without seconds is text, which Jekyll reads in the zone of the site.
        _ if is(entry, "date") || is(entry, "last_modified_at") => utc(entry),
        _ => {}
    }
}

/// For Ruby and js-yaml, a YAML time without a zone is in UTC.
fn utc(entry: &mut Entry) {
    if let Value::Date(time) = &entry.value {
        entry.value = Value::Date(format!("{} +0000", time.trim_end()));
    }
}

/// `Tags: a; b, c` has two tags.
fn pelican_list(entry: &mut Entry) {
    if let Value::Text(text) = &entry.value
        && text.contains(';')
    {
        entry.value = Value::List(text.split(';').map(|name| Value::Text(name.trim().to_owned())).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(generator: Generator, key: &str, value: &str) -> Vec<Value> {
        let entry = Entry { key: key.to_owned(), line: 2, value: Value::Text(value.to_owned()) };
        normalise(vec![entry], generator).into_iter().map(|entry| entry.value).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn only_jekyll_splits_tags_at_spaces() {
        assert_eq!(undone(Generator::Jekyll, "tags", "a 글"), [Value::List(vec![text("a"), text("글")])]);
        assert_eq!(undone(Generator::Jekyll, "tags", "a b, c"), [text("a b, c")]);
        assert_eq!(undone(Generator::Hugo, "tags", "a b"), [text("a b")]);
        assert_eq!(
            undone(Generator::Pelican, "tags", "a, b; c"),
            [Value::List(vec![text("a, b"), text("c")])]
        );
    }

    #[test]
    fn in_jekyll_only_a_bare_time_with_seconds_is_in_utc() {
        let read = |date: &str| {
            let text = format!("---\ndate: {date}\n---\n");
            let parts = crate::archive::front_matter::split_for(&text, "a.md", Generator::Jekyll).unwrap();
            normalise(parts.entries, Generator::Jekyll).pop().unwrap().value
        };
        assert_eq!(read("2013-05-06 02:12:52"), Value::Date("2013-05-06 02:12:52 +0000".to_owned()));
        assert_eq!(read("2013-05-06T02:12:52.5"), Value::Date("2013-05-06T02:12:52.5 +0000".to_owned()));
        assert_eq!(read("\"2013-05-06 02:12:52\""), text("2013-05-06 02:12:52"));
        for date in ["2013-05-06", "2013-05-06 02:12", "2013-05-06 02:12:52 +0200", "2013-05-06 02:12 KST"] {
            assert_eq!(read(date), text(date));
        }
    }

    #[test]
    fn keys_that_a_generator_does_not_know_are_removed() {
        assert!(undone(Generator::Hugo, "permalink", "/a/").is_empty());
        assert!(undone(Generator::Jekyll, "url", "/a/").is_empty());
        assert!(undone(Generator::Jekyll, "id", "12").is_empty());
        assert_eq!(undone(Generator::Jekyll, "guid", "tag:a,2024:b"), [text("tag:a,2024:b")]);
        assert_eq!(undone(Generator::Plain, "id", "12"), [text("12")]);
    }
}
