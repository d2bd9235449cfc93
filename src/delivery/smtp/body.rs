//! A message to the bytes between DATA and the final dot: dot-stuffed (RFC 5321, 4.5.2), and refused if any server
//! could read an end of data, a second message or a cut line into it.
//!
//! No socket; the final dot is not written here.

/// A line may have this many bytes without its CR LF (RFC 5321, 4.5.3.1.6).
const LONGEST_LINE: usize = 998;

/// What may not go out, and where, in bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    /// Two programs disagree about where such a line ends; that is how mail is smuggled.
    #[error("the message contains a bare CR or LF at byte {0}; lines must end with CR LF")]
    BareLineEnd(usize),
    /// RFC 5321 forbids it, and C programs stop there.
    #[error("the message contains a NUL at byte {0}")]
    Nul(usize),
    /// A relay would cut it.
    #[error("the line at byte {0} is longer than {LONGEST_LINE} bytes")]
    LongLine(usize),
    /// The server was not told to expect it.
    #[error("the message contains 8-bit data, but the server does not support 8BITMIME")]
    EightBit,
}

/// Checks `message` and gives the bytes to write, which end in CR LF. They are `message` itself where nothing needs
/// stuffing, otherwise a copy in `buffer`.
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

/// Checks `message` without changing it, for wires that need no stuffing.
pub(super) fn check(message: &[u8]) -> Result<(), Unsendable> {
    let mut start = 0;
    while start < message.len() {
        start = line_end(message, start)?;
    }
    Ok(())
}

/// Where the next line begins.
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
    fn a_dot_at_the_head_of_a_line_is_doubled_and_only_there() {
        assert_eq!(prepared(".a\r\n..b\r\nc.d\r\n.\r\n").unwrap(), "..a\r\n...b\r\nc.d\r\n..\r\n");
        assert_eq!(prepared("").unwrap(), "");
    }

    #[test]
    fn the_last_line_is_ended_so_that_the_dot_stands_alone() {
        assert_eq!(prepared("a").unwrap(), "a\r\n");
        assert_eq!(prepared(".").unwrap(), "..\r\n");
    }

    #[test]
    fn a_message_without_dots_is_not_copied() {
        let (message, mut buffer) = (b"a\r\nb\r\n".as_slice(), Vec::new());
        assert!(std::ptr::eq(prepare(message, false, &mut buffer).unwrap(), message));
    }

    #[test]
    fn what_could_be_smuggled_is_refused_with_its_place() {
        for bad in ["a\n.\nb\r\n", "a\r.\r\n", "\n.\r\n", "a\r\r\n", "a\r"] {
            assert!(matches!(prepared(bad), Err(Unsendable::BareLineEnd(_))), "{bad:?}");
        }
        assert_eq!(prepared("ab\r\nc\0"), Err(Unsendable::Nul(5)));
        assert_eq!(prepared(&format!("a\r\n{}\r\n", "x".repeat(999))), Err(Unsendable::LongLine(3)));
        assert!(prepared(&format!("{}\r\n", "x".repeat(998))).is_ok());
    }

    #[test]
    fn bytes_above_127_need_an_announcement() {
        assert_eq!(prepare("김\r\n".as_bytes(), false, &mut Vec::new()), Err(Unsendable::EightBit));
        assert!(prepare("김\r\n".as_bytes(), true, &mut Vec::new()).is_ok());
    }

    proptest! {
        #[test]
        fn what_goes_out_never_holds_an_end_of_data_and_unstuffs_to_the_message(
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
