//! Reads a file of strings: which keys it may have, and what is wrong with it.
//!
//! The English file decides: a file may have any of its keys, with a text that has the same placeholders.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Table, Value};

use super::strings::Strings;

/// A plural form that may say its number in words, and so without `{count}`.
const IN_WORDS: [&str; 3] = ["zero", "one", "two"];

/// The names of plural forms.
const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// What is wrong at a place in a file of strings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The position in the text.
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// A key that does not exist, and those that do beside it.
    pub(crate) unknown: Option<(String, Vec<String>)>,
}

/// The strings of a file over those of another.
pub(super) fn strings(tag: &str, own: Table, mut under: Table) -> Result<Strings, toml::de::Error> {
    overlay(&mut under, own);
    Ok(Strings { tag: tag.to_owned(), ..Strings::deserialize(under)? })
}

/// Reads a table without its positions.
pub(super) fn plain(document: DeTable<'_>) -> Result<Table, toml::de::Error> {
    Table::deserialize(Deserializer::from(Spanned::new(0..0, document)))
}

/// Replaces the texts in `under`; the forms of a plural are replaced together.
pub(super) fn overlay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) if !is_plural(under) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn is_plural(table: &Table) -> bool {
    table.contains_key("other")
}

/// What is wrong with a file, compared with the English one.
pub(super) fn problems(own: &DeTable<'_>, english: &Table) -> Vec<Problem> {
    let mut found = Vec::new();
    check("", own, english, &mut found);
    found.sort_by_key(|problem| problem.offset);
    found
}

fn check(path: &str, own: &DeTable<'_>, english: &Table, found: &mut Vec<Problem>) {
    for (key, value) in own {
        let name = key.get_ref().as_ref();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let wrong = |message: &str, hint: &str| Problem {
            offset: key.span().start,
            message: format!("`{path}` {message}"),
            hint: Some(hint.to_owned()),
            unknown: None,
        };
        match (english.get(name), value.get_ref()) {
            (None, _) => found.push(Problem {
                hint: None,
                unknown: Some((name.to_owned(), english.keys().cloned().collect())),
                ..wrong("is an unknown key", "")
            }),
            (Some(Value::Table(forms)), own) if is_plural(forms) => {
                found.extend(plural(own, forms).map(|(message, hint)| wrong(&message, &hint)));
            }
            (Some(Value::Table(english)), DeValue::Table(own)) => check(&path, own, english, found),
            (Some(Value::Table(_)), _) => found.push(wrong("is a section", &format!("write [{path}]"))),
            (Some(Value::Array(_)), own) if is_months(own) => {}
            (Some(Value::Array(_)), _) => {
                found.push(wrong("is not a list of twelve texts", "write one text for each month"));
            }
            (Some(english), own) => {
                let english = english.as_str().unwrap_or_default();
                found.extend(text(own, english, &[]).map(|(message, hint)| wrong(&message, &hint)));
            }
        }
    }
}

fn is_months(own: &DeValue<'_>) -> bool {
    let DeValue::Array(months) = own else { return false };
    let is_text =
        |month: &Spanned<DeValue<'_>>| month.get_ref().as_str().is_some_and(|m| !m.trim().is_empty());
    months.len() == 12 && months.iter().all(is_text)
}

/// What is wrong with a text that has a number, and how to correct it.
fn plural(own: &DeValue<'_>, english: &Table) -> Option<(String, String)> {
    let english = english.get("other").and_then(Value::as_str).unwrap_or_default();
    let DeValue::Table(forms) = own else { return text(own, english, &[]) };
    let form = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &str = AsRef::<str>::as_ref(name.get_ref());
        if !FORMS.contains(&name) {
            let hint = format!("the forms of a plural are {}", FORMS.join(", "));
            return Some((format!("has a form `{name}`"), hint));
        }
        text(value.get_ref(), english, if IN_WORDS.contains(&name) { &["count"] } else { &[] })
    };
    if !forms.iter().any(|(name, _)| name.get_ref() == "other") {
        return Some(("has no form `other`".to_owned(), format!("add other = \"{english}\"")));
    }
    forms.iter().find_map(form)
}

/// What is wrong with a text, and how to correct it. It may lack the placeholders in `dispensable`.
fn text(own: &DeValue<'_>, english: &str, dispensable: &[&str]) -> Option<(String, String)> {
    let Some(own) = own.as_str() else {
        return Some(("is not a text".to_owned(), "put it in straight quotes".to_owned()));
    };
    let (given, known) = (placeholders(own), placeholders(english));
    let hint = || format!("in English it is {english:?}");
    if own.trim().is_empty() {
        return Some(("is empty".to_owned(), "remove the line to get the text of Letterpress".to_owned()));
    }
    if let Some(unknown) = given.difference(&known).next() {
        return Some((format!("has {{{unknown}}}, which is not replaced by anything"), hint()));
    }
    let missing = known.difference(&given).find(|name| !dispensable.contains(*name))?;
    Some((format!("lacks {{{missing}}}"), hint()))
}

/// The placeholders of a text, such as `site` of `{site}`.
pub(super) fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}
