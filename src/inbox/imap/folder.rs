//! Encodes folder names and other strings for IMAP commands.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

const MUTF7: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A folder name in modified UTF-7 (RFC 3501, 5.1.3), quoted.
pub(super) fn quoted_folder(name: &str) -> String {
    let mut out = String::new();
    let mut wide = Vec::new();
    let flush = |wide: &mut Vec<u8>, out: &mut String| {
        if !wide.is_empty() {
            out.push('&');
            out.push_str(&MUTF7.encode(&*wide));
            out.push('-');
            wide.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut wide, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            wide.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut wide, &mut out);
    quoted(&out)
}

/// A quoted string of printable ASCII; other characters are left out, so that no string can inject a command.
pub(super) fn quoted(raw: &str) -> String {
    let mut out = String::from("\"");
    for c in raw.chars().filter(|c| matches!(c, ' '..='~')) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// UIDs as a set: `1:3,7`.
pub(super) fn set(uids: &[u32]) -> String {
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let runs = sorted.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let parts: Vec<String> = runs
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}:{last}"),
            [] => String::new(),
        })
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_ascii_are_encoded_as_in_the_rfc() {
        // The example of RFC 3501, 5.1.3.
        assert_eq!(quoted_folder("~peter/mail/台北/日本語"), "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\"");
        assert_eq!(quoted_folder("a & \"b\"\r\nx LOGOUT"), "\"a &- \\\"b\\\"&AA0ACg-x LOGOUT\"");
    }

    #[test]
    fn consecutive_uids_become_ranges() {
        assert_eq!(set(&[5, 1, 2, 3, 3, u32::MAX]), "1:3,5,4294967295");
        assert_eq!(set(&[]), "");
    }
}
