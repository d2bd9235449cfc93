//! The rows of a list, in either format.

use std::io::{self, Read, Seek};

use super::columns::{Columns, FieldMapping, Fields};
use super::consent::Remarks;
use super::encoding::{self, Source, Text};
use super::input::{Input, Place, changed};
use super::json::{Document, DocumentError, Entries};
use super::records::{self, MAX_ROW, Record, Records};
use super::services::Service;
use super::words::plain;
use super::{ImportOptions, ListError, RowError, SubscriberRow, rows};
use crate::address::EmailAddress;
use crate::finding::Finding;

/// The most ignored headings that are reported.
const MAX_IGNORED: usize = 100;

/// A list whose header is read.
#[derive(Debug)]
pub(super) struct ListReader<R> {
    input: Input<Source<R>>,
    format: Format,
    /// Where the first row begins.
    first: Place,
    /// The meaning of its columns and states.
    pub(super) lexicon: FieldMapping,
    /// Headings that are not read.
    pub(super) ignored: Vec<String>,
    /// The encoding, if it is not UTF-8, and whether it was guessed.
    pub(super) encoding: Option<(String, bool)>,
    digest: [u8; 32],
}

#[derive(Debug)]
enum Format {
    Csv { columns: Columns, records: Records },
    Json { document: Document, entries: Entries },
}

impl<R: Read + Seek> ListReader<R> {
    /// Checks the file as a whole, and reads what comes before the first row.
    pub(super) fn open(source: R, options: &ImportOptions) -> Result<Self, ListError> {
        let Text { mut source, start, digest, encoding } = encoding::open(source, options)?;
        source.rewind()?;
        let mut input = Input::new(source);
        input.go_to(start)?;
        input.take_until(|part| part.iter().position(|byte| !byte.is_ascii_whitespace()), |_| ())?;
        let is_json = matches!(input.peek()?, Some(b'{' | b'['));
        input.go_to(start)?;
        let (format, lexicon) =
            if is_json { open_json(&mut input, options)? } else { open_csv(&mut input, options)? };
        let first = input.place();
        let mut list = Self { input, format, first, lexicon, ignored: Vec::new(), encoding, digest };
        if let Format::Csv { columns, .. } = &list.format {
            ignore(&mut list.ignored, &columns.ignored);
        }
        Ok(list)
    }

    /// The next row as a subscriber, and where it begins.
    pub(super) fn next_row(
        &mut self,
        options: &ImportOptions,
        remarks: &mut Remarks,
    ) -> io::Result<Option<(Place, Result<SubscriberRow, RowError>)>> {
        let next = self.format.next(&mut self.input, &self.lexicon, &mut self.ignored)?;
        let Some((place, fields)) = next else { return Ok(None) };
        let context = (options, &self.lexicon);
        let row = fields.and_then(|fields| rows::read(&fields, place.line, context, remarks));
        Ok(Some((place, row)))
    }

    /// The subscriber at the place of a row that was read before.
    pub(super) fn row_at(&mut self, place: Place, options: &ImportOptions) -> io::Result<SubscriberRow> {
        self.go_to(place)?;
        match self.next_row(options, &mut Remarks::default())? {
            Some((_, Ok(row))) => Ok(row),
            _ => Err(changed()),
        }
    }

    /// The headings of the columns that are read as states, beside those of the service.
    pub(super) fn states(&self) -> Vec<String> {
        match &self.format {
            Format::Csv { columns, .. } => columns.states().map(str::to_owned).collect(),
            Format::Json { .. } => Vec::new(),
        }
    }

    /// Where the next row begins, or a blank line before it.
    pub(super) fn place(&self) -> Place {
        self.input.place()
    }

    pub(super) fn go_to(&mut self, place: Place) -> io::Result<()> {
        self.input.go_to(place)
    }

    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.input.go_to(self.first)
    }

    /// Whether the file is still the same.
    pub(super) fn is_unchanged(&mut self) -> io::Result<bool> {
        let digest = self.input.source(|source| encoding::digest(source.original()))?;
        Ok(digest == self.digest)
    }
}

impl Format {
    /// The cells of the next row, and where it begins.
    fn next<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
        lexicon: &FieldMapping,
        ignored: &mut Vec<String>,
    ) -> io::Result<Option<(Place, Result<Fields<'_>, RowError>)>> {
        match self {
            Self::Csv { columns, records } => {
                let Some((place, record)) = records.next(input)? else { return Ok(None) };
                Ok(Some((place, record.and_then(|record| cells(columns, record)))))
            }
            Self::Json { document, entries } => {
                let Some((place, entry)) = entries.next(input)? else { return Ok(None) };
                let fields =
                    entry.and_then(|entry| document.fields(entry, lexicon)).map(|(fields, unread)| {
                        ignore(ignored, &unread);
                        fields
                    });
                Ok(Some((place, fields)))
            }
        }
    }
}

fn open_json<R: Read + Seek>(
    input: &mut Input<R>,
    options: &ImportOptions,
) -> Result<(Format, FieldMapping), ListError> {
    let document = Document::find(input).map_err(|error| {
        let line = match error {
            DocumentError::Io(error) => return ListError::Io(error),
            DocumentError::Json(line, _) => line,
            DocumentError::NoReaders => 1,
        };
        Finding::error("list-json", options.file.as_str(), error.to_string()).at(line).hint(
            "export the list again, as CSV if possible; `letterpress subscribers export --json` shows the supported format",
        ).into()
    })?;
    input.go_to(document.entries)?;
    let lexicon = mapping(options.from.or(document.service), options);
    Ok((Format::Json { document, entries: Entries::default() }, lexicon))
}

fn open_csv<R: Read + Seek>(
    input: &mut Input<R>,
    options: &ImportOptions,
) -> Result<(Format, FieldMapping), ListError> {
    let refuse = |line: usize, message: String| {
        Err(ListError::from(Finding::error("list-header", options.file.as_str(), message).at(line).hint(
            "put the column names in the first line, each once: email,name,language,state,source,consented_at (이메일,이름,… and \
             メール,名前,… work too; only email is required), or map them: --column email=HEADING",
        )))
    };
    let stated = stated_delimiter(input)?;
    let begin = input.place();
    let mut records = Records::new(match stated {
        Some(stated) => stated,
        None => delimiter(input)?,
    });
    let (line, cells): (usize, Vec<String>) = match records.next(input)? {
        None => return refuse(1, "the list is empty".to_owned()),
        Some((place, Err(reason))) => return refuse(place.line, format!("invalid header: {reason}")),
        Some((place, Ok(header))) => (place.line, header.cells().map(str::to_owned).collect()),
    };
    let is_address = |cell: &String| EmailAddress::parse(cell).is_ok();
    if cells.len() == 1 && cells.iter().all(is_address) && !options.has_mappings() {
        input.go_to(begin)?;
        let columns = Columns::of_addresses();
        return Ok((Format::Csv { columns, records }, mapping(options.from, options)));
    }
    if cells.iter().any(is_address) {
        return refuse(line, "the first line is a subscriber, not a header".to_owned());
    }
    let headings: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
    let service = options.from.or_else(|| Service::recognise(&headings));
    let lexicon = mapping(service, options);
    match Columns::find(&cells, &lexicon) {
        Ok(columns) => Ok((Format::Csv { columns, records }, lexicon)),
        Err(error) => refuse(line, error.to_string()),
    }
}

fn mapping(service: Option<Service>, options: &ImportOptions) -> FieldMapping {
    FieldMapping::new(service, &options.columns, &options.state_columns)
}

/// The separator in the first line that is not blank. Reads ahead, and returns to where it was.
fn delimiter<R: Read + Seek>(input: &mut Input<R>) -> io::Result<u8> {
    let begin = input.place();
    let mut line = Vec::new();
    while input.peek()?.is_some() && String::from_utf8_lossy(&line).trim().is_empty() {
        line.clear();
        let keep = |part: &[u8]| line.extend(part.iter().take(MAX_ROW.saturating_sub(line.len())));
        input.take_until(|part| memchr::memchr(b'\n', part), keep)?;
        input.skip();
    }
    input.go_to(begin)?;
    Ok(records::delimiter(&line))
}

/// The separator in a first line `sep=;`, which Excel writes and reads; such a line is skipped.
fn stated_delimiter<R: Read + Seek>(input: &mut Input<R>) -> io::Result<Option<u8>> {
    let begin = input.place();
    let mut line = Vec::new();
    let keep = |part: &[u8]| line.extend(part.iter().take(MAX_ROW.saturating_sub(line.len())));
    input.take_until(|part| memchr::memchr2(b'\r', b'\n', part), keep)?;
    records::end_line(input)?;
    let stated = records::stated_delimiter(&line);
    if stated.is_none() {
        input.go_to(begin)?;
    }
    Ok(stated)
}

/// The cells of a record that has no more of them than there are columns.
fn cells<'a>(columns: &'a Columns, record: Record<'a>) -> Result<Fields<'a>, RowError> {
    if record.contains(b'\0') {
        return Err(RowError::Nul);
    }
    if record.cells().skip(columns.count).any(|cell| !cell.is_empty()) {
        return Err(RowError::ExtraCells { cells: record.len(), columns: columns.count });
    }
    Ok(columns.fields(&record))
}

fn ignore(known: &mut Vec<String>, headings: &[String]) {
    for heading in headings {
        if known.len() < MAX_IGNORED && !known.contains(heading) {
            known.push(heading.chars().take(100).collect());
        }
    }
}
