//! Which encoding a list has that is not UTF-8. Short names fit several encodings, so two judges must agree: the
//! structure of the bytes, and the frequency of letters (chardetng). If they do not, the user decides.

use std::io::{self, Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, SHIFT_JIS, WINDOWS_1252, WINDOWS_1254};

use super::super::words::{has, plain};
use super::{decoded, for_each_part, name_of};
use crate::finding::Finding;
use crate::text::{clipped, shortened};

/// The bytes of a line that are kept.
const LINE: usize = 400;

/// Words in headings, which decide alone.
const HEADINGS: &str = "이메일 이메일주소 메일 메일주소 이름 성명 성함 구독자 상태 구독상태 가입일 구독일 동의일 수신동의 수신거부 \
    メール メールアドレス 名前 氏名 お名前 登録日 状態 配信 配信停止";

/// What was found.
pub(super) enum Verdict {
    /// The encoding.
    One(&'static Encoding),
    /// More than one encoding fits.
    Several(Readings),
}

/// The first line that differs, in each encoding that fits.
pub(super) struct Readings {
    line: usize,
    texts: Vec<(&'static Encoding, String)>,
}

/// Finds the encoding.
pub(super) fn detect<R: Read + Seek>(source: &mut R) -> io::Result<Verdict> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let (mut pairs, mut lines) = (Structure::default(), Lines::default());
    for_each_part(source, |part, is_last| {
        detector.feed(part, is_last);
        for byte in part {
            pairs.take(*byte);
        }
        lines.take(part);
        Ok(true)
    })?;
    pairs.take(b'\n');
    lines.end_line();
    let known = [EUC_KR, SHIFT_JIS].into_iter().filter(|encoding| lines.has_known_heading(encoding));
    if let &[encoding] = known.collect::<Vec<_>>().as_slice() {
        return Ok(Verdict::One(encoding));
    }
    let guessed = detector.guess(lines.country.as_deref(), Utf8Detection::Deny);
    let mut fitting = pairs.fitting();
    if !fitting.contains(&guessed) && (!fitting.is_empty() || guessed.is_single_byte()) {
        fitting.push(guessed);
        // A list with one name that fits nothing else is shown in the most frequent encoding, too.
        fitting.extend((fitting.len() == 1 && guessed != WINDOWS_1252).then_some(WINDOWS_1252));
    }
    Ok(match fitting.as_slice() {
        [] => Verdict::One(guessed),
        [encoding] => Verdict::One(encoding),
        _ => Verdict::Several(lines.readings(fitting)),
    })
}

/// Why a list is refused that fits several encodings.
pub(super) fn undecided(file: &str, readings: &Readings) -> Finding {
    let shown = |(encoding, text): &(&'static Encoding, String)| format!("{text:?} as {}", name_of(encoding));
    let shown: Vec<String> = readings.texts.iter().map(shown).collect();
    let named = |(encoding, _): &(&'static Encoding, String)| {
        format!("--encoding {}", encoding.name().to_lowercase())
    };
    let named: Vec<String> = readings.texts.iter().map(named).collect();
    let message = format!("the file is not UTF-8, and this line is {}", shown.join(", or "));
    Finding::error("list-encoding", file, message)
        .at(readings.line)
        .hint(format!("say which is right: {}; or save the list as \"CSV UTF-8\"", named.join(" or ")))
}

/// The lines that matter.
#[derive(Default)]
struct Lines {
    current: Vec<u8>,
    number: usize,
    header: Vec<u8>,
    /// The first line with a byte that is not ASCII.
    differing: Option<(usize, Vec<u8>)>,
    /// The most recent country of an address, from the last part of its domain.
    country: Option<Vec<u8>>,
}

impl Lines {
    fn take(&mut self, part: &[u8]) {
        for (at, line) in part.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.end_line();
            }
            let room = LINE.saturating_sub(self.current.len());
            self.current.extend(line.iter().take(room));
        }
    }

    fn end_line(&mut self) {
        self.number += 1;
        if self.number == 1 {
            self.header.clone_from(&self.current);
        }
        if self.differing.is_none() && !self.current.is_ascii() {
            self.differing = Some((self.number, self.current.clone()));
        }
        if let Some(country) = country(&self.current) {
            self.country = Some(country);
        }
        self.current.clear();
    }

    fn has_known_heading(&self, encoding: &'static Encoding) -> bool {
        let header = decoded(&self.header, encoding);
        header.split([',', ';', '\t', '|', '"', '\r']).any(|heading| has(HEADINGS, &plain(heading)))
    }

    fn readings(self, encodings: Vec<&'static Encoding>) -> Readings {
        let (line, bytes) = self.differing.unwrap_or_default();
        let text = |encoding| {
            let text = decoded(&bytes, encoding);
            clipped(&shortened(text.trim(), 80))
        };
        let texts = encodings.into_iter().map(|encoding| (encoding, text(encoding))).collect();
        Readings { line, texts }
    }
}

/// The country in the domain of the first address of a line, such as `kr`.
fn country(line: &[u8]) -> Option<Vec<u8>> {
    let at = memchr::memchr(b'@', line)?;
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let domain: Vec<u8> = line.iter().skip(at + 1).take_while(|byte| is_domain(byte)).copied().collect();
    let last = domain.rsplit(|byte| *byte == b'.').next()?.to_ascii_lowercase();
    (last.len() == 2 && last.iter().all(u8::is_ascii_lowercase)).then_some(last)
}

/// The bytes that are not ASCII, as each encoding would have them.
#[derive(Default)]
struct Structure {
    korean: Pairs,
    japanese: Pairs,
    western: Western,
}

impl Structure {
    fn take(&mut self, byte: u8) {
        self.korean.take(byte, korean);
        self.japanese.take(byte, japanese);
        self.western.take(byte);
    }

    /// The encodings that fit.
    fn fitting(&self) -> Vec<&'static Encoding> {
        let Pairs { usual, rare, other, .. } = self.korean;
        let is_korean = !self.korean.is_wrong && usual > 0 && usual >= rare && usual + rare >= other * 4;
        let Pairs { usual, rare, other, .. } = self.japanese;
        let is_japanese = !self.japanese.is_wrong && usual > 0 && usual >= rare && usual + rare >= other * 4;
        let western = &self.western;
        let is_western = western.letters > 0 && !western.is_wrong;
        [
            (EUC_KR, is_korean),
            (SHIFT_JIS, is_japanese),
            (WINDOWS_1252, is_western),
            // Turkish differs in letters that are else only in Icelandic.
            (WINDOWS_1254, is_western && western.is_icelandic),
        ]
        .into_iter()
        .filter_map(|(encoding, fits)| fits.then_some(encoding))
        .collect()
    }
}

/// How frequent a character is.
enum Kind {
    Usual,
    Rare,
    Other,
    /// Punctuation and other symbols, which tell nothing.
    Symbol,
    /// No character.
    Wrong,
    /// The first byte of two.
    Lead,
}

/// The characters of two bytes.
#[derive(Default)]
struct Pairs {
    lead: Option<u8>,
    usual: u64,
    rare: u64,
    other: u64,
    is_wrong: bool,
}

impl Pairs {
    fn take(&mut self, byte: u8, kind: fn(Option<u8>, u8) -> Kind) {
        if self.lead.is_none() && byte.is_ascii() {
            return;
        }
        match kind(self.lead.take(), byte) {
            Kind::Lead => self.lead = Some(byte),
            Kind::Usual => self.usual += 1,
            Kind::Rare => self.rare += 1,
            Kind::Other => self.other += 1,
            Kind::Symbol => {}
            Kind::Wrong => self.is_wrong = true,
        }
    }
}

/// CP949: the Hangul of KS X 1001 are usual, those that Windows added are rare, and names in Hanja are other.
fn korean(lead: Option<u8>, byte: u8) -> Kind {
    match (lead, byte) {
        (None, 0x81..=0xFE) => Kind::Lead,
        (Some(0xB0..=0xC8), 0xA1..=0xFE) => Kind::Usual,
        (Some(0xA1..=0xAC), 0xA1..=0xFE) => Kind::Symbol,
        (Some(0xCA..=0xFD), 0xA1..=0xFE) => Kind::Other,
        (Some(0x81..=0xC6), 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE) => Kind::Rare,
        _ => Kind::Wrong,
    }
}

/// `Shift_JIS`: kana and the kanji of the first level are usual, those of the second are rare, kana of half the width are
/// other.
fn japanese(lead: Option<u8>, byte: u8) -> Kind {
    match (lead, byte) {
        (None, 0xA1..=0xDF) => Kind::Other,
        (None, 0x81..=0x9F | 0xE0..=0xFC) => Kind::Lead,
        (Some(0x81), 0x40..=0x7E | 0x80..=0xFC) => Kind::Symbol,
        (Some(0x82..=0x83 | 0x88..=0x97), 0x40..=0x7E | 0x80..=0xFC) => Kind::Usual,
        (Some(_), 0x40..=0x7E | 0x80..=0xFC) => Kind::Rare,
        _ => Kind::Wrong,
    }
}

/// Windows-1252: letters with accents, alone or two together, and the punctuation of typography.
#[derive(Default)]
struct Western {
    letters: u64,
    /// Letters in the current sequence.
    run: u32,
    is_icelandic: bool,
    is_wrong: bool,
}

impl Western {
    fn take(&mut self, byte: u8) {
        let is_letter = matches!(byte, 0x8A | 0x8C | 0x8E | 0x9A | 0x9C | 0x9E | 0x9F | 0xC0..=0xD6 | 0xD8..=0xF6 | 0xF8..=0xFF);
        let is_symbol = matches!(byte, 0x80 | 0x85 | 0x91..=0x97 | 0x99 | 0xA0 | 0xA7 | 0xA9..=0xAB | 0xAE | 0xB0 | 0xB4 | 0xB7 | 0xBA | 0xBB);
        self.run = if is_letter { self.run + 1 } else { 0 };
        self.letters += u64::from(is_letter);
        self.is_icelandic |= matches!(byte, 0xD0 | 0xDD | 0xDE | 0xF0 | 0xFD | 0xFE);
        self.is_wrong |= self.run > 2 || !(is_letter || is_symbol || byte.is_ascii());
    }
}
