//! Encodes a message as the bytes between DATA and the final dot: dot-stuffed (RFC 5321, 4.5.2), and rejected if a
//! server could read an end of data, a second message or a truncated line into it.
//!
//! No I/O; the final dot is not written here.

/// The longest allowed line in bytes, without its CR LF (RFC 5321, 4.5.3.1.6).
const LONGEST_LINE: usize = 998;

/// Why a message cannot be sent, and where, as a byte offset from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    /// Programs disagree about where such a line ends; SMTP smuggling exploits that.
    #[error("the message contains a bare CR or LF at byte {0}; lines must end with CR LF")]
    BareLineEnd(usize),
    /// RFC 5321 forbids it, and C programs stop at it.
    #[error("the message contains a NUL at byte {0}")]
    Nul(usize),
    /// A relay would truncate it.
    #[error("the line at byte {0} is longer than {LONGEST_LINE} bytes")]
    LongLine(usize),
    /// The server does not accept 8-bit data.
    #[error("the message contains 8-bit data, but the server does not support 8BITMIME")]
    EightBit,
}

/// Checks `message` and returns the bytes to write, which end in CR LF: `message` itself if nothing needs stuffing,
/// otherwise a copy in `buffer`.
pub(super) fn prepare<'a>(
    message: &'a [u8],
    eight_bit: bool,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], Unsendable> {
    if !eight_bit && !message.is_ascii() {
        return Err(Unsendable::EightBit);
    }
    buffer.clear();
    let mut copied = 0;
    let mut start = 0;
    while start < message.len() {
        if message[start] == b'.' {
            buffer.reserve(message.len() - copied + 64);
            buffer.extend_from_slice(&message[copied..start]);
            buffer.push(b'.');
            copied = start;
        }
        start = line_end(message, start)?;
    }
    let ended = message.is_empty() || message.ends_with(b"\r\n");
    if copied == 0 && buffer.is_empty() && ended {
        return Ok(message);
    }
    buffer.extend_from_slice(&message[copied..]);
    if !ended {
        buffer.extend_from_slice(b"\r\n");
    }
    Ok(buffer)
}

/// Checks `message` without changing it, for transports that need no stuffing.
pub(super) fn check(message: &[u8]) -> Result<(), Unsendable> {
    let mut start = 0;
    while start < message.len() {
        start = line_end(message, start)?;
    }
    Ok(())
}

/// The start of the next line.
fn line_end(message: &[u8], start: usize) -> Result<usize, Unsendable> {
    let rest = &message[start..];
    let length = memchr::memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
    if length > LONGEST_LINE {
        return Err(Unsendable::LongLine(start));
    }
    match &rest[length..] {
        [] => Ok(message.len()),
        [b'\r', b'\n', ..] => Ok(start + length + 2),
        [0, ..] => Err(Unsendable::Nul(start + length)),
        _ => Err(Unsendable::BareLineEnd(start + length)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prepared(message: &str) -> Result<String, Unsendable> {
        let mut buffer = Vec::new();
        prepare(message.as_bytes(), true, &mut buffer).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn only_a_dot_at_the_start_of_a_line_is_doubled() {
        assert_eq!(prepared(".a\r\n..b\r\nc.d\r\n.\r\n").unwrap(), "..a\r\n...b\r\nc.d\r\n..\r\n");
        assert_eq!(prepared("").unwrap(), "");
    }

    #[test]
    fn the_last_line_is_terminated_before_the_final_dot() {
        assert_eq!(prepared("a").unwrap(), "a\r\n");
        assert_eq!(prepared(".").unwrap(), "..\r\n");
    }

    #[test]
    fn a_message_without_dots_is_not_copied() {
        let (message, mut buffer) = (b"a\r\nb\r\n".as_slice(), Vec::new());
        assert!(std::ptr::eq(prepare(message, false, &mut buffer).unwrap(), message));
    }

    #[test]
    fn bytes_that_could_smuggle_a_message_are_rejected_with_their_offset() {
        for bad in ["a\n.\nb\r\n", "a\r.\r\n", "\n.\r\n", "a\r\r\n", "a\r"] {
            assert!(matches!(prepared(bad), Err(Unsendable::BareLineEnd(_))), "{bad:?}");
        }
        assert_eq!(prepared("ab\r\nc\0"), Err(Unsendable::Nul(5)));
        assert_eq!(prepared(&format!("a\r\n{}\r\n", "x".repeat(999))), Err(Unsendable::LongLine(3)));
        assert!(prepared(&format!("{}\r\n", "x".repeat(998))).is_ok());
    }

    #[test]
    fn bytes_above_127_need_8bitmime() {
        assert_eq!(prepare("김\r\n".as_bytes(), false, &mut Vec::new()), Err(Unsendable::EightBit));
        assert!(prepare("김\r\n".as_bytes(), true, &mut Vec::new()).is_ok());
    }

    proptest! {
        #[test]
        fn the_output_never_contains_an_end_of_data_and_unstuffs_to_the_message(
            pieces in prop::collection::vec(prop_oneof![Just("."), Just("\r\n"), Just("\r"), Just("\n"), Just("x")], 0..24)
        ) {
            let message = pieces.concat();
            if let Ok(out) = prepared(&message) {
                prop_assert!(!["\r\n", &out].concat().contains("\r\n.\r\n"));
                prop_assert!(out.is_empty() || out.ends_with("\r\n"));
                let back = out.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect::<String>();
                prop_assert!(back == message || back == message + "\r\n");
            } else {
                prop_assert!(message.replace("\r\n", "").contains(['\r', '\n']));
            }
        }
    }
}
