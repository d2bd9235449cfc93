//! The beginning of a body as plain text: paragraphs, quotes and lists, without headings, code, tables, pictures and footnotes.

use comrak::nodes::{AstNode, NodeValue};

use super::{hidden, tree};
use crate::html::{Piece, hides_content, read_shown, shown_tags};

/// The text up to the mark that ends the excerpt, unless nothing is before that: more than `limit` characters if there are that many. The tree is no deeper than
/// `tree::parse` leaves it, so plain recursion is safe.
pub(super) fn beginning<'a>(root: &'a AstNode<'a>, limit: usize) -> String {
    let mut text = String::new();
    for node in root.children() {
        if !tree::is_more(node) {
            push_block(&mut text, node, limit);
        } else if !text.trim().is_empty() {
            break;
        }
    }
    text
}

fn push_block<'a>(text: &mut String, node: &'a AstNode<'a>, limit: usize) {
    use NodeValue::{
        CodeBlock, DescriptionTerm, FootnoteDefinition, Heading, HtmlBlock, Paragraph, Table, ThematicBreak,
    };
    if text.chars().count() > limit {
        return;
    }
    match &node.data().value {
        Heading(_) | CodeBlock(_) | Table(_) | ThematicBreak | FootnoteDefinition(_) | DescriptionTerm => {}
        Paragraph => {
            text.push(' ');
            push_inlines(text, node);
        }
        HtmlBlock(html) => {
            text.push(' ');
            push_raw(text, &html.literal);
        }
        _ => node.children().for_each(|child| push_block(text, child, limit)),
    }
}

fn push_inlines<'a>(text: &mut String, parent: &'a AstNode<'a>) {
    let mut hidden: Option<String> = None;
    for node in parent.children() {
        let NodeValue::HtmlInline(html) = &node.data().value else {
            if hidden.is_none() {
                push_inline(text, node);
            }
            continue;
        };
        // Each node is a single tag and its text is in other nodes, so the end of a script has to be looked for here.
        for tag in shown_tags(html) {
            if tag.closing && hidden.as_deref() == Some(tag.name()) {
                hidden = None;
            } else if hidden.is_none() && !tag.closing {
                if tag.name() == "br" {
                    text.push(' ');
                }
                hidden =
                    (hides_content(tag.name()) || hidden::is_hidden(&tag)).then(|| tag.name().to_owned());
            }
        }
    }
}

fn push_inline<'a>(text: &mut String, node: &'a AstNode<'a>) {
    match &node.data().value {
        NodeValue::Text(words) => text.push_str(tree::without_mark(node, words)),
        NodeValue::Code(code) => text.push_str(&code.literal),
        NodeValue::Math(math) => text.push_str(&crate::math::line(&math.literal)),
        NodeValue::SoftBreak | NodeValue::LineBreak => text.push(' '),
        NodeValue::Image(_) | NodeValue::FootnoteReference(_) => {}
        _ => push_inlines(text, node),
    }
}

/// The text of a block of raw HTML.
fn push_raw(text: &mut String, html: &str) {
    read_shown(&hidden::without(html), |piece| match piece {
        Piece::Text(words) => text.push_str(&words),
        Piece::Tag(tag) if crate::html::is_block(tag.name()) || tag.name() == "br" => text.push(' '),
        Piece::Tag(_) | Piece::Declaration(_) => {}
    });
}
