//! Front matter: TOML, YAML, Pelican or none; the body is always the end of the text.

#![no_main]

use letterpress::internals::archive::front_matter::{fields, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(parts) = split(text, "post.md") {
        assert!(text.ends_with(parts.body));
        let _ = fields::read(&parts.entries, "post.md", chrono_tz::Asia::Seoul);
    }
});
