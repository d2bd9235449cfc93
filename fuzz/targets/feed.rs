//! Feeds of other authors: the linter neither panics nor hangs, and every finding names an existing line.

#![no_main]

use letterpress::internals::feeds::lint::check_feed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for finding in check_feed("feed", bytes, None, now) {
        // A search for bytes miscounts the line ends of UTF-16.
        assert!(finding.line.is_none_or(|line| (1..=lines + bytes.len() / 2).contains(&line)), "{finding}");
    }
});
