//! `Name: value` lines, as they stand in a message's head and in the body of a delivery report.
//!
//! Bounded in number and length, whatever comes in. Knows no field by name.

/// More fields than any honest message has; further ones are not looked at.
const MOST_FIELDS: usize = 500;
/// More of a value than anybody needs; the rest is cut off.
const MOST_VALUE: usize = 4 * 1024;

/// Fields in the order in which they stood, names in lower case, values unfolded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads fields until the end or the first empty line. Lines that are none are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self::read(bytes).0
    }

    /// Like [`Fields::parse`], and returns what comes after the empty line.
    pub(super) fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = bytes;
        // Whether the line before this one can go on in it.
        let mut open = false;
        while let Some((line, after)) = next_line(rest) {
            rest = after;
            if line.is_empty() {
                break;
            }
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = fields.last_mut().filter(|_| open) {
                    append(value, line);
                }
            } else if let Some((name, value)) = split(line)
                && fields.len() < MOST_FIELDS
            {
                let mut kept = String::new();
                append(&mut kept, value);
                fields.push((name, kept));
                open = true;
            } else {
                open = false;
            }
        }
        (Self(fields), rest)
    }

    /// The first value of `name`, which is in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of `name`.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A line without its end, and what follows it.
pub(super) fn next_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let (line, rest) = match memchr::memchr(b'\n', bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[bytes.len()..]),
    };
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

fn split(line: &[u8]) -> Option<(String, &[u8])> {
    let at = memchr::memchr(b':', line)?;
    let name = line[..at].trim_ascii_end();
    let is_name = (1..=76).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), &line[at + 1..]))
}

/// Adds a line to a value with one space between, up to the longest value.
fn append(value: &mut String, line: &[u8]) {
    let line = line.trim_ascii();
    let room = MOST_VALUE.saturating_sub(value.len() + 1);
    if room == 0 || line.is_empty() {
        return;
    }
    if !value.is_empty() {
        value.push(' ');
    }
    value.push_str(&String::from_utf8_lossy(&line[..line.len().min(room)]));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folded_lines_become_one_and_other_lines_are_passed_over() {
        let (fields, rest) =
            Fields::read(b"From MAILER-DAEMON Mon\r\nTo : a\r\n\tb\r\n c\nno field\n d\nTO: e\r\n\r\nbody");
        assert_eq!(fields.all("to").collect::<Vec<_>>(), ["a b c", "e"]);
        assert_eq!((fields.get("no field"), rest), (None, &b"body"[..]));
    }

    #[test]
    fn a_million_fields_and_a_value_of_a_megabyte_are_cut_short() {
        let many = "a: b\n".repeat(1_000_000);
        assert_eq!(Fields::parse(many.as_bytes()).all("a").count(), MOST_FIELDS);
        let long = format!("a: {}", "x\n ".repeat(500_000));
        assert!(Fields::parse(long.as_bytes()).get("a").unwrap().len() <= MOST_VALUE);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop::sample::select(b"a: \t\r\n\xec\x00".to_vec()), 0..200)) {
            let (_, rest) = Fields::read(&bytes);
            prop_assert!(bytes.ends_with(rest));
        }
    }
}
