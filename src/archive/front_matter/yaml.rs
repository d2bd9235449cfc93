//! YAML front matter (Jekyll, Hugo, Eleventy). Errors have a line of the text, not of the file.
//!
//! Only `true` and `false` are booleans, as in YAML 1.2: `n` is a title like any other. Numbers stay as they are written,
//! because `1.10` is the name of a version more often than a quantity.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::entry::{Entry, Value};
use super::yaml_mistakes;
use crate::config::toml_mistakes::Mistake;

/// The entries of `text`, or the error.
///
/// If `is_lenient`, the last of several equal keys counts, as in Ruby's parser.
pub(super) fn entries(text: &str, is_lenient: bool) -> Result<Vec<Entry>, Mistake> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    // Front matter is small and flat; the limits stop an alias bomb.
    let duplicates = if is_lenient { DuplicateKeyPolicy::LastWins } else { DuplicateKeyPolicy::Error };
    let options = serde_saphyr::options! {
        duplicate_keys: duplicates,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 20_000,
        },
    };
    let entries = serde_saphyr::from_str_with_options::<Entries>(text, options);
    let source = YamlText { text, has_times: is_lenient };
    entries.map(|entries| entries.0.into_iter().map(|entry| entry.in_words_of(source)).collect()).map_err(
        |error| {
            let line = error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
            let message = error.without_snippet().to_string();
            yaml_mistakes::explain(text, line.max(1), &message)
        },
    )
}

struct Entries(Vec<ParsedEntry>);

struct ParsedEntry {
    key: String,
    line: usize,
    value: Spanned<Parsed>,
}

/// The text that values are looked up in.
#[derive(Clone, Copy)]
struct YamlText<'t> {
    text: &'t str,
    /// Whether a time that is not in quotes is a date, as for Ruby's parser, and not text.
    has_times: bool,
}

impl YamlText<'_> {
    /// A value as it is written.
    fn written(&self, value: &Spanned<Parsed>) -> Option<&str> {
        let span = value.defined.span();
        let (start, length) = span.byte_offset().zip(span.byte_len())?;
        let start = usize::try_from(start).ok()?;
        let written = self.text.get(start..start + usize::try_from(length).ok()?)?.trim();
        (!written.is_empty()).then_some(written)
    }
}

impl ParsedEntry {
    fn in_words_of(self, text: YamlText<'_>) -> Entry {
        Entry { key: self.key, line: self.line, value: in_words_of(text, self.value) }
    }
}

/// A value before its numbers are looked up in the text.
enum Parsed {
    Number(String),
    List(Vec<Spanned<Parsed>>),
    Table(Vec<(String, Spanned<Parsed>)>),
    Other(Value),
}

fn in_words_of(text: YamlText<'_>, parsed: Spanned<Parsed>) -> Value {
    let written = text.written(&parsed).map(str::to_owned);
    match parsed.value {
        Parsed::Number(number) => Value::Number(written.unwrap_or(number)),
        Parsed::List(items) => Value::List(items.into_iter().map(|item| in_words_of(text, item)).collect()),
        Parsed::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key, in_words_of(text, value))).collect())
        }
        Parsed::Other(Value::Text(value))
            if text.has_times && is_time(&value) && written.as_deref() == Some(value.as_str()) =>
        {
            Value::Date(value)
        }
        Parsed::Other(value) => value,
    }
}

/// A timestamp of YAML 1.1 with a time and without a zone; the seconds are necessary.
fn is_time(text: &str) -> bool {
    let text = text.trim_end();
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let is_day = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let time = rest.trim_start_matches(['T', 't', ' ']);
    let whole = time.split('.').next().unwrap_or_default();
    is_day
        && time.len() < rest.len()
        && time.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte))
        && whole.split(':').count() == 3
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopLevel)
    }
}

struct TopLevel;

impl<'de> Visitor<'de> for TopLevel {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines like `key: value`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let line = usize::try_from(key.referenced.line()).unwrap_or(1).max(1);
            entries.push(ParsedEntry { key: key.value, line, value: map.next_value()? });
        }
        Ok(Entries(entries))
    }
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Parsed, E> {
        Ok(Parsed::Other(Value::Nothing))
    }

    fn visit_none<E: Error>(self) -> Result<Parsed, E> {
        Ok(Parsed::Other(Value::Nothing))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parsed, D::Error> {
        Parsed::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Parsed, E> {
        Ok(Parsed::Other(Value::Bool(yes)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.to_string()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.to_string()))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Parsed, E> {
        Ok(Parsed::Number(number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Other(Value::Text(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Parsed, S::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Parsed::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Parsed, M::Error> {
        let mut table = Vec::new();
        while let Some(entry) = map.next_entry()? {
            table.push(entry);
        }
        Ok(Parsed::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Value> {
        entries(text, false).unwrap().into_iter().map(|entry| entry.value).collect()
    }

    #[test]
    fn words_and_numbers_stay_as_they_are_written() {
        let text = |text: &str| Value::Text(text.to_owned());
        let number = |text: &str| Value::Number(text.to_owned());
        assert_eq!(
            values("a: n\nb: Yes\nc: 007\nd: 1_000\ne: 1.10 # a comment\nf: true\ng: \"1.10\"\nh: 0x1F\n"),
            [
                text("n"),
                text("Yes"),
                text("007"),
                text("1_000"),
                number("1.10"),
                Value::Bool(true),
                text("1.10"),
                number("0x1F")
            ]
        );
        assert_eq!(
            values("한글: [2.0, 1.10]\nb: &v 3.50\nc: *v\nd: {e: 1e3}\nf: !!float 2.50\n"),
            [
                Value::List(vec![number("2.0"), number("1.10")]),
                number("3.50"),
                number("3.50"),
                Value::Table(vec![("e".to_owned(), number("1e3"))]),
                number("2.50"),
            ]
        );
    }
}
