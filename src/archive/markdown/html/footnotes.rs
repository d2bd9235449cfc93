//! Footnotes, and the links to them and back. Their ids differ from those of other entries, which may be on the same page.

use std::fmt::Write as _;

use comrak::nodes::{AstNode, NodeValue};

use super::Writer;
use crate::archive::markdown::tree;

impl Writer<'_> {
    /// Footnotes are at the end of the tree, in the order of their numbers.
    pub(super) fn footnote<'a>(&mut self, node: &'a AstNode<'a>, references: u32) {
        if !tree::is_at_top(node) || self.markdown_depth > 0 {
            return self.blocks(node);
        }
        if self.footnotes == 0 {
            self.out.push_str("<section class=\"footnotes\">\n<ol>\n");
        }
        self.footnotes += 1;
        let number = self.footnotes;
        let _ = writeln!(self.out, "<li id=\"fn-{}-{number}\">", self.footnote_key);
        for child in node.children() {
            let is_last = child.next_sibling().is_none();
            if is_last && matches!(child.data().value, NodeValue::Paragraph) {
                self.out.push_str("<p>");
                self.inlines(child);
                self.back_references(number, references);
                self.out.push_str("</p>\n");
            } else {
                self.block(child, false);
                if is_last {
                    self.back_references(number, references);
                    self.new_line();
                }
            }
        }
        self.out.push_str("</li>\n");
    }

    fn back_references(&mut self, number: usize, references: u32) {
        for reference in 1..=references {
            self.out.push_str(" <a");
            self.fragment_link(&self.reference_id(number, reference));
            self.attribute("class", "footnote-backref");
            self.out.push_str(">↩</a>");
        }
    }

    pub(super) fn footnote_reference(&mut self, number: usize, reference: u32) {
        // HTML has no link inside a link, and notes in an element with Markdown have no place of their own.
        if self.in_link || self.markdown_depth > 0 {
            let _ = write!(self.out, "<sup>{number}</sup>");
            return;
        }
        self.out.push_str("<sup class=\"footnote-ref\"><a");
        self.fragment_link(&format!("fn-{}-{number}", self.footnote_key));
        self.attribute("id", &self.reference_id(number, reference));
        let _ = write!(self.out, ">{number}</a></sup>");
    }

    fn fragment_link(&mut self, id: &str) {
        self.attribute("href", &format!("#{id}"));
    }

    fn reference_id(&self, number: usize, reference: u32) -> String {
        let first = format!("fnref-{}-{number}", self.footnote_key);
        if reference > 1 { format!("{first}-{reference}") } else { first }
    }
}
