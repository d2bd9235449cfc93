//! A workbook of Excel (.xlsx) as CSV: the one sheet with addresses, row by row, with days as `2026-11-23`.
//!
//! calamine reads it. Before that, the archive is unpacked once into nothing, because neither its sizes nor its counts can
//! be believed. Formulas are not run: the values that Excel stored are read.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, Xlsx};
use quick_xml::events::Event;
use zip::ZipArchive;

use super::{ListError, MAX_BYTES};
use crate::finding::Finding;
use crate::text::clipped;

/// The most entries of a workbook; one of Excel has about ten and one for each sheet.
const MAX_ENTRIES: usize = 10_000;
/// The rows and columns of Excel.
const MAX_ROW: u32 = 1_048_576;
const MAX_COLUMN: u32 = 16_384;
/// Days since 1900 of 1 January of the year 10000.
const LAST_DAY: f64 = 2_958_466.0;

/// A sheet as CSV.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Its name.
    pub(super) name: String,
    /// The rows; the file has no name.
    pub(super) csv: File,
}

/// The list of a workbook; `None` if the archive is none.
pub(super) fn read<R: Read + Seek>(source: &mut R, file: &str) -> Result<Option<Sheet>, ListError> {
    if !is_workbook(source)? {
        return Ok(None);
    }
    if let Some(why) = check_sizes(source)? {
        return Err(unreadable(file, why).into());
    }
    // The file comes from outside: a panic in a library that reads it is an error of the file.
    let sheets = catch_unwind(AssertUnwindSafe(|| sheets(source)))
        .unwrap_or_else(|_| Err(calamine::XlsxError::Unexpected("it is damaged")));
    let sheets = match sheets {
        Ok(sheets) => sheets,
        Err(calamine::XlsxError::Io(error)) => return Err(error.into()),
        Err(error) => return Err(unreadable(file, &error.to_string()).into()),
    };
    the_only_list(sheets, file).map(Some)
}

fn unreadable(file: &str, why: &str) -> Finding {
    let message = format!("the spreadsheet cannot be read: {}", clipped(why));
    Finding::error("list-spreadsheet", file, message)
        .hint("open it in Excel and save it again, as .xlsx or as \"CSV UTF-8\"")
}

/// Whether it is an archive that contains a workbook.
fn is_workbook<R: Read + Seek>(source: &mut R) -> io::Result<bool> {
    source.rewind()?;
    let Ok(archive) = ZipArchive::new(BufReader::new(source)) else { return Ok(false) };
    let mut names = archive.file_names();
    Ok(archive.len() <= MAX_ENTRIES && names.any(|name| name.eq_ignore_ascii_case("xl/workbook.xml")))
}

/// Unpacks everything into nothing; or says why the archive may not be read.
fn check_sizes<R: Read + Seek>(source: &mut R) -> io::Result<Option<&'static str>> {
    source.rewind()?;
    let mut archive = ZipArchive::new(BufReader::new(source)).map_err(io::Error::other)?;
    let mut left = MAX_BYTES;
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else { return Ok(Some("an entry is damaged or encrypted")) };
        let has_strings = entry.name().to_ascii_lowercase().ends_with("sharedstrings.xml");
        let mut entry = BufReader::new(entry.take(left + 1));
        let stated = if has_strings { stated_strings(&mut entry) } else { 0 };
        let read = io::copy(&mut entry, &mut io::sink());
        let unpacked = left + 1 - entry.into_inner().limit();
        if read.is_err() {
            return Ok(Some("an entry is damaged"));
        }
        let Some(rest) = left.checked_sub(unpacked) else {
            return Ok(Some("it unpacks to more than 512 MiB"));
        };
        // The reader reserves memory for as many strings as the file says that it has.
        if stated > unpacked {
            return Ok(Some("it states more strings than it contains"));
        }
        left = rest;
    }
    Ok(None)
}

/// The number that `<sst uniqueCount="…">` states.
fn stated_strings(strings: impl io::BufRead) -> u64 {
    let mut xml = quick_xml::Reader::from_reader(strings);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) if start.local_name().as_ref() == b"sst" => {
                let count = start.try_get_attribute("uniqueCount").ok().flatten();
                let digits = count.map(|count| String::from_utf8_lossy(&count.value).into_owned());
                // A number that does not fit is larger than any file.
                return digits.map_or(0, |digits| digits.trim().parse().unwrap_or(u64::MAX));
            }
            Ok(Event::Eof) | Err(_) => return 0,
            Ok(_) => {}
        }
    }
}

/// A sheet, and whether it looks like a list.
struct Candidate {
    sheet: Sheet,
    has_addresses: bool,
}

/// The sheets that are not empty.
fn sheets<R: Read + Seek>(source: &mut R) -> Result<Vec<Candidate>, calamine::XlsxError> {
    source.rewind()?;
    let mut workbook = Xlsx::new(BufReader::new(source))?;
    let metadata = workbook.sheets_metadata().iter();
    let names: Vec<String> =
        metadata.filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.clone()).collect();
    let mut found = Vec::new();
    for name in names {
        let mut cells = workbook.worksheet_cells_reader(&name)?;
        let mut rows = Rows::new()?;
        while let Some(cell) = cells.next_cell()? {
            rows.add(cell.get_position(), cell.get_value())?;
        }
        if rows.row.is_some() {
            let has_addresses = rows.has_addresses;
            found.push(Candidate { sheet: Sheet { name, csv: rows.finish()? }, has_addresses });
        }
    }
    Ok(found)
}

/// The list of a workbook: two sheets with addresses may be those who subscribe and those who left.
fn the_only_list(sheets: Vec<Candidate>, file: &str) -> Result<Sheet, ListError> {
    let has_addresses = sheets.iter().any(|candidate| candidate.has_addresses);
    let mut lists: Vec<Sheet> = sheets
        .into_iter()
        .filter(|candidate| candidate.has_addresses == has_addresses)
        .map(|candidate| candidate.sheet)
        .collect();
    if lists.len() > 1 && has_addresses {
        let names: Vec<_> = lists.iter().map(|sheet| format!("{:?}", clipped(&sheet.name))).collect();
        let message = format!("{} sheets have addresses: {}", lists.len(), names.join(", "));
        return Err(Finding::error("list-spreadsheet", file, message)
            .hint("save each one that is to be imported as \"CSV UTF-8\", with its state if it is about people who left")
            .into());
    }
    if lists.is_empty() {
        return Err(Finding::error("list-spreadsheet", file, "the spreadsheet is empty").into());
    }
    Ok(lists.swap_remove(0))
}

/// Writes cells as CSV. The number of a row is that of its line.
struct Rows {
    csv: BufWriter<File>,
    written: u64,
    /// The row and column that were written last.
    row: Option<u32>,
    column: u32,
    /// Columns of the first row; shorter rows are filled up.
    width: u32,
    has_addresses: bool,
}

impl Rows {
    fn new() -> io::Result<Self> {
        let csv = BufWriter::new(tempfile::tempfile()?);
        Ok(Self { csv, written: 0, row: None, column: 0, width: 0, has_addresses: false })
    }

    /// Cells come in the order of the sheet; one that is out of order is an error.
    fn add(&mut self, (row, column): (u32, u32), value: &DataRef<'_>) -> Result<(), calamine::XlsxError> {
        let Some(text) = text_of(value) else { return Ok(()) };
        let is_later = self.row.is_none_or(|last| (row, column) > (last, self.column));
        if !is_later || row >= MAX_ROW || column >= MAX_COLUMN {
            return Err(calamine::XlsxError::Unexpected("a cell is not where it can be"));
        }
        self.has_addresses |= text.contains('@');
        let from = if self.row == Some(row) { self.column } else { self.begin(row)? };
        self.put(&",".repeat((column - from) as usize))?;
        self.put(&quoted(&text))?;
        self.column = column;
        Ok(())
    }

    /// Ends the row before, and returns the first column.
    fn begin(&mut self, row: u32) -> Result<u32, calamine::XlsxError> {
        let empty = match self.row {
            Some(last) => {
                self.end()?;
                row - last - 1
            }
            None => row,
        };
        for _ in 0..empty {
            self.put("\n")?;
        }
        self.row = Some(row);
        Ok(0)
    }

    fn end(&mut self) -> Result<(), calamine::XlsxError> {
        self.width = if self.width == 0 { self.column } else { self.width };
        self.put(&",".repeat(self.width.saturating_sub(self.column) as usize))?;
        self.put("\n")
    }

    fn put(&mut self, text: &str) -> Result<(), calamine::XlsxError> {
        self.written += text.len() as u64;
        if self.written > MAX_BYTES {
            return Err(calamine::XlsxError::Unexpected("a sheet has more than 512 MiB as CSV"));
        }
        Ok(self.csv.write_all(text.as_bytes())?)
    }

    fn finish(mut self) -> Result<File, calamine::XlsxError> {
        self.end()?;
        Ok(self.csv.into_inner().map_err(io::IntoInnerError::into_error)?)
    }
}

/// A value as Excel would save it as CSV, but with days as ISO 8601; `None` for an empty cell.
fn text_of(value: &DataRef<'_>) -> Option<String> {
    let text = match value {
        DataRef::Empty => return None,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is_true) => if *is_true { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(time) => time_of(time),
        DataRef::Error(error) => error.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

fn time_of(time: &ExcelDateTime) -> String {
    let days = time.as_f64();
    if time.is_duration() || !(1.0..LAST_DAY).contains(&days) {
        return days.to_string();
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) {
        return date;
    }
    format!("{date} {hour:02}:{minute:02}:{second:02}")
}

/// A cell of CSV in one line, so that the lines of findings are the rows of the sheet.
fn quoted(text: &str) -> String {
    let text = text.replace(['\r', '\n'], " ").replace('"', "\"\"");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, SeekFrom};

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Written by `openpyxl` and `XlsxWriter`.
    const SUBSCRIBERS: &[u8] = include_bytes!("../../../tests/data/spreadsheets/subscribers.xlsx");
    const TWO_LISTS: &[u8] = include_bytes!("../../../tests/data/spreadsheets/two-lists.xlsx");
    const VALUES: &[u8] = include_bytes!("../../../tests/data/spreadsheets/values.xlsx");

    /// The name and the rows of the list, or what is wrong.
    fn csv(bytes: &[u8]) -> Result<(String, String), String> {
        let sheet = read(&mut Cursor::new(bytes), "list.xlsx").map_err(|error| match error {
            ListError::Refused(finding) => finding.to_string(),
            ListError::Io(error) => panic!("{error}"),
        })?;
        let Sheet { name, mut csv } = sheet.ok_or("no workbook")?;
        csv.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        csv.read_to_string(&mut text).unwrap();
        Ok((name, text))
    }

    /// A workbook with entries of this content.
    fn workbook(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// The same workbook, with one entry changed.
    fn changed(bytes: &[u8], name: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let entries: Vec<(String, Vec<u8>)> = (0..archive.len())
            .map(|index| {
                let mut entry = archive.by_index(index).unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                let is_it = entry.name() == name;
                (entry.name().to_owned(), if is_it { change(content) } else { content })
            })
            .collect();
        let entries: Vec<_> =
            entries.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        workbook(&entries)
    }

    #[test]
    fn the_one_sheet_with_addresses_is_read_row_by_row() {
        let (name, text) = csv(SUBSCRIBERS).unwrap();
        assert_eq!(name, "구독자 명단");
        assert_eq!(
            text,
            "\"이메일\",\"이름\",\"구독일\",\"수신거부\"\n\
             \"kim@letters.kr\",\"김민준\",\"2024-05-01\",\n\
             \"lee@letters.kr\",\"이서연\",\"2025-11-03 09:30:00\",\n\
             \"park@letters.kr\",\"박 지훈\",\"2023-01-02\",\"Y\"\n\
             \n\
             \"choi@letters.kr\",,,\n"
        );
    }

    #[test]
    fn values_are_those_that_excel_stored_and_the_number_of_a_row_is_that_of_its_line() {
        let (_, text) = csv(VALUES).unwrap();
        assert_eq!(
            text,
            "\n\"email\",\"n\",\"yes\",\"2024-02-29\",\"12.5\",\"3\",\"0\"\n\
             \"say \"\"hi\"\", a@letters.kr\",\"2\",\"TRUE\",,,,\n\n,,,,,,\"=cmd()\"\n"
        );
    }

    #[test]
    fn two_sheets_with_addresses_are_refused_because_one_may_be_about_people_who_left() {
        let refusal = csv(TWO_LISTS).unwrap_err();
        assert!(refusal.contains("2 sheets have addresses: \"Active\", \"Left\""), "{refusal}");
    }

    #[test]
    fn other_archives_are_no_workbooks() {
        assert_eq!(csv(&workbook(&[("list.csv", b"email")])), Err("no workbook".to_owned()));
        assert_eq!(csv(b"PK\x03\x04"), Err("no workbook".to_owned()));
    }

    #[test]
    fn numbers_and_sizes_that_a_workbook_states_are_not_believed() {
        const STRINGS: &str = "xl/sharedStrings.xml";
        for number in ["99999999999", "99999999999999999999999999"] {
            let lie = |content: Vec<u8>| {
                let text = String::from_utf8(content).unwrap();
                text.replace("uniqueCount=\"", &format!("uniqueCount=\"{number}\" was=\"")).into_bytes()
            };
            let refusal = csv(&changed(VALUES, STRINGS, lie)).unwrap_err();
            assert!(refusal.contains("more strings than it contains"), "{refusal}");
        }
        let bomb = changed(VALUES, STRINGS, |_| vec![b' '; 600 << 20]);
        assert!(bomb.len() < 4 << 20);
        let refusal = csv(&bomb).unwrap_err();
        assert!(refusal.contains("unpacks to more than 512 MiB"), "{refusal}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_damaged_workbook_is_read_or_refused(
            entry in prop::sample::select(vec![
                "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml",
                "xl/_rels/workbook.xml.rels",
            ]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let damage = |mut content: Vec<u8>| {
                for (at, byte) in &changes {
                    let at = at.index(content.len());
                    content[at] = *byte;
                }
                content
            };
            for workbook in [SUBSCRIBERS, VALUES] {
                let _ = csv(&changed(workbook, entry, damage));
            }
        }
    }
}
