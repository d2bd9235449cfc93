//! Blocks of raw HTML. Markdown inside of them is Markdown if an element says so: `<div markdown="1">`, as kramdown, PHP Markdown
//! Extra and Python-Markdown read it.

use comrak::Arena;
use comrak::nodes::AstNode;

use super::Writer;
use crate::archive::markdown::tree;
use crate::html::{Element, Tag, elements};
use crate::text::Lines;

/// The most elements with Markdown inside of each other. Each is parsed again.
const MAX_DEPTH: usize = 4;

/// Elements that contain no blocks.
const LINES: [&str; 9] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "span", "summary"];

impl Writer<'_> {
    pub(super) fn html_block<'a>(&mut self, html: &str, node: &'a AstNode<'a>) {
        let has_markdown = self.markdown_depth < MAX_DEPTH && html.contains("markdown=");
        let found = if has_markdown { elements(html, says_markdown) } else { Vec::new() };
        let (mut written, mut lines) = (0, Lines::new(html));
        for Element { name, inner, .. } in found {
            self.raw(&html[written..inner.start], node);
            let lines_before = node.data().sourcepos.start.line + lines.at(inner.start) - 2;
            self.markdown(&html[inner.clone()], LINES.contains(&name.as_str()), lines_before);
            written = inner.end;
        }
        self.raw(&html[written..], node);
    }

    /// Writes Markdown, or a line of it, that begins so many lines after the body.
    fn markdown(&mut self, text: &str, is_line: bool, lines_before: usize) {
        let body_line = self.place.body_line;
        self.place.body_line += lines_before;
        self.markdown_depth += 1;
        let arena = Arena::new();
        let root = tree::parse(&arena, text, self.place.dialect.without_formulas()).root;
        if !is_line {
            self.new_line();
        }
        for child in root.children() {
            self.block(child, is_line);
        }
        self.markdown_depth -= 1;
        self.place.body_line = body_line;
    }
}

fn says_markdown(tag: &Tag) -> bool {
    matches!(tag.attribute("markdown"), Some("1" | "block" | "span"))
}
