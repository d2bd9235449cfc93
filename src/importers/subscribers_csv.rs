//! A list of readers as CSV: what came from another program, what `[newsletter] list` names, and our own export.
//!
//! Pure, and never generous: a row that could be read in two ways is rejected with its line, and of several rows for
//! one person the most restrictive one wins. Whether a reader may come back is decided by the subscribers' room.

mod columns;
mod dates;
mod records;

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::address::{AddressError, EmailAddress};
use crate::finding::Finding;
use crate::subscribers::Standing;
use crate::text::HeaderText;
use columns::{Column, Columns};
use dates::ReadDate;
use records::{Record, Records};

/// Characters that a name may have.
const MAX_NAME: usize = 100;
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
    /// What stands between the cells: `,`, `;`, a tab or `|`.
    pub delimiter: char,
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
    /// Where the reader came from.
    pub source: Option<String>,
    /// When the reader asked for the letter; `None` in an [`Standing::Active`] row means that the owner vouches.
    pub consented_at: Option<DateTime<Utc>>,
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
    /// A state that nobody knows.
    #[error("the state {0:?} is not known; write active, unconfirmed, unsubscribed or suppressed")]
    State(String),
}

/// Reads a list. The finding says why nothing of it can be read.
pub fn read(bytes: &[u8], options: Options<'_>) -> Result<Import, Finding> {
    let text = records::decode(bytes).map_err(|wrong| {
        Finding::error("list-encoding", options.file, wrong.to_string()).hint(wrong.hint())
    })?;
    let delimiter = records::delimiter(text);
    let mut records = Records::new(text, delimiter);
    let columns = read_header(&mut records, options.file)?;
    let mut import = Import {
        rows: Vec::new(),
        rejected: Vec::new(),
        warnings: Vec::new(),
        delimiter: char::from(delimiter),
        ignored: columns.ignored.clone(),
    };
    let mut known: HashMap<String, usize> = HashMap::new();
    for (line, record) in records {
        let row = record.and_then(|record| read_row(&record, &columns, line, options));
        match row {
            Err(reason) => import.rejected.push(Rejected { line, reason }),
            Ok((row, doubts)) => {
                import
                    .warnings
                    .extend(doubts.into_iter().map(|doubt| doubt.into_finding(options.file, line)));
                if let Some(first) = known.get(row.email.normalised()).and_then(|at| import.rows.get_mut(*at))
                {
                    import.warnings.push(merge(first, row, options.file));
                } else {
                    known.insert(row.email.normalised().to_owned(), import.rows.len());
                    import.rows.push(row);
                }
            }
        }
    }
    Ok(import)
}

fn read_header(records: &mut Records<'_>, file: &str) -> Result<Columns, Finding> {
    let refuse = |line: usize, message: String| {
        Err(Finding::error("list-header", file, message).at(line).hint(
            "name the columns in the first line, each once: email,name,language,state,source,consented_at \
             (이메일,이름,… and メール,名前,… are understood; only email is needed)",
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
    match Columns::find(&cells) {
        Ok(columns) => Ok(columns),
        Err(error) => refuse(line, error.to_string()),
    }
}

/// Something about a row that was taken nevertheless.
enum Oddity {
    Address(crate::address::Doubt),
    Date(String),
    Future,
    Language(String),
}

impl Oddity {
    fn into_finding(self, file: &str, line: usize) -> Finding {
        let finding = match self {
            Self::Address(doubt) => Finding::warning("list-address", file, doubt.to_string())
                .hint("correct the row if that is so; it was taken as it stands"),
            Self::Date(cell) => Finding::warning(
                "list-consent",
                file,
                format!("{cell:?} is not understood as the time of consent"),
            )
            .hint("write it like 2026-09-01 or 2026-09-01T10:00:00+09:00"),
            Self::Future => Finding::warning("list-consent", file, "the time of consent is still to come")
                .hint("consent counts from the past only; correct the date"),
            Self::Language(cell) => Finding::warning(
                "list-language",
                file,
                format!("{cell:?} is not a language tag and was left out"),
            )
            .hint("write \"ko\", \"ja\" or \"en-GB\""),
        };
        finding.at(line)
    }
}

fn read_row(
    record: &Record,
    columns: &Columns,
    line: usize,
    options: Options<'_>,
) -> Result<(Row, Vec<Oddity>), RowError> {
    let cell = |column| columns.cell(record, column);
    if record.cells.iter().any(|cell| cell.contains('\0')) {
        return Err(RowError::Nul);
    }
    if let Some(extra) =
        record.cells.get(columns.count..).filter(|extra| extra.iter().any(|cell| !cell.is_empty()))
    {
        return Err(RowError::ExtraCells { cells: columns.count + extra.len(), columns: columns.count });
    }
    let mut odd = Vec::new();
    let email = EmailAddress::parse(cell(Column::Email))?;
    odd.extend(email.doubt().map(Oddity::Address));
    let name = read_name(cell(Column::Name))?;
    let language = cell(Column::Language).trim().to_owned();
    let tagged = is_language_tag(&language);
    if !tagged && !language.is_empty() {
        odd.push(Oddity::Language(language.clone()));
    }
    let consented_at = consent(cell(Column::Consented), options.now, &mut odd);
    let state = match columns::state(cell(Column::State)).map_err(RowError::State)? {
        Some(Standing::Active) | None if consented_at.is_none() && !options.confirmed => {
            Standing::Unconfirmed
        }
        Some(said) => said,
        None => Standing::Active,
    };
    let source =
        HeaderText::lossy(cell(Column::Source)).map(|source| source.as_str().chars().take(200).collect());
    let language = tagged.then_some(language);
    Ok((Row { email, name, language, state, source, consented_at, line }, odd))
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

fn consent(cell: &str, now: DateTime<Utc>, odd: &mut Vec<Oddity>) -> Option<DateTime<Utc>> {
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
    first.state = first.state.max(again.state);
    first.name = first.name.take().or(again.name);
    first.language = first.language.take().or(again.language);
    first.source = first.source.take().or(again.source);
    first.consented_at = first.consented_at.or(again.consented_at);
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

fn is_language_tag(raw: &str) -> bool {
    let mut parts = raw.split('-');
    parts.next().is_some_and(|primary| {
        (2..=8).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
    }) && parts
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The list as CSV (RFC 4180) that [`read`] reads back. A cell that a spreadsheet would take for a formula gets an
/// apostrophe in front (OWASP ASVS 5.0, 1.2.10), which `read` takes away again.
pub fn write(rows: &[Row]) -> String {
    let mut out = String::from("email,name,language,state,source,consented_at\r\n");
    for row in rows {
        let consented = row.consented_at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let cells = [
            row.email.as_str(),
            row.name.as_ref().map_or("", HeaderText::as_str),
            row.language.as_deref().unwrap_or_default(),
            row.state.as_str(),
            row.source.as_deref().unwrap_or_default(),
            consented.as_deref().unwrap_or_default(),
        ];
        out.push_str(&cells.map(records::quote).join(","));
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests;
