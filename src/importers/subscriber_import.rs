//! Subscriber lists as CSV or JSON: the file of `[newsletter] list`, our own exports, and the exports of Mailchimp,
//! Substack, Ghost, Buttondown, listmonk and Kit.
//!
//! Pure, and strict: an ambiguous row is rejected with its line, and of several rows for one person the most
//! restrictive one wins. [`crate::subscribers`] decides whether an unsubscribed person may come back.
//!
//! A new column needs one line in each of four places: [`Profile`] or [`SubscriberRow`], `columns::HEADINGS` (and its `Column`),
//! `read_row` and `write::COLUMNS`. CSV, JSON, `--column` and the test of the round trip follow from these.

mod columns;
mod consent;
mod dates;
mod findings;
mod json;
mod list;
mod names;
mod parsed_status;
mod records;
mod services;
mod write;

use chrono::{DateTime, Utc};

pub use columns::Mapping;
pub use list::{MAX_NAME, clean_source};
pub use services::Service;
pub use write::{csv_header, csv_row, json_row};

use crate::address::{AddressError, EmailAddress};
use crate::config::DateOrder;
use crate::finding::Finding;
use crate::subscribers::{Profile, Unproven};
use columns::{Columns, FieldMapping, plain};
use list::List;
use records::Records;

/// The most bytes of a list: more than a million subscribers of any service need.
pub const MAX_BYTES: usize = 512 * 1024 * 1024;
/// The most rows of a list.
const MAX_ROWS: usize = 2_000_000;

/// How to read a list.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions<'a> {
    /// The name of the file in messages.
    pub file: &'a str,
    /// The owner vouches that everybody on the list asked for the emails.
    pub confirmed: bool,
    /// The current time: a later date of consent does not count.
    pub now: DateTime<Utc>,
    /// The service that wrote the list; `None` recognises it by its columns.
    pub from: Option<Service>,
    /// Columns that the owner has mapped.
    pub columns: &'a [Mapping],
    /// The order of the numbers in ambiguous dates.
    pub dates: Option<DateOrder>,
}

impl<'a> ImportOptions<'a> {
    /// The options for a list without further information.
    pub fn new(file: &'a str, now: DateTime<Utc>) -> Self {
        Self { file, confirmed: false, now, from: None, columns: &[], dates: None }
    }
}

/// The content of a list.
#[derive(Debug, Clone)]
pub struct ImportedList {
    /// One row for each person, in the order of first appearance.
    pub rows: Vec<SubscriberRow>,
    /// Rejected rows, in the order of the file.
    pub rejected: Vec<RejectedRow>,
    /// Repeated persons, unreadable dates, odd addresses.
    pub warnings: Vec<Finding>,
    /// The service that wrote it, if it is known.
    pub service: Option<Service>,
    /// The separator of the cells: `,`, `;`, a tab or `|`; none in JSON.
    pub delimiter: Option<char>,
    /// Headings of columns that were not read.
    pub ignored: Vec<String>,
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

/// A rejected row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The line on which the row begins, from 1.
    pub line: usize,
    /// The reason.
    pub reason: RowError,
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
    #[error("the row contains a NUL character; save the list as CSV in UTF-8")]
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
    /// An entry of a JSON list that is longer than any useful one.
    #[error("the entry has more than {} bytes", json::MAX_ENTRY)]
    LongEntry,
    /// The same key twice in a JSON object.
    #[error("duplicate key {0:?}; remove one of them")]
    KeyTwice(String),
    /// An array or an object instead of text.
    #[error("{0:?} is an array or an object; write plain text")]
    NotText(String),
    /// An unknown state.
    #[error("unknown state {0:?}; use active, unconfirmed, unsubscribed or suppressed")]
    State(String),
}

/// Reads a list. The finding explains why the whole list is refused.
pub fn read(bytes: &[u8], options: ImportOptions<'_>) -> Result<ImportedList, Finding> {
    if bytes.len() > MAX_BYTES {
        return Err(too_long(options.file, format!("the list has more than {MAX_BYTES} bytes")));
    }
    let text = records::decode(bytes).map_err(|wrong| {
        Finding::error("list-encoding", options.file, wrong.to_string()).hint(wrong.hint(options.file))
    })?;
    if text.trim_start().starts_with(['{', '[']) { read_json(text, options) } else { read_csv(text, options) }
}

fn too_long(file: &str, message: String) -> Finding {
    Finding::error("list-size", file, message).hint("split it and import the parts one by one")
}

fn read_csv(text: &str, options: ImportOptions<'_>) -> Result<ImportedList, Finding> {
    let delimiter = records::delimiter(text);
    let mut records = Records::new(text, delimiter);
    let (columns, lexicon) = read_header(&mut records, options)?;
    let mut list = List::new(options, lexicon);
    list.ignore(&columns.ignored);
    for (line, record) in records {
        let row = record.and_then(|record| {
            if record.cells.iter().any(|cell| cell.contains('\0')) {
                return Err(RowError::Nul);
            }
            let extra = record.cells.get(columns.count..).unwrap_or_default();
            if extra.iter().any(|cell| !cell.is_empty()) {
                return Err(RowError::ExtraCells { cells: record.cells.len(), columns: columns.count });
            }
            list.read_row(&columns.fields(&record), line)
        });
        list.take(line, row)?;
    }
    Ok(list.finish(Some(char::from(delimiter))))
}

fn read_json(text: &str, options: ImportOptions<'_>) -> Result<ImportedList, Finding> {
    let document = json::Document::find(text).map_err(|error| {
        let line = if let json::DocumentError::Json(line, _) = &error { *line } else { 1 };
        Finding::error("list-json", options.file, error.to_string()).at(line).hint(
            "export the list again, as CSV if possible; `letterpress subscribers export --json` shows the supported format",
        )
    })?;
    let lexicon = FieldMapping::new(options.from.or(document.service), options.columns);
    let mut list = List::new(options, lexicon);
    for (line, entry) in &document.entries {
        let row = document.fields(entry, &lexicon).and_then(|(fields, ignored)| {
            list.ignore(&ignored);
            list.read_row(&fields, *line)
        });
        list.take(*line, row)?;
    }
    Ok(list.finish(None))
}

fn read_header<'a>(
    records: &mut Records<'_>,
    options: ImportOptions<'a>,
) -> Result<(Columns, FieldMapping<'a>), Finding> {
    let refuse = |line: usize, message: String| {
        Err(Finding::error("list-header", options.file, message).at(line).hint(
            "put the column names in the first line, each once: email,name,language,state,source,consented_at (이메일,이름,… and \
             メール,名前,… work too; only email is required), or map them: --column email=HEADING",
        ))
    };
    let Some((line, header)) = records.next() else {
        return refuse(1, "the list is empty".to_owned());
    };
    let cells = match header {
        Ok(header) => header.cells,
        Err(reason) => return refuse(line, format!("invalid header: {reason}")),
    };
    if cells.iter().any(|cell| EmailAddress::parse(cell).is_ok()) {
        return refuse(line, "the first line is a subscriber, not a header".to_owned());
    }
    let headings: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
    let lexicon = FieldMapping::new(options.from.or_else(|| Service::recognise(&headings)), options.columns);
    match Columns::find(&cells, &lexicon) {
        Ok(columns) => Ok((columns, lexicon)),
        Err(error) => refuse(line, error.to_string()),
    }
}

#[cfg(test)]
mod exports;
#[cfg(test)]
mod tests;
