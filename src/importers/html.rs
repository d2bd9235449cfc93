//! HTML as clean Markdown that renders back to the same text.
//!
//! A post of another program goes through here once, and is the author's own file afterwards: what Markdown has a word
//! for is written so, everything else leaves its text. Scripts, forms and styles go. Pure.

mod blocks;
mod escape;
mod inline;
mod links;
mod notes;
mod tables;
mod text;
mod tree;
mod write;

use url::Url;

pub use text::visible;

/// The longest text, in bytes: that of a post.
pub const MAX_HTML: usize = 10_000_000;

/// How a text is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The page on which it stood: relative addresses are made absolute.
    pub page: Option<&'a Url>,
    /// A line break in the text is one on the page and a blank line begins a paragraph, as old `WordPress` has it.
    pub line_breaks: bool,
}

/// A text as Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The Markdown, with a line break at its end unless it is empty.
    pub markdown: String,
    /// What has no place in it: `3 forms`, `a script`; in the order of the text, each once.
    pub dropped: Vec<&'static str>,
    /// It was longer or more tangled than any text is, and its end is missing.
    pub cut: bool,
}

/// Converts `html`.
pub fn to_markdown(html: &str, options: Options<'_>) -> Converted {
    let tree = tree::parse(html);
    let notes = notes::find(&tree);
    let mut reading = blocks::Reading::new(&tree, &notes, options);
    let blocks = reading.read();
    Converted { markdown: write::document(&blocks, &reading.links), dropped: reading.dropped, cut: tree.cut }
}

#[cfg(test)]
mod tests;
