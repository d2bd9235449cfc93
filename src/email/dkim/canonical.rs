//! The `relaxed` canonicalization of RFC 6376, 3.4, which tolerates white space changes by relays.
//!
//! Only CRLF ends a line. A bare CR or LF is treated as content and not repaired.

/// One raw header field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    /// The text after the colon, including the last CRLF.
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Splits a message into its header fields, in order, and its body. A line that is not a field ends the header.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let mut fields = Vec::with_capacity(24);
    let mut rest = message;
    loop {
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return (fields, body);
        }
        let length = unfolded_length(rest);
        let (line, tail) = rest.split_at(length);
        let Some(colon) = memchr::memchr(b':', line) else { return (fields, rest) };
        fields.push(Field { name: line[..colon].trim_ascii_end(), value: &line[colon + 1..] });
        rest = tail;
    }
}

/// The bytes of the first line with its continuation lines.
fn unfolded_length(bytes: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', bytes).filter(|&at| at > 0 && bytes[at - 1] == b'\r');
    let mut ends = ends.map(|at| at + 1);
    ends.find(|&end| !bytes.get(end).copied().is_some_and(is_space)).unwrap_or(bytes.len())
}

/// Appends the relaxed form of a field (RFC 6376, 3.4.2) without its CRLF.
pub(super) fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut space = false;
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        if value[at..].starts_with(b"\r\n") {
            at += 2;
            continue;
        }
        if is_space(byte) {
            space = true;
        } else {
            if space && out.len() > start {
                out.push(b' ');
            }
            space = false;
            out.push(byte);
        }
        at += 1;
    }
}

/// The relaxed form of a body (RFC 6376, 3.4.4).
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut end = 0;
    let mut rest = body;
    while !rest.is_empty() {
        let (line, tail) = first_line(rest);
        rest = tail;
        let start = out.len();
        squeeze(line, &mut out);
        let is_empty = out.len() == start;
        out.extend_from_slice(b"\r\n");
        // Empty lines at the end of the body are ignored.
        if !is_empty {
            end = out.len();
        }
    }
    out.truncate(end);
    out
}

fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    memchr::memchr_iter(b'\n', bytes)
        .find(|&at| at > 0 && bytes[at - 1] == b'\r')
        .map_or((bytes, &[]), |at| (&bytes[..at - 1], &bytes[at + 1..]))
}

/// Appends a line with runs of spaces and tabs as one space, and without trailing white space.
fn squeeze(line: &[u8], out: &mut Vec<u8>) {
    let end = line.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    let mut rest = &line[..end];
    while let Some(at) = memchr::memchr2(b' ', b'\t', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        let run = rest[at..].iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[at + run..];
    }
    out.extend_from_slice(rest);
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relaxed(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        header(name.as_bytes(), value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_rfc_6376_is_reproduced() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, rest) = split(message);
        let mut head = Vec::new();
        for field in &fields {
            header(field.name, field.value, &mut head);
            head.extend_from_slice(b"\r\n");
        }
        assert_eq!(head, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(body(rest), b" C\r\nD E\r\n");
    }

    #[test]
    fn an_empty_body_stays_empty_and_a_last_line_gets_a_crlf() {
        assert_eq!(body(b""), b"");
        assert_eq!(body(b"\r\n \r\n\t\r\n"), b"");
        assert_eq!(body(b"\r\n\r\nx"), b"\r\n\r\nx\r\n");
        assert_eq!(body(b"x \r\n\r\ny\r\n"), b"x\r\n\r\ny\r\n");
    }

    #[test]
    fn a_bare_cr_or_lf_is_content() {
        assert_eq!(body(b"a\nb\rc\r\n"), b"a\nb\rc\r\n");
        assert_eq!(relaxed("Subject", " a\r\n b\r\n"), "subject:a b");
        assert_eq!(split(b"A: 1\n B: 2\r\n\r\nx").0.len(), 1);
    }

    /// Text in which the relevant characters are frequent.
    fn spaced(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let pieces = proptest::collection::vec(proptest::sample::select(pieces), 0..40);
        pieces.prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn relaxing_twice_changes_nothing_more(
            text in spaced(&[" ", "\t", "\r\n", "\r", "\n", "편지", "a", "--"]),
            // A bare CR before a CRLF could end up before an LF.
            value in spaced(&[" ", "\t", "\r\n ", "편지", "a", ":"]),
        ) {
            let once = body(&text);
            prop_assert_eq!(body(&once), once.clone());
            prop_assert!(once.is_empty() || (once.ends_with(b"\r\n") && !once.ends_with(b"\r\n\r\n")));
            let mut field = Vec::new();
            header(b"X-Note", &value, &mut field);
            let mut again = Vec::new();
            header(b"x-note", &field[b"x-note:".len()..], &mut again);
            prop_assert_eq!(again, field);
        }

        #[test]
        fn white_space_within_and_after_lines_does_not_count(
            words in proptest::collection::vec("[a-z=.]{1,8}", 1..12),
            gaps in proptest::collection::vec(("[ \t]{1,3}", "[ \t]{0,3}"), 12),
        ) {
            let (mut plain, mut spaced) = (String::new(), String::new());
            for (number, word) in words.iter().enumerate() {
                let (within, behind) = &gaps[number];
                let ends = number % 3 == 2;
                plain.extend([word.as_str(), if ends { "\r\n" } else { " " }]);
                spaced.extend(if ends { [word, behind, "\r\n"] } else { [word, within, ""] });
            }
            prop_assert_eq!(body(plain.as_bytes()), body(spaced.as_bytes()));
            prop_assert_eq!(relaxed("A", &plain.replace("\r\n", "\r\n ")), relaxed("a", &spaced.replace("\r\n", "\r\n\t")));
        }

        #[test]
        fn splitting_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (fields, rest) = split(&bytes);
            prop_assert!(bytes.ends_with(rest));
            prop_assert!(fields.len() <= bytes.len());
        }
    }
}
