//! CSV: encoding, separator, records and cells.
//!
//! The `csv` crate reads an unclosed quotation mark as a cell that extends to the end of the file, without an
//! error, so the subscribers in it would be lost silently. Here it costs one row, which is reported with its line.

use super::RowError;
use crate::text::shell_quoted;

/// The most bytes that a cell may have.
pub(super) const MAX_CELL: usize = 64 * 1024;
/// The separators of spreadsheets.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// First characters of a formula in a spreadsheet, also in their full-width forms.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// Why the bytes cannot be read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WrongEncoding {
    #[error("the file is UTF-16, not UTF-8")]
    Utf16,
    #[error("the file is EUC-KR (CP949), not UTF-8")]
    EucKr,
    #[error("the file is Shift_JIS, not UTF-8")]
    ShiftJis,
    #[error("the file is not UTF-8, nor a Korean or Japanese encoding; it may be Windows-1252")]
    Unknown,
    #[error("the file is {0}, not CSV or JSON")]
    Packed(&'static str),
}

impl WrongEncoding {
    pub(super) fn hint(self, file: &str) -> String {
        // Windows uses supersets of these standards, and iconv needs their names.
        let name = match self {
            Self::Utf16 => "UTF-16",
            Self::EucKr => "CP949",
            Self::ShiftJis => "CP932",
            Self::Unknown => "WINDOWS-1252",
            Self::Packed(_) => {
                return "unpack it and import its files one by one; save a spreadsheet as \
                        \"CSV UTF-8\""
                    .to_owned();
            }
        };
        let file = shell_quoted(file);
        format!("save it as \"CSV UTF-8\", or convert it with `iconv -f {name} -t UTF-8 {file} > utf8.csv`")
    }
}

/// The first bytes of compressed files, which are never unpacked here.
const PACKED: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx, .ods)"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1F\x8B", "packed with gzip"),
    (b"BZh", "packed with bzip2"),
    (b"\xFD7zXZ\0", "packed with xz"),
    (b"\x28\xB5\x2F\xFD", "packed with zstd"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"\xD0\xCF\x11\xE0", "an old spreadsheet (.xls)"),
];

/// The text of the file without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, WrongEncoding> {
    if let Some((_, what)) = PACKED.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(WrongEncoding::Packed(what));
    }
    let head = &bytes[..bytes.len().min(64)];
    let zeros = memchr::memchr_iter(0, head).count();
    if bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0xFE, 0xFF])
        || (zeros > 1 && zeros * 3 >= head.len())
    {
        return Err(WrongEncoding::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| guess(bytes))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// The encoding whose byte pairs fit the whole file.
fn guess(bytes: &[u8]) -> WrongEncoding {
    let euc_kr = |lead: u8, trail: u8| {
        (0x81..=0xFE).contains(&lead) && matches!(trail, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE)
    };
    let shift_jis = |lead: u8, trail: u8| {
        matches!(lead, 0x81..=0x9F | 0xE0..=0xFC) && matches!(trail, 0x40..=0x7E | 0x80..=0xFC)
    };
    // Plain EUC-KR has both bytes above A0; it is tried first, because nearly every pair is valid Shift_JIS.
    if pairs(bytes, |lead, trail| lead >= 0xA1 && trail >= 0xA1) {
        WrongEncoding::EucKr
    } else if pairs(bytes, shift_jis) {
        WrongEncoding::ShiftJis
    } else if pairs(bytes, euc_kr) {
        WrongEncoding::EucKr
    } else {
        WrongEncoding::Unknown
    }
}

fn pairs(bytes: &[u8], fits: impl Fn(u8, u8) -> bool) -> bool {
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        if byte >= 0x80 && !bytes.next().is_some_and(|&trail| fits(byte, trail)) {
            return false;
        }
    }
    true
}

/// The separator that is most frequent in the first line, outside quotation marks.
pub(super) fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let outside: String = line.split('"').step_by(2).collect();
    let count = |delimiter: u8| outside.bytes().filter(|byte| *byte == delimiter).count();
    // Of equals the first wins, which is the comma if there are no separators.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// A record's cells, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) cells: Vec<String>,
}

/// The records of a text that are not blank, each with the number of its first line.
pub(super) struct Records<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    delimiter: u8,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str, delimiter: u8) -> Self {
        Self { text, at: 0, line: 1, delimiter }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The unread text. Every step ends after an ASCII character, so this is always a character boundary.
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips LF, CR or CRLF.
    fn end_line(&mut self) {
        self.at += if self.rest().starts_with("\r\n") { 2 } else { 1 };
        self.line += 1;
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn record(&mut self) -> Result<Record, RowError> {
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            match self.peek() {
                Some(byte) if byte == self.delimiter => self.at += 1,
                Some(_) => {
                    self.end_line();
                    return Ok(Record { cells });
                }
                None => return Ok(Record { cells }),
            }
        }
    }

    fn cell(&mut self) -> Result<String, RowError> {
        let begin = self.at;
        self.skip_spaces();
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        self.at = begin;
        let delimiter = char::from(self.delimiter);
        let rest = self.rest();
        let end = rest.find([delimiter, '\r', '\n']).unwrap_or(rest.len());
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn quoted(&mut self) -> Result<String, RowError> {
        self.at += 1;
        let rest = self.rest();
        let mut end = 0;
        loop {
            end += rest[end..].find('"').ok_or(RowError::UnclosedQuote)?;
            if !rest[end + 1..].starts_with('"') {
                break;
            }
            end += 2;
        }
        let raw = &rest[..end];
        self.line += raw.matches(['\r', '\n']).count() - raw.matches("\r\n").count();
        self.at += end + 1;
        self.skip_spaces();
        match self.peek() {
            Some(byte) if byte != self.delimiter && byte != b'\r' && byte != b'\n' => {
                Err(RowError::TextAfterQuote)
            }
            _ => Ok(raw.replace("\"\"", "\"")),
        }
    }
}

impl Iterator for Records<'_> {
    type Item = (usize, Result<Record, RowError>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() {
            let (begin, line) = (self.at, self.line);
            match self.record() {
                Ok(record) if record.cells.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(record) if record.cells.iter().any(|cell| cell.len() > MAX_CELL) => {
                    return Some((line, Err(RowError::LongCell)));
                }
                Ok(record) => return Some((line, Ok(record))),
                Err(reason) => {
                    // The quotation marks cannot be trusted, so the row ends with its first line.
                    (self.at, self.line) = (begin, line);
                    self.at += self.rest().find(['\r', '\n']).unwrap_or(self.rest().len());
                    if self.at < self.text.len() {
                        self.end_line();
                    }
                    return Some((line, Err(reason)));
                }
            }
        }
        None
    }
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

fn is_formula(cell: &str) -> bool {
    cell.starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(usize, Result<Vec<String>, RowError>)> {
        Records::new(text, delimiter(text))
            .map(|(line, record)| (line, record.map(|record| record.cells)))
            .collect()
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
            assert_eq!(char::from(delimiter(text)), char::from(found), "{text}");
        }
    }

    #[test]
    fn an_encoding_other_than_utf_8_is_named() {
        let korean_euc_kr = [0xC0, 0xCC, 0xB8, 0xA7, b',', 0xB8, 0xDE, 0xC0, 0xCF];
        let japanese_shift_jis = [0x83, 0x81, 0x81, 0x5B, 0x83, 0x8B, b',', b'x'];
        let korean_utf16: Vec<u8> = "email,이름".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&korean_euc_kr), Err(WrongEncoding::EucKr));
        assert_eq!(decode(&japanese_shift_jis), Err(WrongEncoding::ShiftJis));
        assert_eq!(decode(&korean_utf16), Err(WrongEncoding::Utf16));
        assert_eq!(decode(b"name\xE9,x"), Err(WrongEncoding::Unknown));
        assert_eq!(decode(b"BZhemail"), Err(WrongEncoding::Packed("packed with bzip2")));
        assert_eq!(decode("\u{FEFF}email".as_bytes()), Ok("email"));
    }

    proptest! {
        #[test]
        fn a_quoted_cell_reads_back_as_it_was(cells in prop::collection::vec("['=+@\\-\",;＝\r\n a가]{0,8}", 1..5)) {
            prop_assume!(cells.iter().any(|cell| !cell.trim().is_empty()));
            let line: Vec<String> = cells.iter().map(|cell| quote(cell)).collect();
            let text = line.join(",");
            let read = Records::new(&text, b',').next().unwrap().1.unwrap();
            let back: Vec<String> = read.cells.iter().map(|cell| unguard(cell).to_owned()).collect();
            prop_assert_eq!(back, cells);
            prop_assert!(!line.iter().any(|cell| cell[1..].starts_with(FORMULA)));
        }

        #[test]
        fn no_text_panics_or_hangs(text in "[\",;|\t\r\n a가\u{FEFF}]{0,60}") {
            let read: Vec<usize> = Records::new(&text, delimiter(&text)).map(|(line, _)| line).collect();
            prop_assert!(read.is_sorted());
        }
    }
}
