//! TOML front matter (Hugo, Zola). Errors have a line of the text, not of the file.

use toml::de::{DeTable, DeValue};

use super::entry::{Entry, Value};
use crate::config::toml_mistakes::{self, Mistake};
use crate::text::line_at;

/// The entries of `text`, or the error.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Mistake> {
    let table = DeTable::parse(text).map_err(|error| toml_mistakes::explain(text, &error))?;
    let entries = table.into_inner().into_iter().map(|(key, value)| Entry {
        line: line_at(text, key.span().start),
        key: key.into_inner().into_owned(),
        value: self::value(value.into_inner()),
    });
    Ok(entries.collect())
}

fn value(value: DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(yes) => Value::Bool(yes),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| self::value(item.into_inner())).collect())
        }
        DeValue::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| (key.into_inner().into_owned(), self::value(value.into_inner())))
                .collect(),
        ),
    }
}
