//! SMTP replies: the result does not depend on how the bytes are split, and is bounded and printable.

#![no_main]

use letterpress::internals::delivery::smtp::reply::{LONGEST_LINE, MOST_LINES, Parse, ReplyParser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (Some(&step), Some(bytes)) = (data.first(), data.get(1..)) else { return };
    let whole = ReplyParser::default().push(bytes);
    let mut parser = ReplyParser::default();
    let mut pieces = Parse::Need;
    let mut end = 0;
    while pieces == Parse::Need && end < bytes.len() {
        end = (end + usize::from(step).max(1)).min(bytes.len());
        pieces = parser.push(&bytes[..end]);
    }
    match (&whole, &pieces) {
        (Parse::Broken(_), Parse::Broken(_)) => {}
        (whole, pieces) => assert_eq!(whole, pieces),
    }
    if let Parse::Done { reply, used } = whole {
        assert!((200..=559 + 40).contains(&reply.code) && used <= bytes.len());
        assert!(used <= LONGEST_LINE * MOST_LINES && bytes[used - 1] == b'\n');
        assert!(reply.text.len() <= 1024 && !reply.text.chars().any(char::is_control));
        let _ = reply.enhanced();
    }
});
