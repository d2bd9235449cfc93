//! The tables of exports, row by row: a cell may contain a whole post. The first row names the columns.

use std::io::{self, BufRead, BufReader, Read};

/// The most bytes of a row.
const MAX_ROW: usize = 32 << 20;

/// A row, with the names of its columns.
pub(super) struct Row<'h> {
    header: &'h [String],
    cells: Vec<String>,
}

impl Row<'_> {
    /// The first of these columns that is not empty.
    pub(super) fn get(&self, columns: &[&str]) -> Option<&str> {
        let at = |column: &&str| self.header.iter().position(|name| name == column);
        let cell = |column| self.cells.get(at(column)?).map(|cell| cell.trim());
        columns.iter().filter_map(cell).find(|cell| !cell.is_empty())
    }
}

/// Reads all rows; the message explains what is wrong with the table.
pub(super) fn rows(
    input: &mut dyn Read,
    required: &[&str],
    each: &mut dyn FnMut(&Row<'_>),
) -> io::Result<Result<(), String>> {
    let mut records = Records { input: BufReader::new(input), line: 1 };
    let header = match records.next()? {
        Ok(header) => header.unwrap_or_default(),
        Err(message) => return Ok(Err(message)),
    };
    let header: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{FEFF}').trim().to_lowercase()).collect();
    if let Some(missing) = required.iter().find(|name| !header.iter().any(|column| column == *name)) {
        return Ok(Err(format!("it has no column `{missing}`")));
    }
    loop {
        match records.next()? {
            Ok(Some(cells)) => each(&Row { header: &header, cells }),
            Ok(None) => return Ok(Ok(())),
            Err(message) => return Ok(Err(message)),
        }
    }
}

struct Records<R> {
    input: BufReader<R>,
    line: usize,
}

impl<R: Read> Records<R> {
    /// The next row; blank lines are passed over.
    fn next(&mut self) -> io::Result<Result<Option<Vec<String>>, String>> {
        let begin = self.line;
        let mut raw: Vec<u8> = Vec::new();
        let mut quotes = 0;
        loop {
            let from = raw.len();
            if (&mut self.input).take(MAX_ROW as u64).read_until(b'\n', &mut raw)? == 0 {
                break;
            }
            self.line += 1;
            quotes += memchr::memchr_iter(b'"', &raw[from..]).count();
            if raw.len() > MAX_ROW {
                return Ok(Err(format!(
                    "the row in line {begin} is too long; a quotation mark may be missing"
                )));
            }
            // Within quotation marks, a line break belongs to the cell.
            if quotes % 2 == 0 && !raw.trim_ascii().is_empty() {
                break;
            }
        }
        if quotes % 2 == 1 {
            return Ok(Err(format!("a quotation mark of the row in line {begin} is never closed")));
        }
        if raw.trim_ascii().is_empty() {
            return Ok(Ok(None));
        }
        let Ok(text) = std::str::from_utf8(&raw) else {
            return Ok(Err(format!("the row in line {begin} is not in UTF-8")));
        };
        Ok(Ok(Some(cells(text.trim_end_matches(['\r', '\n'])))))
    }
}

fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut rest = row.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                push(&mut cells, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => push(&mut cells, c),
        }
    }
    cells
}

fn push(cells: &mut [String], c: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(c);
    }
}
