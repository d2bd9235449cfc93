//! Plain text archive pages: the posts get unique file names without a path.

#![no_main]

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta};
use letterpress::internals::importers::text_page::{read, to_posts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(page) = read(text, "page.txt") else { return };
    let posts = to_posts(&page, DateTime::UNIX_EPOCH.fixed_offset(), TimeDelta::days(7));
    assert_eq!(posts.len(), page.posts.len());
    let names: HashSet<_> = posts.iter().map(|post| &post.file_name).collect();
    assert_eq!(names.len(), posts.len());
    for post in &posts {
        assert!(!post.file_name.contains(['/', '\\', '\0']) && !post.file_name.starts_with('.'));
        assert!(
            letterpress::internals::archive::front_matter::split(&post.contents, "post.md").is_ok(),
            "{}",
            post.contents
        );
    }
});
