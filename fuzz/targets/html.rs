//! HTML to Markdown: it never panics or hangs, and rendering the Markdown and converting it again gives the same
//! words.

#![no_main]

use letterpress::internals::archive::markdown::preview;
use letterpress::internals::importers::html::{HtmlOptions, to_markdown, visible};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|html: &str| {
    let Ok(page) = Url::parse("https://example.com/a/") else { return };
    let convert = |html: &str| to_markdown(html, HtmlOptions { page: Some(&page), ..HtmlOptions::default() });
    let rendered = preview(&convert(html).markdown, &page);
    let again = preview(&convert(&rendered).markdown, &page);
    assert_eq!(visible(&rendered), visible(&again), "{rendered}");
});
