//! Lists as JSON: our own, and those of the services' exports and APIs. Columns and states are interpreted
//! elsewhere.
//!
//! One pass checks the whole document and finds the list in it, without building a tree. Then the list is split into
//! its entries, and each is parsed separately. So memory does not grow with the list or with nesting, a broken entry
//! costs only one subscriber, and each entry has a line.

mod document;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Seek};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::RowError;
use super::columns::{Column, FieldMapping, Fields, StateCell};
use super::input::{Input, Place, changed};
use super::records::{MAX_CELL, MAX_ROW};
use super::services::Service;
use super::state_columns::Sense;
use super::words::plain;
pub(super) use document::{Document, DocumentError};

/// Objects within an entry that may contain parts of the name: the custom fields of Mailchimp and Kit.
const NESTED: [&str; 2] = ["mergefields", "fields"];

/// The entries of a list in a document that is known to be JSON. Only one of them is in memory.
#[derive(Debug, Default)]
pub(super) struct Entries {
    text: Vec<u8>,
    is_long: bool,
}

impl Entries {
    /// The next entry, with the place at which it begins.
    pub(super) fn next<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
    ) -> io::Result<Option<(Place, Result<&str, RowError>)>> {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',');
        self.take(input, |part| part.iter().position(|byte| !is_between(byte)))?;
        self.text.clear();
        self.is_long = false;
        let begin = input.place();
        if matches!(input.peek()?, None | Some(b']')) {
            return Ok(None);
        }
        self.value(input)?;
        if self.is_long {
            return Ok(Some((begin, Err(RowError::LongRow))));
        }
        Ok(Some((begin, Ok(std::str::from_utf8(&self.text).map_err(|_| changed())?))))
    }

    fn value<R: Read + Seek>(&mut self, input: &mut Input<R>) -> io::Result<()> {
        let is_structure = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',');
        let mut depth = 0_usize;
        loop {
            match input.peek()? {
                None => return Ok(()),
                Some(b'"') => self.string(input)?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.take_one(input)?;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.take_one(input)?;
                }
                // The end of the list, or of a number, `true`, `false` or `null`.
                Some(b'}' | b']' | b',') if depth == 0 => return Ok(()),
                Some(b',') => drop(self.take_one(input)?),
                Some(_) => {
                    self.take(input, |part| part.iter().position(is_structure))?;
                    continue;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string<R: Read + Seek>(&mut self, input: &mut Input<R>) -> io::Result<()> {
        self.take_one(input)?;
        loop {
            self.take(input, |part| memchr::memchr2(b'"', b'\\', part))?;
            if self.take_one(input)? != Some(b'\\') {
                return Ok(());
            }
            self.take_one(input)?;
        }
    }

    fn take<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> io::Result<()> {
        let mut lines = 0;
        input.take_until(find, |part| {
            lines += memchr::memchr_iter(b'\n', part).count();
            self.keep(part);
        })?;
        input.line += lines;
        Ok(())
    }

    /// Takes one byte that is not a line break, unless the document ends.
    fn take_one<R: Read + Seek>(&mut self, input: &mut Input<R>) -> io::Result<Option<u8>> {
        let byte = input.peek()?;
        if let Some(byte) = byte {
            input.skip();
            self.keep(&[byte]);
        }
        Ok(byte)
    }

    fn keep(&mut self, part: &[u8]) {
        self.is_long |= self.text.len() + part.len() > MAX_ROW;
        if !self.is_long {
            self.text.extend_from_slice(part);
        }
    }
}

impl Document {
    /// Reads one of the entries; also returns its ignored keys.
    pub(super) fn fields(
        &self,
        entry: &str,
        lexicon: &FieldMapping,
    ) -> Result<(Fields<'static>, Vec<String>), RowError> {
        let Pairs(pairs) = serde_json::from_str(entry).map_err(|_| RowError::NotObject)?;
        let (mut fields, mut ignored) = (Fields::default(), Vec::new());
        let mut seen = HashSet::new();
        for (key, value) in &pairs {
            if !seen.insert(key) {
                return Err(RowError::KeyTwice(key.chars().take(40).collect()));
            }
            let (column, sense) = lexicon.key(key);
            if let Some(sense) = sense {
                let heading = Cow::Owned(key.chars().take(100).collect());
                let text = if sense == Sense::Other { short_text(value) } else { state_text(key, value)? };
                fields.add_state(StateCell { heading, sense, text });
            }
            let is_state = sense.is_some_and(Sense::is_state);
            if let Some(column) = column {
                fields.set(column, text(key, value)?);
            } else if NESTED.contains(&plain(key).as_str()) {
                names(value, lexicon, &mut fields)?;
            } else if !is_state {
                ignored.push(key.clone());
            }
        }
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let receives = match lexicon.service {
            Some(Service::Ghost) => self.ghost(value("id"), value("newsletters")),
            Some(Service::Listmonk) => value("lists").or(self.tables.subscriptions.as_ref()).map(listmonk),
            _ => None,
        };
        if let Some(receives) = receives {
            fields.set(Column::Receives, receives);
        }
        if let Some(Value::Bool(true)) = value("email_suppression").and_then(|word| word.get("suppressed")) {
            fields.set(Column::Disabled, "true");
        }
        Ok((fields, ignored))
    }

    /// Whether a member of a Ghost site gets any newsletter.
    fn ghost(&self, id: Option<&Value>, newsletters: Option<&Value>) -> Option<&'static str> {
        let receives = match (&self.tables.receiving, newsletters) {
            (_, Some(Value::Array(newsletters))) => !newsletters.is_empty(),
            (Some(receiving), _) => id.and_then(Value::as_str).is_some_and(|id| receiving.contains(id)),
            (None, _) => return None,
        };
        Some(if receives { "true" } else { "false" })
    }
}

/// Whether a subscriber gets the emails of listmonk's lists. Unsubscribing from one list counts as unsubscribing,
/// because we cannot know which list is the newsletter. A list with single opt-in mails subscribers whose status is
/// unconfirmed.
fn listmonk(lists: &Value) -> &'static str {
    let lists = lists.as_array().map(Vec::as_slice).unwrap_or_default();
    let status = |list: &Value| list.get("subscription_status").and_then(Value::as_str).map(str::to_owned);
    let consented = |list: &Value| match status(list).as_deref() {
        Some("confirmed") => true,
        Some("unconfirmed") => list.get("optin").and_then(Value::as_str) == Some("single"),
        _ => false,
    };
    if lists.iter().any(|list| status(list).as_deref() == Some("unsubscribed")) {
        "false"
    } else if lists.iter().any(consented) {
        "true"
    } else {
        ""
    }
}

/// The parts of a name that are one level deeper.
fn names(value: &Value, lexicon: &FieldMapping, fields: &mut Fields<'static>) -> Result<(), RowError> {
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(column @ (Column::Given | Column::Family)) = lexicon.column(key) {
            fields.set(column, text(key, value)?);
        }
    }
    Ok(())
}

/// A cell, as in CSV.
fn text(key: &str, value: &Value) -> Result<Cow<'static, str>, RowError> {
    let cell = match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Owned(text.clone()),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Array(_) | Value::Object(_) => return Err(RowError::NotText(key.chars().take(40).collect())),
    };
    if cell.len() > MAX_CELL {
        return Err(RowError::LongCell);
    }
    if cell.contains('\0') {
        return Err(RowError::Nul);
    }
    Ok(cell)
}

/// The cell of a column about a state, which may have any form.
fn state_text(key: &str, value: &Value) -> Result<Cow<'static, str>, RowError> {
    match value {
        Value::Array(items) if items.is_empty() => Ok(Cow::Borrowed("")),
        Value::Object(pairs) if pairs.is_empty() => Ok(Cow::Borrowed("")),
        Value::Array(_) | Value::Object(_) => {
            Ok(value.to_string().chars().take(100).collect::<String>().into())
        }
        _ => text(key, value),
    }
}

/// A text that may be the name of a state; empty for any other value.
fn short_text(value: &Value) -> Cow<'static, str> {
    let text = value.as_str().filter(|text| text.len() <= 100);
    text.map_or(Cow::Borrowed(""), |text| Cow::Owned(text.to_owned()))
}

/// The service that writes entries like this one.
fn recognise(entry: &str) -> Option<Service> {
    let Pairs(pairs) = serde_json::from_str(entry).ok()?;
    Service::recognise(&pairs.iter().map(|(key, _)| plain(key)).collect::<Vec<_>>())
}

/// An object with its keys in order, including repeated ones.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
