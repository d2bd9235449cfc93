//! Strings without characters that would break a header, a feed or a terminal.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::platform;

/// One line of text that is safe in a mail header, a feed title or on a terminal: no control characters
/// (C0, C1, DEL), no directional marks and other bidirectional controls, no line or paragraph separators, white space
/// collapsed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderText(String);

/// Why a string is not a [`HeaderText`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderTextError {
    /// Only white space or invisible characters.
    #[error("it is empty")]
    Empty,
    /// A character that a header must not contain.
    #[error("it holds the control character U+{0:04X}")]
    Control(u32),
}

impl HeaderText {
    /// Collapses white space (a tab or a line break becomes one space), removes directional marks that reorder nothing
    /// outside of the text, and rejects every other control character.
    pub fn parse(raw: &str) -> Result<Self, HeaderTextError> {
        let refused = |c: char| is_forbidden(c) && !c.is_whitespace() && !is_directional_mark(c);
        let mut kept = Cow::Borrowed(raw);
        if raw.contains(is_forbidden) {
            if let Some(c) = raw.chars().find(|&c| refused(c)).or_else(|| open_mark(raw)) {
                return Err(HeaderTextError::Control(u32::from(c)));
            }
            kept = Cow::Owned(raw.chars().filter(|&c| !is_directional_mark(c)).collect());
        }
        let mut text = String::with_capacity(kept.len());
        for word in kept.split_whitespace() {
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(word);
        }
        if text.chars().all(is_invisible) {
            return Err(HeaderTextError::Empty);
        }
        Ok(Self(text))
    }

    /// Like [`HeaderText::parse`], but removes forbidden characters; `None` if nothing is left.
    pub fn lossy(raw: &str) -> Option<Self> {
        let is_kept = |c: &char| c.is_whitespace() || !is_forbidden(*c);
        if raw.chars().all(|c| is_kept(&c)) {
            return Self::parse(raw).ok();
        }
        Self::parse(&raw.chars().filter(is_kept).collect::<String>()).ok()
    }

    /// The line with its directional marks, which pages and feeds keep; `None` if it has none.
    pub fn marked(raw: &str) -> Option<String> {
        let has_marks = raw.contains(is_directional_mark) && Self::parse(raw).is_ok();
        has_marks.then(|| raw.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Marks that programs and people put around names and titles in Arabic and Hebrew. They have no effect outside of the
/// text if each isolate and embedding is closed in it.
fn is_directional_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202C}' | '\u{2066}'..='\u{2069}')
}

/// An isolate or embedding that the text does not close (UAX #9, X5c to X7).
fn open_mark(text: &str) -> Option<char> {
    let is_isolate = |c: &char| matches!(c, '\u{2066}'..='\u{2068}');
    let (mut open, mut isolates) = (Vec::new(), 0_usize);
    for c in text.chars() {
        match c {
            '\u{202A}' | '\u{202B}' | '\u{2066}'..='\u{2068}' => {
                isolates += usize::from(is_isolate(&c));
                open.push(c);
            }
            '\u{202C}' if open.last().is_some_and(|c| !is_isolate(c)) => drop(open.pop()),
            // It also closes the embeddings within its isolate.
            '\u{2069}' if isolates > 0 => {
                isolates -= 1;
                while open.pop().is_some_and(|c| !is_isolate(&c)) {}
            }
            _ => {}
        }
    }
    open.first().copied()
}

/// Bidirectional controls reorder the text around them: a subject could hide its end.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || is_bidi_control(c) || !is_xml_char(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Zero-width characters join emoji and shape Indic scripts, so a title may contain them but not consist of them.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}')
}

impl TryFrom<String> for HeaderText {
    type Error = HeaderTextError;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        Self::parse(&raw)
    }
}

impl From<HeaderText> for String {
    fn from(text: HeaderText) -> Self {
        text.0
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text of any length that XML 1.0 can carry (its production 2, `Char`), without the C1 controls that it allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct XmlText(String);

/// A character that was removed from a text, and its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The character.
    pub char: char,
    /// Its line, from 1.
    pub line: usize,
}

impl XmlText {
    /// Whether [`XmlText::clean`] would remove nothing. Checks eight bytes at a time, because whole feeds are checked.
    pub fn is_clean(raw: &str) -> bool {
        let bytes = raw.as_bytes();
        let (words, rest) = bytes.as_chunks();
        // The other forbidden characters begin with one of these two bytes: C1 controls, U+FFFE and U+FFFF.
        words.iter().all(|word| has_only_line_controls(*word))
            && rest.iter().all(|byte| !byte.is_ascii_control() || is_line_control(*byte))
            && memchr::memchr2_iter(0xC2, 0xEF, bytes)
                .all(|at| raw[at..].chars().next().is_none_or(is_feed_char))
    }

    /// Removes every character that a feed must not contain, and returns them with their lines.
    pub fn clean(raw: &str) -> (Self, Vec<Removed>) {
        if Self::is_clean(raw) {
            return (Self(raw.to_owned()), Vec::new());
        }
        let (mut kept, mut removed, mut line) = (String::with_capacity(raw.len()), Vec::new(), 1);
        for c in raw.chars() {
            if is_feed_char(c) {
                line += usize::from(c == '\n');
                kept.push(c);
            } else {
                removed.push(Removed { char: c, line });
            }
        }
        (Self(kept), removed)
    }

    /// [`XmlText::clean`] for a text that is not needed otherwise: it is not copied if nothing is removed.
    pub(crate) fn cleaned(raw: String) -> Self {
        if Self::is_clean(&raw) { Self(raw) } else { Self::clean(&raw).0 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for XmlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the ASCII controls in these bytes are all tabs and line ends.
fn has_only_line_controls(word: [u8; 8]) -> bool {
    const LOW_BITS: u64 = u64::MAX / 0xFF * 0x7F;
    const HIGH_BITS: u64 = !LOW_BITS;
    let bytes = u64::from_le_bytes(word);
    // In seven bits, one more than a control is at most a space, because DEL becomes 0. No byte carries into the next one.
    let next = ((bytes & LOW_BITS) + u64::MAX / 0xFF) & LOW_BITS;
    let is_other = (next + u64::MAX / 0xFF * (0x7F - u64::from(b' '))) | bytes;
    is_other & HIGH_BITS == HIGH_BITS
        || word.iter().all(|byte| !byte.is_ascii_control() || is_line_control(*byte))
}

fn is_line_control(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Whether XML 1.0 allows `c` (its production 2, `Char`).
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn is_feed_char(c: char) -> bool {
    is_xml_char(c) && !matches!(c, '\u{7F}'..='\u{84}' | '\u{86}'..='\u{9F}')
}

/// The line, from 1, of the byte at `offset`, or of the end if `text` is shorter.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count()
}

/// The lines of increasing offsets. Counting each from the beginning takes quadratic time.
pub(crate) struct Lines<'t> {
    text: &'t str,
    counted: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, counted: 0, line: 1 }
    }

    /// The line, from 1, of the byte at `offset`.
    pub(crate) fn at(&mut self, offset: usize) -> usize {
        let passed = self.text.as_bytes().get(self.counted..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.counted = self.counted.max(offset);
        self.line
    }
}

/// Quotes a word for the shell of the system if necessary. Letters of any script are not quoted, so that a Korean path stays
/// readable.
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,@%+=".contains(c) || std::path::is_separator(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    platform::quoted(word)
}

/// The largest character boundary of `text` that is at most `at`; `str` has this from Rust 1.91 on.
pub(crate) fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Sixteen bytes from their hexadecimal digits.
pub fn unhex(digits: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Makes untrusted text safe to show on a terminal: control characters become `\u{…}` escapes.
pub fn for_terminal(raw: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| (c != '\n' && c.is_control()) || is_bidi_control(c);
    if !raw.contains(is_escaped) {
        return Cow::Borrowed(raw);
    }
    let mut shown = String::with_capacity(raw.len());
    for c in raw.chars() {
        if is_escaped(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// The most characters of a value from elsewhere in a message.
const LONGEST_VALUE: usize = 200;

/// A value from elsewhere for a message or a log: on one line, without control characters, and of a length that can be
/// read.
pub(crate) fn clipped(raw: &str) -> String {
    for_terminal(&shortened(raw, LONGEST_VALUE)).replace('\n', "\\n")
}

/// At most `most` characters of a text.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// `text` without the user names and passwords in its URLs.
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    let ends_host = |c: char| c.is_whitespace() || c.is_control() || "/?#\\\"'<>`".contains(c);
    let (mut kept, mut copied) = (String::new(), 0);
    for at in memchr::memmem::find_iter(text.as_bytes(), "://") {
        let start = at + "://".len();
        let authority = text[start..].split(ends_host).next().unwrap_or_default();
        if let Some(end) = authority.rfind('@').filter(|_| start >= copied) {
            kept.push_str(&text[copied..start]);
            copied = start + end + 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}

/// A number with a separator between each three digits.
pub(crate) fn grouped(number: u64, separator: &str) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

/// First characters of a formula in a spreadsheet, also in their full-width forms.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet would run a cell instead of showing it.
pub(crate) fn is_formula(cell: &str) -> bool {
    cell.starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_boundary_is_between_two_characters() {
        assert_eq!(floor_char_boundary("가나", 4), 3);
        assert_eq!(floor_char_boundary("가나", 2), 0);
        assert_eq!(floor_char_boundary("ab", 9), 2);
    }

    #[test]
    fn white_space_is_collapsed_and_other_control_characters_are_rejected() {
        assert_eq!(HeaderText::parse(" 주간\t소식\r\n 42 ").unwrap().as_str(), "주간 소식 42");
        assert_eq!(HeaderText::parse("a\u{0}b"), Err(HeaderTextError::Control(0)));
        assert_eq!(HeaderText::parse("a\u{202E}b"), Err(HeaderTextError::Control(0x202E)));
        assert_eq!(HeaderText::parse(" \u{200B} "), Err(HeaderTextError::Empty));
    }

    #[test]
    fn directional_marks_are_removed_if_they_are_closed_and_overrides_are_rejected() {
        for raw in [
            "\u{200E}Ann Lee\u{202C}",
            "Ann\u{200F} Lee\u{61C}",
            "\u{202A}Ann Lee\u{202C}",
            "\u{2068}Ann \u{202B}Lee\u{2069}\u{2069}",
        ] {
            assert_eq!(HeaderText::parse(raw).unwrap().as_str(), "Ann Lee", "{raw:?}");
            assert_eq!(HeaderText::marked(raw).as_deref(), Some(raw));
        }
        for (raw, open) in [
            ("\u{2067}Ann", 0x2067),
            ("\u{202B}Ann\u{2069}", 0x202B),
            ("\u{202A}\u{2066}Ann\u{202C}\u{2069}", 0x202A),
            ("\u{202D}Ann\u{202C}", 0x202D),
        ] {
            assert_eq!(HeaderText::parse(raw), Err(HeaderTextError::Control(open)), "{raw:?}");
            assert_eq!(HeaderText::marked(raw), None);
        }
        assert_eq!(HeaderText::parse("\u{200E}\u{200F}"), Err(HeaderTextError::Empty));
        assert_eq!(HeaderText::marked("Ann"), None);
    }

    #[test]
    fn a_family_emoji_keeps_its_joiners() {
        assert_eq!(HeaderText::parse("👨\u{200D}👩\u{200D}👧").unwrap().as_str(), "👨\u{200D}👩\u{200D}👧");
    }

    #[test]
    fn a_long_value_is_clipped_and_its_control_characters_are_shown() {
        assert_eq!(clipped("a\nb\u{1b}[2J\u{202e}"), "a\\nb\\u{1b}[2J\\u{202e}");
        assert_eq!(clipped(&"가".repeat(600_080)), format!("{}…", "가".repeat(200)));
        assert_eq!(clipped(&"a".repeat(200)), "a".repeat(200));
    }

    #[test]
    fn urls_lose_their_user_names_and_passwords() {
        for (text, expected) in [
            ("at https://u:p@example.com/f?a@b: no", "at https://example.com/f?a@b: no"),
            ("\"ftp://u@a.example\" and https://p@b@c.example", "\"ftp://a.example\" and https://c.example"),
            ("https://example.com/@kim, kim@example.com", "https://example.com/@kim, kim@example.com"),
            ("://@://u@", "://://"),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell_only_if_necessary() {
        for (word, quoted) in [
            ("posts/2026-11-29-천천히-오는-편지.md", "posts/2026-11-29-천천히-오는-편지.md"),
            ("나의 편지/config.toml", "'나의 편지/config.toml'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("~kim", "'~kim'"),
            ("", "''"),
        ] {
            assert_eq!(shell_quoted(word), quoted);
        }
    }

    #[test]
    fn removed_characters_are_returned_with_their_line() {
        let (text, removed) = XmlText::clean("a\u{B}\nb\u{8}c");
        assert_eq!(text.as_str(), "a\nbc");
        assert_eq!(removed, [Removed { char: '\u{B}', line: 1 }, Removed { char: '\u{8}', line: 2 }]);
    }

    proptest! {
        #[test]
        fn a_header_text_is_one_line_without_controls(raw in any::<String>()) {
            if let Some(text) = HeaderText::lossy(&raw) {
                prop_assert!(!text.as_str().chars().any(|c| c.is_control() || is_bidi_control(c)));
                prop_assert_eq!(HeaderText::parse(text.as_str()).unwrap(), text);
            }
        }

        #[test]
        fn clean_text_is_clean_and_cleaning_is_idempotent(raw in "\\PC{0,80}|[a가·，\u{0}-\u{9F}\u{FFFC}-\u{FFFF}]{0,80}") {
            let (once, _) = XmlText::clean(&raw);
            prop_assert_eq!(XmlText::is_clean(&raw), raw.chars().all(is_feed_char));
            let (twice, removed) = XmlText::clean(once.as_str());
            prop_assert!(removed.is_empty());
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn terminal_text_has_no_escape_sequences(raw in any::<String>()) {
            prop_assert!(!for_terminal(&raw).chars().any(|c| c != '\n' && c.is_control()));
        }
    }
}
