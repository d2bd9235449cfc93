//! Whether a post may leave at all: its own flags, the settings of its site, and what these two make together.

use crate::archive::WhyLeftOut;
use crate::archive::front_matter::{Entry, Value, flags};
use crate::archive::house_rules::Setting;
use crate::archive::inherited::{self, Handed, Place};
use crate::config::Generator;
use crate::finding::Finding;

/// The entries of a post with what its site hands down, and why it stays out, if it does; an error if that cannot be said.
pub(super) fn look(
    own: Vec<Entry>,
    file: &str,
    place: Place<'_>,
    setting: Setting<'_>,
) -> (Vec<Entry>, Result<Option<WhyLeftOut>, Finding>) {
    let generator = setting.site.generator;
    if let Some(by) = setting.inherited.unread(place) {
        return (own, Ok(Some(WhyLeftOut::HeldBack(by.to_owned()))));
    }
    let handed = setting.inherited.handed_down(place, &own);
    let held = held_back(&own, &handed, file, generator).transpose().or_else(|| {
        let computed = inherited::computed(&own, file).filter(|_| generator == Generator::Plain);
        let block = setting.inherited.block_of(place, &own).map(inherited::place_of);
        computed.map(Err).or_else(|| Some(Ok(WhyLeftOut::HeldUp(block?))))
    });
    (with(own, handed, generator), held.transpose())
}

fn held_back(
    own: &[Entry],
    handed: &[Handed],
    file: &str,
    generator: Generator,
) -> Result<Option<WhyLeftOut>, Finding> {
    if let Some(flag) = flags::held_back(own, file, generator)? {
        let line = own[flag.at].line;
        return Ok(Some(match flag.is_draft {
            true => WhyLeftOut::Draft,
            false => WhyLeftOut::HeldBack(format!("`{}` in line {line}", flag.text)),
        }));
    }
    let entries: Vec<Entry> = handed.iter().map(|handed| handed.entry.clone()).collect();
    // What is wrong with them was said where they were read.
    let flag = flags::held_back(&entries, file, generator).ok().flatten();
    Ok(flag.map(|flag| WhyLeftOut::HeldBack(format!("`{}` in {}", flag.text, handed[flag.at].from))))
}

/// A post's own entries and what is handed down to it, as if it had said that itself.
fn with(own: Vec<Entry>, handed: Vec<Handed>, generator: Generator) -> Vec<Entry> {
    let mut entries = own;
    for Handed { entry, .. } in handed {
        let is_categories = |entry: &Entry| ["categories", "category"].contains(&entry.key.as_str());
        let known = entries.iter_mut().find(|known| is_categories(known) && is_categories(&entry));
        match known {
            // Jekyll's categories add up; everything else is said once.
            Some(known) if generator == Generator::Jekyll => {
                known.value = Value::List([items(&entry.value), items(&known.value)].concat());
                known.key = "categories".to_owned();
            }
            // It stands in no line of this file.
            _ => entries.push(Entry { line: 1, ..entry }),
        }
    }
    entries
}

/// The names of a list, or in a text between blanks.
fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Text(text) => text.split_whitespace().map(|word| Value::Text(word.to_owned())).collect(),
        Value::Nothing => Vec::new(),
        other => vec![other.clone()],
    }
}

/// A word about what hides a post from others than its readers.
pub(super) fn remarks(entries: &[Entry], file: &str) -> Vec<Finding> {
    let hidden = entries.iter().filter_map(|entry| Some((entry.line, flags::hides_elsewhere(entry)?)));
    let finding = |(line, text): (usize, String)| {
        let message =
            format!("`{text}` is for search engines and lists; the post is published and mailed all the same");
        let finding = Finding::warning("post-hidden-elsewhere", file, message).at(line);
        finding.hint("write `draft: true` if nobody is to read it, `newsletter: false` if it is not to be mailed")
    };
    hidden.map(finding).collect()
}
