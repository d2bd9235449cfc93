//! Blocks of raw HTML. Markdown inside of them is Markdown if an element says so: `<div markdown="1">`, as kramdown, PHP Markdown
//! Extra and Python-Markdown read it.

use std::ops::Range;

use comrak::Arena;
use comrak::nodes::AstNode;

use super::Writer;
use crate::archive::Formulas;
use crate::archive::markdown::tree;
use crate::html::{Tag, shown_tags};

/// The most elements with Markdown inside of each other. Each is parsed again.
const MAX_DEPTH: usize = 4;

/// The most of them in one block.
const MAX_ELEMENTS: usize = 100;

impl Writer<'_> {
    pub(super) fn html_block<'a>(&mut self, html: &str, node: &'a AstNode<'a>) {
        let mut written = 0;
        if self.markdown_depth < MAX_DEPTH {
            for _ in 0..MAX_ELEMENTS {
                let Some((inner, is_line)) = markdown_in(&html[written..]) else { break };
                let inner = written + inner.start..written + inner.end;
                self.raw(&html[written..inner.start], node);
                let lines_before = html[..inner.start].matches('\n').count();
                let lines_before = node.data().sourcepos.start.line + lines_before - 1;
                self.markdown(&html[inner.clone()], is_line, lines_before);
                written = inner.end;
            }
        }
        self.raw(&html[written..], node);
    }

    /// Writes Markdown, or a line of it, that begins so many lines after the body.
    fn markdown(&mut self, text: &str, is_line: bool, lines_before: usize) {
        let body_line = self.place.body_line;
        self.place.body_line += lines_before;
        self.markdown_depth += 1;
        let arena = Arena::new();
        let root = tree::parse(&arena, text, Formulas::Off).root;
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

/// Elements that contain no blocks.
const LINES: [&str; 9] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "span", "summary"];

/// What is in the first element with Markdown, if it ends in this block, and whether it is a line without blocks. After an
/// empty line all is Markdown anyway.
fn markdown_in(html: &str) -> Option<(Range<usize>, bool)> {
    if !html.contains("markdown=") {
        return None;
    }
    let tags = shown_tags(html);
    let says_so = |tag: &Tag| matches!(tag.attribute("markdown"), Some("1" | "block" | "span"));
    let mut rest = tags.iter().skip_while(|tag| tag.closing || !says_so(tag));
    let open = rest.next()?;
    let mut depth = 1_usize;
    let close = rest.filter(|tag| tag.name() == open.name()).find(|tag| {
        depth = if tag.closing { depth.saturating_sub(1) } else { depth + 1 };
        depth == 0
    })?;
    Some((open.at.end..close.at.start, LINES.contains(&open.name())))
}
