//! Prints what feed-rs reads in feeds, one entry a line as JSON, for `tests/feeds/readers.py` to compare with others.
//! Judges nothing.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        let parser = feed_rs::parser::Builder::new().sanitize_content(false).build();
        let feed = parser.parse(std::fs::read(&file)?.as_slice())?;
        for entry in feed.entries {
            let content = entry.content.and_then(|content| content.body);
            let link =
                entry.links.iter().find(|link| link.rel.as_deref().is_none_or(|rel| rel == "alternate"));
            let line = serde_json::json!({
                "file": file,
                "id": entry.id,
                "title": entry.title.map(|title| title.content),
                "link": link.map(|link| &link.href),
                "date": entry.published.map(|date| date.timestamp()),
                "content": content,
            });
            println!("{line}");
        }
    }
    Ok(())
}
