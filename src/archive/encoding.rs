//! Decodes a file as UTF-8. Anything else is an error that names the likely encoding; nothing is converted by guessing.

use encoding_rs::{Encoding, UTF_8};

use crate::finding::Finding;

/// The text of a file, without a byte order mark, with lines that end in `\n`.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<String, Finding> {
    // Several times as fast as `std::str::from_utf8` if few of the letters are ASCII.
    let Some(text) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) else {
        let line = memchr::memchr_iter(b'\n', &bytes[..Encoding::utf8_valid_up_to(bytes)]).count() + 1;
        let (guess, name) = guess(bytes);
        let hint = format!("save it as UTF-8, for example: iconv -f {name} -t UTF-8 OLD > NEW");
        let message = format!("the file is not UTF-8; it looks like {guess}");
        return Err(Finding::error("post-encoding", file, message).at(line).hint(hint));
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    // A checkout on Windows changes line ends; that must not count as an edit.
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() })
}

/// The likely encoding, in words and by its name for iconv.
fn guess(bytes: &[u8]) -> (&'static str, &'static str) {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return ("UTF-16", "UTF-16");
    }
    let leads = euc_leads(bytes);
    let share =
        |range: std::ops::RangeInclusive<u8>| leads.iter().filter(|lead| range.contains(lead)).count() * 3;
    // Hangul fills the rows B0 to C8 of KS X 1001, kana the rows A4 and A5 of JIS X 0208.
    if share(0xA4..=0xA5) > leads.len() {
        ("EUC-JP", "EUC-JP")
    } else if share(0xB0..=0xC8) > leads.len() * 2 {
        ("EUC-KR (CP949)", "CP949")
    } else if !leads.is_empty() {
        ("GB18030 or Big5", "GB18030")
    } else if bytes.iter().any(|byte| matches!(byte, 0x81..=0x9F)) {
        ("Shift_JIS or another Windows encoding", "CP932")
    } else {
        ("Latin-1", "LATIN1")
    }
}

/// The first byte of each two-byte character, if every non-ASCII byte is part of one.
fn euc_leads(bytes: &[u8]) -> Vec<u8> {
    let mut leads = Vec::new();
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if byte.is_ascii() {
            continue;
        }
        // CP949 adds trail bytes below A1 to EUC-KR.
        if !(0x81..=0xFE).contains(&byte)
            || !rest.next().is_some_and(|trail| matches!(trail, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE))
        {
            return Vec::new();
        }
        leads.push(byte);
    }
    leads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        decode(bytes, "a.md").unwrap_err().to_string()
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_removed() {
        assert_eq!(decode("\u{FEFF}한\r\n글\r".as_bytes(), "a.md").unwrap(), "한\n글\n");
    }

    #[test]
    fn another_encoding_is_named_with_its_line_and_how_to_convert_it() {
        // "안녕하세요" in EUC-KR.
        let korean = b"a\n\xBE\xC8\xB3\xE7\xC7\xCF\xBC\xBC\xBF\xE4\n";
        assert!(
            refusal(korean).starts_with("a.md:2: error: the file is not UTF-8; it looks like EUC-KR"),
            "{}",
            refusal(korean)
        );
        assert!(refusal(korean).contains("iconv -f CP949"));
        assert!(refusal(b"\xFF\xFEa\0").contains("UTF-16"));
        // "こんにちは" in EUC-JP and in Shift_JIS.
        assert!(refusal(b"\xA4\xB3\xA4\xF3\xA4\xCB\xA4\xC1\xA4\xCF").contains("EUC-JP"));
        assert!(refusal(b"\x82\xB1\x82\xF1\x82\xC9\x82\xBF\x82\xCD").contains("UTF-8"));
        assert!(refusal(b"caf\xE9 ").contains("Latin-1"));
    }
}
