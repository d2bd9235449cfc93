//! Lists as JSON: our own, and those of the services' exports and APIs. Columns and states are interpreted
//! elsewhere.
//!
//! The document is split into its entries without building a tree, and each entry is parsed separately. So memory
//! does not grow with nesting, a broken entry costs only one subscriber, and each entry has a line.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::RowError;
use super::columns::{Column, FieldMapping, Fields, plain};
use super::records::MAX_CELL;
use super::services::Service;

/// The most bytes of an entry.
pub(super) const MAX_ENTRY: usize = 1024 * 1024;

/// Objects within an entry that may contain parts of the name: the custom fields of Mailchimp and Kit.
const NESTED: [&str; 2] = ["mergefields", "fields"];

/// The entries of a document.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// Each with the line, from 1, on which it begins.
    pub(super) entries: Vec<(usize, &'a str)>,
    /// The service that wrote it.
    pub(super) service: Option<Service>,
    /// Ghost has a separate table of the members who get a newsletter.
    receiving: Option<HashSet<String>>,
    /// listmonk stores the lists of a profile beside it, not within it.
    subscriptions: Option<Value>,
}

/// Why a document is not a subscriber list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("invalid JSON: {1}")]
    Json(usize, String),
    #[error(
        "JSON, but not a subscriber list: expected an array, or an object with one of the keys subscribers, members, results, data, db or profile"
    )]
    NoReaders,
}

/// The keys under which the services store their subscribers.
#[derive(Debug, Default, Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    subscribers: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    members: Option<Vec<&'a RawValue>>,
    members_newsletters: Option<Vec<Membership>>,
    #[serde(borrow)]
    profile: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    subscriptions: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    db: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Membership {
    member_id: String,
}

/// How deep a list is searched for: Ghost's is in `db[0].data.members`.
const DEPTH: usize = 3;

impl<'a> Document<'a> {
    /// Finds the entries in a text.
    pub(super) fn find(text: &'a str) -> Result<Self, DocumentError> {
        let mut document = Self { entries: Vec::new(), service: None, receiving: None, subscriptions: None };
        let raw = document.look(text, text, DEPTH)?.ok_or(DocumentError::NoReaders)?;
        let (mut line, mut counted) = (1, 0);
        for entry in raw {
            let at = offset(text, entry.get());
            line += memchr::memchr_iter(b'\n', text.as_bytes().get(counted..at).unwrap_or_default()).count();
            counted = at;
            document.entries.push((line, entry.get()));
        }
        if document.service.is_none() {
            document.service = document.entries.first().and_then(|(_, entry)| recognise(entry));
        }
        Ok(document)
    }

    fn look(
        &mut self,
        whole: &'a str,
        part: &'a str,
        depth: usize,
    ) -> Result<Option<Vec<&'a RawValue>>, DocumentError> {
        let wrong = |error: serde_json::Error| {
            let before = memchr::memchr_iter(b'\n', &whole.as_bytes()[..offset(whole, part)]).count();
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            DocumentError::Json(before + error.line().max(1), message.to_owned())
        };
        if part.trim_start().starts_with('[') {
            return serde_json::from_str(part).map(Some).map_err(wrong);
        }
        let parts: Parts<'a> = serde_json::from_str(part).map_err(wrong)?;
        if let Some(profile) = parts.profile {
            self.service = Some(Service::Listmonk);
            self.subscriptions = parts.subscriptions.and_then(|lists| serde_json::from_str(lists.get()).ok());
            return Ok(Some(profile));
        }
        if let Some(members) = parts.members {
            self.service =
                members.first().and_then(|member| recognise(member.get())).or(Some(Service::Ghost));
            let receiving = |rows: Vec<Membership>| rows.into_iter().map(|row| row.member_id).collect();
            self.receiving = parts.members_newsletters.map(receiving);
            return Ok(Some(members));
        }
        if let Some(subscribers) = parts.subscribers {
            self.service = subscribers.first().and_then(|one| recognise(one.get())).or(Some(Service::Kit));
            return Ok(Some(subscribers));
        }
        if parts.results.is_some() {
            return Ok(parts.results);
        }
        let within = parts.data.or_else(|| parts.db.and_then(|databases| databases.first().copied()));
        match within {
            Some(within) if depth > 0 && within.get().starts_with(['{', '[']) => {
                self.look(whole, within.get(), depth - 1)
            }
            _ => Ok(None),
        }
    }

    /// Reads one of the entries; also returns its ignored keys.
    pub(super) fn fields(
        &self,
        entry: &str,
        lexicon: &FieldMapping<'_>,
    ) -> Result<(Fields<'static>, Vec<String>), RowError> {
        if entry.len() > MAX_ENTRY {
            return Err(RowError::LongEntry);
        }
        let Pairs(pairs) = serde_json::from_str(entry).map_err(|_| RowError::NotObject)?;
        let (mut fields, mut ignored) = (Fields::default(), Vec::new());
        let mut seen = HashSet::new();
        for (key, value) in &pairs {
            if !seen.insert(key) {
                return Err(RowError::KeyTwice(key.chars().take(40).collect()));
            }
            if let Some(column) = lexicon.column(key) {
                fields.set(column, text(key, value)?);
            } else if NESTED.contains(&plain(key).as_str()) {
                names(value, lexicon, &mut fields)?;
            } else {
                ignored.push(key.clone());
            }
        }
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let receives = match lexicon.service {
            Some(Service::Ghost) => self.ghost(value("id"), value("newsletters")),
            Some(Service::Listmonk) => value("lists").or(self.subscriptions.as_ref()).map(listmonk),
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
        let receives = match (&self.receiving, newsletters) {
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
fn names(value: &Value, lexicon: &FieldMapping<'_>, fields: &mut Fields<'static>) -> Result<(), RowError> {
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

fn recognise(entry: &str) -> Option<Service> {
    if entry.len() > MAX_ENTRY {
        return None;
    }
    let Pairs(pairs) = serde_json::from_str(entry).ok()?;
    Service::recognise(&pairs.iter().map(|(key, _)| plain(key)).collect::<Vec<_>>())
}

/// The offset of a part of a text.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len())
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
