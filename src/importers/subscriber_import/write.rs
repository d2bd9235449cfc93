//! Writes a list that [`super::read`] can read: CSV (RFC 4180) or JSON, one subscriber at a time.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::SubscriberRow;
use super::records::quote;
use crate::subscribers::Topics;
use crate::text::HeaderText;

/// A column of the export: its heading, and the value of its cells.
type Written = (&'static str, fn(&SubscriberRow) -> Option<Cow<'_, str>>);

/// The columns, in their order. Each heading is the first of its column in `columns::HEADINGS`.
const COLUMNS: [Written; 11] = [
    ("email", |row| Some(row.profile.email.as_str().into())),
    ("name", |row| row.profile.name.as_ref().map(|name| HeaderText::as_str(name).into())),
    ("language", |row| row.profile.language.as_deref().map(Cow::from)),
    ("state", |row| Some(row.profile.status.as_str().into())),
    ("source", |row| row.source.as_deref().map(Cow::from)),
    ("consented_at", |row| row.profile.consented_at.map(time)),
    ("added_at", |row| row.added_at.map(time)),
    ("reason", |row| row.profile.suppressed_because.as_deref().map(Cow::from)),
    ("state_since", |row| row.state_since.map(time)),
    ("cadence", |row| Some(row.profile.preferences.frequency.as_str().into())),
    ("topics", |row| topics(&row.profile.preferences.topics)),
];

/// A JSON array, because a category may contain any separator.
fn topics(topics: &Topics) -> Option<Cow<'static, str>> {
    let Topics::Only(topics) = topics else { return None };
    let names: Vec<&str> = topics.iter().map(HeaderText::as_str).collect();
    serde_json::to_string(&names).ok().map(Cow::from)
}

fn time(at: DateTime<Utc>) -> Cow<'static, str> {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
}

/// The first line.
pub fn csv_header() -> String {
    COLUMNS.map(|(heading, _)| heading).join(",") + "\r\n"
}

/// One subscriber. A cell that a spreadsheet would run as a formula gets a leading apostrophe (OWASP ASVS 5.0,
/// 1.2.10), which the import removes.
pub fn csv_row(row: &SubscriberRow) -> String {
    COLUMNS.map(|(_, cell)| quote(&cell(row).unwrap_or_default())).join(",") + "\r\n"
}

/// One subscriber as a JSON object; a list is an array of them. Formulas are not guarded here, because spreadsheets
/// do not run JSON.
pub fn json_row(row: &SubscriberRow) -> Value {
    let pair = |(heading, cell): Written| {
        (heading.to_owned(), cell(row).map_or(Value::Null, |cell| Value::String(cell.into_owned())))
    };
    Value::Object(COLUMNS.map(pair).into_iter().collect::<Map<_, _>>())
}
