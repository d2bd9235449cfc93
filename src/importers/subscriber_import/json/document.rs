//! Finds the list in a JSON document. The whole document is checked, and nothing of the list is kept.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read, Seek};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::super::input::{Input, Place};
use super::super::services::Service;
use super::{Entries, recognise};

/// The keys under which the services store their subscribers, the most specific first. The last two contain another
/// object with such a key.
const KEYS: [&str; 7] = ["profile", "members", "subscribers", "contacts", "results", "data", "db"];
/// In how many objects, each within the one before, a list is searched for: Ghost's is `db[0].data.members`.
const DEPTH: usize = 4;

/// A document with a list of subscribers.
#[derive(Debug)]
pub(in super::super) struct Document {
    /// Where the first entry begins, after the bracket of the list.
    pub(in super::super) entries: Place,
    /// The service that wrote it.
    pub(in super::super) service: Option<Service>,
    /// The tables beside the list.
    pub(super) tables: Tables,
}

/// What a document has beside the list.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Ghost has a separate table of the members who get a newsletter.
    pub(super) receiving: Option<Members>,
    /// listmonk stores the lists of a profile beside it, not within it.
    pub(super) subscriptions: Option<Value>,
}

/// The members in a table, by the hashes of their ids.
#[derive(Debug)]
pub(super) struct Members {
    hash: RandomState,
    sorted: Vec<u64>,
}

impl Members {
    pub(super) fn contains(&self, id: &str) -> bool {
        self.sorted.binary_search(&self.hash.hash_one(id)).is_ok()
    }
}

/// Why a document is not a subscriber list.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum DocumentError {
    #[error("invalid JSON: {1}")]
    Json(usize, String),
    #[error(
        "JSON, but not a subscriber list: expected an array, or an object with one of the keys subscribers, members, contacts, results, data, db or profile"
    )]
    NoReaders,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<serde_json::Error> for DocumentError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            return Self::Io(error.into());
        }
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        // The parser has read one byte more: perhaps the end of the line.
        let line = error.line().saturating_sub(usize::from(error.column() == 0 && !error.is_eof()));
        Self::Json(line.max(1), message.to_owned())
    }
}

impl Document {
    /// Reads a document to its end.
    pub(in super::super) fn find<R: Read + Seek>(input: &mut Input<R>) -> Result<Self, DocumentError> {
        let mut tables = Tables::default();
        let place = Cell::new(input.place());
        let mut json = serde_json::Deserializer::from_reader(Counted { input: &mut *input, place: &place });
        let look = Look { place: &place, tables: &mut tables, depth: DEPTH };
        let found = look.deserialize(&mut json)?.ok_or(DocumentError::NoReaders)?;
        json.end()?;
        input.go_to(found.entries)?;
        let first = match Entries::default().next(input)? {
            Some((_, Ok(entry))) => recognise(entry),
            _ => None,
        };
        let service = match found.key {
            Some("profile") => Some(Service::Listmonk),
            Some("members") => first.or(Some(Service::Ghost)),
            Some("subscribers") => first.or(Some(Service::Kit)),
            _ => first,
        };
        Ok(Self { entries: found.entries, service, tables })
    }
}

/// Counts the bytes and lines that the parser takes, one byte at a time.
struct Counted<'a, R> {
    input: &'a mut Input<R>,
    place: &'a Cell<Place>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let Place { offset, line } = self.place.get();
        let lines = memchr::memchr_iter(b'\n', &buffer[..read]).count();
        self.place.set(Place { offset: offset + read as u64, line: line + lines });
        Ok(read)
    }
}

/// A list in a document.
struct Found {
    entries: Place,
    /// Its key, if it has one.
    key: Option<&'static str>,
}

/// Looks for a list in a value.
struct Look<'a> {
    place: &'a Cell<Place>,
    tables: &'a mut Tables,
    depth: usize,
}

impl Look<'_> {
    fn within(&mut self) -> Look<'_> {
        Look { place: self.place, tables: self.tables, depth: self.depth - 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = Option<Found>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Option<Found>, D::Error> {
        if self.depth == 0 {
            return value.deserialize_ignored_any(IgnoredAny).map(|_| None);
        }
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = Option<Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Option<Found>, A::Error> {
        let mut found: [Option<Option<Found>>; KEYS.len()] = [const { None }; KEYS.len()];
        while let Some(name) = map.next_key::<String>()? {
            match (name.as_str(), KEYS.iter().position(|key| *key == name)) {
                (_, Some(rank)) if found[rank].is_some() => {
                    return Err(A::Error::duplicate_field(KEYS[rank]));
                }
                ("data", Some(rank)) => found[rank] = Some(map.next_value_seed(self.within())?),
                ("db", Some(rank)) => found[rank] = Some(map.next_value_seed(First(self.within()))?),
                (_, Some(rank)) => {
                    let entries = map.next_value_seed(List(self.place))?;
                    found[rank] = Some(entries.map(|entries| Found { entries, key: Some(KEYS[rank]) }));
                }
                ("members_newsletters", _) => self.tables.receiving = map.next_value()?,
                ("subscriptions", _) => self.tables.subscriptions = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found.into_iter().flatten().flatten().next())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<Found>, A::Error> {
        let entries = List(self.place).visit_seq(list)?;
        Ok(entries.map(|entries| Found { entries, key: None }))
    }

    fn visit_unit<E>(self) -> Result<Option<Found>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Found>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Found>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Found>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Found>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Found>, E> {
        Ok(None)
    }
}

/// Looks for a list in the first value of an array.
struct First<'a>(Look<'a>);

impl<'de> DeserializeSeed<'de> for First<'_> {
    type Value = Option<Found>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Option<Found>, D::Error> {
        value.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for First<'_> {
    type Value = Option<Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Found>, A::Error> {
        let found = list.next_element_seed(self.0)?.flatten();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// A list that may be null: the place of its first entry.
struct List<'a>(&'a Cell<Place>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Option<Place>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Option<Place>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Option<Place>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<Option<Place>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Place>, A::Error> {
        let place = self.0.get();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(place))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Row {
            member_id: String,
        }

        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Members, A::Error> {
                let mut members = Members { hash: RandomState::new(), sorted: Vec::new() };
                while let Some(Row { member_id }) = rows.next_element()? {
                    members.sorted.push(members.hash.hash_one(member_id));
                }
                members.sorted.sort_unstable();
                Ok(members)
            }
        }
        table.deserialize_seq(Rows)
    }
}
