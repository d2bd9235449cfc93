//! Lists of readers: what `[newsletter] list` names, our own exports, and what Mailchimp, Substack, Ghost, Buttondown,
//! listmonk and Kit export, as CSV or JSON.
//!
//! Pure, and never generous: a row that could be read in two ways is rejected with its line, and of several rows for
//! one person the most restrictive one wins. Whether a reader may come back is decided by the subscribers' room.
//!
//! A new column of a reader is added in four places, each one line: [`Row`], `columns::HEADINGS` (and its `Column`),
//! `read_row` and `write::COLUMNS`. CSV, JSON, `--column` and the test of the round trip follow from these.

mod columns;
mod dates;
mod findings;
mod json;
mod names;
mod records;
mod services;
mod standing;
mod write;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

pub use columns::Mapping;
pub use services::Service;
pub use write::{csv_header, csv_row, json_row};

use crate::address::{AddressError, EmailAddress};
use crate::config::is_language_tag;
use crate::finding::Finding;
use crate::subscribers::Standing;
use crate::text::HeaderText;
use columns::{Column, Columns, Fields, Lexicon, plain};
use dates::ReadDate;
use findings::{Oddity, Warnings};
use records::Records;

/// Characters that a name may have.
pub const MAX_NAME: usize = 100;
/// Characters that a source may have.
const MAX_SOURCE: usize = 200;
/// Bytes that a list may have: more than a million readers of any service have.
pub const MAX_BYTES: usize = 512 * 1024 * 1024;
/// Rows that a list may have.
const MAX_ROWS: usize = 2_000_000;
/// Headings that are named as not read.
const MAX_IGNORED: usize = 100;
/// A date without a time of day may be tomorrow's here and today's in the Pacific.
const DATE_LINE: TimeDelta = TimeDelta::hours(14);

/// How to read a list.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The name of the file in messages.
    pub file: &'a str,
    /// The owner vouches that everybody on the list asked for the letter.
    pub confirmed: bool,
    /// The present: consent that is dated later is none.
    pub now: DateTime<Utc>,
    /// Who wrote the list; `None` looks at its columns.
    pub from: Option<Service>,
    /// Columns that the owner has named.
    pub columns: &'a [Mapping],
}

impl<'a> Options<'a> {
    /// A list of which nothing is known.
    pub fn new(file: &'a str, now: DateTime<Utc>) -> Self {
        Self { file, confirmed: false, now, from: None, columns: &[] }
    }
}

/// What a list says.
#[derive(Debug, Clone)]
pub struct Import {
    /// One row for each person, in the order in which they first appear.
    pub rows: Vec<Row>,
    /// Rows that were left out, in the order of the file.
    pub rejected: Vec<Rejected>,
    /// What should be looked at: repeated persons, dates that were not understood, odd addresses.
    pub warnings: Vec<Finding>,
    /// Who wrote it, where that is known.
    pub service: Option<Service>,
    /// What stands between the cells: `,`, `;`, a tab or `|`; nothing in JSON.
    pub delimiter: Option<char>,
    /// Headings of columns that were not read.
    pub ignored: Vec<String>,
}

/// One reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The address.
    pub email: EmailAddress,
    /// The name.
    pub name: Option<HeaderText>,
    /// The BCP 47 tag.
    pub language: Option<String>,
    /// Whether the reader gets letters.
    pub state: Standing,
    /// Why not, for a reader who is suppressed.
    pub reason: Option<String>,
    /// Where the reader came from.
    pub source: Option<String>,
    /// When the reader asked for the letter; `None` in an [`Standing::Active`] row means that the owner vouches.
    pub consented_at: Option<DateTime<Utc>>,
    /// When the address was first seen here, as our own export says.
    pub added_at: Option<DateTime<Utc>>,
    /// The line of the row, from 1.
    pub line: usize,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The line on which the row begins, from 1.
    pub line: usize,
    /// Why.
    pub reason: RowError,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A quotation mark opens a cell and nothing closes it.
    #[error(
        "a quotation mark opens a cell that never ends; close it, or double it if it is part of the text"
    )]
    UnclosedQuote,
    /// Text between a closing quotation mark and the end of the cell.
    #[error("text follows a closing quotation mark; double the marks that are part of the text")]
    TextAfterQuote,
    /// A cell beyond any use.
    #[error("a cell has more than {} bytes", records::MAX_CELL)]
    LongCell,
    /// The row holds a NUL.
    #[error("it holds a NUL character; save the list as CSV in UTF-8")]
    Nul,
    /// More cells than headings.
    #[error(
        "it has {cells} cells below {columns} headings; put a value that holds the separator into quotation marks"
    )]
    ExtraCells {
        /// Cells in the row.
        cells: usize,
        /// Cells in the header.
        columns: usize,
    },
    /// The address.
    #[error("the address: {0}")]
    Address(#[from] AddressError),
    /// A control character in the name.
    #[error("the name holds a control character or a line break; write it on one line")]
    NameControl,
    /// The name is too long.
    #[error("the name has {0} characters; no more than 100 are allowed")]
    LongName(usize),
    /// A cell that is neither true nor false.
    #[error("{0:?} is neither true nor false")]
    Flag(String),
    /// An entry of a JSON list that is no object, or is nested too deep.
    #[error("it is no JSON object with text, numbers and the like in it")]
    NotObject,
    /// An entry of a JSON list beyond any use.
    #[error("it has more than {} bytes", json::MAX_ENTRY)]
    LongEntry,
    /// The same key twice in a JSON object.
    #[error("the key {0:?} stands in it twice; remove one of them")]
    KeyTwice(String),
    /// An array or an object where text is wanted.
    #[error("{0:?} is an array or an object; write plain text")]
    NotText(String),
    /// A state that nobody knows.
    #[error("the state {0:?} is not known; write active, unconfirmed, unsubscribed or suppressed")]
    State(String),
}

/// Reads a list. The finding says why nothing of it can be read.
pub fn read(bytes: &[u8], options: Options<'_>) -> Result<Import, Finding> {
    if bytes.len() > MAX_BYTES {
        return Err(too_long(options.file, format!("the list has more than {MAX_BYTES} bytes")));
    }
    let text = records::decode(bytes).map_err(|wrong| {
        Finding::error("list-encoding", options.file, wrong.to_string()).hint(wrong.hint())
    })?;
    if text.trim_start().starts_with(['{', '[']) { read_json(text, options) } else { read_csv(text, options) }
}

fn too_long(file: &str, message: String) -> Finding {
    Finding::error("list-size", file, message).hint("split it, and import the parts one after another")
}

fn read_csv(text: &str, options: Options<'_>) -> Result<Import, Finding> {
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

fn read_json(text: &str, options: Options<'_>) -> Result<Import, Finding> {
    let document = json::Document::find(text).map_err(|error| {
        let line = if let json::DocumentError::Json(line, _) = &error { *line } else { 1 };
        Finding::error("list-json", options.file, error.to_string()).at(line).hint(
            "export the list anew, as CSV if the service can; `letterpress subscribers export --json` shows our own form",
        )
    })?;
    let lexicon = Lexicon::new(options.from.or(document.service), options.columns);
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
    options: Options<'a>,
) -> Result<(Columns, Lexicon<'a>), Finding> {
    let refuse = |line: usize, message: String| {
        Err(Finding::error("list-header", options.file, message).at(line).hint(
            "name the columns in the first line, each once: email,name,language,state,source,consented_at (이메일,이름,… and \
             メール,名前,… are understood; only email is needed), or say which is which: --column email=HEADING",
        ))
    };
    let Some((line, header)) = records.next() else {
        return refuse(1, "the list is empty".to_owned());
    };
    let cells = match header {
        Ok(header) => header.cells,
        Err(reason) => return refuse(line, format!("the header cannot be read: {reason}")),
    };
    if cells.iter().any(|cell| EmailAddress::parse(cell).is_ok()) {
        return refuse(line, "the first line is a reader, not a header".to_owned());
    }
    let headings: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
    let lexicon = Lexicon::new(options.from.or_else(|| Service::recognise(&headings)), options.columns);
    match Columns::find(&cells, &lexicon) {
        Ok(columns) => Ok((columns, lexicon)),
        Err(error) => refuse(line, error.to_string()),
    }
}

/// A list that is being read.
struct List<'a> {
    options: Options<'a>,
    lexicon: Lexicon<'a>,
    rows: Vec<Row>,
    rejected: Vec<Rejected>,
    warnings: Warnings<'a>,
    ignored: Vec<String>,
    /// Where the row of an address is.
    known: HashMap<String, usize>,
    /// Readers of whom nobody says that they did not leave.
    silent: usize,
}

impl<'a> List<'a> {
    fn new(options: Options<'a>, lexicon: Lexicon<'a>) -> Self {
        Self {
            options,
            lexicon,
            rows: Vec::new(),
            rejected: Vec::new(),
            warnings: Warnings::new(options.file),
            ignored: Vec::new(),
            known: HashMap::new(),
            silent: 0,
        }
    }

    fn ignore(&mut self, headings: &[String]) {
        for heading in headings {
            if self.ignored.len() < MAX_IGNORED && !self.ignored.contains(heading) {
                self.ignored.push(heading.chars().take(100).collect());
            }
        }
    }

    fn read_row(&mut self, fields: &Fields<'_>, line: usize) -> Result<Row, RowError> {
        let mut odd = Vec::new();
        let email = EmailAddress::parse(fields.get(Column::Email))?;
        odd.extend(email.doubt().map(Oddity::Address));
        let name = match fields.get(Column::Name).trim_matches(' ') {
            "" => read_name(&names::join(fields.get(Column::Given), fields.get(Column::Family)))?,
            name => read_name(name)?,
        };
        let language = fields.get(Column::Language).trim().to_owned();
        let tagged = is_language_tag(&language);
        if !tagged && !language.is_empty() {
            odd.push(Oddity::Language(language.chars().take(40).collect()));
        }
        let said = standing::said(fields, &self.lexicon, self.options.file)?;
        let consented_at = past(consent(fields), self.options.now, &mut odd);
        let unproven = consented_at.is_none() || said.silent;
        let state = match said.standing {
            Standing::Active if unproven && !self.options.confirmed => Standing::Unconfirmed,
            standing => standing,
        };
        self.silent +=
            usize::from(said.silent && said.standing == Standing::Active && !self.options.confirmed);
        let source = Some(clean_source(fields.get(Column::Source))).filter(|source| !source.is_empty());
        let added_at = past(fields.get(Column::Added), self.options.now, &mut odd);
        for oddity in odd {
            self.warnings.add(oddity.into_finding(self.options.file).at(line));
        }
        let language = tagged.then_some(language);
        Ok(Row { email, name, language, state, reason: said.reason, source, consented_at, added_at, line })
    }

    /// Puts a row to the others, or adds it to what is known of the same person.
    fn take(&mut self, line: usize, row: Result<Row, RowError>) -> Result<(), Finding> {
        match row {
            Err(reason) => self.rejected.push(Rejected { line, reason }),
            Ok(row) => match self.known.get(row.email.normalised()).and_then(|at| self.rows.get_mut(*at)) {
                Some(first) => self.warnings.add(merge(first, row, self.options.file)),
                None => {
                    self.known.insert(row.email.normalised().to_owned(), self.rows.len());
                    self.rows.push(row);
                }
            },
        }
        if self.rows.len() + self.rejected.len() > MAX_ROWS {
            return Err(too_long(self.options.file, format!("the list has more than {MAX_ROWS} rows")));
        }
        Ok(())
    }

    fn finish(mut self, delimiter: Option<char>) -> Import {
        if let Some(service) = self.lexicon.service.filter(|_| self.silent > 0) {
            self.warnings.add(findings::silent(self.options.file, service, self.silent));
        }
        Import {
            rows: self.rows,
            rejected: self.rejected,
            warnings: self.warnings.finish(),
            service: self.lexicon.service,
            delimiter,
            ignored: self.ignored,
        }
    }
}

fn read_name(cell: &str) -> Result<Option<HeaderText>, RowError> {
    let cell = cell.trim_matches(' ');
    // Before `HeaderText` is asked: it would turn a line break into a space, and this row was not made by a person.
    if cell.chars().any(char::is_control) {
        return Err(RowError::NameControl);
    }
    let length = cell.chars().count();
    if length > MAX_NAME {
        return Err(RowError::LongName(length));
    }
    match HeaderText::parse(cell) {
        Ok(name) => Ok(Some(name)),
        Err(crate::text::HeaderTextError::Empty) => Ok(None),
        Err(crate::text::HeaderTextError::Control(_)) => Err(RowError::NameControl),
    }
}

/// One line of text that is not too long for a source; empty if nothing is left.
pub fn clean_source(raw: &str) -> String {
    let text = HeaderText::lossy(raw).map(String::from).unwrap_or_default();
    // Cut first: a space at the new end would not survive.
    HeaderText::lossy(&text.chars().take(MAX_SOURCE).collect::<String>())
        .map(String::from)
        .unwrap_or_default()
}

/// The strongest evidence of consent that a row has; what it says first is not made better by what it says after.
fn consent<'a>(fields: &'a Fields<'_>) -> &'a str {
    [Column::Consented, Column::Confirmed, Column::OptedIn, Column::Subscribed, Column::Created]
        .into_iter()
        .map(|column| fields.get(column).trim())
        .find(|cell| !cell.is_empty())
        .unwrap_or_default()
}

fn past(cell: &str, now: DateTime<Utc>, odd: &mut Vec<Oddity>) -> Option<DateTime<Utc>> {
    let cell = cell.trim();
    let (at, slack) = match dates::read(cell) {
        None if cell.is_empty() => return None,
        None => {
            odd.push(Oddity::Date(cell.chars().take(40).collect()));
            return None;
        }
        Some(ReadDate::Instant(at)) => (at, TimeDelta::zero()),
        Some(ReadDate::Zoneless(at)) => (at, DATE_LINE),
    };
    if at > now + slack {
        odd.push(Oddity::Future);
        return None;
    }
    Some(at.min(now))
}

/// Adds a further row of the same person to the first one.
fn merge(first: &mut Row, again: Row, file: &str) -> Finding {
    let line = again.line;
    let stricter = again.state > first.state;
    if stricter {
        (first.state, first.reason) = (again.state, again.reason);
    }
    first.name = first.name.take().or(again.name);
    first.language = first.language.take().or(again.language);
    first.source = first.source.take().or(again.source);
    first.consented_at = first.consented_at.or(again.consented_at);
    first.added_at = first.added_at.or(again.added_at);
    let outcome =
        if stricter { format!("; the reader is now {}", first.state.as_str()) } else { String::new() };
    Finding::warning(
        "list-repeated",
        file,
        format!("the same reader stands in line {} already{outcome}", first.line),
    )
    .at(line)
    .hint("keep one row for each reader; of several, the most restrictive state counts")
}

#[cfg(test)]
mod tests;
