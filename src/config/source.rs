//! Finds lines and values in the text of the configuration file as the user wrote it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding::Finding;
use crate::text::line_at;

/// A longer value is not repeated in messages.
const LONG: usize = 100;

/// The file, its name in messages, and the keys that were corrected.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a str,
    pub(super) document: DeTable<'a>,
    /// The intended key, and the one in the file.
    pub(super) renamed: Vec<(String, String)>,
}

/// The line, from 1, of `section.key` in `text`, or of the part of it that exists.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?.into_inner();
    Source { text, file: "", document, renamed: Vec::new() }.line_of(key)
}

/// The place of a key, and its value.
struct Place<'s, 'a> {
    key: Range<usize>,
    value: Option<&'s Spanned<DeValue<'a>>>,
}

impl Source<'_> {
    /// An error at `key`, on its line.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> Finding {
        let finding = Finding::error("config", self.file, format!("`{key}`: {}", message.into()));
        match self.line_of(key) {
            Some(line) => finding.at(line),
            None => finding,
        }
    }

    /// The line, from 1, of `section.key` in the user's file, or of the part of it that exists.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.place(key).map(|place| line_at(self.text, place.key.start))
    }

    /// The value of `section.key` as written, if it is short and on one line.
    pub(super) fn value_of(&self, key: &str) -> Option<&str> {
        let text = self.text.get(self.place(key)?.value?.span())?.trim();
        let is_short = !text.is_empty() && !text.contains('\n') && text.chars().count() <= LONG;
        is_short.then_some(text)
    }

    /// Whether the user wrote `section.key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.place(key).is_some_and(|place| place.value.is_some())
    }

    /// The key in the file, for a corrected key.
    fn written(&self, key: &str) -> String {
        let mut key = key.to_owned();
        for (meant, written) in self.renamed.iter().rev() {
            if let Some(rest) = key.strip_prefix(meant.as_str())
                && (rest.is_empty() || rest.starts_with(['.', '[']))
            {
                key = format!("{written}{rest}");
            }
        }
        key
    }

    /// The deepest part of `key` that exists; without a value if it is not the whole key.
    fn place(&self, key: &str) -> Option<Place<'_, '_>> {
        let key = self.written(key);
        let mut table = &self.document;
        let mut found = None;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, number) = match part.split_once('[') {
                Some((name, number)) => (name, number.trim_end_matches(']').parse::<usize>().ok()),
                None => (part, None),
            };
            let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
                return found.map(|place| Place { value: None, ..place });
            };
            found = Some(Place { key: key.span(), value: Some(value) });
            let value = match (value.get_ref(), number) {
                // One of several `[[sections]]`, or an item of a list.
                (DeValue::Array(several), Some(number)) => {
                    let Some(one) = several.get(number) else {
                        return found.map(|place| Place { value: None, ..place });
                    };
                    found = Some(Place { key: one.span(), value: Some(one) });
                    one
                }
                _ => value,
            };
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ if parts.peek().is_some() => return found.map(|place| Place { value: None, ..place }),
                _ => {}
            }
        }
        found
    }
}
