//! Parses replies (RFC 5321, 4.2). The size is bounded, and the text is decoded only after the code was checked.
//!
//! No I/O and no interpretation: [`crate::delivery::verdict`] decides what a reply means.

use std::fmt;

use crate::text::{HeaderText, clipped};

/// The longest accepted line in bytes, including its line end; RFC 5321 allows 512.
pub const LONGEST_LINE: usize = 4 * 1024;

/// The most lines of a reply.
pub const MOST_LINES: usize = 100;

/// The longest kept text of a reply, in bytes of UTF-8.
const LONGEST_TEXT: usize = 1024;

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits of the last line.
    pub code: u16,
    /// The text of all lines joined by a space, sanitised to printable characters, at most 1 KiB.
    pub text: String,
}

impl Reply {
    /// Builds a reply from the bytes of all its lines; the code has been read already.
    fn read(code: u16, raw: &[u8]) -> Self {
        let mut text = String::new();
        for line in lines(raw) {
            if !text.is_empty() {
                text.push(' ');
            }
            push_printable(&mut text, &line[line.len().min(4)..]);
        }
        text.truncate(text.trim_end().len());
        Self { code, text }
    }

    /// The first digit, the only one that decides: 2 accepted, 3 continue, 4 temporary failure, 5 permanent failure.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The enhanced status code (RFC 3463) at the start of the text, as the server wrote it.
    ///
    /// It may contradict [`Reply::code`]; then the code decides.
    pub fn enhanced(&self) -> Option<(u8, u16, u16)> {
        // Real servers send "#5.1.0" and "5.1.1:".
        let word = self.text.split(' ').next()?.trim_start_matches('#').trim_end_matches([':', ',', ';']);
        let mut parts = word.split('.');
        let class = match parts.next()? {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        let (subject, detail) = (small_number(parts.next()?)?, small_number(parts.next()?)?);
        parts.next().is_none().then_some((class, subject, detail))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, clipped(&self.text))
    }
}

/// The result of parsing the bytes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parse {
    /// The reply is incomplete; read more.
    Need,
    /// A complete reply in the first `used` bytes.
    Done {
        /// The reply.
        reply: Reply,
        /// Its length in bytes, including the last line end.
        used: usize,
    },
    /// The bytes cannot become an SMTP reply.
    Broken(String),
}

/// Parses one reply from a growing buffer. Each byte is examined once, however small the pieces.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: Option<u16>,
    lines: usize,
    line_start: usize,
    scanned: usize,
}

impl ReplyParser {
    /// Parses `buffer`, which begins with the first byte of the reply and only grows from call to call. After
    /// [`Parse::Done`] or [`Parse::Broken`] the next reply needs a new parser.
    pub fn push(&mut self, buffer: &[u8]) -> Parse {
        while let Some(found) = memchr::memchr(b'\n', &buffer[self.scanned..]) {
            let end = self.scanned + found;
            if end + 1 - self.line_start > LONGEST_LINE {
                return Parse::Broken(format!("a reply line is longer than {LONGEST_LINE} bytes"));
            }
            match self.line(without_cr(&buffer[self.line_start..end])) {
                Ok(None) => {}
                Ok(Some(code)) => {
                    return Parse::Done { reply: Reply::read(code, &buffer[..=end]), used: end + 1 };
                }
                Err(why) => return Parse::Broken(why),
            }
            self.line_start = end + 1;
            self.scanned = end + 1;
        }
        self.scanned = buffer.len();
        if buffer.len() - self.line_start >= LONGEST_LINE {
            return Parse::Broken(format!("a reply line is longer than {LONGEST_LINE} bytes"));
        }
        Parse::Need
    }

    /// Parses one line; `Some` if it is the last of its reply.
    fn line(&mut self, line: &[u8]) -> Result<Option<u16>, String> {
        let (digits, rest) = line.split_at(line.len().min(3));
        let code = match digits {
            [b'2'..=b'5', second, third] if second.is_ascii_digit() && third.is_ascii_digit() => {
                digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
            }
            _ => return Err(format!("{} is not a reply", excerpt(line))),
        };
        if self.code.is_some_and(|before| before != code) {
            return Err(format!("{} after a line with another code", excerpt(line)));
        }
        self.code = Some(code);
        self.lines += 1;
        match rest.first() {
            None | Some(b' ') => Ok(Some(code)),
            Some(b'-') if self.lines >= MOST_LINES => {
                Err(format!("a reply has more than {MOST_LINES} lines"))
            }
            Some(b'-') => Ok(None),
            Some(_) => Err(format!("{} is not a reply", excerpt(line))),
        }
    }
}

/// The lines of a complete reply, without their line ends.
pub(super) fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw.strip_suffix(b"\n").unwrap_or(raw).split(|byte| *byte == b'\n').map(without_cr)
}

/// Appends untrusted bytes as text that is safe in a log and on a terminal: other characters become U+FFFD.
fn push_printable(text: &mut String, raw: &[u8]) {
    // Nearly every reply is plain ASCII; append it in one piece.
    let room = LONGEST_TEXT.saturating_sub(text.len());
    if raw.len() <= room && raw.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        text.push_str(&String::from_utf8_lossy(raw));
        return;
    }
    for c in String::from_utf8_lossy(raw).chars() {
        let shown =
            if HeaderText::parse(c.encode_utf8(&mut [0; 4])).is_err() && c != ' ' { '\u{FFFD}' } else { c };
        if text.len() + shown.len_utf8() > LONGEST_TEXT {
            return;
        }
        text.push(shown);
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn excerpt(line: &[u8]) -> String {
    let mut text = String::new();
    push_printable(&mut text, &line[..line.len().min(40)]);
    format!("{text:?}")
}

/// A number of one to three digits (RFC 3463).
fn small_number(digits: &str) -> Option<u16> {
    let small = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    small.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(raw: &[u8]) -> Parse {
        ReplyParser::default().push(raw)
    }

    fn whole(raw: &[u8]) -> Reply {
        match parse(raw) {
            Parse::Done { reply, used } if used == raw.len() => reply,
            other => panic!("{} became {other:?}", raw.escape_ascii()),
        }
    }

    #[test]
    fn the_first_digit_decides_and_any_two_digits_may_follow() {
        for (raw, code) in [("571 x\r\n", 571), ("577 x\r\n", 577), ("599 x\r\n", 599), ("299 x\r\n", 299)] {
            assert_eq!((whole(raw.as_bytes()).code, whole(raw.as_bytes()).class()), (code, code / 100));
        }
    }

    #[test]
    fn a_code_without_text_or_with_a_bare_line_feed_is_a_reply() {
        assert_eq!(whole(b"250\r\n"), Reply { code: 250, text: String::new() });
        assert_eq!(whole(b"250 ok\n"), Reply { code: 250, text: "ok".to_owned() });
        assert_eq!(whole(b"250-\n250\n").text, "");
    }

    #[test]
    fn text_in_latin_1_or_euc_kr_does_not_hide_the_code() {
        assert_eq!(whole(b"250 \xf6\r\n"), Reply { code: 250, text: "\u{FFFD}".to_owned() });
        assert_eq!(whole(b"250 \xc8\xae\xc0\xce\r\n").code, 250);
        assert_eq!(
            whole("250 확인".as_bytes().iter().chain(b"\r\n").copied().collect::<Vec<_>>().as_slice()).text,
            "확인"
        );
    }

    #[test]
    fn escapes_and_bare_carriage_returns_are_replaced_in_the_text() {
        let text = whole("550 \u{1b}[2Jgone\rX\u{202e}y\0\r\n".as_bytes()).text;
        assert_eq!(text, "\u{FFFD}[2Jgone\u{FFFD}X\u{FFFD}y\u{FFFD}");
    }

    #[test]
    fn bytes_that_are_not_a_reply_are_rejected() {
        for raw in [
            "  250 ok\r\n",
            "2500 ok\r\n",
            "\r\n250 ok\r\n",
            "HTTP/1.1 400\r\n",
            "150 x\r\n",
            "650 x\r\n",
            "25\r\n",
        ] {
            assert!(matches!(parse(raw.as_bytes()), Parse::Broken(_)), "{raw:?}");
        }
        assert_eq!(
            parse(b"250-a\r\n251 b\r\n"),
            Parse::Broken("\"251 b\" after a line with another code".to_owned())
        );
    }

    #[test]
    fn a_reply_without_its_last_line_is_not_a_reply() {
        for raw in ["", "2", "250", "250 ok", "250-a\r\n", "250-a\r\n250 b"] {
            assert_eq!(parse(raw.as_bytes()), Parse::Need, "{raw:?}");
        }
    }

    #[test]
    fn the_second_reply_in_a_packet_is_left_in_the_buffer() {
        match parse(b"250 one\r\n354 two\r\n") {
            Parse::Done { reply, used } => assert_eq!((reply.text.as_str(), used), ("one", 9)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn overlong_lines_and_replies_are_rejected() {
        let line = [b"250 ".to_vec(), vec![b'x'; LONGEST_LINE - 6], b"\r\n".to_vec()].concat();
        assert_eq!(whole(&line).text.len(), LONGEST_TEXT);
        assert!(matches!(parse(&line[..LONGEST_LINE - 1]), Parse::Need));
        let too_long = [b"250 ".to_vec(), vec![b'x'; LONGEST_LINE]].concat();
        assert!(matches!(parse(&too_long), Parse::Broken(_)));
        let last_allowed = [b"250-x\r\n".repeat(MOST_LINES - 1), b"250 x\r\n".to_vec()].concat();
        assert_eq!(whole(&last_allowed).code, 250);
        assert!(matches!(parse(&b"250-x\r\n".repeat(MOST_LINES)), Parse::Broken(_)));
    }

    #[test]
    fn only_a_valid_enhanced_code_is_read() {
        let enhanced = |text: &str| Reply { code: 550, text: text.to_owned() }.enhanced();
        assert_eq!(enhanced("5.7.515 no"), Some((5, 7, 515)));
        assert_eq!(enhanced("#5.1.0 no"), Some((5, 1, 0)));
        assert_eq!(enhanced("5.1.1: no"), Some((5, 1, 1)));
        for text in ["", "no 5.1.1", "5.1", "5.1.1.1 x", "3.1.1 x", "5.1.+1", "5.1.1234", "192.168.0.1 x"] {
            assert_eq!(enhanced(text), None, "{text:?}");
        }
    }

    /// Bytes that often resemble a reply.
    fn nearly_replies() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"250".to_vec()),
            Just(b"550-".to_vec()),
            Just(b"354 ".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..6),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_how_the_bytes_are_split(raw in nearly_replies()) {
            let at_once = parse(&raw);
            let mut parser = ReplyParser::default();
            let mut in_pieces = Parse::Need;
            for end in 0..=raw.len() {
                in_pieces = parser.push(&raw[..end]);
                if in_pieces != Parse::Need {
                    break;
                }
            }
            // An invalid line is detected at its end in both cases, so even the reasons are equal.
            prop_assert_eq!(at_once, in_pieces);
        }

        #[test]
        fn a_parsed_reply_is_printable_short_and_within_its_bytes(raw in nearly_replies()) {
            if let Parse::Done { reply, used } = parse(&raw) {
                prop_assert!(used <= raw.len() && raw[used - 1] == b'\n');
                prop_assert!((200..600).contains(&reply.code) && reply.text.len() <= LONGEST_TEXT);
                prop_assert!(!reply.text.chars().any(char::is_control));
            }
        }
    }
}
