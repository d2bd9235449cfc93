//! `Name: value` lines of a message head or of the body of a delivery report.
//!
//! The number and length are bounded for any input. Knows no field by name.

/// More fields than any legitimate message has; further ones are ignored.
const MOST_FIELDS: usize = 500;
/// The longest value that is kept; the rest is cut off.
const MOST_VALUE: usize = 4 * 1024;

/// Fields in their original order, names in lower case, values unfolded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads fields until the end or the first empty line. Other lines are skipped.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self::read(bytes).0
    }

    /// Like [`Fields::parse`], but also returns what follows the empty line.
    pub(super) fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = bytes;
        // Whether the next line can continue this field.
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

    /// The first value of `name`; `name` must be in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field, in its order: name and value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every value of `name`.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A line without its end, and the rest.
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

/// Appends a line to a value, separated by a space, up to the longest value.
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
    fn folded_lines_are_joined_and_other_lines_are_skipped() {
        let (fields, rest) =
            Fields::read(b"From MAILER-DAEMON Mon\r\nTo : a\r\n\tb\r\n c\nno field\n d\nTO: e\r\n\r\nbody");
        assert_eq!(fields.all("to").collect::<Vec<_>>(), ["a b c", "e"]);
        assert_eq!((fields.get("no field"), rest), (None, &b"body"[..]));
    }

    #[test]
    fn too_many_fields_and_too_long_values_are_truncated() {
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
