//! Keys and values as the parsers of all syntaxes return them, with their line numbers.

/// Longer front matter is a mistake, or an attempt to overload the parser.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// A key, its value, and its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as written; for Pelican in lower case.
    pub key: String,
    /// The line of the file, from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// A value in any syntax.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A key without a value.
    Nothing,
    /// Text, and dates in a syntax that has no date type.
    Text(String),
    /// A number, as text.
    Number(String),
    /// A boolean.
    Bool(bool),
    /// A TOML date, as text.
    Date(String),
    /// Several values.
    List(Vec<Value>),
    /// Keys and values.
    Table(Vec<(String, Value)>),
}

impl Value {
    /// The text, if it is written as one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Date(text) => Some(text),
            _ => None,
        }
    }

    /// A field of a table.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Self::Table(table) = self else { return None };
        table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The items of a list; any other value is the only one.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }
}

/// A value, and its line in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub value: T,
}

/// What a boolean or a word for one says.
pub(super) fn bool_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(yes) => Some(*yes),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => Some(true),
            "false" | "no" | "n" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The beginning of the line after the one that begins at `from`.
pub(super) fn line_end(text: &str, from: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at + 1)
}
