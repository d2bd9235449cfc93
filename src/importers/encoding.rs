//! The encoding of an XML file whose first line may be wrong about it: old exports were converted by editors and
//! scripts that left the label as it was. A file is surveyed before it is read, because a wrong label would be noticed
//! only when half of it is written.

use std::io::{self, Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Encoding, UTF_8};

use crate::finding::Finding;
use crate::xml::{declared_encoding, encoding_named};

/// Read at a time.
const PART: u64 = 1 << 16;
/// So many characters in UTF-8 are no accident.
const FEW: usize = 3;
/// A text with one wrong byte among so many characters is in UTF-8, and damaged.
const DAMAGED: usize = 20;

/// How to read a file.
#[derive(Debug, Default)]
pub struct EncodingSurvey {
    /// The encoding, if it is not the one that the file states.
    pub encoding: Option<&'static Encoding>,
    /// What the user should know.
    pub finding: Option<Finding>,
}

/// Surveys a whole file, and rewinds it; the finding says why it cannot be read without losing characters.
pub fn survey(input: &mut (impl Read + Seek), file: &str) -> Result<EncodingSurvey, Finding> {
    let unreadable =
        |error: io::Error| Finding::error("import-encoding", file, format!("it cannot be read: {error}"));
    let scan = Scan::of(input).map_err(unreadable)?;
    if scan.is_ascii || scan.head.contains(&0) || Encoding::for_bom(&scan.head).is_some() {
        return Ok(EncodingSurvey::default());
    }
    let label = declared_encoding(&scan.head).map(str::to_owned);
    let stated = label.as_deref().map_or(Some(UTF_8), encoding_named);
    let label = label.unwrap_or_else(|| "no encoding (UTF-8)".to_owned());
    let mut fits = |encoding: &'static Encoding| fits(input, encoding).map_err(unreadable);
    let is_utf8 = scan.invalid == 0;
    let read_as = |encoding: &'static Encoding| {
        let words =
            format!("its first line states {label}, but it is {}; it is read as that", encoding.name());
        let finding = Finding::warning("import-encoding", file, words)
            .hint("compare some titles; if they are wrong, correct the first line");
        Ok(EncodingSurvey { encoding: Some(encoding), finding: Some(finding) })
    };
    if is_utf8 && (stated == Some(UTF_8) || scan.characters >= FEW) {
        return if stated == Some(UTF_8) { Ok(EncodingSurvey::default()) } else { read_as(UTF_8) };
    }
    // Any bytes fit an encoding with one byte for a character, so the letters decide.
    let is_doubtful = |stated: &'static Encoding| stated.is_single_byte() && !scan.guess.is_single_byte();
    if let Some(stated) = stated.filter(|stated| *stated != UTF_8 && !is_doubtful(stated))
        && fits(stated)?
    {
        return Ok(EncodingSurvey::default());
    }
    if scan.characters <= DAMAGED * scan.invalid && fits(scan.guess)? {
        return read_as(scan.guess);
    }
    match stated {
        Some(stated) if stated.is_single_byte() => Ok(EncodingSurvey::default()),
        _ => Err(Finding::error(
            "import-encoding",
            file,
            format!("it has bytes that mean nothing in its encoding, {label}"),
        )
        .at(scan.line)
        .hint("open it in an editor that shows its encoding, correct this line, and save it as UTF-8")),
    }
}

/// What the bytes of a file tell.
struct Scan {
    head: Vec<u8>,
    is_ascii: bool,
    /// Characters of UTF-8 with more than one byte.
    characters: usize,
    /// Sequences of bytes that are not UTF-8.
    invalid: usize,
    /// The line of the first of them.
    line: usize,
    /// The encoding that fits the letters best, of those that are not UTF-8.
    guess: &'static Encoding,
}

impl Scan {
    fn of(input: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        let mut scan =
            Self { head: Vec::new(), is_ascii: true, characters: 0, invalid: 0, line: 1, guess: UTF_8 };
        let mut kept = 0;
        let mut part: Vec<u8> = Vec::new();
        loop {
            let read = input.by_ref().take(PART).read_to_end(&mut part)?;
            let is_last = read == 0;
            if scan.head.is_empty() {
                scan.head = part.iter().take(1024).copied().collect();
            }
            detector.feed(&part[kept..], is_last);
            scan.is_ascii &= part.is_ascii();
            kept = scan.count(&mut part, is_last);
            if is_last {
                break;
            }
        }
        scan.guess = detector.guess(None, Utf8Detection::Deny);
        input.rewind()?;
        Ok(scan)
    }

    /// Counts the characters, and leaves an incomplete one in `part`; returns its length.
    fn count(&mut self, part: &mut Vec<u8>, is_last: bool) -> usize {
        let mut rest = part.as_slice();
        let incomplete = loop {
            let (valid, error) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let text = std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default();
                    (text, Some(error))
                }
            };
            self.characters += valid.chars().filter(|c| !c.is_ascii()).count();
            if self.invalid == 0 {
                self.line += memchr::memchr_iter(b'\n', valid.as_bytes()).count();
            }
            let Some(error) = error else { break 0 };
            let behind = &rest[error.valid_up_to()..];
            match error.error_len() {
                None if !is_last => break behind.len(),
                length => {
                    self.invalid += 1;
                    rest = &behind[length.unwrap_or(behind.len())..];
                }
            }
        };
        part.drain(..part.len() - incomplete);
        incomplete
    }
}

/// Whether all bytes mean something in an encoding. Control characters mean nothing in a text.
fn fits(input: &mut (impl Read + Seek), encoding: &'static Encoding) -> io::Result<bool> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut part = Vec::new();
    let mut text = String::new();
    let fits = loop {
        part.clear();
        let is_last = input.by_ref().take(PART).read_to_end(&mut part)? == 0;
        text.clear();
        text.reserve(part.len() * 3 + 16);
        let (outcome, _, has_invalid) = decoder.decode_to_string(&part, &mut text, is_last);
        let is_text = !text.contains(|c| ('\u{80}'..'\u{A0}').contains(&c));
        if has_invalid || !is_text || outcome != CoderResult::InputEmpty {
            break false;
        }
        if is_last {
            break true;
        }
    };
    input.rewind()?;
    Ok(fits)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use encoding_rs::{EUC_KR, SHIFT_JIS, WINDOWS_1252};

    use super::*;

    const KOREAN: &str = "제목입니다. 똠방각하와 펲시콜라를 찾아서 떠나는 이야기";
    const JAPANESE: &str = "はじめての投稿です。日本語のブログを始めました。カタカナも";
    const GERMAN: &str = "Schöne Grüße aus München, über die Brücke läuft der Bär";

    fn surveyed(
        label: &str,
        text: &str,
        encoding: &'static Encoding,
    ) -> Result<Option<&'static str>, String> {
        let text = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>\n<rss>\n{text}</rss>");
        let bytes = encoding.encode(&text).0.into_owned();
        let survey = survey(&mut Cursor::new(bytes), "a.xml").map_err(|finding| finding.to_string())?;
        assert_eq!(survey.encoding.is_some(), survey.finding.is_some());
        Ok(survey.encoding.map(Encoding::name))
    }

    #[test]
    fn a_label_that_is_right_is_followed_and_one_that_lies_is_reported() {
        for (label, text, encoding, read) in [
            ("cp949", KOREAN, EUC_KR, None),
            ("x-windows-949", KOREAN, EUC_KR, None),
            ("ks_c_5601-1987", KOREAN, EUC_KR, None),
            ("Shift_JIS", JAPANESE, SHIFT_JIS, None),
            ("windows-31j", JAPANESE, SHIFT_JIS, None),
            ("ISO-8859-1", GERMAN, WINDOWS_1252, None),
            ("utf-8", KOREAN, UTF_8, None),
            ("utf-8", KOREAN, EUC_KR, Some("EUC-KR")),
            ("utf-8", JAPANESE, SHIFT_JIS, Some("Shift_JIS")),
            ("utf-8", GERMAN, WINDOWS_1252, Some("windows-1252")),
            ("euc-kr", KOREAN, UTF_8, Some("UTF-8")),
            ("iso-8859-1", KOREAN, UTF_8, Some("UTF-8")),
            ("iso-8859-1", KOREAN, EUC_KR, Some("EUC-KR")),
            ("no-such-label", KOREAN, EUC_KR, Some("EUC-KR")),
        ] {
            assert_eq!(surveyed(label, text, encoding).unwrap(), read, "{label} {text}");
        }
    }

    #[test]
    fn a_damaged_text_is_refused_with_the_line() {
        let mut bytes = format!("<?xml version=\"1.0\"?>\n<rss>{}\n", KOREAN.repeat(3)).into_bytes();
        bytes.extend(b"\xFF</rss>");
        let refusal = survey(&mut Cursor::new(bytes), "a.xml").unwrap_err().to_string();
        assert!(refusal.starts_with("a.xml:3: error: it has bytes"), "{refusal}");
    }

    #[test]
    fn a_character_may_be_cut_between_two_parts() {
        let text = format!("<rss>{}</rss>", "가".repeat(60_000));
        let survey = survey(&mut Cursor::new(text), "a.xml").unwrap();
        assert!(survey.encoding.is_none());
    }
}
