//! The syntax of shortcodes: `[name]`, `[name key="value" value]`, `[name=value]`, `[/name]`, and `[[name]]` for text.

use std::collections::HashSet;

use crate::xml::with_references;

/// Longer text in brackets is not a shortcode.
const MAX_LENGTH: usize = 4000;

/// One shortcode, without what is between it and its closing one.
pub(in crate::importers::wordpress) struct Shortcode<'t> {
    /// From bracket to bracket.
    pub(super) whole: &'t str,
    /// In lower case.
    pub(super) name: String,
    pub(super) is_closing: bool,
    /// Keys and values; the key of a value alone is empty.
    attributes: Vec<(String, String)>,
}

impl<'t> Shortcode<'t> {
    /// The shortcode with which `text` begins.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let end = memchr::memchr(b']', &text.as_bytes()[..text.len().min(MAX_LENGTH)])?;
        let whole = &text[..=end];
        let inner = whole.strip_prefix('[')?.strip_suffix(']')?;
        let is_closing = inner.starts_with('/');
        let inner = inner.trim_start_matches('/').trim_end_matches('/');
        let (name, attributes) = inner.split_at(name_length(inner));
        let is_shortcode = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && (attributes.is_empty()
                || attributes.starts_with([' ', '\n', '\t', '\u{A0}', '='])
                || attributes.starts_with(":http"));
        let attributes = attributes.strip_prefix([':', '=']).unwrap_or(attributes);
        is_shortcode.then(|| Self {
            whole,
            name: name.to_ascii_lowercase(),
            is_closing,
            attributes: read_attributes(&with_references(attributes)),
        })
    }

    /// The value of the first of these keys that it has.
    pub(in crate::importers::wordpress) fn attribute(&self, keys: &[&str]) -> Option<&str> {
        let named = |key: &&str| self.attributes.iter().find(|(name, _)| name == *key);
        keys.iter().find_map(named).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The first value without a key.
    pub(super) fn value(&self) -> Option<&str> {
        self.attribute(&[""])
    }

    /// Whether it has quoted values, which text in brackets hardly has.
    pub(super) fn has_quotes(&self) -> bool {
        self.whole.contains("=\"") || self.whole.contains("=&quot;")
    }
}

/// The shortcode in `[[name]]`, with which `text` begins: the author wants to show `[name]`.
pub(super) fn escaped(text: &str) -> Option<Shortcode<'_>> {
    let inner = Shortcode::parse(text.strip_prefix('[')?)?;
    text[1 + inner.whole.len()..].starts_with(']').then_some(inner)
}

/// The names in `[/name]`.
pub(super) fn closed_names(text: &str) -> HashSet<&str> {
    let names = text.split("[/").skip(1).filter_map(|rest| {
        let (name, behind) = rest.split_at(name_length(rest));
        behind.starts_with(']').then_some(name)
    });
    names.collect()
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count()
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let is_between = |c: char| c.is_whitespace() || c == '|';
    let mut rest = text.trim_matches(is_between);
    while !rest.is_empty() {
        let (key, behind) = rest.split_at(name_length(rest));
        let (key, value) = match behind.trim_start().strip_prefix('=') {
            Some(value) if !key.is_empty() => (key, value.trim_start()),
            _ => ("", rest),
        };
        let (value, behind) = first_value(value, key.is_empty());
        attributes.push((key.to_ascii_lowercase(), value.to_owned()));
        rest = behind.trim_start_matches(is_between);
    }
    attributes
}

/// The value with which `text` begins, maybe in quotes of any kind, and the text behind it.
fn first_value(text: &str, is_alone: bool) -> (&str, &str) {
    let quote = text.chars().next().and_then(|quote| match quote {
        '"' | '\'' => Some((quote, quote)),
        // The visual editor makes them curly.
        '“' | '”' | '″' => Some((quote, '”')),
        _ => None,
    });
    if let Some((open, close)) = quote
        && let Some((value, behind)) = text[open.len_utf8()..].split_once([close, '″'])
    {
        return (value, behind);
    }
    let end = text.find(|c: char| c.is_whitespace() || (is_alone && c == '|'));
    // A bar or quote at the front is no value, but must not stop the reading.
    text.split_at(end.unwrap_or(text.len()).max(text.chars().next().map_or(0, char::len_utf8)))
}
