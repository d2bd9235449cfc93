//! Feeds of strangers: the linter neither panics nor hangs, and names lines that there are.

#![no_main]

use letterpress::feeds::lint::check_feed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for finding in check_feed("feed", bytes, None, now) {
        // UTF-16 has line ends that a search for bytes does not tell from letters.
        assert!(finding.line.is_none_or(|line| (1..=lines + bytes.len() / 2).contains(&line)), "{finding}");
    }
});
