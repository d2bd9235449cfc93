//! Subscriber lists as CSV or JSON: the file of `[newsletter] list`, our own exports, and those of fifteen services.
//!
//! Strict: nobody becomes active against a column that says otherwise, or that is not understood (`state_columns`); an ambiguous row is rejected with its line, and of several rows for one person the most restrictive one
//! wins. [`crate::subscribers`] decides whether an unsubscribed person may come back.
//!
//! A list is read twice and never kept: [`SubscriberList::open`] reads all of it, refuses what cannot be read, and finds
//! the rows of the same person; then [`SubscriberList::next_row`] reads one person after the other. Memory is for the
//! places of the rows only, 16 bytes each.
//!
//! A new column needs one line in each of four places: [`Profile`] or [`SubscriberRow`], `columns::HEADINGS` (and its `Column`),
//! `rows::read` and `write::COLUMNS`. CSV, JSON, `--column` and the test of the round trip follow from these.

mod columns;
mod consent;
mod dates;
mod encoding;
mod findings;
mod input;
mod json;
mod names;
mod parsed_status;
mod reader;
mod records;
mod repeats;
mod rows;
mod services;
#[cfg(feature = "importers")]
mod spreadsheet;
mod state_columns;
mod survey;
mod unclear;
mod words;
mod write;

use std::io::{self, Read, Seek};

use chrono::{DateTime, Utc};
use encoding_rs::Encoding;

pub use columns::Mapping;
pub use encoding::parse_encoding;
pub use rows::{MAX_NAME, clean_source};
pub use services::Service;
pub use state_columns::StateMapping;
pub use survey::{ByStatus, ListSummary};
pub use write::{csv_header, csv_row, json_row};

use crate::address::AddressError;
use crate::config::{DateOrder, Newsletter};
use crate::finding::Finding;
use crate::subscribers::{Profile, Unproven};
use consent::Remarks;
use input::Place;
use reader::ListReader;
use repeats::{Repeats, merge};

/// The most bytes of a list: more than a million subscribers of any service need.
pub const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// The most rows of a list.
const MAX_ROWS: usize = 2_000_000;

/// How to read a list.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The name of the file in messages.
    pub file: String,
    /// The owner vouches that everybody on the list asked for the emails.
    pub confirmed: bool,
    /// The current time: a later date of consent does not count.
    pub now: DateTime<Utc>,
    /// The service that wrote the list; `None` recognises it by its columns.
    pub from: Option<Service>,
    /// Columns that the owner has mapped.
    pub columns: Vec<Mapping>,
    /// What the values of columns about a state mean, as the owner says.
    pub state_columns: Vec<StateMapping>,
    /// The order of the numbers in ambiguous dates.
    pub dates: Option<DateOrder>,
    /// The encoding of the list; `None` recognises it.
    pub encoding: Option<&'static Encoding>,
}

impl ImportOptions {
    /// The options for a list without further information.
    pub fn new(file: impl Into<String>, now: DateTime<Utc>) -> Self {
        let file = file.into();
        let (columns, state_columns) = (Vec::new(), Vec::new());
        Self { file, confirmed: false, now, from: None, columns, state_columns, dates: None, encoding: None }
    }
}

impl ImportOptions {
    /// The options for `newsletter.list`.
    pub fn of_config(newsletter: &Newsletter, now: DateTime<Utc>) -> Result<Self, Finding> {
        let wrong = |key: &str, value: &str, why: String| {
            let message = format!("newsletter.{key}: {value:?} cannot be used: {why}");
            Finding::error("config-value", "config.toml", message).hint("docs/subscribers.md has examples")
        };
        let columns = newsletter.list_columns.iter();
        let columns = columns.map(|raw| Mapping::parse(raw).map_err(|why| wrong("list_columns", raw, why)));
        let states = newsletter.list_state_columns.iter();
        let states =
            states.map(|raw| StateMapping::parse(raw).map_err(|why| wrong("list_state_columns", raw, why)));
        let encoding = newsletter.list_encoding.as_deref();
        let encoding =
            encoding.map(|raw| parse_encoding(raw).map_err(|why| wrong("list_encoding", raw, why)));
        let file = newsletter.list.as_ref().map_or("", |list| list.as_str());
        Ok(Self {
            confirmed: newsletter.list_confirmed,
            dates: newsletter.list_dates,
            columns: columns.collect::<Result<_, _>>()?,
            state_columns: states.collect::<Result<_, _>>()?,
            encoding: encoding.transpose()?,
            ..Self::new(file, now)
        })
    }

    /// Whether the owner has named headings, so that the list has a line with them.
    fn has_mappings(&self) -> bool {
        !self.columns.is_empty() || !self.state_columns.is_empty()
    }
}

/// One person on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriberRow {
    /// The person.
    pub profile: Profile,
    /// The time of the last change of status, from our own export.
    pub state_since: Option<DateTime<Utc>>,
    /// Why the status is only
    /// [`SubscriptionStatus::Unconfirmed`](crate::subscribers::SubscriptionStatus::Unconfirmed).
    pub unproven: Option<Unproven>,
    /// The origin of the address.
    pub source: Option<String>,
    /// When the address was first seen here, from our own export.
    pub added_at: Option<DateTime<Utc>>,
    /// The line of the row, from 1.
    pub line: usize,
}

/// Why a row was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// An opening quotation mark without a closing one.
    #[error("a quotation mark is not closed; close it, or double it if it is part of the text")]
    UnclosedQuote,
    /// Text between a closing quotation mark and the end of the cell.
    #[error("text after a closing quotation mark; double quotation marks that are part of the text")]
    TextAfterQuote,
    /// A cell that is longer than any useful value.
    #[error("a cell has more than {} bytes", records::MAX_CELL)]
    LongCell,
    /// The row contains a NUL.
    #[error(
        "the row contains a NUL character; save the list as \"CSV UTF-8\", or name its encoding with --encoding"
    )]
    Nul,
    /// More cells than headings.
    #[error(
        "the row has {cells} cells, but there are {columns} headings; put values that contain the separator in quotation marks"
    )]
    ExtraCells {
        /// Cells in the row.
        cells: usize,
        /// Cells in the header.
        columns: usize,
    },
    /// An invalid address.
    #[error("invalid address: {0}")]
    Address(#[from] AddressError),
    /// A control character in the name.
    #[error("the name contains a control character or a line break; write it on one line")]
    NameControl,
    /// The name is too long.
    #[error("the name has {0} characters; at most 100 are allowed")]
    LongName(usize),
    /// A cell that is neither true nor false.
    #[error("{0:?} is neither true nor false")]
    Flag(String),
    /// An entry of a JSON list that is not an object, or is nested too deep.
    #[error("not a JSON object with plain values")]
    NotObject,
    /// A row that is longer than any useful one.
    #[error("the row has more than {} bytes", records::MAX_ROW)]
    LongRow,
    /// The same key twice in a JSON object.
    #[error("duplicate key {0:?}; remove one of them")]
    KeyTwice(String),
    /// An array or an object instead of text.
    #[error("{0:?} is an array or an object; write plain text")]
    NotText(String),
    /// An unknown state.
    #[error(
        "unknown state {0:?}; use active, unconfirmed, unsubscribed or suppressed, or say what it means: --state-column \
         HEADING={0}:STATE, or HEADING=ignore if the column is about something else"
    )]
    State(String),
}

/// Why a whole list cannot be read.
#[derive(Debug)]
pub enum ListError {
    /// Reading the file failed.
    Io(io::Error),
    /// It is not a list.
    Refused(Box<Finding>),
}

impl From<io::Error> for ListError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Finding> for ListError {
    fn from(finding: Finding) -> Self {
        Self::Refused(Box::new(finding))
    }
}

fn too_long(file: &str, message: String) -> Finding {
    Finding::error("list-size", file, message).hint("split it and import the parts one by one")
}

/// A list that was read once and can be read again, person by person.
#[derive(Debug)]
pub struct SubscriberList<R> {
    reader: ListReader<R>,
    options: ImportOptions,
    repeats: Repeats,
    summary: ListSummary,
}

impl<R: Read + Seek> SubscriberList<R> {
    /// Reads a list to its end.
    pub fn open(source: R, options: ImportOptions) -> Result<Self, ListError> {
        let mut reader = ListReader::open(source, &options)?;
        let (summary, repeats) = survey::read(&mut reader, &options)?;
        reader.rewind()?;
        Ok(Self { reader, options, repeats, summary })
    }

    /// What the list contains.
    pub fn summary(&self) -> &ListSummary {
        &self.summary
    }

    /// The next person, in the order of first appearance.
    pub fn next_row(&mut self) -> io::Result<Option<SubscriberRow>> {
        while let Some((place, row)) = self.reader.next_row(&self.options, &mut Remarks::default())? {
            if let Ok(row) = row
                && !self.repeats.is_later(place)
            {
                return self.merged(row, place).map(Some);
            }
        }
        if self.reader.is_unchanged()? { Ok(None) } else { Err(input::changed()) }
    }

    /// Begins again with the first person.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.reader.rewind()
    }

    /// Merges the later rows of the person whose first row is at `place`.
    fn merged(&mut self, mut row: SubscriberRow, place: Place) -> io::Result<SubscriberRow> {
        let next = self.reader.place();
        for later in self.repeats.after(place) {
            merge(&mut row, self.reader.row_at(later.place(), &self.options)?);
        }
        self.reader.go_to(next)?;
        Ok(row)
    }
}

#[cfg(test)]
mod exports;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;
