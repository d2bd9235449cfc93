//! Decides whether a post is held back, from its own flags and the settings of its site.

use crate::archive::SkipReason;
use crate::archive::front_matter::{Entry, Value, flags};
use crate::archive::generator_rules::ReadContext;
use crate::archive::inherited::{self, InheritedEntry, Place};
use crate::config::Generator;
use crate::finding::Finding;

/// The entries of a post with those it inherits from its site, and why it is held back, if it is; an error if this is
/// unclear.
pub(super) fn visibility(
    own: Vec<Entry>,
    file: &str,
    place: Place<'_>,
    setting: ReadContext<'_>,
) -> (Vec<Entry>, Result<Option<SkipReason>, Finding>) {
    let generator = setting.site.generator;
    if let Some(by) = setting.inherited.unread(place) {
        return (own, Ok(Some(SkipReason::HeldBack(by.to_owned()))));
    }
    let inherited_entries = setting.inherited.inherited_entries(place, &own);
    let held = held_back(&own, &inherited_entries, file, generator).transpose().or_else(|| {
        let has_data = matches!(generator, Generator::Plain | Generator::Eleventy);
        let computed = inherited::computed(&own, file).filter(|_| has_data);
        let block = setting.inherited.block_of(place, &own).map(inherited::place_of);
        computed.map(Err).or_else(|| Some(Ok(SkipReason::HeldUp(block?))))
    });
    (with(own, inherited_entries, generator), held.transpose())
}

fn held_back(
    own: &[Entry],
    inherited_entries: &[InheritedEntry],
    file: &str,
    generator: Generator,
) -> Result<Option<SkipReason>, Finding> {
    if let Some(flag) = flags::held_back(own, file, generator)? {
        let line = own[flag.at].line;
        let why = if flag.is_draft {
            SkipReason::Draft
        } else {
            SkipReason::HeldBack(format!("`{}` in line {line}", flag.text))
        };
        return Ok(Some(why));
    }
    let entries: Vec<Entry> = inherited_entries.iter().map(|inherited| inherited.entry.clone()).collect();
    // Errors in inherited entries were reported when the settings were read.
    let flag = flags::held_back(&entries, file, generator).ok().flatten();
    Ok(flag
        .map(|flag| SkipReason::HeldBack(format!("`{}` in {}", flag.text, inherited_entries[flag.at].from))))
}

/// The entries of a post, with those that it inherits.
fn with(own: Vec<Entry>, inherited_entries: Vec<InheritedEntry>, generator: Generator) -> Vec<Entry> {
    let mut entries = own;
    for InheritedEntry { entry, .. } in inherited_entries {
        let is_categories = |entry: &Entry| ["categories", "category"].contains(&entry.key.as_str());
        let known = entries.iter_mut().find(|known| is_categories(known) && is_categories(&entry));
        match known {
            // Jekyll merges categories; any other key of the post wins.
            Some(known) if generator == Generator::Jekyll => {
                known.value = Value::List([items(&entry.value), items(&known.value)].concat());
                known.key = "categories".into();
            }
            // An inherited entry has no line in this file.
            _ => entries.push(Entry { line: 1, ..entry }),
        }
    }
    entries
}

/// The names in a list, or in a text separated by spaces.
fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Text(text) => text.split_whitespace().map(|word| Value::Text(word.to_owned())).collect(),
        Value::Nothing => Vec::new(),
        other => vec![other.clone()],
    }
}

/// Warnings about keys that hide a post from search engines only.
pub(super) fn notes(entries: &[Entry], file: &str) -> Vec<Finding> {
    let hidden = entries.iter().filter_map(|entry| Some((entry.line, flags::hides_elsewhere(entry)?)));
    let finding = |(line, text): (usize, String)| {
        let message =
            format!("`{text}` affects only search engines and lists; the post is still published and mailed");
        let finding = Finding::warning("post-hidden-elsewhere", file, message).at(line);
        finding.hint(
            "write `draft: true` to keep the post unpublished, `newsletter: false` to publish it without mailing it",
        )
    };
    hidden.map(finding).collect()
}
