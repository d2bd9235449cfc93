//! Converts HTML to clean Markdown that renders back to the same text.
//!
//! A post is converted once, when it is imported; after that, the Markdown file is the original. For elements that
//! Markdown cannot express, only the text remains. Scripts, forms and styles are dropped. Pure.

mod blocks;
mod card_classes;
mod cards;
mod code;
mod escape;
mod inline;
mod leaves;
mod links;
mod notes;
mod tables;
mod text;
mod write;

use std::collections::HashMap;

use url::Url;

use crate::html;

pub use text::visible;

/// The longest text, in bytes: that of a post.
pub const MAX_HTML: usize = html::MAX_BYTES;

/// Options of a conversion.
#[derive(Debug, Clone, Copy, Default)]
pub struct HtmlOptions<'a> {
    /// The page of the text, which makes relative addresses absolute.
    pub page: Option<&'a Url>,
    /// A line break in the text is a `<br>`, and a blank line begins a paragraph, as in posts of old `WordPress`
    /// editors.
    pub line_breaks: bool,
    /// Pictures that were downloaded: address to file name.
    pub beside: Option<&'a HashMap<String, String>>,
}

/// A text as Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The Markdown, with a line break at its end unless it is empty.
    pub markdown: String,
    /// What was dropped, such as `scripts` or `forms`; in document order, each once.
    pub dropped: Vec<&'static str>,
    /// Addresses of the pictures in it, in document order, each once.
    pub pictures: Vec<String>,
    /// The text was too long or had too many nodes, and its end is missing.
    pub cut: bool,
}

/// Converts HTML.
pub fn to_markdown(text: &str, options: HtmlOptions<'_>) -> Converted {
    let tree = html::parse(&code::escaped(text));
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
