//! The encoding of a list. What is not UTF-8 is converted once, into a file without a name, because a list is read more
//! than once: UTF-16, and the encodings in which Excel saves CSV in Korea, Japan and Western Europe; spreadsheets too.

mod detection;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write as _};

use aws_lc_rs::digest::{Context, SHA256};
use encoding_rs::{CoderResult, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::input::Place;
#[cfg(feature = "importers")]
use super::spreadsheet::{self, Sheet};
use super::{ImportOptions, ListError, MAX_BYTES, too_long};
use crate::finding::Finding;
use crate::text::clipped;
use crate::xml::encoding_named;
use detection::Verdict;

/// Read and converted at a time.
const PART: usize = 64 * 1024;
/// The byte order mark.
const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// The first bytes of compressed files. Only spreadsheets are unpacked.
const PACKED: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive, and no complete .xlsx"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1F\x8B", "packed with gzip"),
    (b"BZh", "packed with bzip2"),
    (b"\xFD7zXZ\0", "packed with xz"),
    (b"\x28\xB5\x2F\xFD", "packed with zstd"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"\xD0\xCF\x11\xE0", "an old or encrypted spreadsheet (.xls)"),
];

/// The encoding that the user names: any of the Encoding Standard, or a Windows code page.
pub fn parse_encoding(name: &str) -> Result<&'static Encoding, String> {
    encoding_named(name).ok_or_else(|| {
        "unknown encoding; use utf-8, utf-16, euc-kr (cp949), shift_jis (cp932), windows-1252, or another name of the \
         Encoding Standard, such as gb18030, big5 or windows-1250"
            .to_owned()
    })
}

/// The name of an encoding for people, who know some of them as a code page.
fn name_of(encoding: &'static Encoding) -> String {
    match encoding.name() {
        "EUC-KR" => "EUC-KR (CP949)".to_owned(),
        "Shift_JIS" => "Shift_JIS (CP932)".to_owned(),
        name => name.replace("windows", "Windows"),
    }
}

/// A list as UTF-8.
#[derive(Debug)]
pub(super) enum Source<R> {
    /// It is UTF-8.
    Original(R),
    /// It was converted; `text` has no name, and its place is freed with it.
    Converted { original: R, text: File },
}

impl<R> Source<R> {
    /// The bytes as they were.
    pub(super) fn original(&mut self) -> &mut R {
        match self {
            Self::Original(original) | Self::Converted { original, .. } => original,
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Original(original) => original.read(buffer),
            Self::Converted { text, .. } => text.read(buffer),
        }
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Original(original) => original.seek(to),
            Self::Converted { text, .. } => text.seek(to),
        }
    }
}

/// A list that can be read as text.
#[derive(Debug)]
pub(super) struct Text<R> {
    pub(super) source: Source<R>,
    /// Where the text begins, after a byte order mark.
    pub(super) start: Place,
    /// The SHA-256 of the original bytes.
    pub(super) digest: [u8; 32],
    /// What it was read as, if it is not UTF-8 (an encoding, a sheet), and whether that was guessed.
    pub(super) encoding: Option<(String, bool)>,
}

/// Reads a whole list, and converts it if it is not UTF-8.
pub(super) fn open<R: Read + Seek>(mut source: R, options: &ImportOptions) -> Result<Text<R>, ListError> {
    let file = options.file.as_str();
    let Some(Scan { head, digest, is_utf8 }) = scan(&mut source)? else {
        return Err(too_long(file, format!("the list has more than {MAX_BYTES} bytes")).into());
    };
    #[cfg(feature = "importers")]
    if head.starts_with(b"PK")
        && let Some(Sheet { name, csv }) = spreadsheet::read(&mut source, file)?
    {
        let encoding = Some((format!("the sheet {:?} of a spreadsheet", clipped(&name)), false));
        return Ok(Text {
            source: Source::Converted { original: source, text: csv },
            start: Place::START,
            digest,
            encoding,
        });
    }
    if let Some((_, what)) = PACKED.iter().find(|(start, _)| head.starts_with(start)) {
        let message = format!("the file is {what}, not CSV or JSON");
        let hint = "unpack it and import its files one by one; save a spreadsheet as \"CSV UTF-8\"";
        return Err(Finding::error("list-encoding", file, message).hint(hint).into());
    }
    let (encoding, is_guess) = match (options.encoding, utf16(&head)) {
        (Some(named), Some(other)) if [UTF_16LE, UTF_16BE].contains(&named) => (other, false),
        (Some(named), _) => (named, false),
        (None, Some(utf16)) => (utf16, false),
        (None, None) if is_utf8 => (UTF_8, false),
        (None, None) => match detection::detect(&mut source)? {
            Verdict::One(encoding) => (encoding, true),
            Verdict::Several(readings) => return Err(detection::undecided(file, &readings).into()),
        },
    };
    if encoding == UTF_8 && is_utf8 {
        let mark = if head.starts_with(MARK) { MARK.len() as u64 } else { 0 };
        let start = Place { offset: mark, ..Place::START };
        return Ok(Text { source: Source::Original(source), start, digest, encoding: None });
    }
    let text = match convert(&mut source, encoding)? {
        Ok(text) => text,
        Err(line) => return Err(not_in(file, encoding, line).into()),
    };
    let source = Source::Converted { original: source, text };
    Ok(Text { source, start: Place::START, digest, encoding: Some((name_of(encoding), is_guess)) })
}

fn not_in(file: &str, encoding: &'static Encoding, line: usize) -> Finding {
    let message = format!("the file is not {}: it has bytes that mean nothing in it", name_of(encoding));
    Finding::error("list-encoding", file, message)
        .at(line)
        .hint("save it as \"CSV UTF-8\", or name the encoding that it has with --encoding")
}

/// What a first reading of the bytes tells.
struct Scan {
    /// The first bytes.
    head: Vec<u8>,
    digest: [u8; 32],
    is_utf8: bool,
}

/// Reads all bytes; `None` if there are too many.
fn scan<R: Read + Seek>(source: &mut R) -> io::Result<Option<Scan>> {
    let (mut hash, mut total) = (Context::new(&SHA256), 0);
    let mut scan = Scan { head: Vec::new(), digest: [0; 32], is_utf8: true };
    // A character that is cut at the end of a part is moved to the beginning of the next one.
    let mut cut: Vec<u8> = Vec::new();
    for_each_part(source, |part, is_last| {
        if total == 0 {
            scan.head = part.iter().take(64).copied().collect();
        }
        total += part.len() as u64;
        hash.update(part);
        let bytes = [cut.as_slice(), part].concat();
        match std::str::from_utf8(&bytes) {
            Ok(_) => cut.clear(),
            Err(error) if error.error_len().is_none() && !is_last => {
                cut = bytes[error.valid_up_to()..].to_vec();
            }
            Err(_) => {
                scan.is_utf8 = false;
                cut.clear();
            }
        }
        Ok(total <= MAX_BYTES)
    })?;
    scan.digest.copy_from_slice(hash.finish().as_ref());
    Ok((total <= MAX_BYTES).then_some(scan))
}

/// The SHA-256 of all bytes.
pub(super) fn digest<R: Read + Seek>(source: &mut R) -> io::Result<[u8; 32]> {
    Ok(scan(source)?.map_or([0; 32], |scan| scan.digest))
}

/// Passes all bytes in parts to `take`, until it returns `false`; the last part, which may be empty, is marked.
fn for_each_part<R: Read + Seek>(
    source: &mut R,
    mut take: impl FnMut(&[u8], bool) -> io::Result<bool>,
) -> io::Result<()> {
    source.rewind()?;
    let mut part = Vec::with_capacity(PART);
    loop {
        part.clear();
        source.by_ref().take(PART as u64).read_to_end(&mut part)?;
        let is_last = part.len() < PART;
        if !take(&part, is_last)? || is_last {
            return Ok(());
        }
    }
}

/// UTF-16 by its byte order mark, or by the zeros beside ASCII.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return (encoding != UTF_8).then_some(encoding);
    }
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let are_many = even + odd > 1 && (even + odd) * 3 >= head.len();
    are_many.then_some(if odd > even { UTF_16LE } else { UTF_16BE })
}

/// Writes the text as UTF-8 into a file without a name; or the line of the first bytes that are not in the encoding.
fn convert<R: Read + Seek>(source: &mut R, encoding: &'static Encoding) -> io::Result<Result<File, usize>> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut text = BufWriter::new(tempfile::tempfile()?);
    let mut buffer = vec![0; 4 * PART];
    let (mut line, mut is_wrong) = (1, false);
    for_each_part(source, |part, is_last| {
        let mut rest = part;
        loop {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut buffer, is_last);
            let decoded = &buffer[..written];
            line += memchr::memchr_iter(b'\n', decoded).count();
            text.write_all(decoded)?;
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return Ok(true),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    is_wrong = true;
                    return Ok(false);
                }
            }
        }
    })?;
    if is_wrong {
        return Ok(Err(line));
    }
    Ok(Ok(text.into_inner().map_err(io::IntoInnerError::into_error)?))
}

/// The beginning of some bytes as text; what is invalid in the encoding is shown as U+FFFD.
fn decoded(bytes: &[u8], encoding: &'static Encoding) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 + 16);
    let (result, ..) = encoding.new_decoder_without_bom_handling().decode_to_string(bytes, &mut text, false);
    debug_assert_eq!(result, CoderResult::InputEmpty);
    text
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use encoding_rs::{EUC_KR, SHIFT_JIS, WINDOWS_1250, WINDOWS_1252};

    use super::*;

    fn options(encoding: Option<&'static Encoding>) -> ImportOptions {
        ImportOptions { encoding, ..ImportOptions::new("list.csv", chrono::DateTime::UNIX_EPOCH) }
    }

    /// The text, and the name of the encoding from which it was converted.
    fn read(bytes: &[u8], encoding: Option<&'static Encoding>) -> Result<(String, Option<String>), String> {
        let mut text = open(Cursor::new(bytes), &options(encoding)).map_err(|error| match error {
            ListError::Refused(finding) => finding.to_string(),
            ListError::Io(error) => panic!("{error}"),
        })?;
        assert_eq!(text.digest, digest(text.source.original()).unwrap());
        text.source.seek(SeekFrom::Start(text.start.offset)).unwrap();
        let mut all = String::new();
        text.source.read_to_string(&mut all).unwrap();
        Ok((all, text.encoding.map(|(name, _)| name)))
    }

    fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
        let (bytes, _, has_unmappable) = encoding.encode(text);
        assert!(!has_unmappable, "{text}");
        bytes.into_owned()
    }

    #[test]
    fn lists_as_excel_saves_them_are_converted() {
        for (text, encoding, name) in [
            ("email,name\nlee@letters.kr,이서연\nkim@letters.kr,김민준\n", EUC_KR, "EUC-KR (CP949)"),
            ("email,name\nlee@letters.kr,똠방\n", EUC_KR, "EUC-KR (CP949)"),
            ("이메일,이름\na@example.com,김\n", EUC_KR, "EUC-KR (CP949)"),
            ("メールアドレス,名前\na@example.com,山田\n", SHIFT_JIS, "Shift_JIS (CP932)"),
            ("email,name\na@example.com,佐藤花子\nb@example.com,髙橋一郎\n", SHIFT_JIS, "Shift_JIS (CP932)"),
            ("email;Vorname\na@example.com;Jörg\nb@example.com;Käthe Größe\n", WINDOWS_1252, "Windows-1252"),
            ("email,name\na@example.com,José Núñez\n", WINDOWS_1252, "Windows-1252"),
        ] {
            assert_eq!(
                read(&encoded(text, encoding), None),
                Ok((text.to_owned(), Some(name.to_owned()))),
                "{text}"
            );
        }
    }

    #[test]
    fn utf_16_is_recognised_with_and_without_a_mark() {
        let text = "email\tname\na@letters.kr\t이서연 😀\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let le: Vec<u8> = units.iter().copied().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = units.iter().copied().flat_map(u16::to_be_bytes).collect();
        for (bytes, name) in [
            ([&[0xFF, 0xFE], le.as_slice()].concat(), "UTF-16LE"),
            ([&[0xFE, 0xFF], be.as_slice()].concat(), "UTF-16BE"),
            (le.clone(), "UTF-16LE"),
            (be, "UTF-16BE"),
        ] {
            let expected = Ok((text.to_owned(), Some(name.to_owned())));
            assert_eq!(read(&bytes, None), expected);
            assert_eq!(read(&bytes, Some(UTF_16LE)), expected);
        }
        assert!(read(&le[..le.len() - 1], None).unwrap_err().contains("not UTF-16LE"));
    }

    #[test]
    fn where_two_encodings_fit_the_list_is_refused_with_both_readings() {
        for (text, encoding, readings) in [
            ("email,name\na@example.com,김\n", EUC_KR, ["\"a@example.com,김\"", "\"a@example.com,±è\""]),
            ("email,name\na@example.com,Łukasz\n", WINDOWS_1250, ["Łukasz", "£ukasz"]),
        ] {
            let refusal = read(&encoded(text, encoding), None).unwrap_err();
            assert!(refusal.starts_with("list.csv:2: error: "), "{refusal}");
            assert!(readings.iter().any(|reading| refusal.contains(reading)), "{refusal}");
            assert!(refusal.contains("--encoding "), "{refusal}");
            assert_eq!(read(&encoded(text, encoding), Some(encoding)).unwrap().0, text);
        }
    }

    #[test]
    fn bytes_that_are_not_in_the_named_encoding_are_refused_with_their_line() {
        let refusal = read(b"email,name\na@letters.kr,x\nb@letters.kr,\xFF\n", Some(EUC_KR)).unwrap_err();
        assert!(refusal.starts_with("list.csv:3: error: the file is not EUC-KR (CP949)"), "{refusal}");
        assert!(read(b"name\xE9,x", Some(UTF_8)).is_err());
        assert!(read(b"BZhemail", None).unwrap_err().contains("packed with bzip2"));
    }

    #[test]
    fn a_text_of_any_length_is_read_whole_and_its_mark_is_skipped() {
        for padding in 0..4 {
            let text = format!("{}{}", "x".repeat(padding), "가".repeat(60_000));
            assert_eq!(read(format!("\u{FEFF}{text}").as_bytes(), None), Ok((text.clone(), None)));
            let expected = Ok((text.clone(), Some("EUC-KR (CP949)".to_owned())));
            assert_eq!(read(&encoded(&text, EUC_KR), None), expected);
            assert_eq!(read(&encoded(&text, EUC_KR), Some(EUC_KR)), expected);
        }
    }

    #[test]
    fn encodings_are_named_as_the_standard_and_as_windows_name_them() {
        for (name, encoding) in [
            ("CP949", EUC_KR),
            ("euc-kr", EUC_KR),
            ("cp932", SHIFT_JIS),
            ("latin1", WINDOWS_1252),
            ("utf16", UTF_16LE),
        ] {
            assert_eq!(parse_encoding(name), Ok(encoding));
        }
        assert!(parse_encoding("klingon").unwrap_err().contains("cp949"));
    }
}
