//! HTML as clean Markdown that renders back to the same text.
//!
//! A post of another program goes through here once, and is the author's own file afterwards: what Markdown has a word
//! for is written so, everything else leaves its text. Scripts, forms and styles go. Pure.

mod blocks;
mod escape;
mod inline;
mod leaves;
mod links;
mod notes;
mod tables;
mod text;
mod tree;
mod write;

use std::collections::HashMap;

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
    /// Pictures that lie beside the post now: address to file name.
    pub beside: Option<&'a HashMap<String, String>>,
}

/// A text as Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The Markdown, with a line break at its end unless it is empty.
    pub markdown: String,
    /// What has no place in it: `scripts`, `forms`; in the order of the text, each once.
    pub dropped: Vec<&'static str>,
    /// Addresses of the pictures in it, in its order, each once.
    pub pictures: Vec<String>,
    /// It was longer or more tangled than any text is, and its end is missing.
    pub cut: bool,
}

/// Converts `html`.
pub fn to_markdown(html: &str, options: Options<'_>) -> Converted {
    let tree = tree::parse(html);
    let notes = notes::find(&tree);
    let mut reading = blocks::Reading::new(&tree, &notes, options);
    let blocks = reading.read();
    Converted {
        markdown: write::document(&blocks, &reading.links),
        dropped: reading.dropped,
        pictures: reading.pictures,
        cut: tree.cut,
    }
}

#[cfg(test)]
mod tests;
