//! Feeds of other programs: every entry can become a post file, and its title is plain text.

#![no_main]

use letterpress::internals::config::SiteUrl;
use letterpress::internals::importers::feed::read;
use letterpress::internals::importers::imported_post::{ImportedPost, PostFileWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(feed) = read(bytes, "feed.xml") else { return };
    let Ok(site) = SiteUrl::parse("https://example.com/") else { return };
    let mut writer = PostFileWriter::new(&site, "ko");
    for entry in feed.entries.into_iter().take(20) {
        let Ok(file) = writer.file(&ImportedPost::from(entry)) else { continue };
        assert!(!file.file_name.contains(['/', '\\', '\0']) && !file.file_name.starts_with('.'));
        assert!(
            letterpress::internals::archive::front_matter::split(&file.contents, "post.md").is_ok(),
            "{}",
            file.contents
        );
    }
});
