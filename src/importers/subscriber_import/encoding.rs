//! The encoding of a list: UTF-8, or a refusal that names the encoding it has instead.

use std::io::{self, Read, Seek};

use aws_lc_rs::digest::{Context, SHA256};

use super::input::{Input, Place};
use crate::text::shell_quoted;

/// The byte order mark.
const MARK: &[u8] = "\u{FEFF}".as_bytes();

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

/// A file in UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Where the text begins, after a byte order mark.
    pub(super) start: Place,
    /// The SHA-256 of the file.
    pub(super) digest: [u8; 32],
}

/// What is wrong with a file.
#[derive(Debug)]
pub(super) enum NoText {
    Io(io::Error),
    Encoding(WrongEncoding),
    /// It has more bytes than allowed.
    Long,
}

impl From<io::Error> for NoText {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a whole file and checks that it is UTF-8, and has no more than `most` bytes.
pub(super) fn inspect<R: Read + Seek>(input: &mut Input<R>, most: u64) -> Result<Text, NoText> {
    input.go_to(Place::START)?;
    let mut hash = Context::new(&SHA256);
    let mut start = Place::START;
    // A character that is cut at the end of a part is moved to the beginning of the next one.
    let (mut buffer, mut kept) = (vec![0; 64 * 1024], 0);
    loop {
        let is_first = input.place() == Place::START;
        let read = fill(input, &mut buffer[kept..])?;
        let part = &buffer[..kept + read];
        hash.update(&part[kept..]);
        if is_first {
            judge_head(part).map_err(NoText::Encoding)?;
            start.offset += if part.starts_with(MARK) { MARK.len() as u64 } else { 0 };
        }
        if input.place().offset > most {
            return Err(NoText::Long);
        }
        let valid = match std::str::from_utf8(part) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Err(NoText::Encoding(guess(input)?)),
        };
        if read == 0 {
            break;
        }
        let length = part.len();
        buffer.copy_within(valid..length, 0);
        kept = length - valid;
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Ok(Text { start, digest })
}

/// Reads until the buffer is full or the file ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn judge_head(bytes: &[u8]) -> Result<(), WrongEncoding> {
    if let Some((_, what)) = PACKED.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(WrongEncoding::Packed(what));
    }
    let head = &bytes[..bytes.len().min(64)];
    let zeros = memchr::memchr_iter(0, head).count();
    let is_utf16 = bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0xFE, 0xFF])
        || (zeros > 1 && zeros * 3 >= head.len());
    if is_utf16 { Err(WrongEncoding::Utf16) } else { Ok(()) }
}

/// The encoding whose byte pairs fit the whole file.
fn guess<R: Read + Seek>(input: &mut Input<R>) -> io::Result<WrongEncoding> {
    input.go_to(Place::START)?;
    let (mut plain_euc_kr, mut euc_kr, mut shift_jis) = (true, true, true);
    while plain_euc_kr || euc_kr || shift_jis {
        input.take_until(|part| part.iter().position(|byte| *byte >= 0x80), |_| ())?;
        let Some(lead) = input.peek()? else { break };
        input.skip();
        let trail = input.peek()?.unwrap_or_default();
        input.skip();
        plain_euc_kr &= lead >= 0xA1 && trail >= 0xA1;
        euc_kr &= (0x81..=0xFE).contains(&lead) && matches!(trail, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE);
        shift_jis &= matches!(lead, 0x81..=0x9F | 0xE0..=0xFC) && matches!(trail, 0x40..=0x7E | 0x80..=0xFC);
    }
    // Plain EUC-KR has both bytes above A0; it is tried first, because nearly every pair is valid Shift_JIS.
    Ok(match (plain_euc_kr, shift_jis, euc_kr) {
        (true, _, _) => WrongEncoding::EucKr,
        (_, true, _) => WrongEncoding::ShiftJis,
        (_, _, true) => WrongEncoding::EucKr,
        _ => WrongEncoding::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn encoding(bytes: &[u8]) -> WrongEncoding {
        match inspect(&mut Input::new(Cursor::new(bytes)), 1_000_000) {
            Err(NoText::Encoding(wrong)) => wrong,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_encoding_other_than_utf_8_is_named() {
        let korean_euc_kr = [0xC0, 0xCC, 0xB8, 0xA7, b',', 0xB8, 0xDE, 0xC0, 0xCF];
        let japanese_shift_jis = [0x83, 0x81, 0x81, 0x5B, 0x83, 0x8B, b',', b'x'];
        let korean_utf16: Vec<u8> = "email,이름".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(encoding(&korean_euc_kr), WrongEncoding::EucKr);
        assert_eq!(encoding(&japanese_shift_jis), WrongEncoding::ShiftJis);
        assert_eq!(encoding(&korean_utf16), WrongEncoding::Utf16);
        assert_eq!(encoding(b"name\xE9,x"), WrongEncoding::Unknown);
        assert_eq!(encoding(b"name\xE9"), WrongEncoding::Unknown);
        assert_eq!(encoding(b"BZhemail"), WrongEncoding::Packed("packed with bzip2"));
    }

    #[test]
    fn a_text_of_any_length_is_checked_whole_and_its_mark_is_skipped() {
        for padding in 0..4 {
            let text = format!("\u{FEFF}{}{}", "x".repeat(padding), "가".repeat(60_000));
            let mut input = Input::new(Cursor::new(text.as_bytes()));
            let read = inspect(&mut input, 200_000).unwrap();
            assert_eq!(read.start, Place { offset: 3, line: 1 });
            let digest = aws_lc_rs::digest::digest(&SHA256, text.as_bytes());
            assert_eq!(read.digest, digest.as_ref());
            assert!(matches!(inspect(&mut input, 100_000), Err(NoText::Long)));
            let cut = &text.as_bytes()[..text.len() - 1];
            assert_eq!(encoding(cut), WrongEncoding::Unknown);
        }
    }
}
