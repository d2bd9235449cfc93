//! CSV: separator, records and cells.
//!
//! The `csv` crate reads an unclosed quotation mark as a cell that extends to the end of the file, without an
//! error, so the subscribers in it would be lost silently. Here it costs one row, which is reported with its line.

use std::io::{self, Read, Seek};

use super::RowError;
use super::input::{Input, Place, changed};
use crate::text::is_formula;

/// The most bytes that a cell may have.
pub(super) const MAX_CELL: usize = 64 * 1024;
/// The most bytes that a row may have.
pub(super) const MAX_ROW: usize = 1024 * 1024;
/// The separators of spreadsheets.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The separator that is most frequent in a line, outside quotation marks.
pub(super) fn delimiter(line: &[u8]) -> u8 {
    let outside = || line.split(|byte| *byte == b'"').step_by(2).flatten();
    let count = |delimiter: u8| outside().filter(|byte| **byte == delimiter).count();
    // Of equals the first wins, which is the comma if there are no separators.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// The separator that a line such as `sep=;` states, perhaps in quotation marks.
pub(super) fn stated_delimiter(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (word, stated) = line.split_at_checked(4)?;
    match stated {
        [delimiter] if word.eq_ignore_ascii_case(b"sep=") => {
            DELIMITERS.into_iter().find(|known| known == delimiter)
        }
        _ => None,
    }
}

/// A record's cells, unquoted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// All cells, one after the other.
    text: &'a str,
    /// Where each of them ends.
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell; empty if there is none.
    pub(super) fn cell(&self, place: usize) -> &'a str {
        let begin = place.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let range = begin.zip(self.ends.get(place));
        range.and_then(|(begin, end)| self.text.get(*begin..*end)).unwrap_or_default()
    }

    /// Whether any cell contains an ASCII character.
    pub(super) fn contains(&self, byte: u8) -> bool {
        memchr::memchr(byte, self.text.as_bytes()).is_some()
    }

    pub(super) fn cells(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |place| self.cell(place))
    }
}

/// The record that is being read. What is too long is measured and not kept.
#[derive(Debug, Default)]
struct Buffer {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The bytes of the current cell.
    cell: usize,
    /// The bytes of all cells and of the separators between them.
    length: usize,
    has_long_cell: bool,
}

impl Buffer {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        (self.cell, self.length, self.has_long_cell) = (0, 0, false);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.cell += bytes.len();
        self.length += bytes.len();
        if self.cell <= MAX_CELL && self.length <= MAX_ROW {
            self.text.extend_from_slice(bytes);
        }
    }

    /// Removes what the current cell has so far.
    fn restart_cell(&mut self) {
        self.text.truncate(self.ends.last().copied().unwrap_or_default());
        self.length -= self.cell;
        self.cell = 0;
    }

    fn end_cell(&mut self) {
        self.has_long_cell |= self.cell > MAX_CELL;
        self.length += 1;
        self.cell = 0;
        if self.length <= MAX_ROW {
            self.ends.push(self.text.len());
        }
    }

    fn record(&self) -> io::Result<Result<Record<'_>, RowError>> {
        if self.has_long_cell {
            return Ok(Err(RowError::LongCell));
        }
        if self.length > MAX_ROW {
            return Ok(Err(RowError::LongRow));
        }
        let text = std::str::from_utf8(&self.text).map_err(|_| changed())?;
        Ok(Ok(Record { text, ends: &self.ends }))
    }

    fn is_blank(&self) -> bool {
        !self.has_long_cell
            && self.length <= MAX_ROW
            && !self.text.first().is_some_and(u8::is_ascii_graphic)
            && std::str::from_utf8(&self.text).is_ok_and(|text| text.trim().is_empty())
    }
}

/// Why a record cannot be read.
enum Broken {
    Row(RowError),
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The records of a list that are not blank, each with the place at which it begins.
#[derive(Debug)]
pub(super) struct Records {
    delimiter: u8,
    buffer: Buffer,
}

impl Records {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, buffer: Buffer::default() }
    }

    /// The next record.
    pub(super) fn next<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
    ) -> io::Result<Option<(Place, Result<Record<'_>, RowError>)>> {
        let begin = loop {
            if input.peek()?.is_none() {
                return Ok(None);
            }
            let begin = input.place();
            self.buffer.clear();
            match self.read(input) {
                Ok(()) if self.buffer.is_blank() => {}
                Ok(()) => break begin,
                Err(Broken::Io(error)) => return Err(error),
                Err(Broken::Row(reason)) => {
                    // The quotation marks cannot be trusted, so the row ends with its first line.
                    input.go_to(begin)?;
                    input.take_until(|part| memchr::memchr2(b'\r', b'\n', part), |_| ())?;
                    end_line(input)?;
                    return Ok(Some((begin, Err(reason))));
                }
            }
        };
        Ok(Some((begin, self.buffer.record()?)))
    }

    fn read<R: Read + Seek>(&mut self, input: &mut Input<R>) -> Result<(), Broken> {
        loop {
            self.cell(input)?;
            self.buffer.end_cell();
            match input.peek()? {
                Some(byte) if byte == self.delimiter => input.skip(),
                _ => return Ok(end_line(input)?),
            }
        }
    }

    fn cell<R: Read + Seek>(&mut self, input: &mut Input<R>) -> Result<(), Broken> {
        let buffer = &mut self.buffer;
        input.take_until(not_a_space, |spaces| buffer.push(spaces))?;
        if input.peek()? == Some(b'"') {
            buffer.restart_cell();
            return self.quoted(input);
        }
        let delimiter = self.delimiter;
        let find = |part: &[u8]| memchr::memchr3(delimiter, b'\r', b'\n', part);
        Ok(input.take_until(find, |part| buffer.push(part))?)
    }

    fn quoted<R: Read + Seek>(&mut self, input: &mut Input<R>) -> Result<(), Broken> {
        input.skip();
        let mut lines = 0;
        let mut last = b'"';
        loop {
            let find = |part: &[u8]| memchr::memchr(b'"', part);
            input.take_until(find, |part| {
                lines += line_ends(last, part);
                last = part.last().copied().unwrap_or(last);
                self.buffer.push(part);
            })?;
            if input.peek()?.is_none() {
                return Err(Broken::Row(RowError::UnclosedQuote));
            }
            input.skip();
            if input.peek()? != Some(b'"') {
                break;
            }
            input.skip();
            self.buffer.push(b"\"");
            last = b'"';
        }
        input.line += lines;
        input.take_until(not_a_space, |_| ())?;
        match input.peek()? {
            Some(byte) if byte != self.delimiter && byte != b'\r' && byte != b'\n' => {
                Err(Broken::Row(RowError::TextAfterQuote))
            }
            _ => Ok(()),
        }
    }
}

fn not_a_space(part: &[u8]) -> Option<usize> {
    part.iter().position(|byte| *byte != b' ')
}

/// Skips LF, CR or CRLF, if there is one.
pub(super) fn end_line<R: Read + Seek>(input: &mut Input<R>) -> io::Result<()> {
    let Some(byte) = input.peek()? else { return Ok(()) };
    input.skip();
    input.line += 1;
    if byte == b'\r' && input.peek()? == Some(b'\n') {
        input.skip();
    }
    Ok(())
}

/// How many lines end in a part of a cell. CRLF counts once, also if its CR is the byte `before` the part.
fn line_ends(before: u8, part: &[u8]) -> usize {
    let is_second = |at: usize| {
        let before = at.checked_sub(1).map_or(Some(&before), |at| part.get(at));
        part.get(at) == Some(&b'\n') && before == Some(&b'\r')
    };
    memchr::memchr2_iter(b'\r', b'\n', part).filter(|at| !is_second(*at)).count()
}

/// A cell for the export: quoted, and with an apostrophe before a formula, which a spreadsheet would run.
pub(super) fn quote(cell: &str) -> String {
    // A cell that already looks guarded gets one more apostrophe, so that removing one is always right.
    let guard = if is_formula(cell.trim_start_matches('\'')) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

/// Removes the apostrophe of [`quote`].
pub(super) fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest.trim_start_matches('\''))).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// A source that gives a few bytes at a time, so that everything is cut somewhere.
    struct Drops<'a>(Cursor<&'a [u8]>);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(3);
            self.0.read(&mut buffer[..most])
        }
    }

    impl Seek for Drops<'_> {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn first_line(text: &str) -> &[u8] {
        text.lines().next().unwrap_or_default().as_bytes()
    }

    fn rows(text: &str) -> Vec<(usize, Result<Vec<String>, RowError>)> {
        let mut input = Input::new(Drops(Cursor::new(text.as_bytes())));
        let (mut records, mut rows) = (Records::new(delimiter(first_line(text))), Vec::new());
        while let Some((place, record)) = records.next(&mut input).unwrap() {
            rows.push((place.line, record.map(|record| record.cells().map(str::to_owned).collect())));
        }
        rows
    }

    fn cells(row: &[&str]) -> Vec<String> {
        row.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn every_kind_of_line_end_is_read_and_counted() {
        let text = "a,b\r\n1,\"x\ny\"\n\r2,\r,,\n\"3\" , \"\"\"\"";
        assert_eq!(
            rows(text),
            [
                (1, Ok(cells(&["a", "b"]))),
                (2, Ok(cells(&["1", "x\ny"]))),
                (5, Ok(cells(&["2", ""]))),
                (7, Ok(cells(&["3", "\""])))
            ]
        );
    }

    #[test]
    fn an_unclosed_quotation_mark_costs_one_row() {
        let text = "a,b\n1,\"x\n2,y\n3,\"z\"\n4,\"w";
        assert_eq!(
            rows(text),
            [
                (1, Ok(cells(&["a", "b"]))),
                (2, Err(RowError::TextAfterQuote)),
                (3, Ok(cells(&["2", "y"]))),
                (4, Ok(cells(&["3", "z"]))),
                (5, Err(RowError::UnclosedQuote)),
            ]
        );
    }

    #[test]
    fn the_separator_is_found_in_the_header() {
        for (text, found) in [
            ("email", b','),
            ("email;name", b';'),
            ("email\tname,x\ty", b'\t'),
            ("\"a,b,c\";d", b';'),
            ("a|b", b'|'),
        ] {
            assert_eq!(char::from(delimiter(first_line(text))), char::from(found), "{text}");
        }
    }

    #[test]
    fn a_first_line_may_state_the_separator() {
        for (line, stated) in [
            ("sep=;", Some(b';')),
            ("SEP=\t", Some(b'\t')),
            ("\"sep=,\"", Some(b',')),
            ("sep=x", None),
            ("sep", None),
        ] {
            assert_eq!(stated_delimiter(line.as_bytes()), stated, "{line}");
        }
    }

    #[test]
    fn a_row_that_is_too_long_costs_one_row_and_no_memory() {
        let text = format!("a,b\n{}\nc,d\n", "xyz,".repeat(MAX_ROW / 4));
        let [_, long, last] = &rows(&text)[..] else { panic!() };
        assert_eq!((long, last), (&(2, Err(RowError::LongRow)), &(3, Ok(cells(&["c", "d"])))));
    }

    proptest! {
        #[test]
        fn a_quoted_cell_reads_back_as_it_was(cells in prop::collection::vec("['=+@\\-\",;＝\r\n a가]{0,8}", 1..5)) {
            prop_assume!(cells.iter().any(|cell| !cell.trim().is_empty()));
            let line: Vec<String> = cells.iter().map(|cell| quote(cell)).collect();
            let text = line.join(",");
            let mut input = Input::new(Cursor::new(text.as_bytes()));
            let mut records = Records::new(b',');
            let read = records.next(&mut input).unwrap().unwrap().1.unwrap();
            let back: Vec<String> = read.cells().map(|cell| unguard(cell).to_owned()).collect();
            prop_assert_eq!(back, cells);
            prop_assert!(!line.iter().any(|cell| is_formula(&cell[1..])));
        }

        #[test]
        fn no_text_panics_or_hangs(text in "[\",;|\t\r\n a가\u{FEFF}]{0,60}") {
            let read: Vec<usize> = rows(&text).into_iter().map(|(line, _)| line).collect();
            prop_assert!(read.is_sorted());
        }
    }
}
